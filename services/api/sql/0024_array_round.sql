-- When the picture of an array has changed. Owner: scheduler.
ALTER TABLE live
    ADD COLUMN round bigint; -- an array's parent: the round that last changed a child's state; NULL: none since this column is there
