//! Opens listeners (or takes those that systemd bound), the certificate and the access log, and limits connections to the available file
//! descriptors.

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::time::Duration;

use listenfd::ListenFd;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::clock::Clock;
use crate::config::{Config, Endpoint, Relocation, Server};
use crate::metrics::Metrics;
use crate::serve::{AccessLog, Audience, Budgets, Listener, ServeOptions, Tls};
use crate::websub::MAX_RUNNING_REQUESTS;

/// File descriptors that are reserved for the state, articles, feeds and logs. At most a quarter of all is reserved.
const RESERVED_DESCRIPTORS: usize = 256;
/// The interval at which the certificate file is checked for renewal.
const CERTIFICATE_CHECK_INTERVAL: Duration = Duration::from_secs(60);

/// The open listeners, and what belongs to them.
#[derive(Debug)]
pub struct Listeners {
    /// The bound listeners.
    pub listeners: Vec<Listener>,
    /// The certificate and the access log.
    pub renewal: Renewal,
    /// The metrics of the daemon.
    pub metrics: Arc<Metrics>,
    /// The addresses that dateline listens on, if links may have to lead there. `None` for sockets from systemd:
    /// whoever configured those also configured the links.
    pub relocation: Option<Relocation>,
}

/// The files that can be reopened while the daemon runs: the certificate and the access log.
#[derive(Clone, Debug, Default)]
pub struct Renewal {
    tls: Option<Arc<Tls>>,
    access_log: Option<Arc<AccessLog>>,
}

/// The command line's replacements for configured addresses.
#[derive(Clone, Debug, Default)]
pub struct CliOverrides {
    /// Replaces `server.listen`.
    pub listen: Option<Endpoint>,
    /// Replaces `admin.listen`.
    pub admin: Option<Endpoint>,
}

impl Listeners {
    /// Returns one public listener, without a certificate or an access log.
    pub fn plain(listener: Listener) -> Listeners {
        Listeners { listeners: vec![listener], renewal: Renewal::default(), metrics: Arc::default(), relocation: None }
    }

    /// Opens everything that the configuration names. Sockets from systemd replace `server.listen`. Those with the name `tls` or `admin`
    /// (`FileDescriptorName=` in `systemd.socket(5)`) replace the other addresses.
    ///
    /// # Errors
    /// Says what can't be opened and what to do about it.
    pub fn open(config: &Config, overrides: CliOverrides) -> Result<Listeners, String> {
        let server = &config.server;
        let tls = server.tls.as_ref().map(Tls::load).transpose()?.map(Arc::new);
        let access_log = server.access_log.as_ref().map(|options| {
            let failed = |error| format!("cannot write `server.access_log.file`, {}: {error}", options.file.display());
            AccessLog::open(options, config.parsing.timezone.clone()).map(Arc::new).map_err(failed)
        });
        let access_log = access_log.transpose()?;
        let mut listeners = inherited(tls.as_ref())?;
        let has = |audience: fn(&Audience) -> bool, listeners: &[Listener]| {
            listeners.iter().any(|listener| audience(listener.audience()))
        };
        let is_inherited = has(|audience| matches!(audience, Audience::Public), &listeners);
        if !is_inherited {
            let replacement = overrides.listen.as_ref().map(std::slice::from_ref);
            for endpoint in replacement.unwrap_or(&server.listen) {
                listeners.push(bind(endpoint, Audience::Public, &listeners)?);
            }
        }
        if let (Some(tls), Some(options)) = (&tls, &server.tls)
            && !has(|audience| matches!(audience, Audience::Secure(_)), &listeners)
        {
            for endpoint in &options.listen {
                listeners.push(bind(endpoint, Audience::Secure(Arc::clone(tls)), &listeners)?);
            }
        }
        if listeners.is_empty() {
            return Err("`server.listen` is empty: there is nothing to listen on".to_owned());
        }
        if !has(|audience| matches!(audience, Audience::Admin), &listeners) {
            open_admin(server, &overrides, &mut listeners)?;
        }
        let relocation = (!is_inherited).then(|| relocation(&listeners, server)).transpose();
        let relocation = relocation.map_err(|error| format!("cannot see where dateline listens: {error}"))?;
        Ok(Listeners { listeners, renewal: Renewal { tls, access_log }, metrics: Arc::default(), relocation })
    }

