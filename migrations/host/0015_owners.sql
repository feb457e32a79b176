-- The owner whose files of desired state a deployment is in; none: it is in nobody's.
alter table deployments add column owner text;
