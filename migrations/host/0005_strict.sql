-- Every table is STRICT: a value of another type than its column's is refused, and not kept as something else. Tables are
-- built anew, with all that is in them.

create table replicas_before as select * from replicas;
drop table replicas;

-- `desired` is running, paused or removed. `told_revision` and `told_health` are the last that integrations were told of its
-- health, which was one text before. `healing` counts how often somebody has asked for drift to be taken back, since it was.
create table deployments_strict (
    name          text primary key,
    target        text not null,
    revision      integer not null,
    desired       text not null,
    team          text,
    scale         text not null default '{}',
    told_revision integer,
    told_health   text,
    stable        integer,
    rollout_until text,
    healing       integer not null default 0,
    created_at    text not null,
    updated_at    text not null
) strict;
insert into deployments_strict
    select name, target, revision, desired, team, scale,
           case when instr(told, '/') > 0 then cast(substr(told, 1, instr(told, '/') - 1) as integer) end,
           case when instr(told, '/') > 0 then substr(told, instr(told, '/') + 1) end,
           stable, rollout_until, healing, created_at, updated_at
    from deployments;
drop table deployments;
alter table deployments_strict rename to deployments;

create table replicas (
    id            text primary key,
    deployment    text not null references deployments (name),
    revision      integer not null,
    workload      text not null,
    idx           integer not null,
    state         text not null,
    detail        text not null,
    ports         text not null,
    node          text not null default '127.0.0.1',
    handle        text,
    gpus          text not null default '[]',
    gpu_count     integer not null default 0,
    program       text,
    restarts      integer not null,
    started_at    text,
    ready_at      text,
    was_ready     integer not null default 0,
    not_before    text,
    drain_until   text,
    metered_until text,
    unique (deployment, revision, workload, idx)
) strict;
insert into replicas
    select id, deployment, revision, workload, idx, state, detail, ports, node, handle, gpus, gpu_count, program, restarts,
           started_at, ready_at, was_ready, not_before, drain_until, metered_until
    from replicas_before;
drop table replicas_before;

create table revisions_strict (
    deployment  text not null,
    revision    integer not null,
    cause       text not null,
    release     text not null,
    component   text not null,
    artifact    text not null,
    log_index   integer not null,
    given       text not null,
    parameters  text not null,
    facts       text not null,
    plan        text not null,
    plan_digest text not null,
    reviews     text not null,
    state       text not null,
    detail      text not null default '',
    created_at  text not null,
    primary key (deployment, revision)
) strict;
insert into revisions_strict select * from revisions;
drop table revisions;
alter table revisions_strict rename to revisions;

-- They go with their deployment.
create table endpoints_strict (
    deployment text not null references deployments (name) on delete cascade,
    workload   text not null,
    port       text not null,
    asked      integer not null,
    address    text not null,
    primary key (deployment, workload, port)
) strict;
insert into endpoints_strict select * from endpoints where deployment in (select name from deployments);
drop table endpoints;
alter table endpoints_strict rename to endpoints;

create table targets_strict (
    name       text primary key,
    engine     text not null,
    settings   text not null,
    prices     text not null,
    credential blob,
    updated_at text not null
) strict;
insert into targets_strict select * from targets;
drop table targets;
alter table targets_strict rename to targets;

create table usage_events_strict (
    id      text primary key,
    body    text not null,
    sent    integer not null default 0,
    refused text
) strict;
insert into usage_events_strict select * from usage_events;
drop table usage_events;
alter table usage_events_strict rename to usage_events;
create index usage_events_unsent on usage_events (sent);

create table secrets_strict (
    name       text primary key,
    sealed     blob not null,
    updated_at text not null
) strict;
insert into secrets_strict select * from secrets;
drop table secrets;
alter table secrets_strict rename to secrets;

create table plugin_settings_strict (
    plugin     text primary key,
    settings   text not null,
    updated_at text not null
) strict;
insert into plugin_settings_strict select * from plugin_settings;
drop table plugin_settings;
alter table plugin_settings_strict rename to plugin_settings;

create table kept_strict (
    plugin text not null,
    key    text not null,
    value  blob not null,
    primary key (plugin, key)
) strict;
insert into kept_strict select * from kept;
drop table kept;
alter table kept_strict rename to kept;

create table deliveries_strict (
    id         text not null,
    plugin     text not null,
    event      text not null,
    state      text not null,
    attempts   integer not null default 0,
    not_before text not null,
    problem    text,
    primary key (id, plugin)
) strict;
insert into deliveries_strict select * from deliveries;
drop table deliveries;
alter table deliveries_strict rename to deliveries;
create index deliveries_waiting on deliveries (state, not_before);

create table uses_strict (
    id         integer primary key autoincrement,
    at         text not null,
    release    text not null,
    permission text not null,
    what       text not null,
    granted    integer not null
) strict;
insert into uses_strict select * from uses;
drop table uses;
alter table uses_strict rename to uses;
create index uses_release on uses (release);

create table licence_strict (
    only_one   integer primary key check (only_one = 1),
    token      text not null,
    fetched_at text not null
) strict;
insert into licence_strict select * from licence;
drop table licence;
alter table licence_strict rename to licence;
