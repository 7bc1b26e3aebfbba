//! Ids in files of every format and oddity.

use encoding_rs::{BIG5, GB18030, SHIFT_JIS};
use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::article::WireField;
use crate::types::Text;

const ID: &str = "tag:courier.example,2026:2026-11-20/news/a";

fn options() -> ParseOptions {
    ParseOptions { max_size: 1 << 20, ..ParseOptions::new("content", TimeZone::UTC) }
}

fn try_pin(path: &str, bytes: &[u8]) -> Result<Pinned, Unpinned> {
    pin(&ArticlePath::new(path), bytes, &EntryId::parse(ID).expect("an id"), &options())
}

/// The inserted text and its offset, if nothing else changed.
fn insertion(old: &[u8], new: &[u8]) -> Option<(usize, Vec<u8>)> {
    let length = new.len().checked_sub(old.len())?;
    let same = old.iter().zip(new).take_while(|(one, other)| one == other).count();
    // Inserted text may begin like the text after it.
    let at = (0..=same).rev().find(|&at| new.get(at + length..) == old.get(at..))?;
    Some((at, new[at..at + length].to_vec()))
}

#[test]
fn id_is_inserted_at_valid_position() {
    let md = "date: 2026-11-20\n";
    for (name, path, before, inserted, after) in [
        ("YAML", "a.md", "---\n", format!("id: \"{ID}\"\n"), format!("title: A\n{md}---\n\nText.\n")),
        (
            "a block of text, comments and a list",
            "a.md",
            "---\n",
            format!("id: \"{ID}\"\n"),
            format!("# for the desk\n\ntitle: >\n  A\n  b\n{md}tags:\n- x\n---\nText.\n"),
        ),
        ("no keys at all", "2026-11-20-a.md", "---\n", format!("id: \"{ID}\"\n"), "---\n# A\n".to_owned()),
        ("closed by dots", "a.md", "--- \n", format!("id: \"{ID}\"\n"), format!("title: A\n{md}...\nText.\n")),
        (
            "indented keys",
            "a.md",
            "---\n",
            format!("  id: \"{ID}\"\n"),
            "# c\n  title: A\n  date: 2026-11-20\n---\nText.\n".to_owned(),
        ),
        (
            "CRLF, trailing blanks, mixed line ends",
            "a.md",
            "---  \r\n",
            format!("id: \"{ID}\"\r\n"),
            "title: A \t\r\ndate: 2026-11-20\n---\r\nText. \r\n\tcode\r".to_owned(),
        ),
        (
            "mark and CRLF",
            "a.md",
            "\u{FEFF}---\r\n",
            format!("id: \"{ID}\"\r\n"),
            "title: A\r\n---\r\nText.".to_owned(),
        ),
        (
            "TOML with tables",
            "a.md",
            "+++\n",
            format!("id = \"{ID}\"\n"),
            "title = \"\"\"\nA\"\"\"\ndate = 2026-11-20\n[extra]\nid = 1\n[[media]]\nurl = \"a.mp3\"\n+++\nText.\n"
                .to_owned(),
        ),
        (
            "TOML that begins with a table",
            "a.md",
            "+++\n",
            format!("id = \"{ID}\"\n"),
            "[extra]\nid = 1\n+++\n# A\n".into(),
        ),
        ("no front matter", "a.md", "", format!("---\nid: \"{ID}\"\n---\n"), "# A\n\nText.\n".to_owned()),
        (
            "no front matter, two marks, CRLF",
            "a.MARKDOWN",
            "\u{FEFF}\u{FEFF}",
            format!("---\r\nid: \"{ID}\"\r\n---\r\n"),
            "\r\n\r\n# A\r\n\n    code\r\n".to_owned(),
        ),
        ("one line", "a.md", "", format!("---\nid: \"{ID}\"\n---\n"), "# A".to_owned()),
        ("old line ends", "a.md", "", format!("---\nid: \"{ID}\"\n---\n"), "# A\r\rText.\r".to_owned()),
        (
            "wire",
            "a.txt",
            "",
            format!("Id: {ID}\n"),
            "position: News > Chips > Article\n\nA\n\nText of it.\n".to_owned(),
        ),
        (
            "wire from the headline on",
            "2026-11-20-a.txt",
            "",
            format!("Id: {ID}\n"),
            "A\nText of it, a paragraph.\n".to_owned(),
        ),
        ("wire, byline first", "a.txt", "", format!("Id: {ID}\n"), "By Ann Lee\n\nA\n\nText of it.\n".to_owned()),
        (
            "wire, mark and CRLF",
            "a.txt",
            "\u{FEFF}",
            format!("Id: {ID}\r\n"),
            "\r\n首页 > 科技\r\n\r\n标题在这里\r\n\r\n正文在这里。\r\n\r\n责任编辑：沈若川".to_owned(),
        ),
        (
            "wire, old line ends",
            "a.txt",
            "",
            format!("Id: {ID}\r"),
            "A\r\rDate: 2026-11-20\r\rText of it.\r".to_owned(),
        ),
        (
            "page",
            "a.html",
            "<!DOCTYPE html>\n<html lang=en>\n<!-- a <head> of old -->\n<HEAD data-x=\">\">",
            format!("\n  <meta name=\"dateline-id\" content=\"{ID}\">"),
            "\n  <title>A</title>\n</head>\n<body><h1>A</h1><p>Text.</p></body></html>\n".to_owned(),
        ),
        (
            "page that declares its charset",
            "a.htm",
            "<html>\r\n<head> \r\n\t<meta charset=\"utf-8\">",
            format!("\r\n<meta name=\"dateline-id\" content=\"{ID}\">"),
            "\r\n<meta name=author content=B><title>A</title></head><body><p>Text.</p></body></html>".to_owned(),
        ),
        (
            "page in one line",
            "a.html",
            "<!doctype html><html><head>",
            format!("<meta name=\"dateline-id\" content=\"{ID}\">"),
            "<title>A</title></head><body><p>Text.</p></body></html>".to_owned(),
        ),
        (
            "no head",
            "a.html",
            "\u{FEFF}<?xml version=\"1.0\"?>\n<html>\n  ",
            format!("<meta name=\"dateline-id\" content=\"{ID}\">\n  "),
            "<body>\n<header>Top</header><h1>A</h1><p>Text.</p></body></html>".to_owned(),
        ),
        (
            "no tags around it",
            "a.html",
            "<!doctype html>",
            format!("<meta name=\"dateline-id\" content=\"{ID}\">"),
            "<title>A</title><p>Text.".to_owned(),
        ),
        (
            "a piece",
            "a.html",
            "",
            format!("<meta name=\"dateline-id\" content=\"{ID}\">\n"),
            "<h1>A</h1><p>Text.".to_owned(),
        ),
    ] {
        let old = format!("{before}{after}");
        let pinned = try_pin(path, old.as_bytes()).unwrap_or_else(|reason| panic!("{name}: {reason:?}"));
        let new = String::from_utf8(pinned.bytes).expect("UTF-8");
        assert_eq!(new, format!("{before}{inserted}{after}"), "{name}");
        let shown = pinned.inserted.lines().next().expect("a line");
        let number = usize::try_from(pinned.line).expect("small");
        assert!(new.lines().nth(number - 1).is_some_and(|line| line.contains(shown)), "{name}: line {number}");
        assert_eq!(pinned.inserted.trim(), inserted.trim().replace("\r\n", "\n"), "{name}");
    }
}

