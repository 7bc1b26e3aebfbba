//! `dateline check`

use std::path::Path;
use std::process::ExitCode;

use clap::Args;

use super::build::Progress;
use super::{WRONG_INPUT, count, fail, print_diagnostics};
use crate::daemon;
use crate::diag::{Diagnostic, Severity};

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
        if let Some(config) = checked.config.clone() {
            let progress = Progress::new("reading articles");
            let remembered = || daemon::remembered(&config);
            let engine =
                match daemon::build_once(checked, &config, remembered, None, |done, total| progress.at(done, total)) {
                    Ok(built) => built.engine,
                    Err(trouble) => return fail(&trouble.to_string()),
                };
            progress.finish();
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
        if self.json {
            problems.iter().for_each(|problem| println!("{}", problem.to_json()));
        } else {
            print_diagnostics(&problems);
        }
        let is_error = |problem: &&Diagnostic| problem.severity == Severity::Error;
        let errors = problems.iter().filter(is_error).count();
        if !self.json {
            println!("{}, {}; {summary}", count(errors, "error"), count(problems.len() - errors, "warning"));
        }
        if errors > 0 { ExitCode::from(WRONG_INPUT) } else { ExitCode::SUCCESS }
    }
}
