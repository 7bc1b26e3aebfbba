//! Callbacks: the URLs that subscribers want requests sent to. Anybody may name any URL, so callbacks are hostile until proven otherwise.
//!
//! # How are private networks protected?
//!
//! A URL with an IP address is checked when it is requested. A host name is checked when it is resolved for a connection, and the
//! connection goes to the address that was checked, so a name that resolves differently a moment later gains nothing.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use url::{Host, Url};

/// The longest callback URL, in bytes.
const MAX_CALLBACK_BYTES: usize = 2_048;
/// Lower ports belong to services of the system, except those of HTTP.
const FIRST_USER_PORT: u16 = 1_024;

/// A valid callback.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Callback {
    url: Arc<str>,
    host: Arc<str>,
}

impl Callback {
    /// Checks a callback. An IP address must be public or in one of the allowed networks.
    ///
    /// # Errors
    /// The reason for the subscriber.
    pub fn parse(written: &str, allowed: &[IpNet]) -> Result<Callback, String> {
        if written.len() > MAX_CALLBACK_BYTES {
            return Err(format!("hub.callback has more than {MAX_CALLBACK_BYTES} bytes"));
        }
        let url = Url::parse(written).map_err(|error| format!("hub.callback is not a URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("hub.callback is neither http nor https".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("hub.callback has a user name or password".to_owned());
        }
        if !url.port_or_known_default().is_some_and(|port| matches!(port, 80 | 443) || port >= FIRST_USER_PORT) {
            return Err("hub.callback has a port that isn't 80, 443 or above 1023".to_owned());
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) => None,
            None => return Err("hub.callback has no host".to_owned()),
        };
        if address.is_some_and(|address| !is_allowed(address, allowed)) {
            return Err("hub.callback has an address that isn't public".to_owned());
        }
        Ok(Callback { host: url.host_str().unwrap_or_default().into(), url: url.as_str().into() })
    }

    /// A callback that was valid when it was stored. Its address is checked again before each request.
    pub fn stored(url: &str) -> Option<Callback> {
        let host = Url::parse(url).ok()?.host_str()?.into();
        Some(Callback { host, url: url.into() })
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// The URL, shared.
    pub(super) fn key(&self) -> Arc<str> {
        Arc::clone(&self.url)
    }

    /// The host without the port.
    pub fn host(&self) -> &Arc<str> {
        &self.host
    }

    /// The URL with more parameters. Its own query stays as it is (WebSub, section 5.1.1).
    pub fn with_parameters(&self, parameters: &[(&str, &str)]) -> String {
        let Ok(mut url) = Url::parse(&self.url) else { return self.url.to_string() };
        url.query_pairs_mut().extend_pairs(parameters);
        url.into()
    }
}

impl fmt::Debug for Callback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

/// Whether the hub may connect to an address: it is public, or in one of the allowed networks.
pub fn is_allowed(address: IpAddr, allowed: &[IpNet]) -> bool {
    allowed.iter().any(|network| network.contains(&address))
        || match address {
            IpAddr::V4(address) => is_public_v4(address),
            IpAddr::V6(address) => is_public_v6(address),
        }
}

/// The addresses that aren't globally reachable (<https://www.iana.org/assignments/iana-ipv4-special-registry>).
const SPECIAL_V4: [([u8; 4], u32); 16] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    // Multicast, reserved and broadcast addresses.
    ([224, 0, 0, 0], 4),
    ([240, 0, 0, 0], 4),
    ([255, 255, 255, 255], 32),
];

