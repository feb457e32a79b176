-- A line of the bank's statement is looked for among the payouts that were confirmed by its reference.
create index payouts_by_bank_reference on payouts (bank_reference);

-- What operators have recorded or given back while that needed nobody else, for a day. `deed` is a digest of what was asked for: asked
-- again, it counts once.
create table deeds_alone (
    account  text not null,
    deed     text not null,
    kind     text not null,
    currency text not null,
    minor    bigint not null,
    at       text not null,
    -- How often it was asked for.
    asked    bigint not null,
    primary key (account, deed)
);

-- Why the processor of payments refuses a request for good, in its own word; none: it does not, as far as is known. Such a request is not
-- sent any more; what became of it is in `settled_as`.
alter table processor_outbox add column refused text;
alter table processor_outbox add column settled_as text;
