//! `dateline explain`

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{FAILED, WRONG_INPUT, cell, columns, fail, find_article, load, print_diagnostics, refuse};
use crate::article::card::Card;
use crate::article::{bundle, parse_with_origins};
use crate::build::assemble;
use crate::build::index::{Index, IndexedArticle, Visibility};
use crate::build::membership::Rule;
use crate::build::placement::{FeedKey, Placement};
use crate::config::Config;
use crate::daemon::{self, Inputs, StateCache};
use crate::diagnostics::Code;
use crate::engine::Engine;
use crate::event::FileState;
use crate::types::{ArticlePath, rfc3339};
use crate::watch::read;

/// Show where each field of an article came from, and which feeds have the article and why.
#[derive(Args, Debug)]
pub(super) struct Explain {
    /// The article's file, as a path from here or below the content directory.
    article: PathBuf,
}

impl Explain {
    pub(super) fn run(&self, file: &Path) -> ExitCode {
        let (checked, config) = match load(file) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let root = daemon::root(&config);
        let Some(path) = find_article(&self.article, &root) else {
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
        if let Some(pattern) = config.content.ignore.matching(path.as_str()) {
            outln!("{}", root.display(path.as_str()));
            outln!("It is not an article: `{pattern}` of `content.ignore` or its defaults leaves it out.");
            return ExitCode::SUCCESS;
        }
        if bundle::is_section_page(&path) {
            outln!("{}", root.display(path.as_str()));
            outln!(
                "It is not an article: it is the page of a section, and gives it the title and description that the configuration doesn't."
            );
            return ExitCode::SUCCESS;
        }
        let parsed = match read::read(&root, &path, &config.parsing, parse_with_origins).state {
            FileState::Present(parsed) => parsed,
            FileState::Unreadable(diagnostic) => {
                print_diagnostics([&diagnostic]);
                return ExitCode::from(FAILED);
            }
            FileState::Absent { .. } | FileState::Known(..) => {
                return refuse(&format!("`{}` is gone", self.article.display()));
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
        let (undated, others): (Vec<_>, Vec<_>) = parsed
            .diagnostics
            .iter()
            .partition(|diagnostic| bundle::is_index(&path) && diagnostic.code == Code::ArticleUndated);
        print_diagnostics(others);
        if parsed.article.is_none() {
            outln!("This version is not published: fix the errors above.");
            return ExitCode::from(WRONG_INPUT);
        }
        let inputs = Inputs {
            ledger: || daemon::read_ledger(&config),
            cache: StateCache::none(),
            command: None,
            needs_all_bodies: false,
        };
        let engine = match daemon::build_once(checked, &config, inputs, |_, _| {}, |_| {}, drop) {
            Ok(built) => built.engine,
            Err(error) => return fail(&error.to_string()),
        };
        match engine.index().and_then(|index| Some((index, index.get(&path)?, engine.card(&path)?))) {
            Some((index, indexed, card)) => {
                if indexed.visibility != Visibility::Listing {
                    print_diagnostics(undated);
                }
                print_diagnostics(&index.diagnostics(&path, indexed));
                explain(&engine, index, indexed, &card, &path, &config);
            }
            None => outln!("It is not published."),
        }
        ExitCode::SUCCESS
    }
}

fn explain(engine: &Engine, index: &Index, indexed: &IndexedArticle, card: &Card, path: &ArticlePath, config: &Config) {
    let section = if indexed.placement().own.is_root() { "(root)" } else { indexed.placement().own.as_str() };
    let Placement { own, written, .. } = indexed.placement();
    let renamed = if own == written { String::new() } else { format!(" (`{written}` before `[[moved]]`)") };
    outln!("section  {section}{renamed}");
    match &indexed.visibility {
        Visibility::Public(_) => {
            indexed.id().into_iter().for_each(|id| outln!("id       {id}"));
            let frame = std::sync::Arc::new(assemble::page_frame(index.rules(), indexed));
            if let Some(article) = assemble::published_article(path, card, indexed, None, config, &frame) {
                outln!("link     {}", article.url);
                if article.is_teaser {
                    outln!("It is published as a teaser: it is {}, and `content.paid` is \"teaser\".", card.access);
                }
            }
        }
        Visibility::Draft => outln!("It is not published: it is a draft."),
        Visibility::Restricted if card.access.is_private() => outln!("It is not published: it is {}.", card.access),
        Visibility::Restricted => {
            outln!("It is not published: it is paid, and left out since `content.paid` is \"omit\".")
        }
        Visibility::Undated => outln!("It is not published yet: it has no date, so it is dated when it is first seen."),
        Visibility::Scheduled(instant) => outln!("It is published at {}.", rfc3339(instant.timestamp())),
        Visibility::Expired(instant) => {
            outln!("It is not published any more: it expired at {}.", rfc3339(instant.timestamp()))
        }
        Visibility::Listing => match index.rules().of_folder(path.folder()) {
            Some(section) => outln!("It is not an article: it is the page of the section `{section}`."),
            None => {
                outln!(
                    "It is not an article: without a date, the page of a folder with other articles only lists them."
                )
            }
        },
        Visibility::Retracted => outln!("It is not published: it is retracted. `dateline history` tells more."),
        Visibility::IdTaken(holder) => outln!("It is not published: {holder} has its id."),
        Visibility::Superseded(other) => outln!("It is not published: {other} has the same id and withholds it."),
    }
    outln!("");
    outln!("feeds");
    let mut rows = Vec::new();
    let mut row = |is_included: bool, name: &str, rule: &str| {
        rows.push([if is_included { "in" } else { "out" }.to_owned(), name.to_owned(), rule.to_owned()]);
    };
    let is_public = matches!(indexed.visibility, Visibility::Public(_));
    let rule =
        |why: &str| if is_public { why.to_owned() } else { format!("it is not published; else in, since {why}") };
    if card.is_listed() {
        row(is_public, "(root)", if is_public { "the root feed carries everything" } else { "it is not published" });
    } else {
        let rule = if card.in_feeds { Rule::Unlisted } else { Rule::FeedsDisabled };
        row(false, "(root)", &rule.to_string());
    }
    for section in &config.sections {
        let decision = index.rules().decide(section, card, indexed.placement());
        let why = decision.rule.to_string();
        row(
            decision.is_included && is_public,
            section.path.as_str(),
            &if decision.is_included { rule(&why) } else { why },
        );
    }
    for key in index.feeds_of(indexed) {
        match key {
            FeedKey::Tag(tag) => row(is_public, &format!("tags/{tag}"), &rule("it has the tag")),
            FeedKey::Author(author) => row(is_public, &format!("authors/{author}"), &rule("it has the author")),
            FeedKey::Section(_) => {}
        }
    }
    table([3, 24], &rows);
    let windows = engine.snapshot().documents.len();
    outln!("");
    outln!(
        "{windows} documents are published in all; a feed shows the newest of its articles, as many as its window has."
    );
}

/// Prints a table. Columns are as wide as their widest cell, but at least `least`; the last column isn't padded.
fn table<const CELLS: usize, const PADDED: usize>(least: [usize; PADDED], rows: &[[String; CELLS]]) {
    let mut widths = least;
    for row in rows {
        widths.iter_mut().zip(row).for_each(|(width, text)| *width = (*width).max(columns(text)));
    }
    for row in rows {
        let padded = widths.iter().zip(row).map(|(width, text)| cell(text, *width));
        let last = row.iter().skip(PADDED).cloned();
        outln!("  {}", padded.chain(last).collect::<Vec<_>>().join(" "));
    }
}
