//! Encodes records as database rows, and decodes them.
//!
//! # What happens to rows that can't be decoded?
//!
//! A record that withholds an article still withholds it ([`Record::Unreadable`]). Any other makes the whole ledger count as damaged,
//! because without it articles would silently get other ids or dates.

use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};
use serde::{Deserialize, Serialize};

use super::archives;
use super::error::ReadError;
use super::journal;
use crate::article::{AgencyNotice, MediaReference, NoticeAction, WithheldMedia};
use crate::ledger::{Notice, Record, Retraction, TextPrint, UnreadableRecord, VersionRank, Withdrawal};
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, Text, WebUrl};

/// Writes a record, except those of dormant articles. `now` is in milliseconds since 1970.
pub(super) fn write_record(database: &Connection, record: &Record, now: i64) -> rusqlite::Result<()> {
    let log = |kind: &str, path: &ArticlePath, value: &str, hash: Option<&ContentHash>, instant: Option<Timestamp>| {
        let (path, hash, instant) =
            (path.as_str(), hash.map(ContentHash::as_bytes), instant.map(Timestamp::as_millisecond));
        let checksums = Checksums::of(now, kind, path, value, hash.map(|hash| &hash[..]), instant);
        database
            .prepare_cached(
                "INSERT INTO record (at, kind, path, value, hash, instant, seal) VALUES (?, ?, ?, ?, ?, ?, ?)",
            )?
            .execute(params![now, kind, path, value, hash, instant, checksums.to_integer()])
    };
    match record {
        Record::Seen { path, at } => log("seen", path, &at.as_millisecond().to_string(), None, None),
        Record::Undated { path, hash } => log("undated", path, "", Some(hash), None),
        Record::Published { path, id, hash, date } => log("published", path, id.as_str(), Some(hash), Some(*date)),
        Record::Imported { path, id } => log("imported", path, id.as_str(), None, None),
        Record::Text { path, print, changed, first } => {
            let version = match first {
                Some(first) => format!("{} {}", print.version, first.as_millisecond()),
                None => print.version.to_string(),
            };
            log("text", path, &version, Some(&print.hash), *changed)
        }
        Record::Moved { from, to } => log("moved", from, to.as_str(), None, None),
        Record::Retracted { path, retraction } => {
            log("retracted", path, &StoredRetraction::text(retraction), None, Some(retraction.at))
        }
        Record::Hidden { path, hash } => log("hidden", path, "", Some(hash), None),
        Record::Released { path, hash } => log("released", path, "", Some(hash), None),
        Record::Restored { path } => log("restored", path, "", None, None),
        Record::Withdrawn { path, feeds } => {
            let feeds: Vec<&str> = feeds.iter().map(|feed| &**feed).collect();
            log("withdrawn", path, &serde_json::to_string(&feeds).unwrap_or_default(), None, None)
        }
        Record::Lost { path, version } => {
            let number = version.as_ref().and_then(VersionRank::number).unwrap_or_default();
            let second = version.as_ref().map(|version| version.second().unwrap_or(NO_SECOND));
            log("lost", path, number, None, second.and_then(|second| Timestamp::from_second(second).ok()))
        }
        Record::Found { path } => log("found", path, "", None, None),
        // The record belongs to no file, so it has the id in place of a path.
        Record::Replaced { id, retraction } => {
            let id = ArticlePath::new(id.as_str());
            log("replaced", &id, &StoredRetraction::text(retraction), None, Some(retraction.at))
        }
        Record::MediaKilled { path, media } => log(MEDIA, path, &StoredMedia::text(media), None, None),
        Record::KillKept { path, kill } => {
            log(KILL, path, &StoredKill::text(kill), None, kill.time.map(Moment::timestamp))
        }
        Record::KillDropped { path } => log("kill-dropped", path, "", None, None),
        Record::Kept { hash, path, bytes } => database
            .prepare_cached("INSERT OR REPLACE INTO source (hash, path, bytes) VALUES (?, ?, ?)")?
            .execute(params![hash.as_bytes(), path.as_str(), &**bytes]),
        Record::Dropped { hash } | Record::Erased { hash } => {
            database.prepare_cached("DELETE FROM source WHERE hash = ?")?.execute(params![hash.as_bytes()])
        }
        Record::Feed { route, updated } => database
            .prepare_cached("INSERT OR REPLACE INTO feed (route, updated) VALUES (?, ?)")?
            .execute(params![&**route, updated.as_millisecond()]),
        Record::Sequenced { first, ids } => archives::write_numbers(database, *first, ids),
        Record::Archive { route, place, archive } => archives::write_archive(database, route, *place, archive),
        Record::Hub { url, is_withdrawn, at } => database
            .prepare_cached("INSERT OR REPLACE INTO hub (url, is_withdrawn, at) VALUES (?, ?, ?)")?
            .execute(params![&**url, is_withdrawn, at.as_millisecond()]),
        Record::Journal { rows, keep_since } => return journal::write(database, rows, *keep_since),
        // The ledger has the damaged row already. Dormant articles have a table of their own (`dormant`).
        Record::Unreadable { .. } | Record::Dormant { .. } | Record::Reactivated { .. } => return Ok(()),
        Record::Version { id, version } => database
            .prepare_cached("INSERT OR REPLACE INTO item (id, number, second, modified) VALUES (?, ?, ?, ?)")?
            .execute(params![id.as_str(), version.number(), version.second(), version.modified()]),
        Record::Document { route, hash, last_modified } => database
            .prepare_cached("INSERT OR REPLACE INTO document (route, hash, last_modified) VALUES (?, ?, ?)")?
            .execute(params![&**route, hash.as_bytes(), last_modified.as_millisecond()]),
    }
    .map(|_| ())
}

