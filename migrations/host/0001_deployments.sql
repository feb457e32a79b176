-- The host's own state, in SQLite. Times are RFC 3339 in UTC.

create table deployments (
    name        text primary key,
    target      text not null,
    release     text not null,
    component   text not null,
    artifact    text not null,
    log_index   integer not null,
    parameters  text not null,
    facts       text not null,
    plan        text not null,
    plan_digest text not null,
    revision    integer not null,
    desired     text not null,
    created_at  text not null,
    updated_at  text not null
);

-- One row for each replica, from the decision to start it until all its processes are gone.
create table replicas (
    id            text primary key,
    deployment    text not null references deployments (name),
    revision      integer not null,
    workload      text not null,
    idx           integer not null,
    state         text not null,
    detail        text not null,
    ports         text not null,
    pid           integer,
    pid_started   integer,
    program       text,
    restarts      integer not null,
    started_at    text,
    ready_at      text,
    not_before    text,
    metered_until text,
    unique (deployment, revision, workload, idx)
);

-- Usage, durable before it is sent, sent until it is acknowledged.
create table usage_events (
    id      text primary key,
    body    text not null,
    sent    integer not null default 0,
    refused text
);
create index usage_events_unsent on usage_events (sent);
