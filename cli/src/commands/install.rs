//! `chandlery install`.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use chandlery_package::wire::Acceptance;
use chandlery_package::wire::host::{Asked, Consent, Costs, Event, Locked, NewInstall};
use chandlery_package::{AdvisoryId, Kind, Permission, Price, Requirement};
use clap::builder::UnknownArgumentValueParser;
use clap::{ArgAction, Args};

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;

/// Install a plugin.
#[derive(Args)]
pub struct Install {
    /// `namespace:name`, or with a range: `namespace:name@^1`
    requirement: Requirement,
    /// Grant a permission that it asks for; without this you are asked at the terminal
    #[arg(long, value_name = "PERMISSION")]
    allow: Vec<Permission>,
    /// Install it without a permission that it asks for
    #[arg(long, value_name = "PERMISSION")]
    deny: Vec<Permission>,
    /// Order it for the host's account if it costs just this, such as "10.00 USD"; without this you are asked at the terminal
    #[arg(long, value_name = "PRICE")]
    accept_price: Option<String>,
    /// Install it though this critical advisory is about it
    #[arg(long, value_name = "ID")]
    accept_advisory: Vec<AdvisoryId>,
    // What a plugin may do and costs is agreed to by name: nothing says yes to whatever it is.
    #[arg(long = "yes", short = 'y', hide = true, action = ArgAction::SetTrue, value_parser = nothing_agrees_to_all())]
    _yes: Option<String>,
}

fn nothing_agrees_to_all() -> UnknownArgumentValueParser {
    UnknownArgumentValueParser::suggest(
        "agree by name, with `--allow PERMISSION` for each permission and `--accept-price PRICE`; without either, the command \
         says which to pass",
    )
}

/// How an installation ended.
enum Ended {
    Installed(Box<Locked>),
    Asks(Box<Asked>),
    Costs(Box<Costs>),
}

impl Install {
    pub async fn run(self, context: &Context) -> Result {
        let (allow, deny) = (self.allow.into_iter().collect(), self.deny.into_iter().collect());
        let consented = Consent { allow, deny };
        let mut new = NewInstall {
            requirement: self.requirement,
            consent: consented,
            acceptance: None,
            accept_advisories: self.accept_advisory.into_iter().collect(),
        };
        let json = context.settings.json;
        let mut ended = install(context, &new, show::Steps::new(json)).await?;
        if let Ended::Costs(costs) = ended {
            new.acceptance = Some(accept(context, self.accept_price.as_deref(), *costs)?);
            ended = install(context, &new, show::Steps::again(json)).await?;
        }
        if let Ended::Asks(asked) = ended {
            new.consent.allow.extend(consent(context, *asked)?);
            ended = install(context, &new, show::Steps::again(json)).await?;
        }
        match ended {
            Ended::Installed(locked) if context.settings.json => show::json(locked),
            Ended::Installed(locked) => report(&locked),
            Ended::Asks(asked) => return Err(asked.problem.into()),
            Ended::Costs(costs) => return Err(costs.problem.into()),
        }
        Ok(())
    }
}

async fn install(context: &Context, new: &NewInstall, mut steps: show::Steps) -> Result<Ended> {
    let mut ended = None;
    context
        .follow_host("/api/v1/plugins", new, |event| {
            match event {
                Event::Step(step) => steps.show(step),
                Event::Installed(locked) => ended = Some(Ended::Installed(locked)),
                Event::Asks(asked) => ended = Some(Ended::Asks(Box::new(asked))),
                Event::Costs(costs) => ended = Some(Ended::Costs(costs)),
                Event::Refused(problem) => return Err(problem.into()),
                Event::Verified(_) => {}
            }
            Ok(())
        })
        .await?;
    ended.ok_or_else(|| Failure::of("the host broke off before it was installed"))
}

/// What somebody agrees to pay: just the price that was named beforehand, or the one that is shown at the terminal.
fn accept(context: &Context, named: Option<&str>, costs: Costs) -> Result<Acceptance> {
    let Costs { release, quote, problem } = costs;
    let (None, Some(offer)) = (quote.order, quote.offer) else { return Err(problem.into()) };
    let refused = Failure::from(problem).remedy(format!(
        "agree to {offer}: add `--accept-price '{}'` to the command; nothing was ordered",
        in_short(&offer.price)
    ));
    if let Some(named) = named {
        return match named == in_short(&offer.price) || named == offer.price.to_string() {
            true => Ok(Acceptance { offer, terms: quote.terms }),
            false => Err(refused),
        };
    }
    if context.settings.json || !std::io::stdin().is_terminal() {
        return Err(refused);
    }
    show::headline(&release, &format!("costs {offer}"));
    show::note(format!("on the terms of {}: {}", quote.terms, quote.summary));
    match show::ask(&format!("Order it for '{}' and install it? [y/N]", quote.account))?
        .to_lowercase()
        .as_str()
    {
        "y" | "yes" => Ok(Acceptance { offer, terms: quote.terms }),
        _ => Err(refused),
    }
}

/// What a price is accepted by: an amount alone says that it is paid once.
fn in_short(price: &Price) -> String {
    match price {
        Price::Once { amount } => amount.to_string(),
        Price::Monthly { .. } | Price::Metered { .. } => price.to_string(),
    }
}

/// What somebody at the terminal agrees to: all of it, or nothing.
fn consent(context: &Context, asked: Asked) -> Result<BTreeSet<Permission>> {
    let flags: Vec<_> = asked.permissions.iter().map(|permission| format!("--allow {permission}")).collect();
    let refused = Failure::from(asked.problem).remedy(format!(
        "add `{}` to the command, or `--deny PERMISSION` for what it is to do without; nothing was changed",
        flags.join(" ")
    ));
    if context.settings.json || !std::io::stdin().is_terminal() {
        return Err(refused);
    }
    show::headline(&asked.release, "asks for your consent. It would be allowed to");
    for permission in &asked.permissions {
        show::item(&permission.in_words(asked.kind), &permission.to_string());
    }
    match show::ask("Grant this and install it? [y/N]")?.to_lowercase().as_str() {
        "y" | "yes" => Ok(asked.permissions.into_iter().collect()),
        _ => Err(refused),
    }
}

fn report(locked: &Locked) {
    show::done(format!("{} is installed, and in chandlery.lock", locked.release));
    let name = &locked.release.plugin.name;
    let next = match locked.kind {
        Kind::Template => format!("`chandlery plan {name}` shows what it would deploy"),
        Kind::Policy => {
            format!("every plan passes it from now on; `chandlery configure {name}` shows its settings")
        }
        Kind::Integration => format!(
            "it is told of every event from now on; `chandlery configure {name}` shows its settings, `chandlery \
             integrations try {name}` tries it out"
        ),
    };
    show::note(next);
}
