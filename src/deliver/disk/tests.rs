use std::collections::{BTreeSet, HashMap};
use std::os::unix::fs::symlink;
use std::process::Command;
use std::sync::{LazyLock, Mutex};

use tempfile::TempDir;

use super::*;
use crate::feed::Format;
use crate::ledger::archive::{Archive, ArchiveName};
use crate::snapshot::{BuiltDocument, FeedArchives, PublishedArchive, ResourceKind};
use crate::types::EntryId;

fn rss(generator: &str, address: &str, text: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><rss><channel><generator>{generator}</generator>\
         <atom:link href=\"{address}\" rel=\"self\" type=\"application/rss+xml\"/><title>{text}</title></channel></rss>"
    )
}

fn json(address: &str, text: &str) -> String {
    format!("{{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"{text}\",\"feed_url\":\"{address}\"}}")
}

fn opml(text: &str) -> String {
    format!("<opml version=\"2.0\"><head><title>{text}</title></head></opml>")
}

const RSS: &str = "https://courier.example/rss.xml";
const JSON: &str = "https://courier.example/feed.json";

/// The bytes of all documents.
static BYTES: LazyLock<Mutex<HashMap<ContentHash, Bytes>>> = LazyLock::new(Mutex::default);

fn document(kind: ResourceKind, text: &str) -> Option<Arc<Resource>> {
    let BuiltDocument { resource, bytes } = BuiltDocument::new(kind, text.as_bytes().to_vec(), None, 60);
    BYTES.lock().expect("no panic").insert(resource.hash, bytes);
    Some(resource)
}

fn disk(directory: PathBuf, state: &Path) -> Disk {
    let read = |_: &str, resource: &Arc<Resource>| Ok(BYTES.lock().expect("no panic")[&resource.hash].clone());
    Disk::new(directory, state).with_reader(Box::new(read))
}

/// A version of a newsroom's documents.
fn documents(text: &str) -> Delivery {
    let document = |route: &str, kind, text: String| (Arc::from(route), document(kind, &text));
    Delivery {
        generation: 1,
        documents: vec![
            document("rss.xml", ResourceKind::Feed(Format::Rss), rss("dateline", RSS, text)),
            document("feed.json", ResourceKind::Feed(Format::Json), json(JSON, text)),
            document("feeds.opml", ResourceKind::Opml, opml(text)),
            document("news/rss.xml", ResourceKind::Feed(Format::Rss), rss("dateline", "https://x.example/", text)),
        ],
        complete: true,
        withheld: BTreeSet::new(),
        recorded: BTreeMap::new(),
        archives: imbl::HashMap::new(),
    }
}

fn none() -> Delivery {
    Delivery { documents: Vec::new(), ..documents("") }
}

fn foreign(outcome: &Outcome) -> BTreeSet<String> {
    let problems = outcome.problems.iter().inspect(|problem| assert_eq!(problem.code, Code::OutputForeign));
    let files = problems.filter_map(|problem| problem.place.as_ref().map(|place| place.file.to_string()));
    files.map(|file| file.rsplit('/').next().unwrap_or_default().to_owned()).collect()
}

struct Output(TempDir);

impl Output {
    fn new() -> Output {
        Output(tempfile::tempdir().expect("a scratch directory"))
    }

