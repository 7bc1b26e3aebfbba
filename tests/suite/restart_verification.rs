//! After a restart, a saved document isn't served if one of its articles was changed while no daemon ran.
//!
//! The tests make the content directory unlistable, so that the first scan never ends and only saved documents are served.
//!
//! Long because it is a list of cases: each kind of change, and each input format.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};

use crate::faults::without_privileges;
use crate::newsroom::{CONFIG, Daemon, Newsroom};

const DOCUMENTS: [&str; 4] = ["", "rss.xml", "atom.xml", "feed.json"];

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}

fn serving(mut command: Command) -> Command {
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    command
}

/// Starts a daemon whose first scan never ends, as the content directory can't be listed. Returns `None` if the system
/// can't do that.
fn serve_held_back(newsroom: &Newsroom, test: &str) -> Option<Daemon> {
    let command = without_privileges(newsroom, test)?;
    permit(&newsroom.path("content"), 0o311);
    Some(Daemon::spawn(&newsroom.path(""), serving(command)))
}

fn story(name: &str, more: &str) -> String {
    format!(
        "---\ntitle: \"Canary {name}\"\ndate: 2026-11-20 10:00\n{more}---\n\nCanary {name} sings. [](#)![](/{name}.png)\n"
    )
}

/// A name, whether the saved documents may still be shown before the first scan ends, and the change of the article's file.
type NamedChange = (&'static str, bool, fn(&Newsroom, &Path));

fn rewrite(path: &Path, more: &str) {
    let name = path.parent().and_then(Path::file_name).expect("a folder").to_str().expect("UTF-8");
    fs::write(path, story(name, more)).expect("writable");
}

const CHANGES: [NamedChange; 28] = [
    ("untouched", true, |_, _| {}),
    ("touched", true, |_, file| {
        let file = fs::File::options().write(true).open(file).expect("there");
        file.set_modified(SystemTime::UNIX_EPOCH).expect("settable");
    }),
    ("rewritten", true, |_, file| rewrite(file, "")),
    ("replaced-by-copy", true, |_, file| {
        let copy = file.with_extension("copy");
        fs::copy(file, &copy).expect("writable");
        fs::rename(copy, file).expect("movable");
    }),
    ("linked-inside", true, |newsroom, file| {
        fs::rename(file, newsroom.path("content/shared.txt.bak")).expect("movable");
        symlink("../shared.txt.bak", file).expect("writable");
    }),
    ("broken", true, |_, file| fs::write(file, "---\ntitle: [\n---\n\nText.\n").expect("writable")),
    ("emptied", true, |_, file| fs::write(file, "").expect("writable")),
    ("edited", false, |_, file| {
        fs::write(file, story("edited", "").replace("sings", "is silent")).expect("writable");
    }),
    ("edited-same-look", false, |_, file| {
        let modified = fs::metadata(file).and_then(|metadata| metadata.modified()).expect("there");
        fs::write(file, story("edited-same-look", "").replace("sings", "sinks")).expect("writable");
        fs::File::options().write(true).open(file).and_then(|file| file.set_modified(modified)).expect("settable");
    }),
    ("draft", false, |_, file| rewrite(file, "draft: true\n")),
    ("embargoed", false, |_, file| rewrite(file, "embargo: 2999-01-01 10:00\n")),
    ("unreadable-embargo", false, |_, file| rewrite(file, "embargo: after the fair\n")),
    ("retracted", false, |_, file| rewrite(file, "status: retracted\n")),
    ("expired", false, |_, file| rewrite(file, "expires: 2026-11-21\n")),
    ("postponed", false, |_, file| {
        fs::write(file, story("postponed", "").replace("2026-11-20", "2999-11-20")).expect("writable");
    }),
    ("refiled", false, |_, file| rewrite(file, "section: elsewhere\n")),
    ("out-of-feeds", false, |_, file| rewrite(file, "feeds: false\n")),
    ("deleted", false, |_, file| fs::remove_file(file).expect("there")),
    ("renamed", false, |_, file| fs::rename(file, file.with_file_name("other.md")).expect("movable")),
    ("moved", false, |newsroom, file| fs::rename(file, newsroom.path("content/moved-here.md")).expect("movable")),
    ("hidden", false, |_, file| fs::rename(file, file.with_file_name(".story.md")).expect("movable")),
    ("folder-hidden", false, |_, file| {
        let folder = file.parent().expect("a folder");
        fs::rename(folder, folder.with_file_name(".away")).expect("movable");
    }),
    ("folder-deleted", false, |_, file| fs::remove_dir_all(file.parent().expect("a folder")).expect("there")),
    ("unreadable", false, |_, file| permit(file, 0o0)),
    ("folder-unreadable", false, |_, file| permit(file.parent().expect("a folder"), 0o0)),
    ("linked-outside", false, |newsroom, file| {
        fs::rename(file, newsroom.path("outside.md")).expect("movable");
        symlink("../../outside.md", file).expect("writable");
    }),
    ("made-a-folder", false, |_, file| {
        fs::remove_file(file).expect("there");
        fs::create_dir(file).expect("writable");
    }),
    ("made-a-fifo", false, |_, file| {
        fs::remove_file(file).expect("there");
        assert!(Command::new("mkfifo").arg(file).status().expect("mkfifo runs").success());
    }),
];

fn sections(names: &[&str]) -> String {
    let base = CONFIG.split("[[section]]").next().expect("its beginning");
    let sections = names.iter().map(|name| format!("[[section]]\npath = \"{name}\"\n\n"));
    format!("{base}{}[taxonomies]\ntags = true\n", sections.collect::<String>())
}

/// The responses to different requests for a document.
fn answers(daemon: &Daemon, route: &str, tag: &str) -> Vec<(u16, Option<String>, bool)> {
    let describe = |response: crate::newsroom::Response| {
        let sings = String::from_utf8_lossy(&response.body).contains("sings");
        (response.status, response.header("retry-after").map(str::to_owned), sings)
    };
    let mut answers = vec![describe(daemon.head(route, &[]))];
    for fields in [
        &[][..],
        &[("Accept-Encoding", "gzip")],
        &[("Accept-Encoding", "br")],
        &[("Accept-Encoding", "zstd")],
        &[("If-None-Match", tag)],
        &[("If-None-Match", "*")],
        &[("If-Match", tag)],
        &[("If-Modified-Since", "Sun, 29 Nov 2099 12:00:00 GMT")],
        &[("Range", "bytes=0-9")],
    ] {
        answers.push(describe(daemon.get(route, fields)));
    }
    answers
}

#[test]
fn changes_while_stopped_withhold_saved_documents() {
    // With and without the metadata cache.
    for is_cached in [true, false] {
        let newsroom = Newsroom::new();
        let names: Vec<&str> = CHANGES.iter().map(|(name, ..)| *name).collect();
        newsroom.write("config/dateline.toml", sections(&names));
        for name in &names {
            newsroom.write(&format!("content/{name}/story.md"), story(name, ""));
        }
        if is_cached {
            newsroom.age(&format!("content/{}/story.md", names[names.len() - 1]));
        }
        let daemon = newsroom.serve();
        let tags: BTreeMap<String, String> = names
            .iter()
            .flat_map(|name| DOCUMENTS.map(|document| format!("/{name}/{document}")))
            .map(|route| {
                let response = daemon.get(&route, &[]);
                assert_eq!((response.status, response.text().contains("Canary")), (200, true), "{route}");
                (route, response.header("etag").expect("an ETag").to_owned())
            })
            .collect();
        assert!(daemon.stop());
        for (name, _, change) in CHANGES {
            change(&newsroom, &newsroom.path(&format!("content/{name}/story.md")));
        }
        let Some(daemon) = serve_held_back(&newsroom, "changes while stopped") else { return };
        for (name, is_shown, _) in CHANGES {
            for document in DOCUMENTS {
                let route = format!("/{name}/{document}");
                let answers = answers(&daemon, &route, &tags[&route]);
                if is_shown {
                    assert_eq!(answers[1], (200, None, document.is_empty() || answers[1].2), "{route}");
                    assert!(answers.iter().all(|(status, ..)| [200, 304].contains(status)), "{route}: {answers:?}");
                } else {
                    let refused = (503, Some("1".to_owned()), false);
                    assert!(
                        answers.iter().all(|answer| *answer == refused),
                        "cached {is_cached}, {route}: {answers:?}"
                    );
                }
            }
        }
        for document in DOCUMENTS {
            assert_eq!(daemon.get(&format!("/{document}"), &[]).status, 503, "the root feed shows all of them");
        }
        assert_eq!(daemon.get("/readyz", &[]).status, 503);
        drop(daemon);
        permit(&newsroom.path("content"), 0o755);
    }
}

/// Waits until `/readyz` reports the content directory as unreachable, and returns its text.
fn alarm_text(daemon: &Daemon, what: &str) -> String {
    let mut text = String::new();
    daemon.wait(what, |daemon| {
        text = daemon.body("/readyz");
        text.contains("content-unreachable")
    });
    text
}

#[test]
fn content_that_looks_unmounted_counts_as_unchanged() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", sections(&["ships"]));
    newsroom.write("content/ships/story.md", story("ships", "tags: [sea]\n"));
    assert!(newsroom.serve().stop());
    let content = newsroom.path("content");
    fs::rename(&content, newsroom.path("away")).expect("movable");
    for (what, reason, make) in [
        ("it is not there", "No such file", (|_| {}) as fn(&Path)),
        ("it is empty", "is empty", |content| fs::create_dir(content).expect("writable")),
        ("only what is hidden is there", "is empty", |content| {
            fs::create_dir(content.join(".snapshot")).expect("writable");
        }),
    ] {
        make(&content);
        let daemon = newsroom.serve_unready();
        assert!(alarm_text(&daemon, what).contains(reason), "{what}");
        for route in ["/", "/ships/rss.xml", "/tags/sea/feed.json", "/feeds.opml"] {
            assert_eq!(daemon.get(route, &[]).status, 200, "{what}: {route}");
        }
        assert!(fs::read_to_string(newsroom.path("log")).expect("a log").contains(reason), "{what}");
        assert!(daemon.stop());
    }
    // The content directory is back, without the story.
    fs::remove_dir_all(&content).expect("there");
    fs::rename(newsroom.path("away"), &content).expect("movable");
    fs::rename(content.join("ships/story.md"), newsroom.path("story.md")).expect("movable");
    let Some(daemon) = serve_held_back(&newsroom, "content that is there again") else { return };
    for route in ["/", "/ships/rss.xml", "/tags/sea/feed.json", "/feeds.opml"] {
        assert_eq!(daemon.get(route, &[]).status, 503, "{route}");
    }
    let readiness = daemon.body("/readyz");
    assert!(!readiness.contains("No such file") && !readiness.contains("is empty"), "{readiness}");
    // If the file is back, the documents are shown again.
    fs::rename(newsroom.path("story.md"), content.join("ships/story.md")).expect("movable");
    daemon.wait("it is shown", |daemon| daemon.get("/ships/rss.xml", &[]).status == 200);
    // A draft during the first scan.
    fs::write(content.join("ships/story.md"), story("ships", "draft: true\n")).expect("writable");
    daemon.wait("it is withheld", |daemon| daemon.get("/ships/rss.xml", &[]).status == 503);
    drop(daemon);
    permit(&content, 0o755);
}

