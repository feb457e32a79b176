//! `chandlery install`.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;

use chandlery_package::wire::host::{Asked, Consent, Event, Locked, NewInstall};
use chandlery_package::{Kind, Permission, Requirement};
use clap::Args;

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
}

/// How an installation ended.
enum Ended {
    Installed(Box<Locked>),
    Asks(Box<Asked>),
}

impl Install {
    pub async fn run(self, context: &Context) -> Result {
        let (allow, deny) = (self.allow.into_iter().collect(), self.deny.into_iter().collect());
        let mut new = NewInstall { requirement: self.requirement, consent: Consent { allow, deny } };
        let json = context.settings.json;
        let mut ended = install(context, &new, show::Steps::new(json)).await?;
        if let Ended::Asks(asked) = ended {
            new.consent.allow.extend(consent(context, *asked)?);
            ended = install(context, &new, show::Steps::again(json)).await?;
        }
        match ended {
            Ended::Installed(locked) if context.settings.json => show::json(locked),
            Ended::Installed(locked) => report(&locked),
            Ended::Asks(asked) => return Err(asked.problem.into()),
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
                Event::Refused(problem) => return Err(problem.into()),
                Event::Verified(_) => {}
            }
            Ok(())
        })
        .await?;
    ended.ok_or_else(|| Failure::of("the host broke off before it was installed"))
}

/// What somebody at the terminal agrees to: all of it, or nothing.
fn consent(context: &Context, asked: Asked) -> Result<BTreeSet<Permission>> {
    let flags: Vec<_> = asked.permissions.iter().map(|permission| format!("--allow {permission}")).collect();
    let refused = Failure::from(asked.problem)
        .remedy(format!("agree to it with `{}`; nothing was changed", flags.join(" ")));
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
