-- What was uploaded on a page to be published: whose it is, in which namespace it is to be a plugin, and until when it is kept. Its bytes
-- are in the blob store as long as it is here; without a digest, they are yet to arrive. `component` is what was read of it, and `artifact`
-- what it would be published as; where it was refused, `refusal` is the problem that says why.
create table drafts (
    id          text primary key,
    account     text not null references accounts (name),
    namespace   text not null references namespaces (name),
    file        text not null,
    digest      text,
    bytes       bigint,
    component   text,
    artifact    text,
    refusal     text,
    uploaded_at text not null,
    lapses_at   text not null
);
create index drafts_by_account on drafts (account, uploaded_at);
create index drafts_by_digest on drafts (digest);
