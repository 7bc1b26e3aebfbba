//! Finds gated parts, which plug-ins show only to members: `[paywall]...[/paywall]` (WordPress), `{{< members >}}...{{< /members >}}`
//! (Hugo), `{% paywall %}...{% endpaywall %}` (Liquid, Nunjucks), and the blocks of Ghost and Jetpack. Such a part is paid, whatever else
//! the file states.
//!
//! A word in brackets begins a gated part only if a closing tag follows, or if the word is unambiguous and alone on its line.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag};
use scraper::Node;

use super::extensions::Extensions;
use super::model::Body;
use crate::types::Text;

/// Names of shortcodes, in lower case with `-` between words. Restrict Content Pro, MemberPress, WishList Member, Paid Memberships Pro,
/// Simple Membership, WooCommerce Memberships, Ultimate Member, ARMember, Members, s2Member, Passster, and plain words.
const NAMES: &[&str] = &[
    "paywall",
    "paywalled",
    "paid",
    "paid-only",
    "paid-content",
    "is-paid",
    "premium",
    "premium-content",
    "private",
    "private-content",
    "protected",
    "restrict",
    "restricted",
    "restrict-content",
    "rcp-restrict",
    "rcp-is-paid",
    "membership",
    "pmpro-member",
    "pmpro-membership",
    "member",
    "members",
    "member-only",
    "members-only",
    "membersonly",
    "members-access",
    "members-logged-in",
    "memberful",
    "subscriber",
    "subscribers",
    "subscriber-only",
    "subscribers-only",
    "subscription",
    "logged-in",
    "loggedin",
    "um-loggedin",
    "mepr-show",
    "mepr-active",
    "wlm-private",
    "wlm-ismember",
    "s2if",
    "swpm-protected",
    "emember-protected",
    "ihc-hide-content",
    "wcm-restrict",
    "arm-restrict-content",
    "content-protector",
    "passster",
    "leaky-paywall",
    "patreon",
    "vip",
    "会员",
    "付费",
];

/// Names that end the free part without a closing tag, if alone on their line.
const UNCLOSED_NAMES: &[&str] = &[
    "paywall",
    "paid-only",
    "paid-content",
    "premium-content",
    "member-only",
    "members-only",
    "membersonly",
    "subscriber-only",
    "subscribers-only",
    "leaky-paywall",
];

/// Classes of elements that only members see.
const CLASSES: &[&str] = &["kg-gated-block", "wp-block-premium-content-subscriber-view"];

/// The length of the longest tag.
const MAX_TAG_BYTES: usize = 300;

/// A tag of a gate: its name, whether it closes a part, and its byte range.
#[derive(Clone, PartialEq, Eq, Debug)]
struct GateTag {
    name: String,
    is_end: bool,
    span: Range<usize>,
}

/// A cheap check whether a text may contain a gate.
fn may_have_gate(text: &str) -> bool {
    let begins = |at: usize, next: &[u8]| text.as_bytes().get(at + 1).is_some_and(|byte| next.contains(byte));
    text.match_indices('{').any(|(at, _)| begins(at, b"{%"))
        || (text.contains('<') && (text.contains("gated-block") || text.contains("-subscriber-view")))
        || text.match_indices('[').any(|(at, _)| {
            if begins(at, b"/") {
                return true;
            }
            let tag = text.get(at + 1..).unwrap_or_default().trim_start().as_bytes();
            UNCLOSED_NAMES.iter().any(|name| {
                let same =
                    |(one, other): (&u8, u8)| one.eq_ignore_ascii_case(&other) || (*one == b'_' && other == b'-');
                tag.len() >= name.len() && tag.iter().zip(name.bytes()).all(same)
            })
        })
}

/// A cheap check whether a node of a page may be the tag of a gate.
pub(super) fn may_be_tag(node: &Node) -> bool {
    let is_named = |text: &str| CLASSES.iter().any(|class| text.contains(class));
    match node {
        Node::Text(text) => text.contains(['[', '{']),
        Node::Comment(comment) => is_named(comment),
        Node::Element(element) => element.attr("class").is_some_and(is_named),
        _ => false,
    }
}

/// Whether the body contains a gated part.
pub(super) fn has_gate(body: &Body) -> bool {
    match body {
        Body::Markdown(text) => !gates_in_markdown(text).parts.is_empty(),
        Body::Html(html) => page_has_gate(html),
        Body::Paragraphs(paragraphs) => !gates_in_text(&joined(paragraphs)).parts.is_empty(),
        Body::Paid { whole, .. } => has_gate(whole),
    }
}

/// Whether HTML contains a gated part.
pub(super) fn page_has_gate(html: &str) -> bool {
    !gates_in_html(html).parts.is_empty()
}

