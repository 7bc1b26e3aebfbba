//! The manual in `docs/` and the README match the program: tables of codes, metrics, fields, commands and options, and all links.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use dateline::config::FeedTool;

use crate::newsroom::{CONFIG, Daemon, Newsroom, printed};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The rows of the table with this header.
fn rows<'t>(text: &'t str, header: &str) -> Vec<&'t str> {
    let table = text.split(header).nth(1).unwrap_or_else(|| panic!("no table {header}"));
    table.trim_start().lines().skip(1).take_while(|line| line.starts_with('|')).collect()
}

/// `UPDATE_GOLDEN=1` rewrites the table.
#[test]
fn diagnostics_chapter_lists_every_code() {
    let name = "docs/src/diagnostics.md";
    let chapter = read(name);
    let rows: String = dateline::diagnostics::Code::ALL
        .iter()
        .map(|code| format!("| `{}` | {} | {} |\n", code.name(), code.severity().name(), code.explanation()))
        .collect();
    let table = format!("| code | severity | meaning |\n|---|---|---|\n{rows}");
    let start = chapter.find("| code | severity | meaning |").expect("the table");
    let end = chapter[start..].find("\n\n").map_or(chapter.len(), |length| start + length + 1);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(root().join(name), format!("{}{table}{}", &chapter[..start], &chapter[end..])).expect("writable");
    } else {
        assert_eq!(&chapter[start..end], table);
    }
}

#[test]
fn feeds_chapter_has_field_table() {
    let module = read("crates/core/src/feed/mod.rs");
    let spelt = module.lines().filter_map(|line| line.strip_prefix("//! |")).map(|row| {
        let row = row.replace("[`Feed::", "feed ").replace("[`Entry::", "entry ");
        format!("|{}", row.replace("`]", ""))
    });
    let expected: Vec<String> = spelt.skip(2).collect();
    assert!(expected.len() > 28, "{} rows", expected.len());
    assert_eq!(rows(&read("docs/src/feeds.md"), "| field | RSS 2.0 | Atom | JSON Feed 1.1 |"), expected);
}

#[test]
fn migrating_chapter_has_all_tools_with_feed_aliases() {
    let chapter = read("docs/src/migrating.md");
    let documented = rows(&chapter, "| tool | addresses, with or without a last slash |");
    let documented: Vec<Option<&str>> = documented.iter().map(|row| row.split('`').nth(1)).collect();
    let expected: Vec<Option<&str>> = FeedTool::all().iter().map(|tool| Some(tool.name())).collect();
    assert_eq!(documented, expected);
}

#[test]
fn articles_chapter_has_table_of_agencies_fields() {
    let module = read("crates/article/src/article/agency/mod.rs");
    let expected: Vec<&str> = module.lines().filter_map(|line| line.strip_prefix("//! |")).skip(2).collect();
    assert!(expected.len() > 25, "{} rows", expected.len());
    let chapter = read("docs/src/articles.md");
    let found = rows(&chapter, "| field | ninjs | NewsML-G2 | NITF |");
    assert_eq!(found.iter().map(|row| &row[1..]).collect::<Vec<_>>(), expected);
}

/// Each metric in `/metrics`: its name as Prometheus stores it, its type, labels and help.
fn exposed(metrics: &str) -> BTreeSet<String> {
    let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for sample in metrics.lines().filter(|line| !line.starts_with('#')) {
        let Some((name, rest)) = sample.split_once('{') else { continue };
        let names = rest.split('}').next().unwrap_or_default().split(',').filter_map(|label| label.split('=').next());
        labels.entry(name.trim_end_matches("_bucket")).or_default().extend(names.filter(|name| *name != "le"));
    }
    let types: BTreeMap<&str, &str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    let helps = metrics.lines().filter_map(|line| line.strip_prefix("# HELP ")?.split_once(' '));
    let rows = helps.map(|(name, help)| {
        let kind = types[name];
        let name = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
        let labels = labels.get(&*name).into_iter().flatten().map(|label| format!("`{label}`"));
        let labels = labels.collect::<Vec<_>>().join(", ");
        format!("| `{name}` | {kind} | {labels} | {} |", help.trim_end_matches('.')).replace("|  |", "| |")
    });
    rows.collect()
}

