//! What partners are told of their payouts.

use chandlery_package::Money;
use chandlery_package::wire::{NoticeKind, Payout};
use chandlery_store::Write;
use jiff::Timestamp;
use serde_json::json;

use crate::Error;
use crate::partner_notices::{News, announce};

/// Tells a partner that a payout is on its way.
pub(super) async fn sent(write: &mut Write, payout: &Payout, at: Timestamp) -> Result<(), Error> {
    let text = format!("{} are on their way to you (payout {})", payout.sent, payout.id);
    tell(write, payout, NoticeKind::Payout, "sent", (text, payout.sent), at).await
}

/// Tells a partner that a payout has arrived.
pub(super) async fn arrived(
    write: &mut Write,
    payout: &Payout,
    bank_reference: &str,
    at: Timestamp,
) -> Result<(), Error> {
    let text = format!("{} were paid to you, as {bank_reference} (payout {})", payout.sent, payout.id);
    tell(write, payout, NoticeKind::Payout, "paid", (text, payout.sent), at).await
}

/// Tells a partner that a payout, or a part of it, came back. `by_then` is all that came back of it until now.
pub(super) async fn returned(
    write: &mut Write,
    payout: &Payout,
    part: Money,
    by_then: Money,
    at: Timestamp,
) -> Result<(), Error> {
    let text = format!(
        "{part} of {} that were sent to you came back, and are available again: look at your bank details (payout {})",
        payout.sent, payout.id
    );
    let step = format!("returned:{}", by_then.minor());
    tell(write, payout, NoticeKind::PayoutFailed, &step, (text, part), at).await
}

async fn tell(
    write: &mut Write,
    payout: &Payout,
    kind: NoticeKind,
    step: &str,
    (text, amount): (String, Money),
    at: Timestamp,
) -> Result<(), Error> {
    let state = step.split(':').next().unwrap_or_default();
    let news = News {
        partner: &payout.partner,
        kind,
        key: format!("payout:{}:{step}", payout.id),
        text,
        data: json!({ "payout": payout.id, "state": state, "amount": amount, "sent": payout.sent, "rail": payout.rail }),
        at,
    };
    announce(write, news).await
}
