-- Share of positives in the pinned reference of each version.
SELECT model_name, model_version, argMin(prevalence, created) AS prevalence
FROM calibration_references
WHERE created <= fromUnixTimestamp64Nano({now_ns:Int64})
GROUP BY model_name, model_version
