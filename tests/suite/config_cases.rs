//! Bad configurations `cases/config/<name>.toml`, and their printed diagnostics `<name>.txt`. `UPDATE_GOLDEN=1` rewrites the texts.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use dateline::config;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/config")
}

fn rendered(bytes: &[u8]) -> String {
    let checked = config::parse(Path::new("config/dateline.toml"), bytes);
    let texts: Vec<String> = checked.diagnostics.iter().map(|diagnostic| diagnostic.to_text(false)).collect();
    let verdict = if checked.config.is_some() { "usable" } else { "refused" };
    format!("{}\n{verdict}\n", texts.join("\n"))
}

#[test]
fn bad_configurations_have_expected_diagnostics() {
    let mut cases = 0;
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder()).expect("there are cases") {
        let path = entry.expect("readable").path();
        let golden = path.with_extension("txt");
        if path.extension().is_some_and(|extension| extension == "txt") {
            assert!(path.with_extension("toml").exists(), "{} belongs to nothing", path.display());
            continue;
        }
        cases += 1;
        let found = rendered(&fs::read(&path).expect("readable"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &found).expect("writable");
        }
        if fs::read_to_string(&golden).ok().as_deref() != Some(&found) {
            wrong.push(format!("{}:\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cases >= 84, "{cases} cases");
}

#[test]
fn huge_configurations_are_parsed_quickly() {
    let site = "[site]\ntitle = \"x\"\nurl = \"http://localhost/\"\n";
    let sections: String =
        (0..3_000).map(|n| format!("[[section]]\npath = \"s/{n}\"\nbreadcrumb = \"S > {n}\"\n")).collect();
    for (name, text, usable) in [
        ("3,000 sections", format!("{site}{sections}"), true),
        (
            "2,000 unknown keys",
            format!("{site}{}", (0..2_000).map(|n| format!("k{n} = 1\n")).collect::<String>()),
            false,
        ),
        ("deep arrays", format!("{site}x = {}{}\n", "[".repeat(50_000), "]".repeat(50_000)), false),
        ("a long text", format!("{site}description = \"{}\"\n", "x".repeat(4_000_000)), true),
    ] {
        let started = Instant::now();
        let checked = config::parse(Path::new("dateline.toml"), text.as_bytes());
        assert_eq!(checked.config.is_some(), usable, "{name}");
        assert!(started.elapsed() < Duration::from_secs(20), "{name} took {:?}", started.elapsed());
    }
}

#[test]
fn reference_configuration_is_valid_and_complete() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/dateline.toml");
    let text = fs::read_to_string(file).expect("it is shipped");
    let checked = config::parse(Path::new("config/dateline.toml"), text.as_bytes());
    assert!(checked.config.is_some() && checked.diagnostics.is_empty(), "{:?}", checked.diagnostics);
    // The reference explains every key that the program reads.
    let source = concat!(
        include_str!("../../crates/core/src/config/validate.rs"),
        include_str!("../../crates/core/src/config/sections.rs"),
        include_str!("../../crates/core/src/config/feeds.rs"),
        include_str!("../../crates/core/src/config/server.rs"),
        include_str!("../../crates/core/src/config/source.rs"),
        include_str!("../../crates/core/src/config/addresses.rs"),
        include_str!("../../crates/core/src/config/websub.rs"),
        include_str!("../../crates/core/src/config/agency.rs"),
        include_str!("../../crates/core/src/config/words.rs"),
    );
    let chapter = include_str!("../../docs/src/configuration.md");
    let table = chapter
        .split("| key | meaning | default |")
        .nth(1)
        .and_then(|rest| rest.split("\n\n").next())
        .expect("a table");
    let mut keys = 0;
    for call in [
        "text(sink, \"",
        "texts(sink, \"",
        "text_or_texts(sink, \"",
        "boolean(sink, \"",
        "number(sink, \"",
        "table(sink, \"",
        "tables(sink, \"",
        "required_text(table, sink, \"",
        "required_text(&mut table, sink, \"",
        "limited(table, sink, \"",
        "duration(table, sink, \"",
        "duration(content, sink, \"",
        "duration(&mut mass, sink, \"",
        "count(sink, \"",
        "minutes(sink, \"",
        "numbers(sink, \"",
    ] {
        for key in source.split(call).skip(1).filter_map(|rest| rest.split('"').next()) {
            keys += 1;
            let named = text.lines().any(|line| line.trim_start_matches("# ").starts_with(&format!("{key} =")))
                || text.contains(&format!("{key}]"))
                || text.contains(&format!("{key} = ["))
                || text.contains(&format!(".{key}."))
                // Inside an inline table.
                || text.contains(&format!(" {key} = "));
            assert!(named || text.contains(&format!(".{key}]")), "the reference does not show `{key}`");
            let reported = ["`", "."]
                .into_iter()
                .any(|before| ["`", "."].iter().any(|after| table.contains(&format!("{before}{key}{after}"))));
            assert!(reported, "the table in docs/src/configuration.md does not name `{key}`");
        }
    }
    assert!(keys > 70, "{keys} keys: does this test still find them?");
}
