-- What an environment cannot have just now is told by the work it is for. Owner: scaler.

-- ce_status.lacking is JSON from now on: {"<why>": [[mcpu, memMiB, gpus], ...], ...}, what waiting jobs ask that gets no
-- instance just now; NULL: none is lacking.
UPDATE ce_status SET lacking = NULL;

ALTER TABLE instance
    ADD COLUMN doubtful boolean NOT NULL DEFAULT false; -- LAUNCHING: the provider had none of its type when asked last, and has not answered: nobody counts on it
