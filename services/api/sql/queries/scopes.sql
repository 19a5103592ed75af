-- What the stores of resources have in common.

-- Creations in a region wait for each other, so that a count holds.
-- name: region_serial
-- params: account text, region text
-- columns: none
SELECT pg_advisory_xact_lock(hashtextextended(:account || ' ' || :region, :OB_LOCK_REGION));
