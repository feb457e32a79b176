-- Who has made a transaction: an account and what it was known by, a chore of the registry, an event of the processor, or a line of
-- the bank's statement. Of what an earlier version has posted nobody knows.
alter table ledger_transactions add column made_by text not null default 'unknown';

-- How many others approve what: of this kind, and of more than this; a currency of '' stands for whatever amount.
create table approval_rules (
    kind        text not null,
    currency    text not null,
    above_minor bigint not null,
    approvals   bigint not null,
    primary key (kind, currency, above_minor)
);
insert into approval_rules (kind, currency, above_minor, approvals) values
    ('payout', '', 0, 1),
    ('refund', 'USD', 100000, 1),
    ('refund', 'EUR', 100000, 1),
    ('refund', 'GBP', 100000, 1),
    ('refund', 'JPY', 100000, 1),
    ('payment', 'USD', 100000, 1),
    ('payment', 'EUR', 100000, 1),
    ('payment', 'GBP', 100000, 1),
    ('payment', 'JPY', 100000, 1),
    ('agreement', '', 0, 0),
    ('partner-bank', '', 0, 1),
    ('house-bank', '', 0, 1),
    ('policy', '', 0, 1),
    ('tax-rule', '', 0, 1),
    ('rules', '', 0, 1);

-- What was asked for and others approve before it is done. A currency of '' stands for no amount.
create table approval_requests (
    id       bigint primary key,
    kind     text not null,
    about    text not null,
    body     text not null,
    currency text not null,
    minor    bigint not null,
    asked_by text not null references accounts (name),
    asked_at text not null,
    state    text not null,
    reason   text not null
);
create index approval_requests_by_state on approval_requests (state, id);
create table approval_votes (
    request bigint not null references approval_requests (id),
    account text not null references accounts (name),
    at      text not null,
    primary key (request, account)
);
