//! Recognises wire text that isn't a story, but a notice about one: a kill, a retraction, a correction, or an advisory to editors.
//!
//! # How does a notice differ from a story with such a headline?
//!
//! Agencies begin notices with the word in capitals (`KILL`, `BC-KILL--Ferry`, `MANDATORY KILL`), or address editors (`EDS: Kill`). The
//! headline `Kill Bill returns` does neither. If the whole line is in capitals, the text decides: a notice is short, or talks to editors.

use std::collections::BTreeSet;
use std::ops::Range;

use super::dates::{begins_with_dateline, looks_like_date};
use super::fields::fields;
use super::labels::Labels;
use super::lines::{Line, is_paragraph, lines};
use super::source_slice::SourceSlice;
use crate::article::agency_notices::comparable_slug;
use crate::article::model::{AgencyNotice, NoticeAction};
use crate::article::options::WireField;
use crate::types::Text;

/// How many lines of the header are examined.
const MAX_HEADER_LINES: usize = 12;
/// How many lines are searched for the item's id.
const MAX_SEARCHED_LINES: usize = 200;
/// A notice has at most this many paragraphs, unless it talks to editors.
const MAX_NOTICE_LINES: usize = 3;

/// Words of notices. A text that says two of them asks for the first in this order.
const WORDS: &[(NoticeAction, &[&str])] = &[
    (
        NoticeAction::Kill,
        &[
            "kill",
            "kills",
            "killed",
            "retraction",
            "retractions",
            "retract",
            "retracts",
            "retracted",
            "withdrawal",
            "withdrawn",
            "takedown",
        ],
    ),
    (NoticeAction::Correct, &["correction", "corrections", "corrective"]),
    (NoticeAction::Advise, &["advisory", "advisories"]),
];
/// Words before the word of a notice.
const OPENINGS: &[&str] = &["bc", "am", "pm", "urgent", "bulletin", "flash", "mandatory", "story", "news", "repeat"];
/// Words that address editors, before the word of a notice.
const ADDRESSES: &[&str] =
    &["eds", "ed", "editor", "editors", "attn", "attention", "subscribers", "clients", "notice", "to", "note"];
/// Words after the word of a notice that don't name a story.
const FILLERS: &[&str] =
    &["kill", "notice", "advisory", "story", "stories", "article", "item", "the", "of", "to", "editors", "mandatory"];
/// Words that only a text for editors says.
const EDITORIAL: &[&str] = &[
    "editors",
    "eds",
    "kill",
    "killed",
    "retract",
    "retracted",
    "withdraw",
    "withdrawn",
    "disregard",
    "withdraws",
    "retracts",
];
/// Chinese openings of notices.
const CHINESE: &[(&str, NoticeAction)] =
    &[("撤稿", NoticeAction::Kill), ("撤销稿件", NoticeAction::Kill), ("更正启事", NoticeAction::Correct)];

/// The notice in a text, and the place of its word. `None` for a story.
pub(super) fn find(text: &str, labels: &Labels) -> Option<(AgencyNotice, Range<usize>)> {
    let lines = lines(text);
    let header = lines.iter().take(MAX_HEADER_LINES).enumerate();
    let header = header.take_while(|(number, line)| *number == 0 || !begins_text(line.text));
    let (action, slice, rest) = header
        .filter_map(|(number, line)| {
            let value = header_value(line.text, labels)?;
            let found = parse(value, number == 0 || value.start != line.text.start, || is_notice(&lines, number))?;
            Some((found.0, value, found.1))
        })
        .min_by_key(|(action, ..)| *action)?;
    let mut keys: Vec<Text> = Vec::new();
    let mut slugs: Vec<Text> = Vec::new();
    for line in lines.iter().take(MAX_SEARCHED_LINES) {
        for piece in fields(line.text, labels).into_iter().flatten() {
            match piece.field {
                Some(WireField::Id) => keys.extend(Some(Text::line(piece.value.text)).filter(|key| !key.is_empty())),
                Some(WireField::Slugline) => slugs.push(Text::line(piece.value.text)),
                _ => {}
            }
        }
    }
    let rest = rest.trim_matches(|c: char| c.is_whitespace() || "-–—:./,()[]#*".contains(c));
    if rest.is_empty() && !slice.text.contains(char::is_whitespace) {
        slugs.push(Text::line(slice.text));
    }
    match rest.contains(':') && !rest.contains(char::is_whitespace) {
        true if keys.is_empty() => keys.push(Text::line(rest)),
        _ => slugs.push(Text::line(rest)),
    }
    let mut known = BTreeSet::from([String::new()]);
    slugs.retain(|slug| known.insert(comparable_slug(slug)));
    keys.dedup();
    Some((AgencyNotice { action, keys, slugs, time: None }, slice.span()))
}

