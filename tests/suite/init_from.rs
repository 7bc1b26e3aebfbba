//! `dateline init --from`: configurations of site generators, and the `dateline.toml` that each becomes.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use crate::newsroom::{files, printed};

fn dateline(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dateline"));
    command.current_dir(directory).args(arguments).output().expect("dateline runs")
}

fn write(directory: &Path, name: &str, text: impl AsRef<[u8]>) {
    let file = directory.join(name);
    fs::create_dir_all(file.parent().expect("below a folder")).expect("writable");
    fs::write(file, text).expect("writable");
}

/// The year in `tag_authority` is the current one.
fn without_year(configuration: &str) -> String {
    let lines = configuration.lines().map(|line| match line.contains("tag_authority = ") {
        true => line.split(',').next().unwrap_or_default().to_owned(),
        false => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn sites_of_generators_get_configurations() {
    for generator in ["hugo", "zola", "jekyll", "pelican", "eleventy"] {
        let site = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/sites").join(generator);
        let copy = tempfile::tempdir().expect("a scratch directory");
        files(&site).into_iter().for_each(|(name, bytes)| write(copy.path(), &name, bytes));
        fs::remove_file(copy.path().join("dateline.toml")).expect("it is there");
        let made = dateline(copy.path(), &["init", "--from", generator, "."]);
        assert!(made.status.success(), "{generator}: {}", printed(&made));
        let configuration = fs::read_to_string(copy.path().join("dateline.toml")).expect("it was written");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(site.join("dateline.toml"), &configuration).expect("writable");
        }
        let expected = fs::read_to_string(site.join("dateline.toml")).expect("a configuration");
        assert_eq!(without_year(&configuration), without_year(&expected), "{generator}");
        let checked = dateline(copy.path(), &["check", "--config", "dateline.toml"]);
        assert!(checked.status.success(), "{generator}: {}", printed(&checked));
        let again = dateline(copy.path(), &["init", "--from", generator, "."]);
        assert_eq!(again.status.code(), Some(2), "{generator}: {}", printed(&again));
        assert!(printed(&again).contains("never overwritten"), "{generator}: {}", printed(&again));
        let kept = fs::read_to_string(copy.path().join("dateline.toml")).expect("it is there");
        assert_eq!(kept, configuration, "{generator}");
    }
}

/// A generator, its files, lines of `dateline.toml`, and parts of the messages. Without lines, nothing is written.
type Case = (&'static str, &'static [(&'static str, &'static str)], &'static [&'static str], &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "hugo",
        &[(
            "hugo.yaml",
            "BaseURL: https://a.example/sub\ntitle: \"A \\\"B\\\"\"\nlanguageCode: en_GB\ntimeZone: Asia/Tokyo\n",
        )],
        &[
            r#"title = "A \"B\"""#,
            r#"home = "https://a.example/sub/""#,
            r#"language = "en-GB""#,
            r#"timezone = "Asia/Tokyo""#,
            r#"article_url = "https://a.example/sub/{section}/{slug}/""#,
        ],
        &[],
    ),
    (
        "hugo",
        &[
            ("config/_default/hugo.json", r#"{"baseURL": "https://a.example/", "title": "A", "uglyURLs": true}"#),
            ("config/_default/params.yml", "description: About\nauthor:\n  name: Ada\n"),
            ("config/_default/languages.toml", "[en]\ntitle = 'English'\n"),
        ],
        &[
            r#"title = "English""#,
            r#"description = "About""#,
            "# The site's author is Ada. dateline takes authors from articles only.",
            r#"article_url = "https://a.example/{section}/{slug}.html""#,
        ],
        &[],
    ),
    (
        "hugo",
        &[("config.toml", "baseURL = '/'\n[permalinks]\nposts = '/:year/:month/:title/'\n[services.rss]\nlimit = 7\n")],
        &[
            r#"# article_url = "https://www.example.org/{year}/{month}/{slug}/""#,
            r#"slugs = "hugo-title""#,
            "max_items = 7",
            r#"# home = "https://www.example.org/""#,
            // Ids are never made of an address that nobody stated.
            r#"# tag_authority = "courier.example"#,
        ],
        &[],
    ),
    (
        "hugo",
        &[(
            "hugo.toml",
            "baseURL = 'not an address'\ntimeZone = 'Mars/Olympus'\ndisableKinds = ['term']\ncascade = {draft = true}\n\
             [permalinks.page]\nnews = '/n/:slugorcontentbasename/'\nposts = '/p/:colour/'\n[languages]\nen = {}\nfr = {}\n",
        )],
        &[r#"# article_url = "https://www.example.org/n/{slug}/""#, r#"timezone = "UTC""#, r#"slugs = "hugo""#],
        &[
            "hugo.toml:1:11",
            "is not the address of a website",
            "is not a time zone",
            "addresses of another form",
            "has several languages",
            "`cascade`",
        ],
    ),
    ("hugo", &[("hugo.toml", "\u{FEFF}title = 'A'\r\n")], &[r#"title = "A""#], &[]),
    ("hugo", &[("hugo.yaml", "# nothing\n---\n")], &[r#"title = "My site""#, "tags = true"], &[]),
    ("hugo", &[("hugo.toml", "title = 'A'\nbaseURL = \n")], &[], &["hugo.toml:2:", "nothing was written"]),
    ("hugo", &[("hugo.yaml", "a: &a [x]\nb: [*a, *a]\n")], &[], &["hugo.yaml:2:", "nothing was written"]),
    ("hugo", &[("hugo.json", "[1, 2]")], &[], &["hugo.json", "nothing was written"]),
    ("hugo", &[("_config.yml", "title: A\n")], &[], &["no configuration of hugo", "`--from jekyll`"]),
    ("hugo", &[("hugo.toml/x", "")], &[], &["no configuration of hugo"]),
    (
        "zola",
        &[(
            "zola.toml",
            "base_url = 'https://a.example'\ntitle = 'A'\ndefault_language = 'fr'\nfeed_limit = 3\nignored_content = ['*.{graphml,xlsx}']\n\
             taxonomies = [{name = 'authors', feed = true}]\n[slugify]\npaths = 'off'\n",
        )],
        &[
            r#"home = "https://a.example/""#,
            r#"language = "fr""#,
            r#"slugs = "as-written""#,
            r#"ignore = ["*.{graphml,xlsx}"]"#,
            "max_items = 3",
            "authors = true",
        ],
        &[],
    ),
    (
        "jekyll",
        &[
            (
                "_config.yaml",
                "title: A\nurl: https://a.example\nbaseurl: /blog\npermalink: pretty\nauthor: {name: Ada}\nexclude: [drafts]\n\
                 defaults:\n- scope: {path: x, type: posts}\n  values: {published: false}\n",
            ),
            ("_posts/2026-11-18-a.md", "---\nlayout: post\n---\nText.\n"),
            ("_layouts/post.html", "<html><title>{{ page.title }}</title></html>\n"),
            ("_site/2026/11/18/a.html", "<html><title>Built</title><p>x</html>\n"),
        ],
        &[
            r#"home = "https://a.example/blog/""#,
            r#"directory = ".""#,
            r#"article_url = "https://a.example/blog/{categories}/{year}/{month}/{day}/{slug}/""#,
            r#"ignore = ["_layouts/", "_includes/", "_sass/", "_data/", "vendor/", "/_site/", "/.dateline/", "/drafts"]"#,
        ],
        &["_config.yaml:9:", "unpublished by default"],
    ),
    (
        "pelican",
        &[
            (
                "pelicanconf.py",
                "import os\nopen('ran', 'w').write('x')\nSITENAME = 'A' ' site'\nSITEURL = ''\nTIMEZONE = os.environ['TZ']\n\
                 ARTICLE_URL = 'posts/{date:%Y}/{slug}.html'\nPATH = 'content'\nPAGE_PATHS = ['static', 'pages']\n\
                 if True:\n    SITENAME = 'B'\nDEFAULT_METADATA = {'status': 'draft'}\nSLUGIFY_SOURCE = 'basename'\nDEFAULT_LANG = 'en'\n",
            ),
            ("publishconf.py", "from pelicanconf import *\nSITEURL = \"https://a.example\"\nFEED_MAX_ITEMS = 12\n"),
        ],
        &[
            r#"title = "A site""#,
            r#"home = "https://a.example/""#,
            r#"article_url = "https://a.example/posts/{date:%Y}/{slug}.html""#,
            r#"ignore = ["/static/", "/pages/"]"#,
            r#"slugs = "pelican-name""#,
            "max_items = 12",
        ],
        &["pelicanconf.py:5:1", "`TIMEZONE` isn't a plain value", "pelicanconf.py:11:", "aren't published here"],
    ),
    (
        "pelican",
        &[("pelicanconf.py", "SITENAME = f'{x}'\nSITENAME = 'A'\nARTICLE_URL = 'x.html'\n")],
        &[r#"title = "A""#, r#"directory = ".""#, r#"ignore = ["/pages/", "/output/", "/.dateline/"]"#],
        &["the same address"],
    ),
    (
        "eleventy",
        &[
            (
                ".eleventy.js",
                "// dir: { input: 'no' }\nmodule.exports = (c) => {\n  c.addFilter('x', (s) => s.replace(/[{'\"]/g, ''));\n  \
                 return { dir: { input: './src', includes: '_inc' }, };\n};\n",
            ),
            ("src/_data/site.js", "module.exports = { url: 'https://a.example', title: `A`, env: process.env.X };\n"),
        ],
        &[
            r#"title = "A""#,
            r#"home = "https://a.example/""#,
            r#"directory = "src""#,
            r#"ignore = ["/_inc/", "/_data/"]"#,
        ],
        &[],
    ),
    (
        "eleventy",
        &[
            (".eleventy.js", "module.exports = { dir: { input: 'content' } };\n"),
            ("content/posts/posts.json", r#"{"permalink": "/blog/{{ page.fileSlug }}/", "tags": "posts"}"#),
            ("content/more/more.11tydata.js", "module.exports = { permalink: '/more/{{ title | slug }}/' };\n"),
            ("content/third/third.11tydata.json", r#"{"permalink": "/third/{{ page.fileSlug }}.html"}"#),
            ("content/third/c.md", "---\ntitle: C\ndate: 2026-11-18\n---\nText.\n"),
            ("content/more/b.md", "---\ntitle: B\ndate: 2026-11-18\n---\nText.\n"),
        ],
        &[r#"# article_url = "https://www.example.org/blog/{slug}/""#],
        &["`{{ title | slug }}` has no counterpart", "third.11tydata.json:1:", "articles of `third` have addresses"],
    ),
    (
        "eleventy",
        &[("eleventy.config.mjs", "export default function () {}\n"), ("_data/metadata.json", r#"{"title": "A"}"#)],
        &[r#"title = "A""#, r#"directory = ".""#, r#"ignore = ["/_includes/", "/_data/", "/_site/", "/.dateline/"]"#],
        &[],
    ),
];

#[test]
fn odd_configurations_are_read_or_reported() {
    for (generator, files, lines, messages) in CASES {
        let directory = tempfile::tempdir().expect("a scratch directory");
        for folder in ["content/posts", "content/healthz", "src"] {
            write(directory.path(), &format!("{folder}/a.md"), "---\ntitle: A\ndate: 2026-11-18\n---\nText.\n");
        }
        files.iter().for_each(|(name, text)| write(directory.path(), name, text));
        let made = dateline(directory.path(), &["init", "--from", generator, "."]);
        let shown = printed(&made);
        messages.iter().for_each(|message| assert!(shown.contains(message), "no `{message}` in {shown}"));
        let configuration = fs::read_to_string(directory.path().join("dateline.toml")).unwrap_or_default();
        if lines.is_empty() {
            assert_eq!((made.status.code(), configuration.as_str()), (Some(2), ""), "{files:?}: {shown}");
            continue;
        }
        assert!(made.status.success(), "{files:?}: {shown}");
        for line in *lines {
            let written = without_year(&configuration);
            assert!(written.lines().any(|written| written == *line), "no `{line}` in {configuration}\n{shown}");
        }
        let checked = dateline(directory.path(), &["check", "--config", "dateline.toml"]);
        assert!(checked.status.success(), "{configuration}\n{}", printed(&checked));
        assert!(!printed(&checked).contains("0 published"), "{configuration}\n{}", printed(&checked));
        assert!(!directory.path().join("ran").exists(), "the program ran");
    }
}

#[test]
fn hostile_configurations_are_refused() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    fs::create_dir(directory.path().join("content")).expect("writable");
    let refused = |message: &str| {
        let made = dateline(directory.path(), &["init", "--from", "hugo", "."]);
        assert_eq!(made.status.code(), Some(2), "{}", printed(&made));
        assert!(printed(&made).contains(message), "no `{message}` in {}", printed(&made));
    };
    write(directory.path(), "hugo.toml", vec![b'#'; 2 << 20]);
    refused("larger than 1 MiB");
    write(directory.path(), "hugo.toml", b"title = '\xFF'\n");
    refused("not UTF-8");
    write(directory.path(), "hugo.toml", format!("a = {}", "[".repeat(100_000)));
    refused("nothing was written");
    fs::remove_file(directory.path().join("hugo.toml")).expect("it is there");
    let pipe = Command::new("mkfifo").arg(directory.path().join("hugo.toml")).status().expect("mkfifo runs");
    assert!(pipe.success());
    refused("not a regular file");
    // A link that leads nowhere isn't overwritten either.
    symlink("elsewhere.toml", directory.path().join("dateline.toml")).expect("writable");
    refused("never overwritten");
    assert!(!directory.path().join("elsewhere.toml").exists());
    let missing = dateline(directory.path(), &["init", "--from", "hugo", "no-such-directory"]);
    assert_eq!(missing.status.code(), Some(2), "{}", printed(&missing));
}

#[test]
fn built_feed_keeps_ids() {
    let directory = tempfile::tempdir().expect("a scratch directory");
    write(directory.path(), "_config.yml", "title: A\nurl: https://a.example\nplugins: [jekyll-feed]\n");
    write(directory.path(), "_posts/2026-11-18-a.md", "---\ntitle: Night ferry\n---\nText.\n");
    write(
        directory.path(),
        "_site/feed.xml",
        "<?xml version=\"1.0\"?><feed xmlns=\"http://www.w3.org/2005/Atom\"><title>A</title><id>https://a.example/feed.xml</id>\
         <updated>2026-11-18T00:00:00Z</updated><entry><title>Night ferry</title><id>https://a.example/2026/11/18/a</id>\
         <link href=\"https://a.example/2026/11/18/a.html\"/><updated>2026-11-18T00:00:00Z</updated></entry></feed>",
    );
    let made = printed(&dateline(directory.path(), &["init", "--from", "jekyll", "."]));
    let command = made.lines().find_map(|line| line.split_once("dateline import-ids ")).expect("a command").1;
    let mut arguments = vec!["import-ids", "--dry-run"];
    arguments.extend(command.split(' '));
    let imported = dateline(directory.path(), &arguments);
    assert!(imported.status.success(), "{}", printed(&imported));
    assert!(
        printed(&imported).contains("_posts/2026-11-18-a.md  <-  https://a.example/2026/11/18/a"),
        "{}",
        printed(&imported)
    );
}
