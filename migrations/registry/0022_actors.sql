-- Who has made a transaction: an account and what it was known by, a chore of the registry, an event of the processor, or a line of
-- the bank's statement. Of what an earlier version has posted nobody knows.
alter table ledger_transactions add column made_by text not null default 'unknown';
