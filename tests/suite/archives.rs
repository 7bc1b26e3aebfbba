//! Archives over HTTP: the chain of documents in each format, their header fields, and what changes them. Which entries are in which archive
//! is tested by `engine_scripts::archives`.

use std::collections::{BTreeMap, BTreeSet};

use dateline::feed::Format;
use serde_json::Value;

use crate::newsroom::{CONFIG, Daemon, Newsroom, files};

const SITE: &str = "http://feeds.courier.example";

/// A newsroom with stories of several days and small windows.
fn newsroom(stories: u8) -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.write(
        "config/dateline.toml",
        CONFIG.to_owned() + "\n[feeds]\nmax_items = 3\nmin_items = 1\nmin_residency = \"0s\"\n",
    );
    (1..=stories).for_each(|day| write(&newsroom, &format!("s{day}"), day, "first"));
    newsroom
}

fn write(newsroom: &Newsroom, name: &str, day: u8, version: &str) {
    let text = format!(
        "---\ntitle: Story {name}\ndate: 2026-10-{day:02} 10:00\ntags: [tide]\n---\n\nThe {version} text of {name}.\n"
    );
    newsroom.write(&format!("content/news/{name}.md"), text);
}

/// A document of a feed, as a reader sees it.
struct Document {
    path: String,
    text: String,
    /// The relations of its links to itself and to other documents of the feed, in order.
    links: Vec<(String, String)>,
    ids: Vec<String>,
}

impl Document {
    fn read(daemon: &Daemon, path: &str, format: Format) -> Document {
        let response = daemon.get(path, &[]);
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("content-type"), Some(format.content_type()), "{path}");
        let text = response.text();
        let (links, ids) = match format {
            Format::Json => {
                let feed: Value = serde_json::from_str(&text).expect("JSON");
                let links = [("self", "feed_url"), ("prev-archive", "next_url")];
                let links =
                    links.into_iter().filter_map(|(rel, key)| Some((rel.to_owned(), feed[key].as_str()?.to_owned())));
                let items = feed["items"].as_array().expect("items").iter();
                (links.collect(), items.map(|item| item["id"].as_str().expect("an id").to_owned()).collect())
            }
            Format::Rss | Format::Atom => {
                let feed = feed_rs::parser::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{path}: {error}"));
                (links(&text), feed.entries.into_iter().map(|entry| entry.id).collect())
            }
        };
        Document { path: path.to_owned(), text, links, ids }
    }

    /// The path of the document with a relation.
    fn link(&self, rel: &str) -> Option<&str> {
        let found = self.links.iter().find(|(other, _)| other == rel);
        found.map(|(_, url)| url.strip_prefix(SITE).expect("a URL of the site"))
    }
}

/// The links of the head of a document whose target is another document of the feed.
fn links(xml: &str) -> Vec<(String, String)> {
    let head = xml.split("<item>").next().and_then(|head| head.split("<entry>").next()).expect("a head");
    let links = head.split('<').filter(|tag| tag.starts_with("link ") || tag.starts_with("atom:link "));
    let attribute = |tag: &str, name: &str| {
        let value = tag.split(&format!("{name}=\"")).nth(1).and_then(|rest| rest.split('"').next());
        value.unwrap_or_default().to_owned()
    };
    let all = links.map(|tag| (attribute(tag, "rel"), attribute(tag, "href")));
    all.filter(|(rel, _)| rel != "alternate" && rel != "hub").collect()
}

/// The subscription document and the chain of its archives.
fn chain(daemon: &Daemon, feed: &str, format: Format) -> Vec<Document> {
    let mut documents = vec![Document::read(daemon, &format!("{feed}{}", format.file_name()), format)];
    while let Some(previous) = documents.last().and_then(|last| last.link("prev-archive")).map(str::to_owned) {
        documents.push(Document::read(daemon, &previous, format));
    }
    documents
}

fn all_ids(chain: &[Document]) -> BTreeSet<&str> {
    chain.iter().flat_map(|document| document.ids.iter().map(String::as_str)).collect()
}

