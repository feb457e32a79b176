//! The rules of the contract that a plan keeps before an engine sees it.

use std::collections::BTreeSet;

use super::{Check, EnvValue, Plan, Probe, Runtime, Scale, VolumeKind, Workload, grammar};
use crate::SecretName;

/// The most replicas one workload may have.
const REPLICAS_MAX: u32 = 1000;
const WORKLOADS_MAX: usize = 50;
const LABEL_BYTES_MAX: usize = 40;
/// The most words, variables, ports or volumes that a workload may have.
const PARTS_MAX: usize = 500;
/// The longest word of a command and the longest value of a variable, in bytes: what Linux takes in one argument.
const WORD_BYTES_MAX: usize = 128 << 10;

/// Why a plan was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing to do.
    #[error("the plan has no workloads")]
    Empty,
    /// A field that breaks its rule.
    #[error("the plan's workload '{workload}': {reason}")]
    Workload {
        /// The name of the workload.
        workload: String,
        /// The rule that it breaks, with the value that breaks it.
        reason: String,
    },
    /// More workloads than a plan may have.
    #[error("the plan has {0} workloads; at most {WORKLOADS_MAX} are allowed")]
    TooMany(usize),
}

impl Plan {
    /// The plan, if it keeps the rules of the contract.
    pub fn checked(self) -> Result<Self, PlanError> {
        match self.workloads.len() {
            0 => return Err(PlanError::Empty),
            count if count > WORKLOADS_MAX => return Err(PlanError::TooMany(count)),
            _ => {}
        }
        let mut names = BTreeSet::new();
        for workload in &self.workloads {
            let refuse = |reason| PlanError::Workload { workload: workload.name.clone(), reason };
            if !names.insert(&workload.name) {
                return Err(refuse("its name is not unique".into()));
            }
            workload.check().map_err(refuse)?;
        }
        Ok(self)
    }
}

impl Workload {
    fn check(&self) -> Result<(), String> {
        grammar::label("its name", &self.name, LABEL_BYTES_MAX)?;
        self.check_runtime()?;
        self.check_ports()?;
        self.check_env()?;
        self.check_volumes()?;
        self.check_scale()?;
        self.check_readiness()?;
        self.check_words()
    }

    fn check_runtime(&self) -> Result<(), String> {
        match &self.runtime {
            Runtime::Container(image) => grammar::image(image),
            Runtime::Python(_) | Runtime::Host if self.command.is_empty() => {
                Err("its command is empty, which only a container's may be".into())
            }
            Runtime::Python(requirements) => {
                at_most(PARTS_MAX, "Python requirements", requirements.len())?;
                requirements.iter().try_for_each(|requirement| grammar::requirement(requirement))
            }
            Runtime::Host => Ok(()),
        }
    }

    fn check_volumes(&self) -> Result<(), String> {
        at_most(PARTS_MAX, "volumes", self.volumes.len())?;
        let (mut names, mut mounts) = (BTreeSet::new(), BTreeSet::new());
        for volume in &self.volumes {
            grammar::label("a volume's name", &volume.name, LABEL_BYTES_MAX)?;
            grammar::mount(&volume.mount)?;
            if let VolumeKind::Shared(name) = &volume.kind {
                grammar::subdomain("the target's volume", name)?;
            }
            if !names.insert(&volume.name) || !mounts.insert(&volume.mount) {
                return Err(format!(
                    "two of its volumes have the name '{}' or the mount '{}'",
                    volume.name, volume.mount
                ));
            }
        }
        Ok(())
    }

    fn check_readiness(&self) -> Result<(), String> {
        match self.readiness.as_ref().map(|probe| &probe.check) {
            Some(Check::Http { port, path }) => {
                grammar::probe_path(path)?;
                self.must_have_port("its readiness probe", port)
            }
            Some(Check::Tcp(port)) => self.must_have_port("its readiness probe", port),
            Some(Check::Exec(words)) if words.is_empty() => Err("its readiness probe has no command".into()),
            Some(Check::Exec(_)) | None => Ok(()),
        }
    }

    fn check_words(&self) -> Result<(), String> {
        at_most(PARTS_MAX, "words in its command", self.command.len())?;
        let probe = match &self.readiness {
            Some(Probe { check: Check::Exec(words), .. }) => words.as_slice(),
            _ => &[],
        };
        let values = self.env.iter().filter_map(|var| match &var.value {
            EnvValue::Text(text) => Some(text),
            EnvValue::Secret(_) | EnvValue::Port(_) => None,
        });
        for word in self.command.iter().chain(probe).chain(values) {
            if word.contains('\0') {
                return Err("a word of its command, probe or environment holds a NUL".into());
            }
            at_most(WORD_BYTES_MAX, "bytes in a word of its command, probe or environment", word.len())?;
        }
        Ok(())
    }

