-- How statements are planned.
-- table: none

-- No plan is left but to look each key up (ob_db_by_keys). Bitmap scans cannot read all of an index.
-- fragment: by_keys(local)
SELECT set_config('enable_seqscan', 'off', {{local}}),
    set_config('enable_indexscan', 'off', {{local}}),
    set_config('enable_indexonlyscan', 'off', {{local}}),
    set_config('enable_hashjoin', 'off', {{local}}),
    set_config('enable_mergejoin', 'off', {{local}});

-- name: session_by_keys
-- columns: none
{{by_keys: false}};
