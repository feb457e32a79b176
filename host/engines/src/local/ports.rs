//! Which of this machine's ports a replica listens at.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;

use chandlery_package::Digest;
use chandlery_package::plan::Workload;

/// Replicas listen from here up: below what the system gives to outgoing connections.
const PORT_FIRST: u16 = 20000;
/// The first port that the system gives to outgoing connections, unless it was set up otherwise.
const PORT_OF_OTHERS: u16 = 32768;

/// Where a host begins to look for ports. A program may take long to listen where it was told to: another host of this machine would
/// find the port free until then.
pub(super) fn first(host_id: &str) -> u16 {
    let digest = Digest::of(host_id);
    PORT_FIRST + u16::from_be_bytes([digest.bytes()[0], digest.bytes()[1]]) % (PORT_OF_OTHERS - PORT_FIRST)
}

/// A free port of this machine for each port, from this one on. Replicas are reached through their deployment's own port, so the number
/// does not matter.
pub(super) fn allot(
    workload: &Workload,
    taken: &BTreeSet<u16>,
    first: u16,
) -> Result<BTreeMap<String, u16>, String> {
    let mut allotted = BTreeMap::new();
    for port in &workload.ports {
        let is_free = |number: &u16| {
            let ours = taken.contains(number) || allotted.values().any(|other| other == number);
            !ours && TcpListener::bind(("127.0.0.1", *number)).is_ok()
        };
        let number = (first..PORT_OF_OTHERS)
            .chain(PORT_FIRST..first)
            .chain(PORT_OF_OTHERS..=u16::MAX)
            .find(is_free)
            .ok_or_else(|| format!("no port from {PORT_FIRST} up is free for '{}'", port.name))?;
        allotted.insert(port.name.clone(), number);
    }
    Ok(allotted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_begins_elsewhere() {
        let ids: Vec<String> = (0..100).map(|number| format!("host {number}")).collect();
        let firsts: BTreeSet<u16> = ids.iter().map(|id| first(id)).collect();
        assert!(firsts.len() > 90 && firsts.iter().all(|port| (PORT_FIRST..PORT_OF_OTHERS).contains(port)));
    }
}
