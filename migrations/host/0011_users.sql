-- Who uses the host. Times are RFC 3339 in UTC.

-- `role` holds for the whole host, on every target. The first admin is whoever has the file host.token.
create table users (
    name     text primary key,
    role     text not null,
    added_at text not null
) strict;
insert into users (name, role, added_at) values ('admin', 'admin', strftime('%Y-%m-%dT%H:%M:%SZ', 'now'));

-- The targets of a team are a JSON array of names.
create table teams (
    name       text primary key,
    targets    text not null,
    updated_at text not null
) strict;

-- What a member may do on the targets of the team.
create table team_members (
    team   text not null references teams (name) on delete cascade,
    member text not null references users (name) on delete cascade,
    role   text not null,
    primary key (team, member)
) strict;

-- `hash` is the SHA-256 of a token in hexadecimal digits. It ends with its owner, and with the team that it is for.
create table user_tokens (
    id         text primary key,
    hash       text not null unique,
    owner      text not null references users (name) on delete cascade,
    role       text not null,
    team       text references teams (name) on delete cascade,
    note       text not null,
    made_by    text not null,
    made_at    text not null,
    expires_at text not null
) strict;

-- What users do, each written down before it is done, and how it was answered afterwards. A name may be given again: what it did
-- before stays.
create table acts (
    id     integer primary key autoincrement,
    at     text not null,
    actor  text not null,
    token  text,
    act    text not null,
    about  text not null,
    status integer
) strict;

-- The user or the integration who made a revision.
alter table revisions add column made_by text;
