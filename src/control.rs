//! Commands for a running daemon, over a Unix socket in the state directory. A connection carries one request and one response, each a
//! line of JSON.
//!
//! # Who may send commands?
//!
//! Users who may open the socket. The state directory has mode 0700 and the socket 0600.
//!
//! # Why a socket and not HTTP?
//!
//! A port accepts commands from whoever reaches it. A socket in a private directory accepts them only from whoever could write the
//! state anyway.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

const SOCKET_NAME: &str = "control";
const MAX_REQUEST_BYTES: u64 = 64 * 1024;
/// How long a client may take to send its request or read the response.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a client waits for the response. The daemon may be busy publishing a large content directory.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_CLIENTS: usize = 16;

/// A command.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Retracts an article.
    Retract {
        /// Its path below the content directory, or its id.
        article: String,
        /// The public reason.
        reason: Option<String>,
    },
    /// Restores a retracted article.
    Restore {
        /// Its path below the content directory, or its id.
        article: String,
    },
    /// Publishes stories that wait for an editor.
    Release {
        /// Their paths, or ids of agencies' items.
        articles: Vec<String>,
    },
    /// Confirms a mass removal.
    AcceptRemovals,
    /// Asks whether a version of the configuration file is active.
    Configuration {
        /// The hash of that version.
        hash: String,
    },
    /// Reloads the configuration.
    Reload {
        /// Accepts a configuration that changes ids or empties feeds.
        force: bool,
    },
}

/// The result of a successful command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandOutcome {
    /// A message for the operator.
    pub message: String,
    /// Whether the result survives a restart.
    pub is_recorded: bool,
}

/// The result of a command, or why it failed.
pub type Answer = Result<CommandOutcome, String>;

/// A request and the channel for its response.
pub type PendingRequest = (Request, oneshot::Sender<Answer>);

#[derive(Serialize, Deserialize)]
struct Response {
    done: bool,
    /// Whether the result survives a restart.
    recorded: bool,
    message: String,
}

/// Binds the socket. The caller holds the state's lock, so an existing socket is stale.
///
/// # Errors
/// Errors of the system. A path of more than about 100 bytes is too long for a socket.
pub fn bind(state: &Path) -> io::Result<UnixListener> {
    let path = state.join(SOCKET_NAME);
    match fs::remove_file(&path) {
        // No daemon can listen at a path that is too long for a socket. The state's lock still detects a running daemon.
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Serves clients until the receiver of `requests` is dropped.
pub async fn run(listener: UnixListener, requests: mpsc::Sender<PendingRequest>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            () = requests.closed() => return,
            // A client's errors concern only the client.
            Some(_) = clients.join_next() => {}
            accepted = listener.accept(), if clients.len() < MAX_CLIENTS => match accepted {
                Ok((stream, _)) => drop(clients.spawn(serve_client(stream, requests.clone()))),
                // Out of file descriptors. Connections that end free some.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

async fn serve_client(stream: UnixStream, requests: mpsc::Sender<PendingRequest>) {
    let mut stream = tokio::io::BufReader::new(stream);
    let mut line = String::new();
    let read = timeout(CLIENT_TIMEOUT, (&mut stream).take(MAX_REQUEST_BYTES).read_line(&mut line)).await;
    let answer = match read {
        Ok(Ok(_)) => match serde_json::from_str(&line) {
            Ok(request) => {
                let (sender, answer) = oneshot::channel();
                match requests.send((request, sender)).await {
                    Ok(()) => answer.await.unwrap_or_else(|_| Err("the daemon is stopping".to_owned())),
                    Err(_) => Err("the daemon is stopping".to_owned()),
                }
            }
            Err(error) => Err(format!("unknown control request: {error}")),
        },
        _ => return,
    };
    let response = match answer {
        Ok(CommandOutcome { message, is_recorded: recorded }) => Response { done: true, recorded, message },
        Err(message) => Response { done: false, recorded: true, message },
    };
    let mut bytes = serde_json::to_vec(&response).unwrap_or_default();
    bytes.push(b'\n');
    // The client may have disconnected.
    drop(timeout(CLIENT_TIMEOUT, stream.get_mut().write_all(&bytes)).await);
}

/// Sends a request to the daemon that uses this state directory. `None` if no daemon runs.
///
/// # Errors
/// If the daemon doesn't respond.
pub fn ask(state: &Path, request: &Request) -> io::Result<Option<Answer>> {
    let mut stream = match BlockingStream::connect(state.join(SOCKET_NAME)) {
        // No daemon listens at a path that is too long for a socket. The state's lock still detects a running daemon.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidInput
            ) =>
        {
            return Ok(None);
        }
        stream => stream?,
    };
    stream.set_read_timeout(Some(RESPONSE_TIMEOUT))?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the daemon ended without an answer"));
    }
    let Response { done, recorded, message } = serde_json::from_str(&answer)?;
    Ok(Some(if done { Ok(CommandOutcome { message, is_recorded: recorded }) } else { Err(message) }))
}
