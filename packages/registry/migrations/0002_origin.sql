-- Where a stream is published: 'cloudflare' or 'earthseed'.
ALTER TABLE broadcast_events ADD COLUMN origin TEXT DEFAULT 'cloudflare';
