use std::sync::mpsc::channel;

use jiff::Timestamp;

use super::*;
use crate::event::DormantQuery;
use crate::ledger::Record;
use crate::ledger::dormant::of_path;
use crate::store::cache::Row;
use crate::store::directory::CACHE_DATABASE;
use crate::store::handle::Cache;
use crate::store::read_ledger;
use crate::types::{ArticlePath, ContentHash};

fn seen(name: &str) -> Record {
    Record::Seen { path: ArticlePath::new(name), at: Timestamp::UNIX_EPOCH }
}

fn row(number: usize) -> (ArticlePath, Option<Row>) {
    let bytes: Box<[u8]> = number.to_string().into_bytes().into();
    let row = Row { checksum: ContentHash::of(&bytes), card: bytes.clone(), warnings: bytes };
    (ArticlePath::new(&format!("news/{number:03}.md")), Some(row))
}

/// The query's rows are missing, so all records are scanned. The test handles only the query; the records that wait are handled by the
/// interrupted scan.
#[test]
fn records_are_written_during_scan() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(folder.path()).unwrap();
    store.append((0..2_000).map(|number| seen(&format!("{number}.md"))), Timestamp::UNIX_EPOCH).unwrap();
    let queue = Arc::new(Queue::default());
    let owner = Owner::new(folder.path().to_owned(), Arc::clone(&queue), Some(store), CacheUse::Keep);
    let handle = StoreHandle::new(Arc::clone(&queue), folder.path());
    let write = handle.append(Arc::new(vec![seen("late.md")]), Timestamp::UNIX_EPOCH);
    let mut cache = Cache::new(handle.clone());
    cache.store(vec![row(1)]);
    let query = DormantQuery { paths: [of_path(&ArticlePath::new("7.md"))].into(), ..DormantQuery::default() };
    let (answer, found) = channel();
    owner.handle(Message::FindDormant { query, unwritten: Vec::new(), answer });
    let outcome = write.wait(Duration::ZERO).expect("written");
    assert_eq!((outcome.result.is_ok(), outcome.last_record), (true, 2_001));
    assert!(queue.is_empty());
    // The scan sees the ledger as it was when the scan began.
    let found: Vec<String> = found.recv().unwrap().unwrap().into_iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(found, ["7.md"]);
    assert_eq!(read_ledger(folder.path()).unwrap().len(), 2_001);
}

#[test]
fn rows_are_written_before_the_state_is_unlocked() {
    let folder = tempfile::tempdir().unwrap();
    let owner = StoreOwner::open(folder.path(), CacheUse::Keep).unwrap();
    let handle = owner.handle();
    let mut cache = Cache::new(handle.clone());
    (0..35).for_each(|number| cache.store(vec![row(number)]));
    cache.store(vec![(ArticlePath::new("old/1.md"), None), (ArticlePath::new("old/2.md"), row(2).1)]);
    cache.of_folder("news");
    cache.finish_listing();
    drop(owner);
    assert!(handle.ledger().unwrap_err().to_string().contains("closed"));
    let owner = StoreOwner::open(folder.path(), CacheUse::Keep).unwrap();
    let mut cache = Cache::new(owner.handle());
    let expected: Vec<_> = (0..35).map(row).map(|(path, row)| (path.name().to_owned(), row.unwrap())).collect();
    assert_eq!(cache.of_folder("news"), expected, "in several answers");
    assert!(cache.of_folder("old").is_empty(), "the folder wasn't listed");
    let paths = [row(3).0, ArticlePath::new("old/2.md"), row(5).0];
    assert_eq!(owner.handle().cached_rows(&paths), [row(3).1, None, row(5).1]);
    drop(owner);
    let owner = StoreOwner::open(folder.path(), CacheUse::Empty).unwrap();
    assert!(Cache::new(owner.handle()).of_folder("news").is_empty());
}

#[test]
fn locked_cache_does_not_stop_records() {
    let folder = tempfile::tempdir().unwrap();
    let owner = StoreOwner::open(folder.path(), CacheUse::Keep).unwrap();
    let mut cache = Cache::new(owner.handle());
    assert!(cache.of_folder("news").is_empty());
    let blocker = Connection::open(folder.path().join(CACHE_DATABASE)).unwrap();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    cache.store(vec![row(1)]);
    let write = owner.handle().append(Arc::new(vec![seen("1.md")]), Timestamp::UNIX_EPOCH);
    assert!(write.wait(Duration::from_secs(60)).unwrap().result.is_ok());
    assert!(cache.of_folder("news").is_empty(), "the row was dropped, but the cache can still be read");
}
