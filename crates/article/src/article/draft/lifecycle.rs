//! Setters of embargo, expiry, status, retraction and corrections.
//!
//! An unreadable value refuses the file. If the key can withhold the article, earlier versions are withheld too.

use std::ops::Range;

use super::Draft;
use crate::article::date::{self, Date};
use crate::article::keys;
use crate::article::lifecycle;
use crate::article::meaning::{Meaning, Status};
use crate::article::model::{Correction, Retraction};
use crate::diagnostics::Code;
use crate::types::{Moment, Text};

const MAX_CORRECTIONS: usize = 100;

/// The lifecycle after all statements of the file are combined.
pub(super) struct Lifecycle {
    pub(super) embargo: Option<Moment>,
    pub(super) expires: Option<Moment>,
    pub(super) retracted: Option<Retraction>,
    pub(super) corrections: Vec<Correction>,
    /// The article expires before it is published.
    pub(super) never_public: bool,
}

/// A value without decoration: `>>> 1 June 2030 <<<`.
fn undecorated(raw: &str) -> &str {
    let value = raw.trim();
    let inner = value.trim_matches(|c: char| c.is_whitespace() || "*<>=_#!~|«»".contains(c));
    if inner.is_empty() { value } else { inner }
}

impl Draft<'_> {
    /// Sets the embargo. Of several, the latest wins. `none` and its synonyms state that there is no embargo.
    pub(crate) fn set_embargo(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        self.set_labelled_embargo("", raw, span, origin);
    }

    /// Like [`Draft::set_embargo`], with the label before the value. Its language decides the order of day and month:
    /// `Sperrfrist: 1.6.2030`.
    pub(crate) fn set_labelled_embargo(&mut self, label: &str, raw: &str, span: Range<usize>, origin: &'static str) {
        let raw = undecorated(raw);
        if lifecycle::lifts_embargo(raw) {
            return self.record_origin("embargo", "none", &span, origin);
        }
        if keys::parse_bool(raw) == Some(true) {
            self.lifecycle.scheduled = Some((raw.to_owned(), span));
            return;
        }
        match self.parse_instant(label, raw, &span) {
            Ok(moment) => {
                self.record_origin("embargo", moment, &span, origin);
                let is_later = self.lifecycle.embargo.is_none_or(|known| known < moment);
                self.lifecycle.embargo = if is_later { Some(moment) } else { self.lifecycle.embargo };
            }
            Err(reason) => {
                let help = match origin {
                    "embargo line" => {
                        "write `Embargo: 2026-11-23T10:00:00+08:00`, or `Title:` in front of it if it is a headline"
                    }
                    _ => {
                        "write a date such as `2026-11-23T10:00:00+08:00`; until then nothing of the article is public"
                    }
                };
                self.refuse_key(Meaning::Embargo, span, format!("the embargo cannot be read: {reason}"), help);
            }
        }
    }

    /// Sets the expiry. Of several, the earliest wins. `never` and its synonyms state that there is no expiry.
    pub(crate) fn set_expires(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        self.set_labelled_expires("", raw, span, origin);
    }

    /// Like [`Draft::set_expires`], with the label before the value.
    pub(crate) fn set_labelled_expires(&mut self, label: &str, raw: &str, span: Range<usize>, origin: &'static str) {
        if lifecycle::never_expires(raw) {
            return self.record_origin("expires", "never", &span, origin);
        }
        match self.parse_instant(label, raw, &span) {
            Ok(moment) => {
                self.record_origin("expires", moment, &span, origin);
                if self.lifecycle.expires.as_ref().is_none_or(|(known, _)| moment < *known) {
                    self.lifecycle.expires = Some((moment, span));
                }
            }
            Err(reason) => self.refuse_key(
                Meaning::Expires,
                span,
                format!("the expiry date cannot be read: {reason}"),
                "write when the article expires, such as `2026-11-23T10:00:00+08:00`, or remove this",
            ),
        }
    }

    /// Parses an instant in loose notation, such as `10:00 GMT, 24 November 2026`.
    fn parse_instant(&mut self, label: &str, raw: &str, span: &Range<usize>) -> Result<Moment, String> {
        self.parse_labelled_date(label, raw).map(|date| self.unambiguous(date, span))
    }

    /// Parses a date after a label, perhaps with introductory words: `until 1 June 2030`.
    fn parse_labelled_date(&self, label: &str, raw: &str) -> Result<Date, String> {
        let zone = &self.source.options.timezone;
        let day_first = lifecycle::writes_day_first(label) || lifecycle::writes_day_first(raw);
        let parse = |raw| date::loose::parse(raw, zone, day_first);
        parse(raw).or_else(|reason| lifecycle::line::date_in(raw).and_then(|date| parse(date).ok()).ok_or(reason))
    }

    /// Whether a value is a date in loose notation.
    pub(crate) fn is_instant(&self, raw: &str) -> bool {
        self.is_labelled_instant("", raw)
    }

    /// Like [`Draft::is_instant`], with the label before the value.
    pub(crate) fn is_labelled_instant(&self, label: &str, raw: &str) -> bool {
        self.parse_labelled_date(label, raw).is_ok()
    }

    /// Records that the file has a scheduling date of another tool, such as `publishDate`.
    pub(crate) fn record_schedule(&mut self) {
        self.lifecycle.has_schedule = true;
    }

    /// Sets the draft flag from a word such as `yes`. An unknown word withholds the article.
    pub(crate) fn set_draft_word(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        match keys::parse_bool(raw) {
            Some(draft) => self.set_draft(draft, span, origin),
            None if lifecycle::parse_status(raw).is_some() => self.set_status(raw, span, origin),
            None => {
                let message = "a draft is marked by `true` or `false`";
                self.refuse_key(
                    Meaning::Draft,
                    span,
                    message,
                    "write `true` or `false`; until then nothing of the article is public",
                );
            }
        }
    }

    /// Refuses this version because a key of the lifecycle is unreadable. If the key can withhold the article, earlier versions
    /// are withheld too.
    pub(crate) fn refuse_key(
        &mut self,
        meaning: Meaning,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        match meaning {
            Meaning::Embargo | Meaning::Expires | Meaning::Status | Meaning::Draft | Meaning::Public => {
                self.lifecycle.withhold = true;
            }
            // Otherwise the missing date would be reported too.
            Meaning::Date | Meaning::Published => self.date_refused = true,
            Meaning::Reason | Meaning::Corrections => {}
        }
        self.report(Code::ArticleLifecycle, span, message, help);
    }

    /// Sets the status: `published`, `draft`, `retracted` or a synonym. An unknown word withholds the article.
    pub(crate) fn set_status(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        match lifecycle::parse_status(raw) {
            Some(status) => {
                self.record_origin("status", raw.trim().to_lowercase(), &span, origin);
                self.draft |= status == Status::Draft;
                if status == Status::Scheduled {
                    self.lifecycle.scheduled = Some((raw.trim().to_owned(), span));
                }
                self.lifecycle.retracted |= status == Status::Retracted;
            }
            None => {
                let message = match raw.trim() {
                    "" => "the status is empty".to_owned(),
                    word => format!("`{}` is not a status", word.escape_debug()),
                };
                let help = format!("write one of {}", lifecycle::STATUS_EXAMPLES);
                self.refuse_key(Meaning::Status, span, message, help);
            }
        }
    }

    /// Sets the reason of a retraction, which feeds publish.
    pub(crate) fn set_reason(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        let reason = Text::line(raw);
        if self.lifecycle.reason.is_none() && !reason.is_empty() {
            self.record_origin("reason", reason.as_str(), &span, origin);
            self.lifecycle.reason = Some(reason);
        }
    }

    /// Withholds earlier versions too, because the file can't be read completely.
    pub(crate) fn withhold_earlier_versions(&mut self) {
        self.lifecycle.withhold = true;
    }

    /// Whether the file retracts its article. A retracted article needs only a slug.
    pub(crate) fn is_retracted(&self) -> bool {
        self.lifecycle.retracted
    }

    /// Adds a correction with a date.
    pub(crate) fn add_correction(
        &mut self,
        (date, date_span): (&str, Range<usize>),
        (text, text_span): (&str, Range<usize>),
        origin: &'static str,
    ) {
        match self.parse_instant("", date, &date_span) {
            Ok(moment) => self.push_correction(Some(moment), text, text_span, origin),
            Err(reason) => self.report(
                Code::ArticleCorrection,
                date_span,
                format!("the date of the correction cannot be read: {reason}"),
                "write one such as `2026-11-23T10:00:00+08:00`, `2026-11-23 10:00` or `2026-11-23`",
            ),
        }
    }

    /// Adds a correction from one line: `2026-11-23 10:00: The ship is longer.`, or without a date.
    pub(crate) fn add_correction_line(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        let zone = &self.source.options.timezone;
        let dated = raw.char_indices().take(60).filter(|(_, c)| matches!(c, ':' | '：')).filter_map(|(at, colon)| {
            let date = raw.get(..at)?;
            date::parse(date, zone).ok().map(|_| (date, raw.get(at + colon.len_utf8()..).unwrap_or_default()))
        });
        // The last colon that ends a date: `2026-11-23 10:00:` contains another.
        match dated.last() {
            Some((date, text)) => self.add_correction((date, span.clone()), (text, span), origin),
            None if date::begins_with_date(raw.trim()) && raw.contains([':', '：']) => self.report(
                Code::ArticleCorrection,
                span,
                "the date of the correction cannot be read",
                "write `2026-11-23 10:00: what was wrong`",
            ),
            None => self.push_correction(None, raw, span, origin),
        }
    }

    fn push_correction(&mut self, date: Option<Moment>, raw: &str, span: Range<usize>, origin: &'static str) {
        let text = Text::line(raw);
        if text.is_empty() {
            return self.report(
                Code::ArticleCorrection,
                span,
                "the correction has no text",
                "write what was wrong, and what is right",
            );
        }
        let corrections = &self.lifecycle.corrections;
        let is_known =
            corrections.iter().any(|(known_date, known, _)| *known_date == date && known.as_ref() == Some(&text));
        if self.accepts(&text, is_known, corrections.len(), MAX_CORRECTIONS, "corrections", &span) {
            let date_prefix = date.map_or(String::new(), |date| format!("{}: ", date.rfc3339()));
            self.record_origin("corrections", format_args!("{date_prefix}{text}"), &span, origin);
            self.lifecycle.corrections.push((date, Some(text), span));
        }
    }

    /// Notes that the agency corrected the story with this version.
    pub(crate) fn add_agency_correction(&mut self, signal: &str, span: Range<usize>, origin: &'static str) {
        if self.lifecycle.corrections.iter().all(|(_, text, _)| text.is_some()) {
            self.record_origin("corrections", format_args!("by the agency ({signal})"), &span, origin);
            self.lifecycle.corrections.push((None, None, span));
        }
    }

    /// Reports contradictions and returns the complete lifecycle.
    pub(super) fn finish_lifecycle(&mut self, updated: Option<Moment>) -> Lifecycle {
        let mut lifecycle = std::mem::take(&mut self.lifecycle);
        if let Some((word, span)) =
            lifecycle.scheduled.take().filter(|_| lifecycle.embargo.is_none() && !lifecycle.has_schedule)
        {
            let message = format!("`{}` does not state a time", word.escape_debug());
            let help = "write `embargo: 2026-11-23T10:00:00+08:00`; an article with a future `date` waits for it and needs no status";
            self.refuse_key(Meaning::Status, span, message, help);
        }
        let begins = self.published.max(lifecycle.embargo);
        let mut never_public = false;
        if let (Some((expires, span)), Some(begins)) = (&lifecycle.expires, begins)
            && *expires <= begins
            && !lifecycle.retracted
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
        for (date, text, span) in lifecycle.corrections {
            match date.or(updated).or(self.published) {
                Some(date) => corrections.push(Correction { date, text }),
                None if lifecycle.retracted => {}
                None => self.report(
                    Code::ArticleCorrection,
                    span,
                    "neither the correction nor the article has a date",
                    "write `2026-11-23 10:00: what was wrong`",
                ),
            }
        }
        corrections.sort_by_key(|correction| correction.date);
        self.lifecycle.withhold |= lifecycle.withhold;
        Lifecycle {
            embargo: lifecycle.embargo,
            expires: lifecycle.expires.map(|(expires, _)| expires),
            retracted: lifecycle.retracted.then_some(Retraction { reason: lifecycle.reason }),
            corrections,
            never_public,
        }
    }
}
