-- What data is compared with, what it was counted into, and how far it was found.

-- One row a feature, and one a feature and subgroup; never changed.
CREATE TABLE IF NOT EXISTS reference_profiles
(
    reference_id String,
    created DateTime64(9),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    source LowCardinality(String),
    provisional Bool,
    since DateTime64(9),
    subgroup_key LowCardinality(String),
    subgroup_value LowCardinality(String),
    feature LowCardinality(String),
    kind LowCardinality(String),
    unit LowCardinality(String),
    first_code UInt32,
    rows UInt64,
    missing UInt64,
    edges Array(Float64),
    levels Array(String),
    counts Array(UInt64),
    sample Array(Float64)
)
ENGINE = MergeTree
ORDER BY (model_name, model_version, reference_id, subgroup_key, subgroup_value, feature)
SETTINGS non_replicated_deduplication_window = {window};

-- `activated`: from then on in force. `counted`: the rows of `hour` that came while the
-- reference `under` was in force are in its bins. `complete`: there are none left.
CREATE TABLE IF NOT EXISTS reference_events
(
    timestamp DateTime64(9),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    reference_id String,
    event LowCardinality(String),
    hour DateTime,
    under String
)
ENGINE = MergeTree
ORDER BY (model_name, model_version, timestamp)
SETTINGS non_replicated_deduplication_window = {window};

-- Exact counts by code, a code being a bin of a feature of the reference. One row a
-- subgroup and bucket, merged by addition; the empty subgroup is everyone.
CREATE TABLE IF NOT EXISTS bin_counts
(
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    reference_id String,
    subgroup_key LowCardinality(String),
    subgroup_value LowCardinality(String),
    bucket DateTime,
    counts SimpleAggregateFunction(sumMap, Map(UInt32, UInt64))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(bucket)
ORDER BY (model_name, model_version, reference_id, subgroup_key, subgroup_value, bucket)
SETTINGS non_replicated_deduplication_window = {window};

-- The same counts as people read them: one row a bin, with its bounds or its level.
CREATE VIEW IF NOT EXISTS feature_bins AS
WITH
    pinned AS
    (
        SELECT
            reference_id,
            any(feature) AS feature,
            any(kind) AS kind,
            any(edges) AS edges,
            any(levels) AS levels,
            any(counts) AS reference_counts,
            first_code
        FROM reference_profiles
        WHERE subgroup_key = ''
        GROUP BY reference_id, first_code
    ),
    laid AS
    (
        SELECT
            reference_id,
            feature,
            kind,
            bin,
            edges,
            levels,
            reference_rows,
            toUInt32(first_code + bin) AS code
        FROM pinned
        ARRAY JOIN
            range(length(reference_counts)) AS bin,
            reference_counts AS reference_rows
    ),
    counted AS
    (
        SELECT
            model_name,
            model_version,
            reference_id,
            subgroup_key,
            subgroup_value,
            bucket,
            code,
            sum(times) AS rows
        FROM
        (
            SELECT
                model_name,
                model_version,
                reference_id,
                subgroup_key,
                subgroup_value,
                bucket,
                mapKeys(counts) AS codes,
                mapValues(counts) AS many
            FROM bin_counts
        )
        ARRAY JOIN codes AS code, many AS times
        GROUP BY ALL
    )
SELECT
    model_name,
    model_version,
    counted.reference_id AS reference_id,
    subgroup_key,
    subgroup_value,
    bucket,
    feature,
    kind,
    bin,
    multiIf(
        kind = 'categorical' AND bin < length(levels), levels[bin + 1],
        kind = 'categorical' AND bin = length(levels), '(other)',
        kind = 'categorical' OR bin = length(edges) + 1, '(missing)',
        bin = length(edges) + 2, '(infinite)',
        bin = 0, '(below range)',
        bin = length(edges), '(above range)',
        concat('[', toString(edges[bin]), ', ', toString(edges[bin + 1]), ')')
    ) AS label,
    rows,
    reference_rows
FROM counted INNER JOIN laid
    ON counted.reference_id = laid.reference_id AND counted.code = laid.code;

-- One in 64 predictions, chosen by their ids: what exact tests draw from when a window
-- holds more rows than they could read.
CREATE TABLE IF NOT EXISTS inference_sample
(
    inference_id String CODEC(ZSTD(1)),
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    site LowCardinality(String),
    device LowCardinality(String),
    error_type LowCardinality(String),
    label LowCardinality(Nullable(String)),
    score Nullable(Float64) CODEC(ZSTD(1)),
    value Nullable(Float64) CODEC(ZSTD(1)),
    features Map(LowCardinality(String), Float64) CODEC(ZSTD(1)),
    categories Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    embedding Array(Float64) CODEC(ZSTD(1)),
    subgroup Map(LowCardinality(String), String) CODEC(ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (model_name, model_version, timestamp)
SETTINGS non_replicated_deduplication_window = {window};

CREATE MATERIALIZED VIEW IF NOT EXISTS inference_sample_mv TO inference_sample AS
SELECT
    inference_id, timestamp, model_name, model_version, site, device, error_type,
    label, score, value, features, categories, embedding, subgroup
FROM inferences WHERE sipHash64(inference_id) % 64 = 0;

CREATE TABLE IF NOT EXISTS drift_findings
(
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    window_start DateTime64(9),
    window_end DateTime64(9),
    reference_id String,
    plan_version LowCardinality(String),
    subgroup_key LowCardinality(String),
    subgroup_value LowCardinality(String),
    feature LowCardinality(String),
    method LowCardinality(String),
    statistic Nullable(Float64),
    p_value Nullable(Float64),
    p_adjusted Nullable(Float64),
    threshold Nullable(Float64),
    rows_reference UInt64,
    rows_current UInt64,
    status LowCardinality(String),
    severity LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (model_name, timestamp, feature)
SETTINGS non_replicated_deduplication_window = {window};

-- When a feature in drift began to, and what happened on the same axis of time.
CREATE TABLE IF NOT EXISTS drift_changes
(
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    window_start DateTime64(9),
    window_end DateTime64(9),
    reference_id String,
    feature LowCardinality(String),
    changed DateTime64(9),
    earliest DateTime64(9),
    latest DateTime64(9),
    statistic Float64,
    p_value Float64,
    cause LowCardinality(String),
    cause_value LowCardinality(String),
    cause_time Nullable(DateTime64(9))
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (model_name, timestamp, feature)
SETTINGS non_replicated_deduplication_window = {window};

-- A verdict that somebody decided to act on, with the evidence as it was then.
CREATE TABLE IF NOT EXISTS retraining_requests
(
    timestamp DateTime64(9),
    request_id String,
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    reference_id String,
    finding_time DateTime64(9),
    features Array(String),
    statistic Nullable(Float64),
    p_adjusted Nullable(Float64),
    changed Nullable(DateTime64(9)),
    cause LowCardinality(String),
    cause_value LowCardinality(String)
)
ENGINE = MergeTree
ORDER BY (model_name, timestamp)
SETTINGS non_replicated_deduplication_window = {window};
