//! What operators do about what goes back to customers: each transfer and where it goes, and the bank file of all that may leave.

use chandlery_accounts::Caller;
use chandlery_package::wire::{Page, Paging, Payee, SendBack, SendBackFile, SendBackState};
use sqlx::AnyConnection;

use super::SendBackTotal;
use crate::approvals::{self, Approved, Ask, Wanted};
use crate::{Error, Finance};

/// What goes or went back in one state or in any, the oldest first.
pub async fn list(
    db: &mut AnyConnection,
    state: Option<SendBackState>,
    paging: &Paging<i64>,
) -> Result<Page<SendBack>, Error> {
    super::list(db, state, paging).await
}

/// The transfer of this reference, or that there is none.
pub async fn find(db: &mut AnyConnection, reference: &str) -> Result<SendBack, Error> {
    super::find(db, reference).await?.ok_or_else(|| super::none(reference))?.shown()
}

/// What the transfers in one state or in any come to, by currency.
pub async fn totals(
    db: &mut AnyConnection,
    state: Option<SendBackState>,
) -> Result<Vec<SendBackTotal>, Error> {
    super::totals(db, state, None).await
}

/// What the transfers of a bank file come to, by currency; nothing, where there is no such file.
pub async fn totals_of_file(db: &mut AnyConnection, file: i64) -> Result<Vec<SendBackTotal>, Error> {
    super::totals(db, None, Some(file)).await
}

/// The reference of the first transfer back that a text names.
pub fn named(text: &str) -> Option<&str> {
    super::named(text)
}

/// How many wait for a bank file, or for somebody to say where they go.
pub async fn count_waiting(db: &mut AnyConnection) -> Result<i64, Error> {
    let (ready, left_out) = super::waiting(db).await?;
    Ok((ready.len() + left_out.len()) as i64)
}

/// What the next bank file would have, and what would be left out of it, since nobody has said where it goes.
pub async fn next_file(db: &mut AnyConnection) -> Result<(Vec<SendBack>, Vec<SendBack>), Error> {
    let (ready, left_out) = super::waiting(db).await?;
    let shown =
        |rows: Vec<super::Row>| rows.into_iter().map(super::Row::shown).collect::<Result<Vec<_>, _>>();
    Ok((shown(ready)?, shown(left_out)?))
}

/// Makes the next bank file. `seen` are the references of what was shown: where other transfers wait by now, none is made, so that a
/// form that is sent twice is done once; none: nobody has looked.
pub async fn make_file(
    finance: &Finance,
    caller: &Caller,
    seen: Option<&[String]>,
) -> Result<SendBackFile, Error> {
    super::make_file(&finance.db, &caller.actor, seen, finance.clock.now()).await
}

/// The bank file of this number (ISO 20022 pain.001), as it was made.
pub async fn print_file(db: &mut AnyConnection, number: i64) -> Result<String, Error> {
    super::print_file(db, number).await
}

/// Says to which account a transfer goes that is in no bank file yet, or asks others where it goes to another one by that.
pub async fn say_where(
    finance: &Finance,
    caller: &Caller,
    reference: &str,
    to: &Payee,
) -> Result<Approved<SendBack>, Error> {
    let amount = super::would_move(&finance.db, reference, to).await?;
    let says = super::send_to(&finance.db, &caller.actor, reference, to);
    if amount.is_none() {
        return Ok(Approved::Done(says.await?));
    }
    let wanted = Wanted::Payee { reference: reference.to_owned(), to: to.clone() };
    let asked = Ask { by: &caller.name, wanted: &wanted, amount };
    approvals::ask_or_do(finance, &caller.actor, &asked, says).await
}
