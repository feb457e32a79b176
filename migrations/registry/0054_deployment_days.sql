-- How long the replicas of a deployment ran on each day (since 1970, UTC), by all events that count, in milliseconds: from this version on.
create table deployment_days (
    account        text not null,
    deployment     text not null,
    day            bigint not null,
    replica_millis bigint not null,
    primary key (account, deployment, day)
);
