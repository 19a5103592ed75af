-- Settings for the planner.
-- table: none

-- Look-ups of single keys are the only plan left (ob_db_by_keys). Bitmap scans cannot read a whole
-- index.
-- fragment: by_keys(local)
SELECT set_config('enable_seqscan', 'off', {{local}}),
    set_config('enable_indexscan', 'off', {{local}}),
    set_config('enable_indexonlyscan', 'off', {{local}}),
    set_config('enable_hashjoin', 'off', {{local}}),
    set_config('enable_mergejoin', 'off', {{local}});

-- name: session_by_keys
-- columns: none
{{by_keys: false}};
