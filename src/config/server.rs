//! `[server]` and `[admin]`: where to listen, for whom, and how much each client may take.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use super::raw::{At, Sink, Table};
use super::validate::{choice, joined};
use crate::diagnostics::Code;

/// `[server]` and `[admin]`.
#[derive(Clone, PartialEq, Debug)]
pub struct Server {
    /// Where to listen without TLS.
    pub listen: Vec<Endpoint>,
    /// Where to listen with TLS, and as whom.
    pub tls: Option<Tls>,
    /// Whether HTTP/2 is spoken in clear text with clients that begin with it (RFC 9113, section 3.3).
    pub http2: bool,
    /// Whose word counts about where a request came from.
    pub proxies: Proxies,
    /// Where requests are logged.
    pub access_log: Option<AccessLog>,
    /// How often a client may take what it has already.
    pub budget: Budget,
    /// The most connections at a time.
    pub max_connections: usize,
    /// How many bytes of documents are kept in memory.
    pub memory: usize,
    /// Where operators look.
    pub admin: Admin,
}

/// `[admin]`
#[derive(Clone, PartialEq, Debug)]
pub struct Admin {
    /// Where to listen; nowhere if empty.
    pub listen: Vec<Endpoint>,
    /// Whether that is what the operator wrote: what is only the default may be taken by another daemon.
    pub stated: bool,
    /// Names by which operators reach it, besides `localhost` and addresses; in lower case and without a port.
    pub hosts: Vec<String>,
}

/// Something to listen on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Endpoint {
    /// An address and a port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// An address and a port, a port alone (of this machine only), a port after a colon (of all addresses), or `unix:` and a path, which
    /// is relative to a folder.
    ///
    /// # Errors
    /// Why it is none of these.
    pub fn parse(named: &str, folder: &Path) -> Result<Endpoint, String> {
        if let Some(path) = named.strip_prefix("unix:") {
            // The most that a socket's address takes on Linux, its last NUL left out.
            const LONGEST: usize = 107;
            let path = joined(folder, path);
            let length = path.as_os_str().len();
            return match path.file_name() {
                Some(_) if length <= LONGEST && !named.contains('\0') => Ok(Endpoint::Unix(path)),
                Some(_) => Err(format!("the path of a socket has at most {LONGEST} bytes, this one {length}")),
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

    /// Whether only this machine reaches it.
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
    /// Where to listen.
    pub listen: Vec<Endpoint>,
    /// A chain of certificates in PEM, the server's own first.
    pub certificate: PathBuf,
    /// Its private key in PEM.
    pub key: PathBuf,
}

/// The clients that pass on requests of others.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Proxies {
    /// Their addresses.
    pub networks: Vec<IpNet>,
    /// Whether whatever comes over a Unix socket is one.
    pub unix: bool,
    /// Whether they begin each connection with a header of the PROXY protocol.
    pub protocol: bool,
    /// Which field they write. The other one is what their client says.
    pub field: ForwardedBy,
}

/// The field in which proxies say whose request they pass on.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ForwardedBy {
    /// `X-Forwarded-For`
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239)
    Forwarded,
}

impl Proxies {
    /// Whether a client is one; `None` came over a Unix socket.
    pub fn include(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(self.unix, |peer| self.networks.iter().any(|network| network.contains(&peer.to_canonical())))
    }
}

/// `[server.access_log]`
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AccessLog {
    /// The file. It is opened again on SIGHUP, and when something else is at its path.
    pub file: PathBuf,
    /// A line of it.
    pub format: LogFormat,
}

/// What a line of the access log looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LogFormat {
    /// The Combined Log Format of Apache and nginx.
    Combined,
    /// A JSON object.
    Json,
}

/// `[server.budget]`: how often one client may take the same unchanged feed whole, without asking whether it changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Budget {
    /// Times an hour; 0: as often as it likes.
    pub per_hour: u32,
    /// Parts of User-Agent fields of whom it does not count for.
    pub exempt: Vec<String>,
}

const DEFAULT_PORT: u16 = 8080;
const DEFAULT_ADMIN_PORT: u16 = 8081;
const DEFAULT_MEMORY: usize = 256_000_000;

