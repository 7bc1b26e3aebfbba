//! Adapts the configuration to a daemon that doesn't listen where `site.url` says, because of `--listen` or port 0.
//!
//! `site.url` is replaced only if it is a loopback URL of the configured listener. Any other URL belongs to a proxy or a public host, which
//! `--listen` doesn't affect.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use url::{Host, Url};

use super::addresses::Retirement;
use super::{Checked, Config, Endpoint, Server};
use crate::article::UrlTemplate;
use crate::types::WebUrl;

/// The addresses on which a daemon listens, and the configured ones.
#[derive(Clone, PartialEq, Debug)]
pub struct Relocation {
    /// The listeners without TLS.
    pub plain: Vec<Endpoint>,
    /// The listeners with TLS.
    pub secure: Vec<Endpoint>,
    /// The configured listeners at the start. They can't change without a restart.
    pub configured: Server,
}

impl Relocation {
    /// The configuration with dateline's own URLs replaced by URLs that reach this daemon, and without an output directory, because its
    /// documents differ from those of the configured daemon. `None` if `site.url` reaches this daemon already.
    pub fn relocated(&self, config: &Config) -> Option<Config> {
        let old = config.site.url.as_str();
        let mut url = Url::parse(old).ok()?;
        let is_secure = url.scheme() == "https";
        let bound = if is_secure { &self.secure } else { &self.plain };
        let configured = [&self.configured, &config.server].map(|server| match &server.tls {
            Some(tls) if is_secure => tls.listen.as_slice(),
            None if is_secure => &[],
            _ => server.listen.as_slice(),
        });
        let was_reached = configured.into_iter().flat_map(tcp).any(|address| leads_to(&url, address, true));
        if !config.site.url.is_loopback() || !was_reached || tcp(bound).any(|address| leads_to(&url, address, false)) {
            return None;
        }
        let address = tcp(bound).next()?;
        url.set_ip_host(reachable(address.ip())).ok()?;
        url.set_port(Some(address.port())).ok()?;
        let moved = |text: &str| text.strip_prefix(old).map(|rest| format!("{url}{rest}"));
        let move_url = |address: &mut WebUrl| {
            if let Some(Ok(new)) = moved(address.as_str()).map(|new| WebUrl::parse(&new)) {
                *address = new;
            }
        };
        let mut new = config.clone();
        let site = &mut new.site;
        [&mut site.url, &mut site.home].into_iter().chain(&mut site.logo).chain(&mut site.icon).for_each(move_url);
        new.sections.iter_mut().filter_map(|section| section.link.as_mut()).for_each(move_url);
        let feeds = new.sections.iter_mut().map(|section| &mut section.feeds).chain([&mut new.feeds]);
        feeds.filter_map(|feeds| feeds.podcast.as_mut()).for_each(|podcast| move_url(&mut podcast.image));
        for address in &mut new.addresses {
            if let Retirement::Moved(to) = &mut address.retirement {
                move_url(to);
            }
        }
        if let Some(template) = &mut new.content.article_url
            && let Some(Ok(moved)) = moved(template.as_str()).map(|moved| UrlTemplate::parse(&moved))
        {
            *template = moved;
        }
        Arc::make_mut(&mut new.parsing).home.iter_mut().for_each(move_url);
        new.output = None;
        new.is_relocated = true;
        Some(new)
    }

    /// Applies [`Relocation::relocated`] to the result of reading a configuration.
    #[must_use]
    pub fn of(&self, checked: Checked) -> Checked {
        let config = checked.config.map(|config| self.relocated(&config).map_or(config, Arc::new));
        Checked { config, ..checked }
    }
}

fn tcp(endpoints: &[Endpoint]) -> impl Iterator<Item = SocketAddr> {
    endpoints.iter().filter_map(|endpoint| match endpoint {
        Endpoint::Tcp(address) => Some(*address),
        Endpoint::Unix(_) => None,
    })
}

