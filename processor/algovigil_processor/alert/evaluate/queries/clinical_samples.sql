-- What analysis measured of the outcomes, run by run.
SELECT
    model_name,
    model_version,
    '' AS service_name,
    if(subgroup_key = 'site', subgroup_value, '') AS site,
    if(
        subgroup_key IN ('', 'site'), '', concat(subgroup_key, ':', subgroup_value)
    ) AS subgroup,
    metric,
    '' AS instance,
    timestamp,
    value,
    denominator AS samples,
    status
FROM clinical_metrics
WHERE timestamp > fromUnixTimestamp64Nano({since_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
