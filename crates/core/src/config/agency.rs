//! `[agency]`, and the patterns that choose the section of agencies' articles: `section.subjects`, `providers` and `slugline`.
//!
//! # What does a pattern match?
//!
//! Letter case doesn't matter. A pattern without `*`, `?`, `[` and `{` is a name or a code:
//!
//! - A code without a scheme matches the code in any scheme: `15000000` matches `medtop:15000000`.
//! - The IPTC's subject codes and its media topics number the same subjects, so their schemes don't matter.
//! - The code of a broad subject matches the narrower ones where the digits say so: `15000000` matches `15054000`, and `15054000`
//!   matches `15054001`. Other media topics have no such order; their broader subjects count if the item states them.
//! - A slugline's first words are enough: `weather` matches `WEATHER-STORM`.

use globset::{GlobBuilder, GlobMatcher};

use super::raw::{At, Sink, Table};
use crate::article::Routing;
use crate::diagnostics::{Code, nearest};
use crate::types::{SectionPath, Text, nfc};

/// `[agency]`
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Agency {
    /// Whether a higher usable version publishes a killed story again, without `dateline restore`.
    pub revive: bool,
    /// The sections of subjects.
    pub subjects: Vec<(Pattern, SectionPath)>,
}

/// The patterns of a section. An article is in the section if each stated list has a pattern that matches.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AgencyRules {
    /// Patterns over codes and names of subjects, and keywords.
    pub subjects: Vec<Pattern>,
    /// Patterns over the agency.
    pub providers: Vec<Pattern>,
    /// Patterns over the slugline.
    pub slugline: Vec<Pattern>,
}

/// A pattern over a code or a name.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// The pattern as written.
    pub written: Text,
    /// NFC, in lower case.
    folded: String,
    /// Compiled, if it has wildcards.
    glob: Option<GlobMatcher>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.folded == other.folded
    }
}

impl AgencyRules {
    /// Whether the section has no patterns.
    pub fn is_empty(&self) -> bool {
        self.subjects.is_empty() && self.providers.is_empty() && self.slugline.is_empty()
    }

    /// The patterns that match an article, each with its key. `None` unless each stated list has one.
    pub fn matching(&self, routing: &Routing, tags: &[Text]) -> Option<Vec<(&'static str, &Pattern)>> {
        let subjects = || routing.codes.iter().chain(tags);
        let subject = self.subjects.iter().find(|pattern| subjects().any(|subject| pattern.matches_subject(subject)));
        let provider = self.providers.iter().find(|pattern| routing.providers.iter().any(|it| pattern.matches(it)));
        let slugline = self.slugline.iter().find(|pattern| {
            routing.slugline.as_ref().is_some_and(|slugline| pattern.matches_beginning(slugline.as_str()))
        });
        let lists = [
            ("subjects", &self.subjects, subject),
            ("providers", &self.providers, provider),
            ("slugline", &self.slugline, slugline),
        ];
        let is_match = lists.iter().all(|(_, stated, found)| stated.is_empty() || found.is_some());
        let found = lists.into_iter().filter_map(|(key, _, found)| Some((key, found?))).collect::<Vec<_>>();
        (is_match && !found.is_empty()).then_some(found)
    }
}

impl Agency {
    /// The section of an article's first subject that has one, and the pattern.
    pub fn section_of(&self, routing: &Routing, tags: &[Text]) -> Option<(&Pattern, &SectionPath)> {
        routing.codes.iter().chain(tags).find_map(|subject| {
            // The narrowest pattern decides.
            let matching = || self.subjects.iter().filter(|(pattern, _)| pattern.matches_subject(subject));
            let exact = matching().find(|(pattern, _)| pattern.is_exactly(subject.as_str()));
            let narrowest = || matching().max_by_key(|(pattern, _)| pattern.folded.trim_end_matches('0').len());
            exact.or_else(narrowest).map(|(pattern, section)| (pattern, section))
        })
    }
}

impl Pattern {
    fn new(written: &str) -> Result<Pattern, globset::Error> {
        let folded = fold(written.trim());
        let has_wildcards = folded.contains(['*', '?', '[', '{']);
        let glob = has_wildcards.then(|| GlobBuilder::new(&folded).backslash_escape(false).build()).transpose()?;
        Ok(Pattern { written: Text::line(written), glob: glob.map(|glob| glob.compile_matcher()), folded })
    }

