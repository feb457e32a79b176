-- A signing key that a member of a namespace asks its owners to add, with the proof that the member holds it: one for each member, until an
-- owner adds or refuses it, or it lapses.
create table key_requests (
    namespace text not null references namespaces (name),
    asked_by  text not null references accounts (name),
    key_id    text not null,
    pem       text not null,
    proof     text not null,
    asked_at  text not null,
    lapses_at text not null,
    primary key (namespace, asked_by)
);
