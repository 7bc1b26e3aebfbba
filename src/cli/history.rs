//! `dateline history`

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use jiff::tz::TimeZone;

use super::{fail, find_article, item_versions, load, refuse, resolve_path};
use crate::article;
use crate::beneath::Roots;
use crate::config::{Checked, Config, Trust};
use crate::daemon::{self, Inputs, StateCache};
use crate::diagnostics::nearest;
use crate::engine;
use crate::event::{ExplainedVersion, FileState};
use crate::ledger::{Ledger, Record, Withdrawal};
use crate::store;
use crate::types::{ArticlePath, EntryId, Moment, rfc3339};
use crate::watch::read;

/// Print what happened to an article, oldest first, with its time: publication, changes, moves, retractions, restorations.
#[derive(Args, Debug)]
#[command(after_help = "\
The id, the first publication and the last change come first, then a line for each record in the ledger. Times are in \
`site.timezone`. Of an article that changes again and again, the ledger keeps the newest 100 records at least, its first \
publication and what operators retracted.

The ledger is in the state directory, which only the user that dateline runs as can read: run this as that user. It makes no \
difference whether a daemon is running. Files that are gone have a history, too.

Exit codes: 0 the history was printed; 1 the state cannot be read; 2 the article has no history, or the configuration is wrong.
Example: dateline history content/world/quake.md")]
pub(super) struct History {
    /// The article's file, as a path from here or below the content directory, `name:path` in another source, its id, or that of an agency's item.
    article: String,
}

impl History {
    pub(super) fn run(&self, file: &Path) -> ExitCode {
        let (checked, config) = match load(file) {
            Ok(loaded) => loaded,
            Err(code) => return code,
        };
        let ledger = match store::read_ledger(&config.state) {
            Ok(ledger) => ledger,
            Err(error) => return fail(&error.to_string()),
        };
        let roots = daemon::roots(&config);
        let by_id = EntryId::parse(&self.article).ok().and_then(|id| ledger.holder(&id).cloned());
        let path = by_id.unwrap_or_else(|| resolve_path(&self.article, &roots));
        let (path, versions) = match versions(checked, &config, &roots, path) {
            Ok(found) => found,
            Err(error) => return fail(&error),
        };
        let records = match store::history(&config.state, &path) {
            Ok(records) => records,
            Err(error) => return fail(&error.to_string()),
        };
        let waiting = waiting_message(&path, &ledger, &roots, &config);
        if records.is_empty() && waiting.is_none() {
            return refuse(&no_history_message(&self.article, &path, &ledger, &roots, &config));
        }
        let zone = &config.parsing.timezone;
        outln!("{}", config.file_name(&path));
        if let Some(article) = ledger.article(&path) {
            let first = article.date().map(|date| local_time(date, zone)).unwrap_or_else(|| "not yet".to_owned());
            outln!("  id                 {}", article.id.as_ref().map_or("none yet", EntryId::as_str));
            outln!("  first publication  {first}");
            outln!("  last change        {}", article.changed().map_or(first, |changed| local_time(changed, zone)));
        }
        outln!("");
        let mut first = true;
        for (at, record) in &records {
            let text = describe(record, &mut first, zone);
            outln!("  {}  {text}", local_time(*at, zone));
        }
        item_versions::print(&versions, &roots, &config);
        waiting.iter().for_each(|waiting| outln!("{waiting}"));
        ExitCode::SUCCESS
    }
}

/// The versions of the item that a file belongs to, and the file of its story. Any file of an item names its story.
fn versions(
    checked: Checked,
    config: &Arc<Config>,
    roots: &Roots,
    path: ArticlePath,
) -> Result<(ArticlePath, Vec<ExplainedVersion>), String> {
    let read = |root| read::read(root, &path, config.parsing_of(&path), article::parse).state;
    let is_item = match roots.of(&path).map(read) {
        Ok(FileState::Present(parsed)) => parsed.item.is_some(),
        _ => false,
    };
    if !is_item {
        return Ok((path, Vec::new()));
    }
    let inputs = Inputs {
        ledger: || store::read_ledger(&config.state),
        cache: StateCache::none(),
        request: None,
        needs_all_bodies: false,
    };
    let mut built =
        daemon::build_once(checked, config, inputs, |_, _| {}, |_| {}, drop).map_err(|error| error.to_string())?;
    let index = built.engine.index();
    let id = index.and_then(|index| index.version_id(&path)).cloned();
    let holder = id.and_then(|id| built.engine.ledger().holder(&id).cloned());
    let holder = holder.filter(|holder| holder.source() == path.source());
    let versions = built.explanation(path.clone()).map(|explanation| explanation.versions).unwrap_or_default();
    Ok((holder.unwrap_or(path), versions))
}

