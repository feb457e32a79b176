-- What nobody but its namespace and the operators pulls while it is looked into: `acme:thing`, or `acme:thing@1.0.0`. What was
-- quarantined before is in the log.
create table quarantines (
    subject text primary key,
    plugin  text not null references plugins (id),
    reason  text not null,
    since   text not null
);
create index quarantines_by_plugin on quarantines (plugin);
