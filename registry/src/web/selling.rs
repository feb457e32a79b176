//! What a plugin costs, for everybody and for some, and its coupons: the page on which owners set them.

use axum::extract::State;
use axum::response::{IntoResponse as _, Redirect, Response};
use chandlery_accounts::{Account, Caller};
use chandlery_edge::{Form, Path, Query};
use chandlery_money::{Finance, billing};
use chandlery_package::wire::{Coupon, NewCoupon, NewPrice, Paging, PriceVersion};
use chandlery_package::{
    Money, Namespace, Offer, Per, PluginId, PluginName, Price, Rate, Step, Unit, UnitPrice,
};
use chandlery_pages::{
    Column, Field, Link, Tone, badge, crumbs, empty, fault, minute, next_page, number, select, table,
    with_commas,
};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use maud::{Markup, html};
use serde::Deserialize;

use super::layout;
use crate::error::Error;
use crate::shell::{LogIn, PUBLISH, shown_again};

/// How many prices are shown with what was wrong with a form, and how many coupons at all.
const SHOWN: u32 = 100;
const ACTION: &str = "set prices in";
const KINDS: [(&str, &str); 4] = [
    ("once", "Once, for ever"),
    ("monthly", "By the month"),
    ("monthly-deployment", "By the month, for each deployment"),
    ("metered", "By use"),
];

/// What the form of a price sends.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Priced {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    amount: String,
    #[serde(default)]
    unit: String,
    #[serde(default)]
    free: String,
    /// Lines of `UNITS=PRICE`.
    #[serde(default)]
    above: String,
    #[serde(default)]
    trial_days: String,
    #[serde(default)]
    customer: String,
}

/// What the form of a coupon sends.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Couponed {
    #[serde(default)]
    code: String,
    #[serde(default)]
    discount: String,
    #[serde(default)]
    last_day: String,
    #[serde(default)]
    uses_max: String,
}

/// What was wrong with which form.
#[derive(Default)]
struct Refused<'a> {
    price: Option<(&'a Priced, &'a str)>,
    coupon: Option<(&'a Couponed, &'a str)>,
}

/// A whole number of this name; nothing: `usual`.
fn whole<T: std::str::FromStr>(name: &str, text: &str, usual: T) -> Result<T, chandlery_money::Error> {
    match text.trim() {
        "" => Ok(usual),
        text => text.parse().map_err(|_| {
            chandlery_money::Error::Invalid(format!("{name}: '{text}' is no whole number here"))
        }),
    }
}

impl Priced {
    fn read(&self) -> Result<NewPrice, chandlery_money::Error> {
        let amount = || self.amount.trim().parse::<Money>();
        let price = match self.kind.as_str() {
            "once" => Price::Once { amount: amount()? },
            "monthly" => Price::Monthly { amount: amount()?, per: Per::Organisation },
            "monthly-deployment" => Price::Monthly { amount: amount()?, per: Per::Deployment },
            "metered" => Price::Metered {
                unit: self.unit.trim().parse::<Unit>()?,
                free: whole("free", &self.free, 0)?,
                steps: self.steps()?,
            },
            other => return Err(chandlery_money::Error::Invalid(format!("'{other}' is no way to pay"))),
        };
        let customer = self.customer.trim();
        let customer = (!customer.is_empty()).then(|| customer.parse::<Namespace>()).transpose()?;
        let trial_days = whole("trial days", &self.trial_days, 0)?;
        Ok(NewPrice { offer: Offer { price, trial_days }, customer })
    }

    /// The price of a unit, and what units above a number cost.
    fn steps(&self) -> Result<Vec<Step>, chandlery_money::Error> {
        let mut prices = vec![self.amount.trim().parse::<UnitPrice>()?];
        let mut ends: Vec<Option<u64>> = Vec::new();
        for line in self.above.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let parts =
                line.split_once('=').and_then(|(units, price)| Some((units.trim().parse().ok()?, price)));
            let (units, price): (u64, &str) = parts.ok_or_else(|| {
                chandlery_money::Error::Invalid(format!(
                    "'{line}' is not UNITS=PRICE, such as 1000=0.002 USD"
                ))
            })?;
            ends.push(Some(units));
            prices.push(price.trim().parse()?);
        }
        ends.push(None);
        Ok(prices.into_iter().zip(ends).map(|(price, up_to)| Step { up_to, price }).collect())
    }
}

impl Couponed {
    fn read(&self) -> Result<NewCoupon, chandlery_money::Error> {
        let (day, discount) = (self.last_day.trim(), self.discount.trim());
        let wrong_day =
            || chandlery_money::Error::Invalid(format!("last day: '{day}' is no date, such as 2027-01-31"));
        let next = day.parse::<Date>().ok().and_then(|day| day.checked_add(1.day()).ok());
        let until = next.and_then(|next| next.to_zoned(TimeZone::UTC).ok()).ok_or_else(wrong_day)?;
        let discount =
            discount.parse::<Rate>().map_err(|error| chandlery_money::Error::Invalid(error.to_string()))?;
        Ok(NewCoupon {
            code: self.code.trim().into(),
            discount,
            until: until.timestamp(),
            uses_max: whole("how often", &self.uses_max, 1)?,
        })
    }
}

