//! What was proposed or written for a partner, and others approve by the rules of approval: payouts, how partners are paid, and what is
//! given up of what they owe. It was asked for by whoever proposed or wrote it.

use chandlery_accounts::Caller;
use chandlery_package::wire::{
    ApprovalState, DebtWriteOff, Payout, PayoutState, ProfileVersion, WriteOffState,
};
use chandlery_package::{Money, Namespace};
use chandlery_store::Write;
use jiff::Timestamp;

use super::{profiles, run, write_offs};
use crate::approvals::{self, Approved, Ask, Verdict, Wanted};
use crate::{Error, Finance};

/// Approves a payout, which another operator has proposed. One that is approved stays so.
pub async fn payout(
    finance: &Finance,
    caller: &Caller,
    id: i64,
    now: Timestamp,
) -> Result<Approved<Payout>, Error> {
    let mut write = finance.db.write().await?;
    let payout = run::find(&mut write, id).await?;
    match payout.state {
        PayoutState::Approved => return Ok(Approved::Done(payout)),
        PayoutState::Proposed => {}
        _ => return Err(run::wrong_state(&payout, "approved")),
    }
    let (wanted, amount) = (Wanted::Payout { id }, Some(payout.amount));
    match vote(&mut write, finance, caller, &payout.proposed_by, &wanted, amount).await? {
        Verdict::Waits(request) => {
            write.commit().await?;
            Ok(Approved::Waits(Box::new(request)))
        }
        Verdict::Ready(request) => {
            let payout = run::approve(&mut write, &caller.actor, &caller.name, id, now).await?;
            approvals::settle(&mut write, &caller.actor, &request, ApprovalState::Done, "").await?;
            write.commit().await?;
            Ok(Approved::Done(payout))
        }
    }
}

/// Approves a version of how a partner is paid.
pub async fn profile(
    finance: &Finance,
    caller: &Caller,
    partner: &Namespace,
    version: i64,
) -> Result<Approved<ProfileVersion>, Error> {
    let mut write = finance.db.write().await?;
    let found = profiles::existing(&mut write, partner, version).await?;
    if found.approved_by.is_some() {
        return Ok(Approved::Done(found));
    }
    profiles::must_be_latest(&mut write, partner, version).await?;
    let wanted = Wanted::PartnerBank { partner: partner.clone(), version };
    match vote(&mut write, finance, caller, &found.changed_by, &wanted, None).await? {
        Verdict::Waits(request) => {
            write.commit().await?;
            Ok(Approved::Waits(Box::new(request)))
        }
        Verdict::Ready(request) => {
            let (actor, by) = (&caller.actor, &caller.name);
            let now = finance.clock.now();
            let approved = profiles::approve(&mut write, actor, by, partner, version, now).await?;
            approvals::settle(&mut write, actor, &request, ApprovalState::Done, "").await?;
            write.commit().await?;
            Ok(Approved::Done(approved))
        }
    }
}

/// Approves to give up what a partner owes.
pub(super) async fn write_off(
    finance: &Finance,
    caller: &Caller,
    id: i64,
    now: Timestamp,
) -> Result<Approved<DebtWriteOff>, Error> {
    let mut write = finance.db.write().await?;
    let found = write_offs::find(&mut write, id).await?;
    match found.state {
        WriteOffState::Approved => return Ok(Approved::Done(found)),
        WriteOffState::Proposed => {}
        WriteOffState::Cancelled => return Err(write_offs::cancelled(id)),
    }
    let (wanted, amount) = (Wanted::WriteOff { id }, Some(found.amount));
    match vote(&mut write, finance, caller, &found.proposed_by, &wanted, amount).await? {
        Verdict::Waits(request) => {
            write.commit().await?;
            Ok(Approved::Waits(Box::new(request)))
        }
        Verdict::Ready(request) => {
            let (actor, by) = (&caller.actor, &caller.name);
            let approved = write_offs::approve(&mut write, actor, by, id, now).await?;
            approvals::settle(&mut write, actor, &request, ApprovalState::Done, "").await?;
            write.commit().await?;
            Ok(Approved::Done(approved))
        }
    }
}

async fn vote(
    write: &mut Write,
    finance: &Finance,
    caller: &Caller,
    asked_by: &Namespace,
    wanted: &Wanted,
    amount: Option<Money>,
) -> Result<Verdict, Error> {
    let (now, asked) = (Timestamp::now(), Ask { by: asked_by, wanted, amount });
    let (request, is_new) = approvals::request(write, &asked, now).await?;
    let (actor, by) = (&caller.actor, &caller.name);
    let verdict = approvals::approve(write, finance.approval_hours, actor, by, request.id, now).await?;
    if let Verdict::Waits(request) = &verdict
        && is_new
    {
        approvals::announce(write, actor, request, now).await?;
    }
    Ok(verdict)
}
