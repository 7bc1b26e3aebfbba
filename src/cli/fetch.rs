//! Documents that a command is given by their place: a file, or an address of the web.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::sync::mpsc;
use std::time::Instant;

use reqwest::blocking::{Client, Response};
use reqwest::header::LOCATION;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{StatusCode, Url};

/// The most redirects that are followed, as browsers do.
const MAX_REDIRECTS: usize = 20;

/// A document.
pub(super) struct Fetched {
    /// Its bytes, at most one more than were wanted.
    pub(super) bytes: Vec<u8>,
    /// The address that it came from, where a redirect led there.
    pub(super) redirected_to: Option<String>,
}

/// What may be fetched.
#[derive(Clone, Copy)]
pub(super) struct FetchOptions {
    /// The most bytes of a document.
    pub(super) max_bytes: usize,
    /// Whether redirects to other hosts are followed.
    pub(super) follow: bool,
    /// When all of it has to be there.
    pub(super) deadline: Instant,
}

/// Why a document cannot be had.
pub(super) enum FetchError {
    /// The place is not that of a document.
    Invalid(String),
    /// The machine, the network or the server failed, so that another attempt may succeed.
    Failed(String),
}

/// Fetches a document.
///
/// # Errors
/// Why it cannot be had.
pub(super) fn fetch(place: &str, options: FetchOptions) -> Result<Fetched, FetchError> {
    let (sender, fetched) = mpsc::channel();
    let named = place.to_owned();
    // A slow server or disk holds this thread; it ends with the process.
    let thread = std::thread::Builder::new().name("fetch".into());
    let started = thread.spawn(move || drop(sender.send(read_all(&named, options))));
    started.map_err(|error| FetchError::Failed(error.to_string()))?;
    let left = options.deadline.saturating_duration_since(Instant::now());
    let late = "it was not there in time; `--timeout` gives it longer";
    fetched.recv_timeout(left).unwrap_or_else(|_| Err(FetchError::Failed(late.to_owned())))
}

fn read_all(place: &str, options: FetchOptions) -> Result<Fetched, FetchError> {
    if !is_address(place, "http") && !is_address(place, "https") {
        if place.contains("://") {
            return Err(FetchError::Invalid("only http and https addresses are fetched".to_owned()));
        }
        let file = File::open(place).map_err(|error| FetchError::of_io(&error))?;
        return Ok(Fetched { bytes: read(file, options.max_bytes)?, redirected_to: None });
    }
    let asked = Url::parse(place).map_err(|error| FetchError::Invalid(format!("it is not an address: {error}")))?;
    let answer = client(place, options).map_err(FetchError::Failed)?.get(asked.clone()).send();
    let answer = answer.map_err(|error| FetchError::of_request(error.without_url()))?;
    if !matches!(answer.status(), StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION) {
        let is_failure = answer.status().is_server_error() || answer.status() == StatusCode::TOO_MANY_REQUESTS;
        let kind = if is_failure { FetchError::Failed } else { FetchError::Invalid };
        return Err(kind(refusal(&answer)));
    }
    let redirected_to = Some(answer.url()).filter(|url| **url != asked).map(Url::to_string);
    Ok(Fetched { bytes: read(answer, options.max_bytes)?, redirected_to })
}

/// What an answer without a document says.
fn refusal(answer: &Response) -> String {
    let status = answer.status();
    match answer.headers().get(LOCATION).map(|location| String::from_utf8_lossy(location.as_bytes())) {
        None if status.is_redirection() => {
            format!("the server answers {status} without a `Location` that says where to go")
        }
        Some(location) if status.is_redirection() => {
            format!("the server answers {status}, and its `Location` is `{location}`, which cannot be followed")
        }
        _ => format!("the server answers {status}"),
    }
}

fn is_address(place: &str, scheme: &str) -> bool {
    place.split_once("://").is_some_and(|(start, _)| start.eq_ignore_ascii_case(scheme))
}

impl FetchError {
    fn of_io(error: &io::Error) -> FetchError {
        use io::ErrorKind::{InvalidFilename, IsADirectory, NotADirectory, NotFound, PermissionDenied};
        let kind = match error.kind() {
            InvalidFilename | IsADirectory | NotADirectory | NotFound | PermissionDenied => FetchError::Invalid,
            _ => FetchError::Failed,
        };
        kind(reasons(error))
    }

    /// Whoever answers, but not in HTTP, has another address.
    fn of_request(error: reqwest::Error) -> FetchError {
        let (mut source, mut is_no_http) = (error.source(), false);
        while let Some(cause) = source {
            is_no_http |= cause.downcast_ref().is_some_and(hyper::Error::is_parse);
            source = cause.source();
        }
        let kind = if error.is_redirect() || error.is_builder() || is_no_http {
            FetchError::Invalid
        } else {
            FetchError::Failed
        };
        kind(reasons(&error))
    }
}

fn read(source: impl Read, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    let most = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    source.take(most).read_to_end(&mut bytes).map_err(|error| FetchError::of_io(&error))?;
    Ok(bytes)
}

fn client(address: &str, options: FetchOptions) -> Result<Client, String> {
    // Whoever names a provider first decides; nobody names another.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = || {
        Client::builder()
            .user_agent(concat!("dateline/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::custom(move |attempt| redirect(attempt, options.follow)))
            // The caller waits no longer than until the deadline.
            .timeout(None)
    };
    let client = builder().build();
    // A machine without certificates can still ask for what needs none.
    let client =
        if is_address(address, "http") { client.or_else(|_| builder().tls_certs_only([]).build()) } else { client };
    client.map_err(|error| reasons(&error))
}

/// Follows a redirect within a host. Another host may be anybody's, and ids that come from there are ids for ever.
fn redirect(attempt: Attempt<'_>, follow: bool) -> reqwest::redirect::Action {
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("it redirects again and again");
    }
    if !matches!(attempt.url().scheme(), "http" | "https") {
        return attempt.stop();
    }
    let is_same_host = attempt.previous().first().is_some_and(|asked| is_same_host(asked, attempt.url()));
    if follow || is_same_host {
        return attempt.follow();
    }
    let elsewhere =
        format!("it redirects to `{}`, which is another host: name that address, or use `--follow`", attempt.url());
    attempt.error(elsewhere)
}

/// Whether an address is of the same host and port, or of the TLS port of the same host.
fn is_same_host(asked: &Url, next: &Url) -> bool {
    let is_upgrade =
        asked.scheme() == "http" && next.scheme() == "https" && asked.port().is_none() && next.port().is_none();
    let is_same_port = asked.scheme() == next.scheme() && asked.port_or_known_default() == next.port_or_known_default();
    asked.host_str() == next.host_str() && (is_same_port || is_upgrade)
}

/// An error with all that it came from.
fn reasons(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