fn manage_path(plugin: &PluginId) -> String {
    format!("{PUBLISH}/plugins/{}/{}", plugin.namespace, plugin.name)
}

fn price_path(plugin: &PluginId) -> String {
    format!("{}/price", manage_path(plugin))
}

/// The page `/publish/plugins/{namespace}/{name}/price`.
pub(super) async fn page(
    State(finance): State<Finance>,
    caller: Option<Account>,
    log_in: LogIn,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Query(paging): Query<Paging<i64>>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&price_path(&plugin))) };
    caller.must_own(&finance.db, &plugin.namespace, ACTION).await?;
    Ok(shown(&finance, &caller, &plugin, &paging, &Refused::default()).await?.into_response())
}

/// Sets what a plugin costs from now on.
pub(super) async fn set_price(
    State(finance): State<Finance>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Form(sent): Form<Priced>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&price_path(&plugin))) };
    caller.must_own(&finance.db, &plugin.namespace, ACTION).await?;
    let done = async {
        let (actor, now) = (&caller.actor, finance.clock.now());
        billing::set_price(&finance.db, actor, finance.on_offer, &plugin, &sent.read()?, now).await
    };
    let Err(error) = done.await else { return Ok(Redirect::to(&price_path(&plugin)).into_response()) };
    let why = error.to_string();
    let refused = Refused { price: Some((&sent, &why)), ..Refused::default() };
    let page = shown(&finance, &caller, &plugin, &Paging::first(SHOWN), &refused).await?;
    shown_again(error, |_| page)
}

/// Makes a coupon for orders of a plugin.
pub(super) async fn make_coupon(
    State(finance): State<Finance>,
    caller: Option<Caller>,
    log_in: LogIn,
    Path((namespace, name)): Path<(Namespace, PluginName)>,
    Form(sent): Form<Couponed>,
) -> Result<Response, Error> {
    let plugin = PluginId { namespace, name };
    let Some(caller) = caller else { return Ok(log_in.then(&price_path(&plugin))) };
    caller.must_own(&finance.db, &plugin.namespace, "make coupons in").await?;
    let done = async { billing::make_coupon(&finance.db, &caller.actor, &plugin, &sent.read()?).await };
    let Err(error) = done.await else { return Ok(Redirect::to(&price_path(&plugin)).into_response()) };
    let why = error.to_string();
    let refused = Refused { coupon: Some((&sent, &why)), ..Refused::default() };
    let page = shown(&finance, &caller, &plugin, &Paging::first(SHOWN), &refused).await?;
    shown_again(error, |_| page)
}

async fn shown(
    finance: &Finance,
    caller: &Account,
    plugin: &PluginId,
    paging: &Paging<i64>,
    refused: &Refused<'_>,
) -> Result<Markup, Error> {
    let prices = billing::prices(&finance.db, plugin, paging).await?;
    let coupons = billing::coupons(&finance.db, plugin, &Paging::first(SHOWN)).await?;
    let (manage, name) = (manage_path(plugin), plugin.to_string());
    let next = prices.next.as_deref().map(|after| format!("{}?after={after}", price_path(plugin)));
    let content = html! {
        (crumbs(&[Link { path: PUBLISH, name: "Publish" }, Link { path: &manage, name: &name }], "Price and coupons"))
        h1 { "What " (name) " costs" }
        h2 { "Prices" }
        p { "Whoever has ordered keeps the price of that moment. An offer to one customer is that customer's alone, and before everybody's." }
        @if prices.items.is_empty() {
            (empty("It has no price, and is free.", &html! { "Set one below." }))
        } @else {
            (listed(&prices.items))
            (next_page(next.as_deref()))
        }
        h3 { "Set a price" }
        (price_form(plugin, refused.price))
        h2 { "Coupons" }
        @if coupons.items.is_empty() {
            (empty("There are no coupons.", &html! { "A customer types its code when it orders." }))
        } @else {
            (coupons_listed(&coupons.items, finance.clock.now()))
            @if coupons.next.is_some() { p.note { "These are the first " (number(u64::from(SHOWN))) "; the API lists all of them." } }
        }
        h3 { "Make a coupon" }
        (coupon_form(plugin, refused.coupon))
    };
    Ok(layout::page(&format!("Price of {plugin}"), Some(caller), content))
}

fn listed(prices: &[PriceVersion]) -> Markup {
    let columns = ["Version", "Price", "For", "Since"].map(Column::Text);
    let row = |price: &PriceVersion| {
        vec![
            html! { (price.version) },
            html! { (with_commas(&price.offer.to_string())) },
            html! { (price.customer.as_ref().map_or("everybody", Namespace::as_str)) },
            minute(price.since),
        ]
    };
    table("Prices", &columns, &prices.iter().map(row).collect::<Vec<_>>())
}