/// The kind of [`Record::MediaKilled`].
const MEDIA: &str = "media";

/// The value of a [`Record::MediaKilled`].
#[derive(Serialize, Deserialize)]
struct StoredMedia {
    urls: Vec<String>,
    files: Vec<String>,
    ids: Vec<String>,
}

impl StoredMedia {
    fn text(media: &WithheldMedia) -> String {
        let mut stored = StoredMedia {
            urls: Vec::new(),
            files: Vec::new(),
            ids: media.ids.iter().map(ToString::to_string).collect(),
        };
        for file in &media.files {
            match file {
                MediaReference::Remote(url) => stored.urls.push(url.to_string()),
                MediaReference::Local(path) => stored.files.push(path.to_string()),
            }
        }
        serde_json::to_string(&stored).unwrap_or_default()
    }

    fn read(value: &str) -> Option<WithheldMedia> {
        let StoredMedia { urls, files, ids } = serde_json::from_str(value).ok()?;
        let urls = urls.iter().map(|url| WebUrl::parse(url).ok().map(MediaReference::Remote));
        let files = files.iter().map(|path| Some(MediaReference::Local(ArticlePath::new(path))));
        let files = urls.chain(files).collect::<Option<_>>()?;
        Some(WithheldMedia { files, ids: ids.iter().map(|id| Text::new(id)).collect() })
    }
}

/// The kind of [`Record::KillKept`].
const KILL: &str = "kill";

/// The value of a [`Record::KillKept`]. The row has its time.
#[derive(Serialize, Deserialize)]
struct StoredKill {
    keys: Vec<String>,
    slugs: Vec<String>,
}

impl StoredKill {
    fn text(kill: &AgencyNotice) -> String {
        let texts = |texts: &[Text]| texts.iter().map(ToString::to_string).collect();
        serde_json::to_string(&StoredKill { keys: texts(&kill.keys), slugs: texts(&kill.slugs) }).unwrap_or_default()
    }

    fn read(value: &str, at: Option<Timestamp>) -> Option<AgencyNotice> {
        let StoredKill { keys, slugs } = serde_json::from_str(value).ok()?;
        let texts = |texts: Vec<String>| texts.iter().map(|text| Text::new(text)).collect();
        let time = at.and_then(|at| Moment::new(at, jiff::tz::Offset::UTC));
        Some(AgencyNotice { action: NoticeAction::Kill, keys: texts(keys), slugs: texts(slugs), time })
    }
}

/// Stands for a version without a time. No article is from before the year -5000.
const NO_SECOND: i64 = -219_000_000_000;

/// Checksums of a row, because SQLite doesn't notice when a disk damages some of its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Checksums {
    /// The checksum of the path alone. If it matches, the damaged row's article is known.
    path: u32,
    /// The checksum of all columns.
    row: u32,
}

impl Checksums {
    fn of(at: i64, kind: &str, path: &str, value: &str, hash: Option<&[u8]>, instant: Option<i64>) -> Checksums {
        let (at, instant) = (at.to_le_bytes(), instant.map(i64::to_le_bytes));
        let instant = instant.as_ref().map_or(&[][..], |instant| instant);
        let parts = [&at[..], kind.as_bytes(), path.as_bytes(), value.as_bytes(), hash.unwrap_or_default(), instant];
        Checksums { path: checksum(ContentHash::of(path.as_bytes())), row: checksum(ContentHash::of_parts(parts)) }
    }

