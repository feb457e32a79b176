//! `chandlery verify`.

use chandlery_package::wire::host::Event;
use clap::Args;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Check everything that is installed again.
#[derive(Args)]
pub struct Verify {}

impl Verify {
    pub async fn run(self, context: &Context) -> Result {
        let json = context.settings.json;
        let mut verified = Vec::new();
        let mut steps = show::Steps::new(json);
        context
            .follow_host("/api/v1/verify", (), |event| {
                match event {
                    Event::Step(step) => steps.show(step),
                    Event::Verified(releases) => verified = releases,
                    Event::Refused(problem) => return Err(problem.into()),
                    Event::Installed(_) | Event::Asks(_) | Event::Costs(_) => {}
                }
                Ok(())
            })
            .await?;
        match json {
            true => show::json(&verified),
            false => {
                let names: Vec<_> = verified.iter().map(ToString::to_string).collect();
                show::done(format!(
                    "{} installed, each as it was published: {}",
                    verified.len(),
                    names.join(", ")
                ));
            }
        }
        Ok(())
    }
}
