//! What operators do without others: many small deeds of one within a day need as many others as one deed of their sum.

use chandlery_accounts::origins;
use chandlery_package::column::Text;
use chandlery_package::{Digest, Money, Namespace};
use chandlery_store::{Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::rules;
use super::wanted::{Ask, Wanted};
use crate::Error;

/// For how long a deed counts.
const COUNTS: SignedDuration = SignedDuration::from_hours(24);

/// What a deed is counted with, and how much it counts; none: it is compared by itself.
fn counted(asked: &Ask<'_>) -> Option<(&'static str, Money)> {
    let (kind, amount) = match asked.wanted {
        // Where something goes is another deed than that it goes.
        Wanted::Payee { .. } => ("payee", asked.amount?),
        wanted => (wanted.kind().as_str(), wanted.moves()?),
    };
    amount.is_positive().then_some((kind, amount))
}

/// By what a deed is known when it is asked for again.
fn name(asked: &Ask<'_>) -> String {
    Digest::of(json!([asked.wanted, asked.amount]).to_string()).to_string()
}

/// What the rules compare: the amount of a deed or, if that is more, what it comes to with all that was done alone before within a
/// day by whoever asks, or through an account that is not independent of it.
pub(super) async fn compared(
    write: &mut Write,
    asked: &Ask<'_>,
    now: Timestamp,
) -> Result<Option<Money>, Error> {
    let Some((kind, amount)) = counted(asked) else { return Ok(asked.amount) };
    let rows: Vec<(Text<Namespace>, i64)> = sqlx::query_as(
        "select account, cast(sum(minor) as bigint) from deeds_alone
         where kind = $1 and currency = $2 and at > $3 and not (account = $4 and deed = $5)
         group by account order by account",
    )
    .bind(kind)
    .bind(amount.currency().code())
    .bind(time(now - COUNTS))
    .bind(asked.by.as_str())
    .bind(name(asked))
    .fetch_all(&mut **write)
    .await?;
    let mut sum = amount;
    for (Text(account), minor) in rows {
        if is_its_own(write, asked.by, &account).await? {
            sum = sum.plus(amount.with_minor(minor)?)?;
        }
    }
    let alone = asked.amount.filter(|one| one.currency() == sum.currency() && one.minor() > sum.minor());
    Ok(Some(alone.unwrap_or(sum)))
}

/// Whether two accounts are one, or not independent of each other.
async fn is_its_own(write: &mut Write, by: &Namespace, other: &Namespace) -> Result<bool, Error> {
    if by == other {
        return Ok(true);
    }
    let theirs = origins::behind(write, other).await?;
    Ok(!origins::behind(write, by).await?.is_disjoint(&theirs))
}

/// Counts a deed that needs nobody else, where a rule of its kind holds above an amount. False: it is not counted, or was before; then it
/// counts however it ends, since it may have been done before.
pub(super) async fn count(write: &mut Write, asked: &Ask<'_>, now: Timestamp) -> Result<bool, Error> {
    let Some((kind, amount)) = counted(asked) else { return Ok(false) };
    let rules = rules::list(write).await?;
    if !rules.iter().any(|rule| rule.kind == asked.wanted.kind() && rule.above.is_some()) {
        return Ok(false);
    }
    sqlx::query("delete from deeds_alone where at <= $1")
        .bind(time(now - COUNTS))
        .execute(&mut **write)
        .await?;
    let (times,): (i64,) = sqlx::query_as(
        "insert into deeds_alone (account, deed, kind, currency, minor, at, asked) values ($1, $2, $3, $4, $5, $6, 1)
         on conflict (account, deed) do update set asked = deeds_alone.asked + 1 returning asked",
    )
    .bind(asked.by.as_str())
    .bind(name(asked))
    .bind(kind)
    .bind(amount.currency().code())
    .bind(amount.minor())
    .bind(time(now))
    .fetch_one(&mut **write)
    .await?;
    Ok(times == 1)
}

/// A deed that was counted was not done, unless the same was asked for meanwhile: that may be why.
pub(super) async fn forget(write: &mut Write, asked: &Ask<'_>) -> Result<(), Error> {
    sqlx::query("delete from deeds_alone where account = $1 and deed = $2 and asked = 1")
        .bind(asked.by.as_str())
        .bind(name(asked))
        .execute(&mut **write)
        .await?;
    Ok(())
}
