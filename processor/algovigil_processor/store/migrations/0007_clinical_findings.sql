-- Each version of an outcome beside the prediction it belongs to, joined once, and what
-- the outcomes say of a model. Rows are added, never changed: `joined` and `as_of` tell
-- what was known when.
CREATE TABLE IF NOT EXISTS joined_outcomes
(
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    made DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    prediction_key UInt64 CODEC(ZSTD(1)),
    inference_id String CODEC(ZSTD(1)),
    row UInt32 CODEC(ZSTD(1)),
    predicted LowCardinality(String),
    score Nullable(Float64) CODEC(ZSTD(1)),
    predicted_number Nullable(Float64) CODEC(ZSTD(1)),
    row_weight Float64 CODEC(ZSTD(1)),
    site LowCardinality(String),
    device LowCardinality(String),
    subgroup Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    age Nullable(Float64) CODEC(ZSTD(1)),
    joined_by LowCardinality(String),
    joined DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    outcome_key UInt64 CODEC(ZSTD(1)),
    version_key UInt64 CODEC(ZSTD(1)),
    outcome_id String CODEC(ZSTD(1)),
    outcome_type LowCardinality(String),
    found DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    received DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    actual LowCardinality(String),
    alert_shown Nullable(Bool),
    acted_on Nullable(Bool),
    treatment LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(made)
ORDER BY (model_name, model_version, made)
SETTINGS non_replicated_deduplication_window = {window};

CREATE TABLE IF NOT EXISTS clinical_metrics
(
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    window_start DateTime64(9),
    window_end DateTime64(9),
    plan_version LowCardinality(String),
    as_of DateTime64(9),
    metric LowCardinality(String),
    -- '' and '' is everyone
    subgroup_key LowCardinality(String),
    subgroup_value LowCardinality(String),
    value Nullable(Float64),
    lower Nullable(Float64),
    upper Nullable(Float64),
    -- sums of row weights; counts where every row stands for itself
    numerator Float64,
    denominator Float64,
    -- rows behind the figure
    n UInt64,
    inferences Float64,
    labelled Float64,
    completeness Nullable(Float64),
    p_adjusted Nullable(Float64),
    -- what the figure is compared with or restated at, and its value
    reference LowCardinality(String),
    reference_value Nullable(Float64),
    method LowCardinality(String),
    method_version LowCardinality(String),
    caveat LowCardinality(String),
    status LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (model_name, metric, timestamp)
SETTINGS non_replicated_deduplication_window = {window};

-- What label-free estimates of a version rest on: its first labelled predictions, with
-- what they were made from (row-major). Made once, named by its content, never changed.
CREATE TABLE IF NOT EXISTS calibration_references
(
    reference_id String,
    created DateTime64(9),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    since DateTime64(9),
    until DateTime64(9),
    prevalence Float64,
    scores Array(Float64) CODEC(ZSTD(1)),
    positive Array(Bool) CODEC(ZSTD(1)),
    columns Array(String),
    matrix Array(Float64) CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (model_name, model_version, created)
SETTINGS non_replicated_deduplication_window = {window};

-- Performance without labels. A row with `realised` is a second row of an estimate, once
-- labels came; the first one stays.
CREATE TABLE IF NOT EXISTS performance_estimates
(
    timestamp DateTime64(9) CODEC(Delta(8), ZSTD(1)),
    model_name LowCardinality(String),
    model_version LowCardinality(String),
    window_start DateTime64(9),
    window_end DateTime64(9),
    plan_version LowCardinality(String),
    reference_id LowCardinality(String),
    metric LowCardinality(String),
    value Nullable(Float64),
    lower Nullable(Float64),
    upper Nullable(Float64),
    n UInt64,
    outside Nullable(Float64),
    outside_lower Nullable(Float64),
    domain_auroc Nullable(Float64),
    concept_p Nullable(Float64),
    realised Nullable(Float64),
    realised_lower Nullable(Float64),
    realised_upper Nullable(Float64),
    completeness Nullable(Float64),
    method LowCardinality(String),
    method_version LowCardinality(String),
    reason LowCardinality(String),
    status LowCardinality(String)
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(timestamp)
ORDER BY (model_name, metric, timestamp)
SETTINGS non_replicated_deduplication_window = {window};

-- Every monitoring plan that was ever in force, by its digest.
CREATE TABLE IF NOT EXISTS monitoring_plans
(
    timestamp DateTime64(9),
    plan_version String,
    title String,
    owner String,
    plan String CODEC(ZSTD(1))
)
ENGINE = MergeTree
ORDER BY (plan_version, timestamp)
SETTINGS non_replicated_deduplication_window = {window};
