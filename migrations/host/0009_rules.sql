-- The install rules of this host as JSON, each time that they were changed; the last row holds, and no row: there are none.
create table install_rules (
    id         integer primary key autoincrement,
    rules      text not null,
    changed_at text not null
) strict;

-- When a log was witnessed to have so many entries, in seconds since 1970: no entry below came later.
create table log_sightings (
    log_key text not null,
    size    integer not null,
    at      integer not null,
    primary key (log_key, size)
) strict;

-- Releases that were installed before the minimum age of the rules since they took the place of one that was taken back.
create table installed_fixes (
    log_key      text not null,
    release      text not null,
    fixes        text not null,
    installed_at text not null,
    primary key (log_key, release)
) strict;
