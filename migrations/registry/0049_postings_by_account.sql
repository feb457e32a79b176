-- What accounts hold is recomputed from this index alone: without what it lacked, each posting was looked up in its table.
drop index ledger_postings_by_account;
create index ledger_postings_by_account on ledger_postings (account, transaction_id, currency, minor);
