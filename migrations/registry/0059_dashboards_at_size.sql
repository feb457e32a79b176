-- Contracts, which are paid by the month or by use, are found without reading what is paid once; and by plugin, without reading what others
-- have sold.
alter table orders add column price_kind text not null default '';
update orders set price_kind = case when offer like '%"kind":"once"%' then 'once' when offer like '%"kind":"monthly"%' then 'monthly' else 'metered' end;
create index orders_of_contracts on orders (plugin, ordered_at) where price_kind <> 'once';
