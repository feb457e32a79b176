-- A line of the bank's statement is looked for among the payouts that were confirmed by its reference.
create index payouts_by_bank_reference on payouts (bank_reference);
