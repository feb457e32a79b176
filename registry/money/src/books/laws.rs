//! The laws of the books: what each account that stands for rows must hold, and what must not be there.

use chandlery_package::wire::TransactionKind;

/// How transactions lead to what they are posted for.
pub(super) enum Leads {
    /// Not each by itself: one may be of several items.
    Nowhere,
    /// By the first of these links that they have.
    By(&'static [&'static str]),
    /// Those of these kinds by the first of these links that they have; any other one is an item itself.
    Told(&'static [TransactionKind], &'static [&'static str]),
}

impl Leads {
    /// The links that lead to an item; none: nothing does.
    pub fn links(&self) -> &'static [&'static str] {
        match self {
            Self::Nowhere => &[],
            Self::By(links) | Self::Told(_, links) => links,
        }
    }

    /// Whether a transaction of this kind leads elsewhere.
    pub fn elsewhere(&self, kind: &str) -> bool {
        match self {
            Self::Nowhere => false,
            Self::By(_) => true,
            Self::Told(kinds, _) => kinds.iter().any(|told| told.as_str() == kind),
        }
    }
}

/// What ties an account to rows.
pub(super) struct Law {
    /// The accounts that it is about, as a pattern of SQL.
    pub accounts: &'static str,
    /// How transactions lead to an item.
    pub leads: Leads,
    /// The items: account, currency, item, and what the account holds for it in minor units, debits less credits.
    pub items: &'static str,
}

