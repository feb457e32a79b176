-- What accounts have subscribed to, and the invoices for it. Times are RFC 3339 in UTC.

-- Without a row an account is free. `invoice` is the one that covers the present; periods are counted in months from `anchor_at`.
-- `next_tier` is what the subscription becomes when that invoice's period is over, where it is something else. `limited_to` and
-- the price are those of an agreement.
create table subscriptions (
    account        text primary key references accounts (name),
    tier           text not null,
    billed         text not null,
    anchor_at      text,
    invoice        bigint,
    next_tier      text,
    next_billed    text,
    limited_to     bigint,
    price_minor    bigint,
    price_currency text,
    trial_tier     text,
    trial_until    text
);

-- Numbers have no gaps. `recognised_minor` of the price has been earned so far; what is left when `ended_at` cuts the period
-- short was credited to the invoice that came instead, or written off.
create table invoices (
    number           bigint primary key,
    account          text not null references accounts (name),
    tier             text not null,
    from_at          text not null,
    to_at            text not null,
    currency         text not null,
    price_minor      bigint not null,
    credit_minor     bigint not null,
    issued_at        text not null,
    due_at           text not null,
    state            text not null,
    ended_at         text,
    recognised_minor bigint not null,
    bank_reference   text unique
);
create index invoices_by_account on invoices (account);
