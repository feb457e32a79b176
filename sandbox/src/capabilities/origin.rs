//! Where requests may go: hosts and ports as they were granted.

use std::collections::{BTreeMap, BTreeSet};

use chandlery_package::Permission;
use chandlery_package::permission::HttpHost;
use reqwest::Url;

/// The hosts and ports that requests may go to; a setting that holds no URL allows none.
pub(super) fn origins(granted: &BTreeSet<Permission>, settings: &BTreeMap<String, String>) -> Vec<Origin> {
    let hosts = granted.iter().filter_map(|permission| match permission {
        Permission::Http(host) => Some((permission.clone(), host)),
        _ => None,
    });
    hosts
        .filter_map(|(permission, host)| match host {
            HttpHost::Named { host, port } => Some(Origin { permission, host: host.clone(), port: *port }),
            HttpHost::Setting(name) => {
                let url: Url = settings.get(name)?.parse().ok()?;
                let host = url.host_str()?.to_owned();
                Some(Origin { permission, host, port: url.port_or_known_default() })
            }
        })
        .collect()
}

/// Where requests may go, and by which permission.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) permission: Permission,
    host: String,
    /// None: the scheme's own.
    port: Option<u16>,
}

impl Origin {
    pub(super) fn holds(&self, host: &str, port: u16, scheme_port: u16) -> bool {
        self.host == host && self.port.unwrap_or(scheme_port) == port
    }
}
