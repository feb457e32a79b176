-- Partners that leave: they are paid whatever is left to them, however little, once nothing of theirs is held any more.
create table partner_exits (
    partner  text primary key references namespaces (name),
    asked_by text not null references accounts (name),
    asked_at text not null
);

-- What partners have agreed to: what they owe in `to_currency` is taken from what is available to them in `from_currency`.
create table partner_offsets (
    partner       text not null references namespaces (name),
    from_currency text not null,
    to_currency   text not null,
    agreed_by     text not null references accounts (name),
    agreed_at     text not null,
    primary key (partner, from_currency, to_currency)
);

-- What partners owe and one operator proposes to give up: another one approves it.
create table debt_write_offs (
    id          bigint primary key,
    partner     text not null references namespaces (name),
    currency    text not null,
    minor       bigint not null,
    reason      text not null,
    state       text not null,
    proposed_by text not null references accounts (name),
    proposed_at text not null,
    decided_by  text references accounts (name)
);