/// The date of a notice.
pub(super) fn date<'a>(text: &'a str, labels: &Labels) -> Option<SourceSlice<'a>> {
    lines(text).iter().take(MAX_SEARCHED_LINES).find_map(|line| {
        let pieces = fields(line.text, labels).into_iter().flatten();
        let labelled = pieces.filter(|piece| piece.field == Some(WireField::Date)).map(|piece| piece.value).next();
        labelled.or_else(|| looks_like_date(line.text.text).then_some(line.text))
    })
}

/// Whether a line is the first of the text itself.
fn begins_text(line: SourceSlice<'_>) -> bool {
    begins_with_dateline(line.text) || (is_paragraph(line) && line.text.len() > 60)
}

/// The part of a header's line that may begin with the word of a notice: the whole line, the headline, or the slugline. `None` for other fields.
fn header_value<'a>(line: SourceSlice<'a>, labels: &Labels) -> Option<SourceSlice<'a>> {
    match fields(line, labels).as_deref() {
        Some([first, ..]) if matches!(first.field, Some(WireField::Title | WireField::Slugline)) => Some(first.value),
        // `CORRECTION: ...` in capitals is no label.
        Some([first, ..]) if first.field == Some(WireField::Correction) => {
            first.label.text.chars().all(|c| !c.is_lowercase()).then_some(line)
        }
        // `EDITORS: KILL ...`
        Some([first, ..]) if first.field == Some(WireField::Editor) => Some(line),
        Some(_) => None,
        None => Some(line),
    }
}

/// Parses the beginning of a line. Returns what it asks for, and the words after it. `is_headline`: the line is the first one, or states the
/// headline or the slugline.
fn parse<'a>(
    line: SourceSlice<'a>,
    is_headline: bool,
    is_notice: impl Fn() -> bool,
) -> Option<(NoticeAction, &'a str)> {
    let is_sign = |c: char| !c.is_alphanumeric();
    let mut rest = line.text.trim_start_matches(is_sign);
    if let Some((opening, action)) = CHINESE.iter().find(|(opening, _)| rest.starts_with(opening)) {
        return is_headline.then(|| (*action, rest.strip_prefix(opening).unwrap_or_default()));
    }
    let (mut is_addressed, mut is_slug) = (false, false);
    loop {
        let end = rest.find(is_sign).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        let lower = word.to_lowercase();
        let is_upper = word.len() > 1 && word.chars().all(|c| !c.is_lowercase());
        if let Some((action, _)) = WORDS.iter().find(|(_, words)| words.contains(&&*lower)) {
            let is_marked = is_addressed || is_slug;
            return decides(*action, is_upper, is_marked, after, is_headline, is_notice).then_some((*action, after));
        }
        is_addressed |= ADDRESSES.contains(&&*lower);
        is_slug |= lower == "bc" || lower == "mandatory";
        // The word of a notice may be anywhere in a slugline such as `BC-US--Ferry-KILL`.
        let is_in_slug = is_slug && !line.text.contains(char::is_whitespace);
        let is_opening = OPENINGS.contains(&&*lower) || ADDRESSES.contains(&&*lower) || is_in_slug;
        if word.is_empty() || !is_opening {
            return None;
        }
        rest = after.trim_start_matches(is_sign);
    }
}

/// Whether the word of a notice at the beginning of a line makes the text a notice.
fn decides(
    action: NoticeAction,
    is_upper: bool,
    is_marked: bool,
    after: &str,
    is_headline: bool,
    is_notice: impl Fn() -> bool,
) -> bool {
    let ends = after.trim_start().is_empty() || after.trim_start().starts_with(|c: char| ":-–—/()[].!#*;,".contains(c));
    let is_hyphenated = after.starts_with(['-', '–', '—', '/']);
    if is_marked {
        return is_upper || ends || action == NoticeAction::Kill;
    }
    if !is_headline {
        return is_upper && after.trim().is_empty();
    }
    if !is_upper {
        // `Kill: Ferry story`. An advisory or a correction may be a story or a label.
        return action == NoticeAction::Kill && after.trim_start().starts_with([':', '：']) && is_notice();
    }
    let first = after.trim_start().split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_lowercase();
    let names_story = after.chars().any(char::is_lowercase);
    ends || is_hyphenated || FILLERS.contains(&&*first) || names_story || is_notice()
}

