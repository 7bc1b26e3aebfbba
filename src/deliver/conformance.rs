//! Tests that every target has to pass. A new target calls [`check`] with a function that opens it and one that lists its contents.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Target;
use super::disk::Disk;
use super::disk::DocumentReader;
use crate::event::Delivery;
use crate::snapshot::{BuiltDocument, ResourceKind};

/// The documents of a target, by path.
type Contents = BTreeMap<String, String>;

fn document(text: &str) -> BuiltDocument {
    BuiltDocument::new(ResourceKind::Style, text.to_owned().into_bytes(), None, 60)
}

/// The bytes of all versions.
fn reader() -> DocumentReader {
    let versions = ["1", "2", "3"].map(document);
    Box::new(move |_, resource| {
        let version = versions.iter().find(|version| version.resource.hash == resource.hash);
        Ok(version.expect("a version").bytes.clone())
    })
}

/// `a=1` is version 1 of document a, `-a` its removal, `*` a complete delivery.
fn delivery(words: &str) -> Delivery {
    let documents = words.split_whitespace().filter(|word| *word != "*").map(|word| match word.strip_prefix('-') {
        Some(path) => (Arc::from(path), None),
        None => {
            let (path, text) = word.split_once('=').expect("a version");
            (Arc::from(path), Some(document(text).resource))
        }
    });
    let withheld = words.split_whitespace().filter_map(|word| word.strip_prefix('-')).map(Arc::from).collect();
    Delivery {
        generation: 1,
        documents: documents.collect(),
        complete: words.contains('*'),
        withheld,
        recorded: BTreeMap::new(),
        archives: imbl::HashMap::new(),
    }
}

/// Checks a target. `open` opens it, also after a restart; `contents` returns its documents.
fn check(open: impl Fn() -> Box<dyn Target>, contents: impl Fn() -> Contents) {
    let has = |words: &str| {
        let expected = words.split_whitespace().filter_map(|word| word.split_once('='));
        let expected: Contents = expected.map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
        assert_eq!(contents(), expected);
    };
    // The delivery, its outcome (written, unchanged, removed), and the target's contents afterwards. `!` opens the target again.
    let steps = [
        ("* a.css=1 news/b.css=1", (2, 0, 0), "a.css=1 news/b.css=1"),
        ("* a.css=1 news/b.css=1", (0, 2, 0), "a.css=1 news/b.css=1"),
        ("a.css=2", (1, 0, 0), "a.css=2 news/b.css=1"),
        ("!", (0, 0, 0), "a.css=2 news/b.css=1"),
        ("* a.css=2 news/b.css=1", (0, 2, 0), "a.css=2 news/b.css=1"),
        ("-news/b.css", (0, 0, 1), "a.css=2"),
        ("-news/b.css", (0, 0, 0), "a.css=2"),
        ("c.css=1 d.css=1", (2, 0, 0), "a.css=2 c.css=1 d.css=1"),
        ("!", (0, 0, 0), "a.css=2 c.css=1 d.css=1"),
        ("* d.css=2", (1, 0, 2), "d.css=2"),
        ("*", (0, 0, 1), ""),
        ("a.css=3", (1, 0, 0), "a.css=3"),
    ];
    let mut target = open();
    for (words, numbers, left) in steps {
        if words == "!" {
            drop(target);
            target = open();
        } else {
            let outcome = target.deliver(&delivery(words));
            assert_eq!(outcome.problems, [], "{words}");
            assert_eq!((outcome.written, outcome.unchanged, outcome.removed), numbers, "{words}");
        }
        has(left);
    }
}

#[test]
fn disk_target_passes_conformance_tests() {
    let folder = tempfile::tempdir().expect("a folder");
    let (output, state) = (folder.path().join("feeds"), folder.path().join("state"));
    let contents = || {
        let mut found = BTreeSet::from([output.clone()]);
        let mut contents = Contents::new();
        while let Some(folder) = found.pop_first() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let name = path.strip_prefix(&output).expect("below").to_str().expect("UTF-8").to_owned();
                if path.is_dir() {
                    found.insert(path);
                } else if !name.starts_with('.') {
                    contents.insert(name, std::fs::read_to_string(path).expect("readable"));
                }
            }
        }
        contents
    };
    check(|| Box::new(Disk::new(output.clone(), &state).with_reader(reader())), contents);
}
