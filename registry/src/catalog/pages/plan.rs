//! The form of a template's parameters, with what it would deploy for a target that the visitor chooses. All that is chosen stands in
//! the address; a script asks for the plan alone while somebody types.

mod choice;
mod command;
mod engines;
mod first;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::response::Response;
use chandlery_edge::Client;
use chandlery_package::plan::told::{gpus, summary};
use chandlery_package::plan::{EngineKind, Facts, Plan, PlanProblem, cost_per_hour};
use chandlery_package::wire::ReleaseRecord;
use chandlery_package::{Kind, Money};
use chandlery_pages::{
    Field, Tone, banner, command, money, schema_fields, schema_typed, schema_values, select,
};
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::listing;
use crate::catalog::error::Error;
use crate::catalog::planning::{Gpus, Outcome, all_gpus};
use crate::catalog::state::Catalog;
use crate::shell;

use engines::ENGINES;

pub(super) use choice::Choice;

/// The hours of thirty days.
const MONTH_HOURS: i128 = 720;

/// The script, which pages of templates name.
pub(super) async fn script() -> Response {
    shell::script(include_str!("plan.js"))
}

/// What came of a visitor's choice.
pub(super) struct Tried<'a> {
    record: &'a ReleaseRecord,
    choice: &'a Choice,
    schema: Value,
    /// What there is to plan for: as chosen or, where nothing was, the first target that it fits.
    gpus: &'static Gpus,
    engine: EngineKind,
    given: Map<String, Value>,
    /// None: nothing was chosen, and nobody has asked the plugin before.
    outcome: Option<Arc<Outcome>>,
    /// Where nothing was chosen and it fits no target that was tried: what it needs, and which they were.
    unfit: Option<String>,
}

/// Plans a template as a visitor, who may see it, chose to; nothing where it is none.
pub(super) async fn tried<'a>(
    catalog: &Catalog,
    visitor: Client,
    record: &'a ReleaseRecord,
    choice: &'a Choice,
) -> Result<Option<Tried<'a>>, Error> {
    let (Kind::Template, Some(manifest)) = (record.kind, &record.manifest) else { return Ok(None) };
    let (gpus, engine) = (choice.gpus, choice.engine);
    let (schema, given) = (manifest.schema(), Map::new());
    let mut tried = Tried { record, choice, schema, gpus, engine, given, outcome: None, unfit: None };
    if !choice.is_made() {
        if let Some(first) = first::fit(catalog, visitor, record, choice.is_fragment()).await? {
            // What must be given first is lacking on every target.
            tried.unfit = first.unfit().filter(|_| !first::must_be_given(manifest));
            (tried.gpus, tried.engine, tried.outcome) = (first.gpus, first.engine, Some(first.outcome));
        }
        return Ok(Some(tried));
    }
    tried.outcome = Some(match schema_values(&tried.schema, &choice.form) {
        Err(problems) => Arc::new(Outcome::Problems(of_form(problems))),
        Ok(given) => {
            tried.given = given.clone();
            catalog.planner.plan(&catalog.oci, visitor, record, given, tried.target()).await?
        }
    });
    Ok(Some(tried))
}

fn of_form(problems: Vec<(String, String)>) -> Vec<PlanProblem> {
    let each = problems.into_iter();
    each.map(|(parameter, message)| PlanProblem { parameter: Some(parameter), message }).collect()
}

