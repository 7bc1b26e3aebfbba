//! `dateline explain`

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{FAILED, WRONG_INPUT, cell, columns, fail, find, load, print_diagnostics, refuse};
use crate::article::card::Card;
use crate::article::{bundle, parse_with_origins};
use crate::build::assemble;
use crate::build::index::{Index, IndexedArticle, Visibility};
use crate::build::placement::{FeedKey, Placement, Rule};
use crate::config::Config;
use crate::daemon::{self, Inputs, StateCache};
use crate::diagnostics::Code;
use crate::engine::Engine;
use crate::event::FileState;
use crate::types::{ArticlePath, rfc3339};
use crate::watch::read;

/// Show how an article was read, where each field came from, and which sections have it and why.
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
        let Some(path) = find(&self.article, &root) else {
            let given = self.article.display();
            let reached = match std::fs::metadata(&self.article) {
                Err(error) if error.kind() == ErrorKind::NotFound => std::fs::metadata(root.path.join(&self.article)),
                reached => reached,
            };
            return match reached {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    fail(&format!("cannot look at `{given}`: {error}"))
                }
                Ok(_) => refuse(&format!("`{given}` is not an article of {}", root.name)),
                Err(_) => refuse(&format!("there is no article `{given}` in {}", root.name)),
            };
        };
        if let Some(pattern) = config.content.ignore.matching(path.as_str()) {
            say!("{}", root.display(path.as_str()));
            say!("It is not an article: `{pattern}` of `content.ignore` or its defaults leaves it out.");
            return ExitCode::SUCCESS;
        }
        if bundle::is_section_page(&path) {
            say!("{}", root.display(path.as_str()));
            say!(
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
        say!("{}", root.display(path.as_str()));
        let rows = parsed.origins.iter().map(|origin| {
            let line = if origin.line > 0 { format!("line {}", origin.line) } else { String::new() };
            [origin.field.to_owned(), line, origin.source.to_owned(), origin.value.clone()]
        });
        table([14, 9, 14], &rows.collect::<Vec<_>>());
        say!("");
        // Whether the page of a folder needs a date depends on what else is in it.
        let (undated, told): (Vec<_>, Vec<_>) =
            parsed.diagnostics.iter().partition(|told| bundle::is_index(&path) && told.code == Code::ArticleUndated);
        print_diagnostics(told);
        if parsed.article.is_none() {
            say!("It is not published: mend the errors above.");
            return ExitCode::from(WRONG_INPUT);
        }
        let inputs =
            Inputs { ledger: || daemon::remembered(&config), cache: StateCache::none(), command: None, whole: false };
        let engine = match daemon::build_once(checked, &config, inputs, |_, _| {}, |_| {}, drop) {
            Ok(built) => built.engine,
            Err(trouble) => return fail(&trouble.to_string()),
        };
        match engine.index().and_then(|index| Some((index, index.get(&path)?, engine.card(&path)?))) {
            Some((index, filed, card)) => {
                if filed.standing != Visibility::Listing {
                    print_diagnostics(undated);
                }
                print_diagnostics(&index.diagnostics(&path, filed));
                explain(&engine, index, filed, &card, &path, &config);
            }
            None => say!("It is not published."),
        }
        ExitCode::SUCCESS
    }
}

fn explain(engine: &Engine, index: &Index, filed: &IndexedArticle, card: &Card, path: &ArticlePath, config: &Config) {
    let section = if filed.filing().own.is_root() { "(root)" } else { filed.filing().own.as_str() };
    let Placement { own, written, .. } = filed.filing();
    let renamed = if own == written { String::new() } else { format!(" (`{written}` before `[[moved]]`)") };
    say!("section  {section}{renamed}");
    match &filed.standing {
        Visibility::Public(_) => {
            filed.id().into_iter().for_each(|id| say!("id       {id}"));
            let frame = std::sync::Arc::new(assemble::frame(index.cabinet(), filed));
            if let Some(article) = assemble::published(path, card, filed, None, config, &frame) {
                say!("link     {}", article.url);
                if article.is_teaser {
                    say!("It is published as a teaser: it is {}, and `content.paid` is \"teaser\".", card.access);
                }
            }
        }
        Visibility::Draft => say!("It is not published: it is a draft."),
        Visibility::Restricted if card.access.is_private() => say!("It is not published: it is {}.", card.access),
        Visibility::Restricted => {
            say!("It is not published: it is paid, and left out since `content.paid` is \"omit\".")
        }
        Visibility::Undated => say!("It is not published yet: it has no date, so it is dated when it is first seen."),
        Visibility::Scheduled(instant) => say!("It is published at {}.", rfc3339(instant.timestamp())),
        Visibility::Expired(instant) => {
            say!("It is not published any more: it expired at {}.", rfc3339(instant.timestamp()))
        }
        Visibility::Listing => match index.cabinet().of_folder(path.folder()) {
            Some(section) => say!("It is not an article: it is the page of the section `{section}`."),
            None => {
                say!("It is not an article: without a date, the page of a folder with other articles only lists them.")
            }
        },
        Visibility::Retracted => say!("It is not published: it is retracted. `dateline history` tells more."),
        Visibility::IdTaken(holder) => say!("It is not published: {holder} has its id."),
        Visibility::Superseded(other) => say!("It is not published: {other} has the same id and withholds it."),
    }
    say!("");
    say!("feeds");
    let mut rows = Vec::new();
    let mut row = |taken: bool, name: &str, rule: &str| {
        rows.push([if taken { "in" } else { "out" }.to_owned(), name.to_owned(), rule.to_owned()]);
    };
    let public = matches!(filed.standing, Visibility::Public(_));
    let rule = |why: &str| if public { why.to_owned() } else { format!("it is not published; else in, since {why}") };
    if card.is_listed() {
        row(public, "(root)", if public { "the root feed carries everything" } else { "it is not published" });
    } else {
        let rule = if card.in_feeds { Rule::Unlisted } else { Rule::KeptOut };
        row(false, "(root)", &rule.to_string());
    }
    for section in &config.sections {
        let verdict = index.cabinet().decide(section, card, filed.filing());
        let why = verdict.rule.to_string();
        row(verdict.taken && public, section.path.as_str(), &if verdict.taken { rule(&why) } else { why });
    }
    for key in index.feeds_of(filed) {
        match key {
            FeedKey::Tag(tag) => row(public, &format!("tags/{tag}"), &rule("it has the tag")),
            FeedKey::Author(author) => row(public, &format!("authors/{author}"), &rule("it has the author")),
            FeedKey::Section(_) => {}
        }
    }
    table([3, 24], &rows);
    let windows = engine.snapshot().documents.len();
    say!("");
    say!(
        "{windows} documents are published in all; a feed shows the newest of its articles, as many as its window has."
    );
}

/// Prints rows in columns that are as wide as their widest cell, but not less than `least`; the last one is as wide as it likes.
fn table<const CELLS: usize, const PADDED: usize>(least: [usize; PADDED], rows: &[[String; CELLS]]) {
    let mut widths = least;
    for row in rows {
        widths.iter_mut().zip(row).for_each(|(width, text)| *width = (*width).max(columns(text)));
    }
    for row in rows {
        let padded = widths.iter().zip(row).map(|(width, text)| cell(text, *width));
        let last = row.iter().skip(PADDED).cloned();
        say!("  {}", padded.chain(last).collect::<Vec<_>>().join(" "));
    }
}
