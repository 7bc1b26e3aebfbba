//! Pages as publishing systems write them, and what each says about its article.
//!
//! Long because it is a list of cases.

use jiff::tz::TimeZone;

use super::finding::Field;
use super::findings;
use super::page::Page;
use super::places::Places;
use crate::article::draft::{Draft, Source};
use crate::article::{Body, ParseOptions, SectionClaim};
use crate::types::{ArticlePath, ContentHash, Text};

/// The value that counts for every field, and the body; one fact per line.
fn describe(source: &str) -> String {
    let page = Page::parse(source);
    let mut problems = Vec::new();
    let base = page.base().unwrap_or_default();
    let found = findings(&Places::new(source), &page, &base, |broken| problems.push((broken.message, broken.span)));
    let line_of = |at: usize| source.bytes().take(at).filter(|&byte| byte == b'\n').count() + 1;
    let mut facts = String::new();
    let mut seen = Vec::new();
    for finding in &found {
        let first = found.iter().find(|other| other.field == finding.field).expect("itself");
        let plural = matches!(finding.field, Field::Author | Field::Editor | Field::Tag);
        if (seen.contains(&finding.field) && !plural) || first.origin != finding.origin {
            continue;
        }
        seen.push(finding.field);
        let line = finding.span.as_ref().map_or(0, |span| line_of(span.start));
        facts.push_str(&format!("{:?} ({}:{line}): {}\n", finding.field, finding.origin, finding.value));
    }
    let titles = found.iter().filter(|finding| finding.field == Field::Title).map(|finding| finding.value.as_str());
    let titles = titles.collect::<Vec<_>>();
    if let Some((figure, above)) = page.lead_figure() {
        facts.push_str(&format!(
            "Figure (above: {above}): {} | {} | {} | {}\n",
            figure.url, figure.alt, figure.caption, figure.credit
        ));
    }
    for (message, span) in problems {
        let line = span.map_or(0, |span| line_of(span.start));
        facts.push_str(&format!("problem:{line} {message}\n"));
    }
    let body = Page::parse(source).body(&titles, false, &base).unwrap_or_default();
    facts.push_str(&body.split_whitespace().collect::<Vec<_>>().join(" "));
    facts
}

fn check(source: &str, expected: &str) {
    let expected = expected.lines().map(str::trim_start).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    assert_eq!(describe(source).trim_end(), expected, "\n--- of ---\n{source}");
}

