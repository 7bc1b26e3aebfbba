//! How far long work is: a bar on a terminal, else a line every few seconds.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// What takes no longer than this shows no bar.
const SHORT: Duration = Duration::from_secs(1);
/// A line each time that so much has passed.
const LINE: Duration = Duration::from_secs(5);

/// What is told of work that goes on on all cores.
pub(super) struct Progress {
    work: &'static str,
    started: Instant,
    bar: Option<ProgressBar>,
    /// How many lines were due so far.
    lines: AtomicU64,
}

impl Progress {
    pub(super) fn new(work: &'static str) -> Progress {
        let bar = || {
            let style = ProgressStyle::with_template("{msg} {wide_bar} {human_pos}/{human_len} {eta}");
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())).with_message(work)
        };
        let bar = std::io::stderr().is_terminal().then(bar);
        Progress { work, started: Instant::now(), bar, lines: AtomicU64::new(0) }
    }

    /// So much is done, of so much as was found so far.
    pub(super) fn at(&self, done: usize, total: usize) {
        if !done.is_multiple_of(64) {
            return;
        }
        let elapsed = self.started.elapsed();
        let Some(bar) = &self.bar else {
            return self.line(done, total, elapsed).into_iter().for_each(|line| tell!("{line}"));
        };
        if elapsed < SHORT {
            return;
        }
        if bar.length().is_none() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    }

    /// The line that is due, unless another core has told it.
    fn line(&self, done: usize, total: usize, elapsed: Duration) -> Option<String> {
        let due = elapsed.as_secs() / LINE.as_secs();
        let is_new = self.lines.fetch_max(due, Ordering::Relaxed) < due;
        is_new.then(|| format!("{}: {done} of {total} found so far", self.work))
    }

    pub(super) fn finish(&self) {
        self.bar.iter().for_each(ProgressBar::finish_and_clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_told_every_few_seconds_and_once() {
        let progress = Progress { work: "reading", started: Instant::now(), bar: None, lines: AtomicU64::new(0) };
        let told = [0, 4_999, 5_000, 5_001, 9_999, 17_000, 19_000, 20_000].into_iter().zip(1..).filter_map(
            |(milliseconds, done): (u64, usize)| progress.line(done, 100, Duration::from_millis(milliseconds)),
        );
        let told: Vec<String> = told.collect();
        assert_eq!(told, [3, 6, 8].map(|done| format!("reading: {done} of 100 found so far")));
    }
}
