-- Of several live rows of one stream the latest stays live; the others ended when their successor began.
UPDATE broadcast_events
SET ended_at = COALESCE(
  (
    SELECT later.started_at FROM broadcast_events AS later
    WHERE later.stream_id = broadcast_events.stream_id
      AND later.ended_at IS NULL
      AND later.id > broadcast_events.id
    ORDER BY later.id
    LIMIT 1
  ),
  datetime('now')
)
WHERE ended_at IS NULL
  AND EXISTS (
    SELECT 1 FROM broadcast_events AS later
    WHERE later.stream_id = broadcast_events.stream_id
      AND later.ended_at IS NULL
      AND later.id > broadcast_events.id
  );

CREATE UNIQUE INDEX broadcast_events_one_live
ON broadcast_events (stream_id)
WHERE ended_at IS NULL;
