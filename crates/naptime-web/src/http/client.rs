//! The client behind the proxies in front of us: its address, whether it speaks https, and whether there are proxies.
//!
//! Everybody can write these headers. An address is taken from them only if the operator says how many proxies there are.
//! That a client speaks https is believed of anybody, since it makes cookies stricter and nothing else.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderValue, Version, header};

const FORWARDED_FOR: &str = "x-forwarded-for";
/// Headers that proxies add, beside those that begin with `x-forwarded`.
const OF_PROXIES: [&str; 11] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-original-host",
    "x-original-forwarded-for",
    "x-envoy-external-address",
    "true-client-ip",
    "cf-connecting-ip",
    "fly-client-ip",
];

/// The address of the client, if `trusted_proxies` stand in a row before us and each adds the address of who called it to
/// `X-Forwarded-For`: the one that the outermost of them added. If there is none such, it is the address of the `peer`.
pub(crate) fn address(headers: &HeaderMap, peer: Option<IpAddr>, trusted_proxies: usize) -> Option<IpAddr> {
    let Some(place) = trusted_proxies.checked_sub(1) else { return peer };
    let values = headers.get_all(FORWARDED_FOR).iter().rev();
    let mut newest_first = values.flat_map(|value| value.to_str().unwrap_or("").rsplit(','));
    newest_first.nth(place).and_then(|entry| read_address(entry.trim())).or(peer)
}

/// The network that an address stands for: whoever has one IPv6 address mostly has the other 2^64 of its network.
pub(crate) fn network_of(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        v4 => v4,
    }
}

/// Some proxies add the port.
fn read_address(entry: &str) -> Option<IpAddr> {
    let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(entry);
    bare.parse().ok().or_else(|| entry.parse().ok().map(|address: SocketAddr| address.ip()))
}

/// Whether a proxy says whom it forwards for.
pub(crate) fn is_forwarded_for(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED_FOR)
}

/// Whether the request came through a proxy, as far as it shows. HTTP/1.0 is what nginx forwards by default, without any
/// header of its own.
pub(crate) fn came_through_proxy(headers: &HeaderMap, version: Version) -> bool {
    let of_proxy = |name: &str| name.starts_with("x-forwarded") || OF_PROXIES.contains(&name);
    version < Version::HTTP_11 || headers.keys().any(|name| of_proxy(name.as_str()))
}

/// Whether the browser speaks https, be it to a proxy before us.
pub(crate) fn came_by_https(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok()).unwrap_or("");
    // Where there are several proxies, the browser spoke to the first.
    let first = |name| text(name).split(',').next().unwrap_or("").trim().to_ascii_lowercase();
    let forwarded = first("forwarded");
    let forwarded = forwarded.split(';').filter_map(|pair| pair.trim().split_once('='));
    first("x-forwarded-proto") == "https"
        || first("x-forwarded-ssl") == "on"
        || forwarded.into_iter().any(|(name, value)| name == "proto" && value.trim_matches('"') == "https")
        // What a browser sends with a form of ours, also through a proxy that adds nothing.
        || text(header::ORIGIN.as_str())
            .strip_prefix("https://")
            .is_some_and(|host| host.eq_ignore_ascii_case(text(header::HOST.as_str())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let read = |(name, value): &(&'static str, &'static str)| {
            (http::HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(read).collect()
    }

    fn check_address(lines: &[&'static str], trusted_proxies: usize, expect: &str) {
        let pairs: Vec<_> = lines.iter().map(|line| (FORWARDED_FOR, *line)).collect();
        let found = address(&with(&pairs), Some([10, 0, 0, 1].into()), trusted_proxies);
        assert_eq!(found.map(|ip| ip.to_string()).as_deref(), Some(expect), "{lines:?}, {trusted_proxies} proxies");
    }

    #[test]
    fn the_address_is_the_one_that_the_outermost_trusted_proxy_saw() {
        let (client, lie, peer) = ("192.0.2.1", "203.0.113.9, 192.0.2.1", "10.0.0.1");
        check_address(&[client], 0, peer);
        check_address(&[client], 1, client);
        check_address(&[lie], 1, client);
        check_address(&["203.0.113.9", client], 1, client);
        check_address(&["203.0.113.9, 192.0.2.1 ,10.9.9.9"], 2, client);
        check_address(&["203.0.113.9, 192.0.2.1", "10.9.9.9"], 2, client);
        check_address(&["192.0.2.1:4711"], 1, client);
        check_address(&["2001:db8::1"], 1, "2001:db8::1");
        check_address(&["[2001:db8::1]"], 1, "2001:db8::1");
        check_address(&["[2001:db8::1]:4711"], 1, "2001:db8::1");
        // Nothing that can be read: whoever it is, it is counted as the peer.
        for lines in [&[][..], &[""], &["unknown"], &["192.0.2.1, "], &["192.0.2.1, _hidden"]] {
            check_address(lines, 1, peer);
        }
        check_address(&[client], 2, peer);
    }

    fn check_https(pairs: &[(&'static str, &'static str)], expect: bool) {
        assert_eq!(came_by_https(&with(pairs)), expect, "{pairs:?}");
    }

    #[test]
    fn https_is_what_the_browser_spoke_to_the_first_proxy() {
        check_https(&[], false);
        check_https(&[("x-forwarded-proto", "https")], true);
        check_https(&[("x-forwarded-proto", "HTTPS, http")], true);
        check_https(&[("x-forwarded-proto", "http, https")], false);
        check_https(&[("x-forwarded-ssl", "on")], true);
        check_https(&[("forwarded", "for=192.0.2.1; Proto=https, proto=http")], true);
        check_https(&[("forwarded", "for=192.0.2.1;proto=\"https\"")], true);
        check_https(&[("forwarded", "proto=http, proto=https")], false);
        check_https(&[("origin", "https://naptime.example"), ("host", "Naptime.example")], true);
        check_https(&[("origin", "https://evil.example"), ("host", "naptime.example")], false);
        check_https(&[("origin", "http://naptime.example")], false);
    }

    #[test]
    fn a_proxy_shows_by_its_headers() {
        let check = |pairs: &[(&'static str, &'static str)], version, expect| {
            assert_eq!(came_through_proxy(&with(pairs), version), expect, "{pairs:?} {version:?}");
        };
        check(&[("host", "localhost"), ("user-agent", "x"), ("origin", "http://localhost")], Version::HTTP_11, false);
        check(&[("host", "localhost")], Version::HTTP_10, true);
        for name in ["x-forwarded-for", "x-forwarded-host", "x-forwarded", "forwarded", "via", "x-real-ip"] {
            check(&[(name, "")], Version::HTTP_11, true);
        }
    }
}
