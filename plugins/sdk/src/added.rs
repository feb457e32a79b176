//! What whoever deploys adds to a template's own command and environment, for all that its form has no field for. What the template
//! says itself cannot be said a second time: a plan that was sized for two GPUs would start on four.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Command;
use crate::bindings::plan::{Plan, Workload};
use crate::bindings::template::Problem;

/// How the note begins that names what was added; policies read it.
const NOTE: &str = "Added by whoever deploys: ";
/// Variables that engines set. A name that ends in `*` stands for all that begin so.
const ENGINES: [&str; 9] = [
    "CHANDLERY_*",
    "SLURM_*",
    "KUBERNETES_*",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "GPU_DEVICE_ORDINAL",
    "PATH",
];

/// The parameters `extra_args` and `env` of a template.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Added {
    /// Arguments, each one word, in which nothing is expanded.
    pub extra_args: Vec<String>,
    /// Environment variables, in which nothing is expanded.
    pub env: BTreeMap<String, String>,
}

/// What a template says itself. Beside each name stands the parameter that says it; nothing: the template alone does.
#[derive(Debug, Clone, Copy)]
pub struct Own {
    /// Flags in their long form, with every other long name that the program has for them.
    pub flags: &'static [(&'static str, &'static str)],
    /// Environment variables beside those of the workload. A name that ends in `*` stands for all that begin so.
    pub env: &'static [(&'static str, &'static str)],
    /// Flags that may be added, and take memory that the sizing does not count.
    pub uncounted: &'static [&'static str],
}

impl Own {
    /// The parameter that says what this flag says, in whatever spelling the program takes: with underscores, cut short, negated,
    /// with a value or a key of its JSON. None: the flag may be added.
    pub fn says(&self, flag: &str) -> Option<&'static str> {
        let name = name_of(flag);
        let positive = name.replacen("--no-", "--", 1).replacen("--disable-", "--enable-", 1);
        let spelled = |spelling: &str| self.flags.iter().find(|(own, _)| *own == spelling);
        let cut_short = || self.flags.iter().find(|(own, _)| own.starts_with(name.as_str()));
        spelled(&name).or_else(|| spelled(&positive)).or_else(cut_short).map(|(_, parameter)| *parameter)
    }

    fn sets(&self, variable: &str) -> Option<&'static str> {
        let engines = ENGINES.iter().map(|name| (*name, ""));
        let mut all = self.env.iter().copied().chain(engines);
        all.find(|(name, _)| stands_for(name, variable)).map(|(_, parameter)| parameter)
    }
}

impl Added {
    /// The workload with what was added to it, started by this command and what was added to that; or every word that may not be
    /// added, with what to do instead.
    pub fn to(&self, workload: Workload, command: Command, own: &Own) -> Result<Workload, Vec<Problem>> {
        let mut problems: Vec<_> = self.wrong_arguments(&command, own).collect();
        let set: Vec<_> = workload.env.iter().map(|variable| variable.name.clone()).collect();
        problems.extend(self.env.keys().filter_map(|name| wrong_variable(name, &set, own)));
        if !problems.is_empty() {
            return Err(problems);
        }
        let workload =
            self.env.iter().fold(workload, |workload, (name, value)| workload.env_literal(name, value));
        Ok(workload.command(command.literals(&self.extra_args)))
    }

    /// What to know of it beside the plan: its names, and what it takes that was not counted.
    pub fn notes(&self, own: &Own) -> Vec<String> {
        let flags: Vec<_> = self.flags().map(name_of).collect();
        let names: Vec<_> = flags.iter().chain(self.env.keys()).map(String::as_str).collect();
        if names.is_empty() {
            return Vec::new();
        }
        let mut notes = vec![format!("{NOTE}{}", names.join(", "))];
        let uncounted: Vec<_> =
            flags.iter().filter(|flag| own.uncounted.contains(&flag.as_str())).cloned().collect();
        if !uncounted.is_empty() {
            let uncounted = uncounted.join(", ");
            notes.push(format!(
                "Warning: this sum does not follow {uncounted}, which may take more of each GPU: leave room for it."
            ));
        }
        notes
    }

    fn flags(&self) -> impl Iterator<Item = &str> {
        self.extra_args.iter().map(String::as_str).filter(|word| word.starts_with("--"))
    }

    fn wrong_arguments(&self, command: &Command, own: &Own) -> impl Iterator<Item = Problem> {
        self.extra_args.iter().enumerate().filter_map(move |(at, word)| {
            let name = name_of(word);
            let is_there =
                || command.words().iter().any(|word| word.starts_with("--") && name_of(word) == name);
            let is_short = word
                .strip_prefix('-')
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()));
            let why = match () {
                () if is_short => {
                    format!("'{word}' is a short flag: write it in its long form, with two dashes")
                }
                () if word.starts_with("--") && !is_flag(&name) => format!("'{word}' is no flag"),
                () if word.starts_with("--") => instead(&name, own.says(word).or(is_there().then_some(""))?),
                () if at == 0 => format!("'{word}' belongs to no flag: begin with one, such as --name"),
                () => return None,
            };
            Some(Problem::with(format!("/extra_args/{at}"), why))
        })
    }
}

