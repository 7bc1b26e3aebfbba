//! `dateline check`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::progress::Progress;
use super::{WRONG_INPUT, count, fail, print_diagnostics};
use crate::build::index::Index;
use crate::daemon::{self, Caching, Inputs};
use crate::diag::{Diagnostic, Severity};
use crate::engine::Engine;
use crate::types::ArticlePath;

/// Read the configuration and every article, and print every problem with its place and cure. Writes nothing.
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
        if let Some(config) = checked.config.clone() {
            let progress = Progress::new("reading articles");
            let inputs =
                Inputs { ledger: || daemon::remembered(&config), cache: Caching::none(), command: None, whole: false };
            let engine = match daemon::build_once(
                checked,
                &config,
                inputs,
                |done, total| progress.at(done, total),
                |_| {},
                drop,
            ) {
                Ok(built) => built.engine,
                Err(trouble) => return fail(&trouble.to_string()),
            };
            progress.finish();
            dependent = engine.index().map(|index| dependents(&engine, index)).unwrap_or_default();
            problems = engine.problems().map(|(_, diagnostic)| diagnostic.clone()).collect();
            let report = &engine.snapshot().report;
            summary = format!(
                "{}, {} published, {}",
                count(report.articles, "article"),
                report.published,
                count(report.feeds, "feed")
            );
        }
        problems.sort();
        // An article is in several feeds, and each may say the same of it.
        problems.dedup();
        if self.json {
            problems.iter().for_each(|problem| say!("{}", problem.to_json()));
        } else {
            print_diagnostics(&problems);
        }
        let is_error = |problem: &&Diagnostic| problem.severity == Severity::Error;
        let errors = problems.iter().filter(is_error).count();
        if !self.json && !dependent.is_empty() {
            tell_of(&dependent);
        }
        if !self.json {
            say!("{}, {}; {summary}", count(errors, "error"), count(problems.len() - errors, "warning"));
        }
        if errors > 0 { ExitCode::from(WRONG_INPUT) } else { ExitCode::SUCCESS }
    }
}

/// The articles that would have another id or date if the state were lost, and which of the two.
fn dependents(engine: &Engine, index: &Index) -> Vec<(ArticlePath, &'static str)> {
    let lost = |path: &ArticlePath| index.lost_without_state(path, &engine.card(path)?);
    let mut dependents: Vec<_> = index.articles().filter_map(|(path, _)| Some((path.clone(), lost(path)?))).collect();
    dependents.sort();
    dependents
}

fn tell_of(dependents: &[(ArticlePath, &'static str)]) {
    const MOST: usize = 20;
    say!("Only the state remembers the id or the date of {}:", count(dependents.len(), "article"));
    for (path, what) in dependents.iter().take(MOST) {
        say!("  {what:<4}  {path}");
    }
    if dependents.len() > MOST {
        say!("  and {} more", dependents.len() - MOST);
    }
    say!("`dateline pin` writes ids into the files; a date is yours to write. `dateline backup` copies the state.");
    say!("");
}
