//! What is taken back of a sale: from every beneficiary and the marketplace alike, by the lot's own share, wherever the lot is by
//! then. Of several partial refunds the last one lands on zero.

use chandlery_package::Money;
use chandlery_package::wire::EntryKind;

use super::entries::{self, NewEntry};
use super::lots::{self, Lot};
use super::sales;
use super::told::{self, Told};
use crate::Error;
use crate::ledger::{Account, Transaction};
use chandlery_store::Write;

/// The debits of a refund, and what it changes of what is available.
pub struct ClawBack {
    /// To be credited by whoever asked, and posted.
    pub transaction: Transaction,
    /// To be written down once it is posted.
    pub entries: Vec<NewEntry>,
    /// What each lot had to give: its number, how much, and how much of that from its reserve.
    pub parts: Vec<(i64, Money, i64)>,
}

impl ClawBack {
    /// Nothing is taken back yet.
    pub fn new(transaction: Transaction) -> Self {
        Self { transaction, entries: Vec::new(), parts: Vec::new() }
    }
}

/// `share × cumulative ÷ total`, less what was taken before.
fn part(share: i64, cumulative: Money, total: Money, before: i64) -> Result<i64, Error> {
    Ok(total.with_minor(share)?.times(cumulative.minor(), total.minor().max(1))?.minor() - before)
}

/// Takes back so much more of a sale's gross. The marketplace gives its part too, unless the shares alone are wanted.
pub async fn claw_back(
    write: &mut Write,
    sale: i64,
    amount: Money,
    kind: EntryKind,
    mut taken: ClawBack,
    with_commission: bool,
) -> Result<ClawBack, Error> {
    let sale = sales::find(write, sale).await?;
    let cumulative = sale.refunded.plus(sale.disputed)?.plus(amount)?;
    if amount.minor() <= 0 || cumulative.minor() > sale.gross.minor() || sale.void_at.is_some() {
        let left = sale.left()?;
        return Err(Error::Conflict(format!(
            "{amount} cannot be taken back of sale {}: {left} are left",
            sale.id
        )));
    }
    let mut from_shares = Money::zero(amount.currency());
    for mut lot in lots::of_sale(write, sale.id).await? {
        let minor = part(lot.share.minor(), cumulative, sale.gross, lot.returned_minor)?;
        let reserve = part(lot.reserve_minor, cumulative, sale.gross, lot.reserve_returned_minor)?;
        taken = from_lot(write, taken, &lot, [minor - reserve, reserve], kind, sale.collected_at.is_some())
            .await?;
        lot.returned_minor += minor;
        lot.reserve_returned_minor += reserve;
        lot.save_returned(write).await?;
        from_shares = from_shares.plus(lot.money(minor)?)?;
        let part = lot.money(minor)?;
        if kind == EntryKind::Refund {
            let plugin = sale.plugin.as_ref();
            let told = Told { id: sale.id, plugin, customer: &sale.customer, gross: sale.gross };
            let (so_far, at) = (sale.refunded.plus(amount)?, taken.transaction.at);
            told::of_refund(write, &told, &lot, (amount, part), so_far, at).await?;
        }
        taken.parts.push((lot.id, part, reserve));
    }
    if with_commission {
        let commission = amount.minus(from_shares)?;
        taken.transaction = taken.transaction.debit(Account::Commission, commission);
        sqlx::query(
            "update sales set refunded_minor = refunded_minor + $1,
                    commission_returned_minor = commission_returned_minor + $2 where id = $3",
        )
        .bind(amount.minor())
        .bind(commission.minor())
        .bind(sale.id)
        .execute(&mut **write)
        .await?;
    }
    taken.transaction = taken.transaction.link("sale", sale.id);
    Ok(taken)
}

/// Takes the two parts of a lot, beside the reserve and of the reserve, from wherever each is by now.
async fn from_lot(
    write: &mut Write,
    mut taken: ClawBack,
    lot: &Lot,
    parts: [i64; 2],
    kind: EntryKind,
    collected: bool,
) -> Result<ClawBack, Error> {
    let places = [
        (Account::Pending(lot.partner.clone()), lot.released_by),
        (Account::Reserve(lot.partner.clone()), lot.reserve_released_by),
    ];
    let mut free = 0;
    for ((account, released_by), minor) in places.into_iter().zip(parts) {
        let held_in = if collected { account } else { Account::Accrued(lot.partner.clone()) };
        match released_by {
            None => taken.transaction = taken.transaction.debit(held_in, lot.money(minor)?),
            Some(_) => free += minor,
        }
    }
    if free != 0 {
        let (transaction, entry) =
            entries::debit(write, taken.transaction, &taken.entries, lot.money(free)?, kind, lot).await?;
        taken.transaction = transaction;
        taken.entries.push(entry);
    }
    Ok(taken)
}
