//! How an order stands, and what leads from one state to another: nothing changes one but by an event that is allowed here.

use chandlery_package::Price;
use chandlery_package::wire::OrderState;

chandlery_package::words! {
    /// How an order is paid.
    pub(in crate::billing) enum Paying: "way to pay an order" {
        /// Once, for ever.
        Once = "once",
        /// When a month is over, by the month or by use.
        ByMonth = "by-month",
    }

    /// What happens to an order.
    pub(in crate::billing) enum OrderEvent: "event of an order" {
        /// Its trial is over.
        TrialOver = "trial-over",
        /// The time to pay it is over.
        TimeOver = "time-over",
        /// It is paid, or what was given up of it.
        Pay = "pay",
        /// An invoice of it is given up.
        GiveUp = "give-up",
        /// All of an invoice of it is given back.
        GiveBack = "give-back",
        /// The customer's bank takes a payment back.
        Dispute = "dispute",
        /// The bank has decided for the marketplace.
        Win = "win",
        /// The bank has decided for the customer.
        Lose = "lose",
        /// Its customer ends it.
        End = "end",
        /// Its customer orders anew.
        Replace = "replace",
    }

    /// Why an event is none for an order that stands as it does.
    pub(in crate::billing) enum Refusal: "refusal" {
        /// It is had for ever, or until it is given back.
        PaidOnce = "it is paid once: there is nothing to end",
        /// Nobody has paid anything.
        NotPaid = "nothing was paid for it",
        /// There is no such time.
        NoTime = "it has no such time",
        /// Nothing is held by a bank.
        NoDispute = "there is no dispute about it",
        /// The money is there.
        IsPaid = "it is paid",
        /// It went back.
        IsRefunded = "what was paid for it was given back: order again",
        /// It is over.
        HasEnded = "it has ended: order again",
    }
}

impl Paying {
    pub fn of(price: &Price) -> Self {
        match price {
            Price::Once { .. } => Self::Once,
            Price::Monthly { .. } | Price::Metered { .. } => Self::ByMonth,
        }
    }

    /// The state in which money has arrived.
    fn paid(self) -> OrderState {
        match self {
            Self::Once => OrderState::Paid,
            Self::ByMonth => OrderState::Running,
        }
    }
}

/// Where an event leads from a state, or why it is none there.
pub(in crate::billing) fn after(
    paying: Paying,
    state: OrderState,
    event: OrderEvent,
) -> Result<OrderState, Refusal> {
    use OrderEvent as On;
    use OrderState as Is;
    match (state, event) {
        (_, On::End) if paying == Paying::Once => Err(Refusal::PaidOnce),
        (_, On::End | On::Replace) => Ok(Is::Ended),
        // What was quoted and paid stands, also where another price was agreed to meanwhile.
        (Is::Ended, On::Pay) if paying == Paying::Once => Ok(Is::Paid),
        (Is::Ended, _) => Err(Refusal::HasEnded),

        (Is::Trial, On::TrialOver) => Ok(Is::Running),
        (Is::Ordered, On::TimeOver) => Ok(Is::Overdue),
        (_, On::TrialOver | On::TimeOver) => Err(Refusal::NoTime),

        (Is::Ordered | Is::Overdue, On::Pay) => Ok(paying.paid()),
        (Is::Refunded, On::Pay) => Err(Refusal::IsRefunded),
        // Of a month, which ends or begins nothing.
        (state, On::Pay) if paying == Paying::ByMonth => Ok(state),
        (_, On::Pay) => Err(Refusal::IsPaid),

        (Is::Ordered | Is::Refunded, On::GiveUp) => Err(Refusal::NotPaid),
        (Is::Disputed, On::GiveUp) => Ok(Is::Disputed),
        (_, On::GiveUp) => Ok(Is::Overdue),

        (Is::Ordered, On::GiveBack) => Err(Refusal::NotPaid),
        (state, On::GiveBack) if paying == Paying::ByMonth => Ok(state),
        (Is::Overdue, On::GiveBack) => Err(Refusal::NotPaid),
        (_, On::GiveBack) => Ok(Is::Refunded),

        (Is::Ordered, On::Dispute) => Err(Refusal::NotPaid),
        (_, On::Dispute) => Ok(Is::Disputed),
        (Is::Disputed, On::Win) => Ok(paying.paid()),
        // For good.
        (Is::Disputed, On::Lose) => Ok(Is::Disputed),
        (_, On::Win | On::Lose) => Err(Refusal::NoDispute),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each event leads from each state, as `docs/money.md` draws it: paid once, and by the month; `-`: nowhere.
    const EDGES: [&str; 2] = [
        "
               trial    running  ordered overdue  paid     disputed refunded ended
    trial-over running  -        -       -        -        -        -        -
    time-over  -        -        overdue -        -        -        -        -
    pay        -        -        paid    paid     -        -        -        paid
    give-up    overdue  overdue  -       overdue  overdue  disputed -        -
    give-back  refunded refunded -       -        refunded refunded refunded -
    dispute    disputed disputed -       disputed disputed disputed disputed -
    win        -        -        -       -        -        paid     -        -
    lose       -        -        -       -        -        disputed -        -
    end        -        -        -       -        -        -        -        -
    replace    ended    ended    ended   ended    ended    ended    ended    ended",
        "
               trial    running  ordered overdue  paid     disputed refunded ended
    trial-over running  -        -       -        -        -        -        -
    time-over  -        -        overdue -        -        -        -        -
    pay        trial    running  running running  paid     disputed -        -
    give-up    overdue  overdue  -       overdue  overdue  disputed -        -
    give-back  trial    running  -       overdue  paid     disputed refunded -
    dispute    disputed disputed -       disputed disputed disputed disputed -
    win        -        -        -       -        -        running  -        -
    lose       -        -        -       -        -        disputed -        -
    end        ended    ended    ended   ended    ended    ended    ended    ended
    replace    ended    ended    ended   ended    ended    ended    ended    ended",
    ];

    #[test]
    fn every_event_in_every_state_leads_where_it_is_drawn() {
        for (paying, edges) in Paying::ALL.into_iter().zip(EDGES) {
            let mut rows = edges.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
            assert_eq!(rows.next().unwrap(), OrderState::ALL.map(OrderState::as_str));
            let rows: Vec<_> = rows.collect();
            assert_eq!(rows.len(), OrderEvent::ALL.len());
            for (event, row) in OrderEvent::ALL.into_iter().zip(rows) {
                assert_eq!(row[0], event.as_str());
                for (state, expected) in OrderState::ALL.into_iter().zip(&row[1..]) {
                    let leads = after(paying, state, event).map_or("-", OrderState::as_str);
                    assert_eq!(leads, *expected, "{event} when what is paid {paying} is {state}");
                }
            }
        }
    }
}
