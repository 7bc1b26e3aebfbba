//! Recognises captions and credits of pictures.

use super::labels;
use super::names::looks_like_names;
use super::source_slice::SourceSlice;
use crate::article::summary::is_wider;

/// Parses a caption and its credit. The credit is in brackets at the end, in the last sentence, or alone.
pub(super) fn caption(line: SourceSlice<'_>) -> Option<(SourceSlice<'_>, SourceSlice<'_>)> {
    if is_wider(line.text, 600) {
        return None;
    }
    let nothing = SourceSlice { text: "", start: line.start };
    if let Some(credit) = line.inside_brackets().and_then(credit) {
        return Some((nothing, credit));
    }
    if let Some((before, inside)) = line.last_brackets()
        && let Some(credit) = credit(inside).or_else(|| agency_credit(inside))
    {
        // `新馆开放。某社发（安理 摄）`: the agency belongs to the credit.
        let agency = before.text.rfind('。').map(|at| before.from(at + '。'.len_utf8()));
        return Some(match agency.filter(|agency| agency.text.ends_with('发') && !is_wider(agency.text, 16)) {
            Some(agency) => (before.part(0..agency.start - before.start), line.from(agency.start - line.start)),
            None => (before, credit),
        });
    }
    if let Some(credit) = credit(line) {
        return Some((nothing, credit));
    }
    // `The new hall opens. Photo by Ann Lee`; `新馆开放。图片来源：某报`: the last sentence is the credit.
    let last = line.text.char_indices().rev().skip(1).find(|(_, c)| matches!(c, '.' | '。' | '!' | '！' | '\u{3000}'));
    if let Some((at, stop)) = last {
        let end = at + stop.len_utf8();
        if let Some(credit) = credit(line.from(end)) {
            return Some((line.part(0..end), credit));
        }
    }
    labels::CAPTION_OPENINGS.iter().any(|opening| line.text.starts_with(opening)).then_some((line, nothing))
}

/// The photographer, if the slice contains only a credit.
pub(super) fn credit(slice: SourceSlice<'_>) -> Option<SourceSlice<'_>> {
    if is_wider(slice.text, 100) {
        return None;
    }
    for words in labels::CREDITS {
        let Some(after) = slice.without(words) else { continue };
        let name = match after.text.strip_prefix([':', '：', '/', '／', '|', '｜', '丨', '︰']) {
            Some(name) => after.from(after.text.len() - name.len()),
            // "Photo by Ann" needs no colon. "Photographs in the hall" and "Photo by photo" aren't credits.
            None if (words.ends_with("by") || words.ends_with("of")) && looks_like_names(after.text) => after,
            None => continue,
        };
        if !name.text.is_empty() && !name.text.contains(['。', '？', '！']) {
            // `(PHOTO: Ann Lee/Agency)` is one credit; brackets inside belong to it.
            return Some(name);
        }
    }
    let name = labels::CREDIT_ENDINGS.iter().find_map(|ending| slice.text.strip_suffix(ending))?;
    let name = slice.part(0..name.len());
    (!name.text.is_empty() && !is_wider(name.text, 40) && !name.text.contains(['，', '。', ',', '；'])).then_some(name)
}

/// A credit with photographer and agency: `Xinhua/Ann Lee`, `Ann Lee/Xinhua`.
fn agency_credit(slice: SourceSlice<'_>) -> Option<SourceSlice<'_>> {
    let (one, other) = slice.text.split_once('/')?;
    let known = |name: &str| labels::AGENCIES.contains(&name);
    (looks_like_names(one) && looks_like_names(other) && (known(one) || known(other))).then_some(slice)
}