impl Tried<'_> {
    /// The form, and the plan beneath it, on the page at this path.
    pub(super) fn section(&self, path: &str) -> Markup {
        html! {
            h2 { "What it would deploy" }
            p.note { "Choose what you have. The plugin itself plans, in a sandbox of this registry, as it would on your host; nothing is "
                "installed or deployed." }
            form.card.wide method="get" action=(format!("{path}#plan")) data-plan {
                (self.target_fields())
                details open[self.must_be_seen()] {
                    summary { "Parameters" }
                    (schema_fields(&self.schema, &schema_typed(&self.schema, &self.choice.form), &self.beside_fields()))
                }
                div { button { "Plan" } }
            }
            p.unseen role="status" data-said { }
            section id="plan" data-fresh[self.is_to_be_asked()] { (self.plan()) }
            script type="module" src="/plan.js" { }
        }
    }

    /// The facts of the target.
    fn target(&self) -> Facts {
        self.gpus.on(self.engine)
    }

    /// Whether a script asks for the first plan: it is not known, and nothing must be given before.
    fn is_to_be_asked(&self) -> bool {
        self.outcome.is_none() && !self.must_be_given()
    }

    fn must_be_given(&self) -> bool {
        self.record.manifest.as_ref().is_some_and(first::must_be_given)
    }

    fn target_fields(&self) -> Markup {
        let gpus: Vec<(&str, &str)> =
            all_gpus().iter().map(|gpus| (gpus.word.as_str(), gpus.title.as_str())).collect();
        let fault = self.choice.price().err();
        html! {
            div.fields {
                (select("gpus", "GPUs", &self.gpus.word, &gpus))
                (select("engine", "Engine", self.engine.as_str(), &ENGINES))
                (Field::new("price", "Price of a GPU hour").value(&self.choice.price)
                    .hint("What you pay, such as 2.50 USD").fault(fault.as_deref()))
            }
        }
    }

    /// Whether parameters are shown at once: some were given, or must be.
    fn must_be_seen(&self) -> bool {
        let has_required =
            self.record.manifest.as_ref().is_some_and(|manifest| !manifest.required.is_empty());
        has_required || !self.given.is_empty() || !self.beside_fields().is_empty()
    }

    /// What stands in the way of a plan and is about a parameter.
    fn beside_fields(&self) -> Vec<(String, String)> {
        let Some(Outcome::Problems(problems)) = self.outcome.as_deref() else { return Vec::new() };
        let about = |problem: &PlanProblem| Some((problem.parameter.clone()?, problem.message.clone()));
        problems.iter().filter_map(about).collect()
    }

    /// The plan alone, or why there is none.
    pub(super) fn plan(&self) -> Markup {
        html! {
            // A script lets the form say so, too.
            @if !self.choice.is_made() { span hidden data-gpus=(self.gpus.word) data-engine=(self.engine) { } }
            @match &self.unfit {
                Some(unfit) => {
                    // A script gives back the place that it has kept for a plan.
                    (banner(Tone::Bad, &html! {
                        p data-summary data-unfit { strong { "It fits no target that was tried with its defaults: " } (unfit) }
                    }))
                }
                None => { (self.answer()) }
            }
        }
    }

    fn answer(&self) -> Markup {
        html! {
            @match self.outcome.as_deref() {
                None if self.must_be_given() => {
                    p.note { "Fill in the parameters that are required: what would run then appears here." }
                }
                None => { p.note { "What would run appears here as soon as you choose." } }
                Some(Outcome::Plan(plan)) => { (self.planned(plan)) }
                Some(Outcome::Problems(problems)) => { (refused(problems)) }
                Some(Outcome::Unfit { lacks, .. }) => {
                    (refused(&[PlanProblem { parameter: None, message: lacks.clone() }]))
                }
                Some(Outcome::Without { why, remedy }) => {
                    (banner(Tone::Warning, &html! {
                        p data-summary { strong { "No plan: " } (why) }
                        @if let Some(remedy) = remedy { p { (remedy) } }
                    }))
                }
            }
        }
    }

    fn planned(&self, plan: &Plan) -> Markup {
        html! {
            (banner(Tone::Good, &html! {
                p data-summary { strong { "It fits: " } (summary(plan)) "." }
            }))
            (self.cost(plan))
            (told::plan(plan))
            h3 { "Deploy exactly this" }
            (command(&command::commands(&self.record.release, &self.given, &self.target())))
            @if self.engine != EngineKind::Local {
                p.note { "After " code { "--target" } " stands what your host calls the target." }
            }
        }
    }

    fn cost(&self, plan: &Plan) -> Markup {
        let own = listing::price(self.record);
        html! {
            p {
                @match self.choice.price() {
                    _ if gpus(plan) == 0 => { "No GPU hours. " }
                    Ok(Some(price)) => { (gpu_cost(plan, &self.target(), price)) " " }
                    Ok(None) => { "Type what a GPU hour costs you to see what this comes to. " }
                    Err(fault) => { span.fault { (fault) } " " }
                }
                "The plugin: " (own) "."
            }
        }
    }
}

/// What the GPUs of a plan cost at this price of an hour.
fn gpu_cost(plan: &Plan, target: &Facts, price: Money) -> String {
    let kinds = target.gpu_pools.iter().map(|pool| (pool.kind.clone(), price));
    let hourly = cost_per_hour(plan, target, &kinds.collect::<BTreeMap<_, _>>());
    let monthly = hourly.and_then(|hourly| hourly.with_minor(i128::from(hourly.minor()) * MONTH_HOURS).ok());
    match (hourly, monthly) {
        (Some(hourly), Some(monthly)) => format!(
            "{} an hour, {} in 30 days, for {} GPU hours each hour.",
            money(hourly),
            money(monthly),
            gpus(plan)
        ),
        _ => "What it costs at this price is more than can be said.".into(),
    }
}

/// Why there is no plan, each reason with the parameter that it is about.
fn refused(problems: &[PlanProblem]) -> Markup {
    html! {
        (banner(Tone::Bad, &html! {
            p data-summary { strong { "It does not fit." } }
            ul {
                @for problem in problems {
                    li {
                        @if let Some(parameter) = &problem.parameter { code { (parameter.trim_start_matches('/')) } ": " }
                        (problem.message)
                    }
                }
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use chandlery_package::plan::example::workload;
    use chandlery_package::plan::{Gpu, Interconnect};

    use super::*;

    #[test]
    fn a_price_of_an_hour_is_multiplied_by_what_runs() {
        let mut server = workload();
        server.scale.replicas_min = 3;
        let (kinds, interconnect) = (vec!["h100".into()], Interconnect::None);
        server.resources.gpu = Some(Gpu { kinds, count_per_replica: 2, memory_mib_min: 0, interconnect });
        let plan = Plan { workloads: vec![server], notes: Vec::new() };
        let target = all_gpus()[0].on(EngineKind::Kubernetes);
        let cost = |price: &str| gpu_cost(&plan, &target, price.parse().unwrap());
        assert_eq!(
            cost("2.50 USD"),
            "15.00 USD an hour, 10,800.00 USD in 30 days, for 6 GPU hours each hour."
        );
        assert!(cost("9999999999999.99 USD").contains("more than can be said"));
    }

    #[test]
    fn every_engine_can_be_chosen() {
        let mut words = ENGINES.map(|(word, _)| word.parse::<EngineKind>().unwrap());
        words.sort();
        assert_eq!(words, EngineKind::ALL);
    }
}
