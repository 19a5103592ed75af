-- Nodes of Kubernetes clusters as instances. Owner: scaler.

-- The node that an instance is. node_uid: of its node object; a new node of the same name is another one. NULL: it is no node.
ALTER TABLE instance
    ADD COLUMN node_name text,
    ADD COLUMN node_uid text;
