//! The rules of the contract that a plan keeps before an engine sees it.

use std::collections::BTreeSet;

use super::{Check, EnvValue, Plan, Probe, Runtime, Scale, Workload};
use crate::SecretName;

/// The most replicas one workload may have.
const REPLICAS_MAX: u32 = 1000;
const WORKLOADS_MAX: usize = 50;
const LABEL_BYTES_MAX: usize = 40;

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
        must_be_label("its name", &self.name, LABEL_BYTES_MAX)?;
        self.check_ports()?;
        self.check_env()?;
        self.check_scale()?;
        if self.command.is_empty() && !matches!(self.runtime, Runtime::Container(_)) {
            return Err("its command is empty, which only a container's may be".into());
        }
        if let Some(Probe { check: Check::Http { port, .. } | Check::Tcp(port), .. }) = &self.readiness {
            self.must_have_port("its readiness probe", port)?;
        }
        let words = self.command.iter().chain(self.env.iter().filter_map(|var| match &var.value {
            EnvValue::Text(text) => Some(text),
            EnvValue::Secret(_) | EnvValue::Port(_) => None,
        }));
        match words.into_iter().find(|word| word.contains('\0')) {
            Some(_) => Err("a word of its command or environment holds a NUL".into()),
            None => Ok(()),
        }
    }

    fn check_ports(&self) -> Result<(), String> {
        let mut names = BTreeSet::new();
        for port in &self.ports {
            must_be_label("a port's name", &port.name, 15)?;
            if port.number == 0 || !names.insert(&port.name) {
                return Err(format!("port '{}' must have a unique name and a number above 0", port.name));
            }
        }
        Ok(())
    }

    fn check_env(&self) -> Result<(), String> {
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

fn must_be_label(what: &str, text: &str, bytes_max: usize) -> Result<(), String> {
    let inner = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let ends = !text.starts_with('-') && !text.ends_with('-') && !text.is_empty();
    match inner && ends && text.len() <= bytes_max {
        true => Ok(()),
        false => Err(format!("{what} '{text}' is not a DNS label of 1 to {bytes_max} characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::example::workload;
    use super::*;

    #[test]
    fn each_rule_is_kept() {
        type Change = fn(&mut Workload);
        let changes: [Change; 9] = [
            |w| w.name = "-x".into(),
            |w| w.name = String::new(),
            |w| w.command.clear(),
            |w| w.ports[0].number = 0,
            |w| w.env[0].name = "1X".into(),
            |w| w.env[0].value = EnvValue::Port("none".into()),
            |w| w.scale.replicas_min = 2,
            |w| w.scale.nodes_per_replica = 0,
            |w| w.command.push("a\0b".into()),
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
