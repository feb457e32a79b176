//! Which of this machine's ports a replica listens at.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;

use chandlery_package::plan::Workload;

/// Replicas listen from here up: below what the system gives to outgoing connections.
const PORT_FIRST: u16 = 20000;

/// A free port of this machine for each port. Replicas are reached through their deployment's own port, so the number does not
/// matter.
pub(super) fn allot(workload: &Workload, taken: &BTreeSet<u16>) -> Result<BTreeMap<String, u16>, String> {
    let mut allotted = BTreeMap::new();
    for port in &workload.ports {
        let is_free = |number: &u16| {
            let ours = taken.contains(number) || allotted.values().any(|other| other == number);
            !ours && TcpListener::bind(("127.0.0.1", *number)).is_ok()
        };
        let number = (PORT_FIRST..=u16::MAX)
            .find(is_free)
            .ok_or_else(|| format!("no port from {PORT_FIRST} up is free for '{}'", port.name))?;
        allotted.insert(port.name.clone(), number);
    }
    Ok(allotted)
}
