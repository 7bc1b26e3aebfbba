use std::fs;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;

use super::super::directory::PUBLISHED_LIST;
use super::super::{Store, history, read_ledger};
use super::*;
use crate::ledger::{ArticleFacts, Ledger, Notice, Retraction, TextPrint, UnpackedFacts};
use crate::types::{ArticlePath, ContentHash, EntryId, Language, Moment, Text, WebUrl};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn path(name: &str) -> ArticlePath {
    ArticlePath::new(name)
}

fn published(name: &str, id: &str, version: i64) -> Record {
    let hash = ContentHash::of(&version.to_le_bytes());
    Record::Published { path: path(name), id: EntryId::parse(&format!("tag:x,2026:{id}")).unwrap(), hash, date: at(1) }
}

fn text(name: &str, version: i64) -> Record {
    let print = TextPrint { hash: ContentHash::of(&version.to_le_bytes()), version: 1 };
    Record::Text { path: path(name), print, changed: Some(at(version)), first: Some(at(1)) }
}

/// Describes everything in a ledger, in a fixed order.
fn describe(ledger: &Ledger) -> Vec<String> {
    let article = |(path, article): (&ArticlePath, &ArticleFacts)| {
        let text = (article.print(), article.changed(), article.first());
        let versions = (&article.id, article.hash(), article.date(), article.seen());
        format!(
            "{path} {versions:?} {text:?} {:?} {:?} {:?} {} {}",
            article.retraction(),
            article.withdrawn(),
            UnpackedFacts::from(article).released,
            article.is_lost(),
            article.awaits_date()
        )
    };
    let mut lines: Vec<String> = ledger.articles().map(article).collect();
    lines.sort();
    for route in ["/", "/news/"] {
        lines.extend(ledger.tombstones(route).map(|tombstone| format!("{route} {tombstone:?}")));
    }
    lines.extend(ledger.replaced().map(|replaced| format!("{replaced:?}")));
    for id in ["1", "2"] {
        let id = EntryId::parse(&format!("tag:x,2026:{id}")).unwrap();
        lines.push(format!("{id} {:?}", ledger.holder(&id)));
    }
    lines
}

fn record() -> impl Strategy<Value = Record> {
    // Most articles have an id of their own.
    let names = prop_oneof![6 => Just(("a.md", "1")), 2 => Just(("b.md", "2")), 1 => Just(("a.md", "2"))];
    (names, 0..40_i64, 0..14).prop_map(|((name, id), number, kind)| {
        let by = [Withdrawal::Deleted, Withdrawal::Status, Withdrawal::Command][usize::try_from(number % 3).unwrap()];
        let feeds: Arc<[Arc<str>]> = [Arc::from(if number % 2 == 0 { "/" } else { "/news/" })].into();
        let notice = Notice {
            published: Moment::new(at(number), jiff::tz::Offset::constant(8)).unwrap(),
            url: WebUrl::parse("https://courier.example/a?b=1").unwrap(),
            language: Language::parse("zh-Hant").unwrap(),
            title: Some(Text::new("Title")),
        };
        let notice = Some(Arc::new(notice));
        let retraction =
            Retraction { at: at(number), reason: Some(Text::new("why")), by, feeds: Arc::clone(&feeds), notice };
        let path = path(name);
        match kind {
            0..=3 => published(name, id, number),
            4 | 5 => text(name, number),
            6 | 7 => Record::Retracted { path, retraction },
            8 | 9 => Record::Restored { path },
            10 => Record::Withdrawn { path, feeds },
            11 if number % 3 == 0 => Record::Undated { path, hash: ContentHash::of(&number.to_le_bytes()) },
            11 if number % 2 == 0 => Record::Released { path, hash: ContentHash::of(&number.to_le_bytes()) },
            11 => Record::Hidden { path, hash: ContentHash::of(&number.to_le_bytes()) },
            12 if number % 2 == 0 => Record::Lost { path, version: None },
            12 => Record::Found { path },
            _ if number < 20 => Record::Seen { path, at: at(number) },
            _ if number < 25 => Record::Moved { from: path, to: ArticlePath::new("c.md") },
            _ if number < 28 => {
                Record::Replaced { id: EntryId::parse(&format!("tag:x,2026:{id}")).unwrap(), retraction }
            }
            _ => Record::Imported { path, id: EntryId::parse(&format!("tag:x,2026:{id}")).unwrap() },
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn removing_superseded_records_changes_nothing(records in prop::collection::vec(record(), 1..24), newest_records in 1..4_usize) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(folder.path()).unwrap();
        store.append(&records, at(1)).unwrap();
        let limits = Limits { max_records: 1, newest_records };
        let removed = superseded(&store.database, i64::MAX, limits).unwrap();
        let remaining = (1_i64..).zip(&records).filter(|(number, _)| !removed.contains(number)).map(|(_, record)| record.clone());
        prop_assert_eq!(describe(&Ledger::replay(remaining)), describe(&Ledger::replay(records.clone())));
    }
}

#[test]
fn busy_article_keeps_first_and_newest_records() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    let command = |second| Record::Retracted {
        path: path("live.md"),
        retraction: Retraction {
            at: at(second),
            reason: None,
            by: Withdrawal::Command,
            feeds: Arc::default(),
            notice: None,
        },
    };
    let restored = || Record::Restored { path: path("live.md") };
    store.append([published("other.md", "2", 1), published("live.md", "1", 0), command(5), restored()], at(1)).unwrap();
    for version in 1..8_000 {
        store.append([published("live.md", "1", version), text("live.md", version)], at(version)).unwrap();
    }
    let last = store.last_record();
    let count = || -> i64 { store.database.query_row("SELECT count(*) FROM record", [], |row| row.get(0)).unwrap() };
    fs::write(folder.path().join(PUBLISHED_LIST), format!("{{\"record\":{last}}}\n")).unwrap();
    let before = describe(&store.ledger().unwrap());
    let removed = i64::try_from(compact(folder.path(), &Interruption::default()).unwrap()).unwrap();
    assert_eq!(
        (removed + count(), count()),
        (last, 104),
        "the article's newest 100 records, first publication, retraction and restoration; and the other article"
    );
    assert_eq!(describe(&store.ledger().unwrap()), before);
    assert_eq!(compact(folder.path(), &Interruption::default()).unwrap(), 0, "not again so soon");
    let history = history(folder.path(), &path("live.md")).unwrap();
    assert!(matches!(history.as_slice(), [(_, Record::Published { .. }), (_, Record::Retracted { .. }), ..]));
    // Records that are missing in addition are noticed.
    store.append([text("other.md", 3)], at(9)).unwrap();
    drop(store);
    assert_eq!(Store::open(folder.path()).unwrap().last_record(), last + 1);
    let database = Connection::open(folder.path().join(DATABASE)).unwrap();
    database.execute("DELETE FROM record WHERE number = 1", []).unwrap();
    assert!(read_ledger(folder.path()).unwrap_err().to_string().contains("missing"));
}
