//! Parses dates as editors, wires and other tools write them. An ambiguous date is an error that says what to write.

pub(super) mod loose;

use jiff::Unit;
use jiff::civil;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::types::Moment;

/// A parsed date.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Date {
    pub(crate) moment: Moment,
    /// The warning about a local time that a clock change makes ambiguous.
    pub(crate) warning: Option<String>,
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Parses a date. Without an offset, it is local to `zone`. Without a time, it is midnight.
pub(crate) fn parse(raw: &str, zone: &TimeZone) -> Result<Date, String> {
    super::steps::add(raw.len());
    let text = normalise(raw);
    let mut cursor = Cursor { rest: text.trim() };
    let not_a_date = || format!("`{}` is not a date", raw.trim().escape_debug());
    if cursor.rest.is_empty() {
        return Err("the date is empty".into());
    }
    if cursor.rest.len() > 100 {
        return Err("this is too long for a date".into());
    }
    let date = cursor.date().map_err(|problem| match problem {
        Problem::NotADate => not_a_date(),
        Problem::Invalid(reason) => format!("{}: {reason}", not_a_date()),
    })?;
    cursor.skip_separators();
    let time = match cursor.time() {
        Some(Ok(time)) => time,
        Some(Err(reason)) => return Err(format!("{}: {reason}", not_a_date())),
        None => civil::Time::midnight(),
    };
    cursor.skip_separators();
    let zone = cursor.zone(raw)?.unwrap_or_else(|| Zone::Named(zone.clone()));
    let local = date.to_datetime(time);
    resolve(local, &zone).and_then(|(moment, warning)| {
        let moment = moment.ok_or_else(|| {
            format!("{}: years from 1583 to 9998 can be published; before, calendars differed", not_a_date())
        })?;
        Ok(Date { moment, warning })
    })
}

/// Whether text is a date, in any zone.
pub(super) fn is_date(text: &str) -> bool {
    parse(text, &TimeZone::UTC).is_ok()
}

/// The zone of a local time.
enum Zone {
    Offset(Offset),
    Named(TimeZone),
}

fn resolve(local: civil::DateTime, zone: &Zone) -> Result<(Option<Moment>, Option<String>), String> {
    let out_of_range = |_| format!("{local} is out of range");
    match zone {
        Zone::Offset(offset) => Ok((with_rounded_offset(local, *offset).map_err(out_of_range)?, None)),
        Zone::Named(zone) => {
            let ambiguous = zone.to_ambiguous_timestamp(local);
            let fault = match ambiguous.offset() {
                AmbiguousOffset::Unambiguous { .. } => None,
                AmbiguousOffset::Gap { .. } => Some("does not exist: clocks were set forward over it"),
                AmbiguousOffset::Fold { .. } => Some("happened twice: clocks were set back over it"),
            };
            let timestamp = ambiguous.later().map_err(out_of_range)?;
            let offset = zone.to_offset(timestamp);
            let moment = with_rounded_offset(offset.to_datetime(timestamp), offset).map_err(out_of_range)?;
            let warning = fault.zip(moment).map(|(fault, moment)| {
                format!("{} {fault}; {} is used", local.strftime("%Y-%m-%d %H:%M:%S"), moment.rfc3339())
            });
            Ok((moment, warning))
        }
    }
}

/// The instant of a local time. Feeds state offsets in whole minutes, but local mean time has seconds (Paris until 1911: +00:09:21). The
/// offset is rounded and the local time kept, so all formats show the day that the author wrote.
fn with_rounded_offset(local: civil::DateTime, offset: Offset) -> Result<Option<Moment>, jiff::Error> {
    let offset = offset.round(Unit::Minute)?;
    Ok(Moment::new(offset.to_timestamp(local)?, offset))
}

/// Whether text begins with a numeric date: `2023-05-15`, `2023年5月15日`.
pub(super) fn begins_with_date(text: &str) -> bool {
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    digits == 4
        && text.starts_with(['1', '2'])
        && text.chars().nth(4).is_some_and(|c| matches!(c, '-' | '/' | '.' | '年'))
        && text.chars().nth(5).is_some_and(|c| c.is_ascii_digit())
}

enum Problem {
    /// The text has another form than a date.
    NotADate,
    /// The date is ambiguous or doesn't exist: the reason.
    Invalid(String),
}

/// Replaces full-width digits and Chinese units by ASCII.
fn normalise(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    for character in raw.trim().chars() {
        match character {
            '０'..='９' => text.extend(char::from_digit(u32::from(character) - u32::from('０'), 10)),
            '年' | '月' => text.push('-'),
            '日' | '\u{a0}' | '\u{3000}' | '\t' => text.push(' '),
            '时' | '時' | '点' | '：' => text.push(':'),
            '分' => text.push(':'),
            '秒' => {}
            other => text.push(other),
        }
    }
    text.trim_end_matches(':').to_owned()
}

struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    fn skip_separators(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', ',']);
    }

    fn skip(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads one to `max` digits.
    fn digits(&mut self, max: usize) -> Option<&'a str> {
        let length = self.rest.bytes().take(max).take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (length > 0).then_some(digits)
    }

    fn word(&mut self) -> Option<&'a str> {
        let length = self.rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (word, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (length > 0).then_some(word)
    }

    fn date(&mut self) -> Result<civil::Date, Problem> {
        if self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return self.date_by_name();
        }
        let first = self.digits(9).ok_or(Problem::NotADate)?;
        if first.len() == 5 && self.rest.starts_with('-') {
            return Err(Problem::Invalid("a year has four digits".into()));
        }
        if first.len() == 4 {
            let separator =
                self.rest.chars().next().filter(|c| matches!(c, '-' | '/' | '.')).ok_or(Problem::NotADate)?;
            self.skip(separator);
            let month = self.digits(2).ok_or(Problem::NotADate)?;
            if !self.skip(separator) {
                return Err(Problem::NotADate);
            }
            let day = self.digits(2).ok_or(Problem::NotADate)?;
            if self.rest.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(Problem::NotADate);
            }
            if !self.skip('T') {
                self.skip('t');
            }
            return civil_date(first, month, day);
        }
        if first.len() <= 2 && self.rest.starts_with([' ', '-', '.']) {
            // `23 November 2026`, `23-Nov-2026`
            let saved = self.rest;
            self.rest = self.rest.trim_start_matches([' ', '-', '.']);
            if let Some(month) = self.word().and_then(month) {
                self.rest = self.rest.trim_start_matches([' ', '-', '.', ',']);
                let year = self.digits(9).ok_or(Problem::NotADate)?;
                return civil_date(year, &month.to_string(), first);
            }
            self.rest = saved;
        }
        if first.len() <= 2 && self.rest.starts_with(['/', '.', '-']) {
            return Err(Problem::Invalid(
                "either number could be the month, so write the year first: `2026-11-23`".into(),
            ));
        }
        Err(Problem::NotADate)
    }

    /// `Mon, 23 Nov 2026`, `Nov 23, 2026`, `November 23 2026`
    fn date_by_name(&mut self) -> Result<civil::Date, Problem> {
        let word = self.word().ok_or(Problem::NotADate)?;
        let lower = word.to_ascii_lowercase();
        if lower.len() >= 3 && DAYS.iter().any(|day| day.starts_with(&lower)) {
            self.rest = self.rest.trim_start_matches(['.', ',', ' ']);
            let weekday = DAYS.iter().position(|day| day.starts_with(&lower));
            let date = self.date()?;
            let written = weekday.and_then(|at| i8::try_from(at).ok());
            if written != Some(date.weekday().to_monday_zero_offset()) {
                return Err(Problem::Invalid(format!("{date} is not a {word}")));
            }
            return Ok(date);
        }
        let month = month(word).ok_or(Problem::NotADate)?;
        self.rest = self.rest.trim_start_matches(['.', ' ']);
        let day = self.digits(2).ok_or(Problem::NotADate)?;
        for suffix in ["st", "nd", "rd", "th"] {
            self.rest = self.rest.strip_prefix(suffix).unwrap_or(self.rest);
        }
        self.rest = self.rest.trim_start_matches([',', ' ']);
        let year = self.digits(9).ok_or(Problem::NotADate)?;
        civil_date(year, &month.to_string(), day)
    }

    /// `10:00`, `10:00:05`, `10:00:05.123`, `10:00 PM`
    fn time(&mut self) -> Option<Result<civil::Time, String>> {
        let saved = self.rest;
        let hour = self.digits(2)?;
        if !self.skip(':') {
            self.rest = saved;
            return None;
        }
        let wrong = || Some(Err("the time is not written like `10:00` or `10:00:05`".to_owned()));
        let Some(minute) = self.digits(2).filter(|minute| minute.len() == 2) else { return wrong() };
        let mut second = "0";
        if self.skip(':') {
            match self.digits(2).filter(|second| second.len() == 2) {
                Some(digits) => second = digits,
                None => return wrong(),
            }
        }
        if (self.rest.starts_with('.') || self.rest.starts_with(','))
            && self.rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit)
        {
            self.rest = self.rest.get(1..).unwrap_or_default();
            // Feeds have whole seconds.
            self.digits(12);
        }
        let number = |digits: &str| digits.parse::<i8>().unwrap_or(-1);
        let (mut hour, minute, mut second) = (number(hour), number(minute), number(second));
        let marker = self.rest.trim_start();
        let (is_am, is_pm) = (starts_with_word(marker, "am"), starts_with_word(marker, "pm"));
        if is_am || is_pm {
            if !(1..=12).contains(&hour) {
                return Some(Err("an hour with AM or PM is from 1 to 12".into()));
            }
            hour = hour % 12 + if is_pm { 12 } else { 0 };
            self.rest = marker.get(2..).unwrap_or_default();
        }
        // A leap second becomes the last second of its minute.
        if second == 60 {
            second = 59;
        }
        Some(civil::Time::new(hour, minute, second, 0).map_err(|_| "there is no such time of day".to_owned()))
    }

    /// The zone after the time: nothing, an offset, `Z`, `UTC`, `GMT`, a name in brackets, or an offset with an abbreviation.
    fn zone(&mut self, raw: &str) -> Result<Option<Zone>, String> {
        let mut offset = None;
        if self.skip('Z') || self.skip('z') {
            offset = Some(Offset::UTC);
        } else if self.rest.starts_with(['+', '-', '\u{2212}']) {
            offset = Some(self.offset().ok_or_else(|| {
                format!("`{}` does not end in an offset such as `+08:00`", raw.trim().escape_debug())
            })?);
            self.rest = self.rest.trim_start();
            // Go repeats the zone as an abbreviation. The offset before it counts.
            let saved = self.rest;
            if self.word().is_none_or(|word| word.len() > 5) {
                self.rest = saved;
            }
        } else {
            for name in ["UTC", "GMT", "UT"] {
                if offset.is_none() && starts_with_word(self.rest, name) {
                    self.rest = self.rest.get(name.len()..).unwrap_or_default();
                    offset = Some(if self.rest.starts_with(['+', '-']) {
                        self.offset().unwrap_or(Offset::UTC)
                    } else {
                        Offset::UTC
                    });
                }
            }
        }
        self.rest = self.rest.trim_start();
        let mut zone = None;
        if let Some(name) = self.rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            zone = Some(TimeZone::get(name).map_err(|_| format!("`{}` is not a time zone", name.escape_debug()))?);
            self.rest = "";
        }
        if !self.rest.trim().is_empty() {
            return Err(format!("`{}` after the date is not a time or an offset", self.rest.trim().escape_debug()));
        }
        Ok(offset.map(Zone::Offset).or(zone.map(Zone::Named)))
    }

    fn offset(&mut self) -> Option<Offset> {
        let sign = if self.skip('+') { 1 } else { -1 };
        if sign < 0 && !self.skip('-') {
            self.skip('\u{2212}');
        }
        let hours = self.digits(2)?;
        let has_colon = self.skip(':');
        let minutes = self.digits(2).unwrap_or("0");
        // Local mean time: `+00:09:21`, `+000921`.
        let has_seconds = if has_colon { self.skip(':') } else { self.rest.starts_with(|c: char| c.is_ascii_digit()) };
        let seconds = if has_seconds { self.digits(2).filter(|seconds| seconds.len() == 2)? } else { "0" };
        let number = |digits: &str| digits.parse::<i32>().ok();
        let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
        let total = sign * (hours * 3_600 + minutes * 60 + seconds);
        // The largest offset is Manila's local mean time: -15:56 until 1844.
        (hours <= 15 && minutes < 60 && seconds < 60).then(|| Offset::from_seconds(total).ok())?
    }
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
        && !text.get(word.len()..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// The number of a month by its English name or at least three letters of it.
pub(super) fn month(word: &str) -> Option<i8> {
    let word = word.to_ascii_lowercase();
    let at = MONTHS
        .iter()
        .position(|month| word.len() >= 3 && (month.starts_with(&word) || word == "sept" && *month == "september"))?;
    i8::try_from(at + 1).ok()
}

fn civil_date(year: &str, month: &str, day: &str) -> Result<civil::Date, Problem> {
    if year.len() != 4 {
        return Err(Problem::Invalid("a year has four digits".into()));
    }
    let number = |digits: &str| digits.parse::<i16>().unwrap_or(-1);
    let (year, month, day) = (number(year), number(month), number(day));
    let narrow = |number: i16| i8::try_from(number).unwrap_or(-1);
    if !(1..=12).contains(&month) {
        return Err(Problem::Invalid(format!("there is no month {month}")));
    }
    let first = civil::Date::new(year, narrow(month), 1).map_err(|_| Problem::NotADate)?;
    civil::Date::new(year, narrow(month), narrow(day))
        .map_err(|_| Problem::Invalid(format!("{} has {} days", first.strftime("%B %Y"), first.days_in_month())))
}

#[cfg(test)]
mod tests;
