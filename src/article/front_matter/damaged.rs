//! Text that looks like front matter and can't be read as such, because autocorrection, an editor or a merge damaged its fences.
//!
//! Known keys decide: a thematic break or a rule with prose below it is text. Below a rule of dashes any known key counts. Elsewhere, where
//! prose is more likely, only a line that withholds the article does.

use std::ops::Range;

use super::lines::{Line, Pair, Rule, lines, pair, rule};
use super::{Kind, Refusal, fence};
use crate::article::access;
use crate::article::fields::names::{self, Verdict};
use crate::article::{keys, lifecycle};

/// What the lines of a text say of its keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Evidence {
    /// A key that dateline reads.
    pub(super) known: bool,
    /// A key that other tools read.
    pub(super) foreign: bool,
    /// What the keys say about whether the article is public.
    pub(super) verdict: Verdict,
}

impl Evidence {
    const NONE: Evidence = Evidence { known: false, foreign: false, verdict: Verdict::Public };

    pub(super) fn of<'t>(lines: impl Iterator<Item = &'t str>, kind: Kind<'_>) -> Evidence {
        lines.filter_map(pair).filter(|pair| !is_label(pair, kind)).fold(Evidence::NONE, |evidence, pair| Evidence {
            known: evidence.known || pair.is_known(),
            foreign: evidence.foreign || names::is_foreign(&pair.key),
            verdict: evidence.verdict.max(pair.verdict()),
        })
    }

    pub(super) fn is_front_matter(&self) -> bool {
        self.known || self.foreign || self.verdict > Verdict::Public
    }

    pub(super) fn withholds(&self) -> bool {
        self.verdict > Verdict::Public
    }
}

/// Whether wire text has such a line, nearly right ones and words about an embargo included: its reader knows what to make of them.
/// `published: false` is not one, since what stands behind the labels of wire text is no switch.
fn is_label(pair: &Pair<'_>, kind: Kind<'_>) -> bool {
    let Kind::Wire(is_label) = kind else { return false };
    let name = names::nearest_withholding_key(&pair.key).unwrap_or(&pair.key);
    if access::is_key(name) {
        // What hides the article does so wherever it stands.
        return is_label(name) && !access::hides(name, pair.value);
    }
    lifecycle::resembles_embargo(&pair.key) || (is_label(name) && keys::parse_bool(pair.value).is_none())
}

/// Objects may stand on one line.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r', '{', ',', '}'])
}

/// The most lines that front matter without a second fence is looked for in.
const MOST_LINES: usize = 200;

/// The most lines, blank ones apart, that somebody writes before the text; below them a word about an embargo is the author's.
pub(super) const MOST_FIRST_LINES: usize = 10;

const FENCES: &str =
    "write `---` alone on the first line, the keys below it, and `---` alone on the line below the keys";

/// Claim why a text that does not begin with front matter can't be published as it is, if so.
pub(super) fn find(text: &str, kind: Kind<'_>) -> Option<Refusal> {
    let opening = fence::first_line(text, 0)?;
    let visible = opening.visible();
    let rule = rule(&visible);
    let block = || Block::below(text, &opening);
    let dashed = "this looks like front matter, but its first line is not a fence";
    match rule {
        Some(Rule::Dashes) => {
            let block = block();
            // `---js`: what stands below the name of a language is no wire text, and its statements may hold objects on one line.
            let is_program = visible.contains(|c: char| c.is_ascii_alphanumeric());
            let kind = if is_program { Kind::Markdown } else { kind };
            let evidence = Evidence::of(block.paragraph(), kind);
            let begins_with_pair = block.paragraph().next().and_then(pair).is_some();
            let statements = || block.lines().flat_map(|line| line.text.split(['{', ',', '}', ';']));
            let withholds = evidence.withholds()
                || block.withholds(kind)
                || (is_program && Evidence::of(statements(), kind).withholds());
            if withholds || (evidence.known && begins_with_pair) {
                return Some(refusal(&opening, dashed, withholds));
            }
        }
        Some(Rule::Signs) if block().withholds(kind) => return Some(refusal(&opening, dashed, true)),
        Some(Rule::Signs) => {}
        None => {
            // `--- title: X`
            let inside = visible.trim_start_matches(['-', '–', '—', '+']);
            let evidence = Evidence::of(std::iter::once(inside), kind);
            if visible.len() - inside.len() >= 2 && (evidence.known || evidence.withholds()) {
                let withholds = evidence.withholds() || block().withholds(kind);
                return Some(refusal(
                    &opening,
                    "this looks like front matter, but a key stands beside its fence",
                    withholds,
                ));
            }
        }
    }
    first_lines(text, kind).or_else(|| inside_page(text, 0, kind))
}

