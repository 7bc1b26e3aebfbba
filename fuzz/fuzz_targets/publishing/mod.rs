//! Publishes a file through all encoders, and inspects the documents.

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use dateline::article::parse_items;
use dateline::config::{self, Checked};
use dateline::diagnostics::Code;
use dateline::engine::Engine;
use dateline::event::{Answer, Effect, Event, FileState, ListedDirectory, Listing, ParsedFile, Query, Ticket};
use dateline::snapshot::{BuiltDocument, ResourceKind, Snapshot};
use dateline::types::{ArticlePath, ContentHash};

static CONFIG: LazyLock<Checked> = LazyLock::new(|| {
    let text = "[site]\ntitle = \"T\"\nurl = \"http://127.0.0.1/\"\n[taxonomies]\ntags = true\nauthors = true\n\
                [[section]]\npath = \"news\"\nlead_image = \"in-content\"\n\
                podcast = { image = \"https://x.example/p.jpg\", category = \"News\" }\n\
                [[section.feed]]\nprofile = \"msn\"\n[[section.feed]]\nprofile = \"smartnews\"\n";
    config::parse(Path::new("config/dateline.toml"), text.as_bytes())
});

/// Parses a file, publishes its articles, and checks every document.
pub fn publish(name: &str, bytes: &[u8]) {
    let Some(config) = &CONFIG.config else { panic!("{:?}", CONFIG.diagnostics) };
    let path = ArticlePath::new(name);
    let parsed = parse_items(&path, bytes, &config.parsing);
    let mut engine = Engine::new();
    let now = "2100-01-01T00:00:00Z".parse().expect("an instant");
    engine.handle(Event::Config(CONFIG.clone()), now);
    let files = parsed.into_iter().map(|(path, parsed)| ParsedFile { path, state: FileState::Present(parsed), renamed_from: None });
    let files: Vec<ParsedFile> = files.collect();
    let paths = files.iter().map(|file| file.path.clone()).collect();
    engine.handle(Event::Files(files), now);
    let directories = vec![ListedDirectory { path: String::new(), unreadable: None }];
    let effects = engine.handle(Event::Rescan(Listing { scope: String::new(), directories, files: paths, is_whole: true, links: Vec::new(), limited: None, doubtful: false }), now);
    let stored = effects.into_iter().filter_map(|effect| match effect {
        Effect::Store(documents) => Some(documents),
        _ => None,
    });
    let documents = stored.flatten().map(|document| (document.resource.hash, document));
    inspect(engine.snapshot(), &documents.collect());
    let effects = engine.handle(Event::Query(Query::Problems, Ticket(0)), now);
    let [Effect::Answer(_, Answer::Problems(problems))] = effects.as_slice() else { panic!("{effects:?}") };
    let refused = problems.iter().find(|problem| problem.code == Code::DocumentRefused);
    assert!(refused.is_none(), "{refused:?}");
}

fn inspect(snapshot: &Snapshot, documents: &HashMap<ContentHash, BuiltDocument>) {
    assert!(snapshot.documents.len() >= 8, "{} documents", snapshot.documents.len());
    for (route, resource) in &snapshot.documents {
        let text = std::str::from_utf8(&documents[&resource.hash].bytes).expect("UTF-8");
        if resource.kind == ResourceKind::Page {
            continue;
        }
        if route.ends_with(".json") {
            let _: serde_json::Value = serde_json::from_str(text).expect("JSON");
            continue;
        }
        let mut reader = quick_xml::Reader::from_str(text);
        loop {
            match reader.read_event().expect("well-formed XML") {
                quick_xml::events::Event::Eof => break,
                quick_xml::events::Event::Start(element) | quick_xml::events::Event::Empty(element) => {
                    element.attributes().for_each(|attribute| drop(attribute.expect("an attribute")));
                }
                quick_xml::events::Event::Text(text) => {
                    assert!(!text.windows(3).any(|bytes| bytes == b"]]>"), "X-07");
                }
                quick_xml::events::Event::DocType(_) => panic!("X-06"),
                _ => {}
            }
        }
    }
}