#[test]
fn metrics_chapter_lists_every_metric() {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Body.");
    // A problem, so that the metric of problems has a sample.
    newsroom.write("content/news/b.md", "---\ntitle: Story B\ndate: never\n---\n\nBody.\n");
    // A hub, so that the metrics of hubs have samples.
    let hub = "[websub]\nhubs = [\"http://127.0.0.1:9/\"]\n";
    newsroom.write("config/dateline.toml", format!("{CONFIG}\n{hub}"));
    let mut command = newsroom.command();
    command.args(["serve", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"]);
    let (daemon, mut printed) = Daemon::spawn_talking(&newsroom.path(""), command);
    let mut line = String::new();
    printed.read_line(&mut line).expect("it says where operators look");
    let admin = Daemon::at(line.split('/').nth(2).expect("an address").to_owned());
    daemon.body("/news/rss.xml");
    let mut metrics = String::new();
    admin.wait("the request is counted", |admin| {
        metrics = admin.body("/metrics");
        metrics.contains("dateline_section_requests_total{") && metrics.contains("dateline_websub_pings_total{")
    });
    let expected = exposed(&metrics);
    assert!(expected.len() > 20, "{metrics}");
    let chapter = read("docs/src/metrics.md");
    let reported: BTreeSet<String> =
        rows(&chapter, "| metric | type | labels | meaning |").into_iter().map(str::to_owned).collect();
    assert_eq!(
        reported,
        expected,
        "undocumented: {:#?}\nnot there: {:#?}",
        &expected - &reported,
        &reported - &expected
    );
    let names: BTreeSet<&str> = expected.iter().filter_map(|row| row.split('`').nth(1)).collect();
    // Names in the text, in other chapters and in the alerts.
    for file in texts() {
        let text = fs::read_to_string(&file).expect("readable");
        for name in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            let is_metric = name.starts_with("dateline_") && name.len() > "dateline_".len();
            let name = name.trim_end_matches("_bucket");
            assert!(!is_metric || names.contains(name), "{} names `{name}`", file.display());
        }
    }
}

#[test]
fn commands_chapter_names_every_command_and_option() {
    let newsroom = Newsroom::new();
    let chapter = read("docs/src/commands.md");
    let commands = rows(&chapter, "| command | effect |");
    let options = rows(&chapter, "| command | option | effect |");
    let help = printed(&newsroom.dateline(&["--help"]));
    let listed = help.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    let is_name = |line: &&str| line.starts_with("  ") && !line.starts_with("   ");
    let names: Vec<&str> = listed.lines().filter(is_name).filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() > 10, "{help}");
    assert_eq!(commands.len(), names.len(), "{commands:#?}");
    let mut expected = BTreeSet::new();
    for name in names {
        assert!(commands.iter().any(|row| row.starts_with(&format!("| `dateline {name}"))), "no row for `{name}`");
        let help = printed(&newsroom.dateline(&[name, "--help"]));
        let flags = help.lines().filter_map(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("-h, ").or(line.strip_prefix("-V, ")).unwrap_or(line);
            let flag = line.strip_prefix("--")?;
            flag.split(|c: char| !c.is_ascii_lowercase() && c != '-').next()
        });
        let own = flags.filter(|flag| !["help", "config", "version"].contains(flag));
        expected.extend(own.map(|flag| (name.to_owned(), flag.to_owned())));
    }
    let mut reported = BTreeSet::new();
    for row in options {
        let cells: Vec<&str> = row.split(" | ").collect();
        let flag = cells[1].trim_start_matches("`--").split(['`', ' ']).next().unwrap_or_default();
        let names = cells[0].split('`').skip(1).step_by(2);
        reported.extend(names.map(|name| (name.to_owned(), flag.to_owned())));
    }
    assert_eq!(reported, expected);
}

/// The README, the other documents beside it, and the chapters of the manual.
fn texts() -> Vec<PathBuf> {
    let chapters = fs::read_dir(root().join("docs/src")).expect("there is a manual");
    let chapters = chapters.map(|entry| entry.expect("readable").path());
    let beside = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(|name| root().join(name));
    beside.into_iter().chain(chapters).filter(|path| path.extension().is_some_and(|name| name == "md")).collect()
}

/// The text without its blocks of code.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect()
}

