//! Which addresses may be called.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{Endpoint, Invalid};

/// The word for no network at all.
const NONE: &str = "none";

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

    /// Whether `ip` may be called: it is public, or in a listed network. An address of a cloud's own services is neither:
    /// it has to be listed by itself.
    ///
    /// An IPv4 address wrapped in an IPv6 one (mapped, compatible, NAT64, 6to4) is judged as the address it reaches.
    pub fn permits(&self, ip: IpAddr) -> bool {
        let reached = reached(ip);
        if is_of_cloud(ip) {
            let named = |net: &IpNet| net.prefix_len() == net.max_prefix_len() && self::reached(net.addr()) == reached;
            return self.0.iter().any(named);
        }
        is_public(reached) || self.0.iter().any(|net| net.contains(&ip) || net.contains(&reached))
    }

    /// Checks the host of an endpoint, as far as it can be known without looking its name up.
    ///
    /// # Errors
    /// At `url`, if it is an address, or `localhost`, that may not be called.
    pub fn check(&self, endpoint: &Endpoint) -> Result<(), Invalid> {
        if endpoint.handler().is_some() {
            // No network is between a worker and its own handlers, whatever their names look like.
            return Ok(());
        }
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

/// The addresses at which clouds serve what belongs to the machine alone: its credentials, its user data, its platform's
/// agent. Link-local networks are listed whole, because each cloud keeps further services there.
const OF_CLOUDS: [IpNet; 11] = [
    v4([169, 254, 0, 0], 16), // AWS, Azure, Google, OpenStack, Scaleway, Tencent, and most others
    v4([100, 100, 100, 200], 32), // Alibaba
    v4([168, 63, 129, 16], 32), // Azure's WireServer, at a public address
    v4([192, 0, 0, 192], 32), // Oracle, classic
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32), // AWS: ::254 metadata, ::23 EKS credentials, name servers
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128), // Google
    v6([0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe], 128), // Oracle
    v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128), // Scaleway
    v6([0xfd00, 0xa9fe, 0xa9fe, 0, 0, 0, 0, 1], 128), // Akamai
    v6([0xfd00, 0x100, 0, 0, 0, 0, 0x100, 0x200], 128), // Alibaba
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> IpNet {
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6([a, b, c, d, e, f, g, h]: [u16; 8], prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, e, f, g, h), prefix))
}

/// Whether an address, or one that it may carry within it, is of a cloud's own services.
fn is_of_cloud(ip: IpAddr) -> bool {
    let listed = |ip: IpAddr| OF_CLOUDS.iter().any(|net| net.contains(&ip));
    match ip {
        IpAddr::V4(_) => listed(ip),
        IpAddr::V6(v6) => listed(ip) || listed(reached(ip)) || carried(v6).into_iter().any(|ip| listed(ip.into())),
    }
}

