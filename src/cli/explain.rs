//! `dateline explain`

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::table::table;
use super::{FAILED, WRONG_INPUT, fail, find_article, item_versions, load, print_diagnostics, refuse};
use crate::article::{bundle, parse_with_origins};
use crate::daemon::{self, Inputs, StateCache};
use crate::diagnostics::Code;
use crate::event::{Explanation, FeedDecision, FileState};
use crate::store;
use crate::watch::read;

/// Show where each field of an article came from, and which feeds have the article and why.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The article's file, as a path from here or below the content directory, or `name:path` in another source.
    article: PathBuf,
}

impl Explain {
    pub(super) fn run(&self, file: &Path) -> ExitCode {
        let (checked, config) = match load(file) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let roots = daemon::roots(&config);
        let root = roots.content();
        let Some(path) = find_article(&self.article, &roots) else {
            let given = self.article.display();
            let metadata = match std::fs::metadata(&self.article) {
                Err(error) if error.kind() == ErrorKind::NotFound => std::fs::metadata(root.path.join(&self.article)),
                metadata => metadata,
            };
            return match metadata {
                Err(error) if error.kind() != ErrorKind::NotFound => fail(&format!("cannot read `{given}`: {error}")),
                Ok(_) => refuse(&format!("`{given}` is not an article of {}", root.name)),
                Err(_) => refuse(&format!("there is no article `{given}` in {}", root.name)),
            };
        };
        let Ok(root) = roots.of(&path) else { return refuse(&format!("no source has the article `{path}`")) };
        if let Some(pattern) = config.content.ignore.matching(path.relative()) {
            outln!("{}", root.display(path.as_str()));
            outln!("It is not an article: `{pattern}` of `content.ignore` or its defaults leaves it out.");
            return ExitCode::SUCCESS;
        }
        if bundle::is_section_page(&path) && path.source().is_none() {
            outln!("{}", root.display(path.as_str()));
            let reason = match bundle::is_data_file(&path) {
                true => {
                    "it is a data file of Eleventy, whose keys about publication count for its folder or its article"
                }
                false => {
                    "it is the page of a section, and gives it the title and description that the configuration doesn't"
                }
            };
            outln!("It is not an article: {reason}.");
            return ExitCode::SUCCESS;
        }
        let parsed = match read::read(root, &path, config.parsing_of(&path), parse_with_origins).state {
            FileState::Present(parsed) => parsed,
            FileState::Unreadable(diagnostic) => {
                print_diagnostics([&diagnostic]);
                return ExitCode::from(FAILED);
            }
            FileState::Items { items, .. } => {
                outln!("{} contains these articles. Name one of them:", root.display(path.as_str()));
                items.iter().for_each(|item| outln!("  {}", root.display(item.path.as_str())));
                return ExitCode::SUCCESS;
            }
            FileState::Absent { .. } | FileState::Known(..) => {
                return refuse(&format!("there is no article `{}` in {}", self.article.display(), root.name));
            }
        };
        outln!("{}", root.display(path.as_str()));
        let rows = parsed.origins.iter().map(|origin| {
            let line = if origin.line > 0 { format!("line {}", origin.line) } else { String::new() };
            [origin.field.to_owned(), line, origin.source.to_owned(), origin.value.clone()]
        });
        table([14, 9, 14], &rows.collect::<Vec<_>>());
        outln!("");
        // Whether a folder's page needs a date depends on the other files in the folder, so the warning waits.
        // With `content.undated`, no date is no mistake.
        let decides_dates = config.content.undated.is_some();
        let (undated, others): (Vec<_>, Vec<_>) = parsed
            .diagnostics
            .iter()
            .filter(|diagnostic| !decides_dates || diagnostic.code != Code::ArticleUndated)
            .partition(|diagnostic| bundle::is_index(&path) && diagnostic.code == Code::ArticleUndated);
        print_diagnostics(others);
        if let Some(kind) = parsed.ignored {
            outln!("It is not an article: {}.", kind.diagnostic("").message);
            return ExitCode::SUCCESS;
        }
        if parsed.notice.is_some() {
            outln!("It is not a story: it is an agency's notice, and isn't published.");
            return ExitCode::SUCCESS;
        }
        if parsed.article.is_none() {
            outln!("This version is not published: fix the errors above.");
            return ExitCode::from(WRONG_INPUT);
        }
        let inputs = Inputs {
            ledger: || store::read_ledger(&config.state),
            cache: StateCache::none(),
            request: None,
            needs_all_bodies: false,
        };
        let mut built = match daemon::build_once(checked, &config, inputs, |_, _| {}, |_| {}, drop) {
            Ok(built) => built,
            Err(error) => return fail(&error.to_string()),
        };
        match built.explanation(path) {
            Some(explanation) => {
                if !explanation.is_listing {
                    print_diagnostics(undated);
                }
                print_diagnostics(&explanation.diagnostics);
                print(&explanation, built.engine.snapshot().documents.len());
                item_versions::print(&explanation.versions, &roots, &config);
            }
            None => outln!("It is not published."),
        }
        ExitCode::SUCCESS
    }
}

fn print(explanation: &Explanation, documents: usize) {
    let Explanation { section, old_section, id, link, remarks, decisions, .. } = explanation;
    let section = if section.is_root() { "(root)" } else { section.as_str() };
    let renamed = old_section.as_ref().map(|old| format!(" (`{old}` before `[[moved]]`)")).unwrap_or_default();
    outln!("section  {section}{renamed}");
    id.iter().for_each(|id| outln!("id       {id}"));
    link.iter().for_each(|link| outln!("link     {link}"));
    remarks.iter().for_each(|remark| outln!("{remark}"));
    outln!("");
    outln!("feeds");
    let row = |FeedDecision { feed, is_included, reason }: &FeedDecision| {
        [if *is_included { "in" } else { "out" }.to_owned(), feed.clone(), reason.clone()]
    };
    table([3, 24], &decisions.iter().map(row).collect::<Vec<_>>());
    outln!("");
    outln!(
        "{documents} documents are published in all; a feed shows the newest of its articles, as many as its window has."
    );
}
