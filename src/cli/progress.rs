//! Shows the progress of long work: a bar on a terminal, otherwise a line every few seconds.

use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shorter work shows no bar.
const BAR_DELAY: Duration = Duration::from_secs(1);
/// How often a line is printed if standard error isn't a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The progress of work that runs on all cores.
pub(super) struct Progress {
    work: &'static str,
    started: Instant,
    bar: Option<ProgressBar>,
    /// How many lines were printed.
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

    /// Updates the progress: `done` of the `total` found so far.
    pub(super) fn at(&self, done: usize, total: usize) {
        if !done.is_multiple_of(64) {
            return;
        }
        let elapsed = self.started.elapsed();
        let Some(bar) = &self.bar else {
            return self.line(done, total, elapsed).into_iter().for_each(|line| errln!("{line}"));
        };
        if elapsed < BAR_DELAY {
            return;
        }
        if bar.length().is_none() {
            bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    }

    /// The next line, if one is due and no other thread has printed it.
    fn line(&self, done: usize, total: usize, elapsed: Duration) -> Option<String> {
        let due = elapsed.as_secs() / LINE_INTERVAL.as_secs();
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
    fn each_line_is_printed_once_every_few_seconds() {
        let progress = Progress { work: "reading", started: Instant::now(), bar: None, lines: AtomicU64::new(0) };
        let lines = [0, 4_999, 5_000, 5_001, 9_999, 17_000, 19_000, 20_000].into_iter().zip(1..).filter_map(
            |(milliseconds, done): (u64, usize)| progress.line(done, 100, Duration::from_millis(milliseconds)),
        );
        let lines: Vec<String> = lines.collect();
        assert_eq!(lines, [3, 6, 8].map(|done| format!("reading: {done} of 100 found so far")));
    }
}
