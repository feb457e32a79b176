-- What payments at the processor have paid of invoices in part, and what of that was given back while they were open.
create table processor_parts (
    payment        text primary key,
    invoice        bigint not null references invoices (number),
    minor          bigint not null,
    returned_minor bigint not null
);
create index processor_parts_by_invoice on processor_parts (invoice);

-- What became a customer's credit because an invoice was given up after a part of it was paid, or paid after it was given up, by the
-- kind of the transaction that made it so.
create table invoice_credits (
    invoice bigint not null references invoices (number),
    cause   text not null,
    minor   bigint not null,
    primary key (invoice, cause)
);

-- What arrived by a payment, and what the processor kept of it; what a payout of the processor to the bank was of.
alter table processor_payments add column received_minor bigint not null default 0;
alter table processor_payments add column fee_minor bigint not null default 0;
alter table processor_payouts add column currency text not null default '';
alter table processor_payouts add column minor bigint not null default 0;
update processor_payouts set
    currency = coalesce((select ledger_postings.currency from ledger_postings
                         join ledger_transactions on ledger_transactions.id = transaction_id
                         where key = 'processor-payout:' || processor_payouts.id and account = 'assets:processor clearing'), ''),
    minor = coalesce((select -ledger_postings.minor from ledger_postings
                      join ledger_transactions on ledger_transactions.id = transaction_id
                      where key = 'processor-payout:' || processor_payouts.id and account = 'assets:processor clearing'), 0)
where state = 'arrived';

-- What accounts held that were not tied to rows of their own until now.
create table opening_differences (
    account  text not null,
    currency text not null,
    minor    bigint not null,
    primary key (account, currency)
);
insert into opening_differences (account, currency, minor)
select account, currency, cast(sum(minor) as bigint) from (
    select account, currency, minor from ledger_balances
    where account in ('assets:processor clearing', 'assets:disputes held') or account like 'liabilities:credit:%'
    union all select 'assets:processor clearing', currency, booked_refunds_minor - failed_minor from processor_payments
              where paid_at is not null
    union all select 'assets:processor clearing', currency, minor from processor_outbox where kind = 'refund'
    union all select 'assets:processor clearing', currency, minor from disputes where state in ('open', 'lost')
    union all select 'assets:processor clearing', currency, fee_minor from disputes
    union all select 'assets:processor clearing', currency, minor - (
                  select coalesce(sum(disputes.minor), 0) from disputes
                  where disputes.state in ('open', 'lost')
                    and substr(disputes.id, 1, length(processor_disputes.id) + 1) in (processor_disputes.id || '/', processor_disputes.id || '.'))
              from processor_disputes where state in ('open', 'lost')
    union all select 'assets:processor clearing', currency, fee_minor from processor_disputes
    union all select 'assets:processor clearing', sent_currency, sent_minor from payouts
              where rail = 'stripe' and state in ('paid', 'partly-returned')
    union all select 'assets:processor clearing', sent_currency, -payout_returns.sent_minor from payout_returns
              join payouts on payouts.id = payout where rail = 'stripe' and state = 'partly-returned'
    union all select 'assets:processor clearing', ledger_postings.currency, ledger_postings.minor from ledger_postings
              join ledger_transactions on ledger_transactions.id = transaction_id
              join payouts on key = 'payout-paid:' || payouts.id
              where account = 'expenses:payout fees' and rail = 'stripe'
    union all select 'assets:processor clearing', currency, minor from processor_payouts where state = 'arrived'
    union all select 'assets:disputes held', currency, -minor from disputes where state = 'open'
    union all select 'assets:disputes held', currency, (
                  select coalesce(sum(disputes.minor), 0) from disputes
                  where disputes.state = 'open'
                    and substr(disputes.id, 1, length(processor_disputes.id) + 1) in (processor_disputes.id || '/', processor_disputes.id || '.')) - minor
              from processor_disputes where state = 'open'
    union all select 'liabilities:credit:' || account, currency, -credit_minor from invoices
    union all select 'liabilities:credit:' || account, refunds.currency, refunds.minor + refunds.tax_minor - cash_minor from refunds
              join invoices on invoices.number = invoice
    union all select 'liabilities:credit:' || customer, currency, minor from bank_allotments where customer is not null
    union all select 'liabilities:credit:' || customer, currency, surplus_minor + failed_minor - surplus_returned_minor
              from processor_payments where customer is not null
) as held group by account, currency having sum(minor) <> 0;

-- Several bank accounts, by their names. The one that payouts left from until now is the first, with what the books have at the bank.
create table bank_accounts (
    name text primary key,
    body text not null
);
insert into bank_accounts (name, body) select 'main', value from facts where name = 'bank-account';
delete from facts where name = 'bank-account';

-- Of which account a line is, and whom it is from or went to, as far as the bank says it.
alter table bank_lines add column account text not null default 'main';
alter table bank_lines add column other_holder text not null default '';
alter table bank_lines add column other_iban text not null default '';
alter table bank_lines add column other_bic text not null default '';
-- What moves between own accounts.
alter table bank_allotments add column own bigint not null default 0;
-- `account` is what the bank calls it, `name` what it is called here. `new_minor` is what the lines of a statement come to that no
-- other one had brought.
alter table bank_statements add column name text not null default 'main';
alter table bank_statements add column new_minor bigint not null default 0;
update bank_statements set new_minor = lines_minor;

-- Transfers that go back to customers, each in one bank file at most. `iban` is empty where nobody knows it.
create table send_backs (
    transaction_id bigint primary key references ledger_transactions (id),
    reference      text not null unique,
    currency       text not null,
    minor          bigint not null,
    customer       text references accounts (name),
    holder         text not null,
    iban           text not null,
    bic            text not null,
    file           bigint,
    filed_at       text,
    returned_minor bigint not null
);
create index send_backs_by_file on send_backs (file);
