//! Commands for a running daemon: a Unix socket in the state directory, one request and one answer a connection, each a line of
//! JSON. Who may use it is who may open it: the directory is 0700 and the socket 0600.

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

const SOCKET: &str = "control";
/// The longest request (bytes).
const LONGEST: u64 = 64 * 1024;
/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a client waits for its answer: a build of a large archive may be under way.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);
/// How many clients are heard at a time.
const MOST_CLIENTS: usize = 16;

/// What can be asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Take an article from its readers.
    Retract {
        /// Its path below the content directory, or its id.
        article: String,
        /// What readers are told.
        reason: Option<String>,
    },
    /// Give it back to them.
    Restore {
        /// Its path below the content directory, or its id.
        article: String,
    },
    /// Files that vanished in a mass are deleted, not lost.
    AcceptRemovals,
    /// Whether the configuration in force is a version of its file.
    Configuration {
        /// The hash of that version.
        hash: String,
    },
    /// Read the configuration again.
    Reload {
        /// Even if it gives other ids or empties feeds.
        force: bool,
    },
}

/// What was done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    /// In words.
    pub message: String,
    /// Whether a restart remembers it.
    pub is_recorded: bool,
}

/// What came of it, or why nothing did.
pub type Answer = Result<Done, String>;

/// A request, and where its answer goes.
pub type PendingRequest = (Request, oneshot::Sender<Answer>);

#[derive(Serialize, Deserialize)]
struct Response {
    done: bool,
    /// Whether a restart remembers it.
    recorded: bool,
    message: String,
}

/// Makes the socket. The caller holds the state's lock, so one that is there belongs to nobody.
///
/// # Errors
/// As the system says: a path of more than about 100 bytes is too long for a socket.
pub fn bind(state: &Path) -> io::Result<UnixListener> {
    let path = state.join(SOCKET);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Hears clients until nobody takes their requests any more.
pub async fn run(listener: UnixListener, requests: mpsc::Sender<PendingRequest>) {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            () = requests.closed() => return,
            // A client's own troubles are its own.
            Some(_) = clients.join_next() => {}
            accepted = listener.accept(), if clients.len() < MOST_CLIENTS => match accepted {
                Ok((stream, _)) => drop(clients.spawn(hear(stream, requests.clone()))),
                // Out of descriptors: others end meanwhile.
                Err(_) => sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

async fn hear(stream: UnixStream, requests: mpsc::Sender<PendingRequest>) {
    let mut stream = tokio::io::BufReader::new(stream);
    let mut line = String::new();
    let read = timeout(PATIENCE, (&mut stream).take(LONGEST).read_line(&mut line)).await;
    let answer = match read {
        Ok(Ok(_)) => match serde_json::from_str(&line) {
            Ok(request) => {
                let (sender, answer) = oneshot::channel();
                match requests.send((request, sender)).await {
                    Ok(()) => answer.await.unwrap_or_else(|_| Err("the daemon is stopping".to_owned())),
                    Err(_) => Err("the daemon is stopping".to_owned()),
                }
            }
            Err(error) => Err(format!("this is no request that this daemon knows: {error}")),
        },
        _ => return,
    };
    let response = match answer {
        Ok(Done { message, is_recorded: recorded }) => Response { done: true, recorded, message },
        Err(message) => Response { done: false, recorded: true, message },
    };
    let mut bytes = serde_json::to_vec(&response).unwrap_or_default();
    bytes.push(b'\n');
    // It may have hung up.
    drop(timeout(PATIENCE, stream.get_mut().write_all(&bytes)).await);
}

/// Asks the daemon that has this state; `None` where there is none.
///
/// # Errors
/// When it does not answer.
pub fn ask(state: &Path, request: &Request) -> io::Result<Option<Answer>> {
    let mut stream = match BlockingStream::connect(state.join(SOCKET)) {
        // A path that is too long for a socket has none; the lock tells whether a daemon has the state all the same.
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
    stream.set_read_timeout(Some(ANSWER_DEADLINE))?;
    let mut line = serde_json::to_string(request)?;
    line.push('\n');
    stream.write_all(line.as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    if answer.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the daemon ended without an answer"));
    }
    let Response { done, recorded, message } = serde_json::from_str(&answer)?;
    Ok(Some(if done { Ok(Done { message, is_recorded: recorded }) } else { Err(message) }))
}
