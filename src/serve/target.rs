//! Canonicalises request paths, so that they match the snapshot's keys. Paths that could lead out of the published tree are refused.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;

use crate::encoding::{decode_segment, encode_segment, is_valid_segment};

/// Why a path is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PathError {
    /// The percent-encoding is malformed, or the path doesn't start with `/`.
    Malformed,
    /// No published path can have this form.
    NotFound,
}

/// Returns the canonical spelling of a request path (RFC 3986, section 6.2.2): each segment is decoded once, checked and encoded
/// again as `encoding::encode_segment` does. A trailing slash stays.
///
/// # Errors
/// [`PathError::NotFound`] if a decoded segment is empty (except the last), is `.` or `..`, contains a slash, backslash or control
/// character, or isn't UTF-8. Decoding happens once: `%252e` is the text `%2e`, not a dot.
pub(super) fn canonical(path: &str) -> Result<Cow<'_, str>, PathError> {
    let segments = path.strip_prefix('/').ok_or(PathError::Malformed)?;
    if is_canonical(segments) {
        return Ok(Cow::Borrowed(path));
    }
    let mut encoded = String::with_capacity(path.len());
    let mut segments = segments.split('/').peekable();
    while let Some(segment) = segments.next() {
        encoded.push('/');
        if !is_valid_segment(segment) {
            return Err(PathError::Malformed);
        }
        let decoded = decode_segment(segment);
        let decoded = str::from_utf8(&decoded).map_err(|_| PathError::NotFound)?;
        let is_last = segments.peek().is_none();
        if (decoded.is_empty() && !is_last)
            || decoded == "."
            || decoded == ".."
            || decoded.contains(|c: char| matches!(c, '/' | '\\') || c.is_control())
        {
            return Err(PathError::NotFound);
        }
        encoded.push_str(&encode_segment(decoded));
    }
    Ok(Cow::Owned(encoded))
}

/// Returns the path in composed Unicode (NFC) if that differs.
pub(super) fn composed(canonical_path: &str) -> Option<String> {
    if !canonical_path.contains('%') {
        return None;
    }
    let mut encoded = String::with_capacity(canonical_path.len());
    for segment in canonical_path.split('/').skip(1) {
        encoded.push('/');
        encoded.push_str(&encode_segment(&str::from_utf8(&decode_segment(segment)).ok()?.nfc().collect::<String>()));
    }
    (encoded != canonical_path).then_some(encoded)
}

/// Whether the path is canonical already, as nearly all are.
fn is_canonical(segments: &str) -> bool {
    segments.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/'))
        && !segments.starts_with('/')
        && !segments.contains("//")
        && segments.split('/').all(|segment| segment != "." && segment != "..")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_have_one_canonical_spelling() {
        use PathError::{Malformed, NotFound};
        for (path, expected) in [
            ("/", Ok("/")),
            ("/rss.xml", Ok("/rss.xml")),
            ("/technology/chips/", Ok("/technology/chips/")),
            ("/%74echnology/", Ok("/technology/")),
            ("/a%2Db", Ok("/a-b")),
            ("/a!b", Ok("/a%21b")),
            ("/a+b", Ok("/a%2Bb")),
            ("/a%20b", Ok("/a%20b")),
            ("/%E7%A7%91%e6%8a%80/", Ok("/%E7%A7%91%E6%8A%80/")),
            ("/科技/", Ok("/%E7%A7%91%E6%8A%80/")),
            ("/...", Ok("/...")),
            ("/.well-known", Ok("/.well-known")),
            ("/%252e%252e/x", Ok("/%252e%252e/x")),
            ("/a/%00", Err(NotFound)),
            ("/%0d%0aSet-Cookie:x", Err(NotFound)),
            ("/..", Err(NotFound)),
            ("/../etc/passwd", Err(NotFound)),
            ("/a/../b", Err(NotFound)),
            ("/a/./b", Err(NotFound)),
            ("/%2e%2e/x", Err(NotFound)),
            ("/%2E./x", Err(NotFound)),
            ("/a%2fb", Err(NotFound)),
            ("/..%2fx", Err(NotFound)),
            ("/a%5cb", Err(NotFound)),
            ("/..\\x", Err(NotFound)),
            ("//", Err(NotFound)),
            ("//host/x", Err(NotFound)),
            ("/a//b", Err(NotFound)),
            ("/a//", Err(NotFound)),
            ("/%ff", Err(NotFound)),
            ("/%c0%ae%c0%ae/x", Err(NotFound)),
            ("/%c2%80", Err(NotFound)),
            ("", Err(Malformed)),
            ("*", Err(Malformed)),
            ("rss.xml", Err(Malformed)),
            ("/%", Err(Malformed)),
            ("/%2", Err(Malformed)),
            ("/%zz", Err(Malformed)),
            ("/%u0041", Err(Malformed)),
        ] {
            assert_eq!(canonical(path).as_deref(), expected.as_ref().map(|path| &**path), "{path}");
        }
    }

    proptest! {
        #[test]
        fn canonical_is_idempotent(path in "/[a-z./%0-9A-F\\\\é-]{0,12}") {
            if let Ok(encoded) = canonical(&path) {
                let again = canonical(&encoded);
                prop_assert_eq!(again.as_deref(), Ok(&*encoded));
                prop_assert!(!encoded.split('/').any(|segment| segment == ".." || segment == "."));
                prop_assert!(!encoded.contains("//") && !encoded.contains('\\'));
            }
        }
    }
}
