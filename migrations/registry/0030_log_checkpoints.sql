-- The first checkpoint of each size that witnesses have cosigned, as its signed note: from it, whoever is new here learns how long the
-- log has told of what is in it.
create table log_checkpoints (
    size bigint primary key,
    note text not null
);
