//! Detects front matter whose fences were damaged by autocorrection, an editor or a merge.
//!
//! A line of dashes may also be a thematic break in the text, so the keys below it decide. Below a line of dashes, any known key is
//! evidence of front matter. Elsewhere prose is more likely, so only a line that withholds the article is.

use std::ops::Range;

use super::fence;
use super::lines::{Line, Pair, Rule, lines, pair, rule};
use super::refusal::{FileKind, Refusal};
use crate::article::access;
use crate::article::fields::names::{self, Verdict};
use crate::article::{keys, lifecycle};

/// The facts about a text that follow from its keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// Whether dateline knows one of the keys.
    pub(super) has_known_key: bool,
    /// Whether another tool knows one of the keys.
    pub(super) has_foreign_key: bool,
    /// Whether the keys state that the article isn't public.
    pub(super) verdict: Verdict,
}

impl Evidence {
    const NONE: Evidence = Evidence { has_known_key: false, has_foreign_key: false, verdict: Verdict::Public };

    pub(super) fn of<'t>(lines: impl Iterator<Item = &'t str>, kind: FileKind<'_>) -> Evidence {
        lines.filter_map(pair).filter(|pair| !is_label(pair, kind)).fold(Evidence::NONE, |evidence, pair| Evidence {
            has_known_key: evidence.has_known_key || pair.is_known(),
            has_foreign_key: evidence.has_foreign_key || names::is_foreign(&pair.key),
            verdict: evidence.verdict.max(pair.verdict()),
        })
    }

    pub(super) fn is_front_matter(&self) -> bool {
        self.has_known_key || self.has_foreign_key || self.verdict > Verdict::Public
    }

    pub(super) fn withholds(&self) -> bool {
        self.verdict > Verdict::Public
    }
}

/// Whether the pair may be a labelled line of wire text, which the `wire` parser handles. That includes misspelt labels and words about an
/// embargo, but not `published: false`, because labels have no Boolean values.
fn is_label(pair: &Pair<'_>, kind: FileKind<'_>) -> bool {
    let FileKind::Wire(is_label) = kind else { return false };
    let name = names::nearest_withholding_key(&pair.key).unwrap_or(&pair.key);
    if access::is_key(name) {
        // A line that hides the article counts everywhere.
        return is_label(name) && !access::hides(name, pair.value);
    }
    lifecycle::resembles_embargo(&pair.key) || (is_label(name) && keys::parse_bool(pair.value).is_none())
}

/// The parts of a text that may be pairs, including those of objects on one line.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r', '{', ',', '}'])
}

/// How many lines are searched for front matter without a second fence.
const MAX_LINES: usize = 200;

/// How many lines that aren't blank may precede the text. Further below, a line about an embargo is part of the text.
pub(super) const MAX_FIRST_LINES: usize = 10;

const FENCES_HELP: &str =
    "write `---` alone on the first line, the keys below it, and `---` alone on the line below the keys";

/// Refuses a file without valid front matter if it contains damaged front matter.
pub(super) fn find(text: &str, kind: FileKind<'_>) -> Option<Refusal> {
    let opening = fence::first_line(text, 0)?;
    let visible = opening.visible();
    let rule = rule(&visible);
    let block = || Block::below(text, &opening);
    let dashed = "this looks like front matter, but its first line is not a fence";
    match rule {
        Some(Rule::Dashes) => {
            let block = block();
            // `---js`: the text below is a program, not wire text, and may have objects on one line.
            let is_program = visible.contains(|c: char| c.is_ascii_alphanumeric());
            let kind = if is_program { FileKind::Markdown } else { kind };
            let evidence = Evidence::of(block.paragraph(), kind);
            let begins_with_pair = block.paragraph().next().and_then(pair).is_some();
            let statements = || block.lines().flat_map(|line| line.text.split(['{', ',', '}', ';']));
            let withholds = evidence.withholds()
                || block.withholds(kind)
                || (is_program && Evidence::of(statements(), kind).withholds());
            if withholds || (evidence.has_known_key && begins_with_pair) {
                return Some(refusal(&opening, dashed, withholds));
            }
        }
        Some(Rule::Signs) if block().withholds(kind) => return Some(refusal(&opening, dashed, true)),
        Some(Rule::Signs) => {}
        None => {
            // `--- title: X`
            let inside = visible.trim_start_matches(['-', '–', '—', '+']);
            let evidence = Evidence::of(std::iter::once(inside), kind);
            if visible.len() - inside.len() >= 2 && (evidence.has_known_key || evidence.withholds()) {
                let withholds = evidence.withholds() || block().withholds(kind);
                return Some(refusal(
                    &opening,
                    "this looks like front matter, but a key is on the same line as its fence",
                    withholds,
                ));
            }
        }
    }
    first_lines(text, kind).or_else(|| inside_page(text, 0, kind))
}

/// Refuses a file with second front matter below the first. Tools add theirs above existing front matter, and a stray fence can close it
/// too early.
pub(super) fn find_second(text: &str, body: usize, kind: FileKind<'_>) -> Option<Refusal> {
    let opening = fence::first_line(text, body)?;
    let withholds = match rule(&opening.visible()) {
        Some(Rule::Dashes) => Block::below(text, &opening).withholds(kind),
        _ => is_closed_late(text, body),
    };
    if !withholds {
        return inside_page(text, body, kind);
    }
    let message = "there is text below the front matter that looks like more front matter";
    Some(
        Refusal::new(opening.span(), message, "put all keys between the first two fences")
            .withholding(true)
            .without_excerpt(),
    )
}

