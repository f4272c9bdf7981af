-- Hours with predictions that no bin of this reference has yet, by the reference that
-- was in force when they came ('' is none): such a set is final.
SELECT
    toUInt32(toStartOfHour(toDateTime(timestamp))) AS hour,
    reference_id AS under,
    count() AS predictions
FROM inferences
WHERE model_name = {model:String}
    AND model_version = {version:String}
    AND timestamp > fromUnixTimestamp64Nano({after_ns:Int64})
    AND reference_id != {reference_id:String}
    AND error_type = ''
    AND (toUInt32(toStartOfHour(toDateTime(timestamp))), reference_id) NOT IN
    (
        SELECT toUInt32(hour), under FROM reference_events
        WHERE reference_id = {reference_id:String} AND event = 'counted'
    )
GROUP BY hour, under
ORDER BY hour DESC, under