/// Reads `[server]` and `[admin]`. The second value is where `server.listen` stands.
pub(super) fn validate(
    server: &mut Table<'_>,
    admin: &mut Table<'_>,
    sink: &mut Sink<'_>,
    folder: &Path,
) -> (Option<Server>, At<()>) {
    let listen = listen(server, sink, folder);
    let place = At { value: (), span: listen.as_ref().map_or(server.span.clone(), |listen| listen.span.clone()) };
    let local = |port| vec![Endpoint::Tcp(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))];
    let stated = admin.has("listen");
    let admin_listen = self::listen(admin, sink, folder);
    for exposed in admin_listen.iter().flat_map(|listen| &listen.value).filter(|(endpoint, _)| !endpoint.is_local()) {
        let message = format!("`admin.listen` is {}, which others than this machine may reach", exposed.0);
        let help =
            "it tells file names and what is wrong: listen on 127.0.0.1, or see to it that a firewall stands before it";
        sink.report(Code::ConfigExposed, &exposed.1, message, help);
    }
    let hosts = hosts(admin, sink);
    let endpoints = |listen: Option<At<Vec<(Endpoint, _)>>>, stated: bool, port| match listen {
        Some(listen) => Some(listen.value.into_iter().map(|(endpoint, _)| endpoint).collect()),
        None => (!stated).then(|| local(port)),
    };
    let listen = endpoints(listen, server.has("listen"), DEFAULT_PORT);
    let admin = endpoints(admin_listen, stated, DEFAULT_ADMIN_PORT);
    let had_tls = server.has("tls");
    let tls = had_tls.then(|| tls(server, sink, folder)).flatten();
    let http2 = server.boolean(sink, "http2").unwrap_or(false);
    let proxies = proxies(server, sink);
    let access_log = access_log(server, sink, folder);
    let budget = budget(server, sink);
    let max_connections = server.number(sink, "max_connections", 1..=1_000_000).and_then(|most| most.try_into().ok());
    let memory = server.number(sink, "memory", 0..=1 << 40).and_then(|bytes| bytes.try_into().ok());
    let server = match (listen, admin) {
        (Some(listen), Some(admin)) if tls.is_some() || !had_tls => Some(Server {
            listen,
            tls,
            http2,
            proxies,
            access_log,
            budget,
            max_connections: max_connections.unwrap_or(20_000),
            memory: memory.unwrap_or(DEFAULT_MEMORY),
            admin: Admin { listen: admin, stated, hosts },
        }),
        _ => None,
    };
    (server, place)
}

/// Endpoints, each with where it stands.
type Listen<S> = At<Vec<(Endpoint, S)>>;

/// `listen`: one endpoint, or a list.
fn listen(table: &mut Table<'_>, sink: &mut Sink<'_>, folder: &Path) -> Option<Listen<std::ops::Range<usize>>> {
    let written = table.text_or_texts(sink, "listen")?;
    let mut endpoints = Vec::new();
    for one in &written.value {
        if let Some(endpoint) = endpoint(sink, one, folder) {
            endpoints.push((endpoint, one.span.clone()));
        }
    }
    (endpoints.len() == written.value.len()).then_some(At { value: endpoints, span: written.span })
}

fn endpoint(sink: &mut Sink<'_>, written: &At<String>, folder: &Path) -> Option<Endpoint> {
    let help = "write one such as `127.0.0.1:8080`, `0.0.0.0:80`, `[::]:80` or `unix:/run/dateline/http`";
    sink.check(Code::ConfigListen, &written.span, Endpoint::parse(&written.value, folder), help)
}

/// `admin.hosts`: names without a scheme, port or path.
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
        written.map(|path| joined(folder, &path.value))
    };
    let certificate = file("certificate");
    let key = file("key");
    if !table.has("listen") {
        let help = "write where TLS is spoken: `listen = \"0.0.0.0:443\"`";
        sink.report(Code::ConfigMissing, &table.span, "[server.tls] has no `listen`", help);
    }
    if let Some(listen) = listen.as_ref().filter(|listen| listen.value.is_empty()) {
        let help = "write where TLS is spoken: `listen = \"0.0.0.0:443\"`";
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
    let told = server.span.clone();
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
        let help = "name in `proxies` who begins connections with a header of the PROXY protocol";
        sink.report(Code::ConfigProxy, &told, "`proxy_protocol` is true, but there are no `proxies`", help);
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
    let file = table.text(sink, "file").map(|file| joined(folder, &file.value));
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
