//! The expectations of scripts: effects, records, reports, log lines and documents after the last action.
//!
//! | `expect ...` | expectation |
//! |---|---|
//! | `feed ROUTE: PATH...` | the feed shows these articles, newest first; also `nothing`, `no feed`, `3 entries` |
//! | `archives ROUTE: N...` | the numbers of entries in the feed's archives, the oldest first; also `none` |
//! | `archived ROUTE: PATH...` | the articles that readers find in these archives, sorted by path |
//! | `members ROUTE: PATH...` | the same, sorted by path |
//! | `notices ROUTE: PATH...`, `items ROUTE: PATH...` | the stories in whose places the feed has notices; entries and notices in their order |
//! | `deleted ROUTE: ID...` | the feed has notices of these retractions; ids are below `tag:courier.example,2026:` |
//! | `page PATH: 200` | the response of an article's page: `200`, `404`, `410 REASON`, or `none` if it has no id |
//! | `id PATH: ID`, `published PATH: TIME`, `updated PATH: TIME` | values in the ledger and the root feed |
//! | `modified ROUTE: TIME` | the Last-Modified of a document |
//! | `says ROUTE: WORDS`, `omits ROUTE: WORDS` | a document contains these words, or doesn't |
//! | `nowhere WORDS` | no document, report or log line contains these words |
//! | `media PATH...` | the files that readers can load |
//! | `held PATH...`, `waiting N` | the stories that operators see waiting for an editor; the number of those without a public version |
//! | `effects: KIND...`, `swaps: N`, `slices: N...` | the effects in order; the number of snapshots; the number of bodies in each request |
//! | `record R`, `report CODE PLACE`, `report resolved CODE PLACE`, `log LINE` | one of the records, reports or log lines |
//! | `no record`, `no report`, `no log`, `no swap` | none at all |
//! | `no change` | the documents are the same as before |
//! | `problems: CODE PLACE, ...`, `alarm: WORDS` | all current problems; a problem with these words |
//! | `asked PATH...`, `loaded PATH...` | bodies requested from the disk, versions requested from the store |
//! | `delivered FILE`, `not delivered FILE` | files written to the output directory; `-FILE` is removed |
//! | `wake: TIME` | the time of the engine's next tick, or `never` |
//! | `explained PATH: WORDS` | `dateline explain` says this about an article |
//! | `answer WORDS`, `refusal WORDS` | the answer to a command |

use std::collections::BTreeSet;

use dateline::build::assemble;
use dateline::engine::Engine;
use dateline::event::{ActivityKind, LoggedActivity};
use dateline::ledger::Record;
use dateline::ledger::journal::{EntryChange, JournalChange, JournalRow};
use dateline::types::{ArticlePath, Text};
use jiff::Timestamp;
use serde_json::Value;

use super::simulated_daemon::SimulatedDaemon;
use super::{AUTHORITY, Player, expanded};

