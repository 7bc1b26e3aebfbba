//! Recognises the people of a wire text in bylines and datelines, and compares their names.

use super::dates::begins_with_dateline;
use super::labels;
use super::source_slice::{SourceSlice, is_blank};
use crate::article::byline::{is_one_name, join_suffixes};
use crate::article::summary::{is_wide, is_wider};
use crate::types::Text;

/// The names of a byline: `By Ann Lee and Bo Chen`.
pub(super) fn byline(line: SourceSlice<'_>) -> Option<SourceSlice<'_>> {
    let names = labels::BYLINES
        .iter()
        .find_map(|opening| line.text.strip_prefix(opening).map(|names| line.from(line.text.len() - names.len())))?;
    // "staff reporters" is a job title.
    let names =
        match names.text.split_inclusive(' ').take(3).position(|word| labels::JOB_TITLES.contains(&word.trim_end())) {
            Some(last) => names.from(names.text.split_inclusive(' ').take(last + 1).map(str::len).sum()),
            None => names,
        };
    // "in Harbour City", "for the Courier" and photographers aren't authors.
    let end = [" in ", " for ", " 图", "\u{3000}图", " 摄影", "\u{3000}摄影"]
        .iter()
        .filter_map(|tail| names.text.find(tail))
        .min();
    let names = names.part(0..end.unwrap_or(names.text.len()));
    looks_like_names(names.text).then_some(names)
}

/// Whether text can be a list of people: short, without digits, and every Latin word but particles begins in upper case.
pub(super) fn looks_like_names(text: &str) -> bool {
    const PARTICLES: &[&str] = &[
        "and", "de", "van", "von", "der", "den", "bin", "al", "el", "da", "di", "du", "la", "le", "dos", "ten", "y",
        "in", "for", "with",
    ];
    let words = text
        .split(|c: char| is_blank(c) || matches!(c, ',' | '、' | '，' | '/' | '／' | '&'))
        .filter(|word| !word.is_empty());
    let is_excluded =
        |c: char| c.is_ascii_digit() || matches!(c, '?' | '!' | '。' | '？' | '！' | ':' | '：' | ';' | '；' | '>');
    let name = |word: &str| {
        PARTICLES.contains(&word) || word.chars().next().is_some_and(|c| !c.is_alphabetic() || !c.is_lowercase())
    };
    // A full stop ends a byline only after an initial or "Jr".
    let max_words = if text.ends_with('.') { 5 } else { 20 };
    let count = words.clone().take(max_words + 1).count();
    (1..=max_words).contains(&count) && !is_wider(text, 120) && !text.contains(is_excluded) && words.clone().all(name)
}

/// Whether a value can be a list of names. Chinese names are short.
pub(super) fn could_be_names(value: &str) -> bool {
    let is_long = |name: &str| name.chars().filter(|c| is_wide(*c)).count() > 8 && !name.contains('·');
    let mut names = value.split(|c: char| is_blank(c) || matches!(c, ',' | '、' | '，' | '/' | '／' | '&'));
    looks_like_names(value) && !names.any(is_long)
}

/// The reporters in a dateline: `新华社北京5月15日电（记者李华）`.
pub(super) fn dateline_reporters(paragraph: SourceSlice<'_>) -> Option<SourceSlice<'_>> {
    if !begins_with_dateline(paragraph.text) {
        return None;
    }
    let opening = ["（记者", "(记者"].iter().filter_map(|opening| paragraph.text.find(opening)).min()?;
    let inside = paragraph.from(opening).text;
    let closing = inside.find(['）', ')'])?;
    let width = inside.chars().next().map_or(0, char::len_utf8);
    let names = paragraph.part(opening + width..opening + closing);
    (!is_wider(names.text, 80)).then_some(names)
}

/// Whether a line only names the known authors.
pub(super) fn repeats_byline(line: SourceSlice<'_>, authors: &[String]) -> bool {
    let named = names_in([line.text].into_iter());
    !named.is_empty() && named == authors
}

/// The names in bylines for comparison: sorted, without blanks, in lower case.
pub(super) fn names_in<'t>(bylines: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut names = bylines.flat_map(people).map(|name| comparable(&name)).collect::<Vec<_>>();
    names.sort();
    names.dedup();
    names
}

/// A name for comparison, without blanks and in lower case: `JIN Feng` equals `Jin Feng`.
pub(super) fn comparable(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// The people in a byline, in order, without job titles. Blanks separate Han names too, except inside a name of two characters (`李 明`),
/// which print widens.
pub(super) fn people(byline: &str) -> Vec<String> {
    let line = Text::line(byline);
    if line.as_str().contains(" & ") && is_one_name(line.as_str()) {
        return vec![line.as_str().to_owned()];
    }
    let divided = line.as_str().replace(" and ", ",").replace(" & ", ",").replace(" AND ", ",");
    let mut names = Vec::new();
    for part in divided.split([',', '，', '、', '/', '／', ';', '；', '|']).map(str::trim) {
        let part = part.strip_prefix("and ").unwrap_or(part);
        let is_han = !part.contains(|c: char| c.is_ascii_alphabetic()) && part.contains(is_wide);
        let words = part.split(' ').collect::<Vec<_>>();
        let is_widened = words.len() == 2 && words.iter().all(|word| word.chars().count() == 1);
        match (is_han, is_widened) {
            (true, true) => names.push(words.concat()),
            (true, false) => names.extend(words.into_iter().map(|word| without_job_title(word).to_owned())),
            (false, _) => names.push(without_job_title(part).to_owned()),
        }
    }
    names.retain(|name| !name.is_empty() && name != "文");
    join_suffixes(names.into_iter())
}

fn without_job_title(name: &str) -> &str {
    let stripped = labels::CHINESE_JOB_TITLES.iter().find_map(|job_title| name.strip_prefix(job_title));
    // `某社记者`: the reporter's agency.
    let stripped = stripped.or_else(|| {
        let (outlet, rest) = name.split_once("记者")?;
        (outlet.chars().count() <= 6).then_some(rest)
    });
    // A surname may begin with the character of a job title, so the rest must be a name.
    stripped.filter(|rest| rest.is_empty() || rest.trim().chars().count() > 1).unwrap_or(name).trim()
}
