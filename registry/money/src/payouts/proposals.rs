//! Proposals of payouts: each takes on every change of what is available that no other payout has.

use chandlery_package::column::Text;
use chandlery_package::wire::{Act, Payout, PayoutRun};
use chandlery_package::{Currency, Money, Namespace};
use jiff::Timestamp;

use super::{leaving, profiles, run, schedule};
use crate::ledger::{self, By};
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
    run::must_not_be_held(&mut write, partner).await?;
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

/// Proposes to pay every partner all that is available to it, where that is enough and its schedule allows, after what partners owe
/// was settled as they have agreed. What is proposed already stays.
pub async fn propose_run(
    db: &Db,
    actor: &Actor,
    operator: &Namespace,
    now: Timestamp,
) -> Result<PayoutRun, Error> {
    sharing::release_matured(db, now).await?;
    let mut write = db.write().await?;
    ledger::by(&mut write, By::Actor(actor));
    let mut left_out = sharing::settle_debts(&mut write, None, now).await?;
    let run = next_run(&mut write).await?;
    let mut items = Vec::new();
    for (partner, currency) in free(&mut write, None).await? {
        if schedule::next(&mut write, &partner, currency, now).await?.not_before.is_some() {
            continue;
        }
        if let Some(why) = chandlery_accounts::hold(&mut write, &partner).await? {
            left_out.push(why);
            continue;
        }
        let proposed = proposal(&mut write, operator, &partner, currency, Some(run), now).await?;
        if let Proposal::Made(payout) = proposed {
            items.push(payout);
        }
    }
    finish(&mut write, actor, operator, run, &items, now).await?;
    write.commit().await?;
    Ok(PayoutRun { items, left_out })
}

/// Lets a partner leave, and proposes to pay it all that is available in each currency of which nothing is held any more. Where nothing
/// can be paid, the error says what is held, and until when.
pub async fn propose_final(
    db: &Db,
    actor: &Actor,
    operator: &Namespace,
    partner: &Namespace,
    now: Timestamp,
) -> Result<PayoutRun, Error> {
    sharing::release_matured(db, now).await?;
    let mut write = db.write().await?;
    ledger::by(&mut write, By::Actor(actor));
    run::must_not_be_held(&mut write, partner).await?;
    leaving::mark(&mut write, actor, partner, operator, true, now).await?;
    let mut left_out = sharing::settle_debts(&mut write, Some(partner), now).await?;
    let run = next_run(&mut write).await?;
    let mut items = Vec::new();
    for (partner, currency) in free(&mut write, Some(partner)).await? {
        if !leaving::is_final(&mut write, &partner, currency).await? {
            continue;
        }
        let proposed = proposal(&mut write, operator, &partner, currency, Some(run), now).await?;
        if let Proposal::Made(payout) = proposed {
            items.push(payout);
        }
    }
    let held = leaving::held(&mut write, partner).await?;
    let is_held =
        (!held.is_empty()).then(|| format!("of '{partner}' are held: {}", leaving::in_words(&held)));
    if items.is_empty() {
        let nothing = format!("nothing is available to '{partner}', and nothing is held");
        return Err(Error::Conflict(is_held.unwrap_or(nothing)));
    }
    left_out.extend(is_held);
    finish(&mut write, actor, operator, run, &items, now).await?;
    write.commit().await?;
    Ok(PayoutRun { items, left_out })
}

/// What is available to partners, to all or to one, and neither in a payout nor waits for the approval of one.
async fn free(write: &mut Write, only: Option<&Namespace>) -> Result<Vec<(Namespace, Currency)>, Error> {
    let free: Vec<(Text<Namespace>, Text<Currency>)> = sqlx::query_as(
        "select partner, currency from available_entries where payout is null and ($1 = '' or partner = $1)
           and not exists (select 1 from payouts where payouts.partner = available_entries.partner
                           and payouts.currency = available_entries.currency and state = 'proposed')
         group by partner, currency having sum(minor) > 0 order by partner, currency",
    )
    .bind(only.map_or("", Namespace::as_str))
    .fetch_all(&mut **write)
    .await?;
    Ok(free.into_iter().map(|(Text(partner), Text(currency))| (partner, currency)).collect())
}

async fn next_run(write: &mut Write) -> Result<i64, Error> {
    let (run,): (i64,) = sqlx::query_as("select cast(coalesce(max(id), 0) + 1 as bigint) from payout_runs")
        .fetch_one(&mut **write)
        .await?;
    Ok(run)
}

/// Writes down a run that has proposed something.
async fn finish(
    write: &mut Write,
    actor: &Actor,
    operator: &Namespace,
    run: i64,
    made: &[Payout],
    now: Timestamp,
) -> Result<(), Error> {
    for payout in made {
        run::tell_of(write, actor, Act::PayoutProposed, payout).await?;
    }
    if made.is_empty() {
        return Ok(());
    }
    sqlx::query("insert into payout_runs (id, proposed_by, proposed_at) values ($1, $2, $3)")
        .bind(run)
        .bind(operator.as_str())
        .bind(time(now))
        .execute(&mut **write)
        .await?;
    Ok(())
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
    let (version, profile) = profiles::in_force(write, partner, now).await?;
    let (_, policy) = sharing::in_force(write, now).await?;
    let minimum = match leaving::is_final(write, partner, currency).await? {
        true => Money::one(currency),
        false => schedule::minimum(&policy, &profile, currency),
    };
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
