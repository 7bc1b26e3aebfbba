//! Fetches documents from files and HTTP servers.

use std::error::Error;
use std::fs::File;
use std::io::{self, Read};
use std::sync::mpsc;
use std::time::Instant;

use reqwest::blocking::{Client, Response};
use reqwest::header::LOCATION;
use reqwest::redirect::{Attempt, Policy};
use reqwest::{StatusCode, Url};

/// The maximum number of redirects, as in browsers.
const MAX_REDIRECTS: usize = 20;

/// A fetched document.
pub(super) struct Fetched {
    /// The content, at most one byte more than `max_bytes`.
    pub(super) bytes: Vec<u8>,
    /// The final URL, if redirects led elsewhere.
    pub(super) redirected_to: Option<String>,
}

/// Limits of a fetch.
#[derive(Clone, Copy)]
pub(super) struct FetchOptions {
    /// The maximum size of a document.
    pub(super) max_bytes: usize,
    /// Whether redirects to other hosts are followed.
    pub(super) follow: bool,
    /// When the document must be complete.
    pub(super) deadline: Instant,
}

/// Why a document couldn't be fetched.
pub(super) enum FetchError {
    /// The address or path is wrong.
    Invalid(String),
    /// The machine, the network or the server failed; a retry may succeed.
    Failed(String),
}

/// Fetches a document from a file or an HTTP URL.
///
/// # Errors
/// If the place is invalid, or the fetch fails or takes too long.
pub(super) fn fetch(place: &str, options: FetchOptions) -> Result<Fetched, FetchError> {
    let (sender, fetched) = mpsc::channel();
    let place_name = place.to_owned();
    // A slow server or disk may block this thread, which ends with the process.
    let thread = std::thread::Builder::new().name("fetch".into());
    let started = thread.spawn(move || drop(sender.send(read_all(&place_name, options))));
    started.map_err(|error| FetchError::Failed(error.to_string()))?;
    let remaining = options.deadline.saturating_duration_since(Instant::now());
    let timeout_message = "it was not there in time; `--timeout` gives it longer";
    fetched.recv_timeout(remaining).unwrap_or_else(|_| Err(FetchError::Failed(timeout_message.to_owned())))
}

fn read_all(place: &str, options: FetchOptions) -> Result<Fetched, FetchError> {
    if !is_address(place, "http") && !is_address(place, "https") {
        if place.contains("://") {
            return Err(FetchError::Invalid("only http and https addresses are fetched".to_owned()));
        }
        let file = File::open(place).map_err(|error| FetchError::of_io(&error))?;
        return Ok(Fetched { bytes: read(file, options.max_bytes)?, redirected_to: None });
    }
    let requested = Url::parse(place).map_err(|error| FetchError::Invalid(format!("it is not an address: {error}")))?;
    let answer = client(place, options).map_err(FetchError::Failed)?.get(requested.clone()).send();
    let answer = answer.map_err(|error| FetchError::of_request(error.without_url()))?;
    if !matches!(answer.status(), StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION) {
        let is_failure = answer.status().is_server_error() || answer.status() == StatusCode::TOO_MANY_REQUESTS;
        let kind = if is_failure { FetchError::Failed } else { FetchError::Invalid };
        return Err(kind(refusal(&answer)));
    }
    let redirected_to = Some(answer.url()).filter(|url| **url != requested).map(Url::to_string);
    Ok(Fetched { bytes: read(answer, options.max_bytes)?, redirected_to })
}

/// Describes a response without a document.
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

    /// A server that doesn't answer in HTTP is a wrong address, not a failure.
    fn of_request(error: reqwest::Error) -> FetchError {
        let (mut source, mut is_not_http) = (error.source(), false);
        while let Some(cause) = source {
            is_not_http |= cause.downcast_ref().is_some_and(hyper::Error::is_parse);
            source = cause.source();
        }
        let kind = if error.is_redirect() || error.is_builder() || is_not_http {
            FetchError::Invalid
        } else {
            FetchError::Failed
        };
        kind(reasons(&error))
    }
}

fn read(source: impl Read, max_bytes: usize) -> Result<Vec<u8>, FetchError> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(max_bytes).unwrap_or(u64::MAX).saturating_add(1);
    source.take(limit).read_to_end(&mut bytes).map_err(|error| FetchError::of_io(&error))?;
    Ok(bytes)
}

fn client(address: &str, options: FetchOptions) -> Result<Client, String> {
    // rustls needs a default provider. Installing a second one fails harmlessly.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = || {
        Client::builder()
            .user_agent(concat!("dateline/", env!("CARGO_PKG_VERSION")))
            .redirect(Policy::custom(move |attempt| redirect(attempt, options.follow)))
            // The caller enforces the deadline.
            .timeout(None)
    };
    let client = builder().build();
    // Plain HTTP works on machines without root certificates.
    let client =
        if is_address(address, "http") { client.or_else(|_| builder().tls_certs_only([]).build()) } else { client };
    client.map_err(|error| reasons(&error))
}

/// Follows redirects within a host. Another host might be anybody's, and imported ids are permanent.
fn redirect(attempt: Attempt<'_>, follow: bool) -> reqwest::redirect::Action {
    if attempt.previous().len() > MAX_REDIRECTS {
        return attempt.error("it redirects again and again");
    }
    if !matches!(attempt.url().scheme(), "http" | "https") {
        return attempt.stop();
    }
    let is_same_host = attempt.previous().first().is_some_and(|requested| is_same_host(requested, attempt.url()));
    if follow || is_same_host {
        return attempt.follow();
    }
    let message =
        format!("it redirects to `{}`, which is another host: name that address, or use `--follow`", attempt.url());
    attempt.error(message)
}

/// Whether both URLs have the same host and port, or the second is the host's default TLS port.
fn is_same_host(requested: &Url, next: &Url) -> bool {
    let is_upgrade =
        requested.scheme() == "http" && next.scheme() == "https" && requested.port().is_none() && next.port().is_none();
    let is_same_port =
        requested.scheme() == next.scheme() && requested.port_or_known_default() == next.port_or_known_default();
    requested.host_str() == next.host_str() && (is_same_port || is_upgrade)
}

/// An error and all its sources.
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
