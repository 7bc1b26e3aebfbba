//! When the article is public, whether it was retracted, and what was corrected. What cannot be read here refuses the file, and
//! where it would have withheld the article, the version that is public must not stay either.

use std::ops::Range;

use super::Draft;
use crate::article::date::{self, Date};
use crate::article::lifecycle::{self, Meaning, Status};
use crate::article::model::{Correction, Retraction};
use crate::diagnostics::Code;
use crate::types::{Moment, Text};

const MOST_CORRECTIONS: usize = 100;

/// What a file says about its own life, so far.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    embargo: Option<Moment>,
    expires: Option<(Moment, Range<usize>)>,
    retracted: bool,
    reason: Option<Text>,
    /// Those without a date of their own get the article's at the end.
    corrections: Vec<(Option<Moment>, Text, Range<usize>)>,
    /// Where it says that it is scheduled without saying until when, and with which word.
    scheduled: Option<(String, Range<usize>)>,
    /// A date that other tools schedule with is there.
    has_schedule: bool,
    /// Something was to withhold the article, and nobody can say until when.
    pub(super) withhold: bool,
}

/// What a file says about its life, complete.
pub(super) struct Life {
    pub(super) embargo: Option<Moment>,
    pub(super) expires: Option<Moment>,
    pub(super) retracted: Option<Retraction>,
    pub(super) corrections: Vec<Correction>,
    /// It expires before it is published.
    pub(super) never_public: bool,
}

/// A value without the marks that desks put around it: `>>> 1 June 2030 <<<`.
fn undecorated(raw: &str) -> &str {
    let value = raw.trim();
    let inner = value.trim_matches(|c: char| c.is_whitespace() || "*<>=_#!~|«»".contains(c));
    if inner.is_empty() { value } else { inner }
}

