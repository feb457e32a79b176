-- What is looked for every minute or oftener is found without reading what was done with before.
drop index lots_by_release;
create index lots_on_hold on lots (available_at, id) where released_by is null;
create index lots_in_reserve on lots (reserve_until, id) where available_at is not null and reserve_released_by is null;
create index processor_outbox_unanswered on processor_outbox (key) where answered_at is null;
