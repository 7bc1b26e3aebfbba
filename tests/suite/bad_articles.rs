//! Articles that something is wrong with, and what the operator is told: `cases/articles/bad/<name>.<ext>`, and beside it
//! `<name>.<ext>.expected` with a line `severity[code] line:column message` per diagnostic. `UPDATE_GOLDEN=1` rewrites them.

use std::fmt::Write as _;
use std::path::Path;

use dateline::article::{ParseOptions, parse};
use dateline::diag::Severity;
use dateline::types::ArticlePath;
use jiff::tz::TimeZone;

#[test]
fn bad_articles_are_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/articles/bad");
    let options = ParseOptions {
        root: "content".into(),
        timezone: TimeZone::get("Asia/Shanghai").expect("bundled"),
        charset: None,
        wire_labels: Vec::new(),
        max_size: 8 * 1024 * 1024,
    };
    let mut names = std::fs::read_dir(&folder)
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8"))
        .filter(|name| !name.ends_with(".expected"))
        .collect::<Vec<_>>();
    names.sort();
    assert!(names.len() >= 36, "the corpus has shrunk to {}", names.len());
    for name in names {
        let bytes = std::fs::read(folder.join(&name)).expect("readable");
        let parsed = parse(&ArticlePath::new(&name), &bytes, &options);
        let mut told = String::new();
        for diagnostic in &parsed.diagnostics {
            let severity = match diagnostic.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            };
            let (line, column) = diagnostic.place.as_ref().map_or((0, 0), |place| (place.line, place.column));
            writeln!(told, "{severity}[{}] {line}:{column} {}", diagnostic.code, diagnostic.message).expect("a string");
        }
        let refused = parsed.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
        assert_eq!(parsed.article.is_none(), refused, "{name}: an error refuses the file, a warning does not");
        let expected = folder.join(format!("{name}.expected"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&expected, &told).expect("written");
        }
        let expected = std::fs::read_to_string(&expected).expect("UPDATE_GOLDEN=1 writes it");
        assert_eq!(told, expected, "{name}");
    }
}
