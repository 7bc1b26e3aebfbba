//! `[server]` and `[admin]`: listeners, proxies, access log and limits.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::raw::{At, Sink, Table};
use super::values::{choice, resolve_path};
use crate::diagnostics::Code;

/// `[server]` and `[admin]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Server {
    /// Listeners without TLS.
    pub listen: Vec<Endpoint>,
    /// Listeners with TLS, and their certificate.
    pub tls: Option<Tls>,
    /// Whether clients may use HTTP/2 without TLS, with prior knowledge (RFC 9113, section 3.3).
    pub http2: bool,
    /// The proxies that are trusted to state the address of their clients.
    pub proxies: Proxies,
    /// The access log.
    pub access_log: Option<AccessLog>,
    /// How often a client may fetch an unchanged feed.
    pub budget: Budget,
    /// The maximum number of connections.
    pub max_connections: usize,
    /// The memory budget for documents (bytes).
    pub memory: usize,
    /// The admin listener.
    pub admin: Admin,
}

/// `[admin]`
#[derive(Clone, PartialEq, Debug)]
pub struct Admin {
    /// The listeners. None if empty.
    pub listen: Vec<Endpoint>,
    /// Whether the configuration states `listen`. If the default address is in use, that isn't an error.
    pub is_stated: bool,
    /// Host names of the admin listener, besides `localhost` and IP addresses. In lower case, without a port.
    pub hosts: Vec<String>,
}

/// An address to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// Parses an IP address and a port, a port alone (loopback), a colon and a port (all addresses), or `unix:` and a path relative to
    /// `folder`.
    ///
    /// # Errors
    /// Why the text is none of these.
    pub fn parse(named: &str, folder: &Path) -> Result<Endpoint, String> {
        if let Some(path) = named.strip_prefix("unix:") {
            // The size of `sun_path` on Linux without the final NUL (unix(7)).
            const MAX_SOCKET_PATH_BYTES: usize = 107;
            let path = resolve_path(folder, path);
            let length = path.as_os_str().len();
            return match path.file_name() {
                Some(_) if length <= MAX_SOCKET_PATH_BYTES && !named.contains('\0') => Ok(Endpoint::Unix(path)),
                Some(_) => {
                    Err(format!("the path of a socket has at most {MAX_SOCKET_PATH_BYTES} bytes, this one {length}"))
                }
                None => Err("a socket needs a path".to_owned()),
            };
        }
        let port = |host: Ipv4Addr, port: &str| port.parse().ok().map(|port: u16| SocketAddr::from((host, port)));
        let address = match named.rsplit_once(':') {
            Some(("localhost", number)) => port(Ipv4Addr::LOCALHOST, number),
            Some(("", number)) => port(Ipv4Addr::UNSPECIFIED, number),
            Some(_) => named.parse().ok(),
            None => port(Ipv4Addr::LOCALHOST, named),
        };
        address.map(Endpoint::Tcp).ok_or_else(|| format!("`{}` is not an address and a port", named.escape_debug()))
    }

    /// Whether only this machine can connect.
    pub fn is_local(&self) -> bool {
        match self {
            Endpoint::Tcp(address) => address.ip().is_loopback(),
            Endpoint::Unix(_) => true,
        }
    }
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Endpoint::Tcp(address) => address.fmt(f),
            Endpoint::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// `[server.tls]`
#[derive(Clone, PartialEq, Debug)]
pub struct Tls {
    /// The listeners.
    pub listen: Vec<Endpoint>,
    /// The certificate chain in PEM, the server's own first.
    pub certificate: PathBuf,
    /// The private key in PEM.
    pub key: PathBuf,
}

/// The proxies that forward requests.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Proxies {
    /// Their networks.
    pub networks: Vec<IpNet>,
    /// Whether connections over Unix sockets come from a proxy.
    pub unix: bool,
    /// Whether they start each connection with a PROXY protocol header.
    pub protocol: bool,
    /// The header field they write. The other field may come from clients, so it isn't trusted.
    pub field: ForwardedBy,
}

/// The header field in which proxies state the client's address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

impl Proxies {
    /// Whether a peer is a proxy. `None` is a Unix socket.
    pub fn include(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(self.unix, |peer| self.networks.iter().any(|network| network.contains(&peer.to_canonical())))
    }
}

/// `[server.access_log]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessLog {
    /// The log file. Reopened on SIGHUP, and when another file appears at its path.
    pub file: PathBuf,
    /// The format of a line.
    pub format: LogFormat,
}

/// The format of a line in the access log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// The Combined Log Format of Apache and nginx.
    Combined,
    /// A JSON object.
    Json,
}