    /// Whether the pattern is this name or code, apart from its scheme.
    fn is_exactly(&self, value: &str) -> bool {
        let folded = fold(value);
        self.folded == folded || bare(&self.folded) == bare(&folded)
    }

    /// Whether the pattern matches a name or a code.
    fn matches(&self, value: &Text) -> bool {
        let folded = fold(value.as_str());
        match &self.glob {
            Some(glob) => glob.is_match(&folded) || glob.is_match(bare(&folded)),
            None => self.folded == folded || self.folded == bare(&folded),
        }
    }

    /// Whether the pattern matches a subject or a broader one.
    fn matches_subject(&self, subject: &Text) -> bool {
        if self.matches(subject) {
            return true;
        }
        let folded = fold(subject.as_str());
        let numbers = iptc_number(&self.folded).zip(iptc_number(&folded));
        self.glob.is_none() && numbers.is_some_and(|(broad, narrow)| narrow.starts_with(significant_digits(broad)))
    }

    /// Whether the pattern matches a slugline or its first words.
    fn matches_beginning(&self, slugline: &str) -> bool {
        let folded = fold(slugline);
        match &self.glob {
            Some(glob) => glob.is_match(&folded),
            None => folded.strip_prefix(&self.folded).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)),
        }
    }

    /// Why the pattern can't match anything.
    fn fault(&self) -> Option<&'static str> {
        let bare = bare(&self.folded);
        let is_iptc = self.folded.len() > bare.len() && iptc_scheme(&self.folded).is_some();
        let is_number = bare.len() == 8 && bare.bytes().all(|byte| byte.is_ascii_digit());
        if bare.is_empty() {
            return Some("it has a scheme and no code");
        }
        (is_iptc && self.glob.is_none() && !is_number).then_some("codes of the IPTC have eight digits")
    }
}

fn fold(text: &str) -> String {
    nfc(text).to_lowercase()
}

/// A code without its scheme.
fn bare(code: &str) -> &str {
    code.rsplit([':', '/', '#']).next().unwrap_or(code)
}

/// The scheme of a code, if it's one of the IPTC's for subjects.
fn iptc_scheme(code: &str) -> Option<&str> {
    const SCHEMES: [&str; 7] = ["medtop", "mediatopic", "subj", "subjectcode", "subject", "iptc", "iptcsubjectcode"];
    let scheme = code.strip_suffix(bare(code))?.trim_end_matches([':', '/', '#']);
    SCHEMES.into_iter().find(|known| *known == bare(scheme))
}

/// The number of one of the IPTC's subjects.
fn iptc_number(code: &str) -> Option<&str> {
    let number = bare(code);
    let is_number = number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && (number.len() == code.len() || iptc_scheme(code).is_some())).then_some(number)
}

/// The digits of an IPTC number that narrower subjects share. Media topics above 17 million aren't ordered by their digits.
fn significant_digits(number: &str) -> &str {
    let is_ordered = ("01".."18").contains(&number.get(..2).unwrap_or_default());
    let trimmed = [2, 5].into_iter().filter_map(|digits| number.split_at_checked(digits));
    let trimmed = trimmed.filter(|(_, rest)| is_ordered && rest.bytes().all(|digit| digit == b'0'));
    trimmed.map(|(digits, _)| digits).next().unwrap_or(number)
}

/// Reads `[agency]`.
pub(super) fn validate(table: &mut Table<'_>, sink: &mut Sink<'_>, known: &[SectionPath]) -> Agency {
    let revive = table.boolean(sink, "revive").unwrap_or(false);
    let mut subjects: Vec<(Pattern, SectionPath)> = Vec::new();
    for (subject, section) in table.table(sink, "subjects").entries(sink) {
        let pattern = pattern(sink, "subjects", &subject);
        let path = SectionPath::parse(&section.value).ok().filter(|path| known.contains(path));
        if path.is_none() {
            let help = match nearest(&section.value, known.iter().map(SectionPath::as_str)) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "write the `path` of a `[[section]]`".to_owned(),
            };
            let message = format!("no section `{}` is configured", section.value.escape_debug());
            sink.report(Code::ConfigSectionPath, &section.span, message, help);
        }
        let Some((pattern, path)) = pattern.zip(path) else { continue };
        if subjects.iter().any(|(other, _)| *other == pattern) {
            let message = format!("the subject `{}` has a section already", pattern.written);
            sink.report(Code::ConfigDuplicate, &subject.span, message, "remove one of the two");
            continue;
        }
        subjects.push((pattern, path));
    }
    Agency { revive, subjects }
}

