//! Recognises HTML that needs no conversion, by a cheap check of its tags.

/// Elements that need no conversion. Markdown without raw HTML contains only these. Not derived from
/// [`ELEMENTS`](super::lists::ELEMENTS): an element that is added there is converted unless it is added here too.
const PLAIN: &[&str] = &[
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "cite",
    "code",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "section",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "u",
    "ul",
];

/// Substrings of attributes that need conversion.
const CONVERTED_ATTRIBUTES: &[&str] = &["style", "hidden", "srcset", "data-", "lazy-src"];
/// Substrings of a picture's attributes that need conversion.
const CONVERTED_PICTURE_ATTRIBUTES: &[&str] = &["//", "data:", "width", "height"];

/// Whether no tag needs conversion. A cheap check without parsing.
pub(super) fn is_plain(html: &str) -> bool {
    html.split('<').skip(1).all(|chunk| {
        let rest = chunk.strip_prefix('/').unwrap_or(chunk);
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/')).unwrap_or(rest.len());
        let (name, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // The `<` may be in a quoted value, so attributes may follow.
            return !needs_conversion(rest, false);
        }
        let attributes = rest.rsplit_once('>').map_or(rest, |(tag, _)| tag);
        PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(name))
            && !needs_conversion(attributes, name.eq_ignore_ascii_case("img"))
    })
}

/// Whether attributes need conversion.
fn needs_conversion(attributes: &str, is_picture: bool) -> bool {
    if attributes.trim().is_empty() {
        return false;
    }
    let attributes = attributes.to_ascii_lowercase();
    let of_pictures = CONVERTED_PICTURE_ATTRIBUTES.iter().filter(|_| is_picture);
    CONVERTED_ATTRIBUTES.iter().chain(of_pictures).any(|part| attributes.contains(part))
}