    /// Returns the options of the server.
    pub(super) fn options(&self, config: &Config, now: Clock) -> ServeOptions {
        let server = &config.server;
        let reserved = RESERVED_DESCRIPTORS + if config.websub.hub { MAX_RUNNING_REQUESTS } else { 0 };
        let (max_connections, max_files) = limits(server.max_connections, reserved);
        ServeOptions {
            max_connections,
            max_files,
            http2: server.http2,
            proxies: server.proxies.clone(),
            admin_hosts: server.admin.hosts.clone(),
            budgets: Arc::new(Budgets::new(server.budget.clone())),
            access_log: self.renewal.access_log.clone(),
            metrics: Arc::clone(&self.metrics),
            ..ServeOptions::new(now)
        }
    }
}

impl Renewal {
    /// Reopens the access log and reloads the certificate.
    pub fn renew(&self) {
        if let Some(log) = &self.access_log {
            log.reopen();
        }
        self.renew_certificate();
    }

    /// Writes the last lines of the access log.
    pub fn finish(&self) {
        if let Some(log) = &self.access_log {
            log.finish();
        }
    }

    fn renew_certificate(&self) {
        match self.tls.as_ref().map(|tls| tls.reload()) {
            Some(Ok(true)) => tracing::info!("certificate reloaded"),
            Some(Err(error)) => tracing::error!(%error, "cannot reload the certificate; the previous one stays in use"),
            Some(Ok(false)) | None => {}
        }
    }

    /// Reloads the certificate whenever its file has changed. Never returns.
    pub(super) async fn watch_certificate(self) {
        if self.tls.is_none() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(CERTIFICATE_CHECK_INTERVAL).await;
            self.renew_certificate();
        }
    }
}

fn bind(endpoint: &Endpoint, audience: Audience, bound: &[Listener]) -> Result<Listener, String> {
    let keys = keys(&audience);
    Listener::bind(endpoint, audience)
        .map_err(|error| format!("cannot listen on {endpoint}: {}", explain(endpoint, &error, keys, bound)))
}

/// Returns the configuration keys and options that set an audience's addresses.
fn keys(audience: &Audience) -> &'static str {
    match audience {
        Audience::Public => "`server.listen` (or `--listen`)",
        Audience::Secure(_) => "`server.tls.listen`",
        Audience::Admin => "`admin.listen` (or `--admin`)",
    }
}

/// Explains why binding failed, and what to do about it.
fn explain(endpoint: &Endpoint, error: &io::Error, keys: &str, bound: &[Listener]) -> String {
    /// Lower ports need a privilege.
    const FIRST_UNPRIVILEGED_PORT: u16 = 1024;
    let is_taken = |listener: &&Listener| listener.endpoint().is_ok_and(|other| overlap(&other, endpoint));
    let other = bound.iter().find(is_taken).map(|listener| self::keys(listener.audience()));
    match (error.kind(), endpoint, other) {
        (ErrorKind::AddrInUse, _, Some(other)) => {
            format!("{other} and {keys} name the same address: change one of them")
        }
        (ErrorKind::AddrInUse, ..) => format!(
            "{error}; stop what listens there, or choose another with {keys}. A second dateline needs `server.listen` and \
             `admin.listen` of its own"
        ),
        (ErrorKind::PermissionDenied, Endpoint::Tcp(address), _) if address.port() < FIRST_UNPRIVILEGED_PORT => {
            format!(
                "{error}; ports below {FIRST_UNPRIVILEGED_PORT} need a privilege: choose a higher one with {keys}, let systemd pass the socket on \
             (config/dateline.socket), or give dateline the capability CAP_NET_BIND_SERVICE"
            )
        }
        (ErrorKind::AddrNotAvailable, ..) => {
            format!("{error}; no network interface of this machine has that address: choose another with {keys}")
        }
        (_, Endpoint::Unix(_), _) => format!(
            "{error}; its folder has to be there and this user must be able to write to it, or choose another with {keys}"
        ),
        _ => format!("{error}; choose another with {keys}"),
    }
}

