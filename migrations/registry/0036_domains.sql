-- Since when the record of a proved domain is missing: it lapses after 7 days of that.
alter table organisation_domains add column missing_since text;
-- Of several organisations one has a domain.
create unique index organisation_domains_proved on organisation_domains (domain) where proved_at is not null;

-- The host that keeps the keys of an issuer, where it is another one than the issuer's own.
alter table oidc_issuers add column keys_host text;

-- An account may have several resets at a time: what a stranger asks for ends none that its owner has asked for.
alter table password_resets rename to password_resets_before;
drop index password_resets_by_hash;
create table password_resets (
    hash       text primary key,
    account    text not null references accounts (name),
    expires_at text not null
);
create index password_resets_by_account on password_resets (account);
insert into password_resets (hash, account, expires_at) select hash, account, expires_at from password_resets_before;
drop table password_resets_before;
