//! Limits the cost of parsing HTML. Markup is *tangled* if it exceeds a limit.

use super::lists::VOID;

/// How many elements may be open at once.
const MAX_DEPTH: usize = 400;

/// The largest sum of the depths of all tags.
const MAX_COST: usize = 3_000_000;

/// How many tags markup may have. Several books together have fewer.
const MAX_TAGS: usize = 500_000;

/// How many attributes a tag may have. The parser compares each with all before it.
const MAX_ATTRIBUTES: u32 = 2_000;

/// The limit that markup exceeds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Excess {
    Nesting,
    Tags,
    Attributes,
}

impl Excess {
    /// The message. `markup` is the subject.
    pub(crate) fn message(self, markup: &str) -> String {
        match self {
            Excess::Nesting => format!("{markup} nests too many elements, or leaves too many open"),
            Excess::Tags => format!("{markup} has more than {MAX_TAGS} tags"),
            Excess::Attributes => {
                format!(
                    "{markup} has an element with more than {MAX_ATTRIBUTES} attributes, or a tag that isn't closed"
                )
            }
        }
    }

    pub(crate) fn help(self) -> String {
        match self {
            Excess::Nesting => format!("close what is opened, and keep the nesting below {MAX_DEPTH} levels"),
            Excess::Tags => "divide it into several articles".to_owned(),
            Excess::Attributes => "remove attributes, close the tag with `>`, or write `&lt;` for `<`".to_owned(),
        }
    }
}

/// Whether the markup exceeds a limit, so parsing it could cost far more than its length suggests.
pub(crate) fn too_tangled(html: &str) -> bool {
    excess(html).is_some()
}

/// The limit that the markup exceeds, if any. For each start tag, the parser may examine all open elements and reopen all open formatting
/// elements. The sum of depths bounds both. Real pages are far below the limits.
pub(crate) fn excess(html: &str) -> Option<Excess> {
    crate::article::steps::add(html.len());
    // These elements nest only with other elements between them.
    const OPTIONAL_END_TAGS: &[&str] =
        &["p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "option", "rt", "rp"];
    let mut open: Vec<&str> = Vec::new();
    let (mut cost, mut tags) = (0_usize, 0_usize);
    for chunk in html.split('<').skip(1) {
        let (closing, rest) = chunk.strip_prefix('/').map_or((false, chunk), |rest| (true, rest));
        let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = rest.get(..name_end).unwrap_or_default();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        tags += 1;
        if tags > MAX_TAGS {
            return Some(Excess::Tags);
        }
        cost += 1 + open.len();
        if cost > MAX_COST {
            return Some(Excess::Nesting);
        }
        let is = |known: &&str| known.eq_ignore_ascii_case(name);
        if VOID.iter().any(is) || OPTIONAL_END_TAGS.iter().any(is) {
            continue;
        }
        if closing {
            if let Some(at) = open.iter().rposition(|opened| opened.eq_ignore_ascii_case(name)) {
                open.truncate(at);
            }
        } else {
            open.push(name);
            if open.len() > MAX_DEPTH {
                return Some(Excess::Nesting);
            }
        }
    }
    has_too_many_attributes(html).then_some(Excess::Attributes)
}

/// The state of the tokenizer in a tag (HTML, sections 13.2.5.8 and 13.2.5.32 to 39).
#[derive(Clone, Copy)]
enum InTag {
    TagName,
    BeforeName,
    Name,
    AfterName,
    BeforeValue,
    DoubleQuoted,
    SingleQuoted,
    Unquoted,
    AfterQuoted,
}

use InTag::{AfterName, AfterQuoted, BeforeName, BeforeValue, DoubleQuoted, Name, SingleQuoted, TagName, Unquoted};

impl InTag {
    const ALL: [InTag; 9] =
        [TagName, BeforeName, Name, AfterName, BeforeValue, DoubleQuoted, SingleQuoted, Unquoted, AfterQuoted];

    /// The state after a byte, and whether the byte begins an attribute. `None` at the end of the tag.
    fn after(self, byte: u8) -> Option<(InTag, bool)> {
        let is_blank = matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c');
        let next = match (self, byte) {
            (DoubleQuoted, b'"') | (SingleQuoted, b'\'') => AfterQuoted,
            (DoubleQuoted | SingleQuoted, _) => self,
            (_, b'>') => return None,
            (BeforeValue, _) if is_blank => BeforeValue,
            (BeforeValue, b'"') => DoubleQuoted,
            (BeforeValue, b'\'') => SingleQuoted,
            (BeforeValue, _) => Unquoted,
            (Unquoted, _) => {
                if is_blank {
                    BeforeName
                } else {
                    Unquoted
                }
            }
            (Name | AfterName, _) if is_blank => AfterName,
            (Name | AfterName, b'=') => BeforeValue,
            (_, b'/') => BeforeName,
            (_, _) if is_blank => BeforeName,
            (TagName | Name, _) => self,
            (BeforeName | AfterName | AfterQuoted, _) => return Some((Name, true)),
        };
        Some((next, false))
    }
}

/// A cheap check whether a tag may have more than [`MAX_ATTRIBUTES`].
pub(crate) fn may_exceed_attributes(text: &str) -> bool {
    let is_separator = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'"' | b'\'');
    let most = usize::try_from(MAX_ATTRIBUTES).unwrap_or(usize::MAX);
    text.len() > most && text.bytes().filter(is_separator).nth(most).is_some()
}

/// Whether a tag may have more than [`MAX_ATTRIBUTES`]. Every `<` counts as the start of a tag, because the real starts depend on all
/// markup before them. A backward pass computes the counts for all states at once.
fn has_too_many_attributes(html: &str) -> bool {
    if !may_exceed_attributes(html) {
        return false;
    }
    let mut attributes = [0_u32; InTag::ALL.len()];
    let mut next = b' ';
    for byte in html.bytes().rev() {
        let of = |state: InTag| attributes.get(state as usize).copied().unwrap_or_default();
        if byte == b'<' && (next.is_ascii_alphabetic() || next == b'/') && of(TagName) > MAX_ATTRIBUTES {
            return true;
        }
        attributes = InTag::ALL.map(|state| match state.after(byte) {
            None => 0,
            Some((state, begins)) => of(state).saturating_add(u32::from(begins)),
        });
        next = byte;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_counted_in_every_tag() {
        let many = |attribute: &str| attribute.repeat(2_001);
        for (html, expected) in [
            (format!("<p {}>x</p>", many("a=1 ")), true),
            (format!("<p {}>x</p>", many("a='>' ")), true),
            (format!("<p {}>x</p>", many("a=\"<\"")), true),
            (format!("<p{}", many("/a")), true),
            (format!("</p {}>", many("\na")), true),
            (format!("<!-- ' <b a=\" --><p {}>", many("a ")), true),
            (format!("<script>'<b a=\"'</script><p {}>", many("a=x ")), true),
            (format!("<p title=\"{}\">x</p>", many("word < ")), false),
            (format!("<p title='{}'>x</p>", many("\"word\" ")), false),
            (many("<p a=1 b=2 c>x</p>"), false),
            (format!("a < b {}", many("word ")), false),
            (format!("<p data-x={}>", many("a/\"")), false),
            (format!("<p>{}", many("a=1 ")), false),
        ] {
            assert_eq!(has_too_many_attributes(&html), expected, "{}", html.get(..40).unwrap_or_default());
        }
    }
}
