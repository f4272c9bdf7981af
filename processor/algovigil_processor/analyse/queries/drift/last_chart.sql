-- The newest value of the chart of one reference, and the window it was made of.
SELECT
    argMax(statistic, timestamp) AS evidence,
    max(toUnixTimestamp64Nano(window_end)) AS end_ns
FROM drift_findings
WHERE model_name = {model:String}
    AND model_version = {version:String}
    AND reference_id = {reference_id:String}
    AND feature = ''
    AND method = 'e_process'
    AND status != 'insufficient_data'
    AND window_end <= fromUnixTimestamp64Nano({before_ns:Int64})
HAVING count() > 0
