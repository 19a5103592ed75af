-- What restore changes in the rows of a backup, before anything runs on them. The world went on after the backup: executors,
-- readers of events and Kafka may have seen what these rows do not know.

-- Epochs and rounds do not come twice: executors refuse an epoch below one that they saw, and an event's id is made of its
-- round. The step is more than any copy does in its life, and leaves room for thousands of restores.
UPDATE leader SET epoch = epoch + (1::bigint << 40), round = round + (1::bigint << 40);

-- What ran is not known any more: its instances are lost, so each run ends, and the job's retry strategy decides.
UPDATE instance SET state = :OB_INSTANCE_LOST, doubtful = false,
    reason = 'it was lost: restored from the backup of ' || :'made'
WHERE state IN (:OB_INSTANCE_ACTIVE, :OB_INSTANCE_DRAINING);

-- On these nothing was placed.
UPDATE instance SET state = :OB_INSTANCE_TERMINATED, doubtful = false, ended_at = now(),
    reason = 'it was lost: restored from the backup of ' || :'made'
WHERE state = :OB_INSTANCE_LAUNCHING;

-- An interruption concerns an instance that is gone.
DELETE FROM inbox WHERE kind = :OB_INBOX_INTERRUPT;
