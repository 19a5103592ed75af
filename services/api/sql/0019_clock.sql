-- How far ids of jobs run ahead of createdAt. Owner: api.

-- Ids of a process rise whatever the clock does: after it was set back they begin with a later time than createdAt
-- until it has caught up. ListJobs looks for jobs of a time by their ids, and has to look so much further. One row; it
-- only rises.
CREATE TABLE id_clock (lead_ms bigint NOT NULL);
INSERT INTO id_clock (lead_ms) VALUES (10000);
