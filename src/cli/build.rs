//! `dateline build`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Instant;

use clap::Args;

use super::progress::Progress;
use super::{FAILED, WRONG_INPUT, count, fail, load, print_diagnostics, refuse, start_over};
use crate::config::{Checked, Config, Source};
use crate::daemon::{self, Built, Inputs, StateCache};
use crate::deliver::Target;
use crate::deliver::disk::Disk;
use crate::diagnostics::Severity;
use crate::event::Outcome;
use crate::ledger::Record;
use crate::store::{self, Store, StoreError};

/// Build the feeds to files once, without a server.
#[derive(Args, Debug)]
pub(super) struct Build {
    /// Write here instead of `output.directory`.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Read and hash every file, also files that look unchanged.
    #[arg(long)]
    verify: bool,
    /// Start over if the ledger in the state directory is missing or damaged: undated articles get new dates, ids that only the
    /// ledger knew are minted again, and what was retracted by command is public again. What is left of the old ledger is kept.
    #[arg(long)]
    new_state: bool,
}

impl Build {
    pub(super) fn run(self, file: &Path) -> ExitCode {
        let (checked, config) = match load(file) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let Some(directory) = self.out.or_else(|| config.output.clone()) else {
            return refuse("`output.directory` is switched off, so say where to write: `dateline build --out DIR`");
        };
        let contains =
            |source: &&Source| is_inside(&directory, &source.directory) || is_inside(&source.directory, &directory);
        if let Some(source) = config.sources.iter().find(contains) {
            let what = match &source.name {
                None => "content directory".to_owned(),
                Some(name) => format!("directory of the source `{name}`"),
            };
            return refuse(&format!(
                "`{}` and the {what}, `{}`, are not apart: feeds would be among the articles",
                directory.display(),
                source.directory.display()
            ));
        }
        let mut disk = Disk::new(directory, &config.state);
        if let Err(problem) = disk.lock() {
            print_diagnostics(&[problem]);
            return ExitCode::from(FAILED);
        }
        if self.new_state
            && let Err(code) = start_over(&config)
        {
            return code;
        }
        let started = Instant::now();
        let progress = Progress::new("reading articles");
        let mut built = match build(checked, &config, self.verify, &progress) {
            Ok(built) => built,
            Err(error) => return fail(&error.to_string()),
        };
        let mut disk = disk.with_reader(built.reader());
        progress.finish();
        let (mut written, mut unchanged, mut removed) = (0, 0, 0);
        let mut problems = built.problems();
        let mut failed = false;
        let mut count_outcome = |outcome: Outcome| {
            written += outcome.written;
            unchanged += outcome.unchanged;
            removed += outcome.removed;
            failed |= !outcome.problems.is_empty();
            problems.extend(outcome.problems);
        };
        built.deliveries.iter().for_each(|delivery| count_outcome(disk.deliver(delivery)));
        built.deliver_archives(&config, |delivery, reader| {
            disk.set_reader(reader);
            count_outcome(disk.deliver(delivery));
        });
        print_diagnostics(&problems);
        let report = Arc::clone(&built.engine.snapshot().report);
        outln!(
            "{} ({} published), {}, {written} written, {unchanged} unchanged, {removed} removed, {}, {:.2} s",
            count(report.articles, "article"),
            report.published,
            count(report.feeds, "feed"),
            count(problems.len(), "problem"),
            started.elapsed().as_secs_f64()
        );
        // Skips the destructors: freeing the memory of a million articles takes seconds.
        std::mem::forget((built.engine, built.documents));
        if failed || built.deliveries.is_empty() {
            ExitCode::from(FAILED)
        } else if problems.iter().any(|problem| problem.severity == Severity::Error) {
            ExitCode::from(WRONG_INPUT)
        } else {
            ExitCode::SUCCESS
        }
    }
}

/// Whether a directory, which needn't exist yet, is inside another or the same.
fn is_inside(directory: &Path, other: &Path) -> bool {
    let real = |path: &Path| {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let there = path.ancestors().find_map(|folder| Some((folder, folder.canonicalize().ok()?)));
        match there.and_then(|(folder, real)| Some(real.join(path.strip_prefix(folder).ok()?))) {
            // Joining an empty path would add a slash.
            Some(real) => real.components().collect::<PathBuf>(),
            None => path,
        }
    };
    real(directory).starts_with(real(other))
}

/// Builds the feeds, and writes ledger records on another thread. All records are durable when this returns.
fn build(checked: Checked, config: &Config, verify: bool, progress: &Progress) -> Result<Built, StoreError> {
    // A bounded channel: the build waits for the writer instead of queueing records in memory.
    let (persist, records) = mpsc::sync_channel::<Vec<Record>>(1);
    std::thread::scope(|scope| {
        let mut writer = None;
        let (opened, cache) = match Store::open(&config.state) {
            Ok(store) if verify => (Some(store), StateCache::open_empty(&config.state)),
            Ok(store) => (Some(store), StateCache::open(&config.state)),
            // The daemon owns the state and records the same facts itself.
            Err(StoreError::Locked(_)) => (None, StateCache::none()),
            Err(error) => return Err(error),
        };
        let ledger = || match opened {
            Some(mut store) => {
                let ledger = store.ledger();
                writer = Some(scope.spawn(move || store.append(records.into_iter().flatten(), daemon::now())));
                ledger
            }
            None => store::read_ledger(&config.state),
        };
        let inputs = Inputs { ledger, cache, request: None, needs_all_bodies: false };
        let progress = |done, total| progress.at(done, total);
        // If the writer has ended, it returns the error, or a daemon owns the state.
        let built = daemon::build_once(checked, config, inputs, progress, |_| {}, |more| drop(persist.send(more)));
        drop(persist);
        let written = writer.map(|writer| writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        written.transpose()?;
        built
    })
}
