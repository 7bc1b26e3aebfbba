//! Converts one-line fields with inline HTML, such as `T <em>x</em> &amp; y`, to text.
//!
//! Only balanced tags of inline elements are markup. A lone `<` and the name of a tag in a sentence stay.

use std::borrow::Cow;

use super::hidden_text::without_hidden;

/// Elements inside a line, and elements that some tools put around one.
const ELEMENTS: &[&str] = &[
    "a", "abbr", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "div", "em", "font", "i", "ins",
    "kbd", "mark", "p", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var",
];
/// Elements without an end tag.
const VOID: &[&str] = &["br", "img", "wbr"];
/// Elements that become a blank.
const BLANK: &[&str] = &["br", "div", "p"];
/// How many tags may be open at once. A line has fewer.
const MAX_OPEN: usize = 64;

/// A tag of one of the known elements.
struct Tag<'t> {
    start: usize,
    end: usize,
    name: &'t str,
    kind: TagKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum TagKind {
    Start,
    End,
    Void,
}

/// The visible text of a field that may contain inline HTML and character references.
pub(super) fn inline_text(raw: &str) -> Cow<'_, str> {
    super::steps::add(raw.len());
    if !raw.contains(['<', '&']) {
        return Cow::Borrowed(raw);
    }
    // Hidden elements are removed while their tags are still there.
    match without_hidden(raw) {
        Cow::Borrowed(shown) => decoded(without_tags(shown)),
        Cow::Owned(shown) => Cow::Owned(decoded(without_tags(&shown)).into_owned()),
    }
}

fn without_tags(text: &str) -> Cow<'_, str> {
    let tags = balanced_tags(text);
    if tags.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for tag in tags {
        shown.push_str(text.get(from..tag.start).unwrap_or_default());
        if BLANK.contains(&tag.name.to_ascii_lowercase().as_str()) {
            shown.push(' ');
        }
        from = tag.end;
    }
    shown.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(shown)
}

/// The tags of balanced elements, in order.
fn balanced_tags(text: &str) -> Vec<Tag<'_>> {
    let mut tags: Vec<(Tag<'_>, bool)> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut from = 0;
    while let Some(tag) = next_tag(text, from) {
        from = tag.end;
        let index = tags.len();
        let mut is_balanced = tag.kind == TagKind::Void;
        match tag.kind {
            TagKind::Start if open.len() < MAX_OPEN => open.push(index),
            TagKind::End => {
                let is_same =
                    |at: &usize| tags.get(*at).is_some_and(|(known, _)| known.name.eq_ignore_ascii_case(tag.name));
                if let Some(depth) = open.iter().rposition(is_same) {
                    let start = open.get(depth).copied();
                    open.truncate(depth);
                    if let Some((_, is_balanced)) = start.and_then(|start| tags.get_mut(start)) {
                        *is_balanced = true;
                    }
                    is_balanced = true;
                }
            }
            _ => {}
        }
        tags.push((tag, is_balanced));
    }
    tags.into_iter().filter(|(_, is_balanced)| *is_balanced).map(|(tag, _)| tag).collect()
}

/// The next tag of a known element at or after a byte offset.
fn next_tag(text: &str, from: usize) -> Option<Tag<'_>> {
    let mut at = from;
    loop {
        let start = at + text.get(at..)?.find('<')?;
        let rest = text.get(start + 1..)?;
        let (rest, is_end) = rest.strip_prefix('/').map_or((rest, false), |rest| (rest, true));
        let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let (name, attributes) = rest.split_at_checked(length)?;
        let lower = name.to_ascii_lowercase();
        let is_void = VOID.contains(&lower.as_str());
        let is_known = is_void || ELEMENTS.contains(&lower.as_str());
        if let Some(length) = tag_end(attributes).filter(|_| is_known) {
            let end = text.len() - attributes.len() + length;
            let kind = match (is_void, is_end) {
                (true, _) => TagKind::Void,
                (false, true) => TagKind::End,
                (false, false) => TagKind::Start,
            };
            return Some(Tag { start, end, name, kind });
        }
        at = start + 1;
    }
}

/// The length of a tag's attributes with the closing `>`. `None` if they aren't attributes.
fn tag_end(attributes: &str) -> Option<usize> {
    /// No tag in a line is longer.
    const MAX_BYTES: usize = 2_000;
    if !attributes.starts_with(|c: char| matches!(c, '>' | '/') || c.is_whitespace()) {
        return None;
    }
    let mut quote = None;
    for (at, byte) in attributes.bytes().enumerate().take(MAX_BYTES) {
        match (byte, quote) {
            (b'"' | b'\'', Some(open)) if byte == open => quote = None,
            (_, Some(_)) => {}
            (b'"' | b'\'', None) => quote = Some(byte),
            (b'>', None) => return Some(at + 1),
            (b'<', None) => return None,
            _ => {}
        }
    }
    None
}

/// Decodes character references.
fn decoded(text: Cow<'_, str>) -> Cow<'_, str> {
    let may_refer = text.find('&').is_some_and(|at| text.get(at..).is_some_and(|rest| rest.contains(';')));
    if !may_refer {
        return text;
    }
    let escaped = text.replace('<', "&lt;");
    Cow::Owned(scraper::Html::parse_fragment(&escaped).root_element().text().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn balanced_markup_becomes_text() {
        for (raw, expected) in [
            ("T <em>x</em> &amp; y < z", "T x & y < z"),
            ("Part of the <a href=\"/t?a>b\">tools</a> & more", "Part of the tools & more"),
            ("a<br>b<br />c", "a b c"),
            ("<p>One</p><p>Two</p>", " One  Two "),
            ("Use <b> for bold", "Use <b> for bold"),
            ("The <hidden> tag and </b>", "The <hidden> tag and </b>"),
            ("Vec<T> and Box<dyn Fn(u8)>", "Vec<T> and Box<dyn Fn(u8)>"),
            ("<b>a <i>b</b> c</i>", "a <i>b c</i>"),
            ("1 < 2 > 0", "1 < 2 > 0"),
            ("AT&T; &copy; &#x2014; &lt;b&gt;", "AT&T; © — <b>"),
            ("R&D", "R&D"),
            ("<span style='display:none'>S</span><b>x</b>", "x"),
        ] {
            assert_eq!(inline_text(raw), expected, "{raw}");
        }
    }
}
