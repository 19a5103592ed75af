-- The common part of the stores of resources.

-- Creations in a region wait for each other, so that a count stays correct.
-- name: region_serial
-- params: account text, region text
-- columns: none
SELECT pg_advisory_xact_lock(hashtextextended(:account || ' ' || :region, :OB_LOCK_REGION));
