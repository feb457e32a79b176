//! Who asks, who approves, and when enough have: nobody approves what it asked for, nor through an account that is its own as
//! [`origins`] knows it. Whoever operates a registry alone waits instead, so that whoever has stolen its token is noticed.

use chandlery_accounts::audit::record;
use chandlery_accounts::{Actor, origins, tell};
use chandlery_package::wire::{Act, ApprovalKind, ApprovalRequest, ApprovalState};
use chandlery_package::{Money, Namespace};
use chandlery_store::Write;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::approved::Approved;
use super::wanted::Ask;
use super::{alone, requests, rules};
use crate::{Error, Finance};

/// What an approval has changed.
pub(crate) enum Verdict {
    /// Enough have approved it: it is done in this transaction, or fails in it.
    Ready(ApprovalRequest),
    /// More must approve it.
    Waits(ApprovalRequest),
}

/// How many must approve something beside whoever asked, and how many could.
struct Quorum {
    needed: i64,
    others: i64,
}

impl Quorum {
    async fn of(
        write: &mut Write,
        kind: ApprovalKind,
        amount: Option<Money>,
        asked_by: &Namespace,
    ) -> Result<Self, Error> {
        let needed = rules::needed(write, kind, amount).await?;
        let operators = origins::operators(write).await?;
        let others = operators.iter().filter(|operator| *operator != asked_by).count() as i64;
        Ok(Self { needed: if others > 0 { needed.min(others) } else { needed }, others })
    }

    /// From when on whoever asked may approve it alone; none: it may not.
    fn alone_from(&self, asked_at: Timestamp, hours: u32) -> Option<Timestamp> {
        match (self.needed, self.others) {
            (0, _) => Some(asked_at),
            (_, 0) => Some(asked_at + SignedDuration::from_hours(i64::from(hours))),
            _ => None,
        }
    }
}

/// Asks for something. None: it needs nobody else, and is to be done now.
pub(crate) async fn ask(
    finance: &Finance,
    actor: &Actor,
    asked: &Ask<'_>,
) -> Result<Option<ApprovalRequest>, Error> {
    match begin(finance, actor, asked).await? {
        Begun::Waits(request) => Ok(Some(*request)),
        Begun::Alone { .. } => Ok(None),
    }
}

/// Does something that moves money where that needs nobody else, and asks for it otherwise. What was done counts for a day towards
/// what whoever asks may do alone; what could not be done does not.
pub(crate) async fn ask_or_do<T>(
    finance: &Finance,
    actor: &Actor,
    asked: &Ask<'_>,
    deed: impl Future<Output = Result<T, Error>>,
) -> Result<Approved<T>, Error> {
    let is_counted = match begin(finance, actor, asked).await? {
        Begun::Waits(request) => return Ok(Approved::Waits(request)),
        Begun::Alone { is_counted } => is_counted,
    };
    let done = deed.await;
    if is_counted && done.is_err() {
        let mut write = finance.db.write().await?;
        alone::forget(&mut write, asked).await?;
        write.commit().await?;
    }
    done.map(Approved::Done)
}

/// What becomes of what is asked for.
enum Begun {
    /// Others must approve it.
    Waits(Box<ApprovalRequest>),
    /// It needs nobody else, and may be counted towards what needs others.
    Alone { is_counted: bool },
}

async fn begin(finance: &Finance, actor: &Actor, asked: &Ask<'_>) -> Result<Begun, Error> {
    let (now, today) = (Timestamp::now(), finance.clock.now());
    let mut write = finance.db.write().await?;
    let amount = alone::compared(&mut write, asked, today).await?;
    let quorum = Quorum::of(&mut write, asked.wanted.kind(), amount, asked.by).await?;
    let alone_from = quorum.alone_from(now, finance.approval_hours);
    if alone_from.is_some_and(|from| from <= now) {
        let is_counted = quorum.needed == 0 && alone::count(&mut write, asked, today).await?;
        write.commit().await?;
        return Ok(Begun::Alone { is_counted });
    }
    let asked = Ask { by: asked.by, wanted: asked.wanted, amount };
    let (request, is_new) = request(&mut write, &asked, now).await?;
    if is_new {
        announce(&mut write, actor, &request, now).await?;
    }
    write.commit().await?;
    let alone_from = quorum.alone_from(request.asked_at, finance.approval_hours);
    Ok(Begun::Waits(Box::new(ApprovalRequest { alone_from, ..request })))
}

/// The request that waits for what is asked or, and then it says so, a new one.
pub(crate) async fn request(
    write: &mut Write,
    asked: &Ask<'_>,
    now: Timestamp,
) -> Result<(ApprovalRequest, bool), Error> {
    let wanted = json!(asked.wanted);
    let body = wanted.to_string();
    if let Some(waiting) = requests::waiting(write, &body, asked.by, now).await? {
        return Ok((waiting, false));
    }
    let mut new = ApprovalRequest {
        id: 0,
        kind: asked.wanted.kind(),
        about: asked.wanted.to_string(),
        wanted,
        amount: asked.amount,
        asked_by: asked.by.clone(),
        asked_at: now,
        lapses_at: now + requests::LIFETIME,
        alone_from: None,
        approved_by: Vec::new(),
        state: ApprovalState::Waiting,
        reason: None,
    };
    new.id = requests::insert(write, &new, &body).await?;
    Ok((new, true))
}