impl Player {
    pub(super) fn expect(&self, expected: &str) -> Result<(), String> {
        let (daemon, observed) = (&self.daemon, &self.daemon.observed);
        let (subject, words) = expected.split_once(' ').unwrap_or((expected, ""));
        let (place, value) = words.split_once(": ").unwrap_or((words, ""));
        let same = |found: String, expected: &str| {
            if found == expected { Ok(()) } else { Err(format!("found `{found}`")) }
        };
        // Whether one of the lines is the expected one.
        let among = |found: &[String], expected: &str| match found.iter().any(|line| line == expected) {
            true => Ok(()),
            false => Err(format!("found {found:#?}")),
        };
        let is_nothing = |found: &[String]| same(found.join("; "), "");
        match (subject, words) {
            ("archives", _) => {
                let archives = daemon.shown.archives.get(place).map(|feed| feed.archives.clone()).unwrap_or_default();
                let counts: Vec<String> = archives.iter().map(|it| it.archive.members().count().to_string()).collect();
                same(if counts.is_empty() { "none".to_owned() } else { counts.join(" ") }, value)
            }
            ("archived", _) => same(some(self.archived(place).join(" ")), value),
            ("feed", _) => {
                let count: Option<usize> = value.strip_suffix(" entries").and_then(|count| count.parse().ok());
                let shown = self.shown(place);
                match count {
                    Some(count) if shown.len() == count => Ok(()),
                    Some(_) => Err(format!("found {}", shown.len())),
                    None if !daemon.shown.documents.contains_key(&*format!("{place}feed.json")) => {
                        same("no feed".to_owned(), value)
                    }
                    None => same(some(shown.join(" ")), &some(expanded(value.trim_start_matches("nothing")).join(" "))),
                }
            }
            ("members", _) => {
                let mut shown = self.shown(place);
                shown.sort_unstable();
                same(some(shown.join(" ")), value)
            }
            ("items", _) => same(some(self.items(place).join(" ")), value),
            ("notices", _) => {
                let shown = self.shown(place);
                let notices = self.items(place).into_iter().filter(|path| !shown.contains(path));
                same(some(notices.collect::<Vec<_>>().join(" ")), &some(value.trim_start_matches("nothing").to_owned()))
            }
            ("deleted", _) => same(some(self.deleted(place).join(" ")), value),
            ("page", _) => same(self.page(place), value),
            ("id", _) => {
                let ledger = daemon.ledger();
                let id = ledger.article(&ArticlePath::new(place)).and_then(|article| article.id.clone());
                same(id.map_or("none".to_owned(), |id| id.as_str().trim_start_matches(AUTHORITY).to_owned()), value)
            }
            ("published" | "updated", _) => {
                let key = if subject == "published" { "date_published" } else { "date_modified" };
                let ids = daemon.ledger();
                let id = ids.article(&ArticlePath::new(place)).and_then(|article| article.id.clone());
                let items = json(daemon, "/")["items"].as_array().cloned().unwrap_or_default();
                let item = items.iter().find(|item| item["id"].as_str() == id.as_ref().map(|id| id.as_str()));
                let date = item.and_then(|item| item[key].as_str()?.parse::<Timestamp>().ok());
                same(date.map_or("none".to_owned(), |date| date.to_string()), value)
            }
            ("says" | "omits", _) => {
                let text = daemon.text(&daemon.shown, place);
                if text.contains(value) == (subject == "says") { Ok(()) } else { Err(format!("found {text}")) }
            }
            ("modified", _) => {
                let document = daemon.shown.documents.get(place).and_then(|document| document.last_modified);
                same(document.map_or("none".to_owned(), |at| at.to_string()), value)
            }
            ("media", _) => {
                let mut files: Vec<String> = daemon.shown.media.values().map(ToString::to_string).collect();
                files.sort_unstable();
                same(some(files.join(" ")), words)
            }
            ("held", _) => {
                let held = daemon.shown.report.held.iter().map(ToString::to_string);
                same(
                    some(held.collect::<Vec<_>>().join(" ")),
                    &some(expanded(words.trim_start_matches("nothing")).join(" ")),
                )
            }
            ("waiting", count) => same(daemon.shown.report.hidden.held.to_string(), count),
            ("nowhere", words) => {
                let mut found =
                    daemon.shown.documents.keys().filter(|route| daemon.text(&daemon.shown, route).contains(words));
                match found.next() {
                    Some(route) => Err(format!("found in {route}")),
                    None if observed.words.contains(words) || observed.log.iter().any(|line| line.contains(words)) => {
                        Err(format!("found in {}{:?}", observed.words, observed.log))
                    }
                    None => Ok(()),
                }
            }
            ("effects:", effects) => same(some(observed.effects.join(" ")), effects),
            ("swaps:", count) => same(observed.shown.to_string(), count),
            ("record", record) => among(&observed.records, record),
            ("report", report) => among(&observed.reports, report),
            ("log", line) => among(&observed.log, line),
            ("no", "record") => is_nothing(&observed.records),
            ("no", "report") => is_nothing(&observed.reports),
            ("no", "log") => is_nothing(&observed.log),
            ("no", "change") => {
                let (one, other) = (&self.before, &daemon.shown);
                let is_same = one.documents.ptr_eq(&other.documents)
                    && one.articles.ptr_eq(&other.articles)
                    && one.gone.ptr_eq(&other.gone);
                if is_same { Ok(()) } else { Err(format!("{} swaps, {:?}", observed.shown, observed.delivered)) }
            }
            ("no", "swap") => same(observed.shown.to_string(), "0"),
            ("problems:", problems) => {
                let problems = problems.trim_start_matches("none");
                let found = daemon.shown.report.problems.iter().map(|problem| {
                    let place = problem.place.as_ref().map_or("", |place| &place.file).trim_start_matches("content/");
                    format!("{} {place}", problem.code).trim_end().to_owned()
                });
                same(found.collect::<Vec<_>>().join(", "), problems)
            }
            ("alarm:", words) => {
                let mut problems = daemon.shown.report.problems.iter();
                match problems.any(|problem| problem.message.contains(words)) {
                    true => Ok(()),
                    false => Err(format!("found {:#?}", daemon.shown.report.problems)),
                }
            }
            ("asked", paths) => same(
                some(observed.asked.iter().cloned().collect::<Vec<_>>().join(" ")),
                &some(expanded(paths).join(" ")),
            ),
            ("slices:", sizes) => same(some(observed.slices.join(" ")), sizes),
            ("loaded", paths) => same(some(observed.loaded.iter().cloned().collect::<Vec<_>>().join(" ")), paths),
            ("not", words) => {
                let path = words.strip_prefix("delivered ").expect("`delivered`");
                if observed.delivered.contains(path) { Err(format!("found {:?}", observed.delivered)) } else { Ok(()) }
            }
            ("delivered", path) => among(&observed.delivered.iter().cloned().collect::<Vec<_>>(), path),
            ("wake:", time) => {
                let wake = daemon.engine.as_ref().and_then(Engine::wake_at);
                same(wake.map_or("never".to_owned(), |wake| wake.to_string()), time)
            }
            ("answer" | "refusal", words) => match (&observed.answer, subject) {
                (Some(Ok(printed)), "answer") | (Some(Err(printed)), "refusal") if printed.contains(words) => Ok(()),
                (answer, _) => Err(format!("found {answer:?}")),
            },
            _ => Err("unknown expectation".to_owned()),
        }
    }

