//! `dateline pin` writes each article's id into its file, and changes no feed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::process::Output;

use crate::newsroom::{Daemon, Newsroom, article, files};

fn outcome(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{}{}exit {}", text(&output.stdout), text(&output.stderr), output.status.code().unwrap_or(-1))
}

/// ETag, `Last-Modified` and text.
type Document = (Option<String>, Option<String>, String);

/// All documents with their validators.
fn documents(newsroom: &Newsroom, daemon: &Daemon) -> BTreeMap<String, Document> {
    let routes = files(&newsroom.path("feeds")).into_keys();
    routes
        .map(|route| {
            let answer = daemon.get(&format!("/{}", route.replace(' ', "%20")), &[]);
            assert_eq!(answer.status, 200, "{route}");
            let header = |name| answer.header(name).map(str::to_owned);
            (route, (header("etag"), header("last-modified"), answer.text()))
        })
        .collect()
}

/// The names of all files in `content/news`, including hidden files.
fn everything(newsroom: &Newsroom) -> Vec<String> {
    let mut found: Vec<String> = fs::read_dir(newsroom.path("content/news"))
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .collect();
    found.sort();
    found
}

const ID: &str = "tag:courier.example,2026:2026-11-20/news/";

/// GB18030 for 标题 and 正文在这里。
const TITLE: &[u8] = b"\xb1\xea\xcc\xe2";
const TEXT: &[u8] = b"\xd5\xfd\xce\xc4\xd4\xda\xd5\xe2\xc0\xef\xa1\xa3";

#[test]
fn pinning_republishes_nothing() {
    let newsroom = Newsroom::new();
    newsroom.article("news/yaml.md", "Yaml", "Body.  ");
    newsroom.write(
        "content/news/toml.md",
        "+++\r\ntitle = 'Toml'\r\ndate = 2026-11-20\r\n[x]\r\nid = 1\r\n+++\r\nBody.\r\n",
    );
    newsroom.write("content/news/2026-11-20-bare.md", "\u{FEFF}# Bare\n\nBody.\r\n");
    newsroom.write("content/news/undated.md", "# Undated\n\nBody.\n");
    newsroom.write(
        "content/news/page.html",
        "<html>\n<head>\n<title>Page</title>\n<meta name=date content=2026-11-20></head>\n<article><p>Body.</p></article>",
    );
    newsroom.write("content/news/gb.txt", [TITLE, b"\n\n2026-11-20 10:00\n\n", TEXT, b"  \n", TEXT, b"\n"].concat());
    newsroom
        .write("content/news/own.md", article("Own", "Body.").replace("date:", "id: tag:x.example,2026:own\ndate:"));
    let daemon = newsroom.serve();
    // This is the last file to be written.
    daemon.wait("all feeds are files", |_| newsroom.path("feeds/tags/tide/rss.xml").is_file());
    let (before, written) = (documents(&newsroom, &daemon), stamps(&newsroom));
    let old = files(&newsroom.path("content"));

    let dry = newsroom.dateline(&["pin", "--dry-run"]);
    let pinned = newsroom.dateline(&["pin"]);
    assert_eq!(outcome(&dry).replace("would be pinned", "pinned"), outcome(&pinned), "the dry run shows what is done");
    assert_eq!(
        outcome(&pinned),
        format!(
            "content/news/2026-11-20-bare.md  {ID}bare\n     1 + ---\n     2 + id: \"{ID}bare\"\n     3 + ---\n\
             content/news/gb.txt  {ID}gb\n     1 + Id: {ID}gb\n\
             content/news/page.html  {ID}page\n     3 + <meta name=\"dateline-id\" content=\"{ID}page\">\n\
             content/news/toml.md  {ID}toml\n     2 + id = \"{ID}toml\"\n\
             content/news/undated.md  {undated}\n     1 + ---\n     2 + id: \"{undated}\"\n     3 + ---\n\
             content/news/yaml.md  {ID}yaml\n     2 + id: \"{ID}yaml\"\n\
             6 articles pinned, 1 with an id already\nexit 0",
            undated = outcome(&dry).split("undated.md  ").nth(1).and_then(|rest| rest.lines().next()).expect("its id"),
        )
    );
    let new = files(&newsroom.path("content"));
    for (name, old) in &old {
        let new = new.get(name).expect("it stays");
        let lines = |bytes: &[u8]| bytes.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let mut kept = lines(new);
        let marked = old.starts_with("\u{FEFF}".as_bytes());
        match (name.as_str(), marked) {
            ("news/own.md", _) => {}
            (_, true) => assert_eq!(kept.drain(..3).map(|line| line.len()).sum::<usize>(), new.len() - old.len() + 3),
            ("news/undated.md", _) => drop(kept.drain(..3)),
            ("news/gb.txt", _) => drop(kept.remove(0)),
            ("news/page.html", _) => drop(kept.remove(2)),
            ("news/toml.md", _) => assert!(kept.remove(1).ends_with(b"\"\r\n"), "the file's line end"),
            _ => drop(kept.remove(1)),
        }
        assert_eq!(kept.concat(), old.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(old), "{name}");
        assert!(!marked || new.starts_with("\u{FEFF}---\n".as_bytes()), "the mark stays first");
    }

    // Once the daemon shows this later article, it has processed the pinned files.
    newsroom.write("content/other.md", "---\ntitle: Later\ndate: 2026-11-10\nfeeds: false\n---\nBody.\n");
    let explained = outcome(&newsroom.dateline(&["explain", "content/other.md"]));
    let link =
        explained.split("http://feeds.courier.example").nth(1).and_then(|rest| rest.lines().next()).expect("its page");
    daemon.wait("its page is there", |daemon| daemon.get(link, &[]).status == 200);
    let after = documents(&newsroom, &daemon);
    assert!(before.len() > 10 && before.keys().eq(after.keys()), "{:?}, {:?}", before.keys(), after.keys());
    for (route, before) in &before {
        assert_eq!(after.get(route), Some(before), "{route}: same bytes, same validators");
    }
    assert_eq!(stamps(&newsroom), written, "no file was delivered again");
    assert!(daemon.stop());

    // Even without the state, the ids are the same.
    fs::remove_dir_all(newsroom.path(".dateline")).expect("there");
    fs::rename(newsroom.path("content/news/yaml.md"), newsroom.path("content/renamed.md")).expect("movable");
    let daemon = newsroom.serve();
    let feed = daemon.body("/feed.json");
    for name in ["bare", "gb", "page", "toml", "yaml"] {
        assert!(feed.contains(&format!("\"{ID}{name}\"")), "{name} in {feed}");
    }
}