    /// Whether stored checksums have the one of this path.
    fn has_path(stored: i64, path: &str) -> bool {
        stored >> 32 == i64::from(checksum(ContentHash::of(path.as_bytes())).cast_signed())
    }

    fn to_integer(self) -> i64 {
        (i64::from(self.path.cast_signed()) << 32) | i64::from(self.row)
    }

    fn read(row: &Row<'_>, at: i64, kind: &str, path: &str) -> Option<Checksums> {
        let value = row.get_ref(4).ok()?.as_str().ok()?;
        let hash = row.get_ref(5).ok()?.as_blob_or_null().ok()?;
        Some(Checksums::of(at, kind, path, value, hash, row.get(6).ok()?))
    }
}

fn checksum(hash: ContentHash) -> u32 {
    let [a, b, c, d, ..] = *hash.as_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// The columns of a retraction, except its instant.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredRetraction {
    by: String,
    reason: Option<String>,
    feeds: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    notice: Option<StoredNotice>,
}

/// The facts of a story that its notice repeats. The date is packed as in [`Moment::packed`].
#[derive(Serialize, Deserialize)]
struct StoredNotice {
    published: i64,
    url: String,
    language: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    title: Option<String>,
}

impl StoredNotice {
    fn of(notice: &Notice) -> StoredNotice {
        StoredNotice {
            published: notice.published.packed(),
            url: notice.url.to_string(),
            language: notice.language.to_string(),
            title: notice.title.as_ref().map(ToString::to_string),
        }
    }

    /// Decodes a notice. `None` if a value isn't valid: readers get a tombstone instead.
    fn open(self) -> Option<Notice> {
        Some(Notice {
            published: Moment::from_packed(self.published)?,
            url: WebUrl::parse(&self.url).ok()?,
            language: Language::parse(&self.language).ok()?,
            title: self.title.map(|title| Text::line(&title)),
        })
    }
}

const WITHDRAWALS: [(Withdrawal, &str); 3] =
    [(Withdrawal::Deleted, "deleted"), (Withdrawal::Status, "status"), (Withdrawal::Command, "command")];

impl StoredRetraction {
    fn text(retraction: &Retraction) -> String {
        serde_json::to_string(&StoredRetraction::of(retraction)).unwrap_or_default()
    }

    pub(super) fn of(retraction: &Retraction) -> StoredRetraction {
        let by = WITHDRAWALS.into_iter().find(|(by, _)| *by == retraction.by).map_or("", |(_, name)| name);
        StoredRetraction {
            by: by.to_owned(),
            reason: retraction.reason.as_ref().map(ToString::to_string),
            feeds: retraction.feeds.iter().map(ToString::to_string).collect(),
            notice: retraction.notice.as_deref().map(StoredNotice::of),
        }
    }

    fn read(text: &str, at: Timestamp) -> Option<Retraction> {
        serde_json::from_str::<StoredRetraction>(text).ok()?.open(at)
    }

    pub(super) fn open(self, at: Timestamp) -> Option<Retraction> {
        Some(Retraction {
            at,
            reason: self.reason.map(|reason| Text::line(&reason)),
            by: WITHDRAWALS.into_iter().find(|(_, name)| *name == self.by)?.0,
            feeds: self.feeds.into_iter().map(Arc::from).collect(),
            notice: self.notice.and_then(StoredNotice::open).map(Arc::new),
        })
    }
}

/// A record with its number and time.
pub(super) struct NumberedRecord {
    pub(super) number: i64,
    pub(super) at: Timestamp,
    pub(super) record: Record,
}

/// The first version of the tables whose records have instants.
pub(super) const INSTANTS_SCHEMA: usize = 2;
/// The first version of the tables whose records have checksums.
const SEALS_SCHEMA: usize = 3;

/// Returns the columns that [`read_record`] expects, for a version of the tables.
pub(super) fn columns(version: usize) -> &'static str {
    if version < INSTANTS_SCHEMA {
        "number, at, kind, path, value, hash, NULL, NULL"
    } else if version < SEALS_SCHEMA {
        "number, at, kind, path, value, hash, instant, NULL"
    } else {
        "number, at, kind, path, value, hash, instant, seal"
    }
}

