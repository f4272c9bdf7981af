-- Counts by bin of one reference and window, a row a subgroup: kilobytes, however
-- many predictions there were.
SELECT subgroup_key, subgroup_value, sumMap(counts) AS counts
FROM bin_counts
WHERE model_name = {model:String}
    AND model_version = {version:String}
    AND reference_id = {reference_id:String}
    AND bucket >= toDateTime({start:Int64})
    AND bucket <= toDateTime({end:Int64})
GROUP BY subgroup_key, subgroup_value
ORDER BY subgroup_key, subgroup_value