/// The names of all flags and variables that were added to a plan by whoever deploys it, as far as its template says so.
pub fn added_to(plan: &Plan) -> Vec<&str> {
    let named = plan.notes.iter().filter_map(|note| note.strip_prefix(NOTE));
    named.flat_map(|names| names.split(", ")).collect()
}

/// A flag's name as its program knows it: without a value and a key of its JSON, with dashes.
pub fn name_of(flag: &str) -> String {
    flag.split(['=', '.']).next().unwrap_or(flag).replace('_', "-")
}

/// Whether a name, or all names that begin with what is before its `*`, are meant.
pub fn stands_for(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

fn is_flag(name: &str) -> bool {
    let rest = name.strip_prefix("--").unwrap_or_default();
    rest.starts_with(|c: char| c.is_ascii_alphanumeric())
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn wrong_variable(name: &str, set: &[String], own: &Own) -> Option<Problem> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_name = begins && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let why = match own.sets(name) {
        _ if !is_name => format!("'{name}' is no name of an environment variable"),
        Some(parameter) => instead(name, parameter),
        None if set.iter().any(|set| set == name) => instead(name, ""),
        None => return None,
    };
    Some(Problem::with(format!("/env/{name}"), why))
}

fn instead(name: &str, parameter: &str) -> String {
    match parameter {
        "" => format!("{name} is set for you: leave it out"),
        parameter => format!("{name} is what the parameter {parameter} says: set {parameter} instead"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::plan::{EnvValue, Runtime};

    const OWN: Own = Own {
        flags: &[
            ("--host", ""),
            ("--tensor-parallel-size", "gpus"),
            ("--enable-expert-parallel", "expert_parallel"),
        ],
        env: &[("HF_TOKEN", "gated"), ("LLAMA_ARG_*", "extra_args")],
        uncounted: &["--speculative-config"],
    };

    fn added(words: &[&str], env: &[(&str, &str)]) -> Added {
        let env = env.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        Added { extra_args: words.iter().map(|word| (*word).into()).collect(), env: env.collect() }
    }

    fn to(added: &Added) -> Result<Workload, Vec<Problem>> {
        let workload = Workload::service("server", Runtime::Host).env("BIND", "127.0.0.1");
        added.to(workload, Command::new("serve").option("--max-num-seqs", 8), &OWN)
    }

    #[test]
    fn what_is_added_comes_last_and_nothing_in_it_is_expanded() {
        let added = added(
            &["--enforce-eager", "--chat-template", "a b $(HF_TOKEN)", "--seed", "-1"],
            &[("NCCL_DEBUG", "$(HF_TOKEN)")],
        );
        let workload = to(&added).unwrap();
        assert_eq!(
            workload.command,
            [
                "serve",
                "--max-num-seqs",
                "8",
                "--enforce-eager",
                "--chat-template",
                "a b $$(HF_TOKEN)",
                "--seed",
                "-1"
            ]
        );
        let last = workload.env.last().unwrap();
        assert_eq!(last.name, "NCCL_DEBUG");
        assert_eq!(last.value, EnvValue::Text("$$(HF_TOKEN)".into()));
    }

    #[test]
    fn what_the_template_says_is_refused_with_its_parameter() {
        for (word, said) in [
            ("--tensor-parallel-size", "set gpus instead"),
            ("--tensor_parallel_size=4", "set gpus instead"),
            ("--tensor-par", "set gpus instead"),
            ("--no-enable-expert-parallel", "set expert_parallel instead"),
            ("--disable-expert-parallel", "set expert_parallel instead"),
            ("--host=0.0.0.0", "--host is set for you"),
            ("--max_num_seqs=512", "--max-num-seqs is set for you"),
            ("-tp", "in its long form"),
            ("--", "is no flag"),
            ("--a b", "is no flag"),
            ("evil/model", "belongs to no flag"),
        ] {
            let problems = to(&added(&[word], &[])).unwrap_err();
            assert_eq!(problems[0].parameter.as_deref(), Some("/extra_args/0"), "{word}");
            assert!(problems[0].message.contains(said), "{word}: {}", problems[0].message);
        }
        for (name, said) in [
            ("HF_TOKEN", "set gated instead"),
            ("LLAMA_ARG_PORT", "set extra_args instead"),
            ("BIND", "set for you"),
            ("CUDA_VISIBLE_DEVICES", "set for you"),
            ("CHANDLERY_NODE_RANK", "set for you"),
            ("1X", "no name"),
        ] {
            let problems = to(&added(&[], &[(name, "x")])).unwrap_err();
            assert_eq!(problems[0].parameter, Some(format!("/env/{name}")));
            assert!(problems[0].message.contains(said), "{name}: {}", problems[0].message);
        }
        assert_eq!(to(&added(&["x", "--host"], &[("PATH", "")])).unwrap_err().len(), 3);
    }

    #[test]
    fn policies_read_what_was_added() {
        let added = added(&["--speculative-config.model=x", "--seed", "1"], &[("NCCL_DEBUG", "INFO")]);
        let notes = added.notes(&OWN);
        assert!(notes[1].contains("does not follow --speculative-config,"), "{notes:?}");
        let plan = notes.into_iter().fold(Plan::of([]), Plan::note);
        assert_eq!(added_to(&plan), ["--speculative-config", "--seed", "NCCL_DEBUG"]);
        assert!(Added::default().notes(&OWN).is_empty());
    }
}
