-- The money as a whole: what leads back from the books, prices that are kept once agreed on, invoices with lines and taxes, sales
-- with several beneficiaries, refunds and disputes, payouts down to their items, statements, and closed months.

-- The ledger. `links` is a JSON object of what a transaction leads back to.
alter table ledger_transactions add column links text not null default '{}';
create index ledger_transactions_by_at on ledger_transactions (at);

-- Nothing is posted in these months any more; `balances_digest` is of every balance at the month's end.
create table closed_months (
    month           text primary key,
    closed_at       text not null,
    closed_by       text not null references accounts (name),
    last            bigint not null,
    balances_digest text not null
);

-- How sales are shared, by date: see `Policy`.
alter table share_policies add column body text not null default '{"commission":[{"rate":"15%"}],"services":"15%"}';
alter table share_policies drop column partner_weight;
alter table share_policies drop column marketplace_weight;

-- Publishers with the same group count their sales together.
alter table namespaces add column volume_group text;

-- What plugins cost, by date. A price with a customer is offered to that one alone.
create table prices (
    plugin   text not null references plugins (id),
    version  bigint not null,
    since    text not null,
    offer    text not null,
    customer text references accounts (name),
    primary key (plugin, version)
);
insert into prices (plugin, version, since, offer)
select id, 1, '1970-01-01T00:00:00.000000Z',
       '{"price":{"kind":"once","amount":{"minor":' || price_minor || ',"currency":"' || price_currency || '"}},"trial_days":0}'
from plugins where price_minor is not null;
alter table plugins add column offer text;
update plugins set offer = (select prices.offer from prices where prices.plugin = plugins.id);
alter table plugins drop column price_minor;
alter table plugins drop column price_currency;

create table coupons (
    code     text primary key,
    plugin   text not null references plugins (id),
    discount text not null,
    until    text not null,
    uses     bigint not null,
    uses_max bigint not null
);

-- Where a customer is, for its taxes and reminders.
create table billing_profiles (
    account text primary key references accounts (name),
    country text not null,
    email   text,
    tax_id  text
);
create table tax_rules (
    country text not null,
    since   text not null,
    name    text not null,
    rate    text not null,
    primary key (country, since)
);

-- One `base` costs `numerator / denominator` of `quote` from this day on.
create table fx_rates (
    base        text not null,
    quote       text not null,
    day         text not null,
    numerator   bigint not null,
    denominator bigint not null,
    primary key (base, quote, day)
);

-- An order keeps the offer that it was made at. One that is not paid once lasts until `ended_at`.
alter table orders rename to orders_before;
create table orders (
    reference  text primary key,
    customer   text not null references accounts (name),
    plugin     text not null references plugins (id),
    offer      text not null,
    discount   text not null,
    referrer   text references namespaces (name),
    tax_minor  bigint not null,
    ordered_at text not null,
    ended_at   text,
    paid_at    text,
    invoice    bigint,
    unique (customer, plugin)
);
insert into orders (reference, customer, plugin, offer, discount, tax_minor, ordered_at, paid_at)
select reference, customer, plugin,
       '{"price":{"kind":"once","amount":{"minor":' || price_minor || ',"currency":"' || price_currency || '"}},"trial_days":0}',
       '0%', 0, ordered_at, paid_at
from orders_before;

-- Invoices: numbers without gaps, lines, taxes.
alter table invoices rename to invoices_before;
drop index invoices_by_account;
create table invoices (
    number         bigint primary key,
    account        text not null references accounts (name),
    currency       text not null,
    net_minor      bigint not null,
    tax_minor      bigint not null,
    tax_name       text not null default 'no tax',
    credit_minor   bigint not null,
    refunded_minor bigint not null,
    issued_at      text not null,
    due_at         text not null,
    state          text not null,
    paid_at        text,
    paid_through   text,
    payment        text unique,
    reminded       bigint not null
);
create index invoices_by_account on invoices (account);
create table invoice_lines (
    invoice        bigint not null references invoices (number),
    line           bigint not null,
    kind           text not null,
    description    text not null,
    quantity       text not null,
    amount_minor   bigint not null,
    sale           bigint,
    refunded_minor bigint not null default 0,
    primary key (invoice, line)
);
-- The period that an invoice for a subscription is for, earned by the day.
create table plan_periods (
    invoice          bigint primary key references invoices (number),
    tier             text not null,
    from_at          text not null,
    to_at            text not null,
    months           bigint not null,
    price_minor      bigint not null,
    credit_minor     bigint not null,
    ended_at         text,
    recognised_minor bigint not null
);
insert into invoices (number, account, currency, net_minor, tax_minor, credit_minor, refunded_minor, issued_at, due_at, state,
                      paid_at, paid_through, payment, reminded)
select number, account, currency, price_minor - credit_minor, 0, 0, 0, issued_at, due_at, state,
       case when bank_reference is null then null else issued_at end,
       case when bank_reference is null then null else 'bank' end, bank_reference, 0
