//! What faces the world: listeners, bound by us or by systemd; the certificate; the access log; how many descriptors there are.

use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;
use std::time::Duration;

use listenfd::ListenFd;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::{Config, Endpoint, Relocation, Server};
use crate::metrics::Metrics;
use crate::serve::{AccessLog, Audience, Budgets, Listener, ServeOptions, Tls};

/// Descriptors that are not for connections: the state, articles that are read, feeds that are written, logs (at most a quarter).
const RESERVED: usize = 256;
/// How often it is seen whether the certificate was renewed.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(60);

/// What faces the world.
#[derive(Debug)]
pub struct Listeners {
    /// What is listened on.
    pub listeners: Vec<Listener>,
    /// What can be renewed while the daemon runs.
    pub renewal: Renewal,
    /// What is counted.
    pub meters: Arc<Metrics>,
    /// Where it listens, as far as links may have to lead there. Of sockets that somebody else opened, that one knows.
    pub relocation: Option<Relocation>,
}

/// What can be renewed while the daemon runs.
#[derive(Clone, Debug, Default)]
pub struct Renewal {
    tls: Option<Arc<Tls>>,
    access_log: Option<Arc<AccessLog>>,
}

/// What the command line says instead of the configuration.
#[derive(Clone, Debug, Default)]
pub struct CliOverrides {
    /// CliOverrides of `server.listen`.
    pub listen: Option<Endpoint>,
    /// CliOverrides of `admin.listen`.
    pub admin: Option<Endpoint>,
}

impl Listeners {
    /// One public listener and nothing else.
    pub fn plain(listener: Listener) -> Listeners {
        Listeners { listeners: vec![listener], renewal: Renewal::default(), meters: Arc::default(), relocation: None }
    }

    /// Opens all that the configuration names. Sockets that systemd opened take the place of `server.listen`; those that it calls
    /// `tls` and `admin` (`FileDescriptorName=`), of the others.
    ///
    /// # Errors
    /// What cannot be opened and what to do about it.
    pub fn open(config: &Config, instead: CliOverrides) -> Result<Listeners, String> {
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
            let instead = instead.listen.as_ref().map(std::slice::from_ref);
            for endpoint in instead.unwrap_or(&server.listen) {
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
            admin(server, &instead, &mut listeners)?;
        }
        let relocation = (!is_inherited).then(|| relocation(&listeners, server)).transpose();
        let relocation = relocation.map_err(|error| format!("cannot see where dateline listens: {error}"))?;
        Ok(Listeners { listeners, renewal: Renewal { tls, access_log }, meters: Arc::default(), relocation })
    }

    /// How connections are served.
    pub(super) fn options(&self, server: &Server, now: super::Clock) -> ServeOptions {
        let (max_connections, max_files) = descriptors(server.max_connections);
        ServeOptions {
            max_connections,
            max_files,
            http2: server.http2,
            proxies: server.proxies.clone(),
            admin_hosts: server.admin.hosts.clone(),
            budgets: Arc::new(Budgets::new(server.budget.clone())),
            access_log: self.renewal.access_log.clone(),
            metrics: Arc::clone(&self.meters),
            ..ServeOptions::new(now)
        }
    }
}

impl Renewal {
    /// Opens the access log anew and reads the certificate again.
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

    /// Sees to it for ever that a renewed certificate is taken.
    pub(super) async fn watch_certificate(self) {
        if self.tls.is_none() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(CERTIFICATE_CHECK).await;
            self.renew_certificate();
        }
    }
}

fn bind(endpoint: &Endpoint, audience: Audience, bound: &[Listener]) -> Result<Listener, String> {
    let keys = keys(&audience);
    Listener::bind(endpoint, audience)
        .map_err(|error| format!("cannot listen on {endpoint}: {}", cure(endpoint, &error, keys, bound)))
}

/// What says where to listen.
fn keys(audience: &Audience) -> &'static str {
    match audience {
        Audience::Public => "`server.listen` (or `--listen`)",
        Audience::Secure(_) => "`server.tls.listen`",
        Audience::Admin => "`admin.listen` (or `--admin`)",
    }
}

/// Why an endpoint cannot be listened on, and what to do about it.
fn cure(endpoint: &Endpoint, error: &io::Error, keys: &str, bound: &[Listener]) -> String {
    /// Below this, a port needs a privilege.
    const FIRST_FREE_PORT: u16 = 1024;
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
        (ErrorKind::PermissionDenied, Endpoint::Tcp(address), _) if address.port() < FIRST_FREE_PORT => format!(
            "{error}; ports below {FIRST_FREE_PORT} need a privilege: choose a higher one with {keys}, let systemd pass the socket on \
             (config/dateline.socket), or give dateline the capability CAP_NET_BIND_SERVICE"
        ),
        (ErrorKind::AddrNotAvailable, ..) => {
            format!("{error}; no network interface of this machine has that address: choose another with {keys}")
        }
        (_, Endpoint::Unix(_), _) => format!(
            "{error}; its folder has to be there and this user must be able to write to it, or choose another with {keys}"
        ),
        _ => format!("{error}; choose another with {keys}"),
    }
}

/// Whether nobody can listen on both.
fn overlap(one: &Endpoint, other: &Endpoint) -> bool {
    match (one, other) {
        (Endpoint::Tcp(one), Endpoint::Tcp(other)) => {
            let is_any = one.ip().is_unspecified() || other.ip().is_unspecified();
            one.port() == other.port() && (one.ip() == other.ip() || is_any)
        }
        (one, other) => one == other,
    }
}

/// Where nobody says where, another dateline on this machine may be there already: that is no reason not to serve readers.
fn admin(server: &Server, instead: &CliOverrides, listeners: &mut Vec<Listener>) -> Result<(), String> {
    let endpoints = match &instead.admin {
        Some(endpoint) => std::slice::from_ref(endpoint),
        None if server.admin.is_stated || instead.listen.is_none() => &server.admin.listen,
        None => return Ok(()),
    };
    for endpoint in endpoints {
        match bind(endpoint, Audience::Admin, listeners) {
            Ok(listener) => listeners.push(listener),
            Err(why) if server.admin.is_stated || instead.admin.is_some() => return Err(why),
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

/// The sockets that systemd passed on (`sd_listen_fds(3)`).
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

/// How many connections there may be at a time, and how many open media files: as many as are wished, or as descriptors allow, whose
/// limit is raised as far as it goes.
fn descriptors(wished: usize) -> (usize, usize) {
    const MOST_FILES: usize = 1_024;
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        tracing::debug!(%error, "cannot raise the limit on open files");
    }
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let files = (limit / 8).clamp(1, MOST_FILES);
    let most = limit.saturating_sub(RESERVED.min(limit / 4)).saturating_sub(files).max(1);
    if most < wished {
        tracing::info!(connections = most, open_files = limit, "connections are limited by the limit on open files");
    }
    (most.min(wished), files)
}