/// The address that is reached by calling this one.
fn reached(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => tunnelled(v6).map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// The IPv4 addresses that an IPv6 address may lead to by what is set up on the way: local NAT64 with any length of
/// prefix (RFC 6052 in 64:ff9b:1::/48), Teredo, ISATAP. None of them is public, but a wide network may list them.
fn carried(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let (o, s) = (ip.octets(), ip.segments());
    let v4 = |at: [usize; 4]| Ipv4Addr::from(at.map(|at| o[at]));
    match s {
        [0x64, 0xff9b, 1, ..] => {
            [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12], [12, 13, 14, 15]].map(v4).into_iter().collect()
        }
        [0x2001, 0, ..] => vec![Ipv4Addr::from(!u32::from(v4([12, 13, 14, 15])))],
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => vec![v4([12, 13, 14, 15])],
        _ => Vec::new(),
    }
}

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

    /// Reads a list such as `127.0.0.0/8, 10.1.2.3, fd00::/8`, or `none`.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut parts = text.split([',', ' ', '\t']).filter(|part| !part.is_empty()).peekable();
        if text.trim() == NONE {
            return Ok(Self::public_only());
        }
        if parts.peek().is_none() {
            let detail = "it is empty; write `none` for public addresses only, or leave the variable out";
            return Err(Invalid::new("networks", "empty", detail));
        }
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
        if self.0.is_empty() {
            return f.write_str(NONE);
        }
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
            check("none", ip, true);
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
            check("none", ip, false);
        }
    }

    #[test]
    fn listed_networks_are_allowed_in_every_guise() {
        check("10.0.0.0/8", "10.1.2.3", true);
        check("10.0.0.0/8", "::ffff:10.1.2.3", true);
        check("10.0.0.0/8", "127.0.0.1", false);
        check("127.0.0.1, ::1", "127.0.0.1", true);
        check("127.0.0.1, ::1", "127.0.0.2", false);
        check("::/0", "fc00::1", true);
    }

    #[test]
    fn ones_own_machine_is_local_but_not_the_metadata_service() {
        assert!(AllowedNetworks::local().permits(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        assert!(AllowedNetworks::local().permits("fd00::1".parse().expect("an address")));
        assert!(!AllowedNetworks::local().permits(IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254))));
        assert!(!AllowedNetworks::local().permits("fd00:ec2::254".parse().expect("an address")));
    }

    #[test]
    fn a_service_of_a_cloud_is_opened_by_its_own_address_only() {
        let wide = "0.0.0.0/0, ::/0, 0.0.0.0/1, 128.0.0.0/1, 100.64.0.0/10, 168.63.129.0/24, 192.0.0.0/24, 169.254.0.0/16, \
                    fc00::/7, fd00:ec2::/32, fe80::/10, ::ffff:0:0/96, 64:ff9b::/96, 64:ff9b:1::/48, 2002::/16";
        for ip in [
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "169.254.169.253",
            "169.254.42.42",
            "169.254.0.23",
            "fe80::a9fe:a9fe",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd00:ec2::253",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fd00:42::42",
            "fd00:a9fe:a9fe::1",
            "fd00:100::100:200",
        ] {
            check("none", ip, false);
            check(wide, ip, false);
            check("10.0.0.1, ::1", ip, false);
            check(ip, ip, true);
            let Ok(v4) = ip.parse::<Ipv4Addr>() else { continue };
            let [a, b, c, d] = v4.octets();
            let low = format!("{a:02x}{b:02x}:{c:02x}{d:02x}");
            let not = !u32::from(v4);
            let forms = [
                format!("::ffff:{ip}"),
                format!("::ffff:0:{ip}"),
                format!("::{ip}"),
                format!("64:ff9b::{ip}"),
                format!("2002:{low}::1"),
                format!("64:ff9b:1::{ip}"),
                format!("64:ff9b:1:{a:02x}{b:02x}:{c:02x}:{d:02x}00::"),
                format!("64:ff9b:1:{a:02x}:{b:02x}:{c:02x}{d:02x}::"),
                format!("64:ff9b:1:0:{a:02x}:{b:02x}{c:02x}:{d:02x}00:0"),
                format!("2001:0:101:101:0:0:{:04x}:{:04x}", not >> 16, not & 0xffff),
                format!("2606:4700::5efe:{ip}"),
            ];
            for form in forms {
                check(wide, &form, false);
                check("none", &form, false);
            }
            check(ip, &format!("::ffff:{ip}"), true);
        }
        check("none", "168.63.129.17", true);
    }

    #[test]
    fn none_is_none_and_nothing_is_a_fault() {
        assert_eq!("none".parse(), Ok(AllowedNetworks::public_only()));
        assert_eq!(AllowedNetworks::public_only().to_string().parse(), Ok(AllowedNetworks::public_only()));
        for text in ["", " ", ",", " , "] {
            assert_eq!(text.parse::<AllowedNetworks>().expect_err("empty").code, "empty", "{text:?}");
        }
        assert!("none,10.0.0.0/8".parse::<AllowedNetworks>().is_err());
    }

    #[test]
    fn names_the_part_that_is_no_network() {
        let error = "10.0.0.0/8,ten".parse::<AllowedNetworks>().expect_err("not a network");
        assert!(error.detail.contains("`ten`"), "{error}");
    }
}
