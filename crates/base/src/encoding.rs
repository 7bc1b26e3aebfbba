//! Percent-encoding of URL segments, and escapes for HTML and XML.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use pulldown_cmark_escape::escape_html_body_text;

/// All ASCII characters except the unreserved ones (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Percent-encodes one path segment (RFC 3986, section 3.3): everything but unreserved characters.
pub fn encode_segment(segment: &str) -> String {
    utf8_percent_encode(segment, RESERVED).to_string()
}

/// Decodes a percent-encoded segment once: `%252e` becomes `%2e`. A `%` without two hexadecimal digits after it stays as it is.
pub fn decode_segment(segment: &str) -> Cow<'_, [u8]> {
    percent_decode_str(segment).into()
}

/// Decodes percent-encoding. `None` if the result isn't UTF-8. A `%` without two digits is kept.
pub fn percent_decoded(segment: &str) -> Option<String> {
    str::from_utf8(&decode_segment(segment)).ok().map(str::to_owned)
}

/// Whether two hexadecimal digits follow each `%` (RFC 3986, section 2.1).
pub fn is_valid_segment(segment: &str) -> bool {
    let is_escape =
        |rest: &str| matches!(rest.as_bytes(), [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
    segment.split('%').skip(1).all(is_escape)
}

/// Escapes text for HTML and XML: `&`, `<` and `>`.
pub fn escape_text(text: &str, markup: &mut String) {
    // Writing to a string can't fail.
    escape_html_body_text(markup, text).unwrap_or_default();
}

/// Escapes a value for a double-quoted attribute of HTML: `&`, `<`, `>` and `"`.
pub fn escape_attribute(value: &str, markup: &mut String) {
    for (number, piece) in value.split('"').enumerate() {
        if number > 0 {
            markup.push_str("&quot;");
        }
        escape_text(piece, markup);
    }
}

/// Escapes a value for a double-quoted attribute of XML. Includes line breaks and tabs, which parsers normalise to spaces (XML 1.0,
/// section 3.3.3).
pub fn escape_xml_attribute(value: &str, markup: &mut String) {
    for piece in value.split_inclusive(['\n', '\t']) {
        match piece.strip_suffix(['\n', '\t']) {
            Some(before) => {
                escape_attribute(before, markup);
                markup.push_str(if piece.ends_with('\n') { "&#xA;" } else { "&#x9;" });
            }
            None => escape_attribute(piece, markup),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_decoded_once() {
        for (encoded, decoded, is_valid) in [
            ("a-b", "a-b", true),
            ("%2E%2e", "..", true),
            ("%252e", "%2e", true),
            ("caf%C3%A9", "café", true),
            ("50%", "50%", false),
            ("%g1%4", "%g1%4", false),
            ("%+1", "%+1", false),
            ("科技", "科技", true),
        ] {
            assert_eq!(String::from_utf8_lossy(&decode_segment(encoded)), decoded);
            assert_eq!(is_valid_segment(encoded), is_valid, "{encoded}");
        }
        assert_eq!(encode_segment("a/b c~é'"), "a%2Fb%20c~%C3%A9%27");
    }

    #[test]
    fn markup_in_text_is_escaped() {
        for (escape, escaped) in [
            (escape_text as fn(&str, &mut String), "a &lt;b&gt; &amp; \"c\" 'd'\n\t"),
            (escape_attribute, "a &lt;b&gt; &amp; &quot;c&quot; 'd'\n\t"),
            (escape_xml_attribute, "a &lt;b&gt; &amp; &quot;c&quot; 'd'&#xA;&#x9;"),
        ] {
            let mut markup = String::new();
            escape("a <b> & \"c\" 'd'\n\t", &mut markup);
            assert_eq!(markup, escaped);
        }
    }
}
