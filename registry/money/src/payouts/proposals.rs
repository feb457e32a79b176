//! Proposals of payouts: each takes on every change of what is available that no other payout has.

use chandlery_package::column::Text;
use chandlery_package::wire::{Act, Payout};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;

use super::{profiles, run, schedule};
use crate::{Error, sharing};
use chandlery_accounts::Actor;
use chandlery_store::{Db, Write, time};

/// Proposes to pay out all that is available to a partner, whatever its schedule. There is at most one open proposal per partner and currency.
pub async fn propose(
    db: &Db,
    actor: &Actor,
    operator: &Namespace,
    partner: &Namespace,
    currency: Currency,
    now: Timestamp,
) -> Result<Payout, Error> {
    sharing::release_matured(db, now).await?;
    let mut write = db.write().await?;
    let open: Option<(i64,)> =
        sqlx::query_as("select id from payouts where partner = $1 and currency = $2 and state = 'proposed'")
            .bind(partner.as_str())
            .bind(currency.code())
            .fetch_optional(&mut *write)
            .await?;
    if let Some((id,)) = open {
        return run::find(&mut write, id).await;
    }
    let payout = match proposal(&mut write, operator, partner, currency, None, now).await? {
        Proposal::Made(payout) => payout,
        Proposal::Below { available, .. } if available.minor() <= 0 => {
            return Err(Error::Invalid(format!("nothing is available to '{partner}' in {currency}")));
        }
        Proposal::Below { available, minimum } => {
            return Err(Error::Invalid(format!(
                "{available} are available to '{partner}', less than the least that is paid out, {minimum}"
            )));
        }
    };
    run::tell_of(&mut write, actor, Act::PayoutProposed, &payout).await?;
    write.commit().await?;
    Ok(payout)
}

/// Proposes to pay every partner all that is available to it, where that is enough and its schedule allows. What is proposed
/// already stays.
pub async fn propose_run(
    db: &Db,
    actor: &Actor,
    operator: &Namespace,
    now: Timestamp,
) -> Result<Vec<Payout>, Error> {
    sharing::release_matured(db, now).await?;
    let mut write = db.write().await?;
    let free: Vec<(Text<Namespace>, Text<Currency>)> = sqlx::query_as(
        "select partner, currency from available_entries where payout is null
           and not exists (select 1 from payouts where payouts.partner = available_entries.partner
                           and payouts.currency = available_entries.currency and state = 'proposed')
         group by partner, currency having sum(minor) > 0 order by partner, currency",
    )
    .fetch_all(&mut *write)
    .await?;
    let (run,): (i64,) = sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from payout_runs")
        .fetch_one(&mut *write)
        .await?;
    let mut made = Vec::new();
    for (Text(partner), Text(currency)) in free {
        if schedule::next(&mut write, &partner, currency, now).await?.not_before.is_some() {
            continue;
        }
        let proposed = proposal(&mut write, operator, &partner, currency, Some(run), now).await?;
        if let Proposal::Made(payout) = proposed {
            run::tell_of(&mut write, actor, Act::PayoutProposed, &payout).await?;
            made.push(payout);
        }
    }
    if !made.is_empty() {
        sqlx::query("insert into payout_runs (id, proposed_by, proposed_at) values ($1, $2, $3)")
            .bind(run)
            .bind(operator.as_str())
            .bind(time(now))
            .execute(&mut *write)
            .await?;
    }
    write.commit().await?;
    Ok(made)
}

/// The first entries that make an amount together: what does not fit waits for the next payout.
fn as_many_as_fit(entries: Vec<(i64, i64)>, currency: Currency) -> Result<(Vec<(i64, i64)>, Money), Error> {
    let (mut fit, mut sum) = (0, Money::zero(currency));
    let mut so_far = 0_i128;
    for (index, (_, minor)) in entries.iter().enumerate() {
        so_far += i128::from(*minor);
        if let Ok(amount) = Money::new(so_far, currency) {
            (fit, sum) = (index + 1, amount);
        }
    }
    Ok((entries.into_iter().take(fit).collect(), sum))
}

enum Proposal {
    Made(Payout),
    Below { available: Money, minimum: Money },
}

/// Takes on every change of what is available that no other payout has.
async fn proposal(
    write: &mut Write,
    operator: &Namespace,
    partner: &Namespace,
    currency: Currency,
    run: Option<i64>,
    now: Timestamp,
) -> Result<Proposal, Error> {
    let entries: Vec<(i64, i64)> = sqlx::query_as(
        "select id, minor from available_entries where partner = $1 and currency = $2 and payout is null order by id",
    )
    .bind(partner.as_str())
    .bind(currency.code())
    .fetch_all(&mut **write)
    .await?;
    let (entries, available) = as_many_as_fit(entries, currency)?;
    let (version, profile) = profiles::in_force(write, partner).await?;
    let (_, policy) = sharing::in_force(write, now).await?;
    let minimum = schedule::minimum(&policy, &profile, currency);
    if available.minor() < minimum.minor().max(1) {
        return Ok(Proposal::Below { available, minimum });
    }
    let (id,): (i64,) = sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from payouts")
        .fetch_one(&mut **write)
        .await?;
    sqlx::query(
        "insert into payouts (id, run, partner, currency, minor, state, proposed_by, rail, profile, proposed_at, sent_minor,
                              sent_currency)
         values ($1, nullif($2, 0), $3, $4, $5, 'proposed', $6, $7, $8, $9, $5, $4)",
    )
    .bind(id)
    .bind(run.unwrap_or(0))
    .bind(partner.as_str())
    .bind(currency.code())
    .bind(available.minor())
    .bind(operator.as_str())
    .bind(profile.rail.kind().as_str())
    .bind(version)
    .bind(time(now))
    .execute(&mut **write)
    .await?;
    for (line, (entry, minor)) in entries.into_iter().enumerate() {
        sqlx::query("insert into payout_items (payout, line, entry, minor) values ($1, $2, $3, $4)")
            .bind(id)
            .bind(line as i64)
            .bind(entry)
            .bind(minor)
            .execute(&mut **write)
            .await?;
        sharing::take_on_entry(write, entry, id).await?;
    }
    Ok(Proposal::Made(run::find(write, id).await?))
}
