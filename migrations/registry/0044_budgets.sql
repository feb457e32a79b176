-- What an account wants a month to cost at most, without taxes.
create table budgets (
    account  text primary key references accounts (name),
    currency text not null,
    minor    bigint not null,
    set_at   text not null
);

-- Which team a deployment of an account is counted to: what it costs, it costs that team.
create table cost_teams (
    account    text not null references accounts (name),
    deployment text not null,
    team       text not null,
    primary key (account, deployment)
);
