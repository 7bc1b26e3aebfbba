//! The client's address behind a proxy: the PROXY protocol at the start of a connection, and the fields `Forwarded` (RFC 7239) or
//! `X-Forwarded-For` of a request. Pure. Only proxies named in the configuration are trusted.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::HeaderMap;
use hyper::header::{FORWARDED, HeaderName, HeaderValue, VIA};

use crate::config::{ForwardedBy, Proxies};

/// Limits a PROXY header. Version 2 may carry certificate names.
pub const MAX_PROXY_HEADER_BYTES: usize = 4_096;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The result of parsing a PROXY header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProxyHeader {
    /// More bytes are needed.
    Incomplete,
    /// A complete header. `client` is `None` if the proxy connects for itself, as for a health check.
    Complete {
        /// The header's length in bytes.
        length: usize,
        /// The client's address.
        client: Option<IpAddr>,
    },
    /// The bytes are not a PROXY header.
    Invalid,
}

/// Parses a PROXY header, version 1 or 2 (<https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt>).
pub fn parse_proxy_header(bytes: &[u8]) -> ProxyHeader {
    let could_be = |whole: &[u8]| whole.iter().zip(bytes).all(|(wanted, byte)| wanted == byte);
    if could_be(SIGNATURE) {
        return parse_v2(bytes);
    }
    if could_be(b"PROXY ") {
        return parse_v1(bytes);
    }
    ProxyHeader::Invalid
}

/// Parses version 1: a line of text.
fn parse_v1(bytes: &[u8]) -> ProxyHeader {
    /// Includes the line end.
    const MAX_V1_BYTES: usize = 107;
    let Some(end) = bytes.windows(2).take(MAX_V1_BYTES).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < MAX_V1_BYTES { ProxyHeader::Incomplete } else { ProxyHeader::Invalid };
    };
    let line = bytes.get(..end).and_then(|line| std::str::from_utf8(line).ok()).unwrap_or_default();
    let length = end + 2;
    let mut words = line.split(' ');
    match (words.nth(1), words.next()) {
        (Some("UNKNOWN"), _) => ProxyHeader::Complete { length, client: None },
        (Some("TCP4" | "TCP6"), Some(source)) => match source.parse() {
            Ok(client) => ProxyHeader::Complete { length, client: Some(client) },
            Err(_) => ProxyHeader::Invalid,
        },
        _ => ProxyHeader::Invalid,
    }
}

/// Parses version 2: binary.
fn parse_v2(bytes: &[u8]) -> ProxyHeader {
    let Some((&[.., command, family, high, low], addresses)) = bytes.split_first_chunk::<16>() else {
        return ProxyHeader::Incomplete;
    };
    let size = usize::from(u16::from_be_bytes([high, low]));
    let length = size + 16;
    if command >> 4 != 2 || length > MAX_PROXY_HEADER_BYTES {
        return ProxyHeader::Invalid;
    }
    let Some(addresses) = addresses.get(..size) else { return ProxyHeader::Incomplete };
    let client = match (command & 0xf, family >> 4) {
        // LOCAL: a connection of the proxy itself.
        (0, _) => return ProxyHeader::Complete { length, client: None },
        (1, 1) => addresses.first_chunk::<4>().filter(|_| size >= 12).map(|ip| IpAddr::V4(Ipv4Addr::from(*ip))),
        (1, 2) => addresses.first_chunk::<16>().filter(|_| size >= 36).map(|ip| IpAddr::V6(Ipv6Addr::from(*ip))),
        // An unspecified family or a Unix socket: the client is unknown.
        (1, 0 | 3) => return ProxyHeader::Complete { length, client: None },
        _ => None,
    };
    client.map_or(ProxyHeader::Invalid, |client| ProxyHeader::Complete { length, client: Some(client) })
}

