-- The newest verdict on a version, the features it named, and the newest date of one.
SELECT
    model_name,
    model_version,
    any(reference_id) AS reference_id,
    toUnixTimestamp64Nano(timestamp) AS at_ns,
    anyIf(f.status, method = 'model' AND feature = '') AS status,
    anyIf(f.statistic, method = 'model' AND feature = '') AS statistic,
    anyIf(f.p_adjusted, method = 'model' AND feature = '') AS p_adjusted,
    arraySort(groupUniqArrayIf(f.feature, f.status = 'drift' AND f.feature != '')) AS features
FROM drift_findings AS f
WHERE f.model_name = {model:String} AND f.model_version = {version:String}
    AND timestamp =
    (
        SELECT max(timestamp) FROM drift_findings
        WHERE model_name = {model:String} AND model_version = {version:String}
    )
GROUP BY model_name, model_version, timestamp
