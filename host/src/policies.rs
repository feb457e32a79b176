//! Policies: every plan passes every one that is installed, in the order of their names. One that cannot be asked lets
//! nothing pass.

use chandlery_package::{Digest, Kind, Release};
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;

use crate::installs::{Installs, blocking};
use crate::{Error, settings};
use chandlery_package::plan::Plan;
use chandlery_sandbox::{Review, Sandbox, Verdict};

/// How a policy saw a plan: all that it takes to ask it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// The policy.
    pub policy: Release,
    /// The digest of its component.
    pub component: Digest,
    /// What it was told beside the plan.
    pub review: Review,
    /// What it warns of, or what it changed.
    pub remarks: Vec<String>,
    /// Whether it changed the plan.
    pub amended: bool,
}

/// The plan as all policies let it pass, and what each of them said.
pub(crate) async fn pass(
    db: &SqlitePool,
    installs: &Installs,
    sandbox: &Sandbox,
    mut plan: Plan,
    about: Review,
) -> Result<(Plan, Vec<Reviewed>), Error> {
    let mut reviewed = Vec::new();
    for locked in installs.of_kind(Kind::Policy).await? {
        let policy = installs.plugin(&locked).await?;
        let settings = settings::complete(db, &policy.manifest).await?.to_string();
        let review = Review { settings, ..about.clone() };
        let (sandbox, told, seen) = (sandbox.clone(), review.clone(), plan.clone());
        let verdict = blocking(move || Ok(sandbox.review(&policy, &seen, &told)?)).await?;
        let (remarks, amended) = match verdict {
            Verdict::Allow { warnings } => (warnings, false),
            Verdict::Amend { plan: amended, changes } => {
                plan = amended;
                (changes, true)
            }
            Verdict::Deny { problems } => {
                return Err(Error::Denied { policy: locked.release, problems });
            }
        };
        let (policy, component) = (locked.release, locked.component);
        reviewed.push(Reviewed { policy, component, review, remarks, amended });
    }
    Ok((plan, reviewed))
}
