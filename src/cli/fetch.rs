//! Documents that a command is given by their place: a file, or an address of the web.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::time::Duration;

use reqwest::blocking::{Client, ClientBuilder};

/// How long a server may take to accept a connection.
const CONNECTING: Duration = Duration::from_secs(10);
/// How long it may take for the whole answer.
const ANSWERING: Duration = Duration::from_secs(60);

/// The bytes of a document, at most one more than `limit` of them.
///
/// # Errors
/// Why it cannot be had.
pub(super) fn fetch(place: &str, limit: usize) -> Result<Vec<u8>, String> {
    if is_address(place, "http") || is_address(place, "https") {
        let answer = client(place)?.get(place).send().and_then(|answer| answer.error_for_status());
        read(answer.map_err(|error| reasons(&error.without_url()))?, limit)
    } else {
        read(File::open(place).map_err(|error| error.to_string())?, limit)
    }
}

fn is_address(place: &str, scheme: &str) -> bool {
    place.split_once("://").is_some_and(|(start, _)| start.eq_ignore_ascii_case(scheme))
}

fn read(source: impl Read, limit: usize) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    source.take(most).read_to_end(&mut bytes).map_err(|error| reasons(&error))?;
    Ok(bytes)
}

fn client(address: &str) -> Result<Client, String> {
    // Whoever names a provider first decides; nobody names another.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = || -> ClientBuilder {
        Client::builder()
            .user_agent(concat!("dateline/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECTING)
            .timeout(ANSWERING)
    };
    let client = builder().build();
    // A machine without certificates can still ask for what needs none.
    let client =
        if is_address(address, "http") { client.or_else(|_| builder().tls_certs_only([]).build()) } else { client };
    client.map_err(|error| reasons(&error))
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
