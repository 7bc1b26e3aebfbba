//! Tests with articles over which dateline panics on purpose, see `entries::FAILS` and `feed::FAILS`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::article::Parsed;
use crate::config::{self, Checked};
use crate::engine::Engine;
use crate::engine::entries::FAILS as FAILS_TO_RENDER;
use crate::event::{Effect, Event, FetchedBody, FileState, ListedDirectory, Listing, ParsedFile};
use crate::feed::FAILS as FAILS_TO_ENCODE;
use crate::snapshot::Snapshot;
use crate::types::ContentHash;

/// An engine with its files and the latest snapshot.
struct Harness {
    engine: Engine,
    checked: Checked,
    second: i64,
    snapshot: Arc<Snapshot>,
    documents: HashMap<ContentHash, Bytes>,
    texts: BTreeMap<ArticlePath, String>,
}

fn checked(more: &str) -> Checked {
    let toml = format!(
        "[site]\ntitle = \"Courier{more}\"\nurl = \"https://c.example/\"\nlanguage = \"en\"\ntag_authority = \"c.example,2026\"\n\
         [[section]]\npath = \"news\"\n[[section]]\npath = \"sport\"\n"
    );
    config::parse(Path::new("c.toml"), toml.as_bytes())
}

impl Harness {
    fn new(files: &[(&str, &str)]) -> Harness {
        let checked = checked("");
        let mut harness = Harness {
            engine: Engine::new(),
            checked: checked.clone(),
            second: 1_800_000_000,
            snapshot: Arc::default(),
            documents: HashMap::new(),
            texts: BTreeMap::new(),
        };
        harness.handle(Event::Config(checked));
        files.iter().for_each(|(path, body)| harness.write(path, body));
        let folder = |path: &str| ListedDirectory { path: path.into(), unreadable: None };
        harness.handle(Event::Rescan(Listing {
            scope: String::new(),
            directories: ["", "news", "sport"].map(folder).into(),
            files: files.iter().map(|(path, _)| ArticlePath::new(path)).collect(),
            links: Vec::new(),
            is_whole: true,
            doubtful: false,
            limited: None,
        }));
        harness
    }

    fn handle(&mut self, event: Event) {
        self.second += 1;
        let now = jiff::Timestamp::from_second(self.second).unwrap();
        for effect in self.engine.handle(event, now) {
            match effect {
                Effect::Resume => self.handle(Event::Resume),
                Effect::Store(built) => {
                    self.documents.extend(built.into_iter().map(|document| (document.resource.hash, document.bytes)));
                }
                Effect::Swap(snapshot) => self.snapshot = snapshot,
                Effect::Fetch(requests) => {
                    let bodies = requests.into_iter().map(|request| {
                        let article = self.parsed(&request.path).article;
                        let source = article.as_ref().and_then(|article| article.source.clone());
                        FetchedBody { request, article, rendered: None, source }
                    });
                    let bodies = bodies.collect();
                    self.handle(Event::Fetched(bodies));
                }
                _ => {}
            }
        }
    }

    fn parsed(&self, path: &ArticlePath) -> Parsed {
        let text = self.texts[path].as_bytes();
        let mut parsed = crate::article::parse(path, text, &self.checked.config.as_ref().unwrap().parsing);
        if let Some(article) = &mut parsed.article {
            article.source = Some(text.into());
        }
        parsed
    }

    fn write(&mut self, path: &str, body: &str) {
        self.write_with(path, "", body);
    }

    fn write_with(&mut self, path: &str, more: &str, body: &str) {
        let title = body.split(' ').next().unwrap();
        let text = format!("---\ntitle: {title}\ndate: 2026-11-20\nsummary: S.\n{more}---\n\n{body}\n");
        let path = ArticlePath::new(path);
        self.texts.insert(path.clone(), text);
        let parsed = self.parsed(&path);
        self.handle(Event::Files(vec![ParsedFile { path, state: FileState::Present(parsed), renamed_from: None }]));
    }

    fn remove(&mut self, path: &str) {
        let state = FileState::Absent { doubtful: false };
        self.handle(Event::Files(vec![ParsedFile { path: ArticlePath::new(path), state, renamed_from: None }]));
        self.second += 3_600;
        self.handle(Event::Tick);
    }