    fn disk(&self) -> Disk {
        disk(self.path("feeds"), &self.path("state"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.path(name).parent().expect("below")).expect("writable");
        fs::write(self.path(name), text).expect("writable");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

#[test]
fn only_datelines_own_unlisted_files_are_replaced() {
    for (name, file, text, is_ours) in [
        ("another JSON Feed", "feed.json", json("https://elsewhere.example/feed.json", "Mine"), false),
        ("a JSON Feed at the same address", "feed.json", json(JSON, "Mine"), false),
        (
            "a JSON Feed without an address",
            "feed.json",
            "{\"version\":\"https://jsonfeed.org/version/1\"}".into(),
            false,
        ),
        ("the same JSON Feed", "feed.json", json(JSON, "New"), true),
        ("another OPML", "feeds.opml", opml("Mine"), false),
        ("the same OPML", "feeds.opml", opml("New"), true),
        ("another tool's RSS", "rss.xml", rss("Hugo", RSS, "Mine"), false),
        (
            "dateline's RSS of another site",
            "rss.xml",
            rss("dateline", "https://elsewhere.example/rss.xml", "Mine"),
            false,
        ),
        ("dateline's RSS", "rss.xml", rss("dateline", RSS, "Old"), true),
        ("an empty file", "rss.xml", String::new(), false),
        ("no text", "rss.xml", "\u{0}\u{1}".into(), false),
    ] {
        let output = Output::new();
        output.write(&format!("feeds/{file}"), &text);
        let outcome = output.disk().deliver(&documents("New"));
        assert_eq!(foreign(&outcome).contains(file), !is_ours, "{name}: {:?}", outcome.problems);
        assert_eq!(output.read(&format!("feeds/{file}")) == text, !is_ours || text.contains("New"), "{name}");
        assert_eq!(outcome.written + outcome.unchanged, 4 - usize::from(!is_ours), "{name}: the others are written");
        output.disk().deliver(&none());
        assert_eq!(output.path(&format!("feeds/{file}")).exists(), !is_ours, "{name}: only dateline's are removed");
    }
}

/// The manifest is lost. The ledger has recorded one version of each document.
#[test]
fn recorded_versions_are_replaced_without_manifest() {
    let hash = |delivery: &Delivery| {
        let documents = delivery.documents.iter().filter_map(|(route, document)| Some((route, document.as_ref()?)));
        documents.map(|(route, document)| (Arc::clone(route), document.hash)).collect()
    };
    for (name, recorded, edited, foreigners) in [
        ("the written version", "Old", None, vec![]),
        ("the written version, and one file was edited", "Old", Some(json(JSON, "Mine")), vec!["feed.json"]),
        ("an earlier version", "Older", None, vec!["feed.json", "feeds.opml"]),
    ] {
        let output = Output::new();
        assert_eq!(output.disk().deliver(&documents("Old")).written, 4);
        fs::remove_file(output.path("feeds/.dateline")).expect("writable");
        edited.iter().for_each(|text| output.write("feeds/feed.json", text));
        let recorded = hash(&documents(recorded));
        let outcome = output.disk().deliver(&Delivery { recorded, ..documents("New") });
        let expected = foreigners.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(foreign(&outcome), expected, "{name}: {:?}", outcome.problems);
        let warns = |problem: &Diagnostic| problem.message.contains("may show articles that are withheld");
        assert_eq!(outcome.problems.iter().any(warns), foreigners.contains(&"feed.json"), "{name}");
        assert_eq!(output.read("feeds/feed.json").contains("New"), foreigners.is_empty(), "{name}");
    }
    // Documents that are no longer published are removed as well.
    let output = Output::new();
    output.disk().deliver(&documents("Old"));
    fs::remove_file(output.path("feeds/.dateline")).expect("writable");
    let outcome = output.disk().deliver(&Delivery { recorded: hash(&documents("Old")), ..none() });
    assert_eq!((outcome.removed, outcome.problems), (4, vec![]));
}

#[test]
fn nothing_is_written_or_removed_through_links() {
    for is_listed in [false, true] {
        let output = Output::new();
        if is_listed {
            output.disk().deliver(&documents("Old"));
            fs::rename(output.path("feeds/news"), output.path("elsewhere")).expect("writable");
        } else {
            output.write("elsewhere/mine", "Mine");
            fs::create_dir_all(output.path("feeds")).expect("writable");
        }
        symlink("../elsewhere", output.path("feeds/news")).expect("writable");
        let before = fs::read(output.path("elsewhere/rss.xml")).ok();
        let mut disk = output.disk();
        let outcome = disk.deliver(&documents("New"));
        assert_eq!(foreign(&outcome), ["rss.xml".to_owned()].into(), "{:?}", outcome.problems);
        let message = &outcome.problems[0].message;
        assert!(message.contains("feeds/news` is a symbolic link"), "{message}");
        let stale = disk.deliver(&none());
        assert_eq!(foreign(&stale).len(), usize::from(is_listed), "{:?}", stale.problems);
        assert_eq!(fs::read(output.path("elsewhere/rss.xml")).ok(), before);
    }
    // The output directory itself may be a link.
    let output = Output::new();
    fs::create_dir_all(output.path("elsewhere")).expect("writable");
    symlink("elsewhere", output.path("feeds")).expect("writable");
    assert_eq!(output.disk().deliver(&documents("New")).problems, vec![]);
    assert!(output.read("elsewhere/news/rss.xml").contains("New"));
}

#[test]
fn folders_links_and_pipes_are_not_replaced() {
    let output = Output::new();
    output.write("outside.json", &json(JSON, "Outside"));
    output.write("feeds/rss.xml/mine", "Mine");
    output.write("feeds/news", "Mine");
    symlink(output.path("outside.json"), output.path("feeds/feed.json")).expect("writable");
    let made = Command::new("mkfifo").arg(output.path("feeds/feeds.opml")).status().expect("mkfifo runs");
    assert!(made.success());
    let outcome = output.disk().deliver(&documents("New"));
    assert_eq!(outcome.problems.len(), 4, "{:?}", outcome.problems);
    assert_eq!(foreign(&outcome), ["feed.json", "feeds.opml", "rss.xml"].map(String::from).into());
    assert!(output.path("feeds/feed.json").is_symlink());
    assert_eq!(output.read("outside.json"), json(JSON, "Outside"));
    assert_eq!(output.read("feeds/rss.xml/mine"), "Mine");
    assert_eq!(output.read("feeds/news"), "Mine");
}

#[test]
fn temporary_files_follow_no_links() {
    let output = Output::new();
    output.write("outside", "Mine");
    output.write("feeds/mine", "Mine");
    symlink(output.path("outside"), output.path("feeds/.rss.xml.dateline-new")).expect("writable");
    let outcome = output.disk().deliver(&documents("New"));
    assert_eq!((outcome.written, outcome.problems), (4, vec![]));
    assert_eq!(output.read("outside"), "Mine");
}

#[test]
fn edited_documents_are_not_replaced() {
    for restarts in [false, true] {
        let output = Output::new();
        let mut disk = output.disk();
        assert_eq!(disk.deliver(&documents("Old")).written, 4);
        output.write("feeds/feeds.opml", &opml("Mine"));
        output.write("feeds/feed.json", &json("https://elsewhere.example/", "Mine"));
        output.write("feeds/rss.xml", "");
        if restarts {
            disk = output.disk();
        }
        let outcome = disk.deliver(&documents("New"));
        assert_eq!(foreign(&outcome), ["feed.json", "feeds.opml"].map(String::from).into(), "{:?}", outcome.problems);
        assert_eq!(output.read("feeds/feeds.opml"), opml("Mine"));
        assert!(output.read("feeds/rss.xml").contains("New"), "a file that a power failure emptied is written again");
        let outcome = disk.deliver(&none());
        assert_eq!(foreign(&outcome), ["feed.json", "feeds.opml"].map(String::from).into(), "{:?}", outcome.problems);
        assert_eq!(output.read("feeds/feeds.opml"), opml("Mine"));
        assert!(!output.path("feeds/rss.xml").exists());
        assert_eq!(disk.deliver(&none()).problems, vec![], "reported once: it's somebody else's from now on");
    }
}

#[test]
fn two_processes_share_a_directory() {
    let output = Output::new();
    let mut disks = [output.disk(), output.disk()];
    for (round, who) in [0, 1, 0, 0, 1].into_iter().enumerate() {
        let disk = disks.get_mut(who).expect("one of two");
        let outcome = disk.deliver(&documents(&format!("Version {round}")));
        assert_eq!((outcome.written, outcome.problems), (4, vec![]), "{round}");
    }
}

#[test]
fn manifest_lists_versions_before_they_are_written() {
    let output = Output::new();
    output.disk().deliver(&documents("Old"));
    let seen = Arc::new(Mutex::new(String::new()));
    let (manifest, reader_seen) = (output.path("feeds/.dateline"), Arc::clone(&seen));
    let bytes = json(JSON, "New").into_bytes();
    let new = Resource::new(ResourceKind::Feed(Format::Json), ContentHash::of(&bytes), bytes.len(), None, 60);
    let (old, hash) = (ContentHash::of(json(JSON, "Old").as_bytes()), new.hash);
    let mut disk = output.disk().with_reader(Box::new(move |_, _| {
        *reader_seen.lock().expect("one thread") = fs::read_to_string(&manifest)?;
        Ok(bytes.clone().into())
    }));
    let documents = vec![(Arc::from("feed.json"), Some(Arc::new(new)))];
    disk.deliver(&Delivery { documents, complete: false, ..none() });
    let seen = seen.lock().expect("one thread").clone();
    assert!(seen.contains(&format!("{old} feed.json\n{hash} feed.json\n")), "{seen}");
    assert!(!output.read("feeds/.dateline").contains(&old.to_string()));
    // A process that is killed in between leaves either version.
    output.write("feeds/.dateline", &seen);
    for text in ["Old", "New"] {
        output.write("feeds/feed.json", &json(JSON, text));
        output.write("feeds/.dateline", &seen);
        assert_eq!(output.disk().deliver(&none()).problems, vec![]);
        assert!(!output.path("feeds/feed.json").exists(), "{text}");
    }
}

#[test]
fn manifest_cannot_remove_files_outside() {
    let output = Output::new();
    output.write("outside", "Mine");
    let hash = ContentHash::of(b"Mine");
    let outside = output.path("outside").display().to_string();
    output.write("feeds/.dateline", &format!("{hash} a\n{hash} ../outside\n{hash} {outside}\n"));
    assert_eq!(output.disk().deliver(&none()).problems, vec![]);
    assert_eq!(output.read("outside"), "Mine");
}

#[test]
fn foreign_manifests_are_not_replaced() {
    for text in ["Mine", "\u{0}"] {
        let output = Output::new();
        output.write("feeds/.dateline", text);
        let outcome = output.disk().deliver(&documents("New"));
        assert_eq!(outcome.written, 4);
        assert_eq!(foreign(&outcome), [".dateline".to_owned()].into());
        assert_eq!(output.read("feeds/.dateline"), text);
    }
}

#[test]
fn withheld_document_is_removed_if_replacing_fails() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut disk = disk(folder.path().to_owned(), folder.path());
    let mut deliver = |text: &str, withheld: &[&str]| {
        let document = || document(ResourceKind::Opml, &opml(text));
        let documents = ["a.xml", "b.xml", "c.xml"].map(|path| (path.into(), document())).into();
        let withheld = withheld.iter().map(|path| Arc::from(*path)).collect();
        disk.deliver(&Delivery { documents, complete: false, withheld, ..none() }).problems.len()
    };
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_default();
    assert_eq!(deliver("secret", &[]), 0);
    // No temporary files can be written, and somebody else has replaced one document.
    let blocked = ["a", "b", "c"].map(|name| folder.path().join(format!(".{name}.xml.dateline-new")));
    blocked.iter().for_each(|path| fs::create_dir(path).expect("writable"));
    fs::write(folder.path().join("c.xml"), "theirs").expect("writable");
    assert_eq!(deliver("public", &["b.xml", "c.xml"]), 3);
    assert_eq!([read("a.xml"), read("b.xml"), read("c.xml")], [opml("secret"), String::new(), "theirs".to_owned()]);
    blocked.iter().for_each(|path| fs::remove_dir(path).expect("there"));
    assert_eq!(deliver("public", &[]), 1);
    assert_eq!([read("a.xml"), read("b.xml"), read("c.xml")], [opml("public"), opml("public"), "theirs".to_owned()]);
}

#[test]
fn complete_delivery_removes_only_stale_archives() {
    let output = Output::new();
    let name = ArchiveName::new(3, [&EntryId::minted("tag:courier.example,2026:a".to_owned())]);
    let archive = PublishedArchive { archive: Arc::new(Archive::new(&[1, 3], name)), version: 1 };
    let feed = |is_written| FeedArchives {
        formats: vec![Format::Rss],
        is_written,
        archives: imbl::Vector::unit(archive.clone()),
    };
    let archives = |is_written| imbl::HashMap::unit("/%E7%A7%91/".into(), Arc::new(feed(is_written)));
    let rss = |route: &str, text: &str| {
        let address = format!("https://courier.example/{route}");
        (Arc::from(route), document(ResourceKind::Feed(Format::Rss), &rss("dateline", &address, text)))
    };
    let current = Format::Rss.archive_name(&name.to_string());
    let stale = current.replace("archive-3", "archive-2");
    let written: Vec<_> = [&current, &stale].map(|name| rss(&format!("%E7%A7%91/{name}"), "Archive")).into();
    let mut disk = output.disk();
    disk.deliver(&Delivery { documents: written, complete: false, archives: archives(true), ..none() });
    let are_there = || [&current, &stale].map(|name| output.path("feeds/科").join(name).exists());
    assert_eq!(are_there(), [true, true]);
    disk.deliver(&Delivery { archives: archives(true), ..documents("New") });
    assert_eq!(are_there(), [true, false]);
    let shrunk = vec![(format!("%E7%A7%91/{current}").into(), None)];
    disk.deliver(&Delivery { documents: shrunk, complete: false, archives: archives(true), ..none() });
    assert_eq!(are_there(), [false, false], "an archive that lost a story is removed although it exists");
    disk.deliver(&Delivery {
        documents: vec![rss(&format!("%E7%A7%91/{current}"), "Archive")],
        complete: false,
        archives: archives(true),
        ..none()
    });
    disk.deliver(&Delivery { complete: false, archives: archives(false), ..none() });
    assert_eq!(are_there(), [false, false], "archives aren't files any more");
}
