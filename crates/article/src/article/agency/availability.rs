//! Decides when readers may see a picture or another file of an item.

use jiff::tz::TimeZone;

use super::item::{Field, Limits};
use super::text;
use crate::article::fields::names;
use crate::article::keys::{normalised, parse_bool};
use crate::article::meaning::{Meaning, Status};
use crate::article::media_terms::Availability;
use crate::article::{access, date, lifecycle};
use crate::types::Moment;

/// Whether a key that the format doesn't define may be about publication or access.
pub(super) fn is_about_publication(key: &str) -> bool {
    let is_nearly = || names::nearest_withholding_key(&normalised(key)).is_some();
    access::is_key(key) || lifecycle::lookup(key).is_some() || is_nearly()
}

/// When readers may see a file. A value that isn't understood withholds it.
pub(super) fn of(limits: &Limits, zone: &TimeZone) -> Availability {
    let statuses = limits.statuses.iter().map(status);
    let embargoes = limits.embargoes.iter().map(|embargo| from(embargo, zone));
    let expiries = limits.expiries.iter().map(|expires| until(expires, zone));
    let statements = limits.statements.iter().map(|statement| stated(&statement.key, &statement.value, zone));
    statuses.chain(embargoes).chain(expiries).chain(statements).fold(Availability::ALWAYS, Availability::and)
}

fn status(field: &Field) -> Availability {
    match lifecycle::parse_status(&field.text) {
        Some(Status::Published) => Availability::ALWAYS,
        Some(Status::Retracted) => Availability::Killed,
        _ => Availability::Withheld,
    }
}

fn from(embargo: &Field, zone: &TimeZone) -> Availability {
    match moment(embargo, zone) {
        _ if lifecycle::lifts_embargo(&embargo.text) => Availability::ALWAYS,
        Some(from) => Availability::Period { from: Some(from), until: None },
        // An embargo without a time lasts until a later version ends it.
        None => Availability::Withheld,
    }
}

fn until(expires: &Field, zone: &TimeZone) -> Availability {
    match moment(expires, zone) {
        _ if expires.text.trim().is_empty() || lifecycle::never_expires(&expires.text) => Availability::ALWAYS,
        Some(until) => Availability::Period { from: None, until: Some(until) },
        None => Availability::Withheld,
    }
}

/// The meaning of a key that the format doesn't define.
fn stated(key: &str, value: &Field, zone: &TimeZone) -> Availability {
    let unless = |is_public: bool| if is_public { Availability::ALWAYS } else { Availability::Withheld };
    if access::is_key(key) {
        return unless(access::statement(key, &value.text) == access::Statement::Public);
    }
    match lifecycle::lookup(key).map(|(meaning, _)| meaning) {
        Some(Meaning::Embargo) => from(value, zone),
        Some(Meaning::Published | Meaning::Date) => match moment(value, zone) {
            Some(from) => Availability::Period { from: Some(from), until: None },
            None => unless(!lifecycle::denies_publication(&value.text)),
        },
        Some(Meaning::Expires) => until(value, zone),
        Some(Meaning::Status) => status(value),
        Some(Meaning::Draft) => unless(parse_bool(&value.text) == Some(false)),
        Some(Meaning::Public) => unless(parse_bool(&value.text) == Some(true)),
        Some(Meaning::Reason | Meaning::Corrections) => Availability::ALWAYS,
        // Nearly a key that withholds.
        None => Availability::Withheld,
    }
}

fn moment(field: &Field, zone: &TimeZone) -> Option<Moment> {
    date::parse(&text::extended_date(&field.text), zone).ok().map(|date| date.moment)
}
