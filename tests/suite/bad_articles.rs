//! Articles with mistakes, and their diagnostics: `cases/articles/bad/<name>.<ext>`, and beside it `<name>.<ext>.expected` with a line
//! `severity[code] line:column message` per diagnostic, and a line `withheld` if the public version must be withheld, too.
//! `UPDATE_GOLDEN=1` rewrites the expected files.

use std::fmt::Write as _;
use std::path::Path;

use dateline::article::render::{LinkBase, render};
use dateline::article::{ParseOptions, parse};
use dateline::diagnostics::Severity;
use dateline::types::{ArticlePath, WebUrl};
use jiff::tz::TimeZone;

fn options() -> ParseOptions {
    ParseOptions::new("content", TimeZone::get("Asia/Shanghai").expect("bundled"))
}

/// Articles that are too large to be kept as files.
#[test]
fn huge_articles_are_refused_or_limited_quickly() {
    let front = |rest: &str| format!("---\ntitle: Quay\ndate: 2026-11-20\n{rest}---\n\n");
    let list = |count: usize| (0..count).map(|n| format!("t{n}")).collect::<Vec<_>>().join(", ");
    let bomb: String =
        (1..12).map(|n| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "))).collect();
    for (name, text, expected, usable) in [
        ("50 MB", front("") + &"word ".repeat(10_000_000), "article-too-large", false),
        ("10,000 tags", front(&format!("tags: [{}]\n", list(10_000))), "article-too-many", true),
        ("100,000 tags", front(&format!("tags: [{}]\n", list(100_000))), "front-matter", false),
        ("a YAML bomb", front(&format!("a0: &a0 lol\n{bomb}")), "front-matter", false),
        ("5,000 authors", front(&format!("authors: [{}]\n", list(5_000))), "article-too-many", true),
        (
            "a title of 7 MB",
            format!("---\ntitle: {}\ndate: 2026-11-20\n---\n", "x".repeat(7_000_000)),
            "article-title",
            false,
        ),
        ("a million headings", format!("{}{}", front(""), "# x\n".repeat(1_000_000)), "html-tangled", false),
        ("deep quotes", format!("{}{}", front(""), "> ".repeat(100_000)), "", true),
        ("deep brackets", format!("{}{}", front(""), "[".repeat(200_000)), "", true),
        ("NULs", "\0".repeat(100_000), "article-binary", false),
    ] {
        let started = std::time::Instant::now();
        let parsed = parse(&ArticlePath::new("news/a.md"), text.as_bytes(), &options());
        let codes: Vec<&str> = parsed.diagnostics.iter().map(|diagnostic| diagnostic.code.name()).collect();
        assert_eq!((codes.join(" ").as_str(), parsed.article.is_some()), (expected, usable), "{name}");
        let links = LinkBase::new(
            WebUrl::parse("http://x.example/a").expect("a URL"),
            WebUrl::parse("http://x.example/media/").expect("a URL"),
        );
        if let Some(body) = parsed.article.and_then(|article| article.body) {
            render(&body, &links);
        }
        assert!(started.elapsed().as_secs() < 30, "{name} took {:?}", started.elapsed());
    }
}

#[test]
fn bad_articles_have_expected_diagnostics() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/articles/bad");
    let options = options();
    let mut names = std::fs::read_dir(&folder)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| !name.ends_with(".expected"))
        .collect::<Vec<_>>();
    names.sort();
    assert!(names.len() >= 150, "the corpus has shrunk to {}", names.len());
    for name in names {
        let bytes = std::fs::read(folder.join(&name)).expect("readable");
        let parsed = parse(&ArticlePath::new(&name), &bytes, &options);
        let mut reported = String::new();
        for diagnostic in &parsed.diagnostics {
            let severity = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let (line, column) = diagnostic.place.as_ref().map_or((0, 0), |place| (place.line, place.column));
            writeln!(reported, "{severity}[{}] {line}:{column} {}", diagnostic.code, diagnostic.message)
                .expect("a string");
        }
        if parsed.withhold {
            assert!(parsed.article.is_none(), "{name}: what is withheld is not published");
            reported.push_str("withheld\n");
        }
        let refused = parsed.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        let is_missing = parsed.article.is_none() && parsed.ignored.is_none();
        assert_eq!(is_missing, refused, "{name}: an error refuses the file, a warning does not");
        let expected = folder.join(format!("{name}.expected"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&expected, &reported).expect("written");
        }
        let expected = std::fs::read_to_string(&expected).expect("UPDATE_GOLDEN=1 writes it");
        assert_eq!(reported, expected, "{name}");
    }
}