/// The addresses within 2000::/3 that aren't globally reachable, or lead to IPv4 addresses
/// (<https://www.iana.org/assignments/iana-ipv6-special-registry>).
const SPECIAL_V6: [([u16; 8], u32); 4] = [
    // Protocol assignments: Teredo, benchmarking, ORCHID.
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    // 6to4.
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

fn is_public_v4(address: Ipv4Addr) -> bool {
    let is_in = |(network, bits): &([u8; 4], u32)| {
        (address.to_bits() ^ Ipv4Addr::from(*network).to_bits()).leading_zeros() >= *bits
    };
    !SPECIAL_V4.iter().any(is_in)
}

/// Only 2000::/3 is assigned to the internet. Mapped (::ffff:0:0/96) and translated (64:ff9b::/96) addresses are outside of it.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let is_in = |(network, bits): &([u16; 8], u32)| {
        (address.to_bits() ^ Ipv6Addr::from(*network).to_bits()).leading_zeros() >= *bits
    };
    is_in(&([0x2000, 0, 0, 0, 0, 0, 0, 0], 3)) && !SPECIAL_V6.iter().any(is_in)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_are_allowed() {
        for (address, expected) in [
            ("8.8.8.8", true),
            ("223.255.255.255", true),
            ("100.63.255.255", true),
            ("172.32.0.1", true),
            ("2606:4700::1111", true),
            ("2a00:1450:4001::1", true),
            ("0.0.0.0", false),
            ("0.1.2.3", false),
            ("10.1.2.3", false),
            ("100.64.0.1", false),
            ("100.127.255.255", false),
            ("127.0.0.1", false),
            ("169.254.169.254", false),
            ("172.16.0.1", false),
            ("172.31.255.255", false),
            ("192.0.0.9", false),
            ("192.0.2.1", false),
            ("192.88.99.1", false),
            ("192.168.0.1", false),
            ("198.18.0.1", false),
            ("198.19.255.255", false),
            ("198.51.100.1", false),
            ("203.0.113.1", false),
            ("224.0.0.1", false),
            ("240.0.0.1", false),
            ("255.255.255.255", false),
            ("::", false),
            ("::1", false),
            ("::127.0.0.1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:8.8.8.8", false),
            ("64:ff9b::7f00:1", false),
            ("64:ff9b:1::1", false),
            ("100::1", false),
            ("2001::1", false),
            ("2001:2::1", false),
            ("2001:10::1", false),
            ("2001:db8::1", false),
            ("2002:7f00:1::", false),
            ("2002:c000:204::", false),
            ("3fff::1", false),
            ("fc00::1", false),
            ("fd12::1", false),
            ("fe80::1", false),
            ("fec0::1", false),
            ("ff02::1", false),
        ] {
            assert_eq!(is_allowed(address.parse().expect(address), &[]), expected, "{address}");
        }
        let allowed = ["127.0.0.0/8".parse().expect("a network"), "fd00::/8".parse().expect("a network")];
        for (address, expected) in
            [("127.8.0.1", true), ("fd12::1", true), ("10.0.0.1", false), ("::ffff:127.0.0.1", false), ("::1", false)]
        {
            assert_eq!(is_allowed(address.parse().expect(address), &allowed), expected, "{address}");
        }
    }

    #[test]
    fn hostile_callbacks_are_refused() {
        for (url, host) in [
            ("https://reader.example/push?id=1", Some("reader.example")),
            ("http://reader.example:8080/", Some("reader.example")),
            ("https://reader.example:443/", Some("reader.example")),
            ("http://reader.example:80/", Some("reader.example")),
            ("https://READER.example/", Some("reader.example")),
            ("https://8.8.8.8/", Some("8.8.8.8")),
            ("http://[2606:4700::1111]:1024/", Some("[2606:4700::1111]")),
            ("", None),
            ("/push", None),
            ("file:///etc/passwd", None),
            ("ftp://reader.example/", None),
            ("gopher://reader.example/", None),
            ("javascript:alert(1)", None),
            ("https://user@reader.example/", None),
            ("https://user:secret@reader.example/", None),
            ("https://:secret@reader.example/", None),
            ("http://reader.example:22/", None),
            ("http://reader.example:1023/", None),
            ("http://reader.example:0/", None),
            ("http://127.0.0.1/", None),
            // Other spellings of the same address.
            ("http://2130706433/", None),
            ("http://0x7f.1/", None),
            ("http://0177.0.0.1/", None),
            ("http://127.1/", None),
            ("http://\u{ff11}27.0.0.1/", None),
            ("http://[::1]/", None),
            ("http://[::ffff:8.8.8.8]/", None),
            ("http://[64:ff9b::808:808]/", None),
            ("http:///", None),
        ] {
            let parsed = Callback::parse(url, &[]);
            assert_eq!(parsed.as_ref().ok().map(|callback| &**callback.host()), host, "{url}: {parsed:?}");
        }
        let long = format!("https://reader.example/{}", "x".repeat(MAX_CALLBACK_BYTES));
        assert!(Callback::parse(&long, &[]).is_err());
    }

    #[test]
    fn query_of_callback_is_preserved() {
        for (url, expected) in [
            ("https://r.example/p", "https://r.example/p?hub.mode=subscribe&hub.topic=http%3A%2F%2Fx%2F%3Fa%26b"),
            (
                "https://r.example/p?a=1&b=%2F+x",
                "https://r.example/p?a=1&b=%2F+x&hub.mode=subscribe&hub.topic=http%3A%2F%2Fx%2F%3Fa%26b",
            ),
            (
                "https://r.example/p?token",
                "https://r.example/p?token&hub.mode=subscribe&hub.topic=http%3A%2F%2Fx%2F%3Fa%26b",
            ),
        ] {
            let callback = Callback::parse(url, &[]).expect(url);
            assert_eq!(
                callback.with_parameters(&[("hub.mode", "subscribe"), ("hub.topic", "http://x/?a&b")]),
                expected
            );
        }
    }
}
