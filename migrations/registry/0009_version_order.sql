-- The version as a text that sorts as Semantic Versioning has it; the registry fills it in when it starts.
alter table releases add column version_order text not null default '';
create index releases_by_version on releases (plugin, version_order);