/// The inode and modification time of each feed file.
fn stamps(newsroom: &Newsroom) -> BTreeMap<String, (u64, i64, i64)> {
    let names = files(&newsroom.path("feeds")).into_keys();
    names
        .map(|name| {
            let metadata = fs::metadata(newsroom.path("feeds").join(&name)).expect("there");
            (name, (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()))
        })
        .collect()
}

#[test]
fn pinning_keeps_modes_and_links() {
    let newsroom = Newsroom::new();
    newsroom.write("content/news/_store", article("Linked", "Body."));
    symlink("_store", newsroom.path("content/news/linked.md")).expect("possible");
    newsroom.article("news/private.md", "Private", "Body.");
    let private = newsroom.path("content/news/private.md");
    fs::set_permissions(&private, fs::Permissions::from_mode(0o604)).expect("ours");
    // If the test may change the owner of files, the owner is kept.
    drop(chown(&private, Some(12), Some(12)));
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    let before = everything(&newsroom);
    let owner = |metadata: fs::Metadata| (metadata.uid(), metadata.gid(), metadata.permissions().mode() & 0o7777);
    let owned = owner(fs::metadata(&private).expect("there"));

    // A path relative to the content directory, and an absolute one.
    let absolute = newsroom.path("content/news/private.md");
    let pinned = outcome(&newsroom.dateline(&["pin", "news/linked.md", absolute.to_str().expect("UTF-8")]));
    assert!(pinned.contains("content/news/linked.md  ") && pinned.ends_with("2 articles pinned\nexit 0"), "{pinned}");
    assert_eq!(everything(&newsroom), before);
    assert_eq!(owner(fs::metadata(&private).expect("there")), owned);
    let link = newsroom.path("content/news/linked.md");
    assert_eq!(fs::read_link(&link).expect("still a link").to_str(), Some("_store"));
    assert!(fs::read_to_string(&link).expect("there").contains(&format!("id: \"{ID}linked\"\n")));
}

#[test]
fn unpinnable_files_are_left_alone() {
    let newsroom = Newsroom::new();
    newsroom.article("news/broken.md", "Broken", "Body.");
    newsroom.write("content/news/braces.md", "---\n{title: Braces, date: 2026-11-20}\n---\nBody.\n");
    newsroom.article("news/good.md", "Good", "Body.");
    newsroom.article("news/twice.md", "Twice", "Body.");
    fs::hard_link(newsroom.path("content/news/twice.md"), newsroom.path("content/news/twin.md")).expect("possible");
    newsroom.write("content/elsewhere", "x");
    assert_eq!(newsroom.dateline(&["build"]).status.code(), Some(0));
    newsroom.write("content/news/broken.md", "---\ntitle: Broken\n");
    newsroom.article("news/fresh.md", "Fresh", "Body.");
    let before = files(&newsroom.path("content"));

    let pinned = outcome(&newsroom.dateline(&["pin"]));
    for part in [
        "broken.md is left alone: it cannot be read as an article: the front matter is not closed",
        "braces.md is left alone: its front matter is in braces",
        "twice.md is left alone: this file is content/news/twin.md as well",
        "twin.md is left alone: this file is content/news/twice.md as well",
        &format!("content/news/good.md  {ID}good\n"),
        "1 article pinned, 1 not published yet, 4 left alone\n",
        "exit 2",
    ] {
        assert!(pinned.contains(part), "no `{part}` in\n{pinned}");
    }
    let after = files(&newsroom.path("content"));
    let changed: Vec<&String> =
        after.iter().filter(|(name, bytes)| before.get(*name) != Some(bytes)).map(|(name, _)| name).collect();
    assert_eq!(changed, ["news/good.md"]);

    symlink("../../config/dateline.toml", newsroom.path("content/news/outside.md")).expect("possible");
    for (article, reason) in [
        ("content/news/fresh.md", "not published yet"),
        ("content/news/nothing.md", "there is no such article in content"),
        ("content/news/outside.md", "a link to a file outside the content directory"),
        ("content/elsewhere", "not a file that dateline reads as an article"),
        ("config/dateline.toml", "there is no such article in content"),
    ] {
        let outcome = outcome(&newsroom.dateline(&["pin", article]));
        assert!(outcome.contains(reason) && outcome.ends_with("exit 2"), "{article}: {outcome}");
    }
    // An unreadable directory or ledger is a failure, not a refusal.
    fs::rename(newsroom.path("content"), newsroom.path("gone")).expect("movable");
    let gone = outcome(&newsroom.dateline(&["pin"]));
    assert!(gone.contains("folder-unreadable") && gone.ends_with("exit 1"), "{gone}");
    fs::write(newsroom.path(".dateline/ledger.sqlite"), b"This is no database. ".repeat(60)).expect("writable");
    assert!(outcome(&newsroom.dateline(&["pin"])).ends_with("exit 1"));
}
