//! `chandlery test`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use similar::ChangeTag;

use crate::api::Context;
use crate::author::cases::{Case, Verdict};
use crate::author::project::Project;
use crate::author::trial::Trial;
use crate::failure::{Failure, Result};
use crate::show;
use crate::words;

/// Test a plugin by its cases.
#[derive(Args)]
pub struct Test {
    /// The plugin's folder, with its chandlery.toml
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Take what the plugin answers now for what is right
    #[arg(long)]
    accept: bool,
}

impl Test {
    pub fn run(self, context: &Context) -> Result {
        let project = Project::open(&self.folder)?;
        let cases = Case::all_of_some(&self.folder)?;
        let built = project.build(None)?;
        let trial = Trial::new(&built)?;
        let mut failed = Vec::new();
        for case in &cases {
            let answer = case.ask(&trial)?;
            let verdict = case.judge(&answer)?;
            let passes = matches!(verdict, Verdict::Same);
            if self.accept && !passes {
                case.accept(&answer)?;
            } else if !passes {
                failed.push(case.name.clone());
            }
            if !context.settings.json {
                print(&case.name, &verdict, self.accept);
            }
        }
        if context.settings.json {
            show::json(json!({ "cases": cases.len(), "failed": failed }));
        }
        match failed.len() {
            0 => Ok(()),
            count => Err(Failure::new(
                &words::CASES_FAILED,
                format!("{count} of {} cases: {}", cases.len(), failed.join(", ")),
            )
            .remedy("if the new answers are right, `chandlery test --accept` keeps them")),
        }
    }
}

fn print(name: &str, verdict: &Verdict, accepted: bool) {
    let said = if accepted { "accepted" } else { "no answer is kept yet" };
    match verdict {
        Verdict::Same => show::check(name, "as before"),
        Verdict::New if accepted => show::check(name, said),
        Verdict::New => show::warning(format!("{name}: {said}")),
        Verdict::Differs(lines) => {
            match accepted {
                true => show::check(name, said),
                false => show::warning(format!("{name}: another answer")),
            }
            for (tag, line) in lines {
                match tag {
                    ChangeTag::Delete => show::gone(line),
                    ChangeTag::Insert => show::new(line),
                    ChangeTag::Equal => show::same(line),
                }
            }
        }
    }
}
