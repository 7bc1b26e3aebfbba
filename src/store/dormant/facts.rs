//! Encodes the facts about a dormant article as JSON.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ledger::{ArticleFacts, TextPrint, UnpackedFacts, VersionRank};
use crate::store::rows::{StoredRetraction, instant};
use crate::types::{ContentHash, EntryId};

/// The facts about a dormant article.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredFacts {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<String>,
    /// Instants are milliseconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seen: Option<i64>,
    /// The fingerprint of its text, and the version of the fingerprint.
    #[serde(skip_serializing_if = "Option::is_none")]
    print: Option<(String, u32)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retraction: Option<(i64, StoredRetraction)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawn: Option<Vec<String>>,
    /// Number, second and modification time of an item's version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<(Option<String>, Option<i64>, Option<i64>)>,
    /// The hash of the version that an editor released.
    #[serde(skip_serializing_if = "Option::is_none")]
    released: Option<String>,
}

impl StoredFacts {
    /// Encodes the facts.
    pub(super) fn text(article: &ArticleFacts) -> String {
        let UnpackedFacts { id, hash, date, seen, print, changed, first, retraction, withdrawn, version, released } =
            UnpackedFacts::from(article);
        let milliseconds = |instant: Option<Timestamp>| instant.map(Timestamp::as_millisecond);
        let stored = StoredFacts {
            id: id.map(|id| id.to_string()),
            hash: hash.map(|hash| hash.to_string()),
            date: milliseconds(date),
            seen: milliseconds(seen),
            print: print.map(|print| (print.hash.to_string(), print.version)),
            changed: milliseconds(changed),
            first: milliseconds(first),
            retraction: retraction.map(|known| (known.at.as_millisecond(), StoredRetraction::of(&known))),
            withdrawn: withdrawn.map(|feeds| feeds.iter().map(ToString::to_string).collect()),
            version: version.map(|version| (version.number().map(str::to_owned), version.second(), version.modified())),
            released: released.map(|hash| hash.to_string()),
        };
        serde_json::to_string(&stored).unwrap_or_default()
    }

    /// Decodes the facts. `None` if they are damaged.
    pub(super) fn read(text: &str) -> Option<ArticleFacts> {
        let stored: StoredFacts = serde_json::from_str(text).ok()?;
        // A value that is present must be valid.
        let at = |milliseconds: Option<i64>| milliseconds.map_or(Some(None), |at| instant(at).map(Some));
        let hash = |hash: Option<String>| hash.map_or(Some(None), |hash| ContentHash::parse(&hash).map(Some));
        let print = match stored.print {
            Some((hash, version)) => Some(TextPrint { hash: ContentHash::parse(&hash)?, version }),
            None => None,
        };
        let retraction = match stored.retraction {
            Some((at, retraction)) => Some(retraction.open(instant(at)?)?),
            None => None,
        };
        let facts = UnpackedFacts {
            id: stored.id.map(EntryId::minted),
            hash: hash(stored.hash)?,
            date: at(stored.date)?,
            seen: at(stored.seen)?,
            print,
            changed: at(stored.changed)?,
            first: at(stored.first)?,
            retraction,
            withdrawn: stored.withdrawn.map(|feeds| feeds.into_iter().map(Into::into).collect()),
            version: stored
                .version
                .map(|(number, second, modified)| VersionRank::new(number.as_deref(), second, modified)),
            released: hash(stored.released)?,
        };
        Some(facts.into())
    }
}