#[test]
fn kill_notice_in_new_file_withholds_saved_documents() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", sections(&["wire", "other", "quiet"]));
    let item = |id: &str, text: &str| {
        format!("{id}Ships return\n\nSource: Desk | 2026-11-02 09:00:00\n\n{text} The ships are back today.\n")
    };
    newsroom.write("content/wire/a.txt", item("Id: urn:x:1\n", "Canary."));
    newsroom.write("content/wire/b.txt", item("Id: urn:x:2\n", "Another."));
    newsroom.write("content/other/c.txt", item("Id: urn:x:3\n", "A third."));
    newsroom.write("content/quiet/d.txt", item("", "Without an id."));
    assert!(newsroom.serve().stop());
    newsroom.write("content/wire/kill.txt", item("Id: urn:x:1\nStatus: retracted\n", "Kill."));
    newsroom.write("content/other/e.txt", item("Id: urn:x:4\n", "News."));
    newsroom.write("content/quiet/kill.txt", item("Id: urn:x:1\n", "Elsewhere."));
    let Some(daemon) = serve_held_back(&newsroom, "a kill in a new file") else { return };
    let statuses = ["/wire/rss.xml", "/wire/", "/rss.xml", "/other/rss.xml", "/quiet/rss.xml"]
        .map(|route| daemon.get(route, &[]).status);
    assert_eq!(statuses, [503, 503, 503, 200, 200]);
    drop(daemon);
    permit(&newsroom.path("content"), 0o755);
}

