-- Who belongs to a namespace, and how. Before this, members were owners.

alter table namespace_owners rename to namespace_members;
alter table namespace_members add column role text not null default 'owner';
create index namespace_members_by_account on namespace_members (account);

create table invitations (
    namespace  text not null references namespaces (name),
    account    text not null references accounts (name),
    role       text not null,
    invited_by text not null references accounts (name),
    invited_at text not null,
    primary key (namespace, account)
);

-- 'public' or 'private': who may pull and see what is published here.
alter table namespaces add column visibility text not null default 'public';

-- What a token may do: 'full', 'read', 'publish' or 'publish NAMESPACE:NAME'; and what its owner calls it.
alter table tokens add column scope text not null default 'full';
alter table tokens add column note text not null default '';
create index tokens_by_account on tokens (account);

-- Facts and secrets of this registry by name, such as the public key of its log.
create table facts (
    name  text primary key,
    value text not null
);

-- OCI: an upload's pieces are objects of their own, so a piece that was not counted is never part of the blob.

drop table uploads;
create table uploads (
    id         text primary key,
    repository text not null,
    account    text not null,
    bytes      bigint not null,
    changed_at text not null
);
create index uploads_by_account on uploads (account);

create table upload_chunks (
    upload   text not null,
    position bigint not null,
    id       text not null,
    primary key (upload, position)
);

alter table repository_blobs add column pushed_at text not null default '1970-01-01T00:00:00.000000Z';
create index repository_blobs_by_digest on repository_blobs (digest);

-- How much a namespace keeps, for its quota.
alter table namespaces add column bytes bigint not null default 0;
update namespaces set bytes = (
    select coalesce(sum(repository_blobs.bytes), 0) from repository_blobs
    where repository_blobs.repository like namespaces.name || '/%'
);

alter table manifests add column bytes bigint not null default 0;
alter table manifests add column subject text;
alter table manifests add column artifact_type text;
alter table manifests add column annotations text;
alter table manifests add column pushed_at text not null default '1970-01-01T00:00:00.000000Z';
update manifests set bytes = length(content);
create index manifests_by_subject on manifests (repository, subject);
create index tags_by_digest on tags (repository, digest);

-- The catalog: what became of releases and keys after they were logged, and what pages show.

alter table namespace_keys add column revoked_from text;
alter table namespace_keys add column revoked_log_index bigint;

alter table releases add column manifest text;
alter table releases add column yanked_at text;
alter table releases add column deprecated_note text;
alter table releases add column successor text;
alter table releases add column withdrawn_at text;
alter table releases add column withdrawn_reason text;
alter table releases add column downloads bigint not null default 0;
create index releases_by_artifact on releases (artifact);

alter table plugins add column certified_at text;

-- Rises with every change that a search could see.
alter table plugins add column generation bigint not null default 0;
create index plugins_by_generation on plugins (generation);
create table counters (
    name  text primary key,
    value bigint not null
);
insert into counters (name, value) values ('catalog', 1);
update plugins set generation = 1;
