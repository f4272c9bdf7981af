-- The reference in force of each version: the latest.
SELECT
    model_name,
    model_version,
    argMax(reference_id, created) AS reference_id,
    max(toUnixTimestamp64Nano(created)) AS created_ns
FROM reference_profiles
WHERE created <= fromUnixTimestamp64Nano({now_ns:Int64})
GROUP BY model_name, model_version
ORDER BY model_name, model_version
