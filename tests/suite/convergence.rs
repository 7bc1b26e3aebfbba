//! After any history, the daemon serves byte for byte what a fresh build with the same ledger and files produces.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};

use crate::newsroom::{CONFIG, Daemon, Newsroom, article, files};

/// Far longer than any history takes to be published.
const PATIENCE: Duration = Duration::from_secs(15);

/// A change of files or configuration. All files parse afterwards.
#[derive(Clone, Debug)]
enum Happening {
    Write { path: usize, title: u8, day: u8, extra: u8 },
    WriteInPlace { path: usize, title: u8 },
    Remove(usize),
    Rename(usize, usize),
    RenameFolder(usize, usize),
    Reload(u8),
}

const PATHS: [&str; 8] = [
    "news/a.md",
    "news/b.md",
    "news/chips/a.md",
    "news/chips/deep/c.md",
    "sport/a.md",
    "sport/d.md",
    "top.md",
    "科技/案例/e.md",
];
const FOLDERS: [&str; 4] = ["news", "sport", "news/chips", "moved"];

fn happening() -> impl Strategy<Value = Happening> {
    let path = 0..PATHS.len();
    prop_oneof![
        4 => (path.clone(), 0..6u8, 1..20u8, any::<u8>()).prop_map(|(path, title, day, extra)| Happening::Write { path, title, day, extra }),
        1 => (path.clone(), 0..6u8).prop_map(|(path, title)| Happening::WriteInPlace { path, title }),
        2 => path.clone().prop_map(Happening::Remove),
        2 => (path.clone(), path).prop_map(|(from, to)| Happening::Rename(from, to)),
        1 => (0..FOLDERS.len(), 0..FOLDERS.len()).prop_map(|(from, to)| Happening::RenameFolder(from, to)),
        1 => (0..4u8).prop_map(Happening::Reload),
    ]
}

fn text(title: u8, day: u8, extra: u8) -> String {
    let mut keys = format!("title: Story {title}\ndate: 2026-11-{day:02} 10:00\n");
    if extra & 1 > 0 {
        keys += "tags: [tide, Tide, harbour]\n";
    }
    if extra & 2 > 0 {
        keys += "slug: same-slug\n";
    }
    if extra & 4 > 0 {
        keys += "section: news/chips\n";
    }
    if extra & 8 > 0 {
        keys += "id: tag:courier.example,2026:explicit\n";
    }
    if extra & 16 > 0 {
        keys += "sections: [sport]\nauthors: [Ada, Bo]\n";
    }
    if extra & 32 > 0 {
        keys += "draft: true\n";
    }
    if extra & 64 > 0 {
        keys += "feeds: false\n";
    }
    format!("---\n{keys}---\n\nBody of {title} with ![a picture](p.png).\n")
}

fn happen(newsroom: &Newsroom, happening: &Happening) {
    let content = |path: &str| newsroom.path(&format!("content/{path}"));
    // Impossible changes, such as removing a missing file, are skipped.
    match happening {
        Happening::Write { path, title, day, extra } => {
            newsroom.write(&format!("content/{}", PATHS[*path]), text(*title, *day, *extra))
        }
        Happening::WriteInPlace { path, title } => {
            if content(PATHS[*path]).exists() {
                fs::write(content(PATHS[*path]), article(&format!("In place {title}"), "Written slowly."))
                    .expect("writable");
            }
        }
        Happening::Remove(path) => drop(fs::remove_file(content(PATHS[*path]))),
        Happening::Rename(from, to) => {
            if content(PATHS[*from]).exists() {
                fs::create_dir_all(content(PATHS[*to]).parent().expect("below content")).expect("writable");
                fs::rename(content(PATHS[*from]), content(PATHS[*to])).expect("writable");
            }
        }
        Happening::RenameFolder(from, to) => drop(fs::rename(content(FOLDERS[*from]), content(FOLDERS[*to]))),
        Happening::Reload(which) => {
            let extra = match which {
                0 => "",
                1 => "\n[[section]]\npath = \"sport\"\n",
                2 => "\n[feeds]\nmax_items = 2\n",
                _ => {
                    "\n[[section]]\npath = \"mixed\"\ninclude = [\"**\"]\nexclude = [\"news/chips\"]\ntags = { any = [\"TIDE\"] }\n"
                }
            };
            let before = fs::read_to_string(newsroom.path("config/dateline.toml")).expect("it is there");
            newsroom.write("config/dateline.toml", config(before.contains(ELSEWHERE), extra));
        }
    }
}

const ELSEWHERE: &str = "article_url = \"https://courier.example/{section}/{slug}/\"\n";

/// A configuration with more keys. `elsewhere`: article pages are on another site.
fn config(elsewhere: bool, extra: &str) -> String {
    let elsewhere = if elsewhere { ELSEWHERE } else { "" };
    CONFIG.replace("[content]\n", &format!("[content]\n{elsewhere}")) + extra
}

/// The documents that differ from a fresh build.
pub(crate) fn differences(daemon: &Daemon, fresh: &BTreeMap<String, Vec<u8>>) -> Vec<String> {
    let served = |name: &String| {
        let path: String =
            name.split('/').map(|segment| format!("/{}", dateline::encoding::encode_segment(segment))).collect();
        daemon.get(&path, &[])
    };
    fresh.iter().filter(|(name, bytes)| served(name).body != **bytes).map(|(name, _)| name.clone()).collect()
}

#[test]
fn any_history_equals_fresh_build() {
    // Cases are few, since each runs a daemon over real files; `.ci/full` asks for more.
    let cases = std::env::var("CONVERGENCE_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(8);
    let mut runner =
        TestRunner::new(Cases { cases, failure_persistence: None, max_shrink_iters: 20, ..Cases::default() });
    let histories = proptest::collection::vec(happening(), 5..40);
    let run = runner.run(&histories, |history| {
        let newsroom = Newsroom::new();
        fs::create_dir_all(newsroom.path("feeds")).expect("writable");
        newsroom.write("config/dateline.toml", config(history.len() % 2 == 0, ""));
        let daemon = newsroom.serve();
        history.iter().for_each(|happening| happen(&newsroom, happening));
        let started = Instant::now();
        loop {
            // The fresh build uses the daemon's ledger.
            let build = newsroom.build("fresh");
            prop_assert_ne!(build.status.code(), Some(1), "{}", String::from_utf8_lossy(&build.stderr));
            let fresh = files(&newsroom.path("fresh"));
            let served = differences(&daemon, &fresh);
            let written = files(&newsroom.path("feeds")) != fresh;
            if served.is_empty() && !written {
                break;
            }
            let log = || fs::read_to_string(newsroom.path("log")).unwrap_or_default();
            prop_assert!(
                started.elapsed() < PATIENCE,
                "served otherwise: {served:?}; files otherwise: {written}\n{}\nserved: {}\nfresh: {}\nfiles: {:?}",
                log(),
                daemon.body("/feed.json"),
                String::from_utf8_lossy(&fresh["feed.json"]),
                files(&newsroom.path("content")).keys()
            );
        }
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
}
