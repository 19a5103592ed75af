-- The schema as it is after all migrations (services/api/sql). Made by tools/schema.py from
-- PostgreSQL 15: change it by a new migration, and run the tool again.
-- docs/architecture.md says who writes which table. The table schema_migration, which says what was
-- applied, is made by services/api/migrate.c.

CREATE TABLE access_key (
    key_id text NOT NULL,
    account text NOT NULL,
    secret bytea NOT NULL,
    created_at_ms bigint NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    root boolean DEFAULT false NOT NULL,
    policy text
);
ALTER TABLE ONLY access_key ADD CONSTRAINT access_key_pkey PRIMARY KEY (key_id);

CREATE TABLE answer (
    seq bigint NOT NULL,
    at_ms bigint NOT NULL,
    body text NOT NULL
);
ALTER TABLE ONLY answer ADD CONSTRAINT answer_pkey PRIMARY KEY (seq);
CREATE INDEX answer_by_time ON answer USING btree (at_ms);

CREATE TABLE attempt (
    job_id uuid NOT NULL,
    idx integer NOT NULL,
    attempt integer NOT NULL,
    run integer NOT NULL,
    instance_id text NOT NULL,
    cluster text NOT NULL,
    exit_code integer,
    container_reason text,
    reason text NOT NULL,
    started_at_ms bigint,
    stopped_at_ms bigint NOT NULL,
    cpu_ms bigint,
    peak_bytes bigint,
    runnable_at_ms bigint,
    placed_at_ms bigint,
    pulled_ms integer,
    created_ms integer
);
ALTER TABLE ONLY attempt ADD CONSTRAINT attempt_pkey PRIMARY KEY (job_id, idx, attempt);

CREATE TABLE ce_status (
    ce_id bigint NOT NULL,
    version bigint NOT NULL,
    valid boolean NOT NULL,
    reason text NOT NULL,
    desired_vcpus integer DEFAULT 0 NOT NULL,
    shapes text DEFAULT '[]'::text NOT NULL,
    lacking text
);
ALTER TABLE ONLY ce_status ADD CONSTRAINT ce_status_pkey PRIMARY KEY (ce_id);

CREATE TABLE ce_usage (
    ce_id bigint NOT NULL,
    at_ms bigint NOT NULL,
    mcpu bigint NOT NULL,
    provisioned_mcpu bigint NOT NULL,
    desired_vcpus integer NOT NULL,
    max_vcpus integer NOT NULL,
    instances integer NOT NULL
);
ALTER TABLE ONLY ce_usage ADD CONSTRAINT ce_usage_pkey PRIMARY KEY (ce_id, at_ms);

