-- The table as applications have it that record their broadcasts.
CREATE TABLE IF NOT EXISTS broadcast_events (
  id INTEGER PRIMARY KEY,
  user_id INTEGER NOT NULL,
  stream_id TEXT NOT NULL,
  started_at TEXT DEFAULT (datetime('now')),
  ended_at TEXT,
  geo_country TEXT,
  geo_city TEXT
);