/// The body without gated parts.
pub(super) fn without_gated(body: &Body) -> Body {
    without(body, |gates| gates.parts)
}

/// The body as members read it: with gated parts but without their tags.
pub(super) fn without_tags(body: &Body) -> Body {
    without(body, |gates| gates.tags)
}

/// HTML without gated parts.
pub(super) fn page_without_gated(html: &str) -> Cow<'_, str> {
    without_ranges(html, &gates_in_html(html).parts)
}

fn without(body: &Body, ranges: impl Fn(Gates) -> Vec<Range<usize>>) -> Body {
    match body {
        Body::Markdown(text) => Body::Markdown(without_ranges(text, &ranges(gates_in_markdown(text))).into_owned()),
        Body::Html(html) => Body::Html(without_ranges(html, &ranges(gates_in_html(html))).into_owned()),
        Body::Paragraphs(paragraphs) => {
            let text = joined(paragraphs);
            let left = without_ranges(&text, &ranges(gates_in_text(&text))).into_owned();
            Body::Paragraphs(left.split('\n').map(Text::line).filter(|text| !text.is_empty()).collect())
        }
        Body::Paid { .. } => body.clone(),
    }
}

fn joined(paragraphs: &[Text]) -> String {
    paragraphs.iter().map(Text::as_str).collect::<Vec<_>>().join("\n")
}

fn without_ranges<'t>(text: &'t str, parts: &[Range<usize>]) -> Cow<'t, str> {
    if parts.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut left = String::with_capacity(text.len());
    let mut from = 0;
    for part in parts {
        left.push_str(text.get(from..part.start).unwrap_or_default());
        from = from.max(part.end);
    }
    left.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(left)
}

fn gates_in_text(text: &str) -> Gates {
    if may_have_gate(text) { parts(text, &[]) } else { Gates::default() }
}

fn gates_in_markdown(text: &str) -> Gates {
    if !may_have_gate(text) {
        return Gates::default();
    }
    let code = Parser::new_ext(text, Extensions::DEFAULT.options())
        .into_offset_iter()
        .filter_map(|(event, span)| matches!(event, Event::Code(_) | Event::Start(Tag::CodeBlock(_))).then_some(span));
    parts(text, &code.collect::<Vec<_>>())
}

fn gates_in_html(html: &str) -> Gates {
    if !may_have_gate(html) {
        return Gates::default();
    }
    let lower = html.to_ascii_lowercase();
    let mut code = Vec::new();
    let mut from = 0;
    // Scripts and styles contain brackets too.
    const CODE: &[&str] = &["pre", "code", "script", "style", "textarea"];
    while let Some(open) = lower.get(from..).and_then(|rest| rest.find('<')).map(|at| from + at) {
        from = open + 1;
        let rest = lower.get(from..).unwrap_or_default();
        let Some(name) = CODE.iter().find(|name| {
            rest.strip_prefix(**name)
                .is_some_and(|rest| rest.starts_with(|c: char| c == '>' || c == '/' || c.is_whitespace()))
        }) else {
            continue;
        };
        // Without an end tag, the match is inside a comment or an attribute.
        let Some(end) = rest.find(&format!("</{name}")).map(|at| from + at) else { continue };
        code.push(open..end);
        from = end;
    }
    parts(html, &code)
}

/// The outermost gated parts in order, and all their tags. `code` has the ranges of code in order; tags in them don't count.
fn parts(text: &str, code: &[Range<usize>]) -> Gates {
    let mut tags = tags(text);
    tags.retain(|tag| !is_inside(tag.span.start, code));
    let mut parts = Vec::new();
    // For each name: the number of open tags, and the number of end tags that follow.
    let mut counts: HashMap<&str, (usize, usize)> = HashMap::new();
    tags.iter().filter(|tag| tag.is_end).for_each(|tag| counts.entry(&tag.name).or_default().1 += 1);
    let mut open: Vec<&GateTag> = Vec::new();
    for tag in &tags {
        let (opened, ends) = counts.entry(&tag.name).or_default();
        if tag.is_end {
            *ends -= 1;
            if *opened == 0 {
                continue;
            }
            // Closes the innermost part of that name and all parts left open inside.
            while let Some(start) = open.pop() {
                counts.entry(&start.name).or_default().0 -= 1;
                if start.name == tag.name {
                    if open.is_empty() {
                        parts.push(start.span.start..tag.span.end);
                    }
                    break;
                }
            }
        } else if *ends > 0 {
            *opened += 1;
            open.push(tag);
        } else if open.is_empty() && ends_free_part(text, tag) {
            parts.push(tag.span.start..text.len());
            break;
        }
    }
    let tags = tags.into_iter().map(|tag| tag.span).filter(|tag| is_inside(tag.start, &parts)).collect();
    Gates { parts, tags }
}