#[test]
fn archives_follow_rfc_5005() {
    let newsroom = newsroom(8);
    let daemon = newsroom.serve();
    for (feed, format) in ["/", "/news/"].into_iter().flat_map(|feed| Format::ALL.map(|format| (feed, format))) {
        let chain = chain(&daemon, feed, format);
        let [current, head, oldest] = &chain[..] else { panic!("{} documents of {feed} {format:?}", chain.len()) };
        // P-03: each document leads to the archive before it, as long as there is one.
        let id = |day: u8| format!("tag:courier.example,2026:2026-10-{day:02}/news/s{day}");
        assert_eq!(current.ids, [8, 7, 6].map(id));
        assert_eq!(head.ids, [6, 5, 4].map(id));
        assert_eq!(oldest.ids, [3, 2, 1].map(id));
        assert!(oldest.link("prev-archive").is_none());
        for archive in [head, oldest] {
            assert_eq!(archive.link("self"), Some(&*archive.path));
            let is_marked = archive.text.contains("<fh:archive");
            let declares = archive.text.contains("xmlns:fh=\"http://purl.org/syndication/history/1.0\"");
            // P-04, P-06: in XML, archives say what they are, and name the documents around them.
            if format == Format::Json {
                assert!(!is_marked);
            } else {
                assert!(is_marked && declares, "{}", archive.text);
                assert_eq!(archive.link("current"), Some(&*current.path));
            }
            // P-01, P-02: a feed with archives is neither complete nor paged.
            assert!(
                !archive.text.contains("fh:complete")
                    && ["next", "previous"].iter().all(|rel| archive.link(rel).is_none())
            );
        }
        if format != Format::Json {
            assert_eq!((head.link("next-archive"), oldest.link("next-archive")), (None, Some(&*head.path)));
            assert!(current.link("current").is_none() && !current.text.contains("fh:archive"));
        }
        // P-07, J-05: no document leads to itself or to one before it.
        let paths: BTreeSet<&str> = chain.iter().map(|document| &*document.path).collect();
        assert_eq!(paths.len(), chain.len());
        assert_eq!(all_ids(&chain).len(), 8);
    }
}

#[test]
fn archives_have_validators_and_caching_of_feeds() {
    let newsroom = newsroom(8);
    let daemon = newsroom.serve();
    for format in Format::ALL {
        let chain = chain(&daemon, "/news/", format);
        let feed = daemon.get(&chain[0].path, &[]);
        let archive = daemon.get(&chain[1].path, &[]);
        let caching = |name| (feed.header(name).map(str::to_owned), archive.header(name).map(str::to_owned));
        let (of_feed, of_archive) = caching("cache-control");
        let without_age =
            |value: Option<String>| value.map(|value| value.split("max-age=").next().expect("a part").to_owned());
        assert!(
            of_archive.as_ref().is_some_and(|value| value.contains("max-age=") && !value.contains("immutable")),
            "{of_archive:?}"
        );
        assert_eq!(without_age(of_feed), without_age(of_archive));
        assert_eq!(feed.header("vary"), archive.header("vary"));
        let tag = archive.header("etag").expect("an ETag");
        let again = daemon.get(&chain[1].path, &[("If-None-Match", tag)]);
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, Some(tag)));
        assert_eq!(daemon.get(&chain[1].path, &[("If-None-Match", "\"other\"")]).status, 200);
        let compressed = daemon.get(&chain[1].path, &[("Accept-Encoding", "gzip")]);
        assert_eq!(compressed.header("content-encoding"), Some("gzip"));
        assert_ne!(compressed.header("etag"), Some(tag));
        let head = daemon.head(&chain[1].path, &[]);
        assert_eq!((head.status, head.body.len(), head.header("etag")), (200, 0, Some(tag)));
    }
    let path = chain(&daemon, "/news/", Format::Rss)[1].path.clone();
    for other in [path.replace(".rss.xml", ".txt"), path.replace("archive-", "archive-0"), path + "x"] {
        assert_eq!(daemon.get(&other, &[]).status, 404, "{other}");
    }
}

