-- When the directory of the organisation that manages an account has ended it; none: it may log in.
alter table accounts add column ended_at text;

create index scim_group_members_by_user on scim_group_members (scim_user);
create index scim_users_by_email on scim_users (organisation, email);
