-- What was done lately to an account, and what was done at all to anything.
create index audit_by_subject on audit (subject, act, at);

-- The heads of the audit trail that are in the log.
create table audit_heads (
    month     text primary key,
    number    bigint not null,
    log_index bigint not null
);

-- How far the trail was told outside, to whom, and until when one replica alone tells it.
create table audit_exports (
    sink         text primary key,
    number       bigint not null,
    leased_until text not null
);
