//! One sale down to its split, the policy that shared it, what became of it, and the ledger's entries of it.

use chandlery_package::column::Text;
use chandlery_package::wire::{ExplainedLot, LotRole, TransactionKind};
use chandlery_package::{Balance, Currency, Money, Namespace, RevenueSharePolicy};
use jiff::Timestamp;
use sqlx::AnyConnection;

use super::disputes::{self, Disputed};
use crate::payouts::earnings::of_partner;
use crate::{Error, payouts, sharing};

/// A posting of a transaction to one of the partner's own accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// The ledger's number of the transaction.
    pub transaction: i64,
    /// When it was booked.
    pub at: Timestamp,
    /// What kind of transaction it is.
    pub kind: TransactionKind,
    /// What it was about, as people read it.
    pub description: String,
    /// Which of the partner's accounts: `pending`, `available`, ….
    pub account: String,
    /// What the partner has more there or, below zero, less.
    pub amount: Balance,
}

/// A credit note that has taken a part of the sale back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The number of the credit note.
    pub credit_note: i64,
    /// When it was made.
    pub at: Timestamp,
    /// Why, as whoever made it has written.
    pub reason: String,
    /// What it has taken back of what the partner has earned with its invoice.
    pub share: Balance,
}

/// A sale as one who shares it sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleDetails {
    /// The partner's own shares of it, the sale, and what was used where it was sold by use.
    pub lots: Vec<ExplainedLot>,
    /// What others get, by their names; empty: the partner has only referred the customer.
    pub others: Vec<(Namespace, Money)>,
    /// What was given back of its price so far; none: see there.
    pub refunded: Option<Money>,
    /// When the customer paid.
    pub collected_at: Option<Timestamp>,
    /// When it was given up.
    pub void_at: Option<Timestamp>,
    /// The policy that shared it.
    pub policy: RevenueSharePolicy,
    /// The credit notes that have taken something back of it, in order.
    pub taken_back: Vec<TakenBack>,
    /// The disputes of it, in order.
    pub disputes: Vec<Disputed>,
    /// The payouts that have taken its shares on.
    pub payouts: Vec<i64>,
    /// The ledger's entries of it on the partner's accounts, in order.
    pub entries: Vec<Posted>,
}

/// A sale that a partner shares, or that there is none.
pub async fn sale(db: &mut AnyConnection, partner: &Namespace, number: i64) -> Result<SaleDetails, Error> {
    let all = sharing::lots_of_sale(db, number).await?;
    let mut lots = Vec::new();
    for lot in all.iter().filter(|lot| lot.partner == *partner) {
        lots.push(payouts::explain_lot(db, lot).await?);
    }
    let is_own = lots.iter().any(|lot| lot.role == LotRole::Seller);
    if lots.is_empty() {
        return Err(Error::NotFound(format!("sale {number} of '{partner}'")));
    }
    let sale = sharing::find_sale(db, number).await?;
    let others = all.iter().filter(|lot| is_own && lot.partner != *partner);
    let currency = sale.gross.currency();
    Ok(SaleDetails {
        others: others.map(|lot| (lot.partner.clone(), lot.share)).collect(),
        refunded: Some(sale.refunded).filter(|_| is_own),
        collected_at: sale.collected_at,
        void_at: sale.void_at,
        policy: sharing::version(db, sale.policy).await?,
        taken_back: taken_back(db, partner, number, currency).await?,
        disputes: disputes::of_sale(db, partner, number).await?,
        payouts: payouts_of(db, partner, number).await?,
        entries: entries(db, partner, number, currency).await?,
        lots,
    })
}

async fn payouts_of(db: &mut AnyConnection, partner: &Namespace, sale: i64) -> Result<Vec<i64>, Error> {
    let rows: Vec<(i64,)> = sqlx::query_as(
        "select distinct payout_items.payout from lots join available_entries on available_entries.lot = lots.id
         join payout_items on payout_items.entry = available_entries.id
         where lots.sale = $1 and lots.partner = $2 and available_entries.partner = $2 and available_entries.currency = lots.currency
         order by 1",
    )
    .bind(sale)
    .bind(partner.as_str())
    .fetch_all(db)
    .await?;
    Ok(rows.into_iter().map(|(payout,)| payout).collect())
}

async fn taken_back(
    db: &mut AnyConnection,
    partner: &Namespace,
    sale: i64,
    currency: Currency,
) -> Result<Vec<TakenBack>, Error> {
    type Row = (i64, Text<Timestamp>, String, i64);
    let sql = "select refunds.number, refunds.at, reason, cast(-sum(ledger_postings.minor) as bigint)
         from invoice_lines join refunds on refunds.invoice = invoice_lines.invoice
         join ledger_postings on ledger_postings.transaction_id = refunds.transaction_id
         where invoice_lines.sale = $7 and ledger_postings.account in ($1, $2, $3, $4, $5, $6)
         group by refunds.number, refunds.at, reason order by refunds.number";
    let rows = of_partner::<Row>(sql, partner).bind(sale).fetch_all(db).await?;
    let read = |(credit_note, Text(at), reason, minor): Row| {
        Ok(TakenBack { credit_note, at, reason, share: Balance::new(minor, currency)? })
    };
    rows.into_iter().map(read).collect()
}

/// The postings to the partner's accounts of the transactions that are about a sale: that which shared it, its payment, the ends of its
/// holds, the credit notes of its invoice, its disputes, and whatever else has changed what is available of it.
async fn entries(
    db: &mut AnyConnection,
    partner: &Namespace,
    sale: i64,
    currency: Currency,
) -> Result<Vec<Posted>, Error> {
    type Row = (i64, Text<Timestamp>, Text<TransactionKind>, String, String, i64);
    let sql = "select ledger_transactions.id, at, kind, description, account, cast(-sum(ledger_postings.minor) as bigint)
         from ledger_transactions join ledger_postings on transaction_id = ledger_transactions.id
         where account in ($1, $2, $3, $4, $5, $6) and ledger_postings.currency = $7
           and (ledger_transactions.id = $8
             or ledger_transactions.id in (select transaction_id from refunds join invoice_lines
                                             on invoice_lines.invoice = refunds.invoice where invoice_lines.sale = $8)
             or ledger_transactions.id in (select released_by from lots where sale = $8
                                           union select reserve_released_by from lots where sale = $8
                                           union select transaction_id from available_entries
                                             join lots on lots.id = lot where sale = $8)
             or key = 'collected:' || $9
             or key in (select 'written-off:' || cast(invoice as text) from invoice_lines where sale = $8)
             or key in (select 'dispute-held:' || disputes.id from disputes where sale = $8
                        union select 'dispute-lost:' || disputes.id from disputes where sale = $8
                        union select 'dispute-freed:' || disputes.id || ':' || cast(lots.id as text)
                          from disputes join lots on lots.sale = disputes.sale where disputes.sale = $8))
         group by ledger_transactions.id, at, kind, description, account order by ledger_transactions.id, account";
    let query = of_partner::<Row>(sql, partner).bind(currency.code()).bind(sale).bind(sale.to_string());
    let rows = query.fetch_all(db).await?;
    let read = |(transaction, Text(at), Text(kind), description, account, minor): Row| {
        let account = match account.starts_with("assets:") {
            true => "owed back".to_owned(),
            false => account.rsplit(':').next().unwrap_or_default().to_owned(),
        };
        let amount = Balance::new(minor, currency)?;
        Ok(Posted { transaction, at, kind, description, account, amount })
    };
    rows.into_iter().map(read).collect()
}
