//! `dateline check`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::progress::Progress;
use super::{WRONG_INPUT, count, fail, print_diagnostics};
use crate::config::Config;
use crate::control::{self, CommandOutcome, Request};
use crate::daemon::{self, Inputs, StateCache};
use crate::diagnostics::{Code, Diagnostic, Place, Severity};
use crate::store;
use crate::types::ArticlePath;

/// Read the configuration and every article, and print every problem with its place and remedy. Writes nothing.
#[derive(Args, Debug)]
pub(super) struct Check {
    /// One JSON object per problem on standard output instead of text.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(&self, file: &Path) -> ExitCode {
        let checked = daemon::load(file);
        let mut problems = checked.diagnostics.clone();
        let mut summary = "the articles were not read".to_owned();
        let mut dependent = Vec::new();
        let mut held = Vec::new();
        let mut in_force = None;
        if let Some(config) = checked.config.clone() {
            in_force = compare_with_daemon(&config);
            let progress = Progress::new("reading articles");
            let mut has_state = false;
            let ledger = || store::read_ledger(&config.state).inspect(|ledger| has_state = !ledger.is_empty());
            let inputs = Inputs { ledger, cache: StateCache::none(), request: None, needs_all_bodies: false };
            let mut built = match daemon::build_once(
                checked,
                &config,
                inputs,
                |done, total| progress.at(done, total),
                |_| {},
                drop,
            ) {
                Ok(built) => built,
                Err(error) => return fail(&error.to_string()),
            };
            progress.finish();
            // Without any publication there is no state to lose.
            dependent = if has_state { built.state_dependents() } else { Vec::new() };
            problems = built.problems();
            let report = &built.engine.snapshot().report;
            held = report.held.iter().cloned().collect();
            summary = format!(
                "{}, {} published, {}",
                count(report.articles, "article"),
                report.published,
                count(report.feeds, "feed")
            );
        }
        problems.extend(in_force);
        problems.sort();
        // Each feed of an article may report the same problem.
        problems.dedup();
        if self.json {
            problems.iter().for_each(|problem| outln!("{}", problem.to_json()));
        } else {
            print_diagnostics(&problems);
        }
        let is_error = |problem: &&Diagnostic| problem.severity == Severity::Error;
        let errors = problems.iter().filter(is_error).count();
        if !self.json && !dependent.is_empty() {
            print_dependents(&dependent);
        }
        if !self.json && !held.is_empty() {
            print_held(&held);
        }
        if !self.json {
            outln!("{}, {}; {summary}", count(errors, "error"), count(problems.len() - errors, "warning"));
        }
        if errors > 0 { ExitCode::from(WRONG_INPUT) } else { ExitCode::SUCCESS }
    }
}

/// How a running daemon's configuration differs from the one checked.
fn compare_with_daemon(config: &Config) -> Option<Diagnostic> {
    let request = Request::Configuration { hash: config.hash.to_string() };
    // No comparison without a daemon, or for a user who may not connect to it.
    let answer = control::ask(&config.state, &request).ok().flatten()?;
    let diagnostic =
        |code, message: String| Diagnostic::new(code, message).at(Place::file(&config.file.display().to_string()));
    match answer {
        Ok(CommandOutcome { message: waiting, .. }) if waiting.is_empty() => None,
        Ok(CommandOutcome { message: waiting, .. }) => {
            let message =
                format!("the running daemon uses this configuration, except for what waits for a restart: {waiting}");
            Some(diagnostic(Code::ConfigFrozen, message).help("restart dateline to apply it"))
        }
        Err(why) => {
            let help = "`dateline reload` makes the daemon read the file again, and says why it refuses the file";
            Some(diagnostic(Code::ConfigInactive, why).help(help))
        }
    }
}

/// The most files that a list names.
const MAX_LISTED: usize = 20;

fn print_held(held: &[ArticlePath]) {
    let verb = if held.len() == 1 { "waits" } else { "wait" };
    outln!("The last version of {} {verb} for an editor:", count(held.len(), "file"));
    held.iter().take(MAX_LISTED).for_each(|path| outln!("  {path}"));
    if held.len() > MAX_LISTED {
        outln!("  and {} more", held.len() - MAX_LISTED);
    }
    outln!("`dateline release FILE` publishes it; `dateline explain FILE` shows it.");
    outln!("");
}

fn print_dependents(dependents: &[(ArticlePath, &'static str)]) {
    outln!("Only the state remembers the id or the date of {}:", count(dependents.len(), "article"));
    for (path, what) in dependents.iter().take(MAX_LISTED) {
        outln!("  {what:<4}  {path}");
    }
    if dependents.len() > MAX_LISTED {
        outln!("  and {} more", dependents.len() - MAX_LISTED);
    }
    outln!(
        "`dateline pin` writes ids into the files; write dates into the files yourself. `dateline backup` copies the state."
    );
    outln!("");
}
