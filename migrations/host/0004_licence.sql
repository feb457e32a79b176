-- The last licence that the registry gave this host's account, as it was signed.
create table licence (
    only_one   integer primary key check (only_one = 1),
    token      text not null,
    fetched_at text not null
);
