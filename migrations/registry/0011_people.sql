-- Who did what, each row bound to the one before it by its hash. Rows are added, and never changed or deleted.
create table audit (
    number     bigint primary key,
    at         text not null,
    actor      text,
    credential text not null,
    address    text,
    act        text not null,
    subject    text not null,
    was        text,
    became     text,
    previous   text not null,
    hash       text not null
);

-- What a token was issued for: 'log-in' or, where its owner asked for it by itself, 'made'.
alter table tokens add column kind text not null default 'made';
update tokens set kind = 'log-in' where note in ('login', 'registered', 'pages');

-- Whoever has the token may set the account's password, once. Only its digest is kept.
create table password_resets (
    account    text primary key references accounts (name),
    hash       text not null,
    expires_at text not null
);
create index password_resets_by_hash on password_resets (hash);

-- Accounts that are to become operators, until another operator agrees or somebody withdraws it.
create table operator_proposals (
    account     text primary key references accounts (name),
    proposed_by text not null references accounts (name),
    proposed_at text not null
);
