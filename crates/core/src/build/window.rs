//! Windows: which articles a feed shows, until when, and how often readers should poll. Functions of dates alone.
//!
//! # Why does a window end at an instant and not at a count?
//!
//! Articles leave a window in the order of the feed, so a window is a prefix of that order and changes when its last article leaves.
//! The engine asks to be woken at that instant. No document contains the current time.

use jiff::{SignedDuration, Timestamp};

use crate::config::{Polling, Window};
use crate::event::Now;

/// How many of its newest articles a feed shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extent {
    /// The number of articles, before `max_bytes` applies.
    pub count: usize,
    /// When the oldest of them leaves if no new article arrives.
    pub ends: Option<Timestamp>,
}

/// The extent of a window over articles, newest first.
///
/// An article never stays longer than a newer one. So the window is a prefix of the order, and it changes when its last article leaves.
pub fn extent(newest_first: impl Iterator<Item = Timestamp>, window: &Window, now: Now) -> Extent {
    let mut extent = Extent { count: 0, ends: None };
    for (place, published) in newest_first.enumerate() {
        let end = leaves_at(place, published, window);
        if end.is_some_and(|end| end <= now) {
            break;
        }
        extent = Extent { count: place + 1, ends: end };
    }
    extent
}

/// When the article at a position (0 is the newest) leaves the window. `None` if only newer articles can push it out.
pub fn leaves_at(place: usize, published: Timestamp, window: &Window) -> Option<Timestamp> {
    let after = |age: SignedDuration| published.checked_add(age).unwrap_or(Timestamp::MAX);
    if place < window.min_items {
        None
    } else if place < window.max_items {
        window.max_age.map(|age| after(age.max(window.min_residency)))
    } else {
        Some(after(window.min_residency))
    }
}

/// How many minutes readers should wait between polls: about a quarter of the median gap between articles. Depends on dates alone, so the
/// result doesn't vary with the time of computation.
pub fn poll_minutes(newest_first: &[Timestamp], polling: &Polling) -> u32 {
    const DEFAULT_MINUTES: u32 = 15;
    const MAX_GAPS: usize = 20;
    let mut gaps: Vec<i64> = newest_first
        .windows(2)
        .take(MAX_GAPS)
        .filter_map(|pair| Some(pair.first()?.as_second().saturating_sub(pair.get(1)?.as_second()) / 60))
        .collect();
    gaps.sort_unstable();
    let minutes = match gaps.get(gaps.len() / 2) {
        Some(&usual) if gaps.len() >= 3 => {
            let fitting = Polling::CHOICES.into_iter().rev().find(|&minutes| i64::from(minutes) <= usual / 4);
            fitting.unwrap_or(Polling::CHOICES[0])
        }
        _ => DEFAULT_MINUTES,
    };
    minutes.clamp(polling.min, polling.max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(hours * 3_600).expect("in range")
    }

    #[test]
    fn window_limits_have_a_fixed_precedence() {
        let (day, week) = (SignedDuration::from_hours(24), SignedDuration::from_hours(168));
        // Hours at which articles came; now is hour 200.
        let burst: Vec<i64> = (190..200).rev().collect();
        let old = [199, 150, 100, 50, 10];
        for (why, hours, max_items, min_items, max_age, residency, expected) in [
            ("max_items", &old[..], 3, 0, None, SignedDuration::ZERO, (3, None)),
            ("all fit", &old, 50, 0, None, day, (5, None)),
            ("residency beats max_items", &burst, 3, 0, None, day, (10, Some(190 + 24))),
            ("part of the burst is past its day", &[199, 180, 178, 176, 174], 2, 0, None, day, (3, Some(178 + 24))),
            ("max_age", &old, 50, 0, Some(week), day, (4, Some(50 + 168))),
            ("min_items beats max_age", &old, 50, 5, Some(day), day, (5, None)),
            ("min_items holds some", &old, 50, 3, Some(day), day, (3, None)),
            ("residency beats max_age", &[199, 180], 50, 0, Some(SignedDuration::from_hours(1)), day, (2, Some(204))),
            ("nothing left", &[10, 5], 50, 0, Some(day), day, (0, None)),
            ("nothing there", &[], 50, 20, Some(day), day, (0, None)),
        ] {
            let window = Window { max_items, min_items, max_age, min_residency: residency, max_bytes: 0 };
            let found = extent(hours.iter().copied().map(at), &window, at(200));
            assert_eq!((found.count, found.ends), (expected.0, expected.1.map(at)), "{why}");
        }
    }

    #[test]
    fn window_changes_exactly_at_its_end() {
        let window = Window {
            max_items: 2,
            min_items: 1,
            max_age: Some(SignedDuration::from_hours(48)),
            min_residency: SignedDuration::from_hours(24),
            max_bytes: 0,
        };
        let dates: Vec<Timestamp> = [100, 90, 80, 80, 70].into_iter().map(at).collect();
        let mut now = at(100);
        let mut counts = Vec::new();
        while let Some(end) = extent(dates.iter().copied(), &window, now).ends {
            let count = extent(dates.iter().copied(), &window, now).count;
            let before = Timestamp::from_second(end.as_second() - 1).expect("in range");
            assert_eq!(extent(dates.iter().copied(), &window, before).count, count);
            counts.push(count);
            now = end;
        }
        assert_eq!(counts, [4, 2]);
        assert_eq!(extent(dates.iter().copied(), &window, now).count, 1);
    }

    #[test]
    fn polling_interval_follows_publication_frequency() {
        let polling = Polling { min: 5, max: 60, skip_hours: Vec::new(), skip_days: Vec::new() };
        for (gap_minutes, stories, expected) in [
            (1, 30, 5),
            (20, 30, 5),
            (59, 30, 5),
            (60, 30, 15),
            (120, 30, 30),
            (240, 30, 60),
            (60 * 24 * 30, 30, 60),
            (1, 3, 15),
            (1, 4, 5),
            (0, 50, 5),
            (1, 0, 15),
        ] {
            let dates: Vec<Timestamp> = (0..stories)
                .map(|story| Timestamp::from_second(2_000_000_000 - story * gap_minutes * 60).expect("in range"))
                .collect();
            assert_eq!(poll_minutes(&dates, &polling), expected, "{gap_minutes} minutes, {stories} stories");
            let bounded = Polling { min: 15, max: 30, ..polling.clone() };
            assert_eq!(poll_minutes(&dates, &bounded), expected.clamp(15, 30));
        }
    }
}