from invoices_before;
insert into invoice_lines (invoice, line, kind, description, quantity, amount_minor)
select number, 0, 'plan', tier, '1', price_minor from invoices_before;
insert into invoice_lines (invoice, line, kind, description, quantity, amount_minor)
select number, 1, 'unused', 'what was left of the invoice before', '1', -credit_minor from invoices_before where credit_minor > 0;
insert into plan_periods (invoice, tier, from_at, to_at, months, price_minor, credit_minor, ended_at, recognised_minor)
select number, tier, from_at, to_at, case when substr(from_at, 1, 4) = substr(to_at, 1, 4) then 1 else 12 end,
       price_minor, credit_minor, ended_at, recognised_minor
from invoices_before;

-- Usage: one row for each event, in the month (UTC) in which it ended. `units` is a JSON object of what the plugin reported.
alter table usage_events rename to usage_events_before;
drop index usage_events_by_account;
create table usage_events (
    id             text primary key,
    account        text not null references accounts (name),
    month          text not null,
    deployment     text not null,
    plugin         text not null,
    version        text not null,
    from_at        text not null,
    to_at          text not null,
    replica_millis bigint not null,
    gpu_millis     bigint not null,
    units          text not null,
    received_at    text not null
);
insert into usage_events (id, account, month, deployment, plugin, version, from_at, to_at, replica_millis, gpu_millis, units,
                          received_at)
select id, account, substr(to_at, 1, 7), deployment, plugin, version, from_at, to_at, replica_millis, gpu_millis, '',
       received_at
from usage_events_before;
drop table usage_events_before;
create index usage_events_by_month on usage_events (month, account, plugin);
-- Events that do not count any more, and what counts instead: either may come first. A correction is of the same account and
-- plugin, or of nothing.
create table usage_corrections (
    corrects text not null,
    account  text not null,
    plugin   text not null,
    id       text not null,
    primary key (corrects, account)
);
-- Closed months that events came for afterwards: they are rated again.
create table reopened_usage (
    month   text not null,
    account text not null,
    plugin  text not null,
    primary key (month, account, plugin)
);
-- What of an order was invoiced for a month: the latest row is of all its use by then.
create table ratings (
    reference     text not null references orders (reference),
    month         text not null,
    invoiced_in   text not null,
    used          bigint not null,
    charged_minor bigint not null,
    sale          bigint,
    primary key (reference, month, invoiced_in)
);

-- Sales and who earns from them.
create table sales (
    id                        bigint primary key,
    source                    text not null unique,
    customer                  text not null references accounts (name),
    seller                    text not null references namespaces (name),
    plugin                    text references plugins (id),
    currency                  text not null,
    gross_minor               bigint not null,
    commission_minor          bigint not null,
    policy                    bigint not null references share_policies (version),
    before_minor              bigint not null,
    volume_minor              bigint not null,
    volume_currency           text not null,
    referred                  bigint not null,
    sold_at                   text not null,
    collected_at              text,
    paid_through              text,
    void_at                   text,
    refunded_minor            bigint not null,
    commission_returned_minor bigint not null,
    disputed_minor            bigint not null
);
create index sales_by_seller on sales (seller, sold_at);

alter table lots rename to lots_before;
drop index lots_by_partner;
create table lots (
    id                     bigint primary key,
    sale                   bigint not null references sales (id),
    partner                text not null references namespaces (name),
    role                   text not null,
    currency               text not null,
    share_minor            bigint not null,
    reserve_minor          bigint not null,
    returned_minor         bigint not null,
    reserve_returned_minor bigint not null,
    available_at           text,
    reserve_until          text,
    released_by            bigint,
    reserve_released_by    bigint
);
create index lots_by_partner on lots (partner, currency);
create index lots_by_sale on lots (sale);
create index lots_by_release on lots (available_at);

insert into sales (id, source, customer, seller, plugin, currency, gross_minor, commission_minor, policy, before_minor, volume_minor,
                   volume_currency, referred, sold_at, collected_at, paid_through, refunded_minor, commission_returned_minor,
                   disputed_minor)
select lots_before.transaction_id, 'order ' || substr(ledger_transactions.key, 6), orders_before.customer, lots_before.partner,
       lots_before.plugin, lots_before.currency, gross_minor, gross_minor - net_minor, policy, 0, gross_minor, lots_before.currency,
       0, ledger_transactions.at, ledger_transactions.at, 'bank', 0, 0, 0
from lots_before join ledger_transactions on ledger_transactions.id = lots_before.transaction_id
join orders_before on orders_before.reference = substr(ledger_transactions.key, 6);
insert into lots (id, sale, partner, role, currency, share_minor, reserve_minor, returned_minor, reserve_returned_minor,
                  available_at, released_by)
select transaction_id, transaction_id, partner, 'seller', currency, net_minor, 0, 0, 0, available_at, released_by from lots_before;

