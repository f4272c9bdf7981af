-- The profile of each feature of one reference.
SELECT feature, kind, edges, levels, counts, sample
FROM reference_profiles
WHERE model_name = {model:String}
    AND model_version = {version:String}
    AND reference_id = {reference_id:String}
ORDER BY feature, kind
LIMIT 1 BY feature, kind
