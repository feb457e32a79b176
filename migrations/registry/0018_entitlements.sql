-- Every pull of a blob asks whether it is the component of a release, and every such question about what costs something how its
-- order stands.
create index releases_by_component on releases (component);
create index disputes_by_sale on disputes (sale);