/// The client's address: the last hop that isn't a trusted proxy. Anything before it may be forged.
pub fn client(headers: &HeaderMap, peer: Option<IpAddr>, proxies: &Proxies) -> Option<IpAddr> {
    if !proxies.include(peer) {
        return peer;
    }
    let hops: Vec<Option<IpAddr>> = match proxies.field {
        ForwardedBy::Forwarded => list_members(headers, &FORWARDED).map(parse_forwarded_for).collect(),
        ForwardedBy::XForwardedFor => list_members(headers, &X_FORWARDED_FOR).map(parse_address).collect(),
    };
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        // An obfuscated identifier. The trusted hop after it is the last known address.
        let Some(hop) = hop else { break };
        client = Some(hop);
        if !proxies.include(Some(hop)) {
            break;
        }
    }
    client
}

/// Whether no unknown proxy forwarded the request. Many clients may share such a proxy.
pub fn is_direct(headers: &HeaderMap, peer: Option<IpAddr>, proxies: &Proxies) -> bool {
    proxies.include(peer) || ![&VIA, &FORWARDED, &X_FORWARDED_FOR].into_iter().any(|name| headers.contains_key(name))
}

/// The members of a list field over all its lines. Quoted addresses contain no commas.
fn list_members<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).iter().map(HeaderValue::to_str);
    lines.flat_map(|line| line.unwrap_or_default().split(',')).map(str::trim).filter(|member| !member.is_empty())
}

