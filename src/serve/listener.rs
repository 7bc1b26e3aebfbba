//! Listening sockets: bound here, or inherited from systemd.

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

/// Limits the connections that wait in the kernel to be accepted. `net.core.somaxconn` may lower it.
const BACKLOG: i32 = 4_096;

/// Limits what the kernel buffers beyond what it has sent. Nearly every feed fits.
const MAX_UNSENT_BYTES: u32 = 256 * 1024;
/// How long a client may acknowledge nothing, or keep its window closed, before the kernel drops it. Longer than the
/// server's own write timeout.
const ACKNOWLEDGEMENT_TIMEOUT: Duration = Duration::from_secs(120);

/// The kind of clients that a listener serves.
#[derive(Clone, Debug)]
pub enum Audience {
    /// Readers, in clear text.
    Public,
    /// Readers, over TLS.
    Secure(Arc<Tls>),
    /// Operators.
    Admin,
}

/// A listening socket.
#[derive(Debug)]
pub struct Listener {
    bound: BoundSocket,
    audience: Audience,
    is_inherited: bool,
}

#[derive(Debug)]
enum BoundSocket {
    Tcp(TcpListener),
    /// The socket file is declared first, so that it is removed before the socket closes and another process can take the path.
    Unix {
        _file: Option<SocketFile>,
        listener: UnixListener,
    },
}

/// A Unix socket's file, removed on drop.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode. Another process may have replaced the file.
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
    /// Errors of the system; `AddrInUse` if another process listens on the Unix socket.
    pub fn bind(endpoint: &Endpoint, audience: Audience) -> io::Result<Listener> {
        let bound = match endpoint {
            Endpoint::Tcp(address) => BoundSocket::Tcp(bind_tcp(*address)?),
            Endpoint::Unix(path) => {
                remove_stale_socket(path)?;
                let listener = UnixListener::bind(path)?;
                // The folder's permissions decide who may connect. Admin sockets are limited to the daemon's user.
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

    /// Takes over a socket bound by another process.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn inherited_tcp(listener: std::net::TcpListener, audience: Audience) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        limit_send_buffer(SockRef::from(&listener));
        Ok(Listener { bound: BoundSocket::Tcp(TcpListener::from_std(listener)?), audience, is_inherited: true })
    }

    /// Takes over a socket bound by another process.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn inherited_unix(listener: std::os::unix::net::UnixListener, audience: Audience) -> io::Result<Listener> {
        listener.set_nonblocking(true)?;
        Ok(Listener {
            bound: BoundSocket::Unix { listener: UnixListener::from_std(listener)?, _file: None },
            audience,
            is_inherited: true,
        })
    }

    /// The bound endpoint. Port 0 has been replaced by the port that the system chose.
    ///
    /// # Errors
    /// Errors of the system.
    pub fn endpoint(&self) -> io::Result<Endpoint> {
        match &self.bound {
            BoundSocket::Tcp(listener) => listener.local_addr().map(Endpoint::Tcp),
            BoundSocket::Unix { listener, .. } => {
                let address = listener.local_addr()?;
                Ok(Endpoint::Unix(address.as_pathname().map(Path::to_owned).unwrap_or_default()))
            }
        }
    }

    /// The kind of clients that the listener serves.
    pub fn audience(&self) -> &Audience {
        &self.audience
    }

    /// Whether another process holds the socket open, so that clients can connect while nobody accepts.
    pub(super) fn is_inherited(&self) -> bool {
        self.is_inherited
    }

    /// Accepts the next client and returns its address; `None` over a Unix socket. Cancel-safe.
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
    // Allows `0.0.0.0:80` and `[::]:80` side by side on every system.
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // The last connections of a previous process may still be in TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SockAddr::from(address))?;
    socket.listen(BACKLOG)?;
    limit_send_buffer(SockRef::from(&socket));
    TcpListener::from_std(socket.into())
}

/// Limits what the kernel buffers for slow clients. Accepted connections inherit the limits. Without them the kernel takes a
/// whole feed at once, which hides slow clients, and keeps it even after the server closed the connection.
fn limit_send_buffer(socket: SockRef<'_>) {
    let limited = socket
        .set_tcp_notsent_lowat(MAX_UNSENT_BYTES)
        .and_then(|()| socket.set_tcp_user_timeout(Some(ACKNOWLEDGEMENT_TIMEOUT)));
    if let Err(error) = limited {
        tracing::debug!(%error, "cannot limit what the kernel buffers for slow clients");
    }
}

/// Removes the socket file that a killed process left behind.
fn remove_stale_socket(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => match StdUnixStream::connect(path) {
            Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => std::fs::remove_file(path),
            Err(error) => Err(error),
        },
        // Anything else makes `bind` fail with a clear error.
        _ => Ok(()),
    }
}