#[test]
fn edits_and_retractions_change_only_their_archive() {
    let newsroom = newsroom(12);
    let daemon = newsroom.serve();
    let tags = |daemon: &Daemon| -> Vec<(String, String)> {
        let chain = chain(daemon, "/news/", Format::Atom);
        let tag = |path: &str| daemon.get(path, &[]).header("etag").expect("an ETag").to_owned();
        chain.iter().map(|document| (document.path.clone(), tag(&document.path))).collect()
    };
    let changed = |before: &[(String, String)], after: &[(String, String)]| -> Vec<usize> {
        assert!(before.iter().map(|(path, _)| path).eq(after.iter().map(|(path, _)| path)), "{before:?} {after:?}");
        let pairs = before.iter().zip(after).enumerate();
        pairs.filter(|(_, (before, after))| before.1 != after.1).map(|(place, _)| place).collect()
    };
    let before = tags(&daemon);
    assert_eq!(before.len(), 4);
    // Story 2 is in the oldest archive.
    write(&newsroom, "s2", 2, "edited");
    daemon.wait("the edit", |daemon| daemon.body(&before[3].0).contains("The edited text of s2."));
    let edited = tags(&daemon);
    assert_eq!(changed(&before, &edited), [3]);
    let retract = newsroom.dateline(&["retract", "news/s5.md", "--reason", "wrong"]);
    assert!(retract.status.success(), "{}", String::from_utf8_lossy(&retract.stderr));
    let withdrawn = daemon.body(&before[2].0);
    assert!(!withdrawn.contains("s5") && withdrawn.contains("s4") && withdrawn.contains("s6"), "{withdrawn}");
    // The subscription document has a notice.
    assert_eq!(changed(&edited, &tags(&daemon)), [0, 2]);
    let restore = newsroom.dateline(&["restore", "news/s5.md"]);
    assert!(restore.status.success(), "{}", String::from_utf8_lossy(&restore.stderr));
    let restored = chain(&daemon, "/news/", Format::Atom);
    // Readers know the archive in which the story was, so it comes back in a new one.
    assert!(!restored.iter().any(|document| document.path == before[2].0 && document.text.contains("s5")));
    let head = &restored[1];
    assert!(head.ids.iter().any(|id| id.ends_with("/s5")) && before.iter().all(|(path, _)| *path != head.path));
    assert_eq!(all_ids(&restored).len(), 12);
}

#[test]
fn archives_survive_restart_and_keep_former_names() {
    let newsroom = newsroom(7);
    let daemon = newsroom.serve();
    let before = chain(&daemon, "/", Format::Json);
    // Older than the window and than everything else.
    newsroom.write("content/news/old.md", "---\ntitle: Old\ndate: 2026-09-01 10:00\n---\n\nOld text.\n");
    daemon.wait("a new head", |daemon| chain(daemon, "/", Format::Json).len() > before.len());
    newsroom.write("content/news/older.md", "---\ntitle: Older\ndate: 2026-08-01 10:00\n---\n\nOlder text.\n");
    let first = chain(&daemon, "/", Format::Json);
    daemon.wait("a larger head", |daemon| chain(daemon, "/", Format::Json)[1].path != first[1].path);
    let second = chain(&daemon, "/", Format::Json);
    assert_eq!(all_ids(&second).len(), 9);
    let former = Document::read(&daemon, &first[1].path, Format::Json);
    assert_eq!(former.ids, first[1].ids, "a name never gains entries");
    assert!(daemon.stop());
    let daemon = newsroom.serve();
    let after = chain(&daemon, "/", Format::Json);
    let texts = |chain: &[Document]| {
        chain.iter().map(|document| (document.path.clone(), document.text.clone())).collect::<Vec<_>>()
    };
    assert_eq!(texts(&after), texts(&second));
    assert_eq!(Document::read(&daemon, &first[1].path, Format::Json).text, former.text);
}

/// The archives below the output directory, by path.
fn archive_files(newsroom: &Newsroom) -> BTreeMap<String, String> {
    let written = files(&newsroom.path("feeds")).into_iter();
    let archives = written.filter(|(path, _)| path.rsplit('/').next().is_some_and(|name| name.starts_with("archive-")));
    archives.map(|(path, bytes)| (path, String::from_utf8(bytes).expect("UTF-8"))).collect()
}

