-- A stream is live until it is ended or its lease runs out (milliseconds since the Unix epoch).
ALTER TABLE broadcast_events ADD COLUMN lease_expires_at INTEGER;
-- The token's subject exactly as it is: user_id turns text that looks like a number into one.
ALTER TABLE broadcast_events ADD COLUMN holder TEXT;
ALTER TABLE broadcast_events ADD COLUMN viewer_count INTEGER NOT NULL DEFAULT 0;

UPDATE broadcast_events SET holder = CAST(user_id AS TEXT);

-- Nobody refreshes the rows of before: they stay for a day from their start, and 10 minutes at least.
UPDATE broadcast_events
SET lease_expires_at =
  MAX(COALESCE(unixepoch(started_at), 0) + 86400, unixepoch('now') + 600) * 1000
WHERE ended_at IS NULL;
