-- What line 2 found, and what became of it.
CREATE TABLE IF NOT EXISTS service_metrics
(
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    window_start DateTime64(9),
    window_end DateTime64(9),
    metric LowCardinality(String),
    value Nullable(Float64),
    samples UInt64,
    status LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (model_name, metric, timestamp)
SETTINGS non_replicated_deduplication_window = {window};

CREATE TABLE IF NOT EXISTS alert_events
(
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    incident_id String,
    rule LowCardinality(String),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    site LowCardinality(String),
    subgroup LowCardinality(String),
    severity LowCardinality(String),
    state_from LowCardinality(String),
    state_to LowCardinality(String),
    value Nullable(Float64),
    reason LowCardinality(String),
    actor LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (rule, model_name, timestamp)
SETTINGS non_replicated_deduplication_window = {window};

CREATE TABLE IF NOT EXISTS alert_changes
(
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    kind LowCardinality(String),
    name String,
    action LowCardinality(String),
    actor LowCardinality(String),
    before String CODEC(ZSTD(1)),
    after String CODEC(ZSTD(1)),
    starts DateTime64(9),
    ends DateTime64(9)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (kind, name, timestamp)
SETTINGS non_replicated_deduplication_window = {window};

CREATE TABLE IF NOT EXISTS deliveries
(
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    delivery_id String,
    group_id String,
    channel LowCardinality(String),
    event LowCardinality(String),
    attempt UInt32,
    latency_ms Float64,
    outcome LowCardinality(String),
    code Int32,
    retry_at DateTime64(9)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (channel, timestamp)
SETTINGS non_replicated_deduplication_window = {window};
