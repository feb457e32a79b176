//! What customers are told of what they use and owe, and how it is shown and sent: by e-mail where they have given an address and
//! the registry has a mail server. What could not be sent is sent later.

use chandlery_package::column::Text;
use chandlery_package::wire::{Notice, Page, Paging};
use chandlery_package::{Billed, Namespace, Tier};
use jiff::{SignedDuration, Timestamp};
use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use sqlx::AnyConnection;

use crate::{Error, Mail};
use chandlery_accounts::{refused, retry, sent, tell};
use chandlery_store::{Db, time};

/// How long after an invoice was due its customer is reminded a second time.
pub(crate) const SECOND: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long before a trial ends its customer is told.
const LAST_DAYS: SignedDuration = SignedDuration::from_hours(3 * 24);
/// How many are sent at a time.
const BATCH: i64 = 50;
/// How long a notice waits that could not be sent: as long again as it has waited since it was made, within these bounds.
const RETRY_AFTER: SignedDuration = SignedDuration::from_mins(1);
const RETRY_AFTER_MAX: SignedDuration = SignedDuration::from_hours(24);
/// After so many failures in a row that are no answers, the mail server is taken to be away, and the others are left for later.
const AWAY_AFTER: usize = 3;

/// A notice's place among its account's: when it was written, and its key.
pub(crate) type Key = (Timestamp, String);

/// What an account was told, newest first.
pub async fn notices(db: &Db, account: &Namespace, paging: &Paging<Key>) -> Result<Page<Notice>, Error> {
    let (before, after) = match paging.after() {
        None => (Timestamp::MAX, ""),
        Some((at, key)) => (*at, key.as_str()),
    };
    let rows: Vec<(String, String, String, Text<Timestamp>, Option<Text<Timestamp>>)> = sqlx::query_as(
        "select key, subject, body, made_at, sent_at from notices
         where account = $1 and secret = 0 and made_at <= $2 and (made_at < $2 or key > $3)
         order by made_at desc, key limit $4",
    )
    .bind(account.as_str())
    .bind(time(before))
    .bind(after)
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(key, _, _, Text(at), _)| (*at, key.clone()));
    Ok(page.map(|(_, subject, body, Text(at), sent_at)| Notice {
        subject,
        body,
        at,
        sent_at: sent_at.map(|Text(at)| at),
    }))
}

/// Reminds of every invoice that is due and not paid: on the day, and a week later.
pub async fn remind(db: &Db, now: Timestamp) -> Result<(), Error> {
    let mut write = db.write().await?;
    let due: Vec<(i64, Text<Namespace>, Text<Timestamp>, i64)> = sqlx::query_as(
        "select number, account, due_at, reminded from invoices
         where state = 'open' and (reminded = 0 and due_at <= $1 or reminded = 1 and due_at <= $2) order by number",
    )
    .bind(time(now))
    .bind(time(now.checked_sub(SECOND).unwrap_or(now)))
    .fetch_all(&mut *write)
    .await?;
    for (number, Text(account), Text(due_at), reminded) in due {
        let invoice = super::invoices::find(&mut write, number).await?;
        let left = invoice.due()?;
        let again = if reminded > 0 { ", again" } else { "" };
        let subject = format!("Invoice {number} of {left} was due{again}");
        let body = format!(
            "Invoice {number} of {left} was due on {}. Please transfer it with the text INVOICE-{number}.\n\n\
             Two weeks after it was due an invoice is given up, and the subscription that it is for ends.\n",
            due_at.strftime("%Y-%m-%d")
        );
        let key = format!("reminder:{number}:{}", reminded + 1);
        tell(&mut write, &account, &key, &subject, &body, now).await?;
        sqlx::query("update invoices set reminded = reminded + 1 where number = $1")
            .bind(number)
            .execute(&mut *write)
            .await?;
    }
    write.commit().await?;
    Ok(())
}

/// Tells those whose trial ends soon what it takes to keep what they have.
pub async fn tell_of_trials(db: &Db, now: Timestamp) -> Result<(), Error> {
    let mut write = db.write().await?;
    let soon: Vec<(Text<Namespace>, Text<Tier>, Text<Tier>, Text<Timestamp>)> = sqlx::query_as(
        "select account, tier, trial_tier, trial_until from subscriptions where trial_until > $1 and trial_until <= $2
         order by account",
    )
    .bind(time(now))
    .bind(time(now.checked_add(LAST_DAYS).unwrap_or(now)))
    .fetch_all(&mut *write)
    .await?;
    for (Text(account), Text(has), Text(tried), Text(until)) in soon {
        if has >= tried {
            continue;
        }
        let price =
            tried.price(Billed::Monthly).map_or("as agreed".into(), |price| format!("{price} a month"));
        let until = until.strftime("%Y-%m-%d %H:%M");
        let subject = format!("Your trial of {tried} ends on {until} UTC");
        let body = format!(
            "To keep {}, at {price}:\n\n    chandlery subscription change {tried}\n\n\
             Otherwise {has} holds from then on, with {}. What runs goes on running.\n",
            Tier::in_words(tried.deployments()),
            Tier::in_words(has.deployments())
        );
        tell(&mut write, &account, &format!("trial:{account}"), &subject, &body, now).await?;
    }
    write.commit().await?;
    Ok(())
}

