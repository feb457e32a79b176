-- What of its money a processor has in another currency than that in which it moved, each of its balance transactions once: of what moved
-- for a payment or a dispute (minor, below zero where it left) the processor's account has into_minor, less its fee.
create table processor_exchanges (
    id            text primary key,
    item          text not null,
    currency      text not null,
    minor         bigint not null,
    into_currency text not null,
    into_minor    bigint not null,
    fee_minor     bigint not null
);
create index processor_exchanges_items on processor_exchanges (item);