/// Records that something was asked for, and tells all operators.
pub(crate) async fn announce(
    write: &mut Write,
    actor: &Actor,
    new: &ApprovalRequest,
    now: Timestamp,
) -> Result<(), Error> {
    let subject = format!("request {}", new.id);
    // The trail goes to others: it does not say whose account it is about.
    let after = json!({ "kind": new.kind, "amount": new.amount });
    record(write, actor, Act::ApprovalAsked, &subject, Value::Null, after).await?;
    let title = format!("'{}' asks for approval {}", new.asked_by, new.id);
    let body = format!(
        "It wants to {}.\nAnother operator approves it until {} UTC with `chandlery approvals approve {}`, or refuses it with \
         `chandlery approvals refuse {}`.\n",
        new.about,
        new.lapses_at.strftime("%Y-%m-%d %H:%M"),
        new.id,
        new.id
    );
    for operator in origins::operators(write).await? {
        tell(write, &operator, &format!("approval:{}:{operator}", new.id), &title, &body, now).await?;
    }
    Ok(())
}

/// Approves a request that waits. What is ready then is done and settled by whoever called, in the same transaction.
pub(crate) async fn approve(
    write: &mut Write,
    hours: u32,
    actor: &Actor,
    by: &Namespace,
    id: i64,
    now: Timestamp,
) -> Result<Verdict, Error> {
    must_operate(write, by).await?;
    let mut request = waiting(write, id, now).await?;
    let quorum = Quorum::of(write, request.kind, request.amount, &request.asked_by).await?;
    let alone_from = quorum.alone_from(request.asked_at, hours);
    if alone_from.is_some_and(|from| from <= now) {
        return Ok(Verdict::Ready(request));
    }
    request.alone_from = alone_from;
    if request.asked_by == *by {
        return match alone_from {
            Some(_) => Ok(Verdict::Waits(request)),
            None => Err(chandlery_accounts::Error::forbidden_until(
                by,
                format!("approve request {id}, which it asked for itself"),
                format!("another operator approves it with `chandlery approvals approve {id}`, or on the page of approvals"),
            )
            .into()),
        };
    }
    if !request.approved_by.contains(by) {
        must_be_independent(write, by, &request).await?;
        requests::vote(write, id, by, now).await?;
        let after = json!({ "kind": request.kind, "asked_by": request.asked_by });
        record(write, actor, Act::ApprovalGiven, &format!("request {id}"), Value::Null, after).await?;
        request.approved_by.push(by.clone());
    }
    match independent(write, &request).await? >= quorum.needed {
        true => Ok(Verdict::Ready(request)),
        false => Ok(Verdict::Waits(request)),
    }
}

/// Refuses a request that waits, or takes one's own back.
pub(crate) async fn refuse(
    write: &mut Write,
    actor: &Actor,
    by: &Namespace,
    id: i64,
    why: &str,
    now: Timestamp,
) -> Result<ApprovalRequest, Error> {
    must_operate(write, by).await?;
    let request = waiting(write, id, now).await?;
    requests::settle(write, actor, &request, ApprovalState::Refused, why).await?;
    requests::find(write, id, now).await
}

async fn must_operate(write: &mut Write, by: &Namespace) -> Result<(), Error> {
    match origins::operators(write).await?.contains(by) {
        true => Ok(()),
        false => Err(Error::forbidden(by, "decide what waits for approval")),
    }
}

async fn waiting(write: &mut Write, id: i64, now: Timestamp) -> Result<ApprovalRequest, Error> {
    let request = requests::find(write, id, now).await?;
    match request.state {
        ApprovalState::Waiting => Ok(request),
        state => Err(Error::Conflict(format!("request {id} is {state} already: ask for it again"))),
    }
}

/// Refuses whoever shares somebody with who asked for a request or approved it before.
async fn must_be_independent(
    write: &mut Write,
    by: &Namespace,
    request: &ApprovalRequest,
) -> Result<(), Error> {
    let own = origins::behind(write, by).await?;
    for other in request.approved_by.iter().chain([&request.asked_by]) {
        let theirs = origins::behind(write, other).await?;
        if let Some(common) = own.intersection(&theirs).next() {
            return Err(chandlery_accounts::Error::forbidden_until(
                by,
                format!(
                    "approve request {}: it is not independent of '{other}', since '{common}' has proposed one of them, made it an \
                     operator or reset its password",
                    request.id
                ),
                format!(
                    "another operator approves it, or whoever holds the registry's machine vouches for '{by}' with `chandlery registry \
                     promote {by} --data DIR`"
                ),
            )
            .into());
        }
    }
    Ok(())
}

/// How many of those who approved are independent of who asked, and of each other, as it is now.
async fn independent(write: &mut Write, request: &ApprovalRequest) -> Result<i64, Error> {
    let mut people = origins::behind(write, &request.asked_by).await?;
    let mut count = 0;
    for account in &request.approved_by {
        let own = origins::behind(write, account).await?;
        if own.is_disjoint(&people) {
            people.extend(own);
            count += 1;
        }
    }
    Ok(count)
}