/// A subscription whose period is over soon: the account, what it has, how it is billed, what it becomes, and the period's invoice and end.
type Ends = (Text<Namespace>, Text<Tier>, Text<Billed>, Option<Text<Tier>>, i64, Text<Timestamp>);

/// Tells those whose period is over soon, and who then have less or pay for a whole year, what will happen.
pub async fn tell_of_ends(db: &Db, now: Timestamp) -> Result<(), Error> {
    let mut write = db.write().await?;
    let soon: Vec<Ends> = sqlx::query_as(
        "select subscriptions.account, subscriptions.tier, billed, next_tier, plan_periods.invoice, to_at
         from subscriptions join plan_periods on plan_periods.invoice = subscriptions.invoice
         where to_at > $1 and to_at <= $2 and ended_at is null and (next_tier is not null or billed = $3)
         order by subscriptions.account",
    )
    .bind(time(now))
    .bind(time(now.checked_add(LAST_DAYS).unwrap_or(now)))
    .bind(Billed::Yearly.as_str())
    .fetch_all(&mut *write)
    .await?;
    for (Text(account), Text(tier), Text(billed), next, invoice, Text(to)) in soon {
        let day = to.strftime("%Y-%m-%d");
        let (becomes, body) = match next {
            Some(Text(Tier::Free)) => (
                format!("ends on {day}"),
                format!(
                    "From then on free holds, with {}. What runs goes on running; beyond that nothing new is deployed. To keep \
                     {tier}:\n\n    chandlery subscription change {tier}\n",
                    Tier::in_words(Tier::Free.deployments())
                ),
            ),
            Some(Text(next)) => (
                format!("becomes {next} on {day}"),
                format!(
                    "{next} allows {}. What runs goes on running; beyond that nothing new is deployed. To keep {tier}:\n\n    \
                     chandlery subscription change {tier}\n",
                    Tier::in_words(next.deployments())
                ),
            ),
            None => (
                format!("is renewed on {day}"),
                format!(
                    "Another year is invoiced then, at {}. To end it then instead:\n\n    chandlery subscription cancel\n",
                    tier.price(billed).map_or("what was agreed".into(), |price| price.to_string())
                ),
            ),
        };
        let subject = format!("Your subscription of {tier} {becomes}");
        tell(&mut write, &account, &format!("period:{invoice}:{becomes}"), &subject, &body, now).await?;
    }
    write.commit().await?;
    Ok(())
}

/// Tells an account that it has used up a part of what its tier allows, and which one lifts the limit.
pub async fn warn_of_limit(db: &Db, account: &Namespace, used: u32, now: Timestamp) -> Result<(), Error> {
    let has = super::subscriptions::subscription(db, account, now).await?;
    let Some(limit) = has.deployments.filter(|limit| *limit > 0) else { return Ok(()) };
    let percent = match u64::from(used) * 100 / u64::from(limit) {
        100.. => 100,
        80..100 => 80,
        _ => return Ok(()),
    };
    let upgrade = Tier::for_deployments(limit.saturating_add(1));
    let price = upgrade.price(Billed::Monthly);
    let price = price.map_or("as agreed".into(), |price| format!("for {price} a month"));
    let subject = format!("{used} of {limit} deployments are used");
    let body = format!(
        "{used} of the {limit} deployments that {} allows are used. {upgrade} allows more, {price}:\n\n    \
         chandlery subscription change {upgrade}\n",
        has.tier
    );
    // Once for each part of each limit in a month, and no smaller one after a larger one.
    let key =
        |percent: u32| format!("limit:{account}:{}:{limit}:{percent}:{}", has.tier, now.strftime("%Y-%m"));
    let mut write = db.write().await?;
    let (all_told,): (i64,) = sqlx::query_as("select count(*) from notices where key = $1")
        .bind(key(100))
        .fetch_one(&mut *write)
        .await?;
    if all_told > 0 {
        return Ok(());
    }
    tell(&mut write, account, &key(percent), &subject, &body, now).await?;
    write.commit().await?;
    Ok(())
}