pub(super) const LAWS: [Law; 18] = [
    // The books have of the bank what its lines say, and what was recorded by hand and no line has told of yet.
    Law {
        accounts: "assets:bank%",
        leads: Leads::Told(&[TransactionKind::BankLine, TransactionKind::BankSeen], &["transaction", "payment"]),
        items: "select case when account = 'main' then 'assets:bank' else 'assets:bank:' || account end as account, currency, id as item,
                   minor
            from bank_lines where transaction_id is not null and account <> 'processor:stripe'
            union all select account, ledger_postings.currency, 'of transaction ' || cast(ledger_transactions.id as text), ledger_postings.minor
                      from ledger_postings
                      join ledger_transactions on ledger_transactions.id = ledger_postings.transaction_id
                      where account >= 'assets:bank' and account < 'assets:bank;'
                        and kind in ('invoice-paid', 'refund', 'payout-paid', 'payout-bounced', 'bank-sent-back', 'bank-opening',
                                     'processor-payout', 'processor-payout-failed', 'exchange', 'expense', 'sale', 'payout')
                        and not exists (select 1 from bank_allotments where seen = ledger_transactions.id
                                        and bank_allotments.currency = ledger_postings.currency)",
    },
    Law {
        accounts: "assets:transfers",
        leads: Leads::By(&["payment"]),
        items: "select 'assets:transfers' as account, currency, line as item, -minor as minor from bank_allotments where own = 1",
    },
    Law {
        accounts: "liabilities:suspense",
        leads: Leads::By(&["payment"]),
        items: "select 'liabilities:suspense' as account, currency, replace(id, 'processor:stripe/', '') as item, -open_minor as minor
            from bank_lines where open_minor <> 0",
    },
    // What arrived, less what the processor kept, gave back, holds while it is disputed, and has sent on.
    // The sales of a processor's dispute have disputes of their own, ID/SALE and, of a later round, ID.ROUND/SALE: in the order of
    // bytes they are all that is between `ID.` and `ID0`, which an index finds.
    Law {
        accounts: "assets:processor clearing",
        leads: Leads::By(&["dispute", "payout", "payment"]),
        items: "select 'assets:processor clearing' as account, currency, id as item,
                   received_minor - fee_minor + failed_minor - booked_refunds_minor as minor
            from processor_payments where paid_at is not null
            union all select 'assets:processor clearing', currency, about, -minor from processor_outbox where kind = 'refund'
            union all select 'assets:processor clearing', currency, id,
                             -fee_minor - case when state in ('open', 'lost') then minor else 0 end from disputes
            union all select 'assets:processor clearing', currency, id,
                             -fee_minor - case when state in ('open', 'lost') then minor - (
                                 select coalesce(sum(disputes.minor), 0) from disputes
                                 where disputes.state in ('open', 'lost') and disputes.id >= processor_disputes.id || '.'
                                   and disputes.id < processor_disputes.id || '0') else 0 end
                      from processor_disputes
            union all select 'assets:processor clearing', sent_currency, cast(id as text), -sent_minor from payouts
                      where rail = 'stripe' and state in ('paid', 'partly-returned')
            union all select 'assets:processor clearing', sent_currency, cast(payouts.id as text), payout_returns.sent_minor
                      from payout_returns join payouts on payouts.id = payout where rail = 'stripe' and state = 'partly-returned'
            union all select 'assets:processor clearing', ledger_postings.currency, cast(payouts.id as text), -ledger_postings.minor
                      from ledger_postings join ledger_transactions on ledger_transactions.id = transaction_id
                      join payouts on key = 'payout-paid:' || payouts.id
                      where account = 'expenses:payout fees' and rail = 'stripe'
            union all select 'assets:processor clearing', currency, id, -minor from processor_payouts where state = 'arrived'
            union all select 'assets:processor clearing', currency, item, -minor from processor_exchanges
            union all select 'assets:processor clearing', into_currency, item, into_minor - fee_minor from processor_exchanges
            union all select account, currency, 'what was there before', minor from opening_differences
                      where account = 'assets:processor clearing'",
    },
    Law {
        accounts: "assets:disputes held",
        leads: Leads::By(&["dispute"]),
        items: "select 'assets:disputes held' as account, currency, id as item, minor from disputes where state = 'open'
            union all select 'assets:disputes held', currency, id, minor - (
                          select coalesce(sum(disputes.minor), 0) from disputes
                          where disputes.state = 'open' and disputes.id >= processor_disputes.id || '.'
                            and disputes.id < processor_disputes.id || '0')
                      from processor_disputes where state = 'open'
            union all select account, currency, 'what was there before', minor from opening_differences
                      where account = 'assets:disputes held'",
    },
    // What customers have beyond what they owe, by where it comes from and what has used it.
    Law {
        accounts: "liabilities:credit:%",
        leads: Leads::Nowhere,
        items: "select 'liabilities:credit:' || account as account, currency, cast(number as text) as item, credit_minor as minor
            from invoices where credit_minor <> 0
            union all select 'liabilities:credit:' || account, refunds.currency, cast(refunds.number as text),
                             cash_minor - refunds.minor - refunds.tax_minor
                      from refunds join invoices on invoices.number = invoice
            union all select 'liabilities:credit:' || account, currency, cast(number as text), -minor
                      from invoice_credits join invoices on number = invoice
            union all select 'liabilities:credit:' || customer, currency, line, -minor from bank_allotments where customer is not null
            union all select 'liabilities:credit:' || customer, currency, id, surplus_returned_minor - surplus_minor - failed_minor
                      from processor_payments where customer is not null
            union all select account, currency, 'what was there before', minor from opening_differences
                      where account like 'liabilities:credit:%'",
    },
    Law {
        accounts: "liabilities:partner:%:accrued",
        leads: Leads::Nowhere,
        items: "select 'liabilities:partner:' || partner || ':accrued' as account, lots.currency as currency,
                   cast(lots.id as text) as item, returned_minor - share_minor as minor
            from lots join sales on sales.id = sale where collected_at is null and void_at is null",
    },
    Law {
        accounts: "liabilities:partner:%:pending",
        leads: Leads::Nowhere,
        items: "select 'liabilities:partner:' || partner || ':pending' as account, lots.currency as currency,
                   cast(lots.id as text) as item, returned_minor - share_minor + reserve_minor - reserve_returned_minor as minor
            from lots join sales on sales.id = sale where collected_at is not null and released_by is null",
    },
    Law {
        accounts: "liabilities:partner:%:reserve",
        leads: Leads::Nowhere,
        items: "select 'liabilities:partner:' || partner || ':reserve' as account, lots.currency as currency,
                   cast(lots.id as text) as item, reserve_returned_minor - reserve_minor as minor
            from lots join sales on sales.id = sale where collected_at is not null and reserve_released_by is null",
    },
    Law {
        accounts: "liabilities:partner:%:available",
        leads: Leads::Nowhere,
        items: "select 'liabilities:partner:' || available_entries.partner || ':available' as account,
                   available_entries.currency as currency, cast(available_entries.id as text) as item,
                   -available_entries.minor as minor
            from available_entries left join payouts on payouts.id = payout where payout is null or state = 'proposed'",
    },
    Law {
        accounts: "liabilities:partner:%:in transit",
        leads: Leads::By(&["payout"]),
        items: "select 'liabilities:partner:' || partner || ':in transit' as account, sent_currency as currency,
                   cast(id as text) as item, -sent_minor as minor
            from payouts where state in ('approved', 'sent')",
    },
    Law {
        accounts: "liabilities:partner:%:disputed",
        leads: Leads::By(&["dispute"]),
        items: "select 'liabilities:partner:' || partner || ':disputed' as account, lots.currency as currency,
                   dispute as item, -dispute_parts.minor as minor
            from dispute_parts join lots on lots.id = lot join disputes on disputes.id = dispute where state = 'open'",
    },
    // What was taken back of earnings that were available by then, beyond what was free, and was not recovered, settled or given up.
    Law {
        accounts: "assets:receivable:partner:%",
        leads: Leads::Nowhere,
        items: "select 'assets:receivable:partner:' || partner as account, currency, cast(id as text) as item, minor
            from available_entries where kind <> 'offset'
            union all select 'assets:receivable:partner:' || partner, currency, cast(id as text),
                             returned_minor - share_minor + reserve_minor - reserve_returned_minor
                      from lots where released_by is not null
            union all select 'assets:receivable:partner:' || partner, currency, cast(id as text),
                             reserve_returned_minor - reserve_minor
                      from lots where reserve_released_by is not null
            union all select 'assets:receivable:partner:' || partner, currency, cast(payouts.id as text), -payout_returns.minor
                      from payout_returns join payouts on payouts.id = payout
            union all select account, currency, key, minor from ledger_postings
                      join ledger_transactions on ledger_transactions.id = transaction_id
                      where account >= 'assets:receivable:partner:' and account < 'assets:receivable:partner;'
                        and kind = 'debt-offset'
            union all select 'assets:receivable:partner:' || partner, currency, cast(id as text), -minor
                      from debt_write_offs where state = 'approved'",
    },
    Law {
        accounts: "assets:receivable:customers",
        leads: Leads::By(&["invoice"]),
        items: "select 'assets:receivable:customers' as account, currency, cast(number as text) as item,
                   net_minor + tax_minor - credit_minor - refunded_minor - coalesce(part_payments.minor, 0) as minor
            from invoices left join part_payments on invoice = number where state = 'open'",
    },
    // What is used is invoiced in the transaction that charges it.
    Law {
        accounts: "assets:receivable:unbilled",
        leads: Leads::Nowhere,
        items: "select account, currency, '' as item, minor from ledger_balances where 1 = 0",
    },
    // What is left of a period that another one has cut short is in that one.
    Law {
        accounts: "liabilities:deferred:plans",
        leads: Leads::By(&["customer"]),
        items: "select 'liabilities:deferred:plans' as account, currency, account as item,
                   plan_periods.refunded_minor + recognised_minor - price_minor as minor
            from plan_periods join invoices on number = invoice where ended_at is null and state <> 'uncollectible'",
    },
    Law {
        accounts: "liabilities:tax:withheld",
        leads: Leads::By(&["payout"]),
        items: "select 'liabilities:tax:withheld' as account, currency, cast(id as text) as item, -withheld_minor as minor
            from payouts where state in ('approved', 'sent', 'paid', 'partly-returned')
            union all select 'liabilities:tax:withheld', currency, cast(payouts.id as text), payout_returns.withheld_minor
                      from payout_returns join payouts on payouts.id = payout where state = 'partly-returned'",
    },
    Law {
        accounts: "liabilities:tax:sales",
        leads: Leads::By(&["invoice"]),
        items: "select 'liabilities:tax:sales' as account, currency, cast(number as text) as item, -tax_minor as minor
            from invoices where state <> 'uncollectible'
            union all select 'liabilities:tax:sales', refunds.currency, cast(invoices.number as text), refunds.tax_minor
                      from refunds join invoices on invoices.number = invoice where state <> 'uncollectible'",
    },
];

