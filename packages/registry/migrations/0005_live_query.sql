-- Holds every column that the list of live broadcasts shows, in its order.
CREATE INDEX broadcast_events_live
ON broadcast_events (stream_id, lease_expires_at, origin, started_at, viewer_count, ended_at)
WHERE ended_at IS NULL;
