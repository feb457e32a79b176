-- The hosts of an account, as they have reported themselves: their deployments count together.
create table hosts (
    account     text not null references accounts (name),
    host        text not null,
    deployments bigint not null,
    seen_at     text not null,
    primary key (account, host)
);