CREATE TABLE class_reason (
    queue_id bigint NOT NULL,
    mcpu integer NOT NULL,
    mem_mib integer NOT NULL,
    gpus integer NOT NULL,
    reason text NOT NULL,
    share text DEFAULT ''::text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    since_ms bigint DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY class_reason
    ADD CONSTRAINT class_reason_pkey PRIMARY KEY (queue_id, mcpu, mem_mib, gpus, share, priority);

CREATE TABLE compute_environment (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL,
    uuid uuid NOT NULL,
    type text NOT NULL,
    enabled boolean NOT NULL,
    resource_type text NOT NULL,
    min_vcpus integer NOT NULL,
    max_vcpus integer NOT NULL,
    desired_vcpus integer,
    body text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    deleting boolean DEFAULT false NOT NULL,
    unmanaged_vcpus integer,
    eks_cluster_arn text,
    kubernetes_namespace text
);
ALTER TABLE ONLY compute_environment
    ADD CONSTRAINT compute_environment_account_region_name_key UNIQUE (account, region, name);
ALTER TABLE ONLY compute_environment ADD CONSTRAINT compute_environment_pkey PRIMARY KEY (id);

CREATE TABLE done (
    job_id uuid NOT NULL,
    idx integer NOT NULL,
    queue_id bigint NOT NULL,
    state smallint NOT NULL,
    reason text,
    started_at_ms bigint,
    stopped_at_ms bigint NOT NULL,
    flags smallint DEFAULT 0 NOT NULL,
    bulk_state smallint,
    bulk_reason text,
    counts integer[]
);
ALTER TABLE ONLY done ADD CONSTRAINT done_pkey PRIMARY KEY (job_id, idx);
CREATE INDEX done_by_queue ON done USING btree (queue_id, state, job_id) WHERE (idx = '-1'::integer);

CREATE TABLE id_clock (
    lead_ms bigint NOT NULL
);

CREATE TABLE inbox (
    seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    consumer smallint NOT NULL,
    kind smallint NOT NULL,
    job_id uuid,
    idx integer DEFAULT '-1'::integer NOT NULL,
    ref bigint,
    reason text,
    instance_id text
)
WITH (autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='5000');
ALTER TABLE ONLY inbox ADD CONSTRAINT inbox_pkey PRIMARY KEY (consumer, seq);
CREATE INDEX inbox_stops ON inbox USING btree (job_id) WHERE (kind = ANY (ARRAY[2, 3]));

CREATE TABLE instance (
    id text NOT NULL,
    ce_id bigint NOT NULL,
    type text NOT NULL,
    spot boolean NOT NULL,
    mcpu integer NOT NULL,
    mem_mib integer NOT NULL,
    gpus integer DEFAULT 0 NOT NULL,
    vcpus integer NOT NULL,
    state smallint NOT NULL,
    reason text,
    token_hash text NOT NULL,
    launched_at timestamp with time zone DEFAULT now() NOT NULL,
    active_at timestamp with time zone,
    ended_at timestamp with time zone,
    infra text DEFAULT ''::text NOT NULL,
    deadline_at timestamp with time zone,
    doubtful boolean DEFAULT false NOT NULL,
    key_salt text,
    node_name text,
    node_uid text
);
ALTER TABLE ONLY instance ADD CONSTRAINT instance_pkey PRIMARY KEY (id);
CREATE INDEX instance_alive ON instance USING btree (ce_id) WHERE (state < 4);

CREATE TABLE job (
    id uuid NOT NULL,
    queue_id bigint NOT NULL,
    definition text NOT NULL,
    name text NOT NULL,
    array_size integer DEFAULT 0 NOT NULL,
    mcpu integer NOT NULL,
    mem_mib integer NOT NULL,
    gpus integer DEFAULT 0 NOT NULL,
    created_at_ms bigint NOT NULL,
    detail text NOT NULL,
    attempts smallint DEFAULT 1 NOT NULL,
    on_exit text,
    timeout_s integer DEFAULT 0 NOT NULL,
    share text,
    priority integer DEFAULT 0 NOT NULL,
    dep_ids uuid[],
    dep_idxs integer[],
    dep_types smallint[],
    revision integer DEFAULT 0 NOT NULL,
    task_tags text,
    failure text,
    account text NOT NULL,
    region text NOT NULL,
    traceparent text
);
ALTER TABLE ONLY job ADD CONSTRAINT job_pkey PRIMARY KEY (id);
CREATE INDEX job_by_definition ON job USING btree (queue_id, definition COLLATE "C", id) INCLUDE (revision);
CREATE INDEX job_by_name ON job USING btree (queue_id, lower(name) COLLATE "C", id);
CREATE INDEX job_by_queue ON job USING btree (queue_id, id);
CREATE INDEX job_by_share ON job USING btree (queue_id, share, id) WHERE (share IS NOT NULL);

CREATE TABLE job_definition (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL,
    revision integer NOT NULL,
    active boolean DEFAULT true NOT NULL,
    body text NOT NULL,
    created_at_ms bigint NOT NULL,
    inactive_since_ms bigint
);
ALTER TABLE ONLY job_definition
    ADD CONSTRAINT job_definition_account_region_name_revision_key UNIQUE (account, region, name, revision);
ALTER TABLE ONLY job_definition ADD CONSTRAINT job_definition_pkey PRIMARY KEY (id);

CREATE TABLE job_event (
    round bigint NOT NULL,
    n integer NOT NULL,
    at_ms bigint NOT NULL,
    job_id uuid NOT NULL,
    idx_lo integer NOT NULL,
    idx_hi integer NOT NULL,
    state smallint NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    run integer DEFAULT 0 NOT NULL,
    instance_id text,
    cluster text,
    started_at_ms bigint,
    stopped_at_ms bigint,
    exit_code integer,
    container_reason text,
    reason text,
    flags smallint DEFAULT 0 NOT NULL,
    counts integer[],
    blocked boolean DEFAULT false NOT NULL
);
ALTER TABLE ONLY job_event ADD CONSTRAINT job_event_pkey PRIMARY KEY (round, n);

CREATE TABLE job_queue (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL,
    enabled boolean NOT NULL,
    priority integer NOT NULL,
    ce_ids bigint[] NOT NULL,
    body text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    deleting boolean DEFAULT false NOT NULL,
    policy_id bigint,
    time_limits text
);
ALTER TABLE ONLY job_queue
    ADD CONSTRAINT job_queue_account_region_name_key UNIQUE (account, region, name);
ALTER TABLE ONLY job_queue ADD CONSTRAINT job_queue_pkey PRIMARY KEY (id);

CREATE TABLE job_tag (
    job_id uuid NOT NULL,
    tags text NOT NULL
);
ALTER TABLE ONLY job_tag ADD CONSTRAINT job_tag_pkey PRIMARY KEY (job_id);

CREATE TABLE join_token (
    hash text NOT NULL,
    ce_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE ONLY join_token ADD CONSTRAINT join_token_pkey PRIMARY KEY (hash);
CREATE INDEX join_token_by_ce ON join_token USING btree (ce_id);
ALTER TABLE ONLY join_token
    ADD CONSTRAINT join_token_ce_id_fkey FOREIGN KEY (ce_id) REFERENCES compute_environment(id) ON DELETE CASCADE;

CREATE TABLE leader (
    role text NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    round bigint DEFAULT 0 NOT NULL,
    holder text DEFAULT ''::text NOT NULL,
    counted_round bigint DEFAULT 0 NOT NULL,
    counted_since bigint DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY leader ADD CONSTRAINT leader_pkey PRIMARY KEY (role);

CREATE TABLE live (
    job_id uuid NOT NULL,
    idx integer NOT NULL,
    state smallint NOT NULL,
    run integer DEFAULT 0 NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    instance_id text,
    ce_id bigint,
    started_at_ms bigint,
    runnable_at_ms bigint,
    reason text,
    flags smallint DEFAULT 0 NOT NULL,
    stop_reason text,
    bulk_state smallint,
    bulk_reason text,
    counts integer[],
    ord bigint,
    waits integer,
    running_at timestamp with time zone,
    told_at_ms bigint,
    round bigint
)
WITH (fillfactor='60', autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='5000');
COMMENT ON COLUMN live.ord IS 'Position in its queue: by admission, a new one with each retry';
ALTER TABLE ONLY live ADD CONSTRAINT live_pkey PRIMARY KEY (job_id, idx);

CREATE TABLE log_event (
    stream_id bigint NOT NULL,
    n bigint NOT NULL,
    at_ms bigint NOT NULL,
    ingested_at_ms bigint NOT NULL,
    message bytea NOT NULL
);
ALTER TABLE ONLY log_event ADD CONSTRAINT log_event_pkey PRIMARY KEY (stream_id, at_ms, n);
CREATE INDEX log_event_by_time ON log_event USING btree (at_ms, stream_id, n);

CREATE TABLE log_group (
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    created_at_ms bigint NOT NULL
);
ALTER TABLE ONLY log_group ADD CONSTRAINT log_group_pkey PRIMARY KEY (account, region, name);

CREATE TABLE log_stream (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    account text NOT NULL,
    region text NOT NULL,
    log_group text NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    created_at_ms bigint NOT NULL,
    end_offset bigint DEFAULT 0 NOT NULL,
    lines bigint DEFAULT 0 NOT NULL,
    job_id uuid,
    idx integer DEFAULT '-1'::integer NOT NULL,
    first_at_ms bigint DEFAULT 0 NOT NULL,
    last_at_ms bigint DEFAULT 0 NOT NULL,
    last_ingested_at_ms bigint DEFAULT 0 NOT NULL
);
ALTER TABLE ONLY log_stream
    ADD CONSTRAINT log_stream_account_region_log_group_name_key UNIQUE (account, region, log_group, name);
ALTER TABLE ONLY log_stream ADD CONSTRAINT log_stream_pkey PRIMARY KEY (id);
CREATE INDEX log_stream_by_time ON log_stream USING btree ((((((account || ' '::text) || region) || ' '::text) || log_group)), last_at_ms, id);

CREATE TABLE placement (
    instance_id text NOT NULL,
    job_id uuid NOT NULL,
    idx integer NOT NULL,
    run integer NOT NULL,
    placed_at_ms bigint
)
WITH (autovacuum_vacuum_scale_factor='0.0', autovacuum_vacuum_threshold='5000');
ALTER TABLE ONLY placement ADD CONSTRAINT placement_pkey PRIMARY KEY (instance_id, job_id, idx);

CREATE TABLE pod (
    job_id uuid NOT NULL,
    idx integer NOT NULL,
    attempt integer NOT NULL,
    run integer NOT NULL,
    body text NOT NULL
);
ALTER TABLE ONLY pod ADD CONSTRAINT pod_pkey PRIMARY KEY (job_id, idx, attempt);

CREATE TABLE publisher (
    only_one boolean DEFAULT true NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    round bigint DEFAULT 0 NOT NULL,
    n integer DEFAULT 0 NOT NULL,
    topic_end bigint DEFAULT 0 NOT NULL,
    CONSTRAINT publisher_only_one_check CHECK (only_one)
);
ALTER TABLE ONLY publisher ADD CONSTRAINT publisher_pkey PRIMARY KEY (only_one);

CREATE TABLE queue_snapshot (
    queue_id bigint NOT NULL,
    body text NOT NULL,
    updated_at_ms bigint NOT NULL,
    jobs bigint[],
    children bigint[],
    counted_at_ms bigint
);
ALTER TABLE ONLY queue_snapshot ADD CONSTRAINT queue_snapshot_pkey PRIMARY KEY (queue_id);

CREATE TABLE queue_status (
    queue_id bigint NOT NULL,
    version bigint NOT NULL,
    valid boolean NOT NULL,
    reason text NOT NULL
);
ALTER TABLE ONLY queue_status ADD CONSTRAINT queue_status_pkey PRIMARY KEY (queue_id);

CREATE TABLE queue_usage (
    queue_id bigint NOT NULL,
    at_ms bigint NOT NULL,
    mcpu bigint NOT NULL,
    placed integer NOT NULL,
    waiting integer NOT NULL,
    succeeded integer NOT NULL,
    failed integer NOT NULL
);
ALTER TABLE ONLY queue_usage ADD CONSTRAINT queue_usage_pkey PRIMARY KEY (queue_id, at_ms);

CREATE TABLE scheduling_policy (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL,
    body text NOT NULL,
    version bigint DEFAULT 1 NOT NULL
);
ALTER TABLE ONLY scheduling_policy
    ADD CONSTRAINT scheduling_policy_account_region_name_key UNIQUE (account, region, name);
ALTER TABLE ONLY scheduling_policy ADD CONSTRAINT scheduling_policy_pkey PRIMARY KEY (id);

CREATE TABLE share_usage (
    queue_id bigint NOT NULL,
    share text NOT NULL,
    usage_ms bigint NOT NULL,
    at_ms bigint NOT NULL,
    active boolean NOT NULL
);
ALTER TABLE ONLY share_usage ADD CONSTRAINT share_usage_pkey PRIMARY KEY (queue_id, share);

CREATE TABLE stop_progress (
    stop_id bigint NOT NULL,
    after_id uuid,
    looked bigint DEFAULT 0 NOT NULL,
    matched bigint DEFAULT 0 NOT NULL,
    begun_at_ms bigint NOT NULL,
    finished_at_ms bigint
);
ALTER TABLE ONLY stop_progress ADD CONSTRAINT stop_progress_pkey PRIMARY KEY (stop_id);
CREATE INDEX stop_progress_open ON stop_progress USING btree (stop_id) WHERE (finished_at_ms IS NULL);

CREATE TABLE stop_request (
    id bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    account text NOT NULL,
    region text NOT NULL,
    queue_id bigint NOT NULL,
    states integer NOT NULL,
    name_prefix text,
    definition text,
    revision integer NOT NULL,
    share text,
    terminate boolean NOT NULL,
    reason text NOT NULL,
    created_at_ms bigint NOT NULL
);
ALTER TABLE ONLY stop_request ADD CONSTRAINT stop_request_pkey PRIMARY KEY (id);

CREATE TABLE submit_once (
    key_id text NOT NULL,
    invocation_id text NOT NULL,
    body_hash bytea NOT NULL,
    job_id uuid NOT NULL,
    created_at_ms bigint NOT NULL
);
ALTER TABLE ONLY submit_once ADD CONSTRAINT submit_once_pkey PRIMARY KEY (key_id, invocation_id);

CREATE FUNCTION ob_fence(p_role text, p_epoch bigint, p_round bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE leader SET round = p_round WHERE role = p_role AND epoch = p_epoch AND round = p_round - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'deposed: epoch % round % of % is not the next', p_epoch, p_round, p_role
            USING ERRCODE = 'OB001';
    END IF;
END $$;

CREATE FUNCTION ob_fence_counted(p_role text, p_epoch bigint, p_round bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE leader SET round = p_round, counted_round = p_round
    WHERE role = p_role AND epoch = p_epoch AND round = p_round - 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'deposed: epoch % round % of % is not the next', p_epoch, p_round, p_role
            USING ERRCODE = 'OB001';
    END IF;
END $$;

CREATE FUNCTION ob_lock_instances(p_ids text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    found_rows int;
BEGIN
    PERFORM 1 FROM instance WHERE id = ANY (p_ids) AND state = 1 ORDER BY id FOR SHARE;
    GET DIAGNOSTICS found_rows = ROW_COUNT;
    IF found_rows < cardinality(p_ids) THEN
        RAISE EXCEPTION 'an instance of this round is no longer active' USING ERRCODE = 'OB002';
    END IF;
END $$;

CREATE FUNCTION ob_waits_for(p_job uuid, p_idx integer, p_waits integer) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    d record;
    said text := '';
    n int := 0;
    why text;
BEGIN
    FOR d IN
        SELECT u.id, u.type, o.name,
            CASE WHEN u.type = 0 OR p_idx < 0 THEN u.idx WHEN u.type = 1 THEN p_idx ELSE p_idx - 1 END AS idx
        FROM job j, unnest(j.dep_ids, j.dep_idxs, j.dep_types) WITH ORDINALITY AS u(id, idx, type, n)
            LEFT JOIN job o ON o.id = u.id
        WHERE j.id = p_job AND (p_waits >> (u.n - 1)::int) & 1 = 1
            AND (u.type <> 2 OR p_idx > 0) -- an array does not wait for itself, nor does its first child
        ORDER BY u.n
    LOOP
        n := n + 1;
        IF n = 1 THEN
            SELECT cr.reason INTO why FROM live l JOIN job o ON o.id = l.job_id JOIN class_reason cr
                ON cr.queue_id = o.queue_id AND cr.mcpu = o.mcpu AND cr.mem_mib = o.mem_mib AND cr.gpus = o.gpus
                AND cr.share = coalesce(o.share, '') AND cr.priority = o.priority
            WHERE l.job_id = d.id AND l.idx = -1 AND (l.state = 2 OR l.counts[3] > 0);
        END IF;
        IF n <= 3 THEN
            said := said || CASE WHEN n = 1 THEN 'Waiting for job ' ELSE ', job ' END || d.id
                || CASE WHEN d.idx >= 0 THEN ':' || d.idx ELSE '' END || coalesce(' ("' || d.name || '")', '')
                || CASE WHEN d.type = 1 AND p_idx < 0 THEN ', child by child' ELSE '' END;
        END IF;
    END LOOP;
    IF n = 0 THEN
        RETURN NULL;
    END IF;
    RETURN said || CASE WHEN n > 3 THEN ' and ' || n - 3 || ' more' ELSE '' END
        || coalesce(CASE WHEN n > 1 THEN '; the first: ' ELSE ': ' END || why, '');
END $$;
