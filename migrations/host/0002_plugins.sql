-- What plugins are told, keep, use and react to. Times are RFC 3339 in UTC.

-- Whose a deployment is; how many replicas of its workloads were set by hand; how it was reviewed; the last thing of its
-- health that integrations were told.
alter table deployments add column team text;
alter table deployments add column scale text not null default '{}';
alter table deployments add column reviews text not null default '[]';
alter table deployments add column told text not null default '';

-- Each sealed with the key in the host's file secrets.key.
create table secrets (
    name       text primary key,
    sealed     blob not null,
    updated_at text not null
);

create table plugin_settings (
    plugin     text primary key,
    settings   text not null,
    updated_at text not null
);

-- What integrations keep between calls.
create table kept (
    plugin text not null,
    key    text not null,
    value  blob not null,
    primary key (plugin, key)
);

-- Events for integrations, one row for each that is to be told, durable before they are delivered.
create table deliveries (
    id         text not null,
    plugin     text not null,
    event      text not null,
    state      text not null,
    attempts   integer not null default 0,
    not_before text not null,
    problem    text,
    primary key (id, plugin)
);
create index deliveries_waiting on deliveries (state, not_before);

-- Every use of something that a plugin was granted, and every attempt at what it was not.
create table uses (
    id         integer primary key autoincrement,
    at         text not null,
    release    text not null,
    permission text not null,
    what       text not null,
    granted    integer not null
);
create index uses_release on uses (release);
