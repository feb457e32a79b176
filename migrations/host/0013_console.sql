-- What the pages look for by something other than a key, found without a look at all of a table.
create index acts_by_about on acts (about, id);
create index acts_by_actor on acts (actor, id);
create index revisions_by_time on revisions (created_at);
create index deliveries_of_deployment on deliveries (json_extract(event, '$.deployment'), id);
create index usage_events_of_deployment on usage_events (
    json_extract(body, '$.deployment'),
    json_extract(body, '$.to'),
    json_extract(body, '$.replica_millis'),
    json_extract(body, '$.gpu_millis')
);
