-- Versions that have made enough predictions for a reference and have none yet.
SELECT model_name, model_version
FROM inferences
WHERE timestamp <= fromUnixTimestamp64Nano({now_ns:Int64})
    AND error_type = ''
    AND (model_name, model_version) NOT IN
    (
        SELECT model_name, model_version FROM reference_events
        WHERE event = 'activated'
    )
GROUP BY model_name, model_version
HAVING count() >= {samples:UInt64}
ORDER BY model_name, model_version
