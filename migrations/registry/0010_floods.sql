-- Who took a namespace, of which nobody may take many in a short time.
alter table namespaces add column created_by text;
create index namespaces_by_creator on namespaces (created_by, created_at);

-- A notice is sent on its own: how often that failed, not before when it is tried again, and why it never will be.
alter table notices add column failures bigint not null default 0;
alter table notices add column retry_at text not null default '';
alter table notices add column refused text;
