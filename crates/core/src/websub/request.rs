//! Reads the request of a subscriber (WebSub, section 5.1).

use std::sync::Arc;

use ipnet::IpNet;
use jiff::SignedDuration;

use super::callback::Callback;

/// The longest body of a request.
pub const MAX_REQUEST_BYTES: usize = 8 << 10;
/// A secret has fewer bytes than this (WebSub, section 5.1).
const SECRET_BYTES_LIMIT: usize = 200;
const MIN_LEASE: SignedDuration = SignedDuration::from_mins(5);
const MAX_LEASE: SignedDuration = SignedDuration::from_hours(30 * 24);
const DEFAULT_LEASE: SignedDuration = SignedDuration::from_hours(10 * 24);

/// Whether a subscription begins or ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The subscriber wants the topic.
    Subscribe,
    /// The subscriber doesn't want the topic any more.
    Unsubscribe,
}

impl Mode {
    /// The value of `hub.mode`.
    pub fn name(self) -> &'static str {
        match self {
            Mode::Subscribe => "subscribe",
            Mode::Unsubscribe => "unsubscribe",
        }
    }
}

/// A valid request. Whether the hub has the topic is another question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    /// Subscribe or unsubscribe.
    pub mode: Mode,
    /// The topic's URL as the subscriber wrote it.
    pub topic: Arc<str>,
    /// The subscriber's callback.
    pub callback: Callback,
    /// The key of signatures, if the subscriber wants them.
    pub secret: Option<Arc<[u8]>>,
    /// How long the subscription lasts, within the hub's bounds.
    pub lease: SignedDuration,
}

/// A request that is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The reason for the subscriber.
    pub reason: String,
}

impl Refusal {
    pub(super) fn new(status: u16, reason: impl Into<String>) -> Refusal {
        Refusal { status, reason: reason.into() }
    }
}

impl Request {
    /// Reads a request with this Content-Type and body. Unknown parameters are ignored.
    ///
    /// # Errors
    /// If it isn't valid.
    pub fn parse(content_type: Option<&str>, body: &[u8], allowed: &[IpNet]) -> Result<Request, Refusal> {
        let media_type = content_type.and_then(|value| value.split(';').next()).map(str::trim).unwrap_or_default();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Refusal::new(415, "the request must be application/x-www-form-urlencoded"));
        }
        let bad = |reason: &str| Refusal::new(400, reason);
        let mut parameters = Parameters::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            let field = match &*name {
                "hub.mode" => &mut parameters.mode,
                "hub.topic" => &mut parameters.topic,
                "hub.callback" => &mut parameters.callback,
                "hub.secret" => &mut parameters.secret,
                "hub.lease_seconds" => &mut parameters.lease,
                _ => continue,
            };
            // The parser replaces what isn't UTF-8.
            if value.contains('\u{fffd}') {
                return Err(bad(&format!("{name} is not UTF-8")));
            }
            if field.as_ref().is_some_and(|other| **other != *value) {
                return Err(bad(&format!("{name} has two values")));
            }
            *field = Some(value.into_owned());
        }
        let Parameters { mode, topic, callback, secret, lease } = parameters;
        let mode = match mode.as_deref() {
            Some("subscribe") => Mode::Subscribe,
            Some("unsubscribe") => Mode::Unsubscribe,
            Some(_) => return Err(bad("hub.mode is neither subscribe nor unsubscribe")),
            None => return Err(bad("hub.mode is missing")),
        };
        let present = |value: Option<String>, name: &str| {
            value.filter(|value| !value.is_empty()).ok_or_else(|| bad(&format!("{name} is missing")))
        };
        let topic = present(topic, "hub.topic")?;
        let callback = present(callback, "hub.callback")?;
        let callback = Callback::parse(&callback, allowed).map_err(|reason| bad(&reason))?;
        let secret = secret.filter(|secret| !secret.is_empty());
        if secret.as_ref().is_some_and(|secret| secret.len() >= SECRET_BYTES_LIMIT) {
            return Err(bad(&format!("hub.secret has {SECRET_BYTES_LIMIT} bytes or more")));
        }
        let lease = match lease.as_deref().map(str::trim).filter(|lease| !lease.is_empty()) {
            None => DEFAULT_LEASE,
            Some(lease) if lease.bytes().all(|byte| byte.is_ascii_digit()) => {
                // A number too large for 64 bits is the longest lease, too.
                let seconds = lease.parse().unwrap_or(i64::MAX);
                SignedDuration::from_secs(seconds).clamp(MIN_LEASE, MAX_LEASE)
            }
            Some(_) => return Err(bad("hub.lease_seconds is not a number of seconds")),
        };
        let secret = secret.map(|secret| secret.as_bytes().into());
        Ok(Request { mode, topic: topic.into(), callback, secret, lease })
    }
}

