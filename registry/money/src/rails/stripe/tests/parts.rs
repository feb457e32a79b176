//! A payment of less than is due pays a part, as a transfer does.

use chandlery_package::wire::InvoiceState;

use super::*;

#[tokio::test]
async fn a_part_is_paid_by_value_and_is_due_again_when_it_goes_back() {
    let (_folder, finance) = sharing_market().await;
    let customer = begin(&finance, 1, Bought::Plan).await;
    let check = async |processor: i64, receivable: i64, credit: i64| {
        let holds = held(&finance, &customer).await;
        let of = |account: &str| holds.get(account).copied().unwrap_or(0);
        assert_eq!((of(PROCESSOR), of("assets:receivable:customers")), (processor, receivable), "{holds:?}");
        assert_eq!((of(CREDIT), of("expenses:bad debt")), (credit, 0), "{holds:?}");
        assert_eq!(faults(&finance.db).await, Vec::<String>::new());
    };
    let invoice =
        async || billing::find_invoice(&mut finance.db.read().acquire().await.unwrap(), 1).await.unwrap();
    let usd = |minor: i64| Money::new(minor, Currency::Usd).unwrap();
    for id in ["evt_1", "evt_1_again"] {
        tell(&finance, id, &paid_so_much(1, 4000)).await;
        check(3680, 5900, 0).await;
    }
    assert_eq!((invoice().await.state, invoice().await.part_paid), (InvoiceState::Open, Some(usd(4000))));
    // What goes back of it is due again.
    tell(&finance, "evt_2", &charge(1, 1500)).await;
    check(2180, 7400, 0).await;
    assert_eq!(invoice().await.part_paid, Some(usd(2500)));
    // Another payment pays what is left, and what is more is credit.
    let mut write = finance.db.write().await.unwrap();
    payments::begun(&mut write, "pi_9", &Subject::Invoice(1), usd(8000)).await.unwrap();
    write.commit().await.unwrap();
    tell(&finance, "evt_3", &paid_so_much(9, 8000)).await;
    check(9860, 0, -600).await;
    assert_eq!(invoice().await.state, InvoiceState::Paid);
    // Of what is paid, a part goes back with a credit note.
    tell(&finance, "evt_4", &charge(1, 2500)).await;
    check(8860, 0, -600).await;
    assert_eq!(invoice().await.refunded, usd(1000));
}

#[tokio::test]
async fn a_part_that_a_customers_bank_takes_back_is_due_again() {
    let (_folder, finance) = sharing_market().await;
    let customer = begin(&finance, 1, Bought::Plan).await;
    tell(&finance, "evt_1", &paid_so_much(1, 4000)).await;
    tell(&finance, "evt_2", &dispute(1, 4000, "needs_response", &[1500])).await;
    let of = async |account: &str| held(&finance, &customer).await.get(account).copied().unwrap_or(0);
    assert_eq!((of(PROCESSOR).await, of(HELD).await), (-1820, 4000));
    tell(&finance, "evt_3", &dispute(1, 4000, "lost", &[1500])).await;
    assert_eq!((of(PROCESSOR).await, of(HELD).await, of("expenses:bad debt").await), (-1820, 0, 0));
    assert_eq!(of("assets:receivable:customers").await, 9900);
    assert_eq!(faults(&finance.db).await, Vec::<String>::new());
}
