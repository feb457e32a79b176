-- What is said against the release of a deployment, as integrations were told of it: that it is quarantined or
-- withdrawn, or that an advisory is about it.
create table concerns (
    deployment text not null references deployments (name) on delete cascade,
    about      text not null,
    says       text not null,
    primary key (deployment, about)
) strict;
