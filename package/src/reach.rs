//! Where addresses are: what may be asked of a name that a stranger has given is decided by the address that it leads to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The address that a host of a URL is, where it is not a name.
pub fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Where an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The public internet.
    Public,
    /// A private network.
    Private,
    /// The machine that asks.
    ThisMachine,
    /// Where clouds keep the credentials of their machines; and what is no one machine's address.
    Never,
}

/// By IANA's registries of special-purpose addresses, and by where clouds have their metadata.
pub fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    match address.octets() {
        [127, ..] => Reach::ThisMachine,
        // Metadata of Alibaba Cloud and of Azure, beside those that are link-local.
        [100, 100, 100, 200] | [168, 63, 129, 16] => Reach::Never,
        [10, ..] | [192, 168, ..] => Reach::Private,
        [172, second, ..] if (16..32).contains(&second) => Reach::Private,
        // Shared between a provider and its customers.
        [100, second, ..] if (64..128).contains(&second) => Reach::Private,
        [0, ..] | [169, 254, ..] | [192, 0, 0, _] | [224..=255, ..] => Reach::Never,
        // For documentation, measurements, and what was the way to 6to4.
        [192, 0, 2, _] | [198, 18 | 19, ..] | [198, 51, 100, _] | [203, 0, 113, _] => Reach::Never,
        [192, 88, 99, _] => Reach::Never,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let v4 = |high: u16, low: u16| reach_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::ThisMachine,
        // Metadata of AWS, Google Cloud and Scaleway.
        [0xfd00, 0x0ec2, ..] | [0xfd20, 0x00ce, ..] | [0xfd00, 0x0042, ..] => Reach::Never,
        [first, ..] if first & 0xfe00 == 0xfc00 => Reach::Private,
        // These carry an IPv4 address.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => v4(high, low),
        [0x2002, high, low, ..] => v4(high, low),
        // For protocols, Teredo among them, and for documentation.
        [0x2001, 0..0x0200 | 0x0db8, ..] => Reach::Never,
        [0x3fff, second, ..] if second < 0x1000 => Reach::Never,
        [first, ..] if first & 0xe000 == 0x2000 => Reach::Public,
        _ => Reach::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_known_by_their_reach() {
        for (address, expected) in [
            ("93.184.216.34", Reach::Public),
            ("2606:2800:220:1::1", Reach::Public),
            ("10.0.0.1", Reach::Private),
            ("172.16.0.1", Reach::Private),
            ("172.32.0.1", Reach::Public),
            ("192.168.1.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("127.0.0.1", Reach::ThisMachine),
            ("127.255.0.9", Reach::ThisMachine),
            ("::1", Reach::ThisMachine),
            ("fd00::1", Reach::Private),
            ("fc00::1", Reach::Private),
            ("::ffff:127.0.0.1", Reach::ThisMachine),
            ("::ffff:10.0.0.1", Reach::Private),
            ("::ffff:93.184.216.34", Reach::Public),
            // IPv4 by way of a NAT64, of 6to4 and of Teredo.
            ("64:ff9b::a00:1", Reach::Private),
            ("64:ff9b::127.0.0.1", Reach::ThisMachine),
            ("64:ff9b::169.254.169.254", Reach::Never),
            ("64:ff9b:1::127.0.0.1", Reach::Never),
            ("64:ff9b:1:7f00:0:100::", Reach::Never),
            ("2002:a00:1::1", Reach::Private),
            ("2002:7f00:1::1", Reach::ThisMachine),
            ("2002:a9fe:a9fe::1", Reach::Never),
            ("2001:0:5ef5:79fb:0:1:80ff:fffe", Reach::Never),
            ("::127.0.0.1", Reach::Never),
            ("::ffff:0:127.0.0.1", Reach::Never),
            ("192.88.99.1", Reach::Never),
            // Metadata of clouds.
            ("169.254.169.254", Reach::Never),
            ("::ffff:169.254.169.254", Reach::Never),
            ("fe80::a9fe:a9fe", Reach::Never),
            ("100.100.100.200", Reach::Never),
            ("168.63.129.16", Reach::Never),
            ("192.0.0.192", Reach::Never),
            ("fd00:ec2::254", Reach::Never),
            ("fd20:ce::254", Reach::Never),
            ("fd00:42::42", Reach::Never),
            // No one machine's.
            ("0.0.0.0", Reach::Never),
            ("0.1.2.3", Reach::Never),
            ("::", Reach::Never),
            ("fec0::1", Reach::Never),
            ("224.0.0.1", Reach::Never),
            ("255.255.255.255", Reach::Never),
            ("ff02::1", Reach::Never),
            ("2001:db8::1", Reach::Never),
            ("3fff::1", Reach::Never),
        ] {
            assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
        }
    }
}
