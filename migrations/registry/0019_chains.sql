-- Which host has signed an event; '': none.
alter table usage_events add column host text not null default '';
create index usage_corrections_by_id on usage_corrections (id);

-- The keys of hosts, and how far each has come: the number and the hash of its last record.
create table host_chains (
    account       text not null references accounts (name),
    host          text not null,
    pem           text not null,
    sequence      bigint not null,
    head          text not null,
    registered_at text not null,
    heard_at      text not null,
    forgotten_at  text,
    primary key (account, host)
);
create index host_chains_by_time on host_chains (heard_at);
-- What hosts have signed: `digests` are those of its records, 64 hexadecimal digits each. A segment may begin with records of the one
-- before it.
create table usage_segments (
    account     text not null references accounts (name),
    host        text not null,
    last        bigint not null,
    first       bigint not null,
    before      text not null,
    digests     text not null,
    heard_at    text not null,
    signature   text not null,
    received_at text not null,
    primary key (account, host, last)
);
-- What hosts have done that no honest one does.
create table host_incidents (
    account  text not null references accounts (name),
    host     text not null,
    kind     text not null,
    sequence bigint not null,
    times    bigint not null,
    first_at text not null,
    last_at  text not null,
    primary key (account, host, kind, sequence)
);
-- The deployments that hosts sign for: what is said of them without a signature is refused.
create table signed_deployments (
    account    text not null references accounts (name),
    deployment text not null,
    host       text not null,
    primary key (account, deployment)
);
-- The roots of accounts' records of a month, where the log has them: the last one is of all that came until `closed_at`.
create table usage_roots (
    log_index bigint primary key,
    account   text not null references accounts (name),
    month     text not null,
    records   bigint not null,
    root      text not null,
    closed_at text not null
);
create index usage_roots_by_account on usage_roots (account, month, log_index);
