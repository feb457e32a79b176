//! How a partner is paid: what holds, the versions with who wrote and approved each, and the form that writes another one.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Account, Caller, has_factor, must_show_anew};
use chandlery_edge::{Client, Form, Path, Query};
use chandlery_money::{Finance, payouts};
use chandlery_package::wire::{Paging, PayoutProfile, ProfileVersion, Rail, RailKind, Schedule};
use chandlery_package::{Currency, Money, Namespace};
use chandlery_pages::{Column, Field, Tone, badge, facts, fault, minute, money, next_page, select, table};
use maud::{Markup, html};
use serde::Deserialize;

use super::asked::{Asked, View, after};
use crate::error::Error;
use crate::shell::{self, LogIn};
use crate::web::layout::rail;

const PAGE: &str = "/bank";
/// How many versions are shown below a form that was refused.
const SHOWN: u32 = 50;
const CODE_OWED: &str = "Type a code of your second factor, or log in again with your passkey: within ten minutes of that no code is asked for";
const SCHEDULES: [(&str, &str); 4] = [
    ("every-run", "By each run of payouts"),
    ("weekly", "Once a week"),
    ("monthly", "Once a month"),
    ("quarterly", "Once a quarter"),
];

/// What the form sends.
#[derive(Debug, Default, Deserialize)]
pub(in crate::web) struct Given {
    #[serde(default)]
    by: String,
    #[serde(default)]
    holder: String,
    #[serde(default)]
    iban: String,
    #[serde(default)]
    bic: String,
    #[serde(default)]
    account: String,
    #[serde(default)]
    currency: String,
    #[serde(default)]
    minimum: String,
    #[serde(default)]
    schedule: String,
    #[serde(default)]
    code: String,
}

impl Given {
    /// What an earlier version says, but for the account, which is typed anew.
    fn of(profile: &PayoutProfile) -> Self {
        Self {
            by: profile.rail.kind().as_str().into(),
            currency: profile.currency.map_or_else(String::new, |currency| currency.code().into()),
            minimum: profile.minimum.map_or_else(String::new, |minimum| minimum.to_string()),
            schedule: profile.schedule.as_str().into(),
            ..Self::default()
        }
    }

    /// What is asked for. Of what the form does not ask, it stays as in the version that the form was filled from.
    fn read(&self, filled_from: &PayoutProfile) -> Result<PayoutProfile, chandlery_money::Error> {
        let rail = match self.by.parse::<RailKind>()? {
            RailKind::Manual => Rail::Manual,
            RailKind::Stripe => Rail::Stripe { account: self.account.trim().into() },
            RailKind::Sepa => {
                let iban: String = self.iban.split_whitespace().collect();
                let (holder, iban) = (self.holder.trim().to_owned(), iban.to_ascii_uppercase());
                let bic = written(&self.bic).map(str::to_ascii_uppercase);
                payouts::check_account(&holder, &iban, bic.as_deref())?;
                Rail::Sepa { holder, iban, bic }
            }
        };
        Ok(PayoutProfile {
            rail,
            currency: written(&self.currency).map(str::parse::<Currency>).transpose()?,
            minimum: written(&self.minimum).map(str::parse::<Money>).transpose()?,
            schedule: self.schedule.parse::<Schedule>()?,
            withheld: filled_from.withheld,
            legal: filled_from.legal.clone(),
        })
    }
}

