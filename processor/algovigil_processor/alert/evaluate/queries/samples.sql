-- Each metric's samples in the window: the newest as it is, and what functions make of
-- those that are numbers. Levels are those of `functions.LEVELS`.
SELECT
    model_name,
    model_version,
    service_name,
    site,
    subgroup,
    metric,
    instance,
    argMax((value, samples, status), timestamp) AS newest,
    countIf(is_number) AS n,
    avgOrNullIf(value, is_number) AS avg,
    minOrNullIf(value, is_number) AS min,
    maxOrNullIf(value, is_number) AS max,
    sumOrNullIf(value, is_number) AS sum,
    stddevPopStableOrNullIf(value, is_number) AS stddev,
    quantilesExactInclusiveIf(0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)(
        ifNull(value, 0), is_number
    ) AS quantiles
FROM
(
    SELECT
        *,
        status IN ('ok', 'drift', 'warning', 'critical')
            AND isFinite(ifNull(value, nan)) AS is_number
    FROM ({samples})
)
GROUP BY ALL
