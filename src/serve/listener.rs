//! What we listen on: sockets that we bind, or that systemd bound for us.

use std::fs::Permissions;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, SockRef, Type};
use tokio::net::{TcpListener, UnixListener};

use super::stream::Socket;
use super::tls::Tls;
use crate::config::Endpoint;

/// How many clients may wait in the kernel until they are accepted; it takes what `net.core.somaxconn` allows of it.
const BACKLOG: i32 = 4_096;

/// How much the kernel takes of an answer beyond what it has sent (bytes): nearly every feed in one go.
const MAX_UNSENT_BYTES: u32 = 256 * 1024;
/// How long a client may acknowledge nothing, or keep its window shut, until the kernel gives it up: longer than we wait for it.
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(120);

/// For whom a listener is.
#[derive(Clone, Debug)]
pub enum Audience {
    /// Readers.
    Public,
    /// Readers, in TLS.
    Secure(Arc<Tls>),
    /// Operators.
    Admin,
}

/// A bound socket.
#[derive(Debug)]
pub struct Listener {
    bound: BoundSocket,
    audience: Audience,
    is_inherited: bool,
}

#[derive(Debug)]
enum BoundSocket {
    Tcp(TcpListener),
    /// The path goes first, while nobody else can have taken it.
    Unix {
        _file: Option<SocketFile>,
        listener: UnixListener,
    },
}

/// The path of a socket that we made, and that goes with us.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and number: what is there may be somebody else's by now.
    file: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let there = std::fs::symlink_metadata(&self.path).map(|there| (there.dev(), there.ino()));
        if there.is_ok_and(|there| there == self.file) {
            std::fs::remove_file(&self.path).unwrap_or_default();
        }
    }
}

impl Listener {
    /// Binds an endpoint.
    ///
    /// # Errors
    /// As the system says, `AddrInUse` for a Unix socket that somebody listens on.
    pub fn bind(endpoint: &Endpoint, audience: Audience) -> io::Result<Listener> {
        let bound = match endpoint {
            Endpoint::Tcp(address) => BoundSocket::Tcp(bind_tcp(*address)?),
            Endpoint::Unix(path) => {
                remove_stale_socket(path)?;
                let listener = UnixListener::bind(path)?;
                // Whoever may look into its folder may ask; operators' pages are for our own user.
                let mode = if matches!(audience, Audience::Admin) { 0o600 } else { 0o666 };
                std::fs::set_permissions(path, Permissions::from_mode(mode))?;
                let made = std::fs::symlink_metadata(path)?;
                BoundSocket::Unix {
                    _file: Some(SocketFile { path: path.clone(), file: (made.dev(), made.ino()) }),
                    listener,
                }
            }
        };
        Ok(Listener { bound, audience, is_inherited: false })
    }

    /// A socket that was bound by somebody else.
    ///
    /// # Errors
    /// As the system says.
    pub fn inherited_tcp(listener: std::net::TcpListener, audience: Audience) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        limit_send_buffer(SockRef::from(&listener));
        Ok(Listener { bound: BoundSocket::Tcp(TcpListener::from_std(listener)?), audience, is_inherited: true })
    }

    /// A socket that was bound by somebody else.
    ///
    /// # Errors
    /// As the system says.
    pub fn inherited_unix(listener: std::os::unix::net::UnixListener, audience: Audience) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        Ok(Listener {
            bound: BoundSocket::Unix { listener: UnixListener::from_std(listener)?, _file: None },
            audience,
            is_inherited: true,
        })
    }

    /// What it is bound to; of port 0, the port that the system chose.
    ///
    /// # Errors
    /// As the system says.
    pub fn endpoint(&self) -> io::Result<Endpoint> {
        match &self.bound {
            BoundSocket::Tcp(listener) => listener.local_addr().map(Endpoint::Tcp),
            BoundSocket::Unix { listener, .. } => {
                let address = listener.local_addr()?;
                Ok(Endpoint::Unix(address.as_pathname().map(Path::to_owned).unwrap_or_default()))
            }
        }
    }

    /// For whom it is.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// Whether somebody else holds the socket open, so that clients can come while nobody accepts them.
    pub(super) fn is_inherited(&self) -> bool {
        self.is_inherited
    }

    /// The next client, and where it is; `None` on this machine, over a Unix socket. May be dropped and called again.
    pub(super) async fn accept(&self) -> io::Result<(Socket, Option<IpAddr>)> {
        match &self.bound {
            BoundSocket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "cannot turn off Nagle's algorithm");
                }
                Ok((Socket::Tcp(stream), Some(peer.ip())))
            }
            BoundSocket::Unix { listener, .. } => {
                listener.accept().await.map(|(stream, _)| (Socket::Unix(stream), None))
            }
        }
    }
}

fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // So that `0.0.0.0:80` and `[::]:80` can stand side by side, on every system.
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // A restart finds connections of its predecessor that are not quite over.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    limit_send_buffer(SockRef::from(&socket));
    TcpListener::from_std(socket.into())
}

/// Limits what the kernel keeps for clients that do not take it; connections inherit this from their listener. Otherwise it takes a
/// whole feed at once, which no limit of ours sees, and keeps it for as long as the client holds its window shut, even when
/// we have hung up.
fn limit_send_buffer(socket: SockRef<'_>) {
    let limited = socket
        .set_tcp_notsent_lowat(MAX_UNSENT_BYTES)
        .and_then(|()| socket.set_tcp_user_timeout(Some(ACKNOWLEDGEMENT_TIMEOUT)));
    if let Err(error) = limited {
        tracing::debug!(%error, "cannot limit what the kernel buffers for slow clients");
    }
}

/// Removes the socket that a killed predecessor left at a path.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => match StdUnixStream::connect(path) {
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
            Err(error) => Err(error),
        },
        // What is not a socket is not ours: to bind says so.
        _ => Ok(()),
    }
}
