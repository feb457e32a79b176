-- Of what a partner is told by mail; a kind without a row is as the registry has it.
create table partner_notice_choices (
    partner text not null references namespaces (name),
    kind    text not null,
    by_mail bigint not null,
    primary key (partner, kind)
);

-- What a partner is told, written in the transaction that it is about; nothing where neither mail nor a webhook wants it. `mail` is
-- 'none', 'waiting' or 'sent'.
create table partner_notices (
    id      text primary key,
    partner text not null references namespaces (name),
    kind    text not null,
    key     text not null,
    at      text not null,
    text    text not null,
    data    text not null,
    mail    text not null
);
create unique index partner_notices_by_key on partner_notices (partner, key);
create index partner_notices_to_mail on partner_notices (partner, id) where mail = 'waiting';

-- Where a partner's own program is told. `kinds` are words with a blank before and after each; the secret follows from `salt` and the
-- log's key, which is in no database.
create table webhooks (
    id          text primary key,
    partner     text not null references namespaces (name),
    url         text not null,
    kinds       text not null,
    salt        text not null,
    -- Why it is sent nothing any more; none: it is.
    disabled    text,
    disabled_at text,
    made_by     text not null references accounts (name),
    made_at     text not null
);
create index webhooks_by_partner on webhooks (partner);

-- What each webhook is sent, until it has taken it. `state` is 'waiting', 'taken' or 'given-up'; `attempts` counts since it was last
-- asked for.
create table webhook_deliveries (
    webhook  text not null references webhooks (id),
    notice   text not null references partner_notices (id),
    state    text not null,
    attempts bigint not null,
    next_at  text not null,
    last_at  text,
    answer   text,
    primary key (webhook, notice)
);
create index webhook_deliveries_due on webhook_deliveries (next_at) where state = 'waiting';
create index webhook_deliveries_by_notice on webhook_deliveries (notice);