#[test]
fn other_charsets_keep_their_bytes() {
    let chinese = "港口今天重新开放，渔民说鱼回来了，船长说明年还要再来，海豹也在。";
    let yaml = format!("---\r\ntitle: 港口\r\n---\r\n{chinese}\r\n");
    let wire = format!("首页 > 科技\n\n港口今天重新开放\n\n{chinese}\n");
    let page = format!("<html><head><meta charset=gbk><title>港口</title></head><body><p>{chinese}</p></body></html>");
    let taiwanese = "# 港口\n\n港口今天重新開放，漁民說魚回來了，船長說明年還要再來，海豹也在。\n";
    let japanese = "# 港\n\n港が今日また開いた。漁師は魚が戻ってきたと言う。船長は来年も来ると言った。\n";
    let mut cases = vec![
        ("a.md", GB18030.encode(&yaml).0.into_owned()),
        ("a.txt", GB18030.encode(&wire).0.into_owned()),
        ("a.html", GB18030.encode(&page).0.into_owned()),
        ("a.md", BIG5.encode(taiwanese).0.into_owned()),
        ("a.md", SHIFT_JIS.encode(japanese).0.into_owned()),
        ("a.md", [&[0x84, 0x31, 0x95, 0x33], &*GB18030.encode(&format!("# 港口\n\n{chinese}")).0].concat()),
    ];
    for (path, text) in [("a.md", &yaml), ("a.txt", &wire), ("a.html", &page), ("a.md", &taiwanese.to_owned())] {
        let text = text.replace(" charset=gbk", " name=a");
        let marked = format!("\u{FEFF}{text}");
        cases.push((path, marked.encode_utf16().flat_map(u16::to_le_bytes).collect()));
        cases.push((path, marked.encode_utf16().flat_map(u16::to_be_bytes).collect()));
    }
    for (number, (path, old)) in cases.into_iter().enumerate() {
        let pinned = try_pin(path, &old).unwrap_or_else(|reason| panic!("{number}: {reason:?}"));
        let (at, inserted) = insertion(&old, &pinned.bytes).expect("one insertion");
        let text: Vec<u8> = inserted.iter().copied().filter(|&byte| byte != 0).collect();
        assert!(String::from_utf8(text).expect("ASCII").contains(ID), "{number}: {inserted:?}");
        let marked = old.starts_with(&[0x84, 0x31]) || Encoding::for_bom(&old).is_some();
        assert!(!marked || at > 0, "{number}: the mark stays first");
    }
}