/// Decodes a row that has the columns of [`columns`].
///
/// # Errors
/// If the row doesn't say which article it is about, or can't be decoded and withholds nothing.
pub(super) fn read_record(row: &Row<'_>) -> Result<NumberedRecord, ReadError> {
    let (number, written): (i64, i64) = (row.get(0)?, row.get(1)?);
    let at = instant(written).unwrap_or(Timestamp::UNIX_EPOCH);
    let text = |column: usize| row.get_ref(column).and_then(|value| Ok(value.as_str()?));
    let (kind, path) = (text(2)?, text(3)?);
    if path.is_empty() {
        return Err(ReadError::Damaged(format!("its record {number}, `{kind}`, says nothing of which article it is")));
    }
    // Rows from before the third version have no checksums.
    let checksums: Option<i64> = row.get(7)?;
    if checksums.is_some_and(|stored| !Checksums::has_path(stored, path)) {
        let why = format!("its record {number}, `{kind}`, is about another article than when it was written");
        return Err(ReadError::Damaged(why));
    }
    let is_intact = checksums
        .is_none_or(|stored| Checksums::read(row, written, kind, path).map(Checksums::to_integer) == Some(stored));
    let decoded = decode(row, kind, ArticlePath::new(path));
    // If the row can be decoded but isn't intact, the kind itself may be damaged. A retraction is assumed, because it withholds longest.
    let kind = match kind {
        UnreadableRecord::WITHDRAWN if decoded.is_some() && !is_intact => "retracted",
        kind => kind,
    };
    let record = match decoded.filter(|_| is_intact) {
        Some(record) => record,
        // Other kinds withhold an article, or a newer program may use them for that.
        None if !HARMLESS_KINDS.contains(&kind) => {
            let record = UnreadableRecord { number, kind: kind.into() };
            Record::Unreadable { path: ArticlePath::new(path), record, at }
        }
        None => {
            return Err(ReadError::Damaged(format!("its record {number}, `{kind}` of `{path}`, cannot be decoded")));
        }
    };
    Ok(NumberedRecord { number, at, record })
}

/// The kinds of records that withhold nothing.
const HARMLESS_KINDS: [&str; 8] = ["seen", "published", "text", "imported", "moved", "restored", "lost", "found"];

fn decode(row: &Row<'_>, kind: &str, path: ArticlePath) -> Option<Record> {
    let value = row.get_ref(4).ok()?.as_str().ok()?;
    let hash = || row.get::<_, [u8; 16]>(5).ok().map(ContentHash::from_bytes);
    let at = row.get::<_, Option<i64>>(6).ok()?.map(instant);
    // The column may be empty, but not invalid.
    let at = if at == Some(None) { return None } else { at.flatten() };
    let id = || (!value.is_empty()).then(|| EntryId::minted(value.to_owned()));
    let retraction = || StoredRetraction::read(value, at?);
    Some(match kind {
        "seen" => Record::Seen { path, at: instant(value.parse().ok()?)? },
        "undated" => Record::Undated { path, hash: hash()? },
        // The first version of the tables has no dates.
        "published" => Record::Published { path, id: id()?, hash: hash()?, date: at.unwrap_or(Timestamp::UNIX_EPOCH) },
        "text" => {
            let (version, first) = value.split_once(' ').unzip();
            let print = TextPrint { hash: hash()?, version: version.unwrap_or(value).parse().ok()? };
            let first = first.map(|first| first.parse().ok().and_then(instant));
            // The same holds for this instant.
            let first = if first == Some(None) { return None } else { first.flatten() };
            Record::Text { path, print, changed: at, first }
        }
        "imported" => Record::Imported { path, id: id()? },
        "moved" if !value.is_empty() => Record::Moved { from: path, to: ArticlePath::new(value) },
        "retracted" => Record::Retracted { path, retraction: retraction()? },
        "hidden" => Record::Hidden { path, hash: hash()? },
        "released" => Record::Released { path, hash: hash()? },
        "restored" => Record::Restored { path },
        UnreadableRecord::WITHDRAWN => {
            let feeds: Vec<String> = serde_json::from_str(value).ok()?;
            Record::Withdrawn { path, feeds: feeds.into_iter().map(Arc::from).collect() }
        }
        "lost" => {
            let second = at.map(Timestamp::as_second);
            let number = Some(value).filter(|number| !number.is_empty());
            let version =
                second.map(|second| VersionRank::new(number, Some(second).filter(|second| *second != NO_SECOND), None));
            Record::Lost { path, version }
        }
        "found" => Record::Found { path },
        KILL => Record::KillKept { path, kill: Box::new(StoredKill::read(value, at)?) },
        "kill-dropped" => Record::KillDropped { path },
        MEDIA => Record::MediaKilled { path, media: StoredMedia::read(value)? },
        UnreadableRecord::REPLACED => {
            Record::Replaced { id: EntryId::minted(path.to_string()), retraction: retraction()? }
        }
        _ => return None,
    })
}

/// Returns the instant that a column contains, in milliseconds since 1970.
pub(super) fn instant(milliseconds: i64) -> Option<Timestamp> {
    Timestamp::from_millisecond(milliseconds).ok()
}
