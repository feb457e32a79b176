-- Corrections of usage events that do not count by themselves: what they correct has not come yet, or they may lower what is owed.
create table held_corrections (
    id          text primary key,
    account     text not null references accounts (name),
    plugin      text not null,
    seller      text not null,
    corrects    text not null,
    event       text not null,
    state       text not null,
    received_at text not null,
    decided_by  text references accounts (name)
);
create index held_corrections_by_account on held_corrections (account, state, corrects);
create index held_corrections_by_seller on held_corrections (seller, id);
