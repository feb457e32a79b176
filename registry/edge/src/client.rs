//! Where a request comes from: the address at the other end of the connection or, where that is a proxy that is trusted, what it says.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};

/// The part of an IPv6 address that a provider gives one customer: the first 64 bits.
const CUSTOMER: u128 = u128::MAX << 64;
/// How many bits come before the IPv4 address in an IPv6 address that stands for one.
const MAPPED_BITS: u32 = 96;

/// The address at the other end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Whom limits count: an IPv4 address, or the network of an IPv6 address (/64), which has more addresses than can be counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// The client at this address.
    pub fn at(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() & CUSTOMER).into()),
        }
    }

    /// The client that a request is from, by what the server noted in it.
    pub fn of(noted: &Extensions) -> Self {
        noted.get::<Self>().copied().unwrap_or(Self(Ipv4Addr::UNSPECIFIED.into()))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

/// That a request came from a proxy that is trusted to say how it was asked itself: by which scheme, at which host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proxied;

impl Proxied {
    /// Whether the server noted it in a request.
    pub fn is_noted(noted: &Extensions) -> bool {
        noted.get::<Self>().is_some()
    }
}

/// An address, or all that begin with the same bits: `10.0.0.1`, `10.0.0.0/8` or `fd00::/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is neither an address nor a network such as 10.0.0.0/8 or fd00::/8")]
pub struct NetworkError(String);

impl Network {
    /// Whether an address is part of it; one of IPv4 is, however it is written.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4()
            && first_bits(address, self.bits) == first_bits(self.address, self.bits)
    }
}

fn first_bits(address: IpAddr, bits: u32) -> u128 {
    let all = match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << MAPPED_BITS,
        IpAddr::V6(address) => address.to_bits(),
    };
    all & u128::MAX.checked_shl(u128::BITS.saturating_sub(bits)).unwrap_or(0)
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let refuse = || NetworkError(text.into());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().map_err(|_| refuse())?)),
            None => (text, None),
        };
        let written: IpAddr = address.parse().map_err(|_| refuse())?;
        let address = written.to_canonical();
        let bits_max = if address.is_ipv4() { Ipv4Addr::BITS } else { Ipv6Addr::BITS };
        let before = if written.is_ipv4() == address.is_ipv4() { 0 } else { MAPPED_BITS };
        let bits = bits.map_or(Some(bits_max), |bits| bits.checked_sub(before)).ok_or_else(refuse)?;
        match bits <= bits_max {
            true => Ok(Self { address, bits }),
            false => Err(refuse()),
        }
    }
}

/// The proxies whose word is taken for where a request comes from. Anybody else may write into a header what they like.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<Network>);

impl Proxies {
    /// Those that are in one of these networks.
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether there is such a proxy at this address.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The address that a request comes from: each trusted proxy added the one that it was asked from at the end of `X-Forwarded-For`,
    /// so that is read from its last line to its first, from right to left, up to the first address that is not trusted. Where there is
    /// no more, or nothing that can be read, it is the last trusted one.
    pub fn origin(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let lines = headers.get_all("x-forwarded-for").iter().rev();
        let mut hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
        let mut origin = peer.to_canonical();
        while self.trust(origin) {
            match hops.next().and_then(hop) {
                Some(before) => origin = before,
                None => break,
            }
        }
        origin
    }
}

/// An address as proxies write it; some of them add the port.
fn hop(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| Some(text.parse::<SocketAddr>().ok()?.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_is_an_address_or_the_network_of_one() {
        for (one, other, same) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.2", false),
            ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            assert_eq!(Client::at(address(one)) == Client::at(address(other)), same, "{one} {other}");
        }
    }

    #[test]
    fn networks_contain_what_begins_alike() {
        for (network, inside, outside) in [
            ("10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("10.9.9.9/8", "10.1.2.3", "::"),
            ("0.0.0.0/0", "255.1.1.1", "::1"),
            ("::/0", "2001:db8::1", "10.0.0.1"),
            ("::ffff:10.0.0.0/104", "10.1.1.1", "11.1.1.1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::10.1.1.1"),
            ("fd00::/8", "fdff::1", "fe00::1"),
            ("::1", "::1", "::2"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(address(inside)), "{network:?} {inside}");
            assert!(!network.contains(address(outside)), "{network:?} {outside}");
        }
        let wrong = [
            "",
            "10.0.0",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/-1",
            "::ffff:10.0.0.0/95",
            "proxy",
            "/8",
            "10.0.0.0/8 ",
        ];
        for text in wrong {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_trusted_proxies_say_where_a_request_comes_from() {
        let proxies = Proxies::new(["10.0.0.0/8", "fd00::/8"].map(|text| text.parse().unwrap()).into());
        let cases: &[(&str, &[&str], &str)] = &[
            ("198.51.100.7", &[], "198.51.100.7"),
            // Whoever is no proxy may say what it likes.
            ("198.51.100.7", &["10.0.0.1", "203.0.113.9"], "198.51.100.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            // What a client wrote itself stands to the left of what the proxy added, in whichever line.
            ("10.0.0.1", &["192.0.2.1, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["192.0.2.1", "203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["203.0.113.9", "10.0.0.3,10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["192.0.2.1, 203.0.113.9, fd00::2 ,\t10.0.0.2"], "203.0.113.9"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
            ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1"),
            ("10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9"),
            ("fd00::1", &["2001:db8::1"], "2001:db8::1"),
            // What cannot be read ends the walk at whoever is known last.
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.9, unknown, 10.0.0.2"], "10.0.0.2"),
            ("10.0.0.1", &["203.0.113.9,"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.999"], "10.0.0.1"),
        ];
        for (peer, lines, origin) in cases {
            let mut headers = HeaderMap::new();
            for line in *lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            assert_eq!(proxies.origin(address(peer), &headers), address(origin), "{peer} {lines:?}");
        }
        let nobody = Proxies::default();
        let headers =
            HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), "203.0.113.9".parse().unwrap())]);
        assert!(!nobody.trust(address("127.0.0.1")));
        assert_eq!(nobody.origin(address("127.0.0.1"), &headers), address("127.0.0.1"));
    }
}
