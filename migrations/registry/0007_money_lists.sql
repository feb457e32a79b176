-- Which publishers belong together is for those who share sales: those with the same group count their sales together.
create table volume_groups (
    namespace    text primary key references namespaces (name),
    volume_group text not null
);
insert into volume_groups (namespace, volume_group)
select name, volume_group from namespaces where volume_group is not null;
alter table namespaces drop column volume_group;
create index volume_groups_by_group on volume_groups (volume_group);

-- What lists are read by, a page at a time.
drop index ledger_postings_by_account;
create index ledger_postings_by_account on ledger_postings (account, transaction_id);
drop index invoices_by_account;
create index invoices_by_account on invoices (account, number);
create index refunds_by_invoice on refunds (invoice, number);
create index orders_by_customer on orders (customer, ordered_at, reference);
create index milestones_by_customer on milestones (customer, ordered_at, reference);
create index milestones_by_namespace on milestones (namespace, ordered_at, reference);
drop index notices_by_account;
create index notices_by_account on notices (account, made_at, key);
create index usage_events_by_account on usage_events (account, deployment, plugin);
create index payouts_by_partner on payouts (partner, id);
create index payouts_by_state on payouts (state, id);
create index payouts_by_run on payouts (run, id);
create index available_entries_by_payout on available_entries (payout);
create index fx_rates_by_day on fx_rates (day, base, quote);
