//! Instants with a UTC offset, and the date formats of feeds.

use std::fmt;
use std::num::NonZeroI64;

use jiff::tz::Offset;
use jiff::{Timestamp, Unit};

/// An instant with second precision and the UTC offset in which it was written. Ordered by the instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Moment(
    /// The Unix second times 2^[`Moment::OFFSET_BITS`], plus the biased offset in minutes. A single word, because an archive has millions
    /// of moments. Never zero, because no offset is 2048 minutes west of UTC.
    NonZeroI64,
);

impl Moment {
    const OFFSET_BITS: u32 = 12;
    const OFFSET_BIAS: i64 = 1 << (Moment::OFFSET_BITS - 1);

    /// The years that all date formats of feeds write with four digits.
    const YEARS: std::ops::RangeInclusive<i16> = 1583..=9998;

    /// An instant at an offset, with fractions of a second truncated. `None` outside the years 1583 to 9998.
    pub fn new(timestamp: Timestamp, offset: Offset) -> Option<Moment> {
        // RFC 3339 and RFC 822 write offsets in whole minutes; historical time zones have seconds.
        let minutes = offset.round(Unit::Minute).ok()?.seconds() / 60;
        let year = Offset::from_seconds(minutes * 60).ok()?.to_datetime(timestamp).year();
        let packed = (timestamp.as_second() << Moment::OFFSET_BITS) + i64::from(minutes) + Moment::OFFSET_BIAS;
        Moment::YEARS.contains(&year).then(|| NonZeroI64::new(packed).map(Moment)).flatten()
    }

    /// Instant and offset as one number, ordered by the instant.
    pub fn packed(self) -> i64 {
        self.0.get()
    }

    /// Reverses [`Moment::packed`]. `None` for other numbers.
    pub fn from_packed(packed: i64) -> Option<Moment> {
        let moment = Moment(NonZeroI64::new(packed)?);
        let timestamp = Timestamp::from_second(moment.second()).ok()?;
        Moment::new(timestamp, Offset::from_seconds(moment.minutes() * 60).ok()?)
    }

    /// Minutes east of UTC.
    fn minutes(self) -> i32 {
        let biased = self.0.get() & ((1 << Moment::OFFSET_BITS) - 1);
        i32::try_from(biased - Moment::OFFSET_BIAS).unwrap_or_default()
    }

    /// Unix seconds.
    pub fn second(self) -> i64 {
        self.0.get() >> Moment::OFFSET_BITS
    }

    /// The instant.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_second(self.second()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The UTC offset in which the instant was written.
    pub fn offset(self) -> Offset {
        Offset::from_seconds(self.minutes() * 60).unwrap_or(Offset::UTC)
    }

    /// RFC 3339 (section 5.6) with the original offset: `2023-05-15T09:24:32+08:00`.
    pub fn rfc3339(self) -> String {
        self.to_string()
    }

    /// RFC 822 with a four-digit year and in UTC, which every reader understands: `Mon, 15 May 2023 01:24:32 +0000`.
    pub fn rfc822(self) -> String {
        rfc822(self.timestamp())
    }

    /// The date at the original offset, `2023-05-15`. Ids are minted from it.
    pub fn date(self) -> String {
        self.offset().to_datetime(self.timestamp()).strftime("%Y-%m-%d").to_string()
    }
}

/// The same as [`Moment::rfc3339`].
impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.offset().to_datetime(self.timestamp());
        let minutes = self.minutes();
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
        write!(out, "{}{sign}{hours:02}:{minutes:02}", local.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

/// RFC 822 with a four-digit year and a numeric zone, in UTC.
pub fn rfc822(timestamp: Timestamp) -> String {
    Offset::UTC.to_datetime(timestamp).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// RFC 3339 in UTC with `Z`, with second precision.
pub fn rfc3339(timestamp: Timestamp) -> String {
    Offset::UTC.to_datetime(timestamp).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