    /// The versions that a feed shows, by their titles, in alphabetical order.
    fn shown(&self, feed: &str) -> String {
        let bytes = &self.documents[&self.snapshot.documents[feed].hash];
        let text = String::from_utf8_lossy(bytes).into_owned();
        let titles = text.split("<title>").skip(1).filter_map(|rest| rest.split('<').next());
        let mut titles: Vec<&str> = titles.filter(|title| title.starts_with("v")).collect();
        titles.sort_unstable();
        titles.join(" ")
    }

    /// The files over which dateline panicked.
    fn failures(&self) -> String {
        let problems = self.snapshot.report.problems.iter();
        let failed = problems.filter(|problem| problem.message.contains("dateline failed to process this file"));
        failed.filter_map(|problem| Some(problem.place.as_ref()?.file.to_string())).collect::<Vec<_>>().join(" ")
    }
}

#[test]
fn failing_version_costs_its_own_update_only() {
    for fails in [FAILS_TO_RENDER, FAILS_TO_ENCODE] {
        let mut harness =
            Harness::new(&[("news/a.md", "va1 text"), ("news/b.md", "vb1 text"), ("sport/c.md", "vc1 text")]);
        assert_eq!((harness.shown("/rss.xml"), harness.failures()), ("va1 vb1 vc1".into(), String::new()));

        harness.write("news/a.md", &format!("va2 {fails}"));
        assert_eq!(harness.shown("/rss.xml"), "va1 vb1 vc1", "{fails}: the version before stays");
        assert!(harness.failures().ends_with("/news/a.md"), "{}", harness.failures());

        harness.write("news/b.md", "vb2 text");
        harness.write("news/new.md", &format!("vn1 {fails}"));
        harness.write("sport/d.md", "vd1 text");
        assert_eq!(harness.shown("/rss.xml"), "va1 vb2 vc1 vd1", "{fails}: other articles are published");
        assert_eq!(
            (harness.shown("/news/atom.xml"), harness.shown("/sport/atom.xml")),
            ("va1 vb2".into(), "vc1 vd1".into())
        );
        assert_eq!(harness.failures().split(' ').count(), 2);

        // The same version again, after a touch or a reload, is not reported again.
        harness.write("news/a.md", &format!("va2 {fails}"));
        let renamed = checked(" renamed");
        harness.handle(Event::Config(renamed));
        assert_eq!(harness.shown("/rss.xml"), "va1 vb2 vc1 vd1", "{fails}");
        assert_eq!(harness.failures().split(' ').count(), 2);

        harness.write("news/a.md", "va3 text");
        harness.write("news/new.md", "vn2 text");
        assert_eq!((harness.shown("/rss.xml"), harness.failures()), ("va3 vb2 vc1 vd1 vn2".into(), String::new()));
    }
}

#[test]
fn failing_article_can_be_removed_and_withheld() {
    for fails in [FAILS_TO_RENDER, FAILS_TO_ENCODE] {
        let mut harness = Harness::new(&[("news/a.md", "va1 text"), ("news/b.md", "vb1 text")]);
        harness.write("news/a.md", &format!("va2 {fails}"));
        harness.write("news/b.md", &format!("vb2 {fails}"));
        assert_eq!(harness.shown("/rss.xml"), "va1 vb1");
        harness.remove("news/a.md");
        assert_eq!(harness.shown("/rss.xml"), "vb1", "{fails}: removed");
        harness.write_with("news/b.md", "draft: true\n", &format!("vb3 {fails}"));
        assert_eq!(harness.shown("/rss.xml"), "", "{fails}: withheld");
    }
}

#[test]
fn failing_articles_of_a_start_leave_the_others() {
    for fails in [FAILS_TO_RENDER, FAILS_TO_ENCODE] {
        let failing = format!("vf {fails}");
        let mut files = vec![("news/a.md", "va1 text"), ("sport/c.md", "vc1 text")];
        files.extend(["news/x.md", "news/y.md", "sport/z.md"].map(|path| (path, &*failing)));
        let harness = Harness::new(&files);
        assert_eq!(harness.shown("/rss.xml"), "va1 vc1", "{fails}");
        assert_eq!(harness.failures().split(' ').count(), 3);
    }
}
