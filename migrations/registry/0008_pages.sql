-- Lists are read a page at a time, and each page by an index in the order of the list.

drop index manifests_by_subject;
create index manifests_by_subject on manifests (repository, subject, pushed_at, digest);

create index namespace_keys_by_entry on namespace_keys (namespace, log_index);

drop index tokens_by_account;
create index tokens_by_account on tokens (account, created_at, hash);

create index invitations_by_account on invitations (account, namespace);
