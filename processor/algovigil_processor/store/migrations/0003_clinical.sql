-- One row per prediction, one per outcome, and the rollups behind dashboards.
CREATE TABLE IF NOT EXISTS inferences
(
    inference_id String CODEC(ZSTD(1)),
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    row UInt32 CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    span_id String CODEC(ZSTD(1)),
    service_name LowCardinality(String),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    framework LowCardinality(String),
    operation LowCardinality(String),
    site LowCardinality(String),
    device LowCardinality(String),
    patient_id String CODEC(ZSTD(1)),
    encounter_id String CODEC(ZSTD(1)),
    error_type LowCardinality(String),
    peak_memory_bytes Nullable(Float64) CODEC(ZSTD(1)),
    energy_j Nullable(Float64) CODEC(ZSTD(1)),
    duration_ms Float64 CODEC(ZSTD(1)),
    label LowCardinality(Nullable(String)),
    score Nullable(Float64) CODEC(ZSTD(1)),
    value Nullable(Float64) CODEC(ZSTD(1)),
    class_scores Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    features Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    missing Array(LowCardinality(String)) CODEC(ZSTD(1)),
    categories Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    texts Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    inputs Map(LowCardinality(String), LowCardinality(String)) CODEC(ZSTD(1)),
    embedding Array(Float64) CODEC(ZSTD(1)),
    subgroup Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    -- in years; a feature under 1 is a scaled one
    age Nullable(Float64) MATERIALIZED multiIf(
        toFloat64OrNull(subgroup['age']) IS NOT NULL, toFloat64OrNull(subgroup['age']),
        features['age'] >= 1 AND features['age'] < 130, features['age'],
        NULL
    ) CODEC(ZSTD(1)),
    row_weight Float64 CODEC(ZSTD(1)),
    -- whose bins this row was counted into as it came; '' is none
    reference_id LowCardinality(String),
    policy LowCardinality(String),
    stored DateTime64(3) DEFAULT now64(3) CODEC(Delta(8), ZSTD(1)),
    INDEX idx_trace_id trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_inference_id inference_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_patient_id patient_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (model_name, model_version, timestamp)
SETTINGS {parts}, non_replicated_deduplication_window = {window};

CREATE TABLE IF NOT EXISTS outcomes
(
    outcome_id String,
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    received DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    outcome_type LowCardinality(String),
    inference_id String CODEC(ZSTD(1)),
    trace_id String CODEC(ZSTD(1)),
    patient_id String CODEC(ZSTD(1)),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    predicted_value String CODEC(ZSTD(1)),
    actual_value String CODEC(ZSTD(1)),
    confidence_score Nullable(Float64) CODEC(ZSTD(1)),
    treatment String CODEC(ZSTD(1)),
    treatment_outcome String CODEC(ZSTD(1)),
    treatment_effectiveness Nullable(Float64) CODEC(ZSTD(1)),
    alert_shown Nullable(Bool),
    acted_on Nullable(Bool),
    followup_days Nullable(Float64) CODEC(ZSTD(1)),
    event_observed Nullable(Bool),
    severity LowCardinality(String),
    reported Nullable(Bool),
    policy LowCardinality(String)
)
-- Every version of an outcome stays: a correction is a later row of the same id, so
-- that what was known at any time can be counted again.
ENGINE = MergeTree
PARTITION BY toYYYYMM(received)
ORDER BY (received, outcome_id)
SETTINGS {parts}, non_replicated_deduplication_window = {window};

CREATE TABLE IF NOT EXISTS inference_rollup
(
    bucket DateTime,
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    site LowCardinality(String),
    calls SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    predictions SimpleAggregateFunction(sum, UInt64),
    latency AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (model_name, model_version, site, bucket)
SETTINGS non_replicated_deduplication_window = {window};

-- A call of n rows is n inferences; its row 0 stands for the call.
CREATE MATERIALIZED VIEW IF NOT EXISTS inference_rollup_mv TO inference_rollup AS
SELECT
    toStartOfInterval(toDateTime(timestamp), INTERVAL {rollup_seconds} SECOND) AS bucket,
    model_name, model_version, site,
    countIf(row = 0) AS calls,
    countIf(row = 0 AND error_type != '') AS errors,
    count() AS predictions,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(duration_ms, row = 0) AS latency
FROM inferences GROUP BY bucket, model_name, model_version, site;

CREATE TABLE IF NOT EXISTS span_rollup
(
    bucket DateTime,
    ServiceName LowCardinality(String),
    SpanName LowCardinality(String),
    spans SimpleAggregateFunction(sum, UInt64),
    errors SimpleAggregateFunction(sum, UInt64),
    duration AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), UInt64)
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (ServiceName, SpanName, bucket)
SETTINGS non_replicated_deduplication_window = {window};

CREATE MATERIALIZED VIEW IF NOT EXISTS span_rollup_mv TO span_rollup AS
SELECT
    toStartOfInterval(toDateTime(Timestamp), INTERVAL {rollup_seconds} SECOND) AS bucket,
    ServiceName, SpanName,
    count() AS spans,
    countIf(StatusCode = 'Error') AS errors,
    quantilesTDigestState(0.5, 0.95, 0.99)(Duration) AS duration
FROM otel_traces GROUP BY bucket, ServiceName, SpanName;
