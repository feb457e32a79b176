-- Every event of the processor of payments as it was told, and what became of it: 'applied', 'parked' until what it is about is
-- there, 'ignored' where it moves none of our money, 'unhandled' where its kind is not known here. What is parked waits for
-- `about`, a payment or a transfer of ours, and is tried again at `retry_at`.
alter table processor_events add column kind text not null default '';
alter table processor_events add column object text not null default '';
alter table processor_events add column about text not null default '';
alter table processor_events add column created_at text;
alter table processor_events add column body text not null default '';
alter table processor_events add column state text not null default 'applied';
alter table processor_events add column reason text not null default '';
alter table processor_events add column tries bigint not null default 0;
alter table processor_events add column retry_at text not null default '';
create index processor_events_by_state on processor_events (state, id);
create index processor_events_by_about on processor_events (about);

-- What of a payment was more than was due, and what of that was given back; what the processor says to have refunded of it so far,
-- and what of that was booked without a request of ours; refunds of it that failed.
alter table processor_payments add column customer text;
alter table processor_payments add column surplus_minor bigint not null default 0;
alter table processor_payments add column surplus_returned_minor bigint not null default 0;
alter table processor_payments add column failed_minor bigint not null default 0;
alter table processor_payments add column told_refunded_minor bigint not null default 0;
alter table processor_payments add column booked_refunds_minor bigint not null default 0;

-- What was refunded at the processor until now was asked for by the registry, and is in the books.
update processor_payments set booked_refunds_minor = (
    select cast(coalesce(sum(refunds.cash_minor), 0) as bigint) from refunds
    join invoices on invoices.number = refunds.invoice
    where invoices.payment = processor_payments.id and refunds.at >= invoices.paid_at);

-- How each refund, dispute and payout of the processor stands. A dispute's `told` is how many movements of money it was told with,
-- and `round` how often its shares were held anew.
create table processor_refunds (
    id      text primary key,
    payment text not null,
    minor   bigint not null,
    state   text not null
);
create index processor_refunds_by_payment on processor_refunds (payment);
create table processor_disputes (
    id        text primary key,
    payment   text not null,
    currency  text not null,
    minor     bigint not null,
    fee_minor bigint not null,
    state     text not null,
    told      bigint not null,
    round     bigint not null
);
create index processor_disputes_by_payment on processor_disputes (payment);
create table processor_payouts (
    id    text primary key,
    state text not null
);

-- What is owed to be sent to the processor, written with its cause, until it has answered.
create table processor_outbox (
    key         text primary key,
    kind        text not null,
    about       text not null,
    destination text not null,
    currency    text not null,
    minor       bigint not null,
    owed_at     text not null,
    due_at      text not null,
    tries       bigint not null,
    reason      text not null,
    remote_id   text,
    answered_at text
);
create index processor_outbox_by_about on processor_outbox (about);
