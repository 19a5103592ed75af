-- What users want. Owner: api. What has become of it stands in *_status tables with one owner each.
CREATE TABLE access_key (
    key_id text PRIMARY KEY,
    account text NOT NULL,
    secret bytea NOT NULL, -- AES-256-GCM under the master key: nonce, ciphertext, tag
    created_at_ms bigint NOT NULL
);

CREATE TABLE compute_environment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL,
    uuid uuid NOT NULL,
    type text NOT NULL,             -- MANAGED
    enabled boolean NOT NULL,
    resource_type text NOT NULL,    -- EC2, SPOT
    min_vcpus int NOT NULL,
    max_vcpus int NOT NULL,
    desired_vcpus int,              -- as the user asked; the effective one is in ce_status
    body text NOT NULL,             -- JSON: members as sent and defaulted, echoed by Describe
    version bigint NOT NULL DEFAULT 1, -- +1 with each change; ce_status.version follows
    deleting boolean NOT NULL DEFAULT false,
    UNIQUE (account, region, name)
);
-- Owner: scaler. No row yet: CREATING; version behind: UPDATING; deleting and no row: gone.
CREATE TABLE ce_status (
    ce_id bigint PRIMARY KEY,
    version bigint NOT NULL,
    valid boolean NOT NULL,
    reason text NOT NULL,
    desired_vcpus int NOT NULL DEFAULT 0,
    shapes text NOT NULL DEFAULT '[]', -- JSON [[mcpu, memMiB, gpus], ...]: usable sizes of the instance types that could be launched
    lacking text                       -- why no instance can be had now ("InsufficientInstanceCapacity: ..."), NULL = nothing known
);

CREATE TABLE job_queue (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL,
    enabled boolean NOT NULL,
    priority int NOT NULL,
    ce_ids bigint[] NOT NULL,       -- in the order in which they are tried
    body text NOT NULL,             -- JSON as sent and defaulted
    version bigint NOT NULL DEFAULT 1,
    deleting boolean NOT NULL DEFAULT false,
    UNIQUE (account, region, name)
);
-- Owner: scheduler. The same rules as ce_status.
CREATE TABLE queue_status (
    queue_id bigint PRIMARY KEY,
    version bigint NOT NULL,
    valid boolean NOT NULL,
    reason text NOT NULL
);

CREATE TABLE job_definition (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text NOT NULL,
    region text NOT NULL,
    name text NOT NULL,
    revision int NOT NULL,
    active boolean NOT NULL DEFAULT true,
    body text NOT NULL,             -- JSON, immutable
    created_at_ms bigint NOT NULL,
    UNIQUE (account, region, name, revision)
);
