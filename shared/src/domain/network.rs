//! The network that an address stands for where a limit is "per address" (SPEC §3, shares).

use std::fmt;
use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// What one customer of an internet provider is given: an IPv4 address, or an IPv6 /64 (RFC 6177, RIPE-690). Every limit that
/// counts by address counts by this, since whoever has one IPv6 address has 2⁶⁴.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpNet);

/// Bits of an IPv6 address that name the customer; the rest are the customer's to choose.
const IPV6_PREFIX: u8 = 64;

impl Network {
    /// The network of `address`. An IPv4-mapped address (`::ffff:192.0.2.1`, RFC 4291 §2.5.5.2) is its IPv4 address.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(v4) => IpNet::V4(Ipv4Net::from(v4)),
            // The prefix is a constant below 129, so the other branch is never taken.
            IpAddr::V6(v6) => {
                IpNet::V6(Ipv6Net::new(v6, IPV6_PREFIX).map_or_else(|_| Ipv6Net::from(v6), |net| net.trunc()))
            }
        })
    }
}

impl fmt::Display for Network {
    /// `192.0.2.1/32`, `2001:db8:1:2::/64`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> String {
        Network::of(address.parse().unwrap()).to_string()
    }

    #[test]
    fn an_ipv4_address_is_its_own_network_in_either_form() {
        assert_eq!(network("192.0.2.1"), "192.0.2.1/32");
        assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1/32");
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }

    #[test]
    fn an_ipv6_address_stands_for_its_64() {
        assert_eq!(network("2001:db8:1:2:aaaa::1"), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::"), network("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(network("2001:db8:1:2::"), network("2001:db8:1:3::"));
    }
}