/// Whether a URL reaches a listener from this machine. With `may_choose`, port 0 matches any port.
fn leads_to(url: &Url, address: SocketAddr, may_choose: bool) -> bool {
    let is_port = url.port_or_known_default() == Some(address.port()) || (may_choose && address.port() == 0);
    let ip = address.ip();
    let is_host = match url.host() {
        Some(Host::Ipv4(host)) => ip == host || ip.is_unspecified(),
        Some(Host::Ipv6(host)) => ip == host || (ip.is_ipv6() && ip.is_unspecified()),
        Some(Host::Domain(_)) => ip.is_loopback() || ip.is_unspecified(),
        None => false,
    };
    is_port && is_host
}

/// A local address that reaches a listener. Unspecified addresses such as 0.0.0.0 can't be used in links.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    #[test]
    fn links_lead_to_bound_address_of_loopback_sites() {
        // `site.url`, `server.listen`, the bound address, the new `site.url`.
        for (url, listen, bound, new) in [
            ("http://127.0.0.1:8080/", "127.0.0.1:8080", "127.0.0.1:9", Some("http://127.0.0.1:9/")),
            ("http://127.0.0.1:8080/news/", "127.0.0.1:8080", "127.0.0.1:9", Some("http://127.0.0.1:9/news/")),
            ("http://localhost:8080/", "127.0.0.1:8080", "127.0.0.1:9", Some("http://127.0.0.1:9/")),
            ("http://localhost:8080/", "[::1]:8080", "[::1]:9", Some("http://[::1]:9/")),
            ("http://[::1]:8080/", "[::]:8080", "[::]:9", Some("http://[::1]:9/")),
            ("http://127.0.0.1:8080/", "0.0.0.0:8080", "0.0.0.0:9", Some("http://127.0.0.1:9/")),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080", "192.0.2.1:9", Some("http://192.0.2.1:9/")),
            ("http://127.0.0.1/", "127.0.0.1:80", "127.0.0.1:9", Some("http://127.0.0.1:9/")),
            ("http://127.0.0.1:8080/", "127.0.0.1:0", "127.0.0.1:9", Some("http://127.0.0.1:9/")),
            // The URL is already right.
            ("http://127.0.0.1:8080/", "127.0.0.1:8080", "127.0.0.1:8080", None),
            ("http://127.0.0.1:8080/", "127.0.0.1:8080", "0.0.0.0:8080", None),
            ("http://localhost:8080/", "127.0.0.1:8080", "[::1]:8080", None),
            ("http://127.0.0.1:9/", "127.0.0.1:0", "127.0.0.1:9", None),
            // The URL belongs to a proxy or a public host.
            ("http://127.0.0.1:80/", "127.0.0.1:8080", "127.0.0.1:9", None),
            ("http://127.0.0.2:8080/", "127.0.0.1:8080", "127.0.0.1:9", None),
            ("https://127.0.0.1:8080/", "127.0.0.1:8080", "127.0.0.1:9", None),
            ("http://courier.example:8080/", "127.0.0.1:8080", "127.0.0.1:9", None),
        ] {
            let text = format!(
                "[site]\ntitle = \"x\"\nurl = \"{url}\"\nlogo = \"{url}media/logo.png\"\ntag_authority = \"x.example,2026\"\n\
                 [server]\nlisten = \"{listen}\"\n[[moved]]\nfrom = \"/a/\"\nto = \"/b/\"\n"
            );
            let config = parse(Path::new("dateline.toml"), text.as_bytes()).config.expect(&text);
            let plain = vec![Endpoint::Tcp(bound.parse().expect(bound))];
            let relocation = Relocation { plain, secure: Vec::new(), configured: config.server.clone() };
            let relocated = relocation.relocated(&config);
            assert_eq!(relocated.as_ref().map(|config| config.site.url.as_str()), new, "{url} {listen} {bound}");
            let Some((relocated, new)) = relocated.zip(new) else { continue };
            assert_eq!(relocated.site.home.as_str(), new);
            assert_eq!(relocated.site.logo.as_ref().map(WebUrl::as_str), Some(&*format!("{new}media/logo.png")));
            assert_eq!(
                relocated.addresses[0].retirement,
                Retirement::Moved(WebUrl::parse(&format!("{new}b/")).expect("a URL"))
            );
            assert!(relocated.output.is_none() && relocated.origin() != config.origin());
        }
    }
}
