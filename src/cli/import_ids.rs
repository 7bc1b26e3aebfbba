//! `dateline import-ids`

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Args;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use super::fetch::{FetchError, FetchOptions, fetch};
use super::progress::Progress;
use super::{cell, columns, count, fail, load, refuse};
use crate::article::Parsed;
use crate::article::card::Card;
use crate::build::assemble;
use crate::build::index::Index;
use crate::config::Config;
use crate::daemon::{self, Inputs, StateCache};
use crate::diagnostics::Severity;
use crate::engine::Engine;
use crate::event::{FileState, ParsedFile};
use crate::feed::import::matching::{self, Candidate, Match};
use crate::feed::import::{self, OldItem};
use crate::ledger::{Ledger, Record};
use crate::store::{self, Store, StoreError};
use crate::types::{ArticlePath, EntryId, Moment, Text, rfc3339};

/// How many articles without an item are listed, newest first.
const MAX_LISTED_ARTICLES: usize = 20;
/// How many candidates are named for an ambiguous item.
const MAX_NAMED_CANDIDATES: usize = 3;

/// Take over the ids and dates of a feed that dateline replaces, so that its readers see no article twice.
#[derive(Args, Debug)]
pub(super) struct ImportIds {
    /// The old feed (RSS, Atom or JSON Feed), as a file or an http(s) address. Several pages or several feeds are taken together.
    #[arg(required = true, value_name = "FEED")]
    feeds: Vec<String>,
    /// Show what would be taken over, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Also change the ids of articles that readers know from dateline already; they see these articles again.
    #[arg(long)]
    force: bool,
    /// Follow redirects to other hosts.
    #[arg(long)]
    follow: bool,
    /// Time limit for fetching all feeds together.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    timeout: SignedDuration,
}

impl ImportIds {
    pub(super) fn run(&self, file: &Path) -> ExitCode {
        let (checked, config) = match load(file) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let mut items = Vec::new();
        let timeout = self.timeout.try_into().unwrap_or_default();
        let Some(deadline) = Instant::now().checked_add(timeout) else { return refuse("`--timeout` is too long") };
        let options = FetchOptions { max_bytes: import::MAX_FEED_BYTES, follow: self.follow, deadline };
        for feed in &self.feeds {
            let read = fetch(feed, options).and_then(|fetched| {
                let items = import::read(&fetched.bytes).map_err(FetchError::Invalid)?;
                Ok((items, fetched.redirected_to))
            });
            let why = |why: &str| format!("cannot read the feed `{feed}`: {why}");
            match read {
                Ok((more, redirected_to)) => {
                    let from =
                        redirected_to.map(|address| format!(", which redirects to {address}")).unwrap_or_default();
                    outln!("read {} from {feed}{from}", count(more.len(), "item"));
                    items.extend(more);
                }
                Err(FetchError::Invalid(reason)) => return refuse(&why(&reason)),
                Err(FetchError::Failed(reason)) => return fail(&why(&reason)),
            }
        }
        if items.is_empty() {
            return refuse("there is no item to take an id from");
        }
        let (items, repeated) = matching::distinct(items);
        let opened = match self.dry_run {
            true => store::read_ledger(&config.state).map(|ledger| (None, ledger)),
            false => Store::open(&config.state).and_then(|store| store.ledger().map(|ledger| (Some(store), ledger))),
        };
        let (store, mut ledger) = match opened {
            Ok(opened) => opened,
            Err(StoreError::Locked(_)) => {
                return fail(
                    "dateline is running: stop it first, so that no reader sees an article before it has its id",
                );
            }
            Err(error) => return fail(&error.to_string()),
        };
        let progress = Progress::new("reading articles");
        let known = ledger.clone();
        let mut records: Vec<Record> = Vec::new();
        // Moves are recorded even if no id is taken over.
        let moves = |record: &Record| matches!(record, Record::Moved { .. });
        let persist = |more: Vec<Record>| records.extend(more.into_iter().filter(moves));
        let mut titles: HashMap<ArticlePath, Text> = HashMap::new();
        let collect_titles = |files: &[ParsedFile]| {
            for file in files {
                if let FileState::Present(Parsed { article: Some(article), .. }) = &file.state {
                    titles.insert(file.path.clone(), article.metadata.title.clone());
                }
            }
        };
        let inputs = Inputs { ledger: || Ok(known), cache: StateCache::none(), request: None, needs_all_bodies: true };
        let progressed = |done, total| progress.at(done, total);
        let built = daemon::build_once(checked, &config, inputs, progressed, collect_titles, persist);
        let mut built = match built {
            Ok(built) => built,
            Err(error) => return fail(&error.to_string()),
        };
        progress.finish();
        let errors = built.problems().iter().filter(|problem| problem.severity == Severity::Error).count();
        let Some(index) = built.engine.index().filter(|_| !built.deliveries.is_empty()) else {
            return fail("the articles cannot be read; see `dateline check`");
        };
        records.iter().for_each(|record| ledger.apply(record));
        let articles = articles(&built.engine, index, &titles, &config);
        let plan = Plan::new(&items, &articles, index, &ledger, self.force);
        records.extend(plan.records());
        if let Some(mut store) = store
            && let Err(error) = store.append(&records, daemon::now())
        {
            return fail(&error.to_string());
        }
        plan.print(&config, self.dry_run);
        if repeated > 0 {
            outln!(
                "{} there more than once",
                count(repeated, "item") + if repeated == 1 { " stands" } else { " stand" }
            );
        }
        if errors > 0 {
            outln!("{} may keep articles from being found: see `dateline check`", count(errors, "error"));
        }
        if !self.dry_run && plan.takes_nothing_over() {
            return refuse("no id was taken over: readers of the old feed would see all stories again");
        }
        ExitCode::SUCCESS
    }
}