/// Whether the text below a line talks to editors, or is too short for a story.
fn is_notice(lines: &[Line<'_>], number: usize) -> bool {
    let below = lines.get(number + 1..).unwrap_or_default();
    let is_editorial = |line: &Line<'_>| {
        let mut words = line.text.text.split(|c: char| !c.is_alphanumeric());
        words.any(|word| EDITORIAL.contains(&&*word.to_lowercase()))
    };
    below.len() <= MAX_NOTICE_LINES || below.iter().take(MAX_SEARCHED_LINES).any(is_editorial)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notices_are_told_from_stories() {
        const STORY: &str = "\n\nHARBOUR (AP) -- The film came back to the harbour's cinema on Friday, its owner said to reporters.\n\nIt is shown daily.\n\nThe tickets cost ten crowns.\n\nChildren pay half.\n";
        for (text, expected) in [
            ("KILL", "kill"),
            ("KILL: ferry-fire", "kill ferry-fire"),
            ("KILL Ferry fire story", "kill ferry-fire-story"),
            ("KILL FERRY FIRE\n\nEditors: please kill the story.", "kill ferry-fire"),
            ("KILL urn:x:ferry", "kill key urn:x:ferry"),
            ("BC-KILL--Ferry-Fire", "kill ferry-fire"),
            ("BC-US--Ferry-KILL\nEds: do not use.", "kill us-ferry"),
            ("u i\nBC-KILL, Ferry", "kill ferry"),
            ("^EDS: KILL", "kill"),
            ("EDS: Kill the story slugged ferry", "kill the-story-slugged-ferry"),
            ("EDITORS: MANDATORY KILL", "kill"),
            ("MANDATORY KILL", "kill"),
            ("Mandatory Kill", "kill"),
            ("Title: KILL - Ferry", "kill ferry"),
            ("Slug: BC-KILL-Ferry\nTitle: Ferry", "kill ferry"),
            ("/// KILL KILL KILL ///", "kill"),
            ("RETRACTION\nId: urn:x:1", "kill key urn:x:1"),
            ("RETRACTION OF STORY", "kill of-story"),
            ("WITHDRAWAL - ferry", "kill ferry"),
            ("Retraction: Ferry\n\nEditors: retract.", "kill ferry"),
            ("CORRECTION", "correct"),
            ("CORRECTION: ferry-fire", "correct ferry-fire"),
            ("ATTENTION - CORRECTION", "correct"),
            ("ADVISORY", "advise"),
            ("ADVISORY TO EDITORS", "advise to-editors"),
            ("NOTICE TO EDITORS: ADVISORY", "advise"),
            ("KILL ADVISORY", "kill"),
            ("撤稿通知", "kill 通知"),
        ] {
            let labels = Labels::new(&[]);
            let found = find(text, &labels).map(|(notice, _)| {
                let action = format!("{:?}", notice.action).to_lowercase();
                let keys = notice.keys.iter().map(|key| format!("key {key}"));
                let slugs = notice.slugs.iter().map(comparable_slug);
                std::iter::once(action).chain(keys).chain(slugs).collect::<Vec<_>>().join(" ")
            });
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        }
        for title in [
            "Kill Bill returns",
            "KILL BILL RETURNS",
            "Killing time at sea",
            "KILLER WHALES RETURN",
            "Correction officers strike",
            "Corrections bill passes",
            "Advisory board resigns",
            "Storm advisory issued",
            "WEATHER ADVISORY ISSUED",
            "Retraction of the glacier",
            "Withdrawal from the treaty",
            "Correction: An earlier version gave the wrong year.",
            "Story of a kill",
        ] {
            let labels = Labels::new(&[]);
            assert!(find(&format!("{title}{STORY}"), &labels).is_none(), "{title}");
            assert!(find(&format!("Title: {title}{STORY}"), &labels).is_none(), "{title}");
        }
    }
}
