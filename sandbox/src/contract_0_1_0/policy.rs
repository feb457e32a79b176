//! The world `policy`.

use super::{plans, problem};
use crate::questions::{Review, Running, Verdict};

mod generated {
    wasmtime::component::bindgen!({
        path: "../wit/0.1.0",
        world: "policy",
        imports: { default: trappable },
        with: {
            "chandlery:plugin/logging": super::super::template::chandlery::plugin::logging,
            "chandlery:plugin/plan-types": super::super::template::chandlery::plugin::plan_types,
            "chandlery:plugin/template-types": super::super::template::chandlery::plugin::template_types,
        },
    });
}

use generated::chandlery::plugin::policy_types as wire;

pub(crate) use generated::PolicyPre;

pub(crate) fn context(review: &Review) -> wire::Context {
    wire::Context {
        deployment: review.deployment.clone(),
        team: review.team.clone(),
        release: review.release.to_string(),
        target: plans::facts(&review.target),
        others: review.others.iter().map(running).collect(),
        settings: review.settings.clone(),
    }
}

fn running(running: &Running) -> wire::Running {
    wire::Running {
        deployment: running.deployment.clone(),
        team: running.team.clone(),
        release: running.release.to_string(),
        target: running.target.clone(),
        plan: plans::to_wire(&running.plan),
    }
}

pub(crate) fn verdict(verdict: wire::Verdict) -> Verdict {
    match verdict {
        wire::Verdict::Allow(warnings) => Verdict::Allow { warnings },
        wire::Verdict::Amend(wire::Amended { plan, changes }) => {
            Verdict::Amend { plan: plans::plan(plan), changes }
        }
        wire::Verdict::Deny(problems) => {
            Verdict::Deny { problems: problems.into_iter().map(problem).collect() }
        }
    }
}
