//! Proof that a deployment's plan follows from what was recorded of it: the component, the parameters and the target's
//! facts give the same plan again, whichever way the component is compiled; and so do the policies that it passed.

use chandlery_package::wire::host::{Replay, Replayed};

use super::{Deployments, Error, record};
use crate::policies::{self, Reviewed};
use crate::system::{self, blocking};
use chandlery_sandbox::{Limits, Request, Sandbox, Verdict};

impl Deployments {
    /// Plans a deployment again from its record, as it was done and in a second engine.
    pub async fn replay(&self, name: &str) -> Result<Replayed, Error> {
        let record = self.existing(name).await?;
        let target = record::read(name, "the facts", &record.facts)?;
        let reviews: Vec<Reviewed> = record::read(name, "the reviews", &record.reviews)?;
        let request = Request { deployment: record.name, parameters: record.parameters, target };
        let (release, component) = (record.release, record.component);
        let template = self.installs.stored(&release, component).await?;
        let mut policies = Vec::new();
        for reviewed in reviews {
            let policy = self.installs.stored(&reviewed.policy, reviewed.component).await?;
            policies.push((policy, reviewed.review));
        }
        let first = self.sandbox.clone();
        let replays = blocking(move || {
            let second = Sandbox::unoptimised(Limits::default()).map_err(|error| {
                system::Error::Damaged(format!("a second sandbox could not be made: {error:#}"))
            })?;
            let again = |engine: &str, sandbox: &Sandbox| -> Result<Replay, Error> {
                let code = sandbox.load(&template.0, &template.1)?;
                let mut plan = sandbox.plan(&code, &request)?;
                for ((component, bytes), review) in &policies {
                    let policy = sandbox.load(component, bytes)?;
                    match sandbox.review(&policy, &plan, review)? {
                        Verdict::Allow { .. } => {}
                        Verdict::Amend { plan: amended, .. } => plan = amended,
                        Verdict::Deny { problems } => {
                            let policy = component.manifest.release();
                            return Err(policies::Error::Denied { policy, problems }.into());
                        }
                    }
                }
                Ok(Replay { engine: engine.into(), plan: plan.digest() })
            };
            Ok::<_, Error>(vec![
                again("as it was deployed", &first)?,
                again("compiled without optimisation, in memory of its own", &second)?,
            ])
        })
        .await?;
        let recorded = record.plan_digest;
        Ok(Replayed { deployment: name.to_owned(), release, component, recorded, replays })
    }
}
