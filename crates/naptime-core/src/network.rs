//! Which addresses may be called.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

use crate::{Endpoint, Invalid};

/// The networks that may be called beside the public internet (`NAPTIME_ALLOW_NETWORKS`).
///
/// Whoever may add endpoints could otherwise reach, through a worker, what only the worker's machine can: databases,
/// admin pages, the cloud's metadata service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedNetworks(Vec<IpNet>);

impl AllowedNetworks {
    /// Public addresses only.
    pub fn public_only() -> Self {
        Self::default()
    }

    /// Loopback and private networks too: what `naptime up` allows on one's own machine. Link-local addresses, where
    /// clouds keep their metadata services, stay refused.
    pub fn local() -> Self {
        "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,fc00::/7"
            .parse()
            .expect("the list above is well formed")
    }

    /// Whether `ip` may be called: it is public, or in a listed network.
    ///
    /// An IPv4 address wrapped in an IPv6 one (mapped, compatible, NAT64, 6to4) is judged as the address it reaches.
    pub fn permits(&self, ip: IpAddr) -> bool {
        let inner = match ip {
            IpAddr::V6(v6) => tunnelled(v6).map(IpAddr::V4),
            IpAddr::V4(_) => None,
        };
        let reached = inner.unwrap_or(ip);
        let listed = |net: &IpNet| {
            let wide = net.prefix_len() < 32;
            (net.contains(&ip) || net.contains(&reached)) && !(wide && reached == IpAddr::V6(EC2_METADATA))
        };
        is_public(reached) || self.0.iter().any(listed)
    }

    /// Checks the host of an endpoint, as far as it can be known without looking its name up.
    ///
    /// # Errors
    /// At `url`, if it is an address, or `localhost`, that may not be called.
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), Invalid> {
        let permitted = match endpoint.literal_ip() {
            Some(ip) => self.permits(ip),
            None => {
                !endpoint.is_localhost()
                    || self.permits(Ipv4Addr::LOCALHOST.into())
                    || self.permits(Ipv6Addr::LOCALHOST.into())
            }
        };
        permitted.then_some(()).ok_or_else(|| {
            Invalid::new(
                "url",
                "blocked_address",
                "the address is in a network that may not be called (NAPTIME_ALLOW_NETWORKS)",
            )
        })
    }
}

/// Where EC2 keeps its metadata service in the midst of the private networks: it has to be listed by itself.
const EC2_METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// The IPv4 address that an IPv6 address stands for, if it does.
fn tunnelled(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s {
        // ::ffff:a.b.c.d (mapped) and ::ffff:0:a.b.c.d (translated)
        [0, 0, 0, 0, 0, 0xffff, a, b] | [0, 0, 0, 0, 0xffff, 0, a, b] => Some(v4(a, b)),
        // 64:ff9b::/96 (NAT64)
        [0x64, 0xff9b, 0, 0, 0, 0, a, b] => Some(v4(a, b)),
        // 2002::/16 (6to4)
        [0x2002, a, b, ..] => Some(v4(a, b)),
        // ::a.b.c.d (compatible), but for :: and ::1
        [0, 0, 0, 0, 0, 0, a, b] if ip != Ipv6Addr::UNSPECIFIED && ip != Ipv6Addr::LOCALHOST => Some(v4(a, b)),
        _ => None,
    }
}

/// Whether an address belongs to the public internet, by IANA's special-purpose registries.
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, _] = ip.octets();
            !(a == 0
                || ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || (a == 100 && (64..128).contains(&b)) // carrier-grade NAT
                || (a == 192 && b == 0 && c == 0) // IETF protocol assignments
                || (a == 192 && b == 88 && c == 99) // 6to4 relays
                || (a == 198 && (18..20).contains(&b)) // benchmarking
                || ip.is_documentation()
                || a >= 224) // multicast, reserved, broadcast
        }
        IpAddr::V6(ip) => {
            let s = ip.segments();
            // Only 2000::/3 is global unicast; special blocks within it are taken out.
            s[0] & 0xe000 == 0x2000
                && !(s[0] == 0x2001 && s[1] < 0x200) // protocol assignments, Teredo, ORCHID
                && !(s[0] == 0x2001 && s[1] == 0xdb8) // documentation
                && !(s[0] == 0x3fff && s[1] < 0x1000) // documentation
                && s[0] != 0x2002 // 6to4, judged as what it wraps
        }
    }
}

impl FromStr for AllowedNetworks {
    type Err = Invalid;

    /// Reads a list such as `127.0.0.0/8, 10.1.2.3, fd00::/8`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parts = text.split([',', ' ']).filter(|part| !part.is_empty());
        let read = |part: &str| {
            part.parse::<IpNet>().or_else(|_| part.parse::<IpAddr>().map(IpNet::from)).map_err(|_| {
                Invalid::new(
                    "networks",
                    "not_a_network",
                    format!("`{part}` is not a network; write it like 10.0.0.0/8"),
                )
            })
        };
        parts.map(read).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for AllowedNetworks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&parts.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allowed: &str, ip: &str, expect: bool) {
        let allowed: AllowedNetworks = allowed.parse().expect("a list of networks");
        assert_eq!(allowed.permits(ip.parse().expect("an address")), expect, "{ip} with `{allowed}`");
    }

    #[test]
    fn public_addresses_only_by_default() {
        for ip in ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"] {
            check("", ip, true);
        }
        for ip in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::10.0.0.1",
            "::ffff:0:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
            "2001::1",
            "2001:db8::1",
            "fd00:ec2::254",
        ] {
            check("", ip, false);
        }
    }

    #[test]
    fn listed_networks_are_allowed_in_every_guise() {
        check("10.0.0.0/8", "10.1.2.3", true);
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("10.0.0.0/8", "127.0.0.1", false);
        check("127.0.0.1, ::1", "127.0.0.1", true);
        check("127.0.0.1, ::1", "127.0.0.2", false);
        check("::/0", "fe80::1", true);
    }

    #[test]
    fn ones_own_machine_is_local_but_not_the_metadata_service() {
        assert!(AllowedNetworks::local().permits(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(AllowedNetworks::local().permits("fd00::1".parse().expect("an address")));
        assert!(!AllowedNetworks::local().permits(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254))));
        assert!(!AllowedNetworks::local().permits(EC2_METADATA.into()));
        check("fd00:ec2::254", "fd00:ec2::254", true);
    }

    #[test]
    fn names_the_part_that_is_no_network() {
        let error = "10.0.0.0/8,ten".parse::<AllowedNetworks>().expect_err("not a network");
        assert!(error.detail.contains("`ten`"), "{error}");
    }
}