/// Refuses a file in which a line below a header without fences withholds the article.
pub(super) fn find_below_header(text: &str, body: usize, kind: FileKind<'_>) -> Option<Refusal> {
    let first = || lines(text, body).filter(|line| !line.is_blank()).take(MAX_FIRST_LINES);
    let line = first().find(|line| Evidence::of(std::iter::once(line.text), kind).verdict == Verdict::Withheld)?;
    let message = "this line withholds the article, but is below the keys at the top";
    Some(refusal(&line, message, true))
}

/// Whether a text begins with keys and a fence below them, and one key withholds the article.
fn is_closed_late(text: &str, body: usize) -> bool {
    let visible = || lines(text, body).take(MAX_LINES).filter(|line| !line.is_blank());
    let keys = || visible().take_while(|line| pair(line.text).is_some());
    let closing = visible().find(|line| pair(line.text).is_none());
    closing.is_some_and(|line| rule(&line.visible()) == Some(Rule::Dashes))
        && Evidence::of(keys().map(|line| line.text), FileKind::Markdown).verdict == Verdict::Withheld
}

/// Refuses a page with front matter below its first tags, where converters and word processors leave it: a rule, directly followed by keys
/// that withhold the article. Preformatted text is exempt, because it may show such lines to readers.
fn inside_page(text: &str, from: usize, kind: FileKind<'_>) -> Option<Refusal> {
    matches!(kind, FileKind::Page).then_some(())?;
    let mut start = from;
    let mut opening = None;
    let pieces = text.get(from..)?.split_inclusive(['<', '\n', '\r']).map(|piece| {
        let place = start;
        start += piece.len();
        (place, piece.trim_end_matches(['<', '\n', '\r']))
    });
    let is_preformatted = |piece: &str| ["pre>", "pre ", "code>", "code "].iter().any(|tag| piece.starts_with(tag));
    for (place, piece) in pieces.take_while(|(_, piece)| !is_preformatted(piece)).take(MAX_LINES * 4) {
        let shown = piece.rsplit('>').next().unwrap_or_default();
        let line = Line { text: shown, start: place + piece.len() - shown.len(), next: place + piece.len() };
        if line.is_blank() {
            continue;
        }
        if rule(&line.visible()) == Some(Rule::Dashes) {
            opening = Some(line);
        } else if pair(shown).is_none() {
            opening = None;
        } else if let Some(opening) = &opening
            && Evidence::of(std::iter::once(shown), kind).verdict == Verdict::Withheld
        {
            return Some(refusal(opening, "this looks like front matter, but is inside the page", true));
        }
    }
    None
}

/// Refuses a file whose first lines withhold the article, or are keys, without fences.
fn first_lines(text: &str, kind: FileKind<'_>) -> Option<Refusal> {
    let is_tag = |line: &Line<'_>| {
        let visible = line.visible();
        matches!(kind, FileKind::Page) && visible.starts_with('<') && !visible.starts_with("<!--")
    };
    let first =
        || lines(text, 0).filter(|line| !line.is_blank()).take(MAX_FIRST_LINES).take_while(|line| !is_tag(line));
    let withholds = |line: &Line<'_>| Evidence::of(std::iter::once(line.text), kind).verdict == Verdict::Withheld;
    if let Some(line) = first().find(withholds) {
        let message = "this line withholds the article, but is outside the front matter";
        return Some(refusal(&line, message, true).unless_label());
    }
    if !matches!(kind, FileKind::Markdown) {
        return None;
    }
    let known = first().take(2).filter(|line| pair(line.text).is_some_and(|pair| pair.is_known()));
    let evidence = Evidence::of(first().map(|line| line.text), kind);
    (known.count() == 2).then(|| {
        let line = first().next().map_or(0..0, |line| line.span());
        let message = "this looks like front matter without fences";
        Refusal::new(line, message, FENCES_HELP).withholding(evidence.withholds()).without_excerpt()
    })
}

fn refusal(line: &Line<'_>, message: &str, withholds: bool) -> Refusal {
    Refusal::new(line.span(), message, FENCES_HELP).withholding(withholds).without_excerpt()
}

/// The lines below a possible fence.
struct Block<'t> {
    text: &'t str,
    range: Range<usize>,
}

impl<'t> Block<'t> {
    /// The lines up to the next rule, or else the first paragraph.
    fn below(text: &'t str, opening: &Line<'_>) -> Block<'t> {
        let lines = || lines(text, opening.next).take(MAX_LINES);
        let ends = |line: &Line<'_>| {
            let visible = line.visible();
            !line.is_blank() && (rule(&visible) == Some(Rule::Dashes) || visible.ends_with("-->"))
        };
        let end = match lines().find(ends) {
            Some(closing) => closing.next,
            None => Block { text, range: opening.next..text.len() }.paragraph_end(),
        };
        Block { text, range: opening.next..end }
    }

    fn lines(&self) -> impl Iterator<Item = Line<'t>> {
        let end = self.range.end;
        lines(self.text, self.range.start).take(MAX_LINES).take_while(move |line| line.start < end)
    }

    fn paragraph_end(&self) -> usize {
        let first = self.lines().skip_while(Line::is_blank);
        first.take_while(|line| !line.is_blank()).last().map_or(self.range.start, |line| line.next)
    }

    /// The lines of the first paragraph.
    fn paragraph(&self) -> impl Iterator<Item = &'t str> {
        self.lines().skip_while(Line::is_blank).take_while(|line| !line.is_blank()).map(|line| line.text)
    }

    /// Whether a line states that the article isn't public.
    fn withholds(&self, kind: FileKind<'_>) -> bool {
        Evidence::of(self.lines().map(|line| line.text), kind).verdict == Verdict::Withheld
    }
}