/// A public article.
struct Article<'a> {
    path: &'a ArticlePath,
    title: Text,
    card: Card,
    url: String,
    published: Timestamp,
}

/// All public articles, newest first.
fn articles<'a>(
    engine: &Engine,
    index: &'a Index,
    titles: &HashMap<ArticlePath, Text>,
    config: &Config,
) -> Vec<Article<'a>> {
    let mut frames = HashMap::new();
    let mut articles: Vec<Article> = index
        .articles()
        .filter_map(|(path, indexed)| {
            let frame = frames
                .entry(&indexed.placement().home)
                .or_insert_with(|| Arc::new(assemble::page_frame(index.rules(), indexed)));
            let card = engine.card(path)?;
            let article = assemble::published_article(path, &card, indexed, None, config, frame, None)?;
            let published = article.published.timestamp();
            let title = titles.get(path).unwrap_or(&card.slug).clone();
            Some(Article { path, title, card, url: article.url.to_string(), published })
        })
        .collect();
    articles.sort_by(|one, other| (other.published, one.path).cmp(&(one.published, other.path)));
    articles
}

/// The result for each item, and the articles without an item.
struct Plan<'a> {
    rows: Vec<Row<'a>>,
    articles: &'a [Article<'a>],
    without: Vec<&'a Article<'a>>,
}

struct Row<'a> {
    item: &'a OldItem,
    article: Option<&'a Article<'a>>,
    verdict: Verdict,
    /// Remarks to print.
    notes: Vec<String>,
    /// The date that the article gets, if it states none.
    date: Option<Timestamp>,
}

enum Verdict {
    /// The article gets the item's id.
    TakenOver(EntryId),
    /// The article already has the item's id.
    AlreadyHeld,
    /// Why the article doesn't get the id.
    NotTaken(String),
}

