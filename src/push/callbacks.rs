//! Requests to callbacks: verifications of intent (WebSub, section 5.3) and deliveries (section 7).

use std::fmt::Write;
use std::sync::Arc;

use reqwest::header::{CONTENT_TYPE, LINK};
use reqwest::{Client, Response, StatusCode};
use ring::hmac;
use ring::rand::{SecureRandom, SystemRandom};

use super::client::describe;
use super::documents::Documents;
use crate::config::Config;
use crate::websub::{Callback, Delivered, Delivery, Mode, Verification, Verified};

const RANDOM_BYTES: usize = 24;

/// Asks a subscriber whether it sent a request. Returns the reason if it isn't confirmed.
pub(super) async fn verify(
    client: Client,
    config: Arc<Config>,
    verification: Verification,
) -> (Verified, Option<String>) {
    match try_verify(&client, &config, &verification).await {
        Ok(()) => (Verified::Confirmed, None),
        Err(why) => (Verified::Refused, Some(why)),
    }
}

async fn try_verify(client: &Client, config: &Config, verification: &Verification) -> Result<(), String> {
    let request = &verification.request;
    check_address(config, &request.callback)?;
    let challenge = random_text().ok_or("the system has no random numbers")?;
    let lease = request.lease.as_secs().to_string();
    let mut parameters =
        vec![("hub.mode", request.mode.name()), ("hub.topic", &*request.topic), ("hub.challenge", &*challenge)];
    if request.mode == Mode::Subscribe {
        parameters.push(("hub.lease_seconds", &*lease));
    }
    let sent = client.get(request.callback.with_parameters(&parameters)).send().await;
    let mut answer = sent.map_err(|error| describe(&error.without_url()))?;
    if !answer.status().is_success() {
        return Err(format!("the callback answers {}", answer.status()));
    }
    match body_equals(&mut answer, challenge.as_bytes()).await {
        true => Ok(()),
        false => Err("the callback doesn't return the challenge".to_owned()),
    }
}

/// Compares a body, and reads no more of it than that takes.
async fn body_equals(answer: &mut Response, expected: &[u8]) -> bool {
    let mut rest = expected;
    while let Ok(chunk) = answer.chunk().await {
        let Some(chunk) = chunk else { return rest.is_empty() };
        match rest.strip_prefix(&*chunk) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    false
}

/// Sends a subscriber the current version of its topic. Returns the reason if that fails.
pub(super) async fn deliver(
    client: Client,
    config: Arc<Config>,
    documents: Arc<Documents>,
    delivery: Delivery,
) -> (Delivered, Option<String>) {
    // An address that was allowed once needn't be allowed now.
    if let Err(why) = check_address(&config, &delivery.callback) {
        return (Delivered::Failed, Some(why));
    }
    let Some((document, bytes)) = documents.read(&delivery.topic).await else { return (Delivered::Unavailable, None) };
    let resource = &document.resource;
    let mut request = client.post(delivery.callback.as_str()).header(CONTENT_TYPE, resource.kind.content_type());
    if let Some(links) = &resource.links {
        request = request.header(LINK, links.as_str());
    }
    if let Some(secret) = &delivery.secret {
        request = request.header("X-Hub-Signature", signature(secret, &bytes));
    }
    match request.body(bytes).send().await {
        Ok(answer) if answer.status().is_success() => (Delivered::Accepted(resource.hash), None),
        Ok(answer) if answer.status() == StatusCode::GONE => (Delivered::Gone, None),
        Ok(answer) => (Delivered::Failed, Some(format!("the callback answers {}", answer.status()))),
        Err(error) => (Delivered::Failed, Some(describe(&error.without_url()))),
    }
}

/// Checks a callback that is an IP address. The HTTP client resolves no names for it.
fn check_address(config: &Config, callback: &Callback) -> Result<(), String> {
    Callback::parse(callback.as_str(), &config.websub.allow_callbacks).map(drop)
}

/// Authenticates a body with the subscriber's secret (section 7.1).
fn signature(secret: &[u8], body: &[u8]) -> String {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), body);
    format!("sha256={}", hex(tag.as_ref()))
}

/// A text that nobody can guess.
pub(super) fn random_text() -> Option<String> {
    let mut bytes = [0; RANDOM_BYTES];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(hex(&bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to memory can't fail.
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signature_is_hmac_of_body() {
        // RFC 4231, test case 2.
        assert_eq!(
            signature(b"Jefe", b"what do ya want for nothing?"),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
