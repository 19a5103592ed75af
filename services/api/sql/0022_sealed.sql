-- Keys of instances. Owner: scaler.

-- The key of an instance is derived from the copy's secret, its id and this salt (ob/seal.h). NULL: its executor is of an
-- earlier version, and its messages count by token_hash until it has shown that it has a key.
ALTER TABLE instance ADD COLUMN key_salt text;
