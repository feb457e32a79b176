-- Where deployments run, and the way of each from revision to revision. Times are RFC 3339 in UTC.

-- Targets beside this machine, which is always there. A credential is sealed with the key in the host's file secrets.key.
create table targets (
    name       text primary key,
    engine     text not null,
    settings   text not null,
    prices     text not null,
    credential blob,
    updated_at text not null
);

-- Every plan that a deployment was ever to run, with where it came from. `given` are the parameters as they were set, without
-- defaults.
create table revisions (
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
);
insert into revisions
    select name, revision, 'deployed', release, component, artifact, log_index, parameters, parameters, facts, plan,
           plan_digest, reviews, 'rolled-out', '', updated_at
    from deployments;

-- `revision` is the one that should run, `stable` the last one that did; a rollout that has not succeeded by
-- `rollout_until` has failed.
alter table deployments add column stable integer;
alter table deployments add column rollout_until text;
alter table deployments add column healing integer not null default 0;
update deployments set stable = revision;
alter table deployments drop column release;
alter table deployments drop column component;
alter table deployments drop column artifact;
alter table deployments drop column log_index;
alter table deployments drop column parameters;
alter table deployments drop column facts;
alter table deployments drop column plan;
alter table deployments drop column plan_digest;
alter table deployments drop column reviews;

-- How the engine knows a replica again, where it runs, which GPUs it holds, and whether it ever was ready.
alter table replicas add column handle text;
alter table replicas add column node text not null default '127.0.0.1';
alter table replicas add column gpus text not null default '[]';
alter table replicas add column gpu_count integer not null default 0;
alter table replicas add column was_ready integer not null default 0;
alter table replicas add column drain_until text;
update replicas set handle = json_object('process', json_object('pid', pid, 'started', pid_started)), was_ready = 1
    where pid is not null;
alter table replicas drop column pid;
alter table replicas drop column pid_started;

-- Where a deployment's ports are reached, whichever replicas serve them. `asked` is the number that its plan has.
create table endpoints (
    deployment text not null,
    workload   text not null,
    port       text not null,
    asked      integer not null,
    address    text not null,
    primary key (deployment, workload, port)
);
