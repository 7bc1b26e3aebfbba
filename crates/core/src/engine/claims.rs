//! Reports tags, authors, pages and files that would have the address of a section. The section has it.

use super::parts::problems::{Problems, Source};
use crate::build::address;
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::config::Section;
use crate::diagnostics::{Code, Diagnostic};
use crate::encoding::encode_segment;
use crate::snapshot::Snapshot;

/// Reports what lost its address to a section.
pub(super) fn report(problems: &mut Problems, snapshot: &Snapshot, index: &Index) {
    let may_claim = |section: &&Section| {
        let first = section.path.segments().next();
        first.is_some_and(|first| ["tags", "authors", "articles", "media"].contains(&first))
    };
    let sections = index.rules().config().sections.iter().filter(may_claim);
    let diagnostics = sections.flat_map(|section| {
        let route = address::route(&FeedKey::Section(section.path.clone()));
        let losers = [term(index, &route), page(snapshot, &route), file(snapshot, &route)];
        losers.into_iter().flatten().map(|loser| diagnostic(section, &loser))
    });
    let diagnostics = diagnostics.collect();
    problems.set(Source::Claims, diagnostics);
}

fn diagnostic(section: &Section, loser: &str) -> Diagnostic {
    let message = format!("the section `{}` has the address of {loser}", section.path);
    Diagnostic::new(Code::AddressTaken, message)
        .at(section.place.clone())
        .help("give the section another path, or rename the other")
}

/// The tag or the author that has no feed.
fn term(index: &Index, route: &str) -> Option<String> {
    let key = address::term_feed(route)?;
    let (kind, name) = match &key {
        FeedKey::Tag(name) => ("tag", name),
        FeedKey::Author(name) => ("author", name),
        FeedKey::Section(_) => return None,
    };
    index.displaced_feeds().any(|other| *other == key).then(|| format!("the {kind} `{name}`, which has no feed"))
}

/// The article whose page readers can't open.
fn page(snapshot: &Snapshot, route: &str) -> Option<String> {
    let name = route.strip_prefix("/articles/")?.strip_suffix('/')?;
    let (_, short_id) = name.rsplit_once('-')?;
    let article = snapshot.articles.get(short_id).filter(|article| encode_segment(article.name.as_str()) == name)?;
    Some(format!("the page of `{}`, which readers can't open", article.path))
}

/// The file that readers can't load. Files with the names of feed documents are never served, because they aren't media.
fn file(snapshot: &Snapshot, route: &str) -> Option<String> {
    let name = route.strip_prefix("/media/")?.strip_suffix('/')?;
    Some(format!("the file `{}`, which readers can't load", snapshot.media.get(name)?))
}