/// The ids of the headings, as mdBook and GitHub make them.
fn anchors(text: &str) -> Vec<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let id = |heading: &str| -> String {
        let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
    };
    headings.map(id).collect()
}

#[test]
fn manual_links_are_valid() {
    let mut checked = 0;
    for file in texts() {
        let text = fs::read_to_string(&file).expect("readable");
        let without_code: String = prose(&text).split('`').step_by(2).collect();
        for link in without_code.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            checked += 1;
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => file.clone(),
                path => file.parent().expect("in a folder").join(path),
            };
            assert!(target.exists(), "{}: `{link}` leads nowhere", file.display());
            // The built book contains only the chapters.
            assert!(!link.starts_with(".."), "{}: `{link}` leads out of the book", file.display());
            let is_there = || anchors(&fs::read_to_string(&target).expect("readable")).iter().any(|id| id == anchor);
            assert!(anchor.is_empty() || is_there(), "{}: no heading for `{link}`", file.display());
        }
    }
    assert!(checked >= 50, "{checked} links");
}

/// Paths of the repository in backticks, in the documents for contributors and operators.
#[test]
fn paths_in_the_manual_exist() {
    let mut checked = 0;
    for file in texts() {
        let text = fs::read_to_string(&file).expect("readable");
        for path in text.split('`').skip(1).step_by(2) {
            let is_in_the_tree = ["src/", "crates/", "tests/", "benches/", "docs/", "config/", ".ci/"]
                .iter()
                .any(|top| path.starts_with(top));
            if is_in_the_tree && !path.contains([' ', '*']) {
                checked += 1;
                assert!(root().join(path).exists(), "{} names `{path}`", file.display());
            }
        }
    }
    assert!(checked >= 40, "{checked} paths");
}

#[test]
fn internals_chapter_has_the_order_of_modules() {
    let chain = |text: &str| -> Vec<String> {
        let chain = text.split("main > cli >").nth(1).and_then(|rest| rest.split("```").next()).expect("a chain");
        let words = chain.split(|c: char| !c.is_ascii_lowercase());
        words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
    };
    let map = chain(&read("src/lib.rs"));
    assert!(map.len() > 20, "{map:?}");
    assert_eq!(chain(&read("docs/src/internals.md")), map);
}

/// `/readyz` names problems that need an operator. The manual lists them, and its alerts fire for them and for no others.
#[test]
fn manual_lists_every_alarm() {
    let alerts = read("docs/src/metrics.md");
    let patterns = |matcher: &str| -> Vec<String> {
        let quoted = alerts.split(matcher).nth(1).and_then(|rest| rest.split('"').next()).expect("a matcher");
        quoted.split('|').map(str::to_owned).collect()
    };
    let matches = |patterns: &[String], name: &str| {
        patterns.iter().any(|pattern| match pattern.strip_suffix(".*") {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        })
    };
    let (fires, excluded) = (patterns("code=~\""), patterns("code!~\""));
    let chapter = read("docs/src/diagnostics.md");
    let reported = chapter.split("`/readyz` names").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    for code in dateline::diagnostics::Code::ALL {
        let name = code.name();
        let has_alert = matches(&fires, name) && !matches(&excluded, name);
        // `dateline check` alone reports this one.
        if name != "config-inactive" {
            assert_eq!(has_alert, code.is_alarm(), "the alert and `{name}`");
        }
        let is_told = reported.contains(&format!("`{name}`")) || name.starts_with("config-");
        assert!(is_told || !code.is_alarm(), "docs/src/diagnostics.md doesn't say that `{name}` needs an operator");
    }
}

#[test]
fn summary_lists_every_chapter() {
    let summary = read("docs/src/SUMMARY.md");
    let readme = read("README.md");
    for file in fs::read_dir(root().join("docs/src")).expect("there is a manual") {
        let name = file.expect("readable").file_name().into_string().expect("UTF-8");
        if name != "SUMMARY.md" {
            assert!(summary.contains(&format!("({name})")), "{name} isn't in the summary");
            assert!(readme.contains(&format!("(docs/src/{name})")), "{name} isn't in the README");
        }
    }
}

/// The README is for the first five minutes.
#[test]
fn readme_is_short() {
    let lines = read("README.md").lines().count();
    assert!(lines <= 220, "{lines} lines");
}
