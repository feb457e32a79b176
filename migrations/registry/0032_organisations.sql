-- Organisations: accounts that nobody logs in to. People act for them, each within a role.
create table organisations (
    name       text primary key references accounts (name),
    title      text not null,
    created_at text not null,
    created_by text not null references accounts (name)
);

-- Who belongs to an organisation, and how they came: 'invited', 'sso' or 'scim'.
create table organisation_members (
    organisation text not null references organisations (name),
    account      text not null references accounts (name),
    role         text not null,
    origin       text not null,
    since        text not null,
    primary key (organisation, account)
);
create index organisation_members_by_account on organisation_members (account);

create table organisation_invitations (
    organisation text not null references organisations (name),
    account      text not null references accounts (name),
    role         text not null,
    invited_by   text not null references accounts (name),
    invited_at   text not null,
    primary key (organisation, account)
);

-- The organisation that a token or a session acts for: it ends with its owner's membership.
alter table tokens add column acts_for text references organisations (name);
create index tokens_by_organisation on tokens (acts_for);

-- The organisation that has made an account, by its provider or directory, and may end it.
alter table accounts add column managed_by text references organisations (name);

-- Domains that an organisation says are its own. One counts as long as the domain's DNS has the token; of several organisations only the
-- first that proves it has it.
create table organisation_domains (
    organisation text not null references organisations (name),
    domain       text not null,
    token        text not null,
    added_at     text not null,
    proved_at    text,
    checked_at   text,
    primary key (organisation, domain)
);
create index organisation_domains_by_domain on organisation_domains (domain);

-- The OpenID provider by which people of an organisation's domains sign in; where it is enforced, by nothing else. The secret is as the
-- provider gave it: the registry shows it there.
create table identity_providers (
    organisation  text primary key references organisations (name),
    issuer        text not null,
    client_id     text not null,
    client_secret text,
    role          text not null,
    enforced      bigint not null default 0,
    set_at        text not null
);

-- Who somebody is at a provider.
create table identities (
    issuer       text not null,
    subject      text not null,
    account      text not null references accounts (name),
    organisation text not null references organisations (name),
    linked_at    text not null,
    seen_at      text not null,
    primary key (issuer, subject)
);
create index identities_by_account on identities (account);

-- A sign-in that has gone to a provider and has not come back. Only the digest of its state is kept.
create table sign_ins (
    state        text primary key,
    organisation text not null references organisations (name),
    nonce        text not null,
    verifier     text not null,
    next         text not null,
    expires_at   text not null
);

-- A program that waits until somebody signs it in on a page (RFC 8628). Only digests are kept.
create table device_log_ins (
    hash       text primary key,
    user_code  text not null,
    asked_at   text not null,
    expires_at text not null,
    account    text references accounts (name),
    opened_by  text
);
create index device_log_ins_by_code on device_log_ins (user_code);

-- Passkeys (WebAuthn), and challenges that wait for an answer.
create table passkeys (
    id         text primary key,
    account    text not null references accounts (name),
    name       text not null,
    passkey    text not null,
    created_at text not null,
    used_at    text
);
create index passkeys_by_account on passkeys (account);
create table passkey_challenges (
    hash       text primary key,
    account    text,
    state      text not null,
    expires_at text not null
);

-- People and groups of an organisation's directory (SCIM, RFC 7643). The groups of a person say its role, the highest of them.
create table scim_users (
    id           text primary key,
    organisation text not null references organisations (name),
    account      text not null references accounts (name),
    user_name    text not null,
    external_id  text,
    display_name text,
    given_name   text,
    family_name  text,
    email        text,
    active       bigint not null,
    created_at   text not null,
    changed_at   text not null
);
create unique index scim_users_by_name on scim_users (organisation, user_name);
create unique index scim_users_by_account on scim_users (organisation, account);
create table scim_groups (
    id           text primary key,
    organisation text not null references organisations (name),
    display_name text not null,
    external_id  text,
    role         text,
    created_at   text not null,
    changed_at   text not null
);
create unique index scim_groups_by_name on scim_groups (organisation, display_name);
create table scim_group_members (
    scim_group text not null references scim_groups (id),
    scim_user  text not null references scim_users (id),
    primary key (scim_group, scim_user)
);
