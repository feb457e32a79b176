//! Who operates the registry. Two make an operator: one proposes, another confirms. Whoever is alone waits instead, so that whoever
//! has stolen the only operator's token cannot use it up before it is noticed.

use chandlery_package::Namespace;
use chandlery_package::column::Text;
use chandlery_package::wire::{Act, Operator, OperatorProposal, Page, Paging};
use chandlery_store::{Db, Write, time};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::actor::Actor;
use crate::audit::record;
use crate::notices::{tell_operators, tell_owner};
use crate::origins;
use crate::people::{find_within, set_role};
use crate::principal::AccountRole;
use crate::standing::must_be_a_person;
use crate::{Error, suspended};

/// How long a proposal can be confirmed.
const LIFETIME: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long the only operator waits before it confirms what it has proposed itself.
const WAITING_TIME: SignedDuration = SignedDuration::from_hours(24);
/// How long an account is too young to operate a registry, and how long whoever has issued a reset of its password may hold that password.
const PROBATION: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A page of those who operate the registry, by name.
pub async fn list(db: &Db, paging: &Paging<Namespace>) -> Result<Page<Operator>, Error> {
    let rows: Vec<(Text<Namespace>,)> =
        sqlx::query_as("select name from accounts where role = $1 and name > $2 order by name limit $3")
            .bind(AccountRole::Operator.as_str())
            .bind(paging.after().map_or("", Namespace::as_str))
            .bind(paging.rows())
            .fetch_all(db.read())
            .await?;
    let page = paging.cut(rows, |(Text(name),)| name.clone());
    Ok(page.map(|(Text(account),)| Operator { account }))
}

type Row = (Text<Namespace>, Text<Namespace>, Text<Timestamp>);

fn proposal((Text(account), Text(proposed_by), Text(proposed_at)): Row) -> OperatorProposal {
    let (alone_from, lapses_at) = (proposed_at + WAITING_TIME, proposed_at + LIFETIME);
    OperatorProposal { account, proposed_by, proposed_at, alone_from, lapses_at }
}

/// Proposals that were made before this have lapsed.
fn oldest(now: Timestamp) -> String {
    time(now - LIFETIME)
}

/// A page of the proposals that can still be confirmed, by the account's name.
pub async fn proposals(db: &Db, paging: &Paging<Namespace>) -> Result<Page<OperatorProposal>, Error> {
    let rows: Vec<Row> = sqlx::query_as(
        "select account, proposed_by, proposed_at from operator_proposals
         where proposed_at > $1 and account > $2 order by account limit $3",
    )
    .bind(oldest(Timestamp::now()))
    .bind(paging.after().map_or("", Namespace::as_str))
    .bind(paging.rows())
    .fetch_all(db.read())
    .await?;
    let page = paging.cut(rows, |(Text(account), ..)| account.clone());
    Ok(page.map(proposal))
}

