//! Contract 0.1.0: the generated bindings of its worlds, and the way from them to the host's own model.

pub(super) mod integration;
mod plans;
pub(super) mod policy;

use wasmtime::component::{HasSelf, Linker};

use chandlery_package::plan::{Plan, PlanProblem};

use crate::questions::Request;
use crate::state::{Severity, State};

pub(super) mod template {
    wasmtime::component::bindgen!({
        path: "../wit/0.1.0",
        world: "template",
        imports: { default: trappable },
    });
}

use template::chandlery::plugin::{logging, plan_types, template_types};

pub(super) use template::TemplatePre;

pub(super) fn add_logging(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    logging::add_to_linker::<_, HasSelf<State>>(linker, |state| state)
}

impl logging::Host for State {
    fn log(&mut self, level: logging::Level, message: String) -> wasmtime::Result<()> {
        use logging::Level;
        let severity = match level {
            Level::Trace | Level::Debug | Level::Info => Severity::Quiet,
            Level::Warn | Level::Error => Severity::Loud,
            Level::Critical => Severity::Critical,
        };
        self.add_line(severity, &message)
    }
}

pub(super) fn request(request: &Request) -> template_types::Request {
    template_types::Request {
        deployment: request.deployment.clone(),
        parameters: request.parameters.clone(),
        target: plans::facts(&request.target),
    }
}

pub(super) fn problem(problem: template_types::Problem) -> PlanProblem {
    PlanProblem { parameter: problem.parameter, message: problem.message }
}

pub(super) fn plan(plan: plan_types::Plan) -> Plan {
    plans::plan(plan)
}

pub(super) fn plan_to_wire(plan: &Plan) -> plan_types::Plan {
    plans::to_wire(plan)
}
