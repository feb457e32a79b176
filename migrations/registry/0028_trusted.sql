-- Whose tokens are believed when a workload says by them who it is.
create table oidc_issuers (
    issuer     text primary key,
    allowed_at text not null
);

-- Which workloads may publish a plugin: what their tokens must say, and the ids by which the issuer knows the repository since it
-- first published. A plugin need not be there yet.
create table trusted_publishers (
    id        bigint primary key,
    plugin    text not null,
    publisher text not null,
    added_by  text not null references accounts (name),
    added_at  text not null,
    log_index bigint not null,
    pinned    text
);
create unique index trusted_publishers_by_plugin on trusted_publishers (plugin, publisher);

-- For whom a token of the registry was issued, by its digest, and the key that signs what it publishes.
create table exchanged_tokens (
    hash       text primary key,
    publisher  bigint not null references trusted_publishers (id),
    identity   text not null,
    pem        text not null,
    expires_at text not null
);

-- Tokens of issuers that were used: each is used once. They are forgotten when they have expired.
create table used_tokens (
    issuer     text not null,
    token      text not null,
    expires_at text not null,
    primary key (issuer, token)
);

-- A key that was bound to one release, and to whom; of keys that sign all releases of a namespace there is neither.
alter table namespace_keys add column release text;
alter table namespace_keys add column identity text;

-- Where it takes two members to publish, and which owner wants that to end.
create table two_people (
    namespace    text primary key references namespaces (name),
    end_asked_by text,
    end_asked_at text
);

-- What one member wants to publish and another one approves.
create table staged_releases (
    plugin    text not null,
    version   text not null,
    artifact  text not null,
    asked_by  text not null references accounts (name),
    asked_at  text not null,
    lapses_at text not null,
    pem       text,
    identity  text,
    primary key (plugin, version)
);
