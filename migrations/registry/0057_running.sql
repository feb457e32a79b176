-- How many accounts have run a plugin within a day, as hosts' metered use tells: counted every now and then.
alter table plugins add column running bigint not null default 0;
create index usage_events_by_end on usage_events (to_at, plugin, account);
