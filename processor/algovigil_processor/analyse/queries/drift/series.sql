-- Counts by bin and bucket of time, of everyone.
SELECT
    toUInt32(intDiv(toUInt32(bucket), {step:UInt32}) * {step:UInt32}) AS at,
    sumMap(counts) AS counts
FROM bin_counts
WHERE model_name = {model:String}
    AND model_version = {version:String}
    AND reference_id = {reference_id:String}
    AND subgroup_key = ''
    AND bucket >= toDateTime({start:Int64})
    AND bucket <= toDateTime({end:Int64})
GROUP BY at
ORDER BY at
