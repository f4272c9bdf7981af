-- Digests of acknowledged requests: written with their rows, read back at start, so
-- that a retry after a restart is recognised.
CREATE TABLE IF NOT EXISTS ingest_requests
(
    digest String,
    received DateTime64(9),
    rejected UInt32
)
ENGINE = MergeTree
PARTITION BY toDate(received)
ORDER BY received
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = {window};