#[test]
fn unsafe_insertion_is_refused() {
    // However long: the name of a Chinese file is percent-encoded in it.
    let long = EntryId::minted(format!("tag:courier.example,2026:2026-11-20/news/{}", "%E5%86%B7".repeat(30)));
    assert!(pin(&ArticlePath::new("a.txt"), b"A\n\nDate: 2026-11-20\n\nText of it.\n", &long, &options()).is_ok());
    let far = format!("<html><head><!--{}--><meta charset=gbk>", "x".repeat(930));
    for (path, text, id, reason) in [
        ("a.md", "---\ntitle: A\n", ID, "cannot be read as an article: the front matter is not closed"),
        ("a.md", "---\n{title: A, date: 2026-11-20}\n---\nText.\n", ID, "in braces"),
        ("a.md", "---\n# c\n\n  {title: A,\n  date: 2026-11-20}\n---\nText.\n", ID, "in braces"),
        ("a.md", "---\ntitle: A\nid:\n---\nText.\n", ID, "the key `id` appears twice"),
        ("a.md", "---\n!!map\ntitle: A\n---\nText.\n", ID, "could no longer be read"),
        ("a.md", "---\n~\n---\n# A\n", ID, "could no longer be read"),
        ("a.md", "# A\n", "tag:x.example,2026:a b", "its id would still be different"),
    ] {
        let old = pin(&ArticlePath::new(path), text.as_bytes(), &EntryId::minted(id.to_owned()), &options());
        let Err(Unpinned::Unsafe(actual)) = old else { panic!("{text:?}: {old:?}") };
        assert!(actual.contains(reason), "{text:?}: {actual}");
    }
    // The insertion would push a line out of the place where it counts.
    let (page, ..) = GB18030.encode("<title>港口</title></head><body><p>港口今天重新开放，渔民说鱼回来了。</p>");
    let page = [far.as_bytes(), &page].concat();
    assert!(matches!(try_pin("a.html", &page), Err(Unpinned::Unsafe(_))));
    // The newsroom has its own label.
    let own = ParseOptions { wire_labels: vec![(Text::line("ID"), WireField::Source)], ..options() };
    let id = EntryId::parse(ID).expect("an id");
    let pinned = pin(&ArticlePath::new("a.txt"), b"A\n\nDate: 2026-11-20\n\nText of it.\n", &id, &own);
    assert!(matches!(pinned, Err(Unpinned::Unsafe(_))), "{pinned:?}");
    // A file that is just not too large.
    let tight = ParseOptions { max_size: 10, ..options() };
    let pinned = pin(&ArticlePath::new("a.md"), b"# A\n\nText", &id, &tight);
    assert!(matches!(pinned, Err(Unpinned::Unsafe(_))), "{pinned:?}");
}