impl Draft<'_> {
    /// Not public before this. Of several embargoes the last one counts; `none` and its like are none.
    pub(crate) fn set_embargo(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        self.set_embargo_behind("", raw, span, how);
    }

    /// The same with what stands before the value, whose language may say how a date is written: `Sperrfrist: 1.6.2030`.
    pub(crate) fn set_embargo_behind(&mut self, label: &str, raw: &str, span: Range<usize>, how: &'static str) {
        let raw = undecorated(raw);
        if lifecycle::lifts(raw) {
            return self.origin("embargo", "none", &span, how);
        }
        if lifecycle::truth(raw) == Some(true) {
            self.life.scheduled = Some((raw.to_owned(), span));
            return;
        }
        match self.instant(label, raw, &span) {
            Ok(moment) => {
                self.origin("embargo", moment, &span, how);
                let later = self.life.embargo.is_none_or(|known| known < moment);
                self.life.embargo = if later { Some(moment) } else { self.life.embargo };
            }
            Err(reason) => {
                let help = match how {
                    "embargo line" => {
                        "write `Embargo: 2026-11-23T10:00:00+08:00`, or `Title:` in front of what is a headline"
                    }
                    _ => {
                        "write a date such as `2026-11-23T10:00:00+08:00`; until then nothing of the article is public"
                    }
                };
                self.refuse_key(Meaning::Embargo, span, format!("the embargo cannot be read: {reason}"), help);
            }
        }
    }

    /// Not public from then on. Of several the first one counts; `never` and its like are none.
    pub(crate) fn set_expires(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        self.set_expires_behind("", raw, span, how);
    }

    /// The same with what stands before the value.
    pub(crate) fn set_expires_behind(&mut self, label: &str, raw: &str, span: Range<usize>, how: &'static str) {
        if lifecycle::never_expires(raw) {
            return self.origin("expires", "never", &span, how);
        }
        match self.instant(label, raw, &span) {
            Ok(moment) => {
                self.origin("expires", moment, &span, how);
                if self.life.expires.as_ref().is_none_or(|(known, _)| moment < *known) {
                    self.life.expires = Some((moment, span));
                }
            }
            Err(reason) => self.refuse_key(
                Meaning::Expires,
                span,
                format!("when it expires cannot be read: {reason}"),
                "write when it is to leave, such as `2026-11-23T10:00:00+08:00`, or remove this",
            ),
        }
    }

    /// An instant as anybody writes it; `10:00 GMT, 24 November 2026` too.
    fn instant(&mut self, label: &str, raw: &str, span: &Range<usize>) -> Result<Moment, String> {
        self.date_behind(label, raw).map(|date| self.taken(date, span))
    }

    /// A date behind a label, perhaps with words that introduce it: `until 1 June 2030`.
    fn date_behind(&self, label: &str, raw: &str) -> Result<Date, String> {
        let zone = &self.source.options.timezone;
        let day_first = lifecycle::writes_day_first(label) || lifecycle::writes_day_first(raw);
        let parse = |raw| date::loose::parse(raw, zone, day_first);
        parse(raw).or_else(|reason| lifecycle::line::date_in(raw).and_then(|date| parse(date).ok()).ok_or(reason))
    }

    /// Whether a value is a date that embargoes can have.
    pub(crate) fn is_instant(&self, raw: &str) -> bool {
        self.is_instant_behind("", raw)
    }

    /// The same behind a label.
    pub(crate) fn is_instant_behind(&self, label: &str, raw: &str) -> bool {
        self.date_behind(label, raw).is_ok()
    }

    /// Notes that a date is one with which other tools schedule: `publishDate`.
    pub(crate) fn note_schedule(&mut self) {
        self.life.has_schedule = true;
    }

    /// `draft: yes`. Any word but `true`, `false` and their like withholds the article.
    pub(crate) fn set_draft_word(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        match lifecycle::truth(raw) {
            Some(draft) => self.set_draft(draft, span, how),
            None if lifecycle::status(raw).is_some() => self.set_status(raw, span, how),
            None => {
                let message = "whether it is a draft is `true` or `false`";
                self.refuse_key(
                    Meaning::Draft,
                    span,
                    message,
                    "write `true` or `false`; until then nothing of the article is public",
                );
            }
        }
    }

    /// Notes that something decides when or whether the article is public and cannot be followed, so that this version is
    /// refused; where it would withhold the article, nothing older stays public either.
    pub(crate) fn refuse_key(
        &mut self,
        meaning: Meaning,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        match meaning {
            Meaning::Embargo | Meaning::Expires | Meaning::Status | Meaning::Draft | Meaning::Public => {
                self.life.withhold = true;
            }
            // That there is none would be no further news.
            Meaning::Date | Meaning::Published => self.date_refused = true,
            Meaning::Reason | Meaning::Corrections => {}
        }
        self.report(Code::ArticleLifecycle, span, message, help);
    }

    /// `published`, `draft`, `retracted` and their synonyms; any other word withholds the article.
    pub(crate) fn set_status(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        match lifecycle::status(raw) {
            Some(status) => {
                self.origin("status", raw.trim().to_lowercase(), &span, how);
                self.draft |= status == Status::Draft;
                if status == Status::Scheduled {
                    self.life.scheduled = Some((raw.trim().to_owned(), span));
                }
                self.life.retracted |= status == Status::Retracted;
            }
            None => {
                let message = match raw.trim() {
                    "" => "the status is empty".to_owned(),
                    word => format!("`{}` is not a status", word.escape_debug()),
                };
                let help = format!("write one of {}", lifecycle::STATUS_WORDS);
                self.refuse_key(Meaning::Status, span, message, help);
            }
        }
    }

    /// Why it was retracted, for readers.
    pub(crate) fn set_reason(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        let reason = Text::line(raw);
        if self.life.reason.is_none() && !reason.is_empty() {
            self.origin("reason", reason.as_str(), &span, how);
            self.life.reason = Some(reason);
        }
    }

    /// Whether the file withdraws its article: then nothing but a name is needed.
    pub(crate) fn is_retracted(&self) -> bool {
        self.life.retracted
    }

    /// A correction with its date.
    pub(crate) fn add_correction(
        &mut self,
        (date, date_span): (&str, Range<usize>),
        (text, text_span): (&str, Range<usize>),
        how: &'static str,
    ) {
        match self.instant("", date, &date_span) {
            Ok(moment) => self.keep_correction(Some(moment), text, text_span, how),
            Err(reason) => self.report(
                Code::ArticleCorrection,
                date_span,
                format!("the date of the correction cannot be read: {reason}"),
                "write one such as `2026-11-23T10:00:00+08:00`, `2026-11-23 10:00` or `2026-11-23`",
            ),
        }
    }

    /// A correction in one line: `2026-11-23 10:00: The ship is longer.`, or without a date.
    pub(crate) fn add_correction_line(&mut self, raw: &str, span: Range<usize>, how: &'static str) {
        let zone = &self.source.options.timezone;
        let dated = raw.char_indices().take(60).filter(|(_, c)| matches!(c, ':' | '：')).filter_map(|(at, colon)| {
            let date = raw.get(..at)?;
            date::parse(date, zone).ok().map(|_| (date, raw.get(at + colon.len_utf8()..).unwrap_or_default()))
        });
        // `2026-11-23 10:00:` is longer than a date alone.
        match dated.last() {
            Some((date, text)) => self.add_correction((date, span.clone()), (text, span), how),
            None if date::begins_with_date(raw.trim()) && raw.contains([':', '：']) => self.report(
                Code::ArticleCorrection,
                span,
                "the date of the correction cannot be read",
                "write `2026-11-23 10:00: what was wrong`",
            ),
            None => self.keep_correction(None, raw, span, how),
        }
    }

    fn keep_correction(&mut self, date: Option<Moment>, raw: &str, span: Range<usize>, how: &'static str) {
        let text = Text::line(raw);
        if text.is_empty() {
            return self.report(
                Code::ArticleCorrection,
                span,
                "the correction says nothing",
                "write what was wrong, and what is right",
            );
        }
        let corrections = &self.life.corrections;
        let known = corrections.iter().any(|(known_date, known, _)| *known_date == date && *known == text);
        if self.admit(&text, known, corrections.len(), MOST_CORRECTIONS, "corrections", &span) {
            let date_words = date.map_or(String::new(), |date| format!("{}: ", date.rfc3339()));
            self.origin("corrections", format_args!("{date_words}{text}"), &span, how);
            self.life.corrections.push((date, text, span));
        }
    }

    /// Says what does not fit together, and gives what the file says about its life.
    pub(super) fn conclude(&mut self, updated: Option<Moment>) -> Life {
        let mut life = std::mem::take(&mut self.life);
        if let Some((word, span)) = life.scheduled.take().filter(|_| life.embargo.is_none() && !life.has_schedule) {
            let message = format!("`{}` does not say until when", word.escape_debug());
            let help = "write `embargo: 2026-11-23T10:00:00+08:00`; what has a `date` waits for it and needs no status";
            self.refuse_key(Meaning::Status, span, message, help);
        }
        let begins = self.published.max(life.embargo);
        let mut never_public = false;
        if let (Some((expires, span)), Some(begins)) = (&life.expires, begins)
            && *expires <= begins
            && !life.retracted
        {
            never_public = true;
            self.report(
                Code::ArticleExpires,
                span.clone(),
                "it expires before it is published, so it is never public",
                format!("it would be published at {}; write a later `expires`", begins.rfc3339()),
            );
        }
        let mut corrections = Vec::new();
        for (date, text, span) in life.corrections {
            match date.or(updated).or(self.published) {
                Some(date) => corrections.push(Correction { date, text }),
                None if life.retracted => {}
                None => self.report(
                    Code::ArticleCorrection,
                    span,
                    "the correction has no date, and neither has the article",
                    "write `2026-11-23 10:00: what was wrong`",
                ),
            }
        }
        corrections.sort_by_key(|correction| correction.date);
        self.life.withhold |= life.withhold;
        Life {
            embargo: life.embargo,
            expires: life.expires.map(|(expires, _)| expires),
            retracted: life.retracted.then_some(Retraction { reason: life.reason }),
            corrections,
            never_public,
        }
    }
}
