-- How many accounts have run a plugin within a day, as hosts' metered use tells: counted every hour, from the index alone.
alter table plugins add column running bigint not null default 0;
create index usage_events_by_end on usage_events (to_at, plugin, account, replica_millis);
