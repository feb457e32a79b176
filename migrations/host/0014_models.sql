-- What the config.json of models says, as JSON, by which templates size them. Deployments keep what they were planned by.
create table models (
    name     text primary key,
    config   text not null,
    digest   text not null,
    added_at text not null
) strict;
