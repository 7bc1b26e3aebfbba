//! The head of an HTTP request.

use hyper::header::HOST;
use hyper::http::Version;
use hyper::{HeaderMap, Method, Uri};

/// Request line and header fields.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// HTTP/1.0, HTTP/1.1 or HTTP/2.
    pub version: Version,
    /// The request target, in origin, absolute or asterisk form.
    pub uri: &'a Uri,
    /// The header fields.
    pub headers: &'a HeaderMap,
}

/// Whether the request has exactly one Host field, as HTTP/1.1 requires (RFC 9112, section 3.2), and the field contains
/// only characters of a host and port.
pub(super) fn has_valid_host(head: &RequestHead<'_>) -> bool {
    let mut fields = head.headers.get_all(HOST).iter();
    match (fields.next(), fields.next()) {
        // HTTP/2 sends the host as part of the target (RFC 9113, section 8.3.1).
        (None, _) => head.version < Version::HTTP_11 || (head.version == Version::HTTP_2 && head.uri.host().is_some()),
        (Some(host), None) => host.as_bytes().iter().all(|&byte| byte.is_ascii_graphic() && !b"/\\?#@".contains(&byte)),
        (Some(_), Some(_)) => false,
    }
}
