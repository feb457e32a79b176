-- How users sign in. Times are RFC 3339 in UTC.

-- The Argon2id hash of a user's password; or whom the provider that issued its identity calls so. Neither: it has tokens alone.
alter table users add column password text;
alter table users add column issuer text;
alter table users add column subject text;
create unique index users_by_subject on users (issuer, subject);

-- Of which targets and deployments alone a token is for more than seeing: JSON arrays of names; empty: of all.
alter table user_tokens add column targets text not null default '[]';
alter table user_tokens add column deployments text not null default '[]';
alter table user_tokens add column used_at text;

-- The SHA-256 of the token by which a user who was invited sets a password.
create table set_ups (
    owner      text primary key references users (name) on delete cascade,
    hash       text not null unique,
    expires_at text not null
) strict;

-- Who is signed in: at the pages by a cookie, or with a program by a token; `hash` is the SHA-256 of either. A session ends with its user.
create table sessions (
    id         text primary key,
    hash       text not null unique,
    owner      text not null references users (name) on delete cascade,
    kind       text not null,
    opened_by  text not null,
    opened_at  text not null,
    used_at    text,
    expires_at text not null
) strict;
create index sessions_by_owner on sessions (owner);

-- Programs that wait until somebody who is signed in confirms the code that they show; `session` is that of whoever has.
create table device_log_ins (
    hash       text primary key,
    user_code  text not null unique,
    session    text references sessions (id) on delete cascade,
    expires_at text not null
) strict;

-- Browsers that were sent to the provider, by the SHA-256 of the state that they bring back, and where each goes then.
create table sign_ons (
    state      text primary key,
    nonce      text not null,
    verifier   text not null,
    goes_to    text not null,
    expires_at text not null
) strict;
