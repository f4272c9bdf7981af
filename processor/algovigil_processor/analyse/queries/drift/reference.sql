-- One reference: everyone's profile of each feature, then the counts of subgroups.
SELECT
    model_name, model_version, source, provisional, subgroup_key, subgroup_value,
    toUnixTimestamp64Nano(created) AS created_ns,
    toUnixTimestamp64Nano(since) AS since_ns,
    feature, kind, unit, first_code, rows, missing, edges, levels, counts, sample
FROM reference_profiles
WHERE reference_id = {reference_id:String}
ORDER BY subgroup_key, subgroup_value, first_code
LIMIT 1 BY subgroup_key, subgroup_value, first_code
