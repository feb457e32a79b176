//! What a plugin may ask for beyond answering: one permission each, asked for in the manifest, granted at install and
//! checked at every use. Their written form is the same everywhere: `http:hooks.slack.com`, `secret:token`.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::name::text_form;
use crate::{Kind, SecretName};

const SETTING: &str = "setting:";

/// Why a permission cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no permission; there are http:HOST, http:HOST:PORT, http:setting:NAME, private-network, keyvalue, \
     secret:NAME, deployments:read and deployments:act"
)]
pub struct PermissionError(String);

/// Something that a plugin may do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Permission {
    /// Send HTTP requests to a host.
    Http(HttpHost),
    /// Reach the hosts that it may send requests to where they are in a private network or on the host's own machine.
    PrivateNetwork,
    /// Keep data of its own between calls.
    KeyValue,
    /// Use a secret that the host holds.
    Secret(SecretName),
    /// Read what is deployed.
    ReadDeployments,
    /// Restart and scale what is deployed.
    ActOnDeployments,
}

/// A host that HTTP requests may go to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HttpHost {
    /// This one, on this port or on the scheme's own.
    Named {
        /// Lower-case; a DNS name or an IP address.
        host: String,
        /// None: 443 for `https`, 80 for `http`.
        port: Option<u16>,
    },
    /// The one in the URL that is the plugin's setting of this name: whoever installs the plugin says which.
    Setting(String),
}

impl Permission {
    /// Whether plugins of this kind may ask for it. Templates and policies are pure, but a template's plan may hand a
    /// secret to what it deploys.
    pub fn fits(&self, kind: Kind) -> bool {
        match kind {
            Kind::Template => matches!(self, Self::Secret(_)),
            Kind::Policy => false,
            Kind::Integration => true,
        }
    }

    /// What it allows, for people, after "it may".
    pub fn in_words(&self, kind: Kind) -> String {
        match self {
            Self::Http(HttpHost::Named { host, port: None }) => format!("send requests to {host}"),
            Self::Http(HttpHost::Named { host, port: Some(port) }) => {
                format!("send requests to {host} on port {port}")
            }
            Self::Http(HttpHost::Setting(name)) => {
                format!("send requests to the host that you name in its setting '{name}'")
            }
            Self::PrivateNetwork => {
                "reach these hosts in your private network and on this machine, too".into()
            }
            Self::KeyValue => "keep data of its own on this host".into(),
            Self::Secret(name) if kind == Kind::Template => {
                format!("hand your secret '{name}' to what it deploys")
            }
            Self::Secret(name) => format!("use your secret '{name}' in requests and signatures, unseen"),
            Self::ReadDeployments => "read what is deployed here".into(),
            Self::ActOnDeployments => "restart and scale what is deployed here".into(),
        }
    }

    /// The interfaces that it opens, as `package/interface`.
    pub(crate) fn interfaces(&self) -> &'static [&'static str] {
        match self {
            Self::Http(_) => &[
                "wasi:http/types",
                "wasi:http/outgoing-handler",
                "wasi:io/error",
                "wasi:io/poll",
                "wasi:io/streams",
                // For its type `duration` alone; the host offers no functions of it.
                "wasi:clocks/monotonic-clock",
            ],
            Self::PrivateNetwork => &[],
            Self::KeyValue => &["wasi:keyvalue/store"],
            Self::Secret(_) => &["chandlery:plugin/secrets"],
            Self::ReadDeployments => &["chandlery:plugin/deployments"],
            Self::ActOnDeployments => &["chandlery:plugin/deployments-control"],
        }
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(host) => write!(f, "http:{host}"),
            Self::PrivateNetwork => f.write_str("private-network"),
            Self::KeyValue => f.write_str("keyvalue"),
            Self::Secret(name) => write!(f, "secret:{name}"),
            Self::ReadDeployments => f.write_str("deployments:read"),
            Self::ActOnDeployments => f.write_str("deployments:act"),
        }
    }
}

impl FromStr for Permission {
    type Err = PermissionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refused = || PermissionError(text.into());
        match text.split_once(':') {
            None if text == "private-network" => Ok(Self::PrivateNetwork),
            None if text == "keyvalue" => Ok(Self::KeyValue),
            Some(("deployments", "read")) => Ok(Self::ReadDeployments),
            Some(("deployments", "act")) => Ok(Self::ActOnDeployments),
            Some(("secret", name)) => name.parse().map(Self::Secret).map_err(|_| refused()),
            Some(("http", host)) => HttpHost::parse(host).map(Self::Http).ok_or_else(refused),
            _ => Err(refused()),
        }
    }
}

impl HttpHost {
    fn parse(text: &str) -> Option<Self> {
        if let Some(setting) = text.strip_prefix(SETTING) {
            return is_word(setting, "_-").then(|| Self::Setting(setting.into()));
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port.parse().ok().filter(|port| *port > 0)?)),
            None => (text, None),
        };
        // A host that is written in two ways would be granted in one and used in the other.
        let named = is_word(host, ".-") && !host.starts_with(['.', '-']) && !host.ends_with(['.', '-']);
        (named && is_spelled_as_usual(host)).then(|| Self::Named { host: host.into(), port })
    }
}

/// Whether a host is a name, or an IPv4 address as four decimal numbers. URLs know more spellings (`2130706433`, `0x7f.1`), by the
/// rule that a host is an address if its last label is a number: <https://url.spec.whatwg.org/#ends-in-a-number-checker>.
fn is_spelled_as_usual(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or(host);
    let is_number = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    !is_number || host.parse::<Ipv4Addr>().is_ok()
}

impl fmt::Display for HttpHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named { host, port: None } => f.write_str(host),
            Self::Named { host, port: Some(port) } => write!(f, "{host}:{port}"),
            Self::Setting(name) => write!(f, "{SETTING}{name}"),
        }
    }
}

/// Lower-case letters, digits and these, at least one.
fn is_word(text: &str, others: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || others.contains(c);
    !text.is_empty() && text.chars().all(fits)
}

text_form!(Permission);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_is_written_as_it_is_read() {
        for text in [
            "http:hooks.slack.com",
            "http:127.0.0.1:9093",
            "http:setting:url",
            "private-network",
            "keyvalue",
            "secret:signing-key",
            "deployments:read",
            "deployments:act",
        ] {
            assert_eq!(text.parse::<Permission>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_could_be_mistaken_is_refused() {
        for text in [
            "",
            "http:",
            "http:*",
            "http:*.slack.com",
            "http:Hooks.slack.com",
            "http:.slack.com",
            "http:slack.com.",
            "http:slack.com:0",
            "http:slack.com:99999",
            "http:user@slack.com",
            "http:slack.com/path",
            "http:setting:",
            "http:2130706433",
            "http:127.1",
            "http:0x7f000001",
            "http:0177.0.0.1",
            "http:1.2.3.4.5",
            "secret:",
            "secret:UPPER",
            "secret:a/b",
            "keyvalue:other",
            "deployments",
            "deployments:write",
            "everything",
        ] {
            assert!(text.parse::<Permission>().is_err(), "{text}");
        }
    }
}
