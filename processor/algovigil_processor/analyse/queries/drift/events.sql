-- What happened to a model: versions, sites, devices and subgroups seen for the first
-- time, and references put in force. Times are those of buckets.
SELECT cause, value, toUInt32(first) AS at FROM
(
    SELECT 'version' AS cause, model_version AS value, min(bucket) AS first
    FROM inference_rollup WHERE model_name = {model:String} GROUP BY value
    UNION ALL
    SELECT
        if(subgroup_key IN ('site', 'device'), subgroup_key, 'subgroup') AS cause,
        if(
            cause = 'subgroup',
            concat(subgroup_key, '=', subgroup_value),
            subgroup_value
        ) AS value,
        min(bucket) AS first
    FROM bin_counts
    WHERE model_name = {model:String} AND model_version = {version:String}
        AND reference_id = {reference_id:String} AND subgroup_key != ''
    GROUP BY cause, value
    UNION ALL
    SELECT 'reference' AS cause, reference_id AS value, min(timestamp) AS first
    FROM reference_events
    WHERE model_name = {model:String} AND event = 'activated' GROUP BY value
)
WHERE at > {start:Int64} AND at <= {end:Int64}
ORDER BY at, cause, value