/// The parameters of a request.
#[derive(Default)]
struct Parameters {
    mode: Option<String>,
    topic: Option<String>,
    callback: Option<String>,
    secret: Option<String>,
    lease: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORM: &str = "application/x-www-form-urlencoded";
    const VALID: &str = "hub.mode=subscribe&hub.topic=https%3A%2F%2Ff.example%2Frss.xml&hub.callback=https%3A%2F%2Fr.example%2F%3Fa%3D1";

    #[test]
    fn requests_are_checked() {
        let secret = |length: usize| format!("{VALID}&hub.secret={}", "x".repeat(length));
        for (content_type, body, expected) in [
            (Some(FORM), VALID.to_owned(), Ok(864_000)),
            (Some("Application/X-WWW-Form-Urlencoded; charset=UTF-8"), VALID.to_owned(), Ok(864_000)),
            // FreshRSS still sends `hub.verify`.
            (Some(FORM), format!("{VALID}&hub.verify=sync&foo=bar&hub.verify=async"), Ok(864_000)),
            (Some(FORM), format!("{VALID}&hub.lease_seconds=7200"), Ok(7_200)),
            (Some(FORM), format!("{VALID}&hub.lease_seconds=0"), Ok(300)),
            (Some(FORM), format!("{VALID}&hub.lease_seconds="), Ok(864_000)),
            (Some(FORM), format!("{VALID}&hub.lease_seconds=99999999999999999999999"), Ok(2_592_000)),
            (Some(FORM), format!("{VALID}&hub.lease_seconds=-5"), Err(400)),
            (Some(FORM), format!("{VALID}&hub.lease_seconds=soon"), Err(400)),
            (Some(FORM), secret(199), Ok(864_000)),
            (Some(FORM), secret(200), Err(400)),
            (Some(FORM), format!("{VALID}&hub.secret="), Ok(864_000)),
            (Some(FORM), format!("{VALID}&hub.secret=%ff"), Err(400)),
            (Some(FORM), VALID.replace("subscribe", "unsubscribe"), Ok(864_000)),
            (Some(FORM), VALID.replace("subscribe", "publish"), Err(400)),
            (Some(FORM), VALID.replace("hub.mode", "mode"), Err(400)),
            (Some(FORM), VALID.replace("hub.topic", "topic"), Err(400)),
            (Some(FORM), VALID.replace("hub.callback", "callback"), Err(400)),
            (Some(FORM), format!("{VALID}&hub.mode=unsubscribe"), Err(400)),
            (Some(FORM), format!("{VALID}&hub.mode=subscribe"), Ok(864_000)),
            (Some(FORM), VALID.replace("https%3A%2F%2Fr", "file%3A%2F%2Fr"), Err(400)),
            (Some(FORM), String::new(), Err(400)),
            (Some("multipart/form-data; boundary=x"), VALID.to_owned(), Err(415)),
            (Some("application/json"), VALID.to_owned(), Err(415)),
            (None, VALID.to_owned(), Err(415)),
        ] {
            let parsed = Request::parse(content_type, body.as_bytes(), &[]);
            let found = parsed.map(|request| request.lease.as_secs()).map_err(|refusal| refusal.status);
            assert_eq!(found, expected, "{content_type:?} {body}");
        }
    }
}