    /// The files whose articles a feed shows, newest first.
    fn shown(&self, route: &str) -> Vec<String> {
        let sources = self.daemon.shown.shown_articles.get(route).into_iter().flat_map(|sources| sources.iter());
        sources.map(|article| shown_path(&article.path)).collect()
    }

    /// The articles in the archives of a feed.
    fn archived(&self, route: &str) -> Vec<String> {
        let (daemon, ledger) = (&self.daemon, self.daemon.ledger());
        let archives = daemon.shown.archives.get(route).into_iter().flat_map(|feed| feed.archives.iter());
        let urls =
            archives.map(|it| format!("http://feeds.courier.example{route}archive-{}.feed.json", it.archive.name()));
        let ids: BTreeSet<&String> = urls.filter_map(|url| daemon.readable_entries.get(&url)).flatten().collect();
        let articles = ledger.articles();
        let found = articles.filter(|(_, it)| it.id.as_ref().is_some_and(|id| ids.contains(&id.to_string())));
        let mut paths: Vec<String> = found.map(|(path, _)| shown_path(path)).collect();
        paths.sort_unstable();
        paths
    }

    /// The articles of a feed's items in JSON Feed, in their order.
    fn items(&self, route: &str) -> Vec<String> {
        let (feed, ledger) = (json(&self.daemon, route), self.daemon.ledger());
        let path = |item: &Value| {
            let id = item["id"].as_str().expect("an id");
            let mut articles = ledger.articles();
            let found = articles.find(|(_, facts)| facts.id.as_ref().is_some_and(|known| known.as_str() == id));
            found.map_or_else(|| id.to_owned(), |(path, _)| path.to_string())
        };
        feed["items"].as_array().into_iter().flatten().map(path).collect()
    }

    fn deleted(&self, route: &str) -> Vec<String> {
        let feed = json(&self.daemon, route);
        let deleted = feed["_dateline"]["deleted"].as_array().cloned().unwrap_or_default();
        let id = |deleted: &Value| deleted["id"].as_str().expect("an id").trim_start_matches(AUTHORITY).to_owned();
        let mut ids: Vec<String> = deleted.iter().map(id).collect();
        ids.sort_unstable();
        ids
    }

    /// The response of an article's page.
    fn page(&self, path: &str) -> String {
        let snapshot = &self.daemon.shown;
        let ledger = self.daemon.ledger();
        let Some(id) = ledger.article(&ArticlePath::new(path)).and_then(|article| article.id.clone()) else {
            return "none".to_owned();
        };
        let id = assemble::short_id(&id);
        match (snapshot.articles.get(&*id), snapshot.gone.get(&*id)) {
            (Some(_), _) => "200".to_owned(),
            (None, Some(gone)) => {
                format!("410 {}", gone.reason.as_ref().map_or("", Text::as_str)).trim_end().to_owned()
            }
            (None, None) => "404".to_owned(),
        }
    }
}

