//! What subscriptions cost, for everybody.

use chandlery_accounts::Account;
use chandlery_money::billing::TRIAL_DAYS;
use chandlery_package::{Billed, Tier};
use chandlery_pages::{Column, command, money, table};
use maud::{Markup, html};

use super::layout;

const ABOUT: &str = "What the tiers of Chandlery allow, what they cost, and how to try one.";

/// The page `/pricing`.
pub(super) async fn page(caller: Option<Account>) -> Markup {
    let columns = [
        Column::Text("Tier"),
        Column::Text("Deployments"),
        Column::Number("A month"),
        Column::Number("A year"),
    ];
    let rows: Vec<Vec<Markup>> = Tier::ALL.into_iter().map(row).collect();
    let content = html! {
        h1 { "Pricing" }
        p.lead { "What you deploy from this registry needs a tier that allows as many deployments. One deployment costs nothing." }
        (table("Tiers", &columns, &rows))
        p.note { "Without taxes. A year costs as much as ten months." }
        h2 { "Trial" }
        p { "Each account may try one tier for " (TRIAL_DAYS) " days, once. Nothing is charged, and it ends by itself." }
        (command("chandlery subscription trial team"))
        h2 { "Plugins" }
        p { "Plugins cost what their publishers say: nothing, once, by the month or by what is used. The price stands on the page of each, "
            "and " code { "chandlery install" } " shows it before anything is ordered, on these " a href="/terms" { "terms" } ". "
            a href="/search" { "Search plugins" } }
    };
    layout::public("Pricing", ABOUT, caller.as_ref(), content)
}

fn row(tier: Tier) -> Vec<Markup> {
    vec![
        html! { (tier) },
        html! { @match tier.deployments() { Some(limit) => (limit), None => "any number" } },
        html! { (price(tier, Billed::Monthly)) },
        html! { (price(tier, Billed::Yearly)) },
    ]
}

fn price(tier: Tier, billed: Billed) -> String {
    match (tier, tier.price(billed)) {
        (_, Some(price)) => money(price),
        (Tier::Free, None) => "nothing".into(),
        (_, None) => "as agreed".into(),
    }
}
