-- Predictions of the window per version, label and subgroup, weighted by what each row
-- stands for, and how many rows of them have an outcome.
SELECT
    model_name,
    model_version,
    ifNull(label, '') AS predicted,
    site,
    device,
    subgroup,
    if(
        isNull(age),
        NULL,
        arrayCount(edge -> edge <= ifNull(age, 0), {age_edges:Array(Float64)})
    ) AS age_band,
    sum(row_weight) AS inferences,
    count() AS rows
FROM inferences
WHERE timestamp > fromUnixTimestamp64Nano({start_ns:Int64})
    AND timestamp <= fromUnixTimestamp64Nano({end_ns:Int64})
    AND error_type = ''
GROUP BY model_name, model_version, predicted, site, device, subgroup, age_band
ORDER BY inferences DESC
LIMIT {limit:UInt64}