/// What must not be there, and how to say it: each query gives one text for each fault.
pub(super) const NEVER: [(&str, &str); 11] = [
    (
        "what is booked of it is not what it says",
        "select 'bank line ' || bank_lines.id from bank_lines
         left join ledger_postings on ledger_postings.transaction_id = bank_lines.transaction_id
              and (ledger_postings.account like 'assets:bank%' or ledger_postings.account = 'liabilities:suspense'
                   and bank_lines.account = 'processor:stripe')
         where bank_lines.transaction_id is not null
           and coalesce(case bank_lines.account when 'processor:stripe' then -ledger_postings.minor else ledger_postings.minor end, 0)
               <> bank_lines.minor",
    ),
    (
        "what is open of it is not what was not allotted",
        "select 'bank line ' || bank_lines.id from bank_lines left join bank_allotments on line = bank_lines.id
         where bank_lines.transaction_id is not null group by bank_lines.id, bank_lines.minor, open_minor
         having bank_lines.minor - open_minor <> coalesce(sum(bank_allotments.minor), 0)",
    ),
    (
        "more came back of it than was sent",
        "select 'payout ' || id from payouts join payout_returns on payout = id
         group by id, payouts.sent_minor, payouts.minor, payouts.withheld_minor
         having sum(payout_returns.sent_minor) > payouts.sent_minor or sum(payout_returns.minor) > payouts.minor
             or sum(payout_returns.withheld_minor) > payouts.withheld_minor",
    ),
    (
        "the parts of a sale do not sum to it",
        "select 'sale ' || sales.id from sales left join lots on sale = sales.id
         group by sales.id, gross_minor, commission_minor
         having gross_minor <> commission_minor + coalesce(sum(share_minor), 0)",
    ),
    (
        "more was given back than was paid",
        "select 'sale ' || id from sales where refunded_minor + disputed_minor > gross_minor
            or commission_returned_minor > commission_minor
         union all select 'lot ' || id from lots where returned_minor > share_minor or returned_minor < 0
            or reserve_returned_minor > reserve_minor
         union all select 'the period of invoice ' || invoice from plan_periods where refunded_minor > price_minor
            or ended_at is null and recognised_minor > price_minor - refunded_minor",
    ),
    (
        "what was given back of a sale is not what was taken from its shares",
        "select 'sale ' || sales.id from sales join lots on sale = sales.id where void_at is null
         group by sales.id, refunded_minor, disputed_minor, commission_returned_minor
         having sum(returned_minor) + commission_returned_minor > refunded_minor + disputed_minor
             or sum(returned_minor) + commission_returned_minor < refunded_minor",
    ),
    (
        "the items of a payout do not sum to it",
        "select 'payout ' || id from payouts join payout_items on payout = id
         group by id, payouts.minor, state
         having sum(payout_items.minor) <> case when state = 'cancelled' then 0
             when state = 'returned' and not exists (select 1 from payout_returns where payout_returns.payout = payouts.id) then 0
             else payouts.minor end",
    ),
    (
        "it is in two payouts",
        "select 'change ' || entry from payout_items join payouts on payouts.id = payout_items.payout
         where state not in ('cancelled', 'returned') group by entry having count(distinct payouts.id) > 1",
    ),
    (
        "the numbers have gaps",
        "select what from (
             select 'invoices' as what, count(*) as count, coalesce(max(number), 0) as last from invoices
             union all select 'credit notes', count(*), coalesce(max(number), 0) from refunds) as numbers
         where last <> count",
    ),
    (
        "the lines of an invoice do not sum to it",
        "select 'invoice ' || number from invoices left join invoice_lines on invoice = number
         group by number, net_minor having coalesce(sum(amount_minor), 0) <> net_minor",
    ),
    (
        "it is below zero, which it never is",
        "select account || ' in ' || currency from ledger_balances
         where minor > 0 and (account like 'liabilities:partner:%' or account like 'liabilities:credit:%')
            or minor < 0 and account like 'assets:receivable:%'",
    ),
];
