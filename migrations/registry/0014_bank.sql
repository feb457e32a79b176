-- Every line of the bank's statements is in the books when it is seen, against suspense; what is open of it is there still. `day` is
-- the bank's value date. `transaction_id` is what booked it; none: it is not in the books (an earlier version matched it, or its
-- currency is not one of the books').
alter table bank_lines rename to bank_lines_before;
create table bank_lines (
    id             text primary key,
    at             text not null,
    day            text,
    currency       text not null,
    minor          bigint not null,
    text           text not null,
    returned       bigint not null,
    outcome        text not null,
    state          text not null,
    open_minor     bigint not null,
    transaction_id bigint
);
-- What an earlier version could not match is booked with the next statement.
insert into bank_lines (id, at, currency, minor, text, returned, outcome, state, open_minor)
select id, at, currency, minor, text, case when text like '%RETURN%' then 1 else 0 end, outcome,
       case when outcome like 'unmatched%' then 'unbooked' else 'settled' end, 0
from bank_lines_before;
drop table bank_lines_before;
create index bank_lines_by_state on bank_lines (state, id);

-- What of a line went where, in minor units below zero where it left. `customer` is whose credit it became or, below zero, was no more;
-- `seen` is the transaction that had recorded it by hand.
create table bank_allotments (
    id       bigint primary key,
    line     text not null references bank_lines (id),
    target   text not null,
    customer text references accounts (name),
    currency text not null,
    minor    bigint not null,
    seen     bigint references ledger_transactions (id),
    at       text not null
);
create index bank_allotments_by_line on bank_allotments (line);
create unique index bank_allotments_by_seen on bank_allotments (seen, currency);

-- What the bank says that an account held before and after a statement, and what the statement's lines come to.
create table bank_statements (
    account       text not null,
    currency      text not null,
    id            text not null,
    begins        text not null,
    ends          text not null,
    opening_minor bigint not null,
    closing_minor bigint not null,
    lines_minor   bigint not null,
    imported_at   text not null,
    primary key (account, currency, id)
);
