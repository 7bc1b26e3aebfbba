//! Twice the input takes at most twice the work, whatever it is.

use jiff::tz::TimeZone;

use super::of;
use crate::article::render::{LinkBase, render};
use crate::article::{ParseOptions, Parsed, parse};
use crate::types::{ArticlePath, WebUrl};

fn read(name: &str, text: &str) -> Parsed {
    let options = ParseOptions { max_size: 64 << 20, ..ParseOptions::new("content", TimeZone::UTC) };
    let parsed = parse(&ArticlePath::new(name), text.as_bytes(), &options);
    let links = LinkBase::new(
        WebUrl::parse("http://x.example/a").expect("a URL"),
        WebUrl::parse("http://x.example/media/").expect("a URL"),
    );
    if let Some(body) = parsed.article.as_ref().and_then(|article| article.body.clone()) {
        render(&body, &links);
    }
    parsed
}

/// A name, the kind of file, and its text of a size.
type Input = (String, &'static str, Box<dyn Fn(usize) -> String>);

fn hostile() -> Vec<Input> {
    let mut inputs: Vec<Input> = Vec::new();
    let list = |n: usize, item: fn(usize) -> String| (0..n).map(item).collect::<String>();
    for line in [
        "Date: 2026-01-01",
        "Date: x",
        "Embargo: x",
        "Status: x",
        "Section: s",
        "Tags: a",
        "Author: a",
        "Id: a",
        "Foo: a",
        "Photo: a",
        "Slug: a",
        "Expires: 2020",
        "Headline: t",
        "By A",
        "状态：x",
        "Correction: c",
        "(PHOTO: a)",
        "Sectoin: s",
        "Embrago: 1 June 2030",
        "Public: x",
        "EMBARGO EMBARGO",
    ] {
        inputs.push((
            format!("header {line}"),
            "a.txt",
            Box::new(move |n| format!("Headline: T\nDate: 2026-01-01\n{}\nx\n", format!("{line}\n").repeat(n))),
        ));
        inputs.push((
            format!("body {line}"),
            "a.txt",
            Box::new(move |n| format!("Headline: T\nDate: 2026-01-01\n\npara\n\n{}", format!("{line}\n\n").repeat(n))),
        ));
        inputs.push((
            format!("one line {line}"),
            "a.txt",
            Box::new(move |n| format!("Headline: T\nDate: 2026-01-01\n{}\n\nx\n", format!("{line}|").repeat(n))),
        ));
        inputs.push((
            format!("one line in words {line}"),
            "a.txt",
            Box::new(move |n| format!("Headline: T\nDate: 2026-01-01\n\n{}\n\nx\n", format!("{line} ").repeat(n))),
        ));
    }
    inputs.push((
        "authors".into(),
        "a.txt",
        Box::new(move |n| format!("T\n\n{}\n\nx\n", list(n, |at| format!("Author: A{at}|")))),
    ));
    inputs.push((
        "suffixes".into(),
        "a.md",
        Box::new(|n| format!("---\ntitle: T\ndate: 2026-01-01\nauthor: A{}\n---\nx", ", Jr".repeat(n))),
    ));
    inputs.push((
        "other stories".into(),
        "a.txt",
        Box::new(|n| format!("T\n\nPara.\n\nRelated\n\n{}", "Title\n\nStatus: x\n\n".repeat(n))),
    ));
    for markup in [
        "&#x41",
        "&",
        "*a ",
        "[",
        "![",
        "[a](",
        "[a](b) ",
        "`a ",
        "> ",
        "- a\n",
        "  - a\n",
        "<",
        "<b>",
        "</b>",
        "<!--",
        "|",
        "|a|b\n",
        "[^1]",
        "x[^a]\n",
        "{#a}",
        "{: .x}\n",
        "# a\n",
        "a\n===\n",
        "<http://a>",
        "{{< x >}}",
        "[paywall]",
        "~~",
        "<!--more-->",
        "EMBARGO: x\n\n",
        "Status: x\n\n",
        "![a](data:image/png;base64,AA)\n\n",
        "<iframe></iframe>\n",
        "<script>",
        "<style>",
        "<div style=\"display:none\">",
        "<svg>",
        "<noscript>",
        "<p>",
        "[^a]: b\n",
        "[a](#b) ",
        "<a id=b></a>",
        "[a]: b\n",
        "<p hidden>x</p>",
        "<template>",
        "<select><option>",
        "<table>",
        "<figure><img src=a.png>",
        "<p><b><i>",
        "<h2>T</h2>",
        "<img src=data:,x data-src=a.png><noscript><img src=a.png></noscript>",
        "<p style=\"color:red;display:block\">x</p>",
        "<span itemprop=author>a</span>",
        "<p>EMBARGOED UNTIL x</p>",
        "<time datetime=x>y</time>",
        "<a rel=author href=a>B</a>",
        "<script type=\"application/ld+json\">{\"embargo\": \"x\",</script>",
        "<script type=\"application/ld+json\">{\"@type\":\"NewsArticle\",\"headline\":\"x\",\"author\":{\"@id\":\"a\"}}</script>",
    ] {
        inputs.push((
            format!("Markdown {markup}"),
            "a.md",
            Box::new(move |n| format!("---\ntitle: T\ndate: 2026-01-01\n---\n{}", markup.repeat(n))),
        ));
        inputs.push((
            format!("page {markup}"),
            "a.html",
            Box::new(move |n| {
                let head = "<title>T</title><meta name=date content=2026-01-01>";
                format!("<html><head>{head}</head><body><h1>T</h1><article><p>x</p>{}</article>", markup.repeat(n))
            }),
        ));
    }
    for meta in [
        "<meta name=date content=xx>",
        "<meta name=author content=t>",
        "<meta property=og:title content=T>",
        "<link rel=canonical href=a>",
        "<meta name=dateline:draft content=x>",
        "<meta name=dateline:drafx content=x>",
        "<base href=a>",
        "<style>.a{display:none}</style>",
        "<meta property=article:tag content=a>",
    ] {
        inputs.push((
            format!("head {meta}"),
            "a.html",
            Box::new(move |n| {
                let headings = "<h2>T</h2>".repeat(n);
                format!("<html><head><title>T</title>{}</head><body><h1>T</h1><p>x</p>{headings}", meta.repeat(n))
            }),
        ));
    }
    inputs.push((
        "attributes".into(),
        "a.html",
        Box::new(move |n| format!("<title>T</title><h1>T</h1><p {}>x</p>", list(n, |at| format!("a{at}=1 ")))),
    ));
    inputs.push((
        "robots".into(),
        "a.html",
        Box::new(|n| {
            format!("<title>T</title><meta name=robots content='unavailable_after: {}'><p>x</p>", "a,".repeat(n))
        }),
    ));
    inputs.push(("authors in JSON-LD".into(), "a.html", Box::new(move |n| {
        let authors = list(n, |at| format!("{{\"@id\":\"{at}\"}},"));
        let people = list(n, |at| format!("{{\"@id\":\"{at}\",\"name\":\"A{at}\"}},"));
        format!("<title>T</title><script type='application/ld+json'>[{people}{{\"@type\":\"NewsArticle\",\"author\":[{authors}\"x\"]}}]</script><p>x</p>")
    })));
    for keys in ["k: v\n", "- t\n", "drafx: v\n", "corrections:\n- xx: a\n", "# a\n", "draft true\n"] {
        inputs.push((
            format!("front matter {keys}"),
            "a.md",
            Box::new(move |n| format!("---\ntitle: T\ndate: 2026-01-01\ntags:\n{}---\nx", keys.repeat(n))),
        ));
        inputs.push((format!("unclosed {keys}"), "a.md", Box::new(move |n| format!("---\n{}", keys.repeat(n)))));
    }
    for entry in [
        "\"embargoed\": \"2030-01-01\"",
        "\"pubstatus\": \"x\"",
        "\"x\": [1, {}]",
        "\"embargod\": \"x\"",
        "\"headline\": \"A <b>b</b>\"",
        "\"body_text\": \"EMBARGO: x\\n\\n\"",
        "\"body_xhtml\": \"<p>EMBARGO: x</p>\"",
        "\"subject\": [{\"name\": \"a\", \"code\": \"b\"}]",
        "\"keywords\": \"a, b\"",
        "\"byline\": \"By A and B\"",
        "\"associations\": [{\"type\": \"picture\", \"renditions\": [{\"href\": \"data:x\"}]}]",
        "\"genre\": [{\"name\": \"Kill\"}]",
        "\"ednote\": \"EMBARGO: x\"",
        "\"uri\": \"urn:x:1\"",
    ] {
        inputs.push((
            format!("ninjs {entry}"),
            "a.json",
            Box::new(move |n| {
                let head = "\"uri\": \"urn:x:1\", \"versioncreated\": \"2026-01-01\", \"headline\": \"T\"";
                format!("{{{head}{}}}", format!(", {entry}").repeat(n))
            }),
        ));
    }
    for text in ["\\uD83D\\uDE80", "EMBARGO: x\\n", "<p>x</p>", "<p>Status: x", "A, ", "x — ", "\\\\"] {
        for key in
            ["body_text", "body_xhtml", "headline", "byline", "ednote", "keywords", "description_html", "embargoed"]
        {
            inputs.push((
                format!("ninjs {key} {text}"),
                "a.json",
                Box::new(move |n| {
                    let head = "\"uri\": \"urn:x:1\", \"versioncreated\": \"2026-01-01\", \"headline\": \"T\"";
                    format!("{{{head}, \"{key}\": \"{}\"}}", text.repeat(n))
                }),
            ));
        }
    }
    for text in ["{\"uri\":", "[", "{\"embargo\":\"x\",", "\"", "{\"uri\": \"a\", \"a\":[", "\\u"] {
        inputs.push((format!("damaged ninjs {text}"), "a.json", Box::new(move |n| text.repeat(n))));
    }
    inputs
}

#[test]
fn parsing_takes_linear_time() {
    const SIZE: usize = 600;
    // Some limits of lines, words and searches are reached only by the larger input. Up to a limit, the number of steps may grow faster.
    const FIXED: usize = 150_000;
    let inputs = hostile();
    assert!(inputs.len() > 200);
    let mut superlinear = Vec::new();
    for (name, file, text) in inputs {
        let (one, two) = (text(SIZE), text(2 * SIZE));
        let mut diagnostics = 0;
        let once = of(|| drop(read(file, &one)));
        let twice = of(|| diagnostics = read(file, &two).diagnostics.len());
        assert!(diagnostics <= 21, "{name}: {diagnostics} diagnostics");
        if twice > once * 2 + once / 4 + FIXED {
            superlinear.push(format!("{name:?}: {once} steps, {twice} for twice the input"));
        }
    }
    assert!(superlinear.is_empty(), "{}", superlinear.join("\n"));
}

#[test]
fn withholding_lines_count_beyond_limits() {
    let rows = "a\n".repeat(200_001);
    for (name, text, code, withholds) in [
        ("a.txt", format!("T\n\n{rows}"), "article-too-complex", false),
        ("a.txt", format!("T\n\n{rows}Status: retracted\n"), "article-too-complex", true),
        ("a.txt", format!("T\n\n{rows}EMBARGOED UNTIL 1 June 2030\n"), "article-too-complex", true),
        ("a.md", format!("---\ntitle: T\ndate: 2026-01-01\n---\n{}", "# x\n".repeat(300_000)), "html-tangled", false),
        ("a.html", format!("<title>T</title><p {}>x", "a ".repeat(100_000)), "html-tangled", false),
        (
            "a.html",
            format!("<p {}>x</p><meta name=embargo content=2030-06-01>", "a ".repeat(3_000)),
            "html-tangled",
            true,
        ),
    ] {
        let parsed = read(name, &text);
        let reported: Vec<String> =
            parsed.diagnostics.iter().map(|reported| format!("{} {}", reported.code, reported.message)).collect();
        assert!(reported.len() == 1 && reported[0].starts_with(code), "{reported:?}");
        assert!(reported[0].contains(|c: char| c.is_ascii_digit()), "the limit is a number: {reported:?}");
        assert_eq!((parsed.article.is_none(), parsed.withhold), (true, withholds), "{name} {code}");
    }
}

#[test]
fn retraction_behind_many_lines_retracts() {
    let text = format!("Headline: T\n{}Status: retracted\n\nx\n", "Date: 2026-01-01\n".repeat(5_000));
    let parsed = read("a.txt", &text);
    assert!(parsed.article.is_some_and(|article| article.metadata.retracted.is_some()), "{:?}", parsed.diagnostics);
    let message = &parsed.diagnostics.last().expect("more").message;
    assert_eq!(message, "4481 more mistakes in this file are not listed; at most 20 are");
}