#[test]
fn names_are_found_in_every_notation() {
    for (people, expected) in [
        (r#""author": {"@type": "Person", "givenName": "Ann", "familyName": "Lee"}"#, "Ann Lee"),
        (r#""author": [{"givenName": "Ann"}, {"familyName": "Lee", "name": ""}]"#, "Ann|Lee"),
        (r#""author": {"@list": [{"name": "Ann Lee"}, "Bo Chen"]}"#, "Ann Lee|Bo Chen"),
        (r#""author": {"@set": {"name": {"@value": "Ann Lee", "@language": "en"}}}"#, "Ann Lee"),
        (r#""creator": [{"name": "Ann Lee"}, {"name": "Smith & Sons, Ltd"}]"#, "Ann Lee|Smith & Sons, Ltd"),
        (r#""author": [], "creator": "Ann Lee""#, "Ann Lee"),
        (r#""author": "Ann Lee", "creator": "Bo Chen""#, "Ann Lee"),
        (r#""author": {"@type": "Organization", "legalName": "Agency, Inc."}"#, "Agency, Inc."),
        (
            r##""author": {"@type": "Person", "@id": "#a"}}, {"@id": "#a", "givenName": "Ann", "familyName": "Lee""##,
            "Ann Lee",
        ),
        (r#""author": {"@type": "Person", "url": "https://x.example/ann"}"#, ""),
        (r#""schema:author": {"schema:givenName": "Ann", "schema:familyName": "Lee"}"#, "Ann Lee"),
    ] {
        let source = format!(
            "<script type=application/ld+json>[{{\"@type\": \"NewsArticle\", \"headline\": \"T\", {people}}}]</script><article>x</article>"
        );
        let description = describe(&source);
        let names =
            description.lines().filter_map(|line| Some(line.strip_prefix("Author (JSON-LD:")?.split_once("): ")?.1));
        let names = names.collect::<Vec<_>>();
        assert_eq!(names.join("|"), expected, "{people}");
    }
}

#[test]
fn links_to_removed_headings_keep_targets() {
    for (source, expected) in [
        (
            "<article><h1 id=intro>T</h1><p>See <a href=#intro>above</a>.</p></article>",
            r##"<a id="intro"></a><p>See <a href="#intro">above</a>.</p>"##,
        ),
        (
            "<article><h1><a name=top></a><span id=t>T</span></h1><p>x</p></article>",
            r#"<a id="top"></a><a id="t"></a><p>x</p>"#,
        ),
        ("<article><header id=h><h1 id=intro>T</h1></header><p>x</p></article>", r#"<a id="intro"></a><p>x</p>"#),
        ("<article><h1>T</h1><p>x</p></article>", "<p>x</p>"),
    ] {
        let description = describe(source);
        assert_eq!(description.lines().last(), Some(expected), "{source}");
    }
}

#[test]
fn visible_text_stays_and_hidden_text_goes() {
    for (source, expected) in [
        ("<style>.x{display:none}</style><article><p class=x>b</p><p>c</p></article>", "<p>c</p>"),
        ("<style>#h{display:none}</style><article><h2 id=h>b</h2><p>c</p></article>", "<p>c</p>"),
        (
            "<style>.x{display:none} .x.on{display:block}</style><article><p class=x>b</p></article>",
            r#"<p class="x">b</p>"#,
        ),
        ("<style>.x{visibility:hidden}</style><div class=x><article><p>b</p></article></div>", "<p>b</p>"),
        (
            "<article><blockquote><p>b</p><footer>Ann Lee</footer></blockquote><footer>c</footer></article>",
            "<blockquote><p>b</p><footer>Ann Lee</footer></blockquote>",
        ),
        (
            "<article><header>a</header><section><header><h2>b</h2></header><p>c</p></section></article>",
            "<section><header><h2>b</h2></header><p>c</p></section>",
        ),
        (
            "<article><p>b</p><aside>c</aside><aside role=doc-footnote id=n>d</aside></article>",
            r#"<p>b</p><aside id="n" role="doc-footnote">d</aside>"#,
        ),
        ("<article><p>b</p><div style='visibility:hidden'>c</div></article>", "<p>b</p>"),
        (
            "<article><div style='visibility:hidden'>c<p style='visibility:visible'>b</p></div></article>",
            r#"<div style="visibility:hidden">c<p style="visibility:visible">b</p></div>"#,
        ),
    ] {
        let description = describe(source);
        assert_eq!(description.lines().last(), Some(expected), "{source}");
    }
}

#[test]
fn page_becomes_article() {
    check(
        r##"<!DOCTYPE html>
<html lang="en-GB">
<head>
<title>Ships return | Harbour Courier</title>
<meta property="og:title" content="Ships return to port">
<meta property="article:published_time" content="2026-03-08T07:05:00+08:00">
<meta property="article:author" content="https://social.example/ann">
<meta name="author" content="Ann Lee">
<meta property="article:section" content="Harbours > Ships">
<meta property="article:tag" content="ships">
<meta property="article:tag" content="ports">
<meta name="keywords" content="other, words">
<meta name="description" content="The ships &amp; the seals are back.">
<meta name="dateline-id" content="tag:courier.example,2026:1">
<meta property="og:image" content="/img/ship.jpg">
<link rel="canonical" href="https://www.courier.example/ships.html">
</head>
<body>
<nav><a href="/">Home</a></nav>
<article>
<header><h1>Ships return</h1><p class="byline">By Ann Lee</p><time datetime="2026-03-08">8 March</time></header>
<figure><img src="/img/ship.jpg" alt="A ship"><figcaption>A ship at the pier. <span class="credit">Photo: Bo Chen</span></figcaption></figure>
<p>The ships are <a href="back.html">back</a>.</p>
<aside><p>Read also</p></aside>
<script>track()</script>
<p>So are the seals.</p>
<form><input></form>
<footer>Share</footer>
</article>
<footer>Imprint</footer>
</body>
</html>"##,
        r##"Title (Open Graph:5): Ships return to port
        Published (Open Graph:6): 2026-03-08T07:05:00+08:00
        Section (Open Graph:9): Harbours > Ships
        Tag (Open Graph:10): ships
        Tag (Open Graph:11): ports
        ImageUrl (Open Graph:15): /img/ship.jpg
        Id (meta:14): tag:courier.example,2026:1
        Author (meta:8): Ann Lee
        Summary (meta:0): The ships & the seals are back.
        Link (canonical link:16): https://www.courier.example/ships.html
        Language (html lang:2): en-GB
        Figure (above: true): /img/ship.jpg | A ship | A ship at the pier. | Photo: Bo Chen
        <figure><img alt="A ship" src="/img/ship.jpg"><figcaption>A ship at the pier. <span class="credit">Photo: Bo Chen</span></figcaption></figure> <p>The ships are <a href="back.html">back</a>.</p> <p>So are the seals.</p>"##,
    );
}

#[test]
fn json_ld_takes_precedence() {
    check(
        r##"<html><head><script type="application/ld+json">
{"@context": "https://schema.org", "@graph": [
 {"@type": "WebSite", "name": "Harbour Courier"},
 {"@type": "Person", "@id": "#ann", "name": "Ann Lee"},
 {"@type": ["ReportageNewsArticle"], "headline": "Ships &amp; seals return",
  "datePublished": "2026-03-08T07:05:00+08:00", "dateModified": "2026-03-09",
  "author": [{"@id": "#ann"}, "Bo Chen", {"@type": "Organization", "name": "Agency"}],
  "publisher": {"name": "Harbour Courier"}, "editor": {"name": "Cy Wu"},
  "articleSection": ["Harbours"], "keywords": "ships, seals", "inLanguage": "en",
  "description": "They are back.", "mainEntityOfPage": {"@id": "https://www.courier.example/ships"},
  "image": [{"@type": "ImageObject", "url": "https://img.example/s.jpg", "caption": "A ship.", "creditText": "Bo"}]}
]}
</script><meta property="og:title" content="Other"></head>
<body><main><h1>Ships &amp; seals return</h1><p>They are back.</p></main></body></html>"##,
        r##"Title (JSON-LD:5): Ships & seals return
        Published (JSON-LD:6): 2026-03-08T07:05:00+08:00
        Updated (JSON-LD:6): 2026-03-09
        Author (JSON-LD:4): Ann Lee
        Author (JSON-LD:7): Bo Chen
        Author (JSON-LD:7): Agency
        Editor (JSON-LD:8): Cy Wu
        Section (JSON-LD:9): Harbours
        Tag (JSON-LD:9): ships
        Tag (JSON-LD:9): seals
        Summary (JSON-LD:10): They are back.
        Language (JSON-LD:9): en
        Link (JSON-LD:10): https://www.courier.example/ships
        ImageUrl (JSON-LD:11): https://img.example/s.jpg
        ImageCaption (JSON-LD:11): A ship.
        ImageCredit (JSON-LD:11): Bo
        <p>They are back.</p>"##,
    );
}

#[test]
fn partial_pages_become_articles() {
    for (source, expected) in [
        // The site's name goes only when the headline says where the title ends.
        ("<title>Ships | Courier</title><h1>Ships</h1><p>x", "Title (title element:1): Ships\n<p>x</p>"),
        ("<title>Ships - a report</title><p>x", "Title (title element:1): Ships - a report\n<p>x</p>"),
        ("<title>Courier</title><h1>Ships</h1><p>x", "Title (title element:1): Courier\n<p>x</p>"),
        ("<h1>Ships</h1><p>x", "Title (h1 element:1): Ships\n<p>x</p>"),
        // Dublin Core.
        (
            "<meta name=DC.title content=Ships>\n<meta name=dcterms.created content=2026-03-08>\n<meta name=DC.creator content='Ann Lee'><p>x",
            "Title (Dublin Core:1): Ships\nPublished (Dublin Core:2): 2026-03-08\nAuthor (Dublin Core:3): Ann Lee\n<p>x</p>",
        ),
        // Bylines and times of the page.
        (
            "<article><h1>Ships</h1>\n<p>By <a rel=author href=/ann>Ann Lee</a> and <a rel=author href=/bo>Bo Chen</a></p>\n<time datetime=2026-03-08>x</time><p>x</article>",
            "Title (h1 element:1): Ships\nAuthor (byline:2): Ann Lee\nAuthor (byline:2): Bo Chen\nPublished (time element:3): 2026-03-08\n<time datetime=\"2026-03-08\">x</time><p>x</p>",
        ),
        // The article with the headline, not the teaser above it.
        (
            "<article><h2>Teaser</h2></article><article><h1>Ships</h1><p>x</p></article>",
            "Title (h1 element:1): Ships\n<p>x</p>",
        ),
        ("<div role=main><p>x</p></div><p>y", "<p>x</p>"),
        // Pictures that a script would load; they are made ordinary ones where the body is rendered.
        (
            "<article><h1>Ships</h1><p>x</p><figure><img src=data:x data-src=a.jpg></figure><img data-original=b.jpg></article>",
            "Title (h1 element:1): Ships\nFigure (above: false): a.jpg |  |  | \n<p>x</p><figure><img data-src=\"a.jpg\" src=\"data:x\"></figure><img data-original=\"b.jpg\">",
        ),
        // Broken JSON-LD is reported with its line, and the rest of the page is used.
        (
            "<h1>Ships</h1>\n<script type='application/ld+json'>\n{\"@type\": \"NewsArticle\",\n \"headline\": }\n</script>\n<p>x",
            "Title (h1 element:1): Ships\nproblem:4 expected value\n<p>x</p>",
        ),
        (
            "<script type='application/ld+json'>\r\n<!-- {\"@type\": \"NewsArticle\", \"headline\": \"Ships\"} -->\r\n</script><p>x",
            "Title (JSON-LD:2): Ships\n<p>x</p>",
        ),
        ("<script type='application/ld+json'>[[[1,null,\"x\",{\"@type\":5}]]]</script><p>x", "<p>x</p>"),
        ("", ""),
        ("just text", "just text"),
    ] {
        check(source, expected);
    }
}

/// The article as it is published, one fact per line, and the diagnostics.
fn read(source: &str) -> String {
    let options = ParseOptions { max_size: 1_000_000, ..ParseOptions::new("content", TimeZone::UTC) };
    let path = ArticlePath::new("harbours/2026-03-08-ships.html");
    let source = Source { path: &path, text: source, options: &options };
    let parsed = super::read(Draft::new(source, ContentHash::of(b""), true), source.text);
    let mut facts = String::new();
    if let Some(article) = parsed.article {
        let metadata = &article.metadata;
        facts.push_str(&format!("title: {}\n", metadata.title));
        if let SectionClaim::Breadcrumb(crumbs) = &metadata.section {
            facts.push_str(&format!("section: {}\n", crumbs.iter().map(Text::as_str).collect::<Vec<_>>().join(" > ")));
        }
        let authors = metadata.authors.iter().map(Text::as_str).collect::<Vec<_>>().join("; ");
        facts.push_str(&format!("authors: {authors}\n"));
        if let Some(image) = &metadata.image {
            let url = image.files.first().map(|file| &file.url);
            let url = url.map_or("Missing".to_owned(), |url| format!("{url:?}"));
            facts.push_str(&format!("image: {url} {:?} {:?} {:?}\n", image.alt, image.caption, image.credit));
        }
        if let Some(Body::Html(body)) = article.body.as_deref() {
            facts.push_str(&format!("body: {}\n", body.split_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    for diagnostic in parsed.diagnostics {
        let line = diagnostic.place.map_or(0, |place| place.line);
        facts.push_str(&format!("{}:{line} {}\n", diagnostic.code, diagnostic.message));
    }
    facts
}

#[test]
fn pages_become_articles() {
    const PICTURE: &str = "<figure><img src=\"https://img.example/a.jpg?w=9\" alt=\"A ship\"><figcaption>At the pier.</figcaption></figure>";
    for (source, expected) in [
        // The lead picture of the page is the entry's, and not in the body once more.
        (
            format!("<article><h1>Ships</h1>{PICTURE}<p>Back.</p></article>"),
            "title: Ships\nauthors: \nimage: Remote(\"https://img.example/a.jpg?w=9\") Some(\"A ship\") Some(\"At the pier.\") None\nbody: <p>Back.</p>\n",
        ),
        // A picture below the text stays there.
        (
            "<article><h1>Ships</h1><p>Back.</p><figure><img src=https://img.example/a.jpg></figure></article>".to_owned(),
            "title: Ships\nauthors: \nimage: Remote(\"https://img.example/a.jpg\") None None None\nbody: <p>Back.</p><figure><img src=\"https://img.example/a.jpg\"></figure>\n",
        ),
        // Another picture than the stated one stays too; the stated one is completed with the page's own address.
        (
            format!("<link rel=canonical href=https://c.example/x><meta property=og:image content=/b.jpg><article><h1>Ships</h1>{PICTURE}<p>Back.</p></article>"),
            "title: Ships\nauthors: \nimage: Remote(\"https://c.example/b.jpg\") None None None\nbody: <figure><img alt=\"A ship\" src=\"https://img.example/a.jpg?w=9\"><figcaption>At the pier.</figcaption></figure><p>Back.</p>\n",
        ),
        (
            "<meta property=og:image content=/b.jpg><article><h1>Ships</h1><p>Back.</p></article>".to_owned(),
            "title: Ships\nauthors: \nbody: <p>Back.</p>\nhtml-image:1 `/b.jpg` begins at the root of a site, but the page does not state its own address\n",
        ),
        // All authors of the first source, none of the others; a section in either notation.
        (
            "<meta property=article:section content='Harbours/Ships'><meta name=author content='Ann Lee and Bo Chen'><article><h1>Ships</h1><p class=byline>By Cy Wu</p><p>Back.</p></article>".to_owned(),
            "title: Ships\nsection: Harbours > Ships\nauthors: Ann Lee; Bo Chen\nbody: <p>Back.</p>\n",
        ),
        (
            "<article><h1>Ships</h1><nav>Home</nav><script>x</script></article>".to_owned(),
            "html-body:0 no text was found that could be the article\n",
        ),
        (
            "<h1>Ships</h1>\n<script type='application/ld+json'>\n{\n \"a\" 1}</script><p>Back.".to_owned(),
            "title: Ships\nauthors: \nbody: <p>Back.</p>\nhtml-json-ld:4 the JSON-LD cannot be read: expected `:`\n",
        ),
        (
            format!("<h1>Ships</h1>{}", "<div>".repeat(500)),
            "html-tangled:0 the page nests too many elements, or leaves too many open\n",
        ),
    ] {
        assert_eq!(read(&source), expected, "{source}");
    }
}

/// The body of a page whose article has this in it.
fn body_of(inside: &str) -> String {
    let page = Page::parse(&format!("<html><body><article><h1>T</h1><p>Text.</p>{inside}</article></body></html>"));
    let base = page.base().unwrap_or_default();
    page.body(&["T"], false, &base).unwrap_or_default()
}

#[test]
fn chrome_is_removed() {
    let furniture = [
        r#"<div style="display:none">x</div>"#,
        r#"<div style="VISIBILITY: HIDDEN !important">x</div>"#,
        r#"<div aria-hidden="true">x</div>"#,
        r#"<div hidden>x</div>"#,
        r#"<section id="comments"><p>x</p></section>"#,
        r#"<div class="comments"><p>x</p></div>"#,
        r#"<ol class="comment-list"><li>x</li></ol>"#,
        r#"<div id="respond" class="comment-respond">x</div>"#,
        r#"<div id="disqus_thread">x</div>"#,
        r#"<div class="comments-area default-max-width">x</div>"#,
        r#"<div class="sharedaddy sd-sharing-enabled">x</div>"#,
        r#"<div class="addtoany_share_save_container addtoany_content">x</div>"#,
        r#"<ul class="Share-Buttons"><li>x</li></ul>"#,
        r#"<div class="social-share">x</div>"#,
        r#"<div class="newsletter-signup"><p>x</p></div>"#,
        r#"<div id="mc_embed_signup">x</div>"#,
        r#"<div class="kg-card kg-signup-card">x</div>"#,
        r#"<div class="subscription-widget-wrap">x</div>"#,
        r#"<div id="mc4wp-form-1" class="form mc4wp-form mc4wp-form-9">x</div>"#,
        r#"<div class="post-comments"><p>x</p></div>"#,
        r#"<ol class="comments__list"><li>x</li></ol>"#,
        r#"<div itemprop="comment" itemscope><p>x</p></div>"#,
        r#"<div itemscope itemtype="https://schema.org/Comment"><p>x</p></div>"#,
        r#"<div class="shareButtons">x</div>"#,
        r#"<div class="share_buttons">x</div>"#,
        r#"<ul class="social-links"><li>x</li></ul>"#,
        r#"<div class="newsletter_signup">x</div>"#,
        r#"<dialog><p>x</p></dialog>"#,
        r#"<script>x</script>"#,
    ];
    assert_eq!(furniture.len(), 29);
    for inside in furniture {
        assert_eq!(body_of(inside), "<p>Text.</p>", "{inside}");
    }
    let text = [
        r#"<p class="newsletter-history">x</p>"#,
        r#"<p id="comments-on-the-law">x</p>"#,
        r#"<p class="commentary">x</p>"#,
        r#"<p class="shareholders">x</p>"#,
        r#"<p id="share-of-the-vote">x</p>"#,
        r#"<p style="display:block">x</p>"#,
        r#"<p aria-hidden="false">x</p>"#,
        r#"<p class="responds">x</p>"#,
        r#"<h2 id="comments">x</h2>"#,
        r#"<h2 id="respond">x</h2>"#,
        r#"<dialog open><p>x</p></dialog>"#,
        r#"<script type="math/tex">x</script>"#,
    ];
    assert_eq!(text.len(), 12);
    for inside in text {
        assert!(body_of(inside).contains(">x</"), "{inside}");
    }
}

#[test]
fn hidden_text_is_neither_title_nor_byline_nor_picture() {
    let page = r#"<html><body style="visibility:hidden"><article style="display:none"><h1>Old</h1><p>Old.</p></article>
        <article><h1 style="display:none">Hidden</h1><h1>Shown</h1>
        <p class="byline" aria-hidden="true">By Nobody</p><time hidden datetime="2001-01-01">x</time>
        <figure style="display:none"><img src="/old.jpg"></figure>
        <figure><img src="data:,"><noscript><img src="/new.jpg" alt="New"></noscript></figure>
        <p>Text.</p></article></body></html>"#;
    let description = describe(page);
    assert!(description.contains("Title (h1 element:2): Shown"), "{description}");
    assert!(description.contains("Figure (above: true): /new.jpg | New"), "{description}");
    for hidden in ["Hidden", "Nobody", "2001", "old.jpg", "Old"] {
        assert!(!description.contains(hidden), "{hidden} in {description}");
    }
}

#[test]
fn pages_that_only_show_embeds_are_articles() {
    for inside in [
        "<iframe src='https://charts.example/'></iframe>",
        "<noscript><img src=/a.jpg></noscript>",
        "<amp-img src=/a.jpg></amp-img>",
        "<math><mi>x</mi></math>",
    ] {
        let page = Page::parse(&format!("<html><body><main><h1>T</h1>{inside}</main></body></html>"));
        assert!(page.body(&["T"], false, &super::Base::default()).is_some(), "{inside}");
    }
}

#[test]
fn base_applies_to_every_address() {
    check(
        r##"<html><head><title>T</title><base target="_blank"><base href="https://cdn.example/news/"><base href="/other/">
<link rel="canonical" href="t.html"><meta property="og:image" content="lead.jpg">
<script type="application/ld+json">{"@type": "NewsArticle", "headline": "T", "url": "t2.html", "image": "ld.jpg"}</script></head>
<body><article><p><a href="a.html">A</a> <a href="#n">N</a> <a href="#gone">G</a> <a href="mailto:a@b.example">M</a></p>
<img src="p.jpg" srcset="p-1.jpg 1x, /p-2.jpg 2x"><img data-src="../q.jpg"><p id="n">Note</p></article></body></html>"##,
        r##"Title (JSON-LD:3): T
        Link (JSON-LD:3): https://cdn.example/news/t2.html
        ImageUrl (JSON-LD:3): https://cdn.example/news/ld.jpg
        <p><a href="https://cdn.example/news/a.html">A</a> <a href="#n">N</a> <a href="https://cdn.example/news/#gone">G</a> <a href="mailto:a@b.example">M</a></p> <img src="https://cdn.example/news/p.jpg" srcset="https://cdn.example/news/p-1.jpg 1x, https://cdn.example/p-2.jpg 2x"><img data-src="https://cdn.example/q.jpg"><p id="n">Note</p>"##,
    );
    check(
        r##"<html><head><title>T</title><base href="/news/"><meta property="og:image" content="lead.jpg"></head>
<body><article><p><a href="a.html">A</a></p><img src="p.jpg"></article></body></html>"##,
        r##"ImageUrl (Open Graph:1): /news/lead.jpg
        Title (title element:1): T
        <p><a href="/news/a.html">A</a></p><img src="/news/p.jpg">"##,
    );
}
