//! After a restart no document of the last run is served that shows an article which was changed while no daemon ran.
//!
//! A content directory that can be entered and not listed holds back the first scan for ever: what is served then is of the last run.

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

/// A daemon whose first scan never ends, since the content directory cannot be listed; `None` where that cannot be had.
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

/// What can happen to the file of an article, and whether what readers saw of it may be shown before everything is known.
type Change = (&'static str, bool, fn(&Newsroom, &Path));

fn rewrite(path: &Path, more: &str) {
    let name = path.parent().and_then(Path::file_name).expect("a folder").to_str().expect("UTF-8");
    fs::write(path, story(name, more)).expect("writable");
}

const CHANGES: [Change; 28] = [
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

/// Every way in which a document may leave.
fn answers(daemon: &Daemon, route: &str, tag: &str) -> Vec<(u16, Option<String>, bool)> {
    let told = |response: crate::newsroom::Response| {
        let sings = String::from_utf8_lossy(&response.body).contains("sings");
        (response.status, response.header("retry-after").map(str::to_owned), sings)
    };
    let mut answers = vec![told(daemon.head(route, &[]))];
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
        answers.push(told(daemon.get(route, fields)));
    }
    answers
}

#[test]
fn changes_while_stopped_withhold_saved_documents() {
    // With and without what is kept of files.
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

/// Waits until operators are told, and says what.
fn told(daemon: &Daemon, what: &str) -> String {
    let mut told = String::new();
    daemon.wait(what, |daemon| {
        told = daemon.body("/readyz");
        told.contains("content-unreachable")
    });
    told
}

#[test]
fn content_that_looks_unmounted_counts_as_unchanged() {
    let newsroom = Newsroom::new();
    newsroom.write("config/dateline.toml", sections(&["ships"]));
    newsroom.write("content/ships/story.md", story("ships", "tags: [sea]\n"));
    assert!(newsroom.serve().stop());
    let content = newsroom.path("content");
    fs::rename(&content, newsroom.path("away")).expect("movable");
    for (what, said, make) in [
        ("it is not there", "No such file", (|_| {}) as fn(&Path)),
        ("it is empty", "is empty", |content| fs::create_dir(content).expect("writable")),
        ("only what is hidden is there", "is empty", |content| {
            fs::create_dir(content.join(".snapshot")).expect("writable");
        }),
    ] {
        make(&content);
        let daemon = newsroom.serve_unready();
        assert!(told(&daemon, what).contains(said), "{what}");
        for route in ["/", "/ships/rss.xml", "/tags/sea/feed.json", "/feeds.opml"] {
            assert_eq!(daemon.get(route, &[]).status, 200, "{what}: {route}");
        }
        assert!(fs::read_to_string(newsroom.path("log")).expect("a log").contains(said), "{what}");
        assert!(daemon.stop());
    }
    // It is there again, without the story.
    fs::remove_dir_all(&content).expect("there");
    fs::rename(newsroom.path("away"), &content).expect("movable");
    fs::rename(content.join("ships/story.md"), newsroom.path("story.md")).expect("movable");
    let Some(daemon) = serve_held_back(&newsroom, "content that is there again") else { return };
    for route in ["/", "/ships/rss.xml", "/tags/sea/feed.json", "/feeds.opml"] {
        assert_eq!(daemon.get(route, &[]).status, 503, "{route}");
    }
    let readiness = daemon.body("/readyz");
    assert!(!readiness.contains("No such file") && !readiness.contains("is empty"), "{readiness}");
    // A file that is back shows them again, also where nobody waited for it.
    fs::rename(newsroom.path("story.md"), content.join("ships/story.md")).expect("movable");
    daemon.wait("it is shown", |daemon| daemon.get("/ships/rss.xml", &[]).status == 200);
    // And what goes while the articles are still read.
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
    let told = newsroom.dateline(&["retract", "content/ships/story.md"]);
    assert_eq!(told.status.code(), Some(0), "{}", crate::newsroom::said(&told));
    assert_eq!(statuses(&daemon), [503, 503, 503, 503, 200]);
    drop(daemon);
    permit(&newsroom.path("content"), 0o755);
}

/// Of lists that cannot be trusted nothing is served, and nobody is harmed.
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

/// What happens to one of a few files.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Write { path: usize, section: bool, withheld: bool },
    Remove(usize),
    Rename(usize, usize),
    Touch(usize),
}

const PATHS: [&str; 6] = ["a/one.md", "a/two.md", "b/one.md", "b/two.md", "c/one.md", "top.md"];

fn happening() -> impl Strategy<Value = Happening> {
    let path = 0..PATHS.len();
    prop_oneof![
        3 => (path.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(path, section, withheld)| Happening::Write { path, section, withheld }),
        1 => path.clone().prop_map(Happening::Remove),
        1 => (path.clone(), path.clone()).prop_map(|(from, to)| Happening::Rename(from, to)),
        1 => path.prop_map(Happening::Touch),
    ]
}

/// A newsroom whose every version of a file has a word of its own.
struct Words {
    newsroom: Newsroom,
    written: usize,
    /// The words that readers may see now, by file.
    public: BTreeMap<usize, String>,
}

impl Words {
    fn happen(&mut self, happening: Happening) {
        let file = |path: usize| self.newsroom.path(&format!("content/{}", PATHS[path]));
        match happening {
            Happening::Write { path, section, withheld } => {
                self.written += 1;
                let word = format!("word{}end", self.written);
                let section = if section { "sections: [c]\ntags: [tide]\n" } else { "" };
                let draft = if withheld { "draft: true\n" } else { "" };
                let text = format!("---\ntitle: {word}\ndate: 2026-11-20\n{section}{draft}---\n\nIt is {word}.\n");
                self.newsroom.write(&format!("content/{}", PATHS[path]), text);
                self.public.remove(&path);
                self.public.extend((!withheld).then_some((path, word)));
            }
            Happening::Remove(path) => {
                drop(fs::remove_file(file(path)));
                self.public.remove(&path);
            }
            Happening::Rename(from, to) if from != to && file(from).exists() => {
                fs::create_dir_all(file(to).parent().expect("below the content")).expect("writable");
                fs::rename(file(from), file(to)).expect("movable");
                self.public.remove(&to);
                let word = self.public.remove(&from);
                self.public.extend(word.map(|word| (to, word)));
            }
            Happening::Touch(path) if file(path).exists() => {
                let file = fs::File::options().write(true).open(file(path)).expect("there");
                file.set_modified(SystemTime::UNIX_EPOCH).expect("settable");
            }
            Happening::Rename(..) | Happening::Touch(_) => {}
        }
    }
}

/// Whatever happens before the end, at it and after it: what the last run published says nothing that no public file says now.
#[test]
fn saved_documents_show_only_public_versions() {
    let cases = std::env::var("RESTART_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(6);
    let mut runner =
        TestRunner::new(Cases { cases, failure_persistence: None, max_shrink_iters: 20, ..Cases::default() });
    let happenings = |most| proptest::collection::vec(happening(), 0..most);
    let none = || Just(Vec::new());
    let history = prop_oneof![
        4 => (happenings(12), happenings(6), happenings(6), any::<bool>()),
        1 => (happenings(12), none(), none(), Just(false)),
    ];
    let run = runner.run(&history, |(before, at_the_end, meanwhile, is_killed)| {
        let newsroom = Newsroom::new();
        newsroom.write("config/dateline.toml", sections(&["a", "b", "c"]));
        let mut words = Words { newsroom, written: 0, public: BTreeMap::new() };
        before.into_iter().for_each(|happening| words.happen(happening));
        let daemon = words.newsroom.serve();
        let routes: Vec<String> = ["", "a/", "b/", "c/", "tags/tide/"]
            .iter()
            .flat_map(|folder| DOCUMENTS.map(|document| format!("/{folder}{document}")))
            .collect();
        let is_there = |route: &&String| daemon.get(route, &[]).status == 200;
        let is_quiet = at_the_end.is_empty() && meanwhile.is_empty() && !is_killed;
        let expected = is_quiet.then(|| routes.iter().filter(is_there).count());
        at_the_end.into_iter().for_each(|happening| words.happen(happening));
        if is_killed {
            drop(daemon);
        } else {
            assert!(daemon.stop());
        }
        meanwhile.into_iter().for_each(|happening| words.happen(happening));
        let Some(daemon) = serve_held_back(&words.newsroom, "what public files say") else { return Ok(()) };
        let mut shown = 0;
        for route in &routes {
            let response = daemon.get(route, &[]);
            prop_assert!([200, 503].contains(&response.status), "{response:?}");
            shown += usize::from(response.status == 200);
            for said in response.text().split("word").skip(1).filter_map(|rest| Some(rest.split_once("end")?.0)) {
                let is_public = words.public.values().any(|word| *word == format!("word{said}end"));
                let is_word = said.parse::<usize>().is_ok();
                prop_assert!(is_public || !is_word, "{route} says {said}, and only {:?} are public", words.public);
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
