-- Since when nobody knows the password of an account, as of one that an organisation has opened; none: its owner has set it.
alter table accounts add column passwordless_since text;
update accounts set passwordless_since = created_at
where managed_by is not null and not exists (
    select 1 from audit where audit.subject = accounts.name and audit.act in ('password-changed', 'password-reset'));