/// The gated parts of a text.
#[derive(Default)]
struct Gates {
    /// The outermost gated parts.
    parts: Vec<Range<usize>>,
    /// The tags in and around them.
    tags: Vec<Range<usize>>,
}

fn is_inside(at: usize, ranges: &[Range<usize>]) -> bool {
    let next = ranges.partition_point(|range| range.start <= at);
    next > 0 && ranges.get(next - 1).is_some_and(|range| at < range.end)
}

/// Whether an unclosed gate ends the free part: an element, a comment, or a word alone on its line.
fn ends_free_part(text: &str, tag: &GateTag) -> bool {
    if CLASSES.contains(&tag.name.as_str()) {
        return true;
    }
    let before = text.get(..tag.span.start).unwrap_or_default().trim_end_matches([' ', '\t']);
    let after = text.get(tag.span.end..).unwrap_or_default().trim_start_matches([' ', '\t']);
    UNCLOSED_NAMES.contains(&tag.name.as_str())
        && (before.is_empty() || before.ends_with(['\n', '\r', '>']))
        && (after.is_empty() || after.starts_with(['\n', '\r', '<']))
}

/// Whether a text begins with the tag of a gate in braces.
pub(super) fn is_braced_tag(text: &str) -> bool {
    let near = text.get(1..text.floor_char_boundary(MAX_TAG_BYTES));
    text.starts_with('{') && near.is_some_and(|near| parse_braced_tag(near).is_some())
}

/// The tags of a text that are gates.
fn tags(text: &str) -> Vec<GateTag> {
    let mut tags = Vec::new();
    for (at, opening) in text.match_indices(['[', '{', '<']) {
        // The second brace of `{{` begins no other tag.
        if tags.last().is_some_and(|last: &GateTag| at < last.span.end) {
            continue;
        }
        let rest = text.get(at + opening.len()..).unwrap_or_default();
        let end = (0..=MAX_TAG_BYTES.min(rest.len())).rev().find(|end| rest.is_char_boundary(*end)).unwrap_or_default();
        let near = rest.get(..end).unwrap_or_default();
        let found = match opening {
            "[" => near.split_once(']').and_then(|(tag, _)| Some((parse_tag(tag)?, tag.len() + 1))),
            "{" => parse_braced_tag(near),
            _ => parse_element(near),
        };
        if let Some(((name, is_end), length)) = found {
            tags.push(GateTag { name, is_end, span: at..at + opening.len() + length });
        }
    }
    tags
}

/// Parses the inside of a tag: its name, and whether it is an end tag.
fn parse_tag(tag: &str) -> Option<(String, bool)> {
    let tag = tag.trim();
    let (tag, is_end) = match tag.strip_prefix('/') {
        Some(tag) => (tag.trim(), true),
        None => (tag, false),
    };
    let name = tag.split(|c: char| c.is_whitespace() || c == '=').next().unwrap_or_default();
    let name = name.to_lowercase().replace('_', "-");
    NAMES.contains(&name.as_str()).then_some((name, is_end))
}

/// Parses a tag after its first brace: `{< paywall >}}`, `{% paywall %}}`, `% endpaywall %}`.
fn parse_braced_tag(near: &str) -> Option<((String, bool), usize)> {
    // In HTML, the angle brackets are escaped.
    let hugo = [("{<", ">}}"), ("{&lt;", "&gt;}}"), ("{%", "%}}")].into_iter().find_map(|(open, close)| {
        let (tag, _) = near.strip_prefix(open)?.split_once(close)?;
        Some((parse_tag(tag)?, open.len() + tag.len() + close.len()))
    });
    let liquid = || {
        let (tag, _) = near.strip_prefix('%')?.split_once("%}")?;
        let length = 1 + tag.len() + 2;
        let tag = tag.trim_matches('-').trim();
        let ended = tag.strip_prefix("end").and_then(|name| parse_tag(name.trim_start_matches('_')));
        let found = ended.map(|(name, _)| (name, true)).or_else(|| parse_tag(tag))?;
        Some((found, length))
    };
    hugo.or_else(liquid)
}

