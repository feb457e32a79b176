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
