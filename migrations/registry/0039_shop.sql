-- The feed of new releases reads the latest by their place in the log.
create index releases_by_log on releases (log_index);
