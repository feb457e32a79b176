-- One text for SQLite and PostgreSQL: TEXT and BIGINT columns only. Times are RFC 3339 in UTC, so they sort as text.

create table accounts (
    name          text primary key,
    password_hash text not null,
    role          text not null,
    created_at    text not null
);

create table tokens (
    hash       text primary key,
    account    text not null references accounts (name),
    created_at text not null,
    expires_at text
);

create table namespaces (
    name       text primary key,
    created_at text not null
);

create table namespace_owners (
    namespace text not null references namespaces (name),
    account   text not null references accounts (name),
    primary key (namespace, account)
);

create table namespace_keys (
    namespace text not null references namespaces (name),
    key_id    text not null,
    pem       text not null,
    log_index bigint not null,
    primary key (namespace, key_id)
);

-- OCI: content is in the blob store; here is what belongs to which repository.

create table repository_blobs (
    repository text not null,
    digest     text not null,
    bytes      bigint not null,
    primary key (repository, digest)
);

create table manifests (
    repository text not null,
    digest     text not null,
    media_type text not null,
    content    text not null,
    primary key (repository, digest)
);

create table tags (
    repository text not null,
    tag        text not null,
    digest     text not null,
    primary key (repository, tag)
);

create table uploads (
    id         text primary key,
    repository text not null,
    chunks     bigint not null,
    bytes      bigint not null,
    started_at text not null
);

-- The catalog.

create table plugins (
    id             text primary key,
    namespace      text not null references namespaces (name),
    price_minor    bigint,
    price_currency text
);

create table releases (
    plugin          text not null references plugins (id),
    version         text not null,
    kind            text not null,
    title           text not null,
    description     text not null,
    component       text not null,
    component_bytes bigint not null,
    artifact        text not null,
    key_id          text not null,
    log_index       bigint not null,
    published_at    text not null,
    primary key (plugin, version)
);

-- The transparency log: entries in order, and every hash of the tree by its stored-hash index.

create table log_entries (
    idx   bigint primary key,
    entry text not null
);

create table log_hashes (
    idx  bigint primary key,
    hash text not null
);

-- Use and sales.

create table usage_events (
    id             text primary key,
    body           text not null,
    account        text not null references accounts (name),
    deployment     text not null,
    plugin         text not null,
    version        text not null,
    from_at        text not null,
    to_at          text not null,
    replica_millis bigint not null,
    gpu_millis     bigint not null,
    received_at    text not null
);
create index usage_events_by_account on usage_events (account, deployment);

create table orders (
    reference      text primary key,
    customer       text not null references accounts (name),
    plugin         text not null references plugins (id),
    price_minor    bigint not null,
    price_currency text not null,
    ordered_at     text not null,
    paid_at        text,
    bank_reference text unique,
    unique (customer, plugin)
);

-- The ledger: rows are only ever added, but for balances, which follow from them.

create table ledger_transactions (
    id          bigint primary key,
    key         text not null unique,
    body        text not null,
    kind        text not null,
    description text not null,
    at          text not null
);

create table ledger_postings (
    transaction_id bigint not null references ledger_transactions (id),
    line           bigint not null,
    account        text not null,
    currency       text not null,
    minor          bigint not null,
    primary key (transaction_id, line)
);
create index ledger_postings_by_account on ledger_postings (account);

create table ledger_balances (
    account  text not null,
    currency text not null,
    minor    bigint not null,
    primary key (account, currency)
);

-- How an amount is shared, by date; a sale keeps the version that it was split by.
create table share_policies (
    version            bigint primary key,
    since              text not null,
    partner_weight     bigint not null,
    marketplace_weight bigint not null
);
insert into share_policies (version, since, partner_weight, marketplace_weight)
values (1, '1970-01-01T00:00:00Z', 85, 15);

-- An earning, from its sale until it is available.
create table lots (
    transaction_id bigint primary key references ledger_transactions (id),
    partner        text not null references namespaces (name),
    plugin         text not null references plugins (id),
    currency       text not null,
    gross_minor    bigint not null,
    net_minor      bigint not null,
    policy         bigint not null references share_policies (version),
    available_at   text not null,
    released_by    bigint references ledger_transactions (id)
);
create index lots_by_partner on lots (partner);

create table payouts (
    id             bigint primary key,
    partner        text not null references namespaces (name),
    currency       text not null,
    minor          bigint not null,
    state          text not null,
    proposed_by    text not null references accounts (name),
    approved_by    text references accounts (name),
    bank_reference text
);