/// Parses the `for` parameter of a Forwarded element (RFC 7239, section 5.2).
fn parse_forwarded_for(element: &str) -> Option<IpAddr> {
    let value = element.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case("for").then(|| value.trim())
    })?;
    parse_address(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

/// Parses an address with or without a port, IPv6 with or without brackets.
fn parse_address(text: &str) -> Option<IpAddr> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let host = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']')?;
            (port.is_empty() || is_port(port.strip_prefix(':')?)).then_some(host)?
        }
        None => text.split_once(':').filter(|(_, port)| is_port(port))?.0,
    };
    host.parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn is_port(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn proxy_headers_are_parsed() {
        let of = |length, client| ProxyHeader::Complete { length, client: ip(client) };
        let v2 = |command: u8, family: u8, rest: &[u8]| {
            let size = u16::try_from(rest.len()).unwrap().to_be_bytes();
            [SIGNATURE, &[command, family][..], &size, rest].concat()
        };
        let four = [192, 0, 2, 1, 198, 51, 100, 1, 1, 187, 0, 80];
        let six: Vec<u8> = ip("2001:db8::1")
            .into_iter()
            .flat_map(|ip| match ip {
                IpAddr::V6(ip) => ip.octets(),
                IpAddr::V4(_) => panic!("six"),
            })
            .chain([0; 20])
            .collect();
        for (bytes, expected) in [
            (b"PROXY TCP4 192.0.2.1 198.51.100.1 443 80\r\nGET".to_vec(), of(42, "192.0.2.1")),
            (b"PROXY TCP6 2001:db8::1 ::1 443 80\r\n".to_vec(), of(35, "2001:db8::1")),
            (b"PROXY UNKNOWN\r\n".to_vec(), of(15, "")),
            (b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n".to_vec(), of(35, "")),
            (b"PROXY TCP4 192.0.2.1".to_vec(), ProxyHeader::Incomplete),
            (b"PRO".to_vec(), ProxyHeader::Incomplete),
            (Vec::new(), ProxyHeader::Incomplete),
            (b"GET / HTTP/1.1\r\n".to_vec(), ProxyHeader::Invalid),
            (b"PROXY TCP4 here there 1 2\r\n".to_vec(), ProxyHeader::Invalid),
            (b"PROXY TCP5 192.0.2.1 192.0.2.1 1 2\r\n".to_vec(), ProxyHeader::Invalid),
            ([b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat(), ProxyHeader::Invalid),
            (v2(0x21, 0x11, &four), of(28, "192.0.2.1")),
            (v2(0x21, 0x21, &six), of(52, "2001:db8::1")),
            (v2(0x21, 0x11, &[&four[..], b"\x03\x00\x04abcd"].concat()), of(35, "192.0.2.1")),
            (v2(0x20, 0x00, &[]), of(16, "")),
            (v2(0x21, 0x31, &[0; 216]), of(232, "")),
            (v2(0x21, 0x11, &four[..4]), ProxyHeader::Invalid),
            (v2(0x22, 0x11, &four), ProxyHeader::Invalid),
            (v2(0x11, 0x11, &four), ProxyHeader::Invalid),
            (v2(0x21, 0x11, &four)[..20].to_vec(), ProxyHeader::Incomplete),
            (v2(0x21, 0x11, &[0; 5_000]), ProxyHeader::Invalid),
            (SIGNATURE[..5].to_vec(), ProxyHeader::Incomplete),
        ] {
            assert_eq!(parse_proxy_header(&bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn client_is_last_untrusted_hop() {
        let proxies = Proxies {
            networks: ["10.0.0.0/8", "fd00::/8"].map(|network| network.parse().unwrap()).into(),
            unix: true,
            ..Proxies::default()
        };
        let (xff, forwarded) = ("x-forwarded-for", "forwarded");
        for (peer, fields, expected) in [
            ("10.0.0.1", &[][..], "10.0.0.1"),
            ("10.0.0.1", &[(xff, "203.0.113.7")], "203.0.113.7"),
            ("::ffff:10.0.0.1", &[(xff, "203.0.113.7")], "203.0.113.7"),
            ("203.0.113.1", &[(xff, "198.51.100.1")], "203.0.113.1"),
            ("", &[(xff, "203.0.113.7")], "203.0.113.7"),
            ("10.0.0.1", &[(xff, "127.0.0.1, 203.0.113.7, 10.2.3.4")], "203.0.113.7"),
            ("10.0.0.1", &[(xff, "127.0.0.1"), (xff, "203.0.113.7,10.2.3.4")], "203.0.113.7"),
            ("10.0.0.1", &[(xff, "10.0.0.3, 10.0.0.2")], "10.0.0.3"),
            ("10.0.0.1", &[(xff, "203.0.113.7:4711")], "203.0.113.7"),
            ("10.0.0.1", &[(xff, "[2001:db8::7]:4711")], "2001:db8::7"),
            ("10.0.0.1", &[(xff, "2001:db8::7")], "2001:db8::7"),
            ("10.0.0.1", &[(xff, "203.0.113.7, unknown")], "10.0.0.1"),
            ("10.0.0.1", &[(xff, "203.0.113.7, _hidden, 10.0.0.9")], "10.0.0.9"),
            ("10.0.0.1", &[(forwarded, "for=203.0.113.7")], "203.0.113.7"),
            ("10.0.0.1", &[(forwarded, "proto=https; For=\"[2001:db8::7]:80\";by=10.0.0.1")], "2001:db8::7"),
            ("10.0.0.1", &[(forwarded, "for=127.0.0.1, for=203.0.113.7, for=10.0.0.2")], "203.0.113.7"),
            ("10.0.0.1", &[(forwarded, "for=_secret")], "10.0.0.1"),
            // Most proxies forward the other field unchanged.
            ("10.0.0.1", &[(xff, "203.0.113.7"), (forwarded, "for=127.0.0.1")], "203.0.113.7"),
            ("10.0.0.1", &[(forwarded, "by=x")], "10.0.0.1"),
            ("fd00::1", &[(xff, "::ffff:203.0.113.7")], "203.0.113.7"),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            let field = match fields.first() {
                Some((name, _)) if *name == forwarded => ForwardedBy::Forwarded,
                _ => ForwardedBy::XForwardedFor,
            };
            let proxies = Proxies { field, ..proxies.clone() };
            assert_eq!(client(&headers, ip(peer), &proxies), ip(expected), "{peer} {fields:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_proxy_headers_never_fail(bytes in prop::collection::vec(any::<u8>(), 0..300), line in ".{0,60}") {
            parse_proxy_header(&bytes);
            let text = parse_proxy_header(&[b"PROXY ", &bytes[..]].concat());
            let binary = parse_proxy_header(&[SIGNATURE, &bytes[..]].concat());
            for parsed in [text, binary] {
                if let ProxyHeader::Complete { length, .. } = parsed {
                    prop_assert!(length <= MAX_PROXY_HEADER_BYTES);
                }
            }
            parse_address(&line);
            parse_forwarded_for(&line);
        }
    }
}