impl<'a> Plan<'a> {
    fn new(items: &'a [OldItem], articles: &'a [Article<'a>], index: &Index, ledger: &Ledger, force: bool) -> Plan<'a> {
        let candidates: Vec<Candidate> = articles
            .iter()
            .map(|article| Candidate {
                url: &article.url,
                title: article.title.as_str(),
                date: article.card.published.map(Moment::timestamp),
            })
            .collect();
        let mut owners: HashMap<&EntryId, &ArticlePath> = HashMap::new();
        for (path, indexed) in index.articles() {
            let id = indexed.stated_id().or_else(|| ledger.article(path)?.id.as_ref());
            owners.extend(id.map(|id| (id, path)));
        }
        let feed_ids = format!("tag:{}:feed/", index.rules().config().site.tag_authority);
        let mut uses: HashMap<&str, usize> = HashMap::new();
        for item in items {
            *uses.entry(&item.id).or_default() += 1;
        }
        let rows: Vec<Row> = items
            .iter()
            .zip(matching::match_items(items, &candidates))
            .map(|(item, found)| {
                let (article, mut notes) = match found {
                    Match::ByLink(at) => (articles.get(at), Vec::new()),
                    Match::ByTitle(at) => (articles.get(at), vec!["by its title".to_owned()]),
                    Match::Ambiguous(why, at) => return Row::unmatched(item, ambiguity(why, &at, articles)),
                    Match::None => {
                        let link = item.link.as_ref().map(|link| format!("its link `{link}` or ")).unwrap_or_default();
                        return Row::unmatched(item, format!("no article has {link}its title"));
                    }
                };
                let Some(article) = article else { return Row::unmatched(item, "no article".to_owned()) };
                if item.id_is_link {
                    notes.push("it states no id, so readers go by its link".to_owned());
                }
                let is_unique = item.id.is_empty() || uses.get(item.id.as_str()) == Some(&1);
                let verdict = if is_unique {
                    decide_id(item, article, &owners, ledger, &feed_ids, force)
                } else {
                    Verdict::NotTaken("another item has the same id".to_owned())
                };
                let is_undated = article.card.published.is_none()
                    && ledger.article(article.path).is_none_or(|known| known.seen().is_none());
                let date = item.date.filter(|date| is_undated && Moment::new(*date, Offset::UTC).is_some());
                notes.extend(date.map(|date| format!("dated {}", rfc3339(date))));
                Row { item, article: Some(article), verdict, notes, date }
            })
            .collect();
        let matched: BTreeSet<&ArticlePath> = rows.iter().filter_map(|row| Some(row.article?.path)).collect();
        let without = articles.iter().filter(|article| !matched.contains(article.path)).collect();
        Plan { rows, articles, without }
    }

    /// Whether no item ends up as an article's id.
    fn takes_nothing_over(&self) -> bool {
        self.rows.iter().all(|row| matches!(row.verdict, Verdict::NotTaken(_)))
    }

    fn records(&self) -> impl Iterator<Item = Record> {
        self.rows.iter().flat_map(|row| {
            let path = row.article.map(|article| article.path);
            let seen = path.zip(row.date).map(|(path, at)| Record::Seen { path: path.clone(), at });
            let imported = match (&row.verdict, path) {
                (Verdict::TakenOver(id), Some(path)) => Some(Record::Imported { path: path.clone(), id: id.clone() }),
                _ => None,
            };
            seen.into_iter().chain(imported)
        })
    }

    fn print(&self, config: &Config, dry_run: bool) {
        let file = |article: &Article| config.file_name(article.path);
        let rows = |wanted: fn(&Verdict) -> bool| self.rows.iter().filter(move |row| wanted(&row.verdict));
        let taken = |verdict: &Verdict| matches!(verdict, Verdict::TakenOver(_));
        let had = |verdict: &Verdict| matches!(verdict, Verdict::AlreadyHeld);
        let not = |verdict: &Verdict| matches!(verdict, Verdict::NotTaken(_));
        let matched = self.rows.iter().filter(|row| !not(&row.verdict)).filter_map(|row| row.article);
        let width = matched.map(|article| columns(&file(article))).max().unwrap_or(0).min(60);
        let would = if dry_run { "would be " } else { "" };
        for (heading, wanted) in
            [(format!("{would}taken over"), taken as fn(&Verdict) -> bool), ("had it already".to_owned(), had)]
        {
            if rows(wanted).next().is_some() {
                outln!("{heading}");
            }
            for row in rows(wanted) {
                let notes = row.notes.join("; ");
                let notes = if notes.is_empty() { notes } else { format!("  ({notes})") };
                let file = cell(&row.article.map(file).unwrap_or_default(), width);
                outln!("  {file}  <-  {}  {}{notes}", line(&row.item.id), line(&row.item.title));
            }
        }
        if rows(not).next().is_some() {
            outln!("not taken over");
        }
        for row in rows(not) {
            let id = if row.item.id.is_empty() { "(no id)".to_owned() } else { line(&row.item.id) };
            outln!("  {id}  {}", line(&row.item.title));
            let Verdict::NotTaken(why) = &row.verdict else { continue };
            let article = row.article.map(|article| format!("{}: ", file(article))).unwrap_or_default();
            outln!("      {article}{}", line(&[std::slice::from_ref(why), &row.notes].concat().join("; ")));
        }
        if !self.without.is_empty() {
            outln!("articles without an item: to readers of the old feed they are new");
        }
        for article in self.without.iter().take(MAX_LISTED_ARTICLES) {
            outln!("  {}  {}  {}", cell(&file(article), width), rfc3339(article.published), article.title);
        }
        if let Some(more) = self.without.len().checked_sub(MAX_LISTED_ARTICLES).filter(|more| *more > 0) {
            outln!("  and {} that {} older", more, if more == 1 { "is" } else { "are" });
        }
        outln!(
            "{}: {} {would}taken over, {} had already, {} not; {}, {} without an item{}",
            count(self.rows.len(), "item"),
            count(rows(taken).count(), "id"),
            rows(had).count(),
            rows(not).count(),
            count(self.articles.len(), "public article"),
            self.without.len(),
            if dry_run { "; nothing was written" } else { "" }
        );
    }
}

impl<'a> Row<'a> {
    fn unmatched(item: &'a OldItem, why: String) -> Row<'a> {
        Row { item, article: None, verdict: Verdict::NotTaken(why), notes: Vec::new(), date: None }
    }
}

/// Decides whether an article gets the id of its item.
fn decide_id(
    item: &OldItem,
    article: &Article,
    owners: &HashMap<&EntryId, &ArticlePath>,
    ledger: &Ledger,
    feed_ids: &str,
    force: bool,
) -> Verdict {
    if item.id_is_feed_id || item.id.starts_with(feed_ids) {
        return Verdict::NotTaken("its id is that of the feed itself, not of one story".to_owned());
    }
    let id = match EntryId::parse(&item.id) {
        Ok(id) if !item.id.contains('\u{FFFD}') => id,
        Ok(_) => return Verdict::NotTaken("its id has characters that could not be read".to_owned()),
        Err(why) => return Verdict::NotTaken(format!("an Atom feed cannot carry its id: {why}")),
    };
    let known = ledger.article(article.path);
    let current = known.and_then(|known| known.id.as_ref());
    match &article.card.id {
        Some(stated) if *stated == id => return Verdict::AlreadyHeld,
        Some(stated) => return Verdict::NotTaken(format!("the file says `id: {stated}`, and it decides")),
        None if current == Some(&id) => return Verdict::AlreadyHeld,
        None => {}
    }
    if let Some(owner) = owners.get(&id).filter(|owner| **owner != article.path) {
        return Verdict::NotTaken(format!("{owner} has this id"));
    }
    match current {
        Some(current) if !force => {
            let how = if known.is_some_and(|known| known.hash().is_some()) { "published" } else { "imported" };
            Verdict::NotTaken(format!(
                "already {how} as `{current}`; `--force` changes it, and readers see the article again"
            ))
        }
        _ => Verdict::TakenOver(id),
    }
}

fn ambiguity(why: &str, at: &[usize], articles: &[Article]) -> String {
    let named: Vec<&str> = at
        .iter()
        .take(MAX_NAMED_CANDIDATES)
        .filter_map(|at| articles.get(*at))
        .map(|article| article.path.as_str())
        .collect();
    let more = if at.len() > MAX_NAMED_CANDIDATES { ", ..." } else { "" };
    format!("{why}: {}{more}", named.join(", "))
}

/// Makes one line of text that is safe for a terminal.
fn line(text: &str) -> String {
    Text::line(text).to_string()
}
