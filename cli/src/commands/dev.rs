//! `chandlery dev`: the plan, and what changes in it, at every save.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use chandlery_host::deployments::changes;
use chandlery_package::plan::{Facts, Plan};
use clap::Args;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use serde_json::Value;

use super::plan::{parse_parameter, print_workloads};
use crate::api::Context;
use crate::author::project::Project;
use crate::author::trial::{Outcome, Trial, facts};
use crate::failure::{Failure, Result};
use crate::show;

/// What compilers and package managers write, and nobody edits.
const NOT_SOURCE: [&str; 7] =
    ["target", "node_modules", "package-lock.json", "Cargo.lock", ".venv", ".git", "__pycache__"];
/// An editor writes a file in several steps: a save is over when nothing was written for so long.
const QUIET: Duration = Duration::from_millis(150);

/// Show a plugin's plan at every save.
#[derive(Args)]
pub struct Dev {
    /// The plugin's folder, with its chandlery.toml
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// The target to plan for: local, slurm or kubernetes, or a TOML file with a target's facts
    #[arg(long, value_name = "TARGET", default_value = "local")]
    target: String,
    /// A parameter; several may be set
    #[arg(long = "set", short = 's', value_name = "NAME=VALUE", value_parser = parse_parameter)]
    set: Vec<(String, Value)>,
}

impl Dev {
    /// Does it, until it is interrupted.
    pub fn run(self, context: &Context) -> Result {
        let target = facts(&self.target, Path::new("."))?;
        Project::open(&self.folder)?;
        let (_watcher, saves) = watch(&self.folder)?;
        let mut before = None;
        loop {
            match self.plan(&target) {
                Ok(plan) => {
                    print(context, &plan, before.as_ref());
                    before = Some(plan);
                }
                Err(failure) => drop(failure.report(context.settings.json)),
            }
            if !context.settings.json {
                show::note(format!("waiting for a save in {}; Ctrl-C ends", self.folder.display()));
            }
            saves.recv().map_err(|_| Failure::of("the folder is not watched any more"))?;
            while saves.recv_timeout(QUIET).is_ok() {}
        }
    }

    fn plan(&self, target: &Facts) -> Result<Plan> {
        let built = Project::open(&self.folder)?.build(None)?;
        let release = built.component.manifest.release();
        match Trial::new(&built)?.ask(&self.set.iter().cloned().collect(), target)? {
            Outcome::Plan(plan) => Ok(plan),
            Outcome::Problems(problems) => {
                Err(chandlery_host::Error::from(chandlery_sandbox::SandboxError::Problems {
                    release,
                    problems,
                })
                .into())
            }
        }
    }
}

fn print(context: &Context, plan: &Plan, before: Option<&Plan>) {
    if context.settings.json {
        show::json(plan);
        return;
    }
    match before {
        Some(before) if before.workloads == plan.workloads => show::note("the workloads are the same"),
        Some(before) => show::changes(&changes(Some(before), plan)),
        None => print_workloads(plan),
    }
    if before.is_none_or(|before| before.notes != plan.notes) {
        plan.notes.iter().for_each(show::note);
    }
}

/// Is told of every change of what people edit in this folder, for as long as the watcher lives.
fn watch(folder: &Path) -> Result<(RecommendedWatcher, Receiver<()>)> {
    let folder = folder.canonicalize()?;
    let (send, saves) = channel();
    let root = folder.clone();
    let is_source = move |path: &PathBuf| {
        let inside = path.strip_prefix(&root).unwrap_or(path);
        let first = inside.components().next().map(|part| part.as_os_str().to_owned());
        first.is_none_or(|first| !NOT_SOURCE.iter().any(|name| first == **name))
    };
    let unwatched = |error: notify::Error| Failure::of(format!("the folder cannot be watched: {error}"));
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        let Ok(event) = event else { return };
        // Reading is no change.
        if !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(&is_source) {
            // Fails only when nobody waits any more.
            let _ = send.send(());
        }
    })
    .map_err(unwatched)?;
    watcher.watch(&folder, RecursiveMode::Recursive).map_err(unwatched)?;
    Ok((watcher, saves))
}
