//! `chandlery replay`.

use chandlery_package::wire::host::Replayed;
use clap::Args;
use reqwest::Method;

use crate::api::Context;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// Plan a deployment again from its record, and compare.
#[derive(Args)]
pub struct Replay {
    /// The deployment's name
    name: String,
}

impl Replay {
    pub async fn run(self, context: &Context) -> Result {
        let path = format!("/api/v1/deployments/{}/replay", self.name);
        let replayed: Replayed = context.host(Method::GET, &path, ()).await?;
        if context.settings.json {
            show::json(&replayed);
        } else {
            show::check("release", &format!("{}, component {}", replayed.release, replayed.component));
            show::check("deployed plan", &replayed.recorded.to_string());
            for replay in &replayed.replays {
                match replay.plan == replayed.recorded {
                    true => show::check("the same plan", &replay.engine),
                    false => show::warning(format!("{}: {}", replay.engine, replay.plan)),
                }
            }
        }
        if replayed.is_same() {
            return Ok(());
        }
        let detail = format!("{} does not give the plan of '{}' again", replayed.release, self.name);
        Err(Failure::new(&words::OTHER_PLAN, detail).remedy(
            "a template must depend on nothing but its request: ask its publisher, and install another",
        ))
    }
}
