//! Tests of publications that proceed in slices. The limits of a slice are lower in tests.

use std::collections::HashSet;
use std::path::Path;

use jiff::Timestamp;

use super::*;
use crate::article;
use crate::config::{self, Checked};
use crate::engine::Engine;
use crate::event::{
    Answer, Command, Event, FetchedBody, FileState, ListedDirectory, Listing, ParsedFile, Query, Ticket,
};
use crate::ledger::Record;
use crate::snapshot::Resource;
use crate::types::{ContentHash, Text};

const ARTICLES: usize = 300;
const TAGS: usize = 150;

fn checked() -> Checked {
    let toml = "[site]\ntitle = \"Courier\"\nurl = \"https://c.example/\"\nlanguage = \"en\"\ntag_authority = \"c.example,2026\"\n\
                [[section]]\npath = \"news\"\n[taxonomies]\ntags = true\n";
    let checked = config::parse(Path::new("c.toml"), toml.as_bytes());
    assert!(checked.config.is_some(), "{:?}", checked.diagnostics);
    checked
}

fn path(number: usize) -> ArticlePath {
    ArticlePath::new(&format!("news/{number}.md"))
}

fn parsed(path: &ArticlePath, checked: &Checked) -> article::Parsed {
    let number: usize = path.name().trim_end_matches(".md").parse().unwrap();
    let text = format!(
        "---\ntitle: Story {number}\ndate: 2026-01-{:02}\ntags: [t{}]\n---\n{}\n",
        1 + number % 28,
        number % TAGS,
        "Ships sail. ".repeat(40)
    );
    let mut parsed = article::parse(path, text.as_bytes(), &checked.config.as_ref().unwrap().parsing);
    if let Some(article) = &mut parsed.article {
        article.source = Some(text.into_bytes().into());
    }
    parsed
}

/// The effects that a driver of the engine saw, in order.
#[derive(Default)]
struct Seen {
    slices: usize,
    kinds: Vec<&'static str>,
    records: Vec<Record>,
    stored: HashSet<ContentHash>,
    snapshot: Arc<Snapshot>,
}

/// Passes an event to an engine and answers its effects. If `interrupts`, another event follows each slice instead of `Resume`.
fn drive(engine: &mut Engine, seen: &mut Seen, event: Event, checked: &Checked, interrupts: bool) {
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let mut events = std::collections::VecDeque::from([event]);
    while let Some(event) = events.pop_front() {
        for effect in engine.handle(event, now) {
            match effect {
                Effect::Resume => {
                    seen.slices += 1;
                    // A question is answered between two slices, and has no other effect.
                    let query = Query::Configuration { hash: "other".to_owned() };
                    let answer = engine.handle(Event::Query(query, Ticket(9)), now);
                    let is_answer = matches!(*answer, [Effect::Answer(Ticket(9), Answer::Configuration(Err(_)))]);
                    assert!(is_answer, "{answer:?}");
                    events.push_front(if interrupts { Event::Tick } else { Event::Resume });
                }
                Effect::Persist(records) => {
                    seen.kinds.push("persist");
                    seen.records.extend(records);
                }
                Effect::Store(documents) => {
                    seen.kinds.push("store");
                    seen.stored.extend(documents.iter().map(|document| document.resource.hash));
                }
                Effect::Swap(snapshot) => {
                    seen.kinds.push("swap");
                    let is_stored = |document: &Arc<Resource>| seen.stored.contains(&document.hash);
                    assert!(snapshot.documents.values().all(is_stored), "readers see documents that nobody has");
                    seen.snapshot = snapshot;
                }
                Effect::Answer(..) => seen.kinds.push("answer"),
                Effect::Fetch(requests) => {
                    let bodies = requests.into_iter().map(|request| {
                        let article = parsed(&request.path, checked).article;
                        let source = article.as_ref().and_then(|article| article.source.clone());
                        FetchedBody { request, article, rendered: None, source }
                    });
                    events.push_back(Event::Fetched(bodies.collect()));
                }
                _ => {}
            }
        }
    }
}

fn publish_all(interrupts: bool) -> (Engine, Seen, Checked) {
    let (mut engine, mut seen, checked) = (Engine::new(), Seen::default(), checked());
    let mut tell = |event| drive(&mut engine, &mut seen, event, &checked, interrupts);
    tell(Event::Config(checked.clone()));
    let files = (0..ARTICLES).map(|number| {
        let path = path(number);
        ParsedFile { state: FileState::Present(parsed(&path, &checked)), path, renamed_from: None }
    });
    tell(Event::Files(files.collect()));
    let folder = |path: &str| ListedDirectory { path: path.into(), unreadable: None };
    tell(Event::Rescan(Listing {
        scope: String::new(),
        directories: ["", "news"].map(folder).into(),
        files: (0..ARTICLES).map(path).collect(),
        links: Vec::new(),
        is_whole: true,
        doubtful: false,
        limited: None,
    }));
    (engine, seen, checked)
}

#[test]
fn slices_publish_the_same_as_one_call() {
    let (mut engine, mut seen, checked) = publish_all(false);
    let (_, interrupted, _) = publish_all(true);
    assert!(seen.slices > 4 && interrupted.slices > 0, "{} and {} slices", seen.slices, interrupted.slices);
    let documents = |seen: &Seen| {
        let documents = seen.snapshot.documents.iter();
        documents.map(|(route, document)| (route.to_string(), document.hash)).collect::<Vec<_>>()
    };
    let sorted = |mut documents: Vec<(String, ContentHash)>| {
        documents.sort();
        documents
    };
    assert!(documents(&seen).len() > TAGS);
    assert_eq!(sorted(documents(&seen)), sorted(documents(&interrupted)));
    assert_eq!(seen.records, interrupted.records);
    assert_eq!(seen.snapshot.generation, 1, "readers see it as a whole");
    // Memory stays bounded while feeds are built, and readers see nothing before it is recorded.
    let swap = seen.kinds.iter().position(|kind| *kind == "swap").unwrap();
    assert!(!seen.kinds[swap..].contains(&"persist") && seen.kinds[..swap].contains(&"store"), "{:?}", seen.kinds);
    seen.kinds.clear();
    seen.slices = 0;
    // A reload rebuilds everything. Its command is answered once readers see the result.
    let renamed = Checked {
        config: checked.config.as_ref().map(|config| {
            let mut config = config::Config::clone(config);
            config.site.title = Text::new("Gazette");
            Arc::new(config)
        }),
        ..checked.clone()
    };
    let reload = Event::Command(Command::Reload { checked: renamed, force: false }, Ticket(1));
    drive(&mut engine, &mut seen, reload, &checked, false);
    assert!(seen.slices > 0);
    let at = |wanted: &str| seen.kinds.iter().rposition(|kind| *kind == wanted);
    assert!(at("swap").is_some() && at("swap") < at("answer"), "{:?}", seen.kinds);
    assert_eq!(seen.snapshot.generation, 2);
}
