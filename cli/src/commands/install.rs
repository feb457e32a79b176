//! `chandlery install`.

use chandlery_host::api::{Event, NewInstall};
use chandlery_host::installs::Locked;
use chandlery_package::Requirement;
use clap::Args;

use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// Install a plugin.
#[derive(Args)]
pub struct Install {
    /// `namespace:name`, or with a range: `namespace:name@^1`
    requirement: Requirement,
}

impl Install {
    /// Does it.
    pub async fn run(self, context: &Context) -> Result {
        let json = context.settings.json;
        let new = NewInstall { requirement: self.requirement };
        let mut installed: Option<Locked> = None;
        context
            .follow_host("/api/v1/plugins", new, |event| {
                match event {
                    Event::Passed(passed) if !json => show::check(&passed.check, &passed.found),
                    Event::Installed(locked) => installed = Some(*locked),
                    Event::Refused(problem) => return Err(problem.into()),
                    Event::Passed(_) | Event::Verified(_) => {}
                }
                Ok(())
            })
            .await?;
        match installed {
            Some(locked) if json => show::json(locked),
            Some(locked) => show::done(format!("{} is installed, and in chandlery.lock", locked.release)),
            None => return Err(crate::failure::Failure::of("the host broke off before it was installed")),
        }
        Ok(())
    }
}