/// A path as scripts write it. The version in the path of a kept story is left out.
fn shown_path(path: &ArticlePath) -> String {
    let shown = path.to_string();
    match shown.rsplit_once("#displaced-") {
        Some((path, digest)) if digest.len() == 16 => format!("{path}@"),
        _ => shown,
    }
}

/// `nothing` instead of an empty string.
fn some(found: String) -> String {
    if found.is_empty() { "nothing".to_owned() } else { found }
}

fn json(daemon: &SimulatedDaemon, route: &str) -> Value {
    serde_json::from_str(&daemon.text(&daemon.shown, &format!("{route}feed.json"))).unwrap_or_default()
}

/// The log lines of activity.
pub(super) fn logged(activity: LoggedActivity) -> Vec<String> {
    let lines = activity.into_iter().flat_map(|((kind, actor), group)| {
        let actor = actor.map(|actor| format!(" by {actor}")).unwrap_or_default();
        let count = match kind {
            ActivityKind::Reloaded => Some(format!("{kind}{actor}")),
            _ => (group.articles.len() < group.count).then(|| format!("{kind} {} articles{actor}", group.count)),
        };
        let each = group.articles.into_iter().map(move |article| {
            let from = article.from.map(|from| format!(" from {from}")).unwrap_or_default();
            let title = article.title.map(|title| format!(" \"{title}\"")).unwrap_or_default();
            format!("{kind} {}{from}{actor}{title}", article.path)
        });
        count.into_iter().chain(each)
    });
    lines.collect()
}

/// A short description of a record.
pub(super) fn record(record: &Record) -> String {
    match record {
        Record::Seen { path, .. } => format!("seen {path}"),
        Record::Undated { path, .. } => format!("undated {path}"),
        Record::Published { path, .. } => format!("published {path}"),
        Record::Text { path, .. } => format!("text {path}"),
        Record::Imported { path, .. } => format!("imported {path}"),
        Record::Moved { from, to } => format!("moved {from} to {to}"),
        Record::Withdrawn { path, .. } => format!("withdrawn {path}"),
        Record::Lost { path, .. } => format!("lost {path}"),
        Record::Found { path } => format!("found {path}"),
        Record::Version { id, .. } => format!("version {id}"),
        Record::Replaced { id, .. } => format!("replaced {id}"),
        Record::Retracted { path, retraction } => format!("retracted {path} by {:?}", retraction.by).to_lowercase(),
        Record::Released { path, .. } => format!("released {path}"),
        Record::Restored { path } => format!("restored {path}"),
        Record::Hidden { path, .. } => format!("hidden {path}"),
        Record::Unreadable { path, .. } => format!("unreadable {path}"),
        Record::MediaKilled { path, .. } => format!("killed media {path}"),
        Record::KillKept { path, .. } => format!("kept kill {path}"),
        Record::KillDropped { path } => format!("dropped kill {path}"),
        Record::Kept { path, .. } => format!("kept {path}"),
        Record::Dormant { path, .. } => format!("dormant {path}"),
        Record::Reactivated { path, .. } => format!("reactivated {path}"),
        Record::Sequenced { first, ids } => format!("sequenced {first} to {}", *first as usize + ids.len() - 1),
        Record::Archive { route, place, archive } => {
            format!("archive {route} {place} of {}", archive.members().count())
        }
        Record::Dropped { .. } => "dropped".to_owned(),
        Record::Erased { .. } => "erased".to_owned(),
        Record::Journal { rows, .. } => {
            format!("journal {}", rows.iter().map(journal_row).collect::<Vec<_>>().join(", "))
        }
        Record::Hub { url, is_withdrawn, .. } => {
            format!("hub {url} {}", if *is_withdrawn { "withdrawn" } else { "named" })
        }
        Record::Feed { route, .. } => format!("feed {route}"),
        Record::Document { route, .. } => format!("document {route}"),
    }
}

/// A short description of a row of the journal.
fn journal_row(row: &JournalRow) -> String {
    let JournalRow { number, change, .. } = row;
    match change {
        JournalChange::Reset { .. } => format!("{number} reset"),
        JournalChange::Entry(EntryChange { id, before, after, cause, reason, .. }) => {
            let reason = reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let cause = if after.is_empty() { format!(" {}{reason}", cause.name()) } else { String::new() };
            format!("{number} {id} {} -> {}{cause}", before.join(" "), after.join(" "))
        }
    }
}
