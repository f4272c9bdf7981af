-- The drift metrics of each run: the verdict on the model (feature ''), the largest PSI
-- and the smallest adjusted p-value over its features. Features that could not be
-- judged take no part.
SELECT
    model_name,
    model_version,
    '' AS service_name,
    if(subgroup_key = 'site', subgroup_value, '') AS site,
    if(
        subgroup_key IN ('', 'site'), '', concat(subgroup_key, ':', subgroup_value)
    ) AS subgroup,
    multiIf(
        feature = '' AND method = 'model', 'drift_score',
        feature = '', '',
        method = 'psi', 'psi',
        method = 'ks_test', 'ks_p_value',
        ''
    ) AS metric,
    '' AS instance,
    timestamp,
    if(
        metric = 'ks_p_value',
        minOrNullIf(p_adjusted, is_judged AND isFinite(p_adjusted)),
        maxOrNullIf(statistic, is_judged AND isFinite(statistic))
    ) AS value,
    max(rows_current) AS samples,
    if(countIf(is_judged) > 0, 'ok', any(its_status)) AS status
FROM
(
    SELECT
        *,
        status AS its_status,
        its_status NOT IN ('insufficient_data', 'no_data', 'refused') AS is_judged
    FROM drift_findings
    WHERE timestamp > fromUnixTimestamp64Nano({since_ns:Int64})
        AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
)
WHERE metric != ''
GROUP BY model_name, model_version, site, subgroup, metric, timestamp