/// Says that the version in the file waits for an editor, if it does.
fn waiting_message(path: &ArticlePath, ledger: &Ledger, roots: &Roots, config: &Config) -> Option<String> {
    let is_held = config.source_of(path).trust == Trust::Hold;
    let root = roots.of(path).ok().filter(|_| is_held)?;
    let FileState::Present(parsed) = read::read(root, path, config.parsing_of(path), article::parse).state else {
        return None;
    };
    let card = parsed.article?.card.open(path);
    let is_waiting = engine::waits_for_release(config, ledger, path, &card);
    is_waiting.then(|| format!("The version in the file waits for an editor: `dateline release {path}` publishes it."))
}

/// Why an article has no history.
fn no_history_message(given: &str, path: &ArticlePath, ledger: &Ledger, roots: &Roots, config: &Config) -> String {
    if ledger.is_empty() {
        return format!("there is no state in `{}` yet: nothing was published from here", config.state.display());
    }
    if find_article(Path::new(given), roots).is_some() {
        return format!("`{given}` has no history: it was not published so far; `dateline explain` tells why");
    }
    let known: Vec<String> = ledger.articles().map(|(known, _)| known.to_string()).collect();
    let meant = nearest(&path.to_string(), known.iter().map(String::as_str))
        .map(|meant| format!("; did you mean `{meant}`?"))
        .unwrap_or_default();
    format!(
        "no article `{given}` is known: give its path below the content directory, `name:path` in another source, or its id{meant}"
    )
}

fn local_time(instant: jiff::Timestamp, zone: &TimeZone) -> String {
    Moment::new(instant, zone.to_offset(instant)).map_or_else(|| rfc3339(instant), Moment::rfc3339)
}

fn describe(record: &Record, first: &mut bool, zone: &TimeZone) -> String {
    match record {
        Record::Seen { at, .. } => format!("seen first; dated {} since it states no date", local_time(*at, zone)),
        Record::Published { id, date, hash, .. } if std::mem::take(first) => {
            format!("published as {id}, dated {} (version {hash})", local_time(*date, zone))
        }
        Record::Published { date, hash, .. } => format!("a new version {hash}, dated {}", local_time(*date, zone)),
        Record::Text { changed: Some(changed), .. } => {
            format!("its text changed; updated {}", local_time(*changed, zone))
        }
        Record::Text { changed: None, .. } => "its text is noted, to tell when it changes".to_owned(),
        Record::Imported { id, .. } => format!("known as {id} from the feed before dateline"),
        Record::Moved { from, to } => format!("moved from {from} to {to}"),
        Record::Retracted { retraction, .. } => {
            let by = match retraction.by {
                Withdrawal::Deleted => "its file was deleted",
                Withdrawal::Status => "its file says so",
                Withdrawal::Command => "by command",
            };
            let reason = retraction.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
            let announced = match retraction.feeds.len() {
                0 => "no feed had it".to_owned(),
                1 => "1 feed told its readers".to_owned(),
                count => format!("{count} feeds told their readers"),
            };
            format!("retracted, {by}{reason}; {announced}")
        }
        Record::Hidden { hash, .. } => format!("its file, which is not public, has another version {hash}"),
        Record::Undated { .. } => "arrived without a date, with many others; waits for `content.undated`".to_owned(),
        Record::Restored { .. } => "public again".to_owned(),
        Record::Released { hash, .. } => format!("released by an editor (version {hash})"),
        Record::Withdrawn { .. } => "withheld, without a word to readers".to_owned(),
        Record::Lost { version: None, .. } => "its file vanished with many others; the article stays".to_owned(),
        Record::Lost { .. } => "its file vanished, but files of older versions are there; the article stays".to_owned(),
        Record::Found { .. } => "its file is there again, or its loss was accepted".to_owned(),
        Record::Unreadable { record, .. } => {
            format!("record {}, `{}`, which cannot be read: it stays withheld", record.number, record.kind)
        }
        // Not about an article.
        Record::Replaced { .. }
        | Record::Version { .. }
        | Record::Dormant { .. }
        | Record::Reactivated { .. }
        | Record::MediaKilled { .. }
        | Record::KillKept { .. }
        | Record::KillDropped { .. }
        | Record::Kept { .. }
        | Record::Sequenced { .. }
        | Record::Archive { .. }
        | Record::Dropped { .. }
        | Record::Erased { .. }
        | Record::Journal { .. }
        | Record::Hub { .. }
        | Record::Feed { .. }
        | Record::Document { .. } => String::new(),
    }
}