/// Parses Ghost's comments, and elements with a class of [`CLASSES`], after their `<`.
fn parse_element(near: &str) -> Option<((String, bool), usize)> {
    const GHOST: &str = "kg-gated-block";
    if let Some((comment, _)) = near.strip_prefix("!--").and_then(|rest| rest.split_once("-->")) {
        let length = 3 + comment.len() + 3;
        let rest = comment.trim().strip_prefix(GHOST)?.strip_prefix(':')?;
        // A part that visitors see too isn't gated.
        let is_public = rest.contains("nonMember:true");
        return match rest.split_whitespace().next()? {
            "begin" if !is_public => Some(((GHOST.to_owned(), false), length)),
            "end" => Some(((GHOST.to_owned(), true), length)),
            _ => None,
        };
    }
    let (tag, _) = near.split_once('>')?;
    let (_, class) = tag.split_once("class=")?;
    let quote = class.chars().next()?;
    let class = match quote {
        '"' | '\'' => class.get(1..)?.split(quote).next()?,
        _ => class.split(char::is_whitespace).next()?,
    };
    let name = class.split_whitespace().find(|class| CLASSES.contains(class))?;
    // The end of the element isn't searched for: all text after its start is gated.
    Some(((name.to_owned(), false), tag.len() + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gated_parts_are_removed() {
        for (text, expected) in [
            ("A\n\n[paywall]\n\nS\n\n[/paywall]\n\nB", "A\n\n\n\nB"),
            ("A [restrict paid=\"true\"]S[/restrict] B", "A  B"),
            ("A [membership level='1']S[/membership] B", "A  B"),
            ("A [Members_Only]S[/members-only] B", "A  B"),
            ("A [private]S [private]S[/private] S[/private] B", "A  B"),
            ("A {{< paywall >}}S{{< /paywall >}} B", "A  B"),
            ("A {{% members %}}S{{% /members %}} B", "A  B"),
            ("A {% paywall %}S{% endpaywall %} B", "A  B"),
            ("A {%- members -%}S{%- endmembers -%} B", "A  B"),
            ("A [s2If current_user_can(access_s2member_level1)]S[/s2If] B", "A  B"),
            ("A <!--kg-gated-block:begin nonMember:false memberSegment:\"\" -->S<!--kg-gated-block:end--> B", "A  B"),
            (
                "A <!--kg-gated-block:begin nonMember:true memberSegment:\"\" -->C<!--kg-gated-block:end--> B",
                "A <!--kg-gated-block:begin nonMember:true memberSegment:\"\" -->C<!--kg-gated-block:end--> B",
            ),
            ("A\n[paywall]\nS", "A\n"),
            ("A\n[members_only]\nS", "A\n"),
            ("A\n[Paywall]\nS", "A\n"),
            ("A\n[ PAID_ONLY ]\nS", "A\n"),
            ("A <div class=\"kg-card kg-gated-block\">S</div>", "A "),
            ("A [private] B", "A [private] B"),
            ("A\n[private]\nB", "A\n[private]\nB"),
            ("A [paywall] B", "A [paywall] B"),
            ("A [/paywall] B", "A [/paywall] B"),
            ("A [/paywall] [paywall] B", "A [/paywall] [paywall] B"),
            ("Write `[paywall]x[/paywall]` here.", "Write `[paywall]x[/paywall]` here."),
            ("```\n[paywall]\nx\n[/paywall]\n```", "```\n[paywall]\nx\n[/paywall]\n```"),
            ("[gallery]x[/gallery]", "[gallery]x[/gallery]"),
        ] {
            let left = without_gated(&Body::Markdown(text.to_owned()));
            assert_eq!(left, Body::Markdown(expected.to_owned()), "{text}");
            assert_eq!(has_gate(&Body::Markdown(text.to_owned())), text != expected, "{text}");
        }
        for (html, expected) in [
            ("<p>[paywall]</p><p>S</p><p>[/paywall]</p><p>B</p>", "<p></p><p>B</p>"),
            ("<p>[paywall]</p><p>S</p>", "<p>"),
            ("<p><code>[paywall]x[/paywall]</code></p>", "<p><code>[paywall]x[/paywall]</code></p>"),
            ("<!-- <pre> --><p>[paywall]S[/paywall]</p>", "<!-- <pre> --><p></p>"),
            ("<p title='<code>'>[paywall]S[/paywall]</p>", "<p title='<code>'></p>"),
            ("<p>{{&lt; members &gt;}}S{{&lt; /members &gt;}}</p>", "<p></p>"),
            ("<p>[restrict paid=&quot;true&quot;]S[/restrict]</p>", "<p></p>"),
        ] {
            assert_eq!(page_without_gated(html), expected);
        }
        let paragraphs = |lines: &[&str]| Body::Paragraphs(lines.iter().map(|line| Text::new(line)).collect());
        let gated = paragraphs(&["A", "[paywall]", "S", "[/paywall]", "B"]);
        assert_eq!(without_gated(&gated), paragraphs(&["A", "B"]));
        assert_eq!(without_tags(&gated), paragraphs(&["A", "S", "B"]));
        let many = "[paywall]".repeat(50_000) + &"[/members]".repeat(50_000) + &"[/paywall]".repeat(50_000);
        assert_eq!(without_gated(&Body::Html(many)), Body::Html(String::new()));
    }
}