/// Sends what was not sent yet to those who have given an address; what an organisation is told that has given none, to whoever has owned it for
/// longest. Each notice is one mail to one customer: what is refused for good is
/// noted at that notice and not tried again, what fails otherwise is tried later, and neither keeps the others waiting.
pub async fn send(db: &Db, mail: Option<&Mail>, now: Timestamp) -> Result<(), Error> {
    let Some(mail) = mail else { return Ok(()) };
    let failed = |what: &str, error: String| Error::Mail(format!("{what}: {error}"));
    let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(&mail.url)
        .map_err(|error| failed("the mail server's address", error.to_string()))?
        .build();
    let from: Mailbox =
        mail.from.parse().map_err(|error| failed("the sender", format!("'{}': {error}", mail.from)))?;
    let waiting: Vec<(String, Text<Timestamp>, String, String, String)> = sqlx::query_as(
        "select key, made_at, address, subject, body from (
             select notices.key, notices.made_at, notices.retry_at, notices.subject, notices.body,
                    coalesce(notices.email, billing_profiles.email, accounts.email, (
                        select owners.email from organisation_members
                        join accounts as owners on owners.name = organisation_members.account
                        where organisation_members.organisation = notices.account and organisation_members.role = 'owner'
                          and owners.email is not null
                        order by organisation_members.since, organisation_members.account limit 1)) as address
             from notices join accounts on accounts.name = notices.account
             left join billing_profiles on billing_profiles.account = notices.account
             where sent_at is null and refused is null and retry_at <= $1) as waiting
         where address is not null order by retry_at, made_at, key limit $2",
    )
    .bind(time(now))
    .bind(BATCH)
    .fetch_all(db.read())
    .await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let away = |error: String| failed("the mail server", error);
    transport.test_connection().await.map_err(|error| away(error.to_string()))?;
    let (mut taken, mut returned, mut unanswered) = (false, Vec::new(), 0);
    for (key, Text(made_at), email, subject, body) in waiting {
        match deliver(&transport, &from, &email, subject, body).await {
            Outcome::Taken => {
                (taken, unanswered) = (true, 0);
                sent(db, &key, now).await?;
            }
            Outcome::Refused(why) => {
                unanswered = 0;
                returned.push((key, made_at, why));
            }
            Outcome::Failed { why, answered } => {
                tracing::warn!(why, email, "a notice could not be sent: it is tried again later");
                later(db, &key, made_at, now).await?;
                unanswered = if answered { 0 } else { unanswered + 1 };
                if unanswered == AWAY_AFTER {
                    return Err(away(why));
                }
            }
        }
    }
    // A server that takes nothing from us does not mind the recipients.
    let is_about_recipients = taken || returned.len() < AWAY_AFTER;
    for (key, made_at, why) in returned {
        tracing::warn!(why, key, "a notice was refused");
        match is_about_recipients {
            true => refused(db, &key, &why).await?,
            false => later(db, &key, made_at, now).await?,
        }
    }
    Ok(())
}

/// Mail that waits to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailWaiting {
    /// How many notices.
    pub count: i64,
    /// When the one was made that waits longest; none: none waits.
    pub since: Option<Timestamp>,
    /// How many, ever, nobody would take.
    pub refused: i64,
}

/// What waits to be sent by mail, to whoever has an address: the same as [`send`] would send, now or when it is tried again.
pub async fn mail_waiting(db: &mut AnyConnection) -> Result<MailWaiting, Error> {
    let (count, since): (i64, Option<Text<Timestamp>>) = sqlx::query_as(
        "select count(*), min(notices.made_at) from notices join accounts on accounts.name = notices.account
         left join billing_profiles on billing_profiles.account = notices.account
         where notices.sent_at is null and notices.refused is null
               and (notices.email is not null or billing_profiles.email is not null or accounts.email is not null
                    or exists (select 1 from organisation_members
                               join accounts as owners on owners.name = organisation_members.account
                               where organisation_members.organisation = notices.account
                                     and organisation_members.role = 'owner' and owners.email is not null))",
    )
    .fetch_one(&mut *db)
    .await?;
    let (refused,): (i64,) =
        sqlx::query_as("select count(*) from notices where refused is not null").fetch_one(&mut *db).await?;
    Ok(MailWaiting { count, since: since.map(|Text(at)| at), refused })
}

/// What became of one mail.
enum Outcome {
    Taken,
    /// The mail server, or whoever it asked, will never take it.
    Refused(String),
    Failed {
        why: String,
        /// Whether the mail server said so itself.
        answered: bool,
    },
}

async fn deliver(
    transport: &AsyncSmtpTransport<Tokio1Executor>,
    from: &Mailbox,
    email: &str,
    subject: String,
    body: String,
) -> Outcome {
    let to: Mailbox = match email.parse() {
        Ok(to) => to,
        Err(error) => return Outcome::Refused(format!("the address '{email}' cannot be used: {error}")),
    };
    let message = match Message::builder().from(from.clone()).to(to).subject(subject).body(body) {
        Ok(message) => message,
        Err(error) => return Outcome::Refused(format!("no mail can be made of it: {error}")),
    };
    match transport.send(message).await {
        Ok(_) => Outcome::Taken,
        Err(error) if error.is_permanent() => Outcome::Refused(error.to_string()),
        Err(error) => Outcome::Failed { why: error.to_string(), answered: error.is_transient() },
    }
}

/// Leaves a notice of this moment for later.
async fn later(db: &Db, key: &str, made_at: Timestamp, now: Timestamp) -> Result<(), Error> {
    let wait = now.duration_since(made_at).clamp(RETRY_AFTER, RETRY_AFTER_MAX);
    Ok(retry(db, key, now.checked_add(wait).unwrap_or(now)).await?)
}