/// The kill is an item in another format, a notice, an item of a message, or about a picture.
#[test]
fn agency_kill_in_new_file_withholds_saved_documents() {
    const JSON: &str = r#"{"uri": "urn:x:1", "version": "1", "headline": "Ferry", "firstCreated": "2026-11-20T08:00:00Z", "body_text": "It sails."}"#;
    const KILL: &str = r#"{"uri": "urn:x:1", "version": "2", "pubStatus": "canceled", "headline": "Ferry"}"#;
    let xml = |key: &str, class: &str, status: &str| {
        format!(
            "<newsMessage xmlns=\"http://iptc.org/std/nar/2006-10-01/\"><itemSet><newsItem guid=\"{key}\" version=\"3\" standard=\"NewsML-G2\">\
             <itemMeta><itemClass qcode=\"ninat:{class}\"/><versionCreated>2026-11-20T08:00:00Z</versionCreated>\
             <pubStatus qcode=\"stat:{status}\"/></itemMeta><contentMeta><headline>Crane</headline></contentMeta>\
             <contentSet><inlineData>It turns.</inlineData></contentSet></newsItem></itemSet></newsMessage>"
        )
    };
    let nitf = "<nitf><head><docdata management-doc-idref=\"urn:x:1\" management-idref-status=\"canceled\"><doc-id id-string=\"urn:x:9\"/></docdata></head>\
                <body><body.head><hedline><hl1>Kill</hl1></hedline></body.head></body></nitf>";
    let wire = "Id: urn:x:1\nKilled\n\nSource: Desk | 2026-11-20 09:00:00\n\nStatus: retracted\n\nText of a kill.\n";
    for (name, text, shown) in [
        ("z.json", KILL.to_owned(), [503, 200]),
        ("z.json", KILL.replace("urn:x:1", "urn:x:3"), [200, 200]),
        ("z.xml", xml("urn:x:1", "text", "canceled"), [503, 200]),
        ("z.xml", xml("urn:x:2", "text", "canceled"), [200, 503]),
        ("z.xml", xml("urn:x:4", "text", "usable"), [200, 200]),
        ("z.xml", nitf.to_owned(), [503, 200]),
        ("z.txt", wire.to_owned(), [503, 200]),
        // A damaged file that may withhold something.
        ("z.json", KILL.replace("canceled", "canc").replace('}', ""), [503, 200]),
        // A picture, which any story may show.
        ("z.xml", xml("urn:x:5", "picture", "canceled"), [503, 503]),
        ("z.xml", xml("urn:x:5", "picture", "usable"), [200, 200]),
    ] {
        let newsroom = Newsroom::new();
        newsroom.write("config/dateline.toml", sections(&["wire", "other"]));
        newsroom.write("content/wire/a.json", JSON);
        newsroom.write("content/other/b.xml", xml("urn:x:2", "text", "usable"));
        assert!(newsroom.serve().stop());
        newsroom.write(&format!("content/wire/{name}"), &text);
        let Some(daemon) = serve_held_back(&newsroom, "an agency's kill in a new file") else { return };
        let statuses = ["/wire/rss.xml", "/other/rss.xml"].map(|route| daemon.get(route, &[]).status);
        assert_eq!(statuses, shown, "{name} with {text}");
        drop(daemon);
        permit(&newsroom.path("content"), 0o755);
    }
}

