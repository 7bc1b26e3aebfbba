//! The metadata cache gives the same result as reading the files, whatever happened to files and cache between two runs.

use std::collections::BTreeMap;
use std::fs::{self, File, FileTimes};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dateline::article::packed::PackedRendering;
use dateline::article::render::Rendered;
use dateline::beneath::Root;
use dateline::daemon::StateCache;
use dateline::event::FileState;
use dateline::store::Renderings;
use dateline::types::{ContentHash, Text};
use dateline::watch::ScanProgress;
use dateline::watch::cache::MetadataCache;
use dateline::{config, watch};
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};

use crate::newsroom::{CONFIG, Newsroom, article, files, printed};

const PATHS: [&str; 6] = ["news/a.md", "news/b.md", "news/chips/a.md", "sport/d.txt", "top.html", "科技/案例/e.md"];

/// A change between two runs.
#[derive(Clone, Debug)]
enum Happening {
    Write(usize, u8),
    /// A text of the same length, with the old mtime restored.
    Forge(usize, u8),
    /// A new file renamed over the old one, with the old times.
    Replace(usize, u8),
    Rename(usize, usize),
    Remove(usize),
    Touch(usize),
    /// A change of a picture that an article references.
    Picture(u8),
    /// A row of the cache gets the card of another row, or is truncated.
    Spoil(usize),
    /// The cache file is truncated or replaced by something else.
    Wreck(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    let path = 0..PATHS.len();
    prop_oneof![
        3 => (path.clone(), any::<u8>()).prop_map(|(path, text)| Happening::Write(path, text)),
        3 => (path.clone(), any::<u8>()).prop_map(|(path, text)| Happening::Forge(path, text)),
        2 => (path.clone(), any::<u8>()).prop_map(|(path, text)| Happening::Replace(path, text)),
        2 => (path.clone(), path.clone()).prop_map(|(from, to)| Happening::Rename(from, to)),
        1 => path.clone().prop_map(Happening::Remove),
        1 => path.clone().prop_map(Happening::Touch),
        1 => any::<u8>().prop_map(Happening::Picture),
        2 => path.prop_map(Happening::Spoil),
        1 => any::<u8>().prop_map(Happening::Wreck),
    ]
}

/// One of several texts of the same length. Some reference a picture, some are refused, some have warnings.
fn text(kind: u8) -> String {
    let (title, day) = (kind % 7, 1 + kind % 9);
    let more = match kind % 5 {
        0 => "image: quay.png",
        1 => "tags: [boats]  ",
        2 => "dtae: 2026-11-1",
        3 => "section: sport ",
        _ => "date: nonsense ",
    };
    let date = if kind % 5 == 4 { String::new() } else { format!("date: 2026-11-0{day}\n") };
    let text = format!("---\ntitle: Story {title}\n{date}{more}\n---\nText {kind:03}.\n");
    format!("{text}{}", " ".repeat(100 - text.len()))
}

fn happen(newsroom: &Newsroom, happening: &Happening) {
    let file = |path: usize| newsroom.path("content").join(PATHS[path]);
    match *happening {
        Happening::Write(path, kind) => newsroom.write(&format!("content/{}", PATHS[path]), text(kind)),
        Happening::Forge(path, kind) => {
            let Ok(before) = fs::metadata(file(path)) else { return };
            fs::write(file(path), text(kind)).expect("written");
            set_times(&file(path), &before);
        }
        Happening::Replace(path, kind) => {
            let Ok(before) = fs::metadata(file(path)) else { return };
            let new = newsroom.path("new");
            fs::write(&new, text(kind)).expect("written");
            set_times(&new, &before);
            fs::rename(new, file(path)).expect("renamed");
        }
        Happening::Rename(from, to) => {
            fs::create_dir_all(file(to).parent().expect("a folder")).expect("made");
            fs::rename(file(from), file(to)).unwrap_or_default();
        }
        Happening::Remove(path) => fs::remove_file(file(path)).unwrap_or_default(),
        Happening::Touch(path) => {
            let Ok(file) = File::options().append(true).open(file(path)) else { return };
            file.set_modified(watch::clock()).expect("set");
        }
        Happening::Picture(size) => newsroom.write("content/quay.png", vec![size; usize::from(size)]),
        Happening::Spoil(path) => {
            let Ok(database) = rusqlite::Connection::open(newsroom.path("state/cache.sqlite")) else { return };
            let name = PATHS[path].rsplit('/').next();
            for spoil in [
                "UPDATE file SET card = (SELECT card FROM file ORDER BY name LIMIT 1) WHERE name = ?",
                "UPDATE OR IGNORE file SET name = ?1 || 'x' WHERE name = ?1",
                "UPDATE file SET seal = x'00112233445566778899aabbccddeeff' WHERE name = ?",
            ] {
                // An earlier step may have destroyed the database.
                database.execute(spoil, [name]).unwrap_or_default();
            }
        }
        Happening::Wreck(how) => {
            let cache = newsroom.path("state/cache.sqlite");
            let Ok(bytes) = fs::read(&cache) else { return };
            let wreck = match how % 3 {
                0 => bytes[..bytes.len() / 2].to_vec(),
                1 => b"not a database at all, whatever its name says".to_vec(),
                _ => bytes.iter().map(|byte| byte ^ u8::from(how > 100)).collect(),
            };
            fs::write(cache, wreck).expect("written");
        }
    }
}

fn set_times(file: &Path, like: &fs::Metadata) {
    let times =
        FileTimes::new().set_modified(like.modified().expect("known")).set_accessed(like.accessed().expect("known"));
    File::options().append(true).open(file).expect("opened").set_times(times).expect("set");
}

/// Waits for the next tick of the file system's clock, because changes within one tick have the same time.
fn wait_for_a_tick(newsroom: &Newsroom) {
    let probe = newsroom.path("probe");
    let tick = || {
        fs::write(&probe, "x").expect("written");
        let metadata = fs::metadata(&probe).expect("there");
        (metadata.ctime(), metadata.ctime_nsec())
    };
    let before = tick();
    while tick() == before {}
}

/// The result for each file, and whether the file was read.
fn read(newsroom: &Newsroom, cache: impl MetadataCache) -> BTreeMap<String, (String, bool)> {
    read_by(CONFIG, newsroom, cache)
}

fn read_by(config: &str, newsroom: &Newsroom, cache: impl MetadataCache) -> BTreeMap<String, (String, bool)> {
    let config = config::parse(&newsroom.path("config/dateline.toml"), config.as_bytes()).config.expect("good");
    let root = Root::new(&newsroom.path("content"), "content");
    // An hour later, no file is recent.
    let clock = || watch::clock() + Duration::from_secs(3_600);
    let (listing, read) =
        watch::read_everything(&root, &config.parsing, cache, clock, &ScanProgress::default(), &|_, _| {}, |files| {
            files.flatten().map(|file| (file.path, file.state)).collect::<Vec<_>>()
        });
    assert_eq!(listing.files.len(), read.len());
    let reported = read.into_iter().map(|(path, state)| match state {
        FileState::Known(card, warnings) => (path.to_string(), (format!("{:?} {warnings:?}", card.open(&path)), false)),
        FileState::Present(parsed) => {
            let card = parsed.article.map(|article| article.card.open(&path));
            let diagnostics = parsed.diagnostics;
            let reported = card.map_or_else(|| format!("{diagnostics:?}"), |card| format!("{card:?} {diagnostics:?}"));
            (path.to_string(), (reported, true))
        }
        other => (path.to_string(), (format!("{other:?}"), true)),
    });
    reported.collect()
}

fn state(newsroom: &Newsroom) -> PathBuf {
    let state = newsroom.path("state");
    fs::create_dir_all(&state).expect("made");
    state
}

#[test]
fn cached_metadata_equals_parsed_metadata() {
    let cases = std::env::var("CACHE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(60);
    let mut runner = TestRunner::new(Cases { cases, failure_persistence: None, ..Cases::default() });
    let recalled = std::cell::Cell::new(0);
    let history = prop::collection::vec(prop::collection::vec(happening(), 0..5), 1..5);
    let result = runner.run(&history, |runs| {
        let newsroom = Newsroom::new();
        PATHS.iter().zip(0..).for_each(|(path, kind)| newsroom.write(&format!("content/{path}"), text(kind)));
        let state = state(&newsroom);
        for happenings in runs {
            for happening in &happenings {
                wait_for_a_tick(&newsroom);
                happen(&newsroom, happening);
            }
            wait_for_a_tick(&newsroom);
            let reported = |files: BTreeMap<String, (String, bool)>| -> BTreeMap<String, String> {
                files.into_iter().map(|(path, (reported, _))| (path, reported)).collect()
            };
            let fresh = reported(read(&newsroom, ()));
            let cached = read(&newsroom, StateCache::open(&state));
            prop_assert_eq!(reported(cached), fresh.clone(), "{:?}", happenings);
            let again = read(&newsroom, StateCache::open(&state));
            recalled.set(recalled.get() + again.values().filter(|(_, was_read)| !was_read).count());
            prop_assert_eq!(reported(again), fresh);
        }
        Ok(())
    });
    result.expect("the cache is never wrong");
    assert!(recalled.get() > 100, "only {} rows were of any use", recalled.get());
}

#[test]
fn only_changed_files_are_read_again() {
    let newsroom = Newsroom::new();
    for number in 0..200 {
        newsroom.write(&format!("content/news/{number}.md"), article(&format!("Story {number}"), "Text."));
    }
    let state = state(&newsroom);
    let read_files =
        |cache| read(&newsroom, cache).into_iter().filter(|(_, (_, was_read))| *was_read).map(|(path, _)| path);
    assert_eq!(read_files(StateCache::open(&state)).count(), 200);
    assert_eq!(read_files(StateCache::open(&state)).count(), 0);
    wait_for_a_tick(&newsroom);
    newsroom.write("content/news/7.md", article("Story seven", "Text."));
    fs::rename(newsroom.path("content/news/8.md"), newsroom.path("content/news/eight.md")).expect("renamed");
    fs::remove_file(newsroom.path("content/news/9.md")).expect("removed");
    assert_eq!(read_files(StateCache::open(&state)).collect::<Vec<_>>(), ["news/7.md", "news/eight.md"]);
    assert_eq!(read_files(StateCache::open(&state)).count(), 0);
    // An empty content directory, like an unmounted disk, doesn't empty the cache.
    fs::rename(newsroom.path("content"), newsroom.path("away")).expect("renamed");
    fs::create_dir(newsroom.path("content")).expect("made");
    assert_eq!(read_files(StateCache::open(&state)).count(), 0);
    fs::remove_dir(newsroom.path("content")).expect("empty");
    fs::rename(newsroom.path("away"), newsroom.path("content")).expect("renamed");
    assert_eq!(read_files(StateCache::open(&state)).count(), 0);
    let there = fs::read_dir(newsroom.path("content/news")).expect("a folder").count();
    assert_eq!(read_files(StateCache::open_empty(&state)).count(), there, "`--verify` reads everything");
    assert_eq!(read_files(StateCache::open(&state)).count(), 0);
    // Files that changed within the last second aren't cached, because they may change again without a new stamp.
    let now = watch::clock;
    let root = Root::new(&newsroom.path("content"), "content");
    let config = config::parse(&newsroom.path("x.toml"), CONFIG.as_bytes()).config.expect("good");
    newsroom.write("content/news/young.md", article("Young", "Text."));
    for _ in 0..2 {
        let (_, young) = watch::read_everything(
            &root,
            &config.parsing,
            StateCache::open(&state),
            now,
            &ScanProgress::default(),
            &|_, _| {},
            |files| {
                files
                    .flatten()
                    .filter(|file| matches!(file.state, FileState::Present(_)))
                    .map(|file| file.path.to_string())
                    .collect::<Vec<_>>()
            },
        );
        assert!(young.contains(&"news/young.md".to_owned()), "{young:?}");
    }
}

#[test]
fn rows_of_other_parsing_rules_are_ignored() {
    let newsroom = Newsroom::new();
    let text = "---\ntitle: Noon\ndate: 2026-11-20 12:00\n---\n\nText.\n";
    for number in 0..100 {
        newsroom.write(&format!("content/news/{number}.md"), text);
    }
    let state = state(&newsroom);
    let in_bogota = CONFIG.replace("Asia/Shanghai", "America/Bogota");
    let mut reported = Vec::new();
    for (config, expected) in [(CONFIG, 100), (&in_bogota, 100), (&in_bogota, 0), (CONFIG, 100), (CONFIG, 0)] {
        let files = read_by(config, &newsroom, StateCache::open(&state));
        assert_eq!(files.values().filter(|(_, was_read)| *was_read).count(), expected);
        reported.push(files.into_values().map(|(reported, _)| reported).collect::<Vec<_>>());
    }
    assert!(
        reported[0] == reported[3]
            && reported[0] == reported[4]
            && reported[1] == reported[2]
            && reported[0] != reported[1]
    );
}

#[test]
fn rendered_bodies_are_cached_and_damaged_ones_ignored() {
    let newsroom = Newsroom::new();
    for number in 0..20 {
        newsroom.article(&format!("news/{number}.md"), &format!("Story {number}"), &format!("The *{number}th* ship."));
    }
    newsroom.age("content/news/19.md");
    let built = |arguments: &[&str]| {
        let output = newsroom.dateline(&[&["build"], arguments].concat());
        assert!(output.status.success(), "{}", printed(&output));
        files(&newsroom.path("feeds"))
    };
    let at_first = built(&[]);
    let state = newsroom.path(".dateline");
    assert!(
        Renderings::open(&state).expect("a state").get(&keys(&state)).is_empty(),
        "what is read is rendered at once"
    );
    // From now on, metadata comes from the cache, and the bodies of entries are fetched.
    assert!(built(&[]) == at_first && keys(&state).len() == 20);
    assert!(built(&[]) == at_first);
    let rendered = Rendered {
        html: Text::new("<p>Another.</p>"),
        text: "Another.".to_owned(),
        lead: None,
        local_media: Vec::new(),
    };
    let packed = PackedRendering::of(&rendered).expect("short");
    let others: Vec<_> = keys(&state).into_iter().map(|key| (key, packed.clone())).collect();
    Renderings::open(&state).expect("a state").store(&others);
    let feed =
        |files: &BTreeMap<String, Vec<u8>>| String::from_utf8_lossy(&files["news/rss.xml"]).matches("Another.").count();
    assert!(feed(&built(&[])) >= 20, "they are used");
    // The texts have changed again, so `updated` has changed.
    let verified = built(&["--verify"]);
    assert_eq!(feed(&verified), 0, "`--verify` renders everything");
    assert!(built(&[]) == verified);
    let database = rusqlite::Connection::open(state.join("renderings.sqlite")).expect("a database");
    assert_eq!(database.execute("UPDATE rendering SET bytes = zeroblob(9)", []).expect("spoilt"), 20);
    assert!(built(&[]) == verified);
    fs::write(state.join("renderings.sqlite"), "no database").expect("written");
    assert!(built(&[]) == verified);
}

fn keys(state: &Path) -> Vec<ContentHash> {
    let Ok(database) = rusqlite::Connection::open(state.join("renderings.sqlite")) else { return Vec::new() };
    let Ok(mut statement) = database.prepare("SELECT key FROM rendering") else { return Vec::new() };
    let rows = statement.query_map([], |row| row.get(0)).expect("rows");
    rows.map(|key| ContentHash::from_bytes(key.expect("a key"))).collect()
}
