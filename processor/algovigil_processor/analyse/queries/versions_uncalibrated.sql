-- Versions that have labels enough for a calibration and have none yet.
SELECT model_name, model_version
FROM joined_outcomes
WHERE joined <= fromUnixTimestamp64Nano({now_ns:Int64})
    AND outcome_type = 'diagnostic'
    AND actual != ''
    AND (model_name, model_version) NOT IN
    (SELECT model_name, model_version FROM calibration_references)
GROUP BY model_name, model_version
HAVING uniq(prediction_key) >= {labels:UInt64}
ORDER BY model_name, model_version
