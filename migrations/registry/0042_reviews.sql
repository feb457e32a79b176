-- Reviews of releases. Without a decision one waits: its publisher has asked for it, or it is a new release of a certified plugin, for which
-- nobody asks. `cases` are what its plans are compared by.
create table reviews (
    id         bigint primary key,
    plugin     text not null references plugins (id),
    version    text not null,
    asked_by   text references accounts (name),
    asked_at   text not null,
    note       text not null,
    cases      text not null,
    verdict    text,
    reason     text,
    decided_by text references accounts (name),
    decided_at text
);
create unique index reviews_that_wait on reviews (plugin, version) where decided_at is null;
create index reviews_by_plugin on reviews (plugin, id);

-- The trail is searched by time.
create index audit_by_time on audit (at);

-- Who serves: each replica writes down every minute that it does, and as JSON how its tasks are.
create table replicas (
    id         text primary key,
    version    text not null,
    started_at text not null,
    seen_at    text not null,
    tasks      text not null
);