#[test]
fn every_difference_counts() {
    let id = EntryId::parse(ID).expect("an id");
    let read = |text: &str| parse(&ArticlePath::new("a.md"), text.as_bytes(), &options());
    let before = read("---\ntitle: A\ndate: 2026-11-20\n---\nText.\n");
    let article = before.article.as_ref().expect("an article");
    for (after, expected) in [
        (format!("---\nid: {ID}\ntitle: A\ndate: 2026-11-20\n---\nText.\n"), None),
        (format!("---\nid: {ID}x\ntitle: A\ndate: 2026-11-20\n---\nText.\n"), Some("its id")),
        (format!("---\nid: {ID}\ntitle: A\ndate: 2026-11-21\n---\nText.\n"), Some("other fields")),
        (format!("---\nid: {ID}\ntitle: A\ndate: 2026-11-20\n---\nText!\n"), Some("its text")),
        (format!("---\nid: {ID}\ntitle: A\ndate: 2026-11-20\ntilte: B\n---\nText.\n"), Some("a new mistake")),
        (format!("---\nid: {ID}\ntitle: A\ndate: 2026-11-31\n---\nText.\n"), Some("no longer be read")),
    ] {
        let difference = difference(&before, article, &read(&after), &id);
        assert!(
            difference.is_some() == expected.is_some()
                && difference.iter().all(|difference| difference.contains(expected.unwrap_or_default())),
            "{after}: {difference:?}"
        );
    }
    // An error must not be repeated.
    let before = read("# A\n");
    let mut after = read(&format!("---\nid: {ID}\n---\n# A\n"));
    let article = before.article.as_ref().expect("an article");
    assert_eq!((before.diagnostics.len(), difference(&before, article, &after, &id)), (1, None), "it has no date");
    after.diagnostics.push(after.diagnostics[0].clone());
    assert!(difference(&before, article, &after, &id).is_some());
}

#[test]
fn existing_id_stays() {
    let own = EntryId::parse("tag:x.example,2026:one").expect("an id");
    for (path, text) in [
        ("a.md", format!("---\ntitle: A\nid: {own}\n---\nText.\n")),
        ("a.md", format!("+++\ntitle = 'A'\nid = '{own}'\n+++\nText.\n")),
        ("a.txt", format!("A\n\nText of it.\n\n稿件编号：{own}\n")),
        ("a.html", format!("<title>A</title><meta name=dateline-id content='{own}'><p>Text.")),
        ("a.md", String::from_utf8(try_pin("a.md", b"# A\n").expect("pinned").bytes).expect("UTF-8")),
    ] {
        let result = try_pin(path, text.as_bytes());
        let Err(Unpinned::HasId(known)) = result else { panic!("{text}: {result:?}") };
        assert!(known == own || known.as_str() == ID);
    }
}

#[test]
fn ids_are_escaped_for_their_format() {
    let id = EntryId::parse("https://x.example/?a=1&lt;2#'%25;:港").expect("an id");
    for (path, text) in [
        ("a.md", "---\ntitle: A\n---\nText.\n"),
        ("a.md", "+++\ntitle = 'A'\n+++\nText.\n"),
        ("a.md", "# A\n"),
        ("a.html", "<head>\n<title>A</title></head><p>Text."),
        ("a.txt", "A\n\nDate: 2026-11-20\n\nText of it.\n"),
    ] {
        let pinned = pin(&ArticlePath::new(path), text.as_bytes(), &id, &options()).expect("pinned");
        let article = parse(&ArticlePath::new(path), &pinned.bytes, &options()).article.expect("an article");
        assert_eq!(article.metadata.id.as_ref(), Some(&id), "{text}");
    }
}