/// Whether the output directory has exactly the archives that the daemon serves.
fn are_files_current(newsroom: &Newsroom, daemon: &Daemon) -> bool {
    let mut served = BTreeMap::new();
    for (feed, format) in ["/", "/news/"].into_iter().flat_map(|feed| Format::ALL.map(|format| (feed, format))) {
        let archives = chain(daemon, feed, format).into_iter().skip(1);
        served.extend(archives.map(|document| (document.path.trim_start_matches('/').to_owned(), document.text)));
    }
    !served.is_empty() && archive_files(newsroom) == served
}

#[test]
fn archives_are_files_if_configured() {
    let newsroom = newsroom(9);
    let config = newsroom.path("config/dateline.toml");
    let text = std::fs::read_to_string(&config).expect("it is there");
    let build = newsroom.build("feeds");
    assert!(build.status.success() && archive_files(&newsroom).is_empty(), "archives are files only if asked");
    let text = text.replace("max_items", "archives = \"files\"\nmax_items");
    // `on` would give tags archives as well.
    let text = text.replace("tags = true\nauthors = true", "tags = false\nauthors = false");
    newsroom.write("config/dateline.toml", &text);
    let build = newsroom.build("feeds");
    assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
    let built = archive_files(&newsroom);
    assert_eq!(built.len(), 2 * 2 * 3, "{:?}", built.keys());
    // A command without a daemon leaves no withdrawn text, and no archive out of date.
    let retract = newsroom.dateline(&["retract", "news/s2.md"]);
    assert!(retract.status.success(), "{}", String::from_utf8_lossy(&retract.stderr));
    let retracted = archive_files(&newsroom);
    assert!(retracted.len() == built.len() && !retracted.values().any(|text| text.contains("text of s2")));
    let daemon = newsroom.serve();
    // The daemon removes the files at its start, and writes them again.
    daemon.wait("the same archives as files", |daemon| {
        are_files_current(&newsroom, daemon) && archive_files(&newsroom) == retracted
    });
    write(&newsroom, "s1", 1, "edited");
    daemon.wait("an edited archive", |daemon| {
        are_files_current(&newsroom, daemon)
            && archive_files(&newsroom).values().any(|text| text.contains("The edited text of s1"))
    });
    let retract = newsroom.dateline(&["retract", "news/s1.md"]);
    assert!(retract.status.success(), "{}", String::from_utf8_lossy(&retract.stderr));
    daemon.wait("archives without the story", |daemon| {
        are_files_current(&newsroom, daemon)
            && !archive_files(&newsroom).values().any(|text| text.contains("text of s1"))
    });
    newsroom.write("content/news/old.md", "---\ntitle: Old\ndate: 2026-09-01 10:00\n---\n\nOld text.\n");
    daemon.wait("a new head", |daemon| {
        are_files_current(&newsroom, daemon) && archive_files(&newsroom).values().any(|text| text.contains("Old text."))
    });
    newsroom.write("config/dateline.toml", text.replace("\"files\"", "\"on\""));
    daemon.wait("no files", |_| archive_files(&newsroom).is_empty());
    assert!(chain(&daemon, "/", Format::Rss).len() > 1);
}

#[test]
fn archives_can_be_switched_off() {
    let newsroom = newsroom(8);
    let config = newsroom.path("config/dateline.toml");
    let text = std::fs::read_to_string(&config).expect("it is there");
    newsroom.write("config/dateline.toml", text.replace("max_items", "archives = \"off\"\nmax_items"));
    let daemon = newsroom.serve();
    assert_eq!(chain(&daemon, "/", Format::Rss).len(), 1);
    newsroom.write("config/dateline.toml", &text);
    daemon.wait("archives", |daemon| chain(daemon, "/", Format::Rss).len() == 3);
    assert_eq!(chain(&daemon, "/tags/tide/", Format::Rss).len(), 1, "tags have archives only if asked");
    newsroom.write("config/dateline.toml", text.replace("max_items", "archives = \"on\"\nmax_items"));
    daemon.wait("archives of a tag", |daemon| chain(daemon, "/tags/tide/", Format::Rss).len() == 3);
}