#[test]
fn retraction_during_start_withholds_only_its_documents() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", sections(&["ships", "boats"]));
    newsroom.write("content/ships/story.md", story("ships", "tags: [sea]\n"));
    newsroom.write("content/boats/story.md", story("boats", ""));
    assert!(newsroom.serve().stop());
    let Some(daemon) = serve_held_back(&newsroom, "a retraction during a start") else { return };
    let statuses = |daemon: &Daemon| {
        ["/ships/atom.xml", "/tags/sea/", "/feeds.opml", "/", "/boats/atom.xml"]
            .map(|route| daemon.get(route, &[]).status)
    };
    assert_eq!(statuses(&daemon), [200; 5]);
    let output = newsroom.dateline(&["retract", "content/ships/story.md"]);
    assert_eq!(output.status.code(), Some(0), "{}", crate::newsroom::printed(&output));
    assert_eq!(statuses(&daemon), [503, 503, 503, 503, 200]);
    drop(daemon);
    permit(&newsroom.path("content"), 0o755);
}

/// The daemon still starts.
#[test]
fn damaged_list_of_saved_documents_serves_nothing() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", sections(&["ships"]));
    newsroom.write("content/ships/story.md", story("ships", ""));
    assert!(newsroom.serve().stop());
    let list = newsroom.path(".dateline/published.jsonl");
    let whole = fs::read_to_string(&list).expect("written");
    let (head, rest) = whole.split_once('\n').expect("lines");
    let sealed = |rest: &str| format!("{head}\n{rest}");
    let without_sources = rest.split("\n\n").next().expect("documents").to_owned();
    for (what, text, status) in [
        ("as it was", whole.clone(), 200),
        ("no sources", sealed(&without_sources), 503),
        ("other sources", sealed(&rest.replace("story.md", "other.md")), 503),
        ("cut", whole[..whole.len() - 20].to_owned(), 503),
        ("zeros", "\0".repeat(whole.len()), 503),
        ("empty", String::new(), 503),
        ("of an older dateline", whole.replacen("\"seal\"", "\"steal\"", 1), 503),
    ] {
        fs::write(&list, text).expect("writable");
        let Some(daemon) = serve_held_back(&newsroom, "a damaged list") else { return };
        assert_eq!(daemon.get("/ships/rss.xml", &[]).status, status, "{what}");
        drop(daemon);
        permit(&newsroom.path("content"), 0o755);
    }
}

