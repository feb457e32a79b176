-- What nobody but its namespace and the operators pulls while it is looked into: `acme:thing`, or `acme:thing@1.0.0`. What was
-- quarantined before is in the log.
create table quarantines (
    subject text primary key,
    plugin  text not null references plugins (id),
    reason  text not null,
    since   text not null
);
create index quarantines_by_plugin on quarantines (plugin);

-- Advisories in the Open Source Vulnerability format: `body` is just what the log has the digest of. What an operator has published no
-- publisher changes.
create table advisories (
    id           text primary key,
    plugin       text not null references plugins (id),
    body         text not null,
    by_operator  bigint not null,
    modified_at  text not null,
    withdrawn_at text
);
create index advisories_by_plugin on advisories (plugin, id);
create index advisories_by_change on advisories (modified_at, id);

-- What somebody has reported. Without an outcome it waits to be looked into.
create table abuse_reports (
    id          bigint primary key,
    subject     text not null,
    plugin      text not null references plugins (id),
    why         text not null,
    reported_by text not null references accounts (name),
    reported_at text not null,
    outcome     text,
    note        text,
    resolved_by text references accounts (name),
    resolved_at text
);
create index abuse_reports_by_account on abuse_reports (reported_by, reported_at);

-- What names look like at a glance: a new one must not look like another. What was there before is filled in when the registry starts.
alter table accounts add column looks text not null default '';
create index accounts_by_looks on accounts (looks);
alter table plugins add column looks text not null default '';
create index plugins_by_looks on plugins (looks);

-- Accounts that nobody acts as until they are reinstated.
create table suspensions (
    account text primary key references accounts (name),
    reason  text not null,
    since   text not null
);
