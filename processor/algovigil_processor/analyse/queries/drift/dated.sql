-- When the features of a verdict began to drift, the surest first.
SELECT
    feature,
    toUnixTimestamp64Nano(changed) AS changed_ns,
    cause,
    cause_value
FROM drift_changes
WHERE model_name = {model:String}
    AND model_version = {version:String}
    AND reference_id = {reference_id:String}
    AND timestamp <= fromUnixTimestamp64Nano({at_ns:Int64})
ORDER BY timestamp DESC, statistic DESC
LIMIT 1
