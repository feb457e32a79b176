//! How a subscription stands, and what leads from one state to another: nothing changes one but by an event that is allowed here.

use chandlery_package::wire::SubscriptionState;

chandlery_package::words! {
    /// What happens to a subscription.
    pub(in crate::billing) enum SubscriptionEvent: "event of a subscription" {
        /// A trial begins.
        Try = "try",
        /// A trial is over.
        TrialOver = "trial-over",
        /// A period is invoiced, the first one or one of more than there is.
        Subscribe = "subscribe",
        /// Its invoice is paid.
        Pay = "pay",
        /// It shall become less when its period is over.
        Reduce = "reduce",
        /// It shall end when its period is over.
        Cancel = "cancel",
        /// It shall go on as it is after all.
        Keep = "keep",
        /// Its period is over.
        PeriodOver = "period-over",
        /// Its invoice was not paid for too long.
        GiveUp = "give-up",
        /// Nothing that was paid for its period is left.
        GiveBack = "give-back",
        /// The same, of a period that came instead of another one, which is paid for and not over.
        Undo = "undo",
        /// The customer's bank takes the payment back.
        Dispute = "dispute",
        /// The bank has decided for the marketplace.
        Win = "win",
        /// It is ended now, and what is left of it given back.
        EndNow = "end-now",
    }

    /// Why an event is none for a subscription that stands as it does.
    pub(in crate::billing) enum Refusal: "refusal" {
        /// There is no period.
        NothingInvoiced = "nothing is subscribed to: `chandlery subscription change TIER` begins",
        /// There is no trial.
        NoTrial = "there is no trial that could be over",
        /// The period before is not paid.
        Unpaid = "its invoice is not paid yet: change to more when it is",
        /// The payment has arrived.
        Paid = "its invoice is paid",
        /// The bank has not decided.
        InDispute = "the customer's bank has taken the payment back, and has not decided: wait until it has",
        /// Nothing is held by a bank.
        NoDispute = "there is no dispute about it",
    }
}

/// Where an event leads from a state, or why it is none there.
pub(in crate::billing) fn after(
    state: SubscriptionState,
    event: SubscriptionEvent,
) -> Result<SubscriptionState, Refusal> {
    use SubscriptionEvent as On;
    use SubscriptionState as Is;
    match (state, event) {
        (Is::Free, On::Try) => Ok(Is::Trial),
        (Is::Free | Is::Trial, On::Subscribe) => Ok(Is::Due),
        (Is::Free, On::Cancel) => Ok(Is::Free),
        (Is::Free, _) => Err(Refusal::NothingInvoiced),
        // There is one, and it goes on.
        (Is::Trial, On::Try) => Ok(Is::Trial),
        (Is::Trial, On::TrialOver | On::Cancel | On::EndNow) => Ok(Is::Free),
        (Is::Trial, _) => Err(Refusal::NothingInvoiced),

        // A trial of more than is paid for changes nothing of that.
        (Is::Disputed, On::Try) => Err(Refusal::InDispute),
        (state, On::Try) => Ok(state),
        (_, On::TrialOver) => Err(Refusal::NoTrial),

        (_, On::GiveBack) => Ok(Is::Free),
        (_, On::Undo) => Ok(Is::Ending),

        (Is::Due, On::Pay) => Ok(Is::Active),
        (Is::Due, On::Reduce | On::Cancel | On::Keep) => Ok(Is::Due),
        (Is::Due, On::PeriodOver | On::GiveUp | On::EndNow) => Ok(Is::Free),
        (Is::Due, On::Subscribe | On::Dispute) => Err(Refusal::Unpaid),
        (Is::Due, On::Win) => Err(Refusal::NoDispute),

        (_, On::Pay | On::GiveUp) => Err(Refusal::Paid),
        (_, On::Dispute) => Ok(Is::Disputed),

        (Is::Disputed, On::Win) => Ok(Is::Active),
        (Is::Disputed, On::Reduce | On::Cancel | On::Keep) => Ok(Is::Disputed),
        (Is::Disputed, On::PeriodOver) => Ok(Is::Free),
        (Is::Disputed, On::Subscribe | On::EndNow) => Err(Refusal::InDispute),

        (Is::Active | Is::Changing | Is::Ending, On::Win) => Err(Refusal::NoDispute),
        (Is::Active | Is::Changing | Is::Ending, On::Subscribe) => Ok(Is::Due),
        (Is::Active | Is::Changing | Is::Ending, On::Reduce) => Ok(Is::Changing),
        (Is::Active | Is::Changing | Is::Ending, On::Cancel) => Ok(Is::Ending),
        (Is::Active | Is::Changing | Is::Ending, On::Keep) => Ok(Is::Active),
        (Is::Active | Is::Changing | Is::Ending, On::EndNow) => Ok(Is::Free),
        (Is::Active | Is::Changing, On::PeriodOver) => Ok(Is::Due),
        (Is::Ending, On::PeriodOver) => Ok(Is::Free),
    }
}

/// Whether a subscription that stands so can be changed to more now.
pub fn takes_more(state: SubscriptionState) -> bool {
    after(state, SubscriptionEvent::Subscribe).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each event leads from each state, as `docs/money.md` draws it; `-`: nowhere.
    const EDGES: &str = "
                 free   trial  due    active   changing ending   disputed
    try          trial  trial  due    active   changing ending   -
    trial-over   -      free   -      -        -        -        -
    subscribe    due    due    -      due      due      due      -
    pay          -      -      active -        -        -        -
    reduce       -      -      due    changing changing changing disputed
    cancel       free   free   due    ending   ending   ending   disputed
    keep         -      -      due    active   active   active   disputed
    period-over  -      -      free   due      due      free     free
    give-up      -      -      free   -        -        -        -
    give-back    -      -      free   free     free     free     free
    undo         -      -      ending ending   ending   ending   ending
    dispute      -      -      -      disputed disputed disputed disputed
    win          -      -      -      -        -        -        active
    end-now      -      free   free   free     free     free     -";

    #[test]
    fn every_event_in_every_state_leads_where_it_is_drawn() {
        let mut rows = EDGES.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
        let states = rows.next().unwrap();
        assert_eq!(states, SubscriptionState::ALL.map(SubscriptionState::as_str));
        let rows: Vec<_> = rows.collect();
        assert_eq!(rows.len(), SubscriptionEvent::ALL.len());
        for (event, row) in SubscriptionEvent::ALL.into_iter().zip(rows) {
            assert_eq!(row[0], event.as_str());
            for (state, expected) in SubscriptionState::ALL.into_iter().zip(&row[1..]) {
                let leads = after(state, event).map_or("-", SubscriptionState::as_str);
                assert_eq!(leads, *expected, "{event} when it is {state}");
            }
        }
    }

    #[test]
    fn what_is_refused_says_why_and_nothing_is_had_without_being_paid_or_tried() {
        let why = after(SubscriptionState::Due, SubscriptionEvent::Subscribe).unwrap_err();
        assert!(why.as_str().contains("is not paid yet"));
        let had: Vec<_> = SubscriptionState::ALL
            .into_iter()
            .filter(|state| state.holds())
            .map(SubscriptionState::as_str)
            .collect();
        assert_eq!(had, ["due", "active", "changing", "ending"]);
    }
}
