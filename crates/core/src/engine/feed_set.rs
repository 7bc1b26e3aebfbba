//! Decides which tags and authors have feeds, which feeds are written to the output directory, and which folders use old section names.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::parts::problems::{Problems, Source};
use super::parts::publisher::Publisher;
use crate::build::address;
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::ledger::Ledger;
use crate::types::SectionPath;

/// Decides which new tags and authors have feeds. Those that had one before keep it.
pub(super) fn admit(ledger: &Ledger, index: &mut Index) {
    index.admit_term_feeds(|key| ledger.feed_updated(&address::route(key)).is_some());
}

/// Keeps the feeds of tags and authors that readers know from earlier runs. `index` has all articles.
pub(super) fn keep_known(ledger: &Ledger, index: &mut Index) {
    let config = Arc::clone(index.rules().config());
    let sections: HashSet<String> =
        config.sections.iter().map(|section| address::route(&FeedKey::Section(section.path.clone()))).collect();
    let is_on = |key: &FeedKey| match key {
        FeedKey::Tag(_) => config.taxonomies.tags,
        FeedKey::Author(_) => config.taxonomies.authors,
        FeedKey::Section(_) => false,
    };
    let routes = ledger.feed_routes().filter(|route| !sections.contains(*route));
    let known: BTreeSet<FeedKey> = routes.filter_map(address::term_feed).filter(is_on).collect();
    known.iter().for_each(|key| index.keep_feed(key));
}

/// Reports tags and authors without feeds because there are too many.
pub(super) fn report_refused(problems: &mut Problems, index: &Index) {
    let max_tags = index.rules().config().taxonomies.max_tags;
    let report = |(refused, kind): (&BTreeSet<FeedKey>, &str)| {
        let (FeedKey::Tag(name) | FeedKey::Author(name)) = refused.first()? else { return None };
        let message = match refused.len() {
            1 => format!("the {kind} `{name}` has no feed: `taxonomies.max_tags` is {max_tags}"),
            count => {
                format!("{count} {kind}s have no feed, `{name}` among them: `taxonomies.max_tags` is {max_tags}")
            }
        };
        let help = "raise `taxonomies.max_tags`, or use fewer; the articles are in all their other feeds";
        Some(Diagnostic::new(Code::TooManyTags, message).help(help))
    };
    let diagnostics = index.refused_feeds().into_iter().zip(["tag", "author"]).filter_map(report).collect();
    problems.set(Source::Taxonomies, diagnostics);
}

/// Reports feeds that share an output folder with another feed on file systems that ignore case. Only the first is written,
/// on every file system, so that the output directory can be copied to any.
pub(super) fn report_shared_folders(problems: &mut Problems, publisher: &mut Publisher, index: &Index) {
    // Of two feeds, one with articles is written.
    let shared = address::shared_folders(index.listed_feeds().chain(index.feeds()));
    let unwritten: BTreeSet<FeedKey> = shared.keys().map(|key| (*key).clone()).collect();
    let mut diagnostics = Vec::new();
    for (key, owner) in shared {
        let [route, owner] = [key, owner].map(address::route);
        let message = format!(
            "`{route}` isn't written to the output directory: where file systems ignore case, its folder is that of `{owner}`"
        );
        let diagnostic = Diagnostic::new(Code::OutputCollision, message)
            .help("give one of the two another name; readers get both over HTTP");
        let section = match key {
            FeedKey::Section(path) => index.rules().section(path),
            FeedKey::Tag(_) | FeedKey::Author(_) => None,
        };
        diagnostics.push(match section {
            Some(section) => diagnostic.at(section.place.clone()),
            None => diagnostic,
        });
    }
    problems.set(Source::Folders, diagnostics);
    let changed: Vec<FeedKey> = publisher.unwritten_feeds.symmetric_difference(&unwritten).cloned().collect();
    for key in changed {
        let route = address::route(&key);
        for name in publisher.document_names.get(&key).cloned().unwrap_or_default() {
            publisher.note_changed_route(&format!("{route}{name}").into());
        }
    }
    publisher.unwritten_routes = unwritten.iter().map(address::route).collect();
    publisher.unwritten_feeds = unwritten;
}

/// Reports folders named after a former name of a section.
pub(super) fn report_old_folders(problems: &mut Problems, index: &Index) {
    let root = &index.rules().config().parsing.root;
    let report = |(old, count): (&SectionPath, usize)| {
        let now = index.rules().renamed(old)?;
        let articles = if count == 1 { "its article is".to_owned() } else { format!("its {count} articles are") };
        let message = format!("this folder has the old name of the section `{now}`; {articles} in that section anyway");
        let help = format!("rename the folder to `{root}/{now}`");
        Some(Diagnostic::new(Code::SectionRenamed, message).at(Place::file(&format!("{root}/{old}"))).help(help))
    };
    let diagnostics = index.old_folders().filter_map(report).collect();
    problems.set(Source::OldNames, diagnostics);
}