/// Proposes that an account operates the registry.
pub async fn propose(
    db: &Db,
    actor: &Actor,
    by: &Namespace,
    account: &Namespace,
) -> Result<OperatorProposal, Error> {
    let now = Timestamp::now();
    let mut write = db.write().await?;
    must_operate_still(&mut write, by).await?;
    if find_within(&mut write, account).await?.0 == AccountRole::Operator {
        return Err(Error::Conflict(format!("'{account}' operates the registry already")));
    }
    suspended::must_not_be(&mut write, account).await?;
    must_be_a_person(&mut write, account).await?;
    must_be_its_own(&mut write, account).await?;
    must_be_old_enough(&mut write, account, now).await?;
    let resetters = resetters(&mut write, account, now).await?;
    sqlx::query("delete from operator_proposals where proposed_at <= $1")
        .bind(oldest(now))
        .execute(&mut *write)
        .await?;
    let inserted = sqlx::query(
        "insert into operator_proposals (account, proposed_by, proposed_at) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(account.as_str())
    .bind(by.as_str())
    .bind(time(now))
    .execute(&mut *write)
    .await?;
    if inserted.rows_affected() == 0 {
        return Err(Error::Conflict(format!(
            "'{account}' is proposed already: it is confirmed or withdrawn first"
        )));
    }
    let made = proposal((Text(account.clone()), Text(by.clone()), Text(now)));
    let warning = match resetters.is_empty() {
        true => String::new(),
        false => format!(
            " In the last 7 days, its password could be reset by whom {} gave the means: ask its owner before you confirm.",
            names(&resetters)
        ),
    };
    let after = json!({ "lapses_at": made.lapses_at });
    record(&mut write, actor, Act::OperatorProposed, account.as_str(), Value::Null, after).await?;
    let body = format!(
        "Proposed by {}. Another operator confirms it until {} UTC, with `chandlery operator confirm {account}`; any operator \
         withdraws it, with `chandlery operator withdraw {account}`. If nobody else operates the registry, its proposer may \
         confirm it from {} UTC on.{warning}\n",
        actor.in_words(),
        made.lapses_at.strftime("%Y-%m-%d %H:%M"),
        made.alone_from.strftime("%Y-%m-%d %H:%M")
    );
    announce(&mut write, account, &format!("'{account}' is proposed as an operator"), &body, now).await?;
    write.commit().await?;
    Ok(made)
}

/// Makes an account an operator that another one has proposed or, after the waiting time, that the only operator has.
pub async fn confirm(db: &Db, actor: &Actor, by: &Namespace, account: &Namespace) -> Result<(), Error> {
    let now = Timestamp::now();
    let mut write = db.write().await?;
    let operators = must_operate_still(&mut write, by).await?;
    let OperatorProposal { proposed_by, alone_from, .. } = take(&mut write, account, now).await?;
    let resetters = resetters(&mut write, account, now).await?;
    if resetters.contains(by) || (!resetters.is_empty() && proposed_by == *by) {
        return Err(Error::forbidden(
            by,
            format!(
                "confirm this: {} issued a reset of the password of '{account}' in the last 7 days, and whoever has neither done that \
                 nor proposed it confirms",
                names(&resetters)
            ),
        ));
    }
    if proposed_by == *by {
        if operators > 1 {
            return Err(Error::forbidden_until(
                by,
                "confirm what it has proposed itself",
                format!("another operator confirms it with `chandlery operator confirm {account}`"),
            ));
        }
        if now < alone_from {
            return Err(Error::Conflict(format!(
                "'{by}' is the only operator: it may confirm this from {} UTC on",
                alone_from.strftime("%Y-%m-%d %H:%M")
            )));
        }
    }
    make(&mut write, actor, account, json!({ "proposed_by": proposed_by }), now).await?;
    write.commit().await?;
    Ok(())
}

/// Withdraws a proposal, whoever has made it.
pub async fn withdraw(db: &Db, actor: &Actor, by: &Namespace, account: &Namespace) -> Result<(), Error> {
    let now = Timestamp::now();
    let mut write = db.write().await?;
    must_operate_still(&mut write, by).await?;
    let OperatorProposal { proposed_by, .. } = take(&mut write, account, now).await?;
    let before = json!({ "proposed_by": proposed_by });
    record(&mut write, actor, Act::OperatorProposalWithdrawn, account.as_str(), before, Value::Null).await?;
    let subject = format!("'{account}' is no longer proposed as an operator");
    let body = format!("Withdrawn by {}.\n", actor.in_words());
    announce(&mut write, account, &subject, &body, now).await?;
    write.commit().await?;
    Ok(())
}

/// Makes an account an operator at once, or vouches for one that was made by others: for whoever holds the registry's machine, and so
/// its database anyway.
pub async fn promote(db: &Db, account: &Namespace) -> Result<(), Error> {
    let mut write = db.write().await?;
    let is_one = find_within(&mut write, account).await?.0 == AccountRole::Operator;
    must_be_a_person(&mut write, account).await?;
    if !is_one || origins::behind(&mut write, account).await?.len() > 1 {
        sqlx::query("delete from operator_proposals where account = $1")
            .bind(account.as_str())
            .execute(&mut *write)
            .await?;
        make(&mut write, &Actor::machine(), account, Value::Null, Timestamp::now()).await?;
    }
    write.commit().await?;
    Ok(())
}

/// Makes an operator an account like others; of two, neither does so with the other. With it go all open proposals and resets of
/// passwords, so that nobody gets rid of whoever would object to them.
pub async fn demote(db: &Db, actor: &Actor, by: &Namespace, account: &Namespace) -> Result<(), Error> {
    let now = Timestamp::now();
    let mut write = db.write().await?;
    let operators = must_operate_still(&mut write, by).await?;
    if find_within(&mut write, account).await?.0 != AccountRole::Operator {
        return Err(Error::NotFound(format!("operator '{account}'")));
    }
    if operators == 1 {
        return Err(Error::Conflict(format!("'{account}' is the only operator: make another one first")));
    }
    // Whoever has one operator's token would be alone then, and need nobody to confirm the next one.
    if operators == 2 && by != account {
        return Err(Error::Conflict(format!(
            "'{by}' and '{account}' are the only operators, and neither demotes the other: '{account}' does it itself, or \
             whoever holds the registry's machine makes a third one with `chandlery registry promote`"
        )));
    }
    set_role(&mut write, account, AccountRole::Member).await?;
    sqlx::query("delete from operator_proposals").execute(&mut *write).await?;
    sqlx::query("delete from password_resets").execute(&mut *write).await?;
    let (before, after) = (json!({ "role": AccountRole::Operator }), json!({ "role": AccountRole::Member }));
    record(&mut write, actor, Act::OperatorRemoved, account.as_str(), before, after).await?;
    let subject = format!("'{account}' operates the registry no more");
    let body = format!(
        "Demoted by {}. Proposals of operators and resets of passwords have ended.\n",
        actor.in_words()
    );
    announce(&mut write, account, &subject, &body, now).await?;
    write.commit().await?;
    Ok(())
}

/// How many operate the registry; refuses whoever does not, as the transaction sees it.
async fn must_operate_still(write: &mut Write, by: &Namespace) -> Result<i64, Error> {
    if find_within(write, by).await?.0 != AccountRole::Operator {
        return Err(Error::forbidden(by, "make operators"));
    }
    let (operators,): (i64,) = sqlx::query_as("select count(*) from accounts where role = $1")
        .bind(AccountRole::Operator.as_str())
        .fetch_one(&mut **write)
        .await?;
    Ok(operators)
}

/// Refuses an account that an organisation manages: whoever runs its provider would operate the registry.
async fn must_be_its_own(write: &mut Write, account: &Namespace) -> Result<(), Error> {
    let managed: Option<(Text<Namespace>,)> =
        sqlx::query_as("select managed_by from accounts where name = $1 and managed_by is not null")
            .bind(account.as_str())
            .fetch_optional(&mut **write)
            .await?;
    match managed {
        None => Ok(()),
        Some((Text(organisation),)) => Err(Error::Conflict(format!(
            "'{account}' is managed by '{organisation}', whose provider signs anybody in as it: its owner opens another account"
        ))),
    }
}

/// Refuses an account that was opened lately: nobody knows it yet.
async fn must_be_old_enough(write: &mut Write, account: &Namespace, now: Timestamp) -> Result<(), Error> {
    let (Text(opened),): (Text<Timestamp>,) =
        sqlx::query_as("select created_at from accounts where name = $1")
            .bind(account.as_str())
            .fetch_one(&mut **write)
            .await?;
    match opened + PROBATION {
        from if from <= now => Ok(()),
        from => Err(Error::Conflict(format!(
            "'{account}' was opened less than 7 days ago: it can be proposed from {} UTC on, or made an operator on the registry's \
             machine, with `chandlery registry promote`",
            from.strftime("%Y-%m-%d %H:%M")
        ))),
    }
}

/// The operators who have issued a reset of an account's password lately, as the audit trail tells, by name.
async fn resetters(write: &mut Write, account: &Namespace, now: Timestamp) -> Result<Vec<Namespace>, Error> {
    let rows: Vec<(Text<Namespace>,)> = sqlx::query_as(
        "select distinct actor from audit where subject = $1 and act = $2 and at > $3 and actor is not null
         order by actor",
    )
    .bind(account.as_str())
    .bind(Act::PasswordResetIssued.as_str())
    .bind(time(now - PROBATION))
    .fetch_all(&mut **write)
    .await?;
    Ok(rows.into_iter().map(|(Text(name),)| name).collect())
}

fn names(all: &[Namespace]) -> String {
    all.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}

/// Takes a proposal that can still be confirmed out of those that are open.
async fn take(write: &mut Write, account: &Namespace, now: Timestamp) -> Result<OperatorProposal, Error> {
    let found: Option<Row> = sqlx::query_as(
        "delete from operator_proposals where account = $1 and proposed_at > $2
         returning account, proposed_by, proposed_at",
    )
    .bind(account.as_str())
    .bind(oldest(now))
    .fetch_optional(&mut **write)
    .await?;
    found.map(proposal).ok_or_else(|| Error::NotFound(format!("proposal of '{account}' as an operator")))
}

async fn make(
    write: &mut Write,
    actor: &Actor,
    account: &Namespace,
    before: Value,
    now: Timestamp,
) -> Result<(), Error> {
    set_role(write, account, AccountRole::Operator).await?;
    // Whoever has asked for a reset of an account like others must not have one of an operator, and an organisation's provider signs
    // nobody in as one who has not linked it as an operator.
    for sql in [
        "delete from password_resets where account = $1",
        "delete from identities where account = $1",
        "delete from tokens where account = $1 and opened_by = 'provider'",
    ] {
        sqlx::query(sql).bind(account.as_str()).execute(&mut **write).await?;
    }
    let after = json!({ "role": AccountRole::Operator });
    record(write, actor, Act::OperatorMade, account.as_str(), before, after).await?;
    let body = format!("Made an operator by {}.\n", actor.in_words());
    announce(write, account, &format!("'{account}' operates the registry"), &body, now).await
}

/// Tells all operators and the account that it is about.
async fn announce(
    write: &mut Write,
    account: &Namespace,
    subject: &str,
    body: &str,
    now: Timestamp,
) -> Result<(), Error> {
    let key = format!("operators:{}", time(now));
    tell_operators(write, &key, subject, body, now).await?;
    // An operator was told already: the same key is told once.
    tell_owner(write, account, &format!("{key}:{account}"), subject, body, now).await
}
