//! Builds summaries: the beginning of an article as plain text, cut at a word boundary.

use unicode_segmentation::UnicodeSegmentation;

use crate::types::Text;

/// The default length of a summary in columns: about 280 Latin letters or 140 Han characters.
pub const DEFAULT_LIMIT: usize = 280;

/// The limit of a summary whose end the author marked, in columns.
pub const LEAD_LIMIT: usize = 2_000;

/// Comments that end the summary, without blanks and punctuation: Hugo, Jekyll, Zola, Hexo, WordPress and its blocks, Docusaurus, Nikola,
/// Pelican.
const SUMMARY_ENDS: &[&str] = &[
    "more",
    "wpmore",
    "readmore",
    "excerpt",
    "excerptend",
    "endexcerpt",
    "excerptseparator",
    "truncate",
    "teaserend",
    "pelicanendsummary",
];

/// Whether an HTML comment marks the end of the summary.
pub(super) fn ends_summary(comment: &str) -> bool {
    // WordPress: `<!--more Read on-->`. With a blank before `more`, it's more likely a remark.
    let is_wordpress = |word: &str| {
        let (start, rest) = comment.split_at_checked(word.len()).unwrap_or_default();
        start.eq_ignore_ascii_case(word) && rest.starts_with(|c: char| c.is_whitespace())
    };
    let is_block = || comment.trim().strip_prefix("wp:more").is_some_and(|rest| rest.trim_start().starts_with('{'));
    if is_wordpress("more") || is_block() {
        return true;
    }
    let words = comment.trim();
    let is_mark = |c: &char| c.is_whitespace() || matches!(c, '-' | '_' | ':');
    let word = || words.chars().filter(|c| !is_mark(c)).flat_map(char::to_lowercase).collect::<String>();
    words.len() < 40 && SUMMARY_ENDS.contains(&word().as_str())
}

/// The beginning of `text` on one line, at most `limit` columns wide. A grapheme cluster (UAX #29) has one column, or two
/// if it is a Han, kana or Hangul character or full-width punctuation.
///
/// A text that fits is returned whole. Otherwise it is cut between words, or between characters in scripts that put no
/// blanks between words, never inside a grapheme cluster. `…` replaces trailing punctuation such as a colon.
pub fn summarise(text: &str, limit: usize) -> Text {
    // Only this part is normalised. It contains more than `limit` graphemes of any real text.
    let max_examined = limit.saturating_mul(64).max(4_096);
    let line = match text.char_indices().nth(max_examined) {
        Some((end, _)) => Text::line(text.get(..end).unwrap_or(text)),
        None => Text::line(text),
    };
    let line = line.as_str();
    let Some(window) = overflowing_window(line, limit) else {
        return Text::line(line);
    };
    let mut cut = best_cut(line, window);
    // A colon, a dash or an opening bracket must not precede the ellipsis.
    while let Some(last) = line.get(..cut).and_then(|kept| kept.graphemes(true).next_back()) {
        if !last.chars().all(is_cut_before_ellipsis) {
            break;
        }
        cut -= last.len();
    }
    Text::line(&format!("{}…", line.get(..cut).unwrap_or_default()))
}

/// The byte length of the longest prefix that leaves a column for the ellipsis. `None` if the whole line fits.
fn overflowing_window(line: &str, limit: usize) -> Option<usize> {
    let mut columns = 0;
    let mut window = 0;
    for (start, grapheme) in line.grapheme_indices(true) {
        columns += columns_of(grapheme);
        if columns > limit {
            return Some(window);
        }
        if columns < limit {
            window = start + grapheme.len();
        }
    }
    None
}

/// The byte offset at which to cut a line within its first `window` bytes: after the last whole word, unless that drops more than half of
/// the window (a long URL, scripts such as Thai); then at another boundary.
fn best_cut(line: &str, window: usize) -> usize {
    let mut blank = 0;
    let mut boundary = 0;
    let mut previous = "";
    for (start, segment) in line.split_word_bound_indices() {
        if start > window {
            break;
        }
        boundary = start;
        let is_between_words = [previous, segment].iter().any(|side| side.starts_with(|c: char| c.is_whitespace()));
        if is_between_words || previous.ends_with(is_wide) || segment.starts_with(is_wide) {
            blank = start;
        }
        previous = segment;
    }
    let on_grapheme =
        |at: usize| line.grapheme_indices(true).take_while(|&(start, _)| start <= window).any(|(start, _)| start == at);
    [blank, boundary].into_iter().find(|&cut| cut * 2 > window && on_grapheme(cut)).unwrap_or(window)
}

/// The width of a line in columns. See [`summarise`].
pub(super) fn columns(line: &str) -> usize {
    line.graphemes(true).map(columns_of).sum()
}

/// Whether a line is wider than `limit` columns. Stops at the limit.
pub(super) fn is_wider(line: &str, limit: usize) -> bool {
    // A printable ASCII character takes one column, whatever follows it.
    if line.bytes().take(limit.saturating_add(1)).all(|byte| matches!(byte, b' '..=b'~')) {
        return line.len() > limit;
    }
    let mut columns = 0;
    line.graphemes(true).any(|grapheme| {
        columns += columns_of(grapheme);
        columns > limit
    })
}