/// Files of all formats: what stands first, lines, how each ends, and in which charset.
fn file() -> impl Strategy<Value = (&'static str, Vec<u8>)> {
    let yaml = prop::sample::select(vec![
        "tags: [a, 'b: c']",
        "summary: >-",
        "  folded: text",
        "# a comment",
        "",
        "authors:",
        "- Ada Quay",
        "extra: {id: 1, deep: [1, {x: y}]}",
        "embago: x",
        "作者: 林遥",
        "date: 2026-11-20 10:00",
        "   ",
    ]);
    let toml = prop::sample::select(vec![
        "tags = ['a']",
        "# a comment",
        "",
        "authors = [",
        "  'Ada Quay',",
        "]",
        "date = 2026-11-20",
        "summary = '''",
        "id = 'not'''' # this one",
    ]);
    let tables = prop::sample::select(vec!["", "[extra]", "[extra]\nid = 'x'", "[[media]]\nurl = 'a.mp3'\n[id2]"]);
    let body = prop::sample::select(vec![
        "# A heading",
        "",
        "Text  ",
        "\tcode",
        "---",
        "+++",
        "id: x",
        "港口今天重新开放，渔民说鱼回来了，船长说明年还要再来。",
        "Source: Agency | 2026-11-20 10:00",
        "By Ann Lee",
        "Editor: 沈若川",
        "News > Chips",
        "(PHOTO: Agency)",
        "Top News",
        "<p>Text.</p>",
        "<head>",
        "<meta charset=utf-8>",
        "<meta name=author content='B C'>",
        "<title>Title</title>",
        "<body>",
        "<!-- x",
        "-->",
        "<h1>A heading</h1>",
        "<article>",
    ]);
    let bodies = || prop::collection::vec(body.clone(), 0..9).prop_map(|lines| lines.join("\n"));
    let (yamls, tomls) = (prop::collection::vec(yaml, 0..6), prop::collection::vec(toml, 0..5));
    let md = (yamls, bodies()).prop_map(|(keys, body)| {
        let keys: Vec<&str> = ["title: A"].into_iter().chain(keys).collect();
        ("a.md", format!("---\n{}\n---\n{body}", keys.join("\n")))
    });
    let toml = (tomls, tables, bodies()).prop_map(|(keys, tables, body)| {
        ("a.md", format!("+++\ntitle = 'A'\n{}\n{tables}\n+++\n{body}", keys.join("\n")))
    });
    let bare = bodies().prop_map(|body| ("a.md", format!("# A\n{body}")));
    let wire =
        bodies().prop_map(|body| ("a.txt", format!("Headline of it\n\n{body}\n\nA paragraph of it, at the end.")));
    let page = bodies().prop_map(|body| ("a.html", format!("<html>\n{body}\n<title>T</title><p>Text of it.</p>")));
    let any = bodies().prop_flat_map(|body| {
        prop::sample::select(vec!["2026-11-20-a.md", "a.txt", "a.html"]).prop_map(move |path| (path, body.clone()))
    });
    let endings = prop::collection::vec(prop::sample::select(vec!["\n", "\r\n"]), 1..4);
    (prop_oneof![md, toml, bare, wire, page, any], endings, 0..5u8).prop_map(|((path, text), endings, charset)| {
        let mut ends = endings.into_iter().cycle();
        let text: String =
            text.split_inclusive('\n').map(|line| line.replace('\n', ends.next().unwrap_or("\n"))).collect();
        let marked = format!("\u{FEFF}{text}");
        let bytes = match charset {
            0 | 1 => text.into_bytes(),
            2 => marked.into_bytes(),
            3 => GB18030.encode(&text).0.into_owned(),
            _ => marked.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        };
        (path, bytes)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// Pinning any file gives one insertion, and the same article but for its id; or a reason.
    #[test]
    fn only_the_id_changes((path, old) in file()) {
        let path = ArticlePath::new(path);
        let before = parse(&path, &old, &options());
        let (pinned, article) = match (try_pin(path.as_str(), &old), before.article) {
            (Ok(pinned), Some(article)) => (pinned, article),
            (pinned, None) => {
                prop_assert!(pinned.is_err());
                return Ok(());
            }
            // Nothing here is so odd that it cannot be pinned.
            (Err(reason), Some(_)) => {
                let text = String::from_utf8_lossy(&old).into_owned();
                return Err(TestCaseError::fail(format!("{reason:?}\n{text}")));
            }
        };
        prop_assert!(insertion(&old, &pinned.bytes).is_some());
        let after = parse(&path, &pinned.bytes, &options());
        let new = after.article.expect("still an article");
        prop_assert_eq!(new.metadata.id.as_ref().map(EntryId::as_str), Some(ID));
        let mut metadata = Metadata::clone(&new.metadata);
        (metadata.id, metadata.item, metadata.hash) = (None, None, article.metadata.hash);
        prop_assert_eq!(&metadata, &*article.metadata);
        prop_assert_eq!(new.body, article.body);
        prop_assert_eq!(after.diagnostics.len(), before.diagnostics.len());
        let again = try_pin(path.as_str(), &pinned.bytes);
        prop_assert!(matches!(again, Err(Unpinned::HasId(_))), "pinned twice: {again:?}");
    }
}
