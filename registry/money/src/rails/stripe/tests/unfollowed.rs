//! What the books do not follow is kept, shown, and named where they are checked.

use super::*;

#[tokio::test]
async fn what_is_not_known_is_kept_and_shown_and_what_comes_early_waits() {
    let (_folder, finance) = sharing_market().await;
    let state = async |id: &str| {
        let all = events::list(&finance.db, None, &Paging::first(100)).await.unwrap().items;
        let found = all.into_iter().find(|event| event.id == id).unwrap();
        (found.state, found.reason)
    };
    tell(&finance, "evt_a", &("topup.succeeded", json!({ "id": "x" }))).await;
    assert_eq!(state("evt_a").await, (EventState::Unhandled, String::new()));
    // Of a payment that nobody has begun.
    tell(&finance, "evt_b", &dispute(7, 100, "needs_response", &[])).await;
    let waits = "there is no payment 'pi_7' in the books yet";
    assert_eq!(state("evt_b").await, (EventState::Parked, waits.into()));
    tell(&finance, "evt_c", &dispute(7, 100, "asleep", &[])).await;
    assert!(state("evt_c").await.1.contains("'asleep' is no status"));
    // What is of no kind that is known here, and what waits in vain, is named where the books are checked.
    let named = async || {
        let mut db = finance.db.snapshot().await.unwrap();
        let named = crate::books::invariants::check(&mut db).await.unwrap().unfollowed;
        assert_eq!(named.len() as i64, rails::count_unfollowed_events(&mut db).await.unwrap());
        named.join("\n")
    };
    assert!(named().await.starts_with("1 of the processor's events are of the kind topup.succeeded, which"));
    sqlx::query("update processor_events set tries = 9 where id = 'evt_b'")
        .execute(finance.db.read())
        .await
        .unwrap();
    let words = named().await;
    assert!(words.contains("event evt_b (charge.dispute.updated) waits since"), "{words}");
    assert!(words.contains(waits) && words.contains("`chandlery books events show evt_b`"), "{words}");
    begin(&finance, 7, Bought::Plugin).await;
    tell(&finance, "evt_d", &paid(7)).await;
    assert_eq!(state("evt_b").await, (EventState::Applied, String::new()));
    // Of another account than the marketplace's.
    let (kind, object) =
        ("payout.paid", json!({ "id": "po_1", "amount": 5, "currency": "usd", "status": "paid" }));
    let body =
        json!({ "id": "evt_e", "type": kind, "account": "acct_7", "data": { "object": object } }).to_string();
    let event = Event::read(body.as_bytes()).unwrap();
    webhook::take(&finance.db, &processor(), finance.hold_days, event, now()).await.unwrap();
    assert_eq!(state("evt_e").await.0, EventState::Ignored);
    assert_eq!(held(&finance, "").await.get("assets:bank"), None);
}