/// Whether two endpoints can't be bound at the same time.
fn overlap(one: &Endpoint, other: &Endpoint) -> bool {
    match (one, other) {
        (Endpoint::Tcp(one), Endpoint::Tcp(other)) => {
            let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
            one.port() == other.port() && (one.ip() == other.ip() || is_any)
        }
        (one, other) => one == other,
    }
}

/// Opens the admin listener. If its address isn't configured, a failure is only logged: another dateline may use the default address.
fn open_admin(server: &Server, overrides: &CliOverrides, listeners: &mut Vec<Listener>) -> Result<(), String> {
    let endpoints = match &overrides.admin {
        Some(endpoint) => std::slice::from_ref(endpoint),
        None if server.admin.is_stated || overrides.listen.is_none() => &server.admin.listen,
        None => return Ok(()),
    };
    for endpoint in endpoints {
        match bind(endpoint, Audience::Admin, listeners) {
            Ok(listener) => listeners.push(listener),
            Err(why) if server.admin.is_stated || overrides.admin.is_some() => return Err(why),
            Err(why) => {
                tracing::warn!(error = why, "cannot open the admin listener; status and metrics are not served")
            }
        }
    }
    Ok(())
}

fn relocation(listeners: &[Listener], server: &Server) -> std::io::Result<Relocation> {
    let mut relocation = Relocation { plain: Vec::new(), secure: Vec::new(), configured: server.clone() };
    for listener in listeners {
        match listener.audience() {
            Audience::Public => relocation.plain.push(listener.endpoint()?),
            Audience::Secure(_) => relocation.secure.push(listener.endpoint()?),
            Audience::Admin => {}
        }
    }
    Ok(relocation)
}

/// Returns the sockets that systemd passed (`sd_listen_fds(3)`).
fn inherited(tls: Option<&Arc<Tls>>) -> Result<Vec<Listener>, String> {
    let names = std::env::var_os("LISTEN_FDNAMES").map(|names| names.into_vec()).unwrap_or_default();
    let names: Vec<&[u8]> = names.split(|byte| *byte == b':').collect();
    let mut sockets = ListenFd::from_env();
    let mut listeners = Vec::new();
    for place in 0..sockets.len() {
        let audience = match (names.get(place).copied(), tls) {
            (Some(b"tls"), Some(tls)) => Audience::Secure(Arc::clone(tls)),
            (Some(b"tls"), None) => {
                return Err("systemd passes a socket `tls`, but there is no [server.tls]".to_owned());
            }
            (Some(b"admin"), _) => Audience::Admin,
            _ => Audience::Public,
        };
        let failed = |error| format!("cannot use socket {place} of those that systemd passes: {error}");
        let listener = match sockets.take_tcp_listener(place) {
            Ok(Some(socket)) => Listener::inherited_tcp(socket, audience).map_err(failed)?,
            Ok(None) => continue,
            Err(_) => match sockets.take_unix_listener(place).map_err(failed)? {
                Some(socket) => Listener::inherited_unix(socket, audience).map_err(failed)?,
                None => continue,
            },
        };
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Raises the limit on open files as far as possible. Returns the most connections, at most `max_connections`, and the most open media
/// files.
fn limits(max_connections: usize, reserved: usize) -> (usize, usize) {
    const MAX_MEDIA_FILES: usize = 1_024;
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "cannot raise the limit on open files");
    }
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let media_files = (limit / 8).clamp(1, MAX_MEDIA_FILES);
    let available = limit.saturating_sub(reserved.min(limit / 4)).saturating_sub(media_files).max(1);
    if available < max_connections {
        tracing::info!(
            connections = available,
            open_files = limit,
            "connections are limited by the limit on open files"
        );
    }
    (available.min(max_connections), media_files)
}
