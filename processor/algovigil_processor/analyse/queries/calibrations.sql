-- The pinned calibration of each version: the first that was made.
SELECT
    model_name,
    model_version,
    argMin(
        (
            reference_id, toUnixTimestamp64Nano(created), scores, positive, columns,
            matrix
        ),
        created
    ) AS pinned
FROM calibration_references
WHERE created <= fromUnixTimestamp64Nano({now_ns:Int64})
GROUP BY model_name, model_version
