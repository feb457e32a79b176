//! `chandlery plan`.

use chandlery_package::Manifest;
use chandlery_package::plan::told;
use chandlery_package::size::mebibytes;
use chandlery_package::wire::host::{NewDeployment, Planned, Remark};
use clap::Args;
use reqwest::Method;
use serde_json::{Map, Value};

use super::models::json_of_python;
use crate::api::Context;
use crate::failure::Result;
use crate::show;

/// What is deployed, and how.
#[derive(Args)]
pub struct What {
    /// The installed plugin: `namespace:name`, or only the name
    pub plugin: String,
    /// What to call the deployment; like the plugin, where nothing is said
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where; where it is already, or else on this machine
    #[arg(long, value_name = "TARGET")]
    pub target: Option<String>,
    /// Keep the parameters that are not set, where it is deployed already
    #[arg(long)]
    pub keep: bool,
    /// Whose it is, for policies; whose it was, where nothing is said
    #[arg(long, env = "CHANDLERY_TEAM", value_name = "NAME")]
    pub team: Option<String>,
    /// A parameter; several may be set. NAME=@FILE is what stands in a file
    #[arg(long = "set", short = 's', value_name = "NAME=VALUE", value_parser = parse_parameter)]
    pub set: Vec<(String, Value)>,
}

/// Show a plan.
#[derive(Args)]
pub struct Plan {
    #[command(flatten)]
    what: What,
    /// Show which parameters the plugin takes
    #[arg(long)]
    parameters: bool,
}

impl What {
    /// What the host is asked.
    pub fn request(&self) -> NewDeployment {
        let parameters: Map<String, Value> = self.set.iter().cloned().collect();
        let Self { plugin, name, target, team, keep, .. } = self;
        NewDeployment {
            plugin: plugin.clone(),
            name: name.clone(),
            target: target.clone(),
            team: team.clone(),
            parameters: parameters.into(),
            keep: *keep,
            ..NewDeployment::default()
        }
    }
}

/// `port=9003` is a number, `name=x` a text: whatever reads as JSON is taken for it.
pub fn parse_set(text: &str) -> std::result::Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.into(), value))
}

/// The same, and `model_config=@config.json` is what stands in that file.
pub fn parse_parameter(text: &str) -> std::result::Result<(String, Value), String> {
    let (name, value) = parse_set(text)?;
    let Some(path) = value.as_str().and_then(|value| value.strip_prefix('@')) else {
        return Ok((name, value));
    };
    let stands = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let value = json_of_python(&stands).unwrap_or_else(|_| stands.trim_end().into());
    Ok((name, value))
}

impl Plan {
    pub async fn run(self, context: &Context) -> Result {
        if self.parameters {
            return parameters(context, &self.what.plugin).await;
        }
        let planned: Planned = context.host(Method::POST, "/api/v1/plans", self.what.request()).await?;
        match context.settings.json {
            true => show::json(planned),
            false => print(&planned),
        }
        Ok(())
    }
}

async fn parameters(context: &Context, plugin: &str) -> Result {
    let manifest: Manifest =
        context.host(Method::GET, &format!("/api/v1/plugins/{plugin}/manifest"), ()).await?;
    if context.settings.json {
        show::json(manifest.schema());
        return Ok(());
    }
    let field = |schema: &Value, name: &str| match schema.get(name) {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let row = |(name, schema): (&String, &Value)| {
        let default = match manifest.required.contains(name) {
            true => "must be set".into(),
            false => field(schema, "default"),
        };
        vec![name.clone(), field(schema, "type"), default, field(schema, "description")]
    };
    show::table(&["parameter", "type", "default", "description"], manifest.parameters.iter().map(row));
    Ok(())
}

fn print(planned: &Planned) {
    let Planned { deployment, target, release, plan, digest, changes, exists, remarks, .. } = planned;
    show::headline(deployment, &format!("on target {target}, by {release}"));
    print_workloads(plan);
    match exists {
        true if changes.is_empty() => {
            show::note("nothing would change: the deployment has this plan already")
        }
        true => show::changes(changes),
        false => {}
    }
    for Remark { policy, says, amended } in remarks {
        match amended {
            true => show::warning(format!("changed by {policy}: {says}")),
            false => show::warning(format!("{policy}: {says}")),
        }
    }
    match (&planned.cost_per_hour_before, &planned.cost_per_hour) {
        (Some(before), Some(after)) if before != after => {
            show::note(format!("it costs {before} an hour, and would cost {after}"));
        }
        (_, Some(cost)) => show::note(format!("it would cost {cost} an hour")),
        (_, None) => {}
    }
    for note in &plan.notes {
        show::note(note);
    }
    show::note(format!("plan {digest}; nothing was done"));
}

/// A line for each workload.
pub fn print_workloads(plan: &chandlery_package::plan::Plan) {
    let row = |workload: &chandlery_package::plan::Workload| {
        let resources = &workload.resources;
        let ports: Vec<_> =
            workload.ports.iter().map(|port| format!("{} {}", port.name, port.number)).collect();
        vec![
            workload.name.clone(),
            workload.kind.to_string(),
            told::runtime(&workload.runtime),
            workload.scale.replicas_min.to_string(),
            format!("{}.{} cores", resources.cpu_millis / 1000, resources.cpu_millis % 1000 / 100),
            mebibytes(resources.memory_mib),
            told::gpus_each(workload).unwrap_or_else(|| "none".into()),
            ports.join(", "),
        ]
    };
    let headings = ["workload", "kind", "from", ">replicas", ">cpu", ">memory", "gpu", "ports"];
    show::table(&headings, plan.workloads.iter().map(row));
}
