-- What was done lately to an account, and what was done at all to anything.
create index audit_by_subject on audit (subject, act, at);