/// A random change of a file.
#[derive(Clone, Copy, Debug)]
enum Change {
    Write { path: usize, section: bool, withheld: bool },
    Remove(usize),
    Rename(usize, usize),
    Touch(usize),
}

const PATHS: [&str; 6] = ["a/one.md", "a/two.md", "b/one.md", "b/two.md", "c/one.md", "top.md"];

fn random_change() -> impl Strategy<Value = Change> {
    let path = 0..PATHS.len();
    prop_oneof![
        3 => (path.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(path, section, withheld)| Change::Write { path, section, withheld }),
        1 => path.clone().prop_map(Change::Remove),
        1 => (path.clone(), path.clone()).prop_map(|(from, to)| Change::Rename(from, to)),
        1 => path.prop_map(Change::Touch),
    ]
}

/// A newsroom in which every version of a file contains a unique word.
struct Words {
    newsroom: Newsroom,
    written: usize,
    /// The public words, by file.
    public: BTreeMap<usize, String>,
}

impl Words {
    fn apply(&mut self, change: Change) {
        let file = |path: usize| self.newsroom.path(&format!("content/{}", PATHS[path]));
        match change {
            Change::Write { path, section, withheld } => {
                self.written += 1;
                let word = format!("word{}end", self.written);
                let section = if section { "sections: [c]\ntags: [tide]\n" } else { "" };
                let draft = if withheld { "draft: true\n" } else { "" };
                let text = format!("---\ntitle: {word}\ndate: 2026-11-20\n{section}{draft}---\n\nIt is {word}.\n");
                self.newsroom.write(&format!("content/{}", PATHS[path]), text);
                self.public.remove(&path);
                self.public.extend((!withheld).then_some((path, word)));
            }
            Change::Remove(path) => {
                drop(fs::remove_file(file(path)));
                self.public.remove(&path);
            }
            Change::Rename(from, to) if from != to && file(from).exists() => {
                fs::create_dir_all(file(to).parent().expect("below the content")).expect("writable");
                fs::rename(file(from), file(to)).expect("movable");
                self.public.remove(&to);
                let word = self.public.remove(&from);
                self.public.extend(word.map(|word| (to, word)));
            }
            Change::Touch(path) if file(path).exists() => {
                let file = fs::File::options().write(true).open(file(path)).expect("there");
                file.set_modified(SystemTime::UNIX_EPOCH).expect("settable");
            }
            Change::Rename(..) | Change::Touch(_) => {}
        }
    }
}

