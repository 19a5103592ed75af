-- Why jobs of a class wait: a class is told by share and priority, too. Owner: scheduler.
ALTER TABLE class_reason
    ADD COLUMN share text NOT NULL DEFAULT '',  -- '': none
    ADD COLUMN priority int NOT NULL DEFAULT 0,
    DROP CONSTRAINT class_reason_pkey,
    ADD PRIMARY KEY (queue_id, mcpu, mem_mib, gpus, share, priority);
