-- Compute environments on Kubernetes clusters, and the pods of jobs. Owner of the columns: api; of pod: scheduler.

-- Of its eksConfiguration. NULL: the environment is not of a Kubernetes cluster.
ALTER TABLE compute_environment
    ADD COLUMN eks_cluster_arn text,
    ADD COLUMN kubernetes_namespace text;

-- What is known of the pod of an attempt (docs/messages.md, "pod" of a run state). run: the run that reported it; one that
-- is given back is no attempt, and the next run of the same attempt has a pod of its own.
CREATE TABLE pod (
    job_id uuid NOT NULL,
    idx int NOT NULL,
    attempt int NOT NULL,
    run int NOT NULL,
    body text NOT NULL,
    PRIMARY KEY (job_id, idx, attempt)
);
