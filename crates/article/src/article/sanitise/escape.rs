//! HTML escapes of the sanitiser.

use crate::encoding;

/// Escapes text for HTML; line breaks become `<br>`.
pub fn escape_lines(text: &str, html: &mut String) {
    for line in text.split_inclusive('\n') {
        encoding::escape_text(line.strip_suffix('\n').unwrap_or(line), html);
        if line.ends_with('\n') {
            html.push_str("<br>\n");
        }
    }
}

/// Escapes text like html5ever, which writes no-break spaces as `&nbsp;`.
pub(super) fn escape_text(text: &str, html: &mut String) {
    escape_pieces(text, encoding::escape_text, html);
}

/// Escapes a value for a double-quoted attribute like html5ever.
pub(super) fn escape_attribute(value: &str, html: &mut String) {
    escape_pieces(value, encoding::escape_attribute, html);
}

fn escape_pieces(text: &str, escape: fn(&str, &mut String), html: &mut String) {
    for (number, piece) in text.split('\u{a0}').enumerate() {
        if number > 0 {
            html.push_str("&nbsp;");
        }
        escape(piece, html);
    }
}

/// Undoes the five escapes that html5ever writes.
pub(super) fn unescape(escaped: &str) -> String {
    if !escaped.contains('&') {
        return escaped.to_owned();
    }
    escaped
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}
