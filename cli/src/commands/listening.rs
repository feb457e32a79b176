//! Where servers of this machine listen, and where they are reached.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;

use crate::failure::{Failure, Result};
use crate::words;

/// Where a server listens: at the address that was given for that or, without one, where its clients are told that it is.
pub fn named(given: Option<SocketAddr>, url: &str, option: &str) -> Result<SocketAddr> {
    given.or_else(|| local(url)).ok_or_else(|| {
        let detail = format!("{url} is no address at which this machine can listen");
        Failure::new(&words::NO_PORT, detail).remedy(format!("say with `{option} ADDR` where it listens"))
    })
}

/// The address that a URL names, if it does so by its number or as this machine.
pub fn local(url: &str) -> Option<SocketAddr> {
    let url = Url::parse(url).ok().filter(|url| url.scheme() == "http" && url.path() == "/")?;
    let ip = match url.host_str()? {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.trim_matches(['[', ']']).parse().ok()?,
    };
    Some(SocketAddr::new(ip, url.port_or_known_default()?))
}

/// Where this machine reaches what listens there: at every address it is reached at its own.
pub fn reached(listening: SocketAddr) -> SocketAddr {
    let own: IpAddr = match listening.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    SocketAddr::new(own, listening.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_listens_where_its_clients_look_for_it() {
        for (url, listens) in [
            ("http://127.0.0.1:7700", Some("127.0.0.1:7700")),
            ("http://localhost:8800", Some("127.0.0.1:8800")),
            ("http://[::1]:7700", Some("[::1]:7700")),
            ("http://10.0.0.7", Some("10.0.0.7:80")),
            ("https://127.0.0.1:7700", None),
            ("http://127.0.0.1:7700/host", None),
            ("http://host.example.com", None),
        ] {
            let found = named(None, url, "--host-listen").ok();
            assert_eq!(found, listens.map(|address| address.parse().unwrap()), "{url}");
        }
        let given: SocketAddr = "0.0.0.0:1".parse().unwrap();
        assert_eq!(named(Some(given), "https://host.example.com", "--host-listen").unwrap(), given);
        assert_eq!(reached(given).to_string(), "127.0.0.1:1");
        assert_eq!(reached("[::]:1".parse().unwrap()).to_string(), "[::1]:1");
        assert_eq!(reached("10.0.0.7:1".parse().unwrap()).to_string(), "10.0.0.7:1");
    }
}
