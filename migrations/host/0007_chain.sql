-- The records that this host signs for an account of a registry: each event that was to be sent, numbered from 1, with the hash that
-- binds it to the record before.
create table usage_records (
    registry text not null,
    account  text not null,
    sequence integer not null,
    event    text not null,
    hash     text not null,
    primary key (registry, account, sequence)
) strict;
create unique index usage_records_by_event on usage_records (registry, account, event);
