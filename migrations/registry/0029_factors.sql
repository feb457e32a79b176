-- Where a person is written to: an address that whoever reads its mail has verified.
alter table accounts add column email text;
-- An address that was asked for and not verified yet. Only the digest of the token that was sent there is kept.
create table email_verifications (
    account    text primary key references accounts (name),
    email      text not null,
    hash       text not null,
    expires_at text not null
);
create index email_verifications_by_hash on email_verifications (hash);

-- Where a notice is sent whatever the billing profile says; and whether it brings a token: such a notice is shown on no page, and its
-- text is forgotten when it has left.
alter table notices add column email text;
alter table notices add column secret bigint not null default 0;

-- By what a log-in was opened, and when and where from its token was used last. A token that was made has what its maker's had.
alter table tokens add column opened_by text not null default 'password';
alter table tokens add column used_at text;
alter table tokens add column address text;

-- A secret from which codes are made, as it is: the registry makes them, too. It counts once a code of it was shown; a code of a step
-- that is not after the last one counts no more.
create table second_factors (
    account      text primary key references accounts (name),
    secret       text not null,
    made_at      text not null,
    confirmed_at text,
    last_step    bigint not null default 0
);
-- What stands for a code, each once. Only digests are kept.
create table recovery_codes (
    account text not null references accounts (name),
    hash    text not null,
    primary key (account, hash)
);

-- Accounts of which a second factor is demanded, and since when they know. Whoever has none some days later may not use what it is
-- demanded for.
create table factor_demands (
    account text primary key references accounts (name),
    since   text not null
);

-- Accounts whose owners want them deleted, and when that is done unless they take it back.
create table account_deletions (
    account  text primary key references accounts (name),
    asked_at text not null,
    due_at   text not null
);