/// A second piece of front matter behind the first, as tools leave it that put theirs above what is there, or the rest of the first where
/// a fence closes it too early.
pub(super) fn second(text: &str, body: usize, kind: Kind<'_>) -> Option<Refusal> {
    let opening = fence::first_line(text, body)?;
    let withholds = match rule(&opening.visible()) {
        Some(Rule::Dashes) => Block::below(text, &opening).withholds(kind),
        _ => is_closed_late(text, body),
    };
    if !withholds {
        return inside_page(text, body, kind);
    }
    let message = "below the front matter stands something that looks like front matter, too";
    Some(
        Refusal::new(opening.span(), message, "put all keys into one piece of front matter")
            .withholding(true)
            .discreet(),
    )
}

/// Whether a text begins with keys, one of which withholds the article, and a fence below them.
fn is_closed_late(text: &str, body: usize) -> bool {
    let visible = || lines(text, body).take(MOST_LINES).filter(|line| !line.is_blank());
    let keys = || visible().take_while(|line| pair(line.text).is_some());
    let closing = visible().find(|line| pair(line.text).is_none());
    closing.is_some_and(|line| rule(&line.visible()) == Some(Rule::Dashes))
        && Evidence::of(keys().map(|line| line.text), Kind::Markdown).verdict == Verdict::Withheld
}

/// Front matter below the first tags of a page, where a converter or a word processor leaves it: a rule, and keys directly below it that
/// withhold the article. Preformatted text may show such lines to readers.
fn inside_page(text: &str, from: usize, kind: Kind<'_>) -> Option<Refusal> {
    matches!(kind, Kind::Page).then_some(())?;
    let mut start = from;
    let mut opening = None;
    let pieces = text.get(from..)?.split_inclusive(['<', '\n', '\r']).map(|piece| {
        let place = start;
        start += piece.len();
        (place, piece.trim_end_matches(['<', '\n', '\r']))
    });
    let is_preformatted = |piece: &str| ["pre>", "pre ", "code>", "code "].iter().any(|tag| piece.starts_with(tag));
    for (place, piece) in pieces.take_while(|(_, piece)| !is_preformatted(piece)).take(MOST_LINES * 4) {
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
            return Some(refusal(opening, "this looks like front matter, but stands inside the page", true));
        }
    }
    None
}

/// Lines that withhold the article without any fence, and keys where the text should begin.
fn first_lines(text: &str, kind: Kind<'_>) -> Option<Refusal> {
    let is_tag = |line: &Line<'_>| {
        let visible = line.visible();
        matches!(kind, Kind::Page) && visible.starts_with('<') && !visible.starts_with("<!--")
    };
    let first =
        || lines(text, 0).filter(|line| !line.is_blank()).take(MOST_FIRST_LINES).take_while(|line| !is_tag(line));
    let says_so = |line: &Line<'_>| Evidence::of(std::iter::once(line.text), kind).verdict == Verdict::Withheld;
    if let Some(line) = first().find(says_so) {
        let message = "this line withholds the article, but stands outside front matter";
        return Some(refusal(&line, message, true).unless_label());
    }
    if !matches!(kind, Kind::Markdown) {
        return None;
    }
    let known = first().take(2).filter(|line| pair(line.text).is_some_and(|pair| pair.is_known()));
    let evidence = Evidence::of(first().map(|line| line.text), kind);
    (known.count() == 2).then(|| {
        let line = first().next().map_or(0..0, |line| line.span());
        let message = "this looks like front matter without fences";
        Refusal::new(line, message, FENCES).withholding(evidence.withholds()).discreet()
    })
}

fn refusal(line: &Line<'_>, message: &str, withholds: bool) -> Refusal {
    Refusal::new(line.span(), message, FENCES).withholding(withholds).discreet()
}

/// The lines below a fence that may be one.
struct Block<'t> {
    text: &'t str,
    range: Range<usize>,
}

impl<'t> Block<'t> {
    /// The lines up to the next rule; without one, as many as front matter may have.
    fn below(text: &'t str, opening: &Line<'_>) -> Block<'t> {
        let lines = || lines(text, opening.next).take(MOST_LINES);
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
        lines(self.text, self.range.start).take(MOST_LINES).take_while(move |line| line.start < end)
    }

    fn paragraph_end(&self) -> usize {
        let first = self.lines().skip_while(Line::is_blank);
        first.take_while(|line| !line.is_blank()).last().map_or(self.range.start, |line| line.next)
    }

    /// The lines up to the first blank one behind them.
    fn paragraph(&self) -> impl Iterator<Item = &'t str> {
        self.lines().skip_while(Line::is_blank).take_while(|line| !line.is_blank()).map(|line| line.text)
    }

    /// Whether one of the lines says that the article is not public.
    fn withholds(&self, kind: Kind<'_>) -> bool {
        Evidence::of(self.lines().map(|line| line.text), kind).verdict == Verdict::Withheld
    }
}
