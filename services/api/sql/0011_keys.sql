-- Access keys with policies. Owner: api.
ALTER TABLE access_key
    ADD COLUMN name text NOT NULL DEFAULT '',
    ADD COLUMN root boolean NOT NULL DEFAULT false, -- of the root key's file: may do everything, has no policy
    ADD COLUMN policy text;                         -- JSON as given; NULL: may do nothing
-- Until now there was no other key than the root key.
UPDATE access_key SET root = true;
