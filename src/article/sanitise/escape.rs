//! HTML escapes of the sanitiser.

use crate::encoding::escape_text;

/// Escapes text for HTML; line breaks become `<br>`.
pub(crate) fn escape_lines(text: &str, html: &mut String) {
    for line in text.split_inclusive('\n') {
        escape_text(line.strip_suffix('\n').unwrap_or(line), html);
        if line.ends_with('\n') {
            html.push_str("<br>\n");
        }
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