fn coupons_listed(coupons: &[Coupon], now: Timestamp) -> Markup {
    let columns = [
        Column::Text("Code"),
        Column::Number("Takes off"),
        Column::Text("Until"),
        Column::Number("Used"),
        Column::Text("State"),
    ];
    let row = |coupon: &Coupon| {
        let is_over = coupon.until <= now || coupon.uses >= coupon.uses_max;
        vec![
            html! { code { (coupon.code) } },
            html! { (coupon.discount) },
            minute(coupon.until),
            html! { (coupon.uses) " of " (coupon.uses_max) },
            if is_over { badge(Tone::Plain, "over") } else { badge(Tone::Good, "counts") },
        ]
    };
    table("Coupons", &columns, &coupons.iter().map(row).collect::<Vec<_>>())
}

fn price_form(plugin: &PluginId, refused: Option<(&Priced, &str)>) -> Markup {
    let nothing = Priced::default();
    let (sent, why) = refused.map_or((&nothing, None), |(sent, why)| (sent, Some(why)));
    html! {
        form.card method="post" action=(price_path(plugin)) {
            (fault(why))
            (select("kind", "How it is paid", &sent.kind, &KINDS))
            (Field::new("amount", "Price").value(&sent.amount).required().hint("Such as 100.00 USD; by use, of one unit, such as 0.0025 USD."))
            (Field::new("unit", "By use: the unit").value(&sent.unit).hint("gpu-hour, deployment-hour, or a word that the plugin reports."))
            (Field::new("free", "By use: free units of each month").value(&sent.free).hint("Empty: none."))
            label {
                "By use: what more units cost"
                textarea name="above" rows="3" { (sent.above) }
                span.note { "A line for each step, such as 1000=0.002 USD: that is what each unit above 1,000 costs." }
            }
            (Field::new("trial_days", "Days of trial").value(&sent.trial_days).hint("How many days after the order cost nothing. Empty: none."))
            (Field::new("customer", "For one customer alone").value(&sent.customer).hint("The name of its account. Empty: for everybody."))
            button { "Set this price" }
        }
    }
}

fn coupon_form(plugin: &PluginId, refused: Option<(&Couponed, &str)>) -> Markup {
    let nothing = Couponed::default();
    let (sent, why) = refused.map_or((&nothing, None), |(sent, why)| (sent, Some(why)));
    html! {
        form.card method="post" action=(format!("{}/coupons", manage_path(plugin))) {
            (fault(why))
            (Field::new("code", "Code").value(&sent.code).required().hint("What a customer types, such as SPRING-20."))
            (Field::new("discount", "Takes off").value(&sent.discount).required().hint("A part of the price, for as long as the order lasts, such as 20%."))
            (Field::new("last_day", "Last day (UTC)").kind("date").value(&sent.last_day).required())
            (Field::new("uses_max", "How often it can be used").value(&sent.uses_max).hint("Empty: once."))
            button { "Make this coupon" }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_price_is_read_as_it_is_typed_and_refused_in_words() {
        let priced = |kind: &str, amount: &str| Priced {
            kind: kind.into(),
            amount: amount.into(),
            unit: "gpu-hour".into(),
            ..Priced::default()
        };
        for (kind, amount, says) in [
            ("once", " 100.00 USD ", "100.00 USD once"),
            ("monthly", "9.00 EUR", "9.00 EUR"),
            ("monthly-deployment", "9.00 EUR", "deployment"),
            ("metered", "0.0025 USD", "gpu-hour"),
        ] {
            let offer = priced(kind, amount).read().unwrap().offer.to_string();
            assert!(offer.contains(says), "{offer}");
        }
        let stepped = Priced {
            above: "1000=0.002 USD\n\n 5000 = 0.001 USD".into(),
            trial_days: "7".into(),
            free: "10".into(),
            customer: "globex".into(),
            ..priced("metered", "0.0025 USD")
        };
        let read = stepped.read().unwrap();
        let Price::Metered { free, steps, .. } = read.offer.price else { panic!("it is by use") };
        assert_eq!((free, steps.len(), read.offer.trial_days), (10, 3, 7));
        assert_eq!(steps.iter().map(|step| step.up_to).collect::<Vec<_>>(), [Some(1000), Some(5000), None]);
        assert_eq!(read.customer.unwrap().as_str(), "globex");
        for (wrong, says) in [
            (priced("gift", "1.00 USD"), "'gift' is no way to pay"),
            (priced("once", "much"), "much"),
            (Priced { free: "some".into(), ..priced("metered", "0.1 USD") }, "free: 'some'"),
            (Priced { above: "a lot".into(), ..priced("metered", "0.1 USD") }, "'a lot' is not UNITS=PRICE"),
        ] {
            let why = wrong.read().unwrap_err().to_string();
            assert!(why.contains(says), "{why}");
        }
    }

    #[test]
    fn a_coupon_counts_until_its_last_day_is_over() {
        let sent = |day: &str| Couponed {
            code: " HALF ".into(),
            discount: "50%".into(),
            last_day: day.into(),
            ..Couponed::default()
        };
        let read = sent("2026-12-31").read().unwrap();
        assert_eq!((read.code.as_str(), read.uses_max), ("HALF", 1));
        assert_eq!(read.until.to_string(), "2027-01-01T00:00:00Z");
        assert!(sent("soon").read().unwrap_err().to_string().contains("'soon' is no date"));
    }
}