/// `[server.budget]`: how often a client may fetch the same unchanged feed without a conditional request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Times per hour. 0 means no limit.
    pub per_hour: u32,
    /// Substrings of User-Agent fields that are exempt.
    pub exempt: Vec<String>,
}

const DEFAULT_PORT: u16 = 8080;
const DEFAULT_ADMIN_PORT: u16 = 8081;
const DEFAULT_MEMORY_BYTES: usize = 256_000_000;

/// Reads `[server]` and `[admin]`. Also returns the span of `server.listen`.
pub(super) fn validate(
    server: &mut Table<'_>,
    admin: &mut Table<'_>,
    sink: &mut Sink<'_>,
    folder: &Path,
) -> (Option<Server>, At<()>) {
    let listen = listen(server, sink, folder);
    let listen_span = At { value: (), span: listen.as_ref().map_or(server.span.clone(), |listen| listen.span.clone()) };
    let loopback = |port| vec![Endpoint::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))];
    let is_stated = admin.has("listen");
    let admin_listen = self::listen(admin, sink, folder);
    for exposed in admin_listen.iter().flat_map(|listen| &listen.value).filter(|(endpoint, _)| !endpoint.is_local()) {
        let message = format!("`admin.listen` is {}, which other machines may reach", exposed.0);
        let help = "its pages show file names and problems: listen on 127.0.0.1, or put it behind a firewall";
        sink.report(Code::ConfigExposed, &exposed.1, message, help);
    }
    let hosts = hosts(admin, sink);
    let endpoints = |listen: Option<At<Vec<(Endpoint, _)>>>, is_stated: bool, port| match listen {
        Some(listen) => Some(listen.value.into_iter().map(|(endpoint, _)| endpoint).collect()),
        None => (!is_stated).then(|| loopback(port)),
    };
    let listen = endpoints(listen, server.has("listen"), DEFAULT_PORT);
    let admin = endpoints(admin_listen, is_stated, DEFAULT_ADMIN_PORT);
    let has_tls = server.has("tls");
    let tls = has_tls.then(|| tls(server, sink, folder)).flatten();
    let http2 = server.boolean(sink, "http2").unwrap_or(false);
    let proxies = proxies(server, sink);
    let access_log = access_log(server, sink, folder);
    let budget = budget(server, sink);
    let max_connections = server.number(sink, "max_connections", 1..=1_000_000).and_then(|most| most.try_into().ok());
    let memory = server.number(sink, "memory", 0..=1 << 40).and_then(|bytes| bytes.try_into().ok());
    let server = match (listen, admin) {
        (Some(listen), Some(admin)) if tls.is_some() || !has_tls => Some(Server {
            listen,
            tls,
            http2,
            proxies,
            access_log,
            budget,
            max_connections: max_connections.unwrap_or(20_000),
            memory: memory.unwrap_or(DEFAULT_MEMORY_BYTES),
            admin: Admin { listen: admin, is_stated, hosts },
        }),
        _ => None,
    };
    (server, listen_span)
}

/// Listeners with their spans.
type Listen<S> = At<Vec<(Endpoint, S)>>;

/// Reads `listen`: one address or a list.
fn listen(table: &mut Table<'_>, sink: &mut Sink<'_>, folder: &Path) -> Option<Listen<std::ops::Range<usize>>> {
    let written = table.text_or_texts(sink, "listen")?;
    let mut endpoints = Vec::new();
    for item in &written.value {
        if let Some(endpoint) = endpoint(sink, item, folder) {
            endpoints.push((endpoint, item.span.clone()));
        }
    }
    (endpoints.len() == written.value.len()).then_some(At { value: endpoints, span: written.span })
}

fn endpoint(sink: &mut Sink<'_>, written: &At<String>, folder: &Path) -> Option<Endpoint> {
    let help = "write one such as `127.0.0.1:8080`, `0.0.0.0:80`, `[::]:80` or `unix:/run/dateline/http`";
    sink.check(Code::ConfigListen, &written.span, Endpoint::parse(&written.value, folder), help)
}