-- Every change of what is available to a partner. What a payout has taken on is not free for another.
create table available_entries (
    id             bigint primary key,
    partner        text not null references namespaces (name),
    currency       text not null,
    minor          bigint not null,
    kind           text not null,
    lot            bigint references lots (id),
    transaction_id bigint not null,
    payout         bigint
);
create index available_entries_by_partner on available_entries (partner, currency);
insert into available_entries (id, partner, currency, minor, kind, lot, transaction_id)
select id, partner, currency, share_minor, 'earning', id, released_by from lots where released_by is not null;

create table refunds (
    number         bigint primary key,
    key            text not null unique,
    invoice        bigint references invoices (number),
    sale           bigint references sales (id),
    currency       text not null,
    minor          bigint not null,
    tax_minor      bigint not null,
    cash_minor     bigint not null,
    reason         text not null,
    at             text not null,
    transaction_id bigint not null
);
create table disputes (
    id        text primary key,
    sale      bigint not null references sales (id),
    currency  text not null,
    minor     bigint not null,
    fee_minor bigint not null,
    state     text not null,
    opened_at text not null,
    closed_at text
);
-- What of a dispute each lot has to bear.
create table dispute_parts (
    dispute       text not null references disputes (id),
    lot           bigint not null references lots (id),
    minor         bigint not null,
    reserve_minor bigint not null,
    primary key (dispute, lot)
);

-- How a partner is paid: the latest version that an operator has approved holds.
create table payout_profiles (
    partner     text not null references namespaces (name),
    version     bigint not null,
    body        text not null,
    changed_by  text not null references accounts (name),
    changed_at  text not null,
    approved_by text references accounts (name),
    primary key (partner, version)
);
create table payout_runs (
    id          bigint primary key,
    proposed_by text not null references accounts (name),
    proposed_at text not null,
    approved_by text references accounts (name),
    sent_at     text
);
alter table payouts add column run bigint;
alter table payouts add column rail text not null default 'manual';
alter table payouts add column withheld_minor bigint not null default 0;
alter table payouts add column sent_minor bigint not null default 0;
alter table payouts add column sent_currency text not null default '';
alter table payouts add column profile bigint;
alter table payouts add column proposed_at text not null default '1970-01-01T00:00:00.000000Z';
alter table payouts add column approved_at text;
alter table payouts add column settled_at text;
alter table payouts add column remote_id text;
update payouts set sent_minor = minor, sent_currency = currency;
-- What a payout is made of. Rows are only ever added: one that comes back adds the same below zero.
create table payout_items (
    payout bigint not null references payouts (id),
    line   bigint not null,
    entry  bigint not null references available_entries (id),
    minor  bigint not null,
    primary key (payout, line)
);
-- Before this, a payout was of all that was available.
update available_entries set payout = (
    select min(payouts.id) from payouts
    where payouts.partner = available_entries.partner and payouts.currency = available_entries.currency
      and payouts.state in ('approved', 'paid')
      and available_entries.transaction_id < coalesce(
          (select ledger_transactions.id from ledger_transactions where ledger_transactions.key = 'payout:' || payouts.id), 0)
);
drop table lots_before;
drop table invoices_before;
drop table orders_before;

-- A partner's month in one currency, as the log has it.
create table statements (
    partner   text not null references namespaces (name),
    currency  text not null,
    month     text not null,
    body      text not null,
    digest    text not null,
    log_index bigint not null,
    primary key (partner, currency, month)
);

-- What a processor of payments has told us, each event once; and what of ours each of its payments is for.
create table processor_events (
    id          text primary key,
    received_at text not null
);
create table processor_payments (
    id          text primary key,
    subject     text not null,
    currency    text not null,
    minor       bigint not null,
    paid_at     text
);
-- Lines of the bank's statements, each once.
create table bank_lines (
    id       text primary key,
    at       text not null,
    currency text not null,
    minor    bigint not null,
    text     text not null,
    outcome  text not null
);

-- Certified consultants, what they offer, and orders by milestones.
create table consultants (
    namespace       text primary key references namespaces (name),
    title           text not null,
    about           text not null,
    certified_until text
);
create table services (
    namespace   text not null references consultants (namespace),
    name        text not null,
    title       text not null,
    price_minor bigint not null,
    currency    text not null,
    primary key (namespace, name)
);
create table milestones (
    reference   text not null,
    number      bigint not null,
    namespace   text not null references consultants (namespace),
    service     text not null,
    customer    text not null references accounts (name),
    title       text not null,
    price_minor bigint not null,
    currency    text not null,
    ordered_at  text not null,
    accepted_at text,
    invoice     bigint,
    primary key (reference, number)
);

-- What customers are told: shown to them, and sent by e-mail.
create table notices (
    key     text primary key,
    account text not null references accounts (name),
    subject text not null,
    body    text not null,
    made_at text not null,
    sent_at text
);
create index notices_by_account on notices (account);
