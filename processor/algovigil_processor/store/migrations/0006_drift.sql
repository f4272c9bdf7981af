-- What data is compared with, and how far from it later data is.
CREATE TABLE IF NOT EXISTS reference_profiles
(
    reference_id String,
    created DateTime64(9),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    feature LowCardinality(String),
    kind LowCardinality(String),
    rows UInt64,
    missing UInt64,
    edges Array(Float64),
    levels Array(String),
    counts Array(UInt64),
    sample Array(Float64),
    provisional Bool
)
ENGINE = MergeTree
ORDER BY (model_name, model_version, reference_id, feature)
SETTINGS non_replicated_deduplication_window = {window};

CREATE TABLE IF NOT EXISTS drift_findings
(
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    window_start DateTime64(9),
    window_end DateTime64(9),
    reference_id String,
    feature LowCardinality(String),
    method LowCardinality(String),
    statistic Nullable(Float64),
    p_value Nullable(Float64),
    p_adjusted Nullable(Float64),
    threshold Nullable(Float64),
    rows_reference UInt64,
    rows_current UInt64,
    status LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (model_name, timestamp, feature)
SETTINGS non_replicated_deduplication_window = {window};