/// Reads `admin.hosts`: names without scheme, port or path.
fn hosts(admin: &mut Table<'_>, sink: &mut Sink<'_>) -> Vec<String> {
    let written = admin.texts(sink, "hosts").into_iter().flat_map(|hosts| hosts.value);
    let host = |written: At<String>| {
        let name = written.value.strip_suffix('.').unwrap_or(&written.value).to_ascii_lowercase();
        let is_label = |label: &str| {
            !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let checked = match name.split('.').all(is_label) {
            true => Ok(name),
            false => Err(format!("`{}` is not the name of a host", written.value.escape_debug())),
        };
        let help = "write a name alone, without scheme, port and path, such as `prometheus.internal`";
        sink.check(Code::ConfigListen, &written.span, checked, help)
    };
    written.filter_map(host).collect()
}

fn tls(server: &mut Table<'_>, sink: &mut Sink<'_>, folder: &Path) -> Option<Tls> {
    let mut table = server.table(sink, "tls");
    let listen = listen(&mut table, sink, folder);
    let mut file = |key| {
        let written = table.text(sink, key);
        if written.is_none() && !table.has(key) {
            let message = format!("[server.tls] has no `{key}`");
            let help = "write the paths of a PEM file with the chain of certificates, and of one with its private key";
            sink.report(Code::ConfigMissing, &table.span, message, help);
        }
        written.map(|path| resolve_path(folder, &path.value))
    };
    let certificate = file("certificate");
    let key = file("key");
    if !table.has("listen") {
        let help = "write the address for TLS connections: `listen = \"0.0.0.0:443\"`";
        sink.report(Code::ConfigMissing, &table.span, "[server.tls] has no `listen`", help);
    }
    if let Some(listen) = listen.as_ref().filter(|listen| listen.value.is_empty()) {
        let help = "write the address for TLS connections: `listen = \"0.0.0.0:443\"`";
        sink.report(Code::ConfigListen, &listen.span, "[server.tls] listens nowhere", help);
    }
    table.finish(sink);
    let listen = listen?.value.into_iter().map(|(endpoint, _)| endpoint).collect();
    Some(Tls { listen, certificate: certificate?, key: key? })
}

fn proxies(server: &mut Table<'_>, sink: &mut Sink<'_>) -> Proxies {
    let mut proxies =
        Proxies { protocol: server.boolean(sink, "proxy_protocol").unwrap_or(false), ..Proxies::default() };
    let fields = [("x-forwarded-for", ForwardedBy::XForwardedFor), ("forwarded", ForwardedBy::Forwarded)];
    if let Some(word) = server.text(sink, "forwarded_by") {
        proxies.field = choice(sink, Code::ConfigChoice, &word, &fields).unwrap_or_default();
    }
    let server_span = server.span.clone();
    for written in server.texts(sink, "proxies").into_iter().flat_map(|proxies| proxies.value) {
        let text = written.value.as_str();
        if text == "unix" {
            proxies.unix = true;
            continue;
        }
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        let network = network.map_err(|_| format!("`{}` is not an address or a network", text.escape_debug()));
        let help = "write one such as `127.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`, or `unix` for Unix sockets";
        proxies.networks.extend(sink.check(Code::ConfigProxy, &written.span, network, help));
    }
    if proxies.protocol && proxies.networks.is_empty() && !proxies.unix {
        let help = "write in `proxies` which addresses send the header of the PROXY protocol";
        sink.report(Code::ConfigProxy, &server_span, "`proxy_protocol` is true, but there are no `proxies`", help);
    }
    proxies
}

fn access_log(server: &mut Table<'_>, sink: &mut Sink<'_>, folder: &Path) -> Option<AccessLog> {
    if !server.has("access_log") {
        return None;
    }
    if let Some(file) = server.as_text("access_log") {
        let message = "`access_log` is a table with the path of the file in `file`";
        let help = format!("write `[server.access_log]` on a line of its own and below it `file = {file:?}`");
        let span = server.known_span("access_log");
        sink.report(Code::ConfigType, &span, message, help);
        return None;
    }
    let mut table = server.table(sink, "access_log");
    let formats = [("combined", LogFormat::Combined), ("json", LogFormat::Json)];
    let format = table.text(sink, "format").and_then(|word| choice(sink, Code::ConfigChoice, &word, &formats));
    let file = table.text(sink, "file").map(|file| resolve_path(folder, &file.value));
    if file.is_none() && !table.has("file") {
        let help = "write the path of the file that requests are logged in, or leave the table out";
        sink.report(Code::ConfigMissing, &table.span, "[server.access_log] has no `file`", help);
    }
    table.finish(sink);
    Some(AccessLog { file: file?, format: format.unwrap_or(LogFormat::Combined) })
}

fn budget(server: &mut Table<'_>, sink: &mut Sink<'_>) -> Budget {
    let mut table = server.table(sink, "budget");
    let per_hour = table.number(sink, "per_hour", 0..=3_600).and_then(|times| u32::try_from(times).ok());
    let exempt = table.texts(sink, "exempt").into_iter().flat_map(|exempt| exempt.value);
    let exempt = exempt.map(|name| name.value).filter(|name| !name.is_empty()).collect();
    table.finish(sink);
    Budget { per_hour: per_hour.unwrap_or(12), exempt }
}