    fn check_ports(&self) -> Result<(), String> {
        at_most(PARTS_MAX, "ports", self.ports.len())?;
        let mut names = BTreeSet::new();
        for port in &self.ports {
            grammar::label("a port's name", &port.name, 15)?;
            if port.number == 0 || !names.insert(&port.name) {
                return Err(format!("port '{}' must have a unique name and a number above 0", port.name));
            }
        }
        Ok(())
    }

    fn check_env(&self) -> Result<(), String> {
        at_most(PARTS_MAX, "variables", self.env.len())?;
        let mut names = BTreeSet::new();
        for var in &self.env {
            let starts_well = var.name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            let rest_well = var.name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !starts_well || !rest_well || !names.insert(&var.name) {
                return Err(format!("'{}' is no unique name for an environment variable", var.name));
            }
            match &var.value {
                EnvValue::Text(_) => {}
                EnvValue::Secret(name) => {
                    name.parse::<SecretName>().map_err(|error| error.to_string())?;
                }
                EnvValue::Port(port) => {
                    self.must_have_port(&format!("the environment variable {}", var.name), port)?;
                }
            }
        }
        Ok(())
    }

    fn check_scale(&self) -> Result<(), String> {
        let Scale { replicas_min, replicas_max, nodes_per_replica, .. } = self.scale;
        if replicas_min > replicas_max || replicas_max == 0 || replicas_max > REPLICAS_MAX {
            return Err(format!(
                "{replicas_min} to {replicas_max} replicas; allowed are 0 to {REPLICAS_MAX}"
            ));
        }
        if nodes_per_replica == 0 {
            return Err("a replica has at least one node".into());
        }
        Ok(())
    }

    fn must_have_port(&self, what: &str, name: &str) -> Result<(), String> {
        match self.ports.iter().any(|port| port.name == name) {
            true => Ok(()),
            false => Err(format!("{what} refers to the port '{name}', which it does not have")),
        }
    }
}

fn at_most(max: usize, what: &str, found: usize) -> Result<(), String> {
    match found <= max {
        true => Ok(()),
        false => Err(format!("{found} {what}; at most {max} are allowed")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Volume;
    use super::super::example::workload;
    use super::*;

    #[test]
    fn each_rule_is_kept() {
        type Change = fn(&mut Workload);
        fn volume(name: &str, mount: &str, kind: VolumeKind) -> Volume {
            Volume { name: name.into(), mount: mount.into(), kind, read_only: false }
        }
        let changes: [Change; 18] = [
            |w| w.name = "-x".into(),
            |w| w.name = String::new(),
            |w| w.command.clear(),
            |w| w.ports[0].number = 0,
            |w| w.env[0].name = "1X".into(),
            |w| w.env[0].value = EnvValue::Port("none".into()),
            |w| w.scale.replicas_min = 2,
            |w| w.scale.nodes_per_replica = 0,
            |w| w.command.push("a\0b".into()),
            |w| w.command.push("a".repeat(WORD_BYTES_MAX + 1)),
            |w| w.command = vec!["a".into(); PARTS_MAX + 1],
            |w| w.runtime = Runtime::Container("--privileged".into()),
            |w| w.runtime = Runtime::Python(vec!["--log=/tmp/x".into()]),
            |w| w.volumes.push(volume("../../x", "/x", VolumeKind::Scratch)),
            |w| w.volumes.push(volume("x", "/x,/:/host", VolumeKind::Scratch)),
            |w| w.volumes.push(volume("x", "/x", VolumeKind::Shared("/tmp/x".into()))),
            |w| w.volumes.extend(["/x", "/y"].map(|mount| volume("x", mount, VolumeKind::Scratch))),
            |w| w.volumes.extend(["x", "y"].map(|name| volume(name, "/x", VolumeKind::Scratch))),
        ];
        let plan = |workload| Plan { workloads: vec![workload], notes: Vec::new() }.checked();
        assert!(plan(workload()).is_ok());
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = workload();
            change(&mut changed);
            assert!(matches!(plan(changed), Err(PlanError::Workload { .. })), "change {index}");
        }
        let twice = Plan { workloads: vec![workload(), workload()], notes: Vec::new() };
        assert!(matches!(twice.checked(), Err(PlanError::Workload { .. })));
        assert_eq!(Plan { workloads: Vec::new(), notes: Vec::new() }.checked(), Err(PlanError::Empty));
    }
}
