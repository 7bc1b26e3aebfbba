//! Turns rows of the journal into events. Pure: the texts come from the feed's published document.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::ledger::journal::{EntryChange, JournalChange, JournalRow, RemovalCause};
use crate::types::EntryId;

/// An event about one entry.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Event {
    /// The number of the last row about the entry.
    pub(super) number: u64,
    pub(super) kind: &'static str,
    pub(super) data: Value,
    /// The entry, if its item is missing.
    pub(super) missing: Option<EntryId>,
}

impl Event {
    /// Adds the item if it was missing. Without one, the text can't be read at the moment.
    pub(super) fn complete(&mut self, items: &Items) {
        if let Some(item) = self.missing.as_ref().and_then(|id| items.get(id.as_str())) {
            self.data.as_object_mut().map(|data| data.insert("item".to_owned(), item.clone()));
            self.missing = None;
        }
    }
}

/// The items of a feed's document in JSON Feed, by id. Notices of retractions aren't among them.
#[derive(Debug, Default)]
pub(super) struct Items(HashMap<String, Value>);

impl Items {
    /// Reads a document. Empty if it isn't JSON Feed.
    pub(super) fn of(document: &[u8]) -> Items {
        let mut feed: Value = serde_json::from_slice(document).unwrap_or_default();
        let deleted = feed.pointer("/_dateline/deleted").and_then(Value::as_array);
        let deleted: BTreeSet<String> = deleted.into_iter().flatten().filter_map(id).collect();
        let items = match feed.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => items,
            _ => Vec::new(),
        };
        let items = items.into_iter().filter_map(|item| Some((id(&item)?, item)));
        Items(items.filter(|(id, _)| !deleted.contains(id)).collect())
    }

    fn get(&self, id: &str) -> Option<&Value> {
        self.0.get(id)
    }
}

fn id(item: &Value) -> Option<String> {
    item.get("id")?.as_str().map(str::to_owned)
}

/// The changes of a feed, one event for each entry, in the order of the entries' last rows. `None` if the journal was reset meanwhile.
/// An entry that came and left again has no event.
pub(super) fn events(feed: &str, rows: &[Arc<JournalRow>], items: &Items) -> Option<Vec<Event>> {
    // Whether the feed had the entry before the first row, and the last row.
    let mut entries: BTreeMap<&str, (bool, &JournalRow, &EntryChange)> = BTreeMap::new();
    for row in rows {
        match &row.change {
            JournalChange::Reset { .. } => return None,
            JournalChange::Entry(change) if change.was_in(feed) || change.is_in(feed) => {
                let was_in_feed = entries.get(change.id.as_str()).map_or(change.was_in(feed), |(was, ..)| *was);
                entries.insert(change.id.as_str(), (was_in_feed, row, change));
            }
            JournalChange::Entry(_) => {}
        }
    }
    let mut events: Vec<Event> = entries
        .into_iter()
        .filter_map(|(id, (was_in_feed, row, change))| {
            let at = row.at.to_string();
            let (kind, data) = match (was_in_feed, change.is_in(feed)) {
                (false, false) => return None,
                (true, false) => {
                    // The story is still public if another feed has it, so readers learn nothing of why it left this one.
                    let is_public = !change.after.is_empty();
                    let cause = if is_public { RemovalCause::Gone } else { change.cause };
                    let mut data = json!({"type": "removed", "id": id, "time": at, "cause": cause.name()});
                    let reason = change.reason.as_ref().filter(|_| !is_public);
                    if let (Some(reason), Some(data)) = (reason, data.as_object_mut()) {
                        data.insert("reason".to_owned(), reason.as_str().into());
                    }
                    ("removed", data)
                }
                (was, true) => {
                    let kind = if was { "changed" } else { "added" };
                    let data = json!({"type": kind, "id": id, "time": at});
                    (kind, data)
                }
            };
            let missing = change.is_in(feed).then(|| change.id.clone());
            let mut event = Event { number: row.number, kind, data, missing };
            event.complete(items);
            Some(event)
        })
        .collect();
    events.sort_by_key(|event| event.number);
    Some(events)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::types::{ContentHash, Text};

    fn row(number: u64, before: &[&str], after: &[&str], cause: RemovalCause, reason: Option<&str>) -> Arc<JournalRow> {
        let routes = |routes: &[&str]| routes.iter().map(|route| Arc::from(*route)).collect();
        let change = EntryChange {
            id: EntryId::parse("tag:x,2026:a").unwrap(),
            hash: None,
            before: routes(before),
            after: routes(after),
            cause,
            reason: reason.map(Text::line),
        };
        Arc::new(JournalRow { number, at: Timestamp::UNIX_EPOCH, change: JournalChange::Entry(change) })
    }

    #[test]
    fn rows_of_an_entry_are_one_event() {
        use RemovalCause::{Expired, Gone, Retracted};
        let (news, both, sport, nothing) = (&["/news/"][..], &["/news/", "/sport/"][..], &["/sport/"][..], &[][..]);
        let added = row(1, nothing, news, Gone, None);
        let changed = row(2, news, both, Gone, None);
        let refiled = row(3, both, sport, Expired, Some("libel"));
        let retracted = row(4, both, nothing, Retracted, Some("libel"));
        let back = row(5, nothing, news, Gone, None);
        let items = Items::of(br#"{"items": [{"id": "tag:x,2026:a", "title": "A"}]}"#);
        for (rows, expected) in [
            (vec![&added], "added 1 A"),
            (vec![&added, &changed], "added 2 A"),
            (vec![&changed], "changed 2 A"),
            (vec![&changed, &retracted], "removed 4 retracted libel"),
            (vec![&added, &retracted], ""),
            (vec![&retracted, &back], "changed 5 A"),
            (vec![&refiled], "removed 3 gone"),
        ] {
            let rows: Vec<_> = rows.into_iter().cloned().collect();
            let events = events("/news/", &rows, &items).unwrap();
            let text = |event: &Event, path| event.data.pointer(path).and_then(Value::as_str).unwrap_or("").to_owned();
            let found: Vec<String> = events
                .iter()
                .map(|event| {
                    let words = ["/cause", "/reason", "/item/title"].map(|path| text(event, path));
                    let words = words.into_iter().filter(|word| !word.is_empty());
                    format!("{} {} {}", event.kind, event.number, words.collect::<Vec<_>>().join(" "))
                })
                .collect();
            assert_eq!(found.join("; "), expected);
        }
        let reset = JournalChange::Reset { configuration: ContentHash::of(b"") };
        let reset = Arc::new(JournalRow { number: 6, at: Timestamp::UNIX_EPOCH, change: reset });
        assert_eq!(events("/news/", &[added, reset], &items), None);
    }

    /// A notice has the id of its story, but isn't the story.
    #[test]
    fn notices_are_no_items() {
        let feed = br#"{"items": [{"id": "a"}, {"id": "b"}], "_dateline": {"deleted": [{"id": "a"}]}}"#;
        let items = Items::of(feed);
        assert!(items.get("a").is_none() && items.get("b").is_some());
        assert!(Items::of(b"<rss/>").get("a").is_none());
    }
}
