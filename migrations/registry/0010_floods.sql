-- Who took a namespace, of which nobody may take many in a short time.
alter table namespaces add column created_by text;
create index namespaces_by_creator on namespaces (created_by, created_at);

-- A notice is sent on its own: not before when it is tried again, and why it never will be. No bigint here: where the tables are strict
-- already, SQLite takes none.
alter table notices add column retry_at text not null default '';
alter table notices add column refused text;
