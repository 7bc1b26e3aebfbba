use super::*;

#[test]
fn file_of_changed_size_is_read_completely() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.md");
    for length in [0, 1, 5, 100] {
        let text = vec![b'x'; length];
        std::fs::write(&path, &text).expect("written");
        for (size, limit) in [(0, 100), (1, 100), (5, 100), (6, 100), (100, 100), (1_000, 1_000), (0, 3), (100, 3)] {
            let read = read_bytes(File::open(&path).expect("there"), size, limit).expect("readable");
            // One byte above the limit is enough.
            let whole = length <= usize::try_from(limit).expect("small");
            assert!(read == text || (!whole && read.len() > 3), "{length} bytes, {size} before: {}", read.len());
        }
    }
}

fn newsroom(text: &str) -> (tempfile::TempDir, Root, ParseOptions) {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.md"), text).expect("written");
    let root = Root::new(folder.path(), "content");
    let toml =
        "[site]\ntitle = \"C\"\nurl = \"https://c.example/\"\nlanguage = \"en\"\ntag_authority = \"c.example,2026\"\n";
    let config = crate::config::parse(std::path::Path::new("c.toml"), toml.as_bytes()).config.expect("valid");
    let options = ParseOptions::clone(&config.parsing);
    (folder, root, options)
}

const TEXT: &str = "---\ntitle: T\ndate: 2026-11-20\n---\n\nText.\n";

#[test]
fn parser_panic_withholds_article_that_may_be_withheld() {
    for (more, withhold) in [("", false), ("embargo: 2030-01-01\n", true), ("draft: true\n", true)] {
        let text = TEXT.replace("title: T\n", &format!("title: T\n{more}"));
        let (_folder, root, options) = newsroom(&text);
        let path = ArticlePath::new("a.md");
        let parsed = parse_catching_panics(&root, &path, text.as_bytes(), &options, |_, _, _| panic!("on purpose"));
        assert_eq!((parsed.article.is_none(), parsed.withhold), (true, withhold), "{more}");
        assert!(parsed.diagnostics.iter().all(|diagnostic| diagnostic.code == Code::ArticleUnreadable));
    }
}

#[test]
fn bodies_are_dropped_beyond_memory_budget() {
    let (_folder, root, options) = newsroom(&format!("{TEXT}{}", "Long. ".repeat(300_000)));
    let reader = Reader::new(&root, &options);
    let read = || reader.read(&ArticlePath::new("a.md"), None);
    let files: Vec<ParsedFile> = (0..5).map(|_| read()).collect();
    let kept = |file: &ParsedFile| memory_of(file) > 0;
    assert_eq!(files.iter().map(kept).collect::<Vec<_>>(), [true, true, true, false, false]);
    reader.release(&files[0]);
    assert_eq!([read(), read()].map(|file| kept(&file)), [true, false]);
}
