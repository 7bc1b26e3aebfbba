//! Any file, of each input format, through parser, sanitiser and engine into all three formats and the page. Whatever comes
//! out must be a document for a parser without mercy, and the encoders' last gate must have had nothing to refuse.
#![no_main]

use std::collections::HashMap;
use std::path::Path;
use std::sync::LazyLock;

use dateline::article::parse;
use dateline::config::{self, Checked};
use dateline::diagnostics::Code;
use dateline::engine::Engine;
use dateline::event::{Answer, Effect, Event, FileState, ListedDirectory, Listing, ParsedFile, Query, Ticket};
use dateline::snapshot::{BuiltDocument, ResourceKind, Snapshot};
use dateline::types::{ArticlePath, ContentHash};
use libfuzzer_sys::fuzz_target;

static CONFIG: LazyLock<Checked> = LazyLock::new(|| {
    let text = "[site]\ntitle = \"T\"\nurl = \"http://127.0.0.1/\"\n[taxonomies]\ntags = true\nauthors = true\n\
                [[section]]\npath = \"news\"\nlead_image = \"in-content\"\n\
                podcast = { image = \"https://x.example/p.jpg\", category = \"News\" }\n\
                [[section.feed]]\nprofile = \"msn\"\n[[section.feed]]\nprofile = \"smartnews\"\n";
    config::parse(Path::new("config/dateline.toml"), text.as_bytes())
});

fuzz_target!(|data: &[u8]| {
    let Some((&mode, rest)) = data.split_first() else { return };
    let extension = ["md", "html", "txt", "json", "xml"][usize::from(mode % 5)];
    // What has no date is not published, and random bytes have none.
    let head: &[u8] = match (mode / 5 % 2, extension) {
        (0, "json") => b"{\"uri\":\"urn:x:1\",\"headline\":\"T\",\"versioncreated\":\"2026-01-01\",",
        (0, "xml") => b"<newsItem guid='urn:x:1'><itemMeta><versionCreated>2026-01-01</versionCreated></itemMeta>",
        (0, "md") => b"---\ntitle: T\ndate: 2026-01-01\n---\n",
        (0, "html") => b"<title>T</title><meta name=date content=2026-01-01><article>",
        (0, _) => b"T\n\nSource: S | 2026-01-01 10:00:00 | Author: A\n\n",
        _ => b"",
    };
    let bytes = [head, rest].concat();
    let path = ArticlePath::new(&format!("news/a.{extension}"));
    let Some(config) = &CONFIG.config else { panic!("{:?}", CONFIG.diagnostics) };
    let parsed = parse(&path, &bytes, &config.parsing);
    let mut engine = Engine::new();
    let now = "2100-01-01T00:00:00Z".parse().expect("an instant");
    engine.handle(Event::Config(CONFIG.clone()), now);
    engine.handle(Event::Files(vec![ParsedFile { path: path.clone(), state: FileState::Present(parsed), renamed_from: None }]), now);
    let directories = vec![ListedDirectory { path: String::new(), unreadable: None }];
    let effects = engine.handle(Event::Rescan(Listing { scope: String::new(), directories, files: vec![path], is_whole: true, links: Vec::new(), limited: None, doubtful: false }), now);
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
});

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
