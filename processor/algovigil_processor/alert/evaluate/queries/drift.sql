-- The newest run of each drift metric of each model version in the window: the
-- verdict on the model (feature ''), the largest PSI and the smallest adjusted
-- p-value over its features. Features that could not be judged take no part.
SELECT
    model_name,
    model_version,
    metric,
    if(
        metric = 'ks_p_value',
        minOrNullIf(p_adjusted, is_judged AND isFinite(p_adjusted)),
        maxOrNullIf(statistic, is_judged AND isFinite(statistic))
    ) AS value,
    max(rows_current) AS samples,
    if(countIf(is_judged) > 0, 'ok', any(status)) AS status
FROM
(
    SELECT
        model_name,
        model_version,
        multiIf(
            feature = '', 'drift_score',
            method = 'psi', 'psi',
            method = 'ks_test', 'ks_p_value',
            ''
        ) AS metric,
        statistic,
        p_adjusted,
        rows_current,
        drift_findings.status AS status,
        drift_findings.status IN ('ok', 'drift') AS is_judged,
        timestamp,
        max(timestamp) OVER (PARTITION BY model_name, model_version, metric) AS newest
    FROM drift_findings
    WHERE timestamp > fromUnixTimestamp64Nano({since_ns:Int64})
        AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
)
WHERE timestamp = newest AND metric != ''
GROUP BY model_name, model_version, metric