fn written(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

/// The page `/dashboard/{partner}/bank`.
pub(in crate::web) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Query(asked): Query<Asked>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Response, Error> {
    let Some(caller) = caller else { return Ok(log_in.then(&format!("/dashboard/{partner}{PAGE}"))) };
    caller.must_see(&finance.db, &partner).await?;
    shown(&finance, &caller, partner, (&asked, &paging), None).await
}

/// Writes another version.
pub(in crate::web) async fn write(
    State(finance): State<Finance>,
    client: Client,
    caller: Option<Caller>,
    log_in: LogIn,
    Path(partner): Path<Namespace>,
    Form(given): Form<Given>,
) -> Result<Response, Error> {
    let path = format!("/dashboard/{partner}{PAGE}");
    let Some(caller) = caller else { return Ok(log_in.then(&path)) };
    caller.must_see(&finance.db, &partner).await?;
    let error = match written_as(&finance, client, &caller, &partner, &given).await {
        Ok(_) => return Ok(Redirect::to(&path).into_response()),
        Err(error) => error,
    };
    let (status, why) = match error {
        chandlery_money::Error::Accounts(chandlery_edge::Error::SecondFactorNeeded(_)) => {
            (StatusCode::FORBIDDEN, CODE_OWED.to_owned())
        }
        error => shell::told(error)?,
    };
    let asked = (&Asked::default(), &Paging::first(SHOWN));
    let page = shown(&finance, &caller, partner, asked, Some((&given, &why))).await?;
    Ok((status, page).into_response())
}

async fn written_as(
    finance: &Finance,
    client: Client,
    caller: &Caller,
    partner: &Namespace,
    given: &Given,
) -> Result<ProfileVersion, chandlery_money::Error> {
    let (_, latest) = payouts::latest_profile(&mut *finance.db.read().acquire().await?, partner).await?;
    // A code is used up, and so shown last.
    let profile = given.read(&latest)?;
    must_show_anew(&finance.accounts, client, caller, written(&given.code)).await?;
    let (actor, now) = (&caller.actor, finance.clock.now());
    payouts::write_profile(&finance.db, actor, caller, partner, profile, now).await
}

async fn shown(
    finance: &Finance,
    caller: &Account,
    partner: Namespace,
    (asked, paging): (&Asked, &Paging<i64>),
    wrong: Option<(&Given, &str)>,
) -> Result<Response, Error> {
    let now = finance.clock.now();
    let mut db = finance.db.snapshot().await?;
    let view = View::read(&mut db, finance, partner, asked).await?;
    let (version, holds) = payouts::profile_in_force(&mut db, &view.partner, now).await?;
    let (latest, written) = payouts::latest_profile(&mut db, &view.partner).await?;
    drop(db);
    let versions = payouts::profiles(&finance.db, &view.partner, paging).await?;
    let filled = Given::of(&written);
    let (given, why) = wrong.map_or((&filled, None), |(given, why)| (given, Some(why)));
    let asks_for_code = has_factor(&finance.db, caller).await?;
    let content = html! {
        h2 { "How you are paid" }
        div.card { (facts(&about(&holds, masked))) }
        h2 { "Be paid otherwise" }
        p {
            "An operator approves what you write here before it holds, and all owners are told of it. Where another account was paid before, "
            "the new one is paid " (payouts::PROFILE_WAITS.as_hours()) " hours after that: time to object, if it was not you."
        }
        (form(&view, given, finance.processor.is_some(), asks_for_code, why))
        h2 { "Versions" }
        (listed(&versions.items, version, latest))
        (next_page(after(&view.path(PAGE), versions.next.as_deref()).as_deref()))
    };
    Ok(view.page(caller, PAGE, &content))
}

/// The end of an account's number, by which its owner knows it.
fn masked(number: &str) -> String {
    let letters: Vec<char> = number.chars().collect();
    let end: String = letters.iter().skip(letters.len().saturating_sub(4)).collect();
    format!("…{end}")
}

/// What a profile says, the account as `number` shows it.
pub(in crate::web) fn about(
    profile: &PayoutProfile,
    number: impl Fn(&str) -> String,
) -> Vec<(&'static str, Markup)> {
    let to = match &profile.rail {
        Rail::Manual => html! { "by hand: an operator asks you where to" },
        Rail::Stripe { account } => html! { (number(account)) },
        Rail::Sepa { holder, iban, bic } => html! {
            (holder) ", " code { (number(iban)) } @if let Some(bic) = bic { ", " (bic) }
        },
    };
    let schedule = SCHEDULES.iter().find(|(word, _)| *word == profile.schedule.as_str());
    let mut about = vec![
        ("By", html! { (rail(profile.rail.kind())) }),
        ("To", to),
        ("In", html! { (profile.currency.map_or("what was earned", Currency::code)) }),
        ("When", html! { (schedule.map_or(profile.schedule.as_str(), |(_, says)| *says)) }),
        ("Withheld for the state", html! { (profile.withheld) }),
    ];
    if let Some(minimum) = profile.minimum {
        about.push(("At least", html! { (money(minimum)) }));
    }
    if let Some(party) = &profile.legal {
        about.push(("On invoices", html! { (party.name) ", " (party.country) }));
    }
    about
}

fn form(view: &View, given: &Given, has_processor: bool, asks_for_code: bool, why: Option<&str>) -> Markup {
    let mut rails = vec![("sepa", "A transfer to a bank account"), ("manual", "By hand")];
    if has_processor || given.by == RailKind::Stripe.as_str() {
        rails.push(("stripe", "A connected account at Stripe"));
    }
    let currencies: Vec<(&str, &str)> = [("", "Whatever was earned")]
        .into_iter()
        .chain(Currency::ALL.map(|currency| (currency.code(), currency.code())))
        .collect();
    html! {
        form.card method="post" action=(format!("/dashboard/{}{PAGE}", view.partner)) {
            (fault(why))
            (select("by", "By", &given.by, &rails))
            (Field::new("holder", "Holder of the account").value(&given.holder))
            (Field::new("iban", "IBAN").value(&given.iban).hint("With or without spaces. It is typed anew for each version."))
            (Field::new("bic", "BIC").value(&given.bic).hint("Empty: the bank finds it by the IBAN."))
            @if has_processor || given.by == RailKind::Stripe.as_str() {
                (Field::new("account", "Account at Stripe").value(&given.account).hint("Such as acct_1032D82eZvKYlo2C."))
            }
            (select("currency", "Currency", &given.currency, &currencies))
            (Field::new("minimum", "Pay no less than").value(&given.minimum).hint("Such as 50.00 USD. Empty: what the policy says."))
            (select("schedule", "When", &given.schedule, &SCHEDULES))
            @if asks_for_code {
                (Field::new("code", "Code of your second factor").complete("one-time-code"))
            }
            button { "Ask for it" }
        }
    }
}

fn listed(versions: &[ProfileVersion], holds: i64, latest: i64) -> Markup {
    let columns = ["Version", "By", "To", "Written by", "Approved by", "State"].map(Column::Text);
    let row = |of: &ProfileVersion| {
        let to = match &of.profile.rail {
            Rail::Manual => String::new(),
            Rail::Stripe { account } => masked(account),
            Rail::Sepa { iban, .. } => masked(iban),
        };
        vec![
            html! { (of.version) },
            html! { (rail(of.profile.rail.kind())) },
            html! { (to) },
            html! { (of.changed_by) },
            html! { (of.approved_by.as_ref().map_or("nobody yet", |name| name.as_str())) },
            state(of, holds, latest),
        ]
    };
    table("Versions", &columns, &versions.iter().map(row).collect::<Vec<_>>())
}

/// Whether a version holds, where the one of the number `holds` does, and the one of the number `latest` was written last.
fn state(of: &ProfileVersion, holds: i64, latest: i64) -> Markup {
    match of.holds_from {
        _ if of.version == holds => badge(Tone::Good, "holds"),
        _ if of.version < latest => badge(Tone::Plain, "replaced"),
        Some(from) => html! { (badge(Tone::Warning, "waits")) " until " (minute(from)) },
        None => badge(Tone::Warning, "waits for an operator"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_as_it_is_typed_and_refused_in_words() {
        let given = |by: &str, iban: &str, minimum: &str| Given {
            by: by.into(),
            holder: " Acme SA ".into(),
            iban: iban.into(),
            minimum: minimum.into(),
            schedule: "monthly".into(),
            ..Given::default()
        };
        let filled_from = PayoutProfile {
            rail: Rail::Manual,
            currency: None,
            minimum: None,
            schedule: Schedule::EveryRun,
            withheld: "15%".parse().unwrap(),
            legal: None,
        };
        let read = given("sepa", "de89 3704 0044 0532 0130 00", "50.00 USD").read(&filled_from).unwrap();
        assert_eq!(read.withheld.to_string(), "15%", "the form does not ask for it");
        let rail = Rail::Sepa { holder: "Acme SA".into(), iban: "DE89370400440532013000".into(), bic: None };
        assert_eq!((read.rail, read.schedule), (rail, Schedule::Monthly));
        assert_eq!(given("manual", "", "").read(&filled_from).unwrap().rail, Rail::Manual);
        for (wrong, says) in [
            (given("sepa", "DE00", ""), "'DE00' is not an IBAN"),
            (given("", "", ""), "rail"),
            (given("manual", "", "much"), "much"),
        ] {
            let why = wrong.read(&filled_from).unwrap_err().to_string();
            assert!(why.contains(says), "{why}");
        }
        assert_eq!(masked("DE89370400440532013000"), "…3000");
        assert_eq!(masked("é1"), "…é1");
        assert_eq!(SCHEDULES.map(|(word, _)| word), Schedule::ALL.map(Schedule::as_str));
    }
}