fn columns_of(grapheme: &str) -> usize {
    if grapheme.starts_with(is_wide) { 2 } else { 1 }
}

/// Whether a character has two columns (UAX #11, Wide and Fullwidth). Only characters of prose count, not emoji.
pub(super) fn is_wide(character: char) -> bool {
    matches!(u32::from(character),
        0x1100..=0x115F | 0x2E80..=0x303E | 0x3041..=0x4DBF | 0x4E00..=0xA4CF | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF | 0xFE30..=0xFE4F | 0xFF00..=0xFF60 | 0xFFE0..=0xFFE6 | 0x20000..=0x3FFFD)
}

/// Whether a character must not precede the ellipsis.
fn is_cut_before_ellipsis(character: char) -> bool {
    character.is_whitespace()
        || matches!(
            character,
            ',' | ';'
                | ':'
                | '.'
                | '-'
                | '/'
                | '('
                | '['
                | '{'
                | '"'
                | '\''
                | '…'
                | '·'
                | '–'
                | '—'
                | '“'
                | '‘'
                | '«'
                | '‹'
                | '„'
                | '、'
                | '，'
                | '；'
                | '：'
                | '。'
                | '．'
                | '（'
                | '《'
                | '〈'
                | '「'
                | '『'
                | '【'
                | '〔'
                | '［'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn summary_end_comments_are_recognised() {
        for (comment, ends) in [
            ("more", true),
            (" more ", true),
            (" MORE ", true),
            ("More", true),
            ("more Read on", true),
            ("more\nRead on", true),
            (" wp:more ", true),
            (" wp:more {\"customText\":\"Read on\"} ", true),
            (" excerpt ", true),
            ("excerpt-end", true),
            (" end excerpt ", true),
            (" read more ", true),
            (" truncate ", true),
            (" TEASER_END ", true),
            (" PELICAN_END_SUMMARY ", true),
            (" /wp:more ", false),
            (" more research is needed here ", false),
            ("moreover", false),
            ("no more", false),
            (" excerpt from the report ", false),
            ("", false),
            ("members-only", false),
        ] {
            assert_eq!(ends_summary(comment), ends, "{comment:?}");
        }
    }

    #[test]
    fn summary_is_cut_at_word_boundary() {
        for (text, limit, expected) in [
            ("", 20, ""),
            ("Short enough.", 13, "Short enough."),
            ("  Two\n\nparagraphs \u{a0} here ", 30, "Two paragraphs here"),
            ("The harbour was closed, officials said", 24, "The harbour was closed…"),
            ("The harbour was closed today", 22, "The harbour was…"),
            ("She said: “No more ships will come”", 11, "She said…"),
            ("A well-known high-end shipyard", 15, "A well-known…"),
            ("港口今天上午关闭，官员表示", 17, "港口今天上午关闭…"),
            ("港口今天上午关闭，官员表示", 19, "港口今天上午关闭…"),
            ("新的 SuperComputer 落户港口", 12, "新的…"),
            ("スーパーコンピューター", 9, "スーパー…"),
            ("ab👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧👩‍👩‍👧", 5, "ab👩‍👩‍👧👩‍👩‍👧…"),
            ("cafe\u{301}cafe\u{301}cafe\u{301}", 5, "cafe\u{301}…"),
            ("https://example.com/abcdefghijklmnopqrstuvwxyz", 20, "https://example.com…"),
            ("ท่าเรือปิดให้บริการวันนี้", 8, "ท่าเรือปิด…"),
            ("one two", 0, "…"),
            ("one two", 1, "…"),
            ("a\u{0}b\u{fffe}c", 9, "abc"),
        ] {
            assert_eq!(summarise(text, limit).as_str(), expected, "{text:?} at {limit}");
        }
    }

    proptest! {
        #[test]
        fn wider_means_more_columns(line in "[ -~]{0,12}(\\PC{0,3}[ -~]{0,12}){0,3}", limit in 0_usize..40) {
            prop_assert_eq!(is_wider(&line, limit), columns(&line) > limit);
        }

        #[test]
        fn summary_ends_at_grapheme_boundary(
            text in "([a-z]{1,9}[ ,.]|\\PC{0,4}|[\u{4e00}-\u{4eff}]{1,6}|e\u{301}|👩‍👩‍👧|🇨🇳){0,60}",
            limit in 0_usize..60,
        ) {
            let line = Text::line(&text);
            let summary = summarise(&text, limit);
            if summary != line {
                let kept = summary.as_str().strip_suffix('…').expect("a cut text ends in an ellipsis");
                prop_assert!(line.as_str().starts_with(kept));
                let boundary = kept.is_empty() || line.as_str().grapheme_indices(true).any(|(at, _)| at == kept.len());
                prop_assert!(boundary, "{kept:?} of {line:?}");
                prop_assert!(kept.graphemes(true).count() <= limit);
            }
        }
    }
}
