-- What is metered of a revision's replicas beside time, as its plugin's manifest says.
alter table revisions add column meters text not null default '[]';

-- How often the meters of a replica were read: a reading that another one has overtaken is older than what was counted.
alter table replicas add column readings integer not null default 0;

-- Where each counter of a replica stood when it was read last, in whole units. `run` is when the program began whose counter it is.
create table meter_counters (
    replica text not null references replicas (id) on delete cascade,
    unit    text not null,
    series  text not null,
    run     text not null,
    seen    integer not null,
    primary key (replica, unit, series)
) strict;

-- Since when the meters of a replica cannot be read, and why.
create table meter_gaps (
    replica text primary key references replicas (id) on delete cascade,
    since   text not null,
    reason  text not null
) strict;