/// Random changes before, at and after the end of the last run: saved documents contain only words of public files.
#[test]
fn saved_documents_show_only_public_versions() {
    let cases = std::env::var("RESTART_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6);
    let mut runner =
        TestRunner::new(Cases { cases, failure_persistence: None, max_shrink_iters: 20, ..Cases::default() });
    let changes = |most| proptest::collection::vec(random_change(), 0..most);
    let none = || Just(Vec::new());
    let history = prop_oneof![
        4 => (changes(12), changes(6), changes(6), any::<bool>()),
        1 => (changes(12), none(), none(), Just(false)),
    ];
    let run = runner.run(&history, |(before, at_the_end, meanwhile, is_killed)| {
        let newsroom = Newsroom::new();
        newsroom.write("config/dateline.toml", sections(&["a", "b", "c"]));
        let mut words = Words { newsroom, written: 0, public: BTreeMap::new() };
        before.into_iter().for_each(|change| words.apply(change));
        let daemon = words.newsroom.serve();
        let routes: Vec<String> = ["", "a/", "b/", "c/", "tags/tide/"]
            .iter()
            .flat_map(|folder| DOCUMENTS.map(|document| format!("/{folder}{document}")))
            .collect();
        let is_there = |route: &&String| daemon.get(route, &[]).status == 200;
        let is_quiet = at_the_end.is_empty() && meanwhile.is_empty() && !is_killed;
        let expected = is_quiet.then(|| routes.iter().filter(is_there).count());
        at_the_end.into_iter().for_each(|change| words.apply(change));
        if is_killed {
            drop(daemon);
        } else {
            assert!(daemon.stop());
        }
        meanwhile.into_iter().for_each(|change| words.apply(change));
        let Some(daemon) = serve_held_back(&words.newsroom, "what public files say") else { return Ok(()) };
        let mut shown = 0;
        for route in &routes {
            let response = daemon.get(route, &[]);
            prop_assert!([200, 503].contains(&response.status), "{response:?}");
            shown += usize::from(response.status == 200);
            for number in response.text().split("word").skip(1).filter_map(|rest| Some(rest.split_once("end")?.0)) {
                let is_public = words.public.values().any(|word| *word == format!("word{number}end"));
                let is_word = number.parse::<usize>().is_ok();
                prop_assert!(is_public || !is_word, "{route} says {number}, and only {:?} are public", words.public);
            }
        }
        drop(daemon);
        permit(&words.newsroom.path("content"), 0o755);
        prop_assert!(expected.is_none_or(|expected| shown == expected), "{shown} instead of {expected:?}");
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}
