-- What was told of a plugin that costs something, each once: `until` a moment, that a trial or the time to pay ends then, or
-- `uncovered`, that no order covers it any more. From then on what serves has the notice that the terms give.
create table coverage_notices (
    plugin  text not null,
    about   text not null,
    told_at text not null,
    primary key (plugin, about)
) strict;