/// Reads the patterns of a section.
pub(super) fn rules(table: &mut Table<'_>, sink: &mut Sink<'_>) -> AgencyRules {
    let mut list = |sink: &mut Sink<'_>, key| -> Vec<Pattern> {
        let Some(list) = table.text_or_texts(sink, key) else { return Vec::new() };
        if list.value.is_empty() {
            let message = format!("an empty `{key}` matches nothing");
            sink.report(Code::ConfigMatchesNothing, &list.span, message, "leave the key out");
        }
        list.value.iter().filter_map(|written| pattern(sink, key, written)).collect()
    };
    AgencyRules {
        subjects: list(sink, "subjects"),
        providers: list(sink, "providers"),
        slugline: list(sink, "slugline"),
    }
}

fn pattern(sink: &mut Sink<'_>, key: &str, written: &At<String>) -> Option<Pattern> {
    let help = match key {
        "subjects" => "write a code or a name, such as `medtop:15000000` or `sport`; `*` stands for any characters",
        "providers" => "write the name or the code of an agency; `*` stands for any characters",
        _ => "write the first words of a slugline; `*` stands for any characters",
    };
    if written.value.trim().is_empty() {
        sink.report(Code::ConfigMissing, &written.span, format!("an empty pattern in `{key}` matches nothing"), help);
        return None;
    }
    match Pattern::new(&written.value) {
        Ok(pattern) => {
            if let Some(fault) = pattern.fault().filter(|_| key == "subjects") {
                let message = format!("`{}` matches nothing: {fault}", pattern.written);
                sink.report(Code::ConfigMatchesNothing, &written.span, message, help);
            }
            Some(pattern)
        }
        Err(error) => {
            let message = format!("`{}` is not a pattern: {}", written.value.escape_debug(), error.kind());
            sink.report(Code::ConfigGlob, &written.span, message, help);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_codes_names_and_broader_subjects() {
        for (pattern, matched, not_matched) in [
            (
                "medtop:15000000",
                "medtop:15000000 MEDTOP:15000000 subj:15054000 15000000 15054001",
                "medtop:16000000 sport",
            ),
            ("15000000", "medtop:15000000 http://cv.iptc.org/newscodes/subjectcode/15054000 x:15000000", "x:15054000"),
            ("subj:15054000", "subj:15054001 medtop:15054000 15054000", "subj:15000000 subj:15055000"),
            // Media topics above 17 million have no order.
            ("medtop:20001000", "medtop:20001000", "medtop:20001001"),
            ("Sport", "sport SPORT x:sport", "sports"),
            ("medtop:2000*", "medtop:20000350", "subj:20000350 medtop:15000000"),
            ("2000*", "medtop:20000350", "medtop:15000000"),
            ("É*", "étude", "etude"),
        ] {
            let compiled = Pattern::new(pattern).expect(pattern);
            let is_match = |subject: &str| compiled.matches_subject(&Text::line(subject));
            assert!(matched.split(' ').all(is_match), "{pattern} matches {matched}");
            assert!(!not_matched.split(' ').any(is_match), "{pattern} doesn't match {not_matched}");
        }
    }

    #[test]
    fn slugline_matches_by_its_first_words() {
        for (pattern, slugline, is_match) in [
            ("weather", "WEATHER-STORM/UK", true),
            ("weather-storm", "WEATHER-STORM/UK", true),
            ("weather", "Weather", true),
            ("weather", "WEATHERMAN", false),
            ("storm", "WEATHER-STORM", false),
            ("*storm*", "WEATHER-STORM/UK", true),
            ("weather*", "WEATHERMAN", true),
        ] {
            let compiled = Pattern::new(pattern).expect(pattern);
            assert_eq!(compiled.matches_beginning(slugline), is_match, "{pattern} {slugline}");
        }
    }
}
