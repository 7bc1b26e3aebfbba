//! A body becomes HTML that feeds may carry: sanitised, with absolute URLs, of characters that XML allows.
//!
//! Markdown is CommonMark with tables, footnotes and strikethrough. Raw HTML in it is allowed and goes through the same
//! sanitiser as the bodies of HTML pages: see [`super::sanitise`].

pub(super) mod attributes;
mod markdown;

use std::ops::Range;

use super::free_part;
use super::model::Body;
use super::sanitise::{self, Excess, Loss, escape_lines, sanitise};
use super::summary::ends_summary;
use crate::types::{ArticlePath, ContentHash, Text, WebUrl};
pub(super) use markdown::slug;

/// Part of every cache key for rendered bodies: raise it with each change of what [`render`] gives.
pub const RENDERER_VERSION: u32 = 4;

/// What relative references in an article are resolved against.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LinkBase {
    /// The public URL of the article itself.
    pub page: WebUrl,
    /// dateline's URL for files of the content directory, ending in a slash.
    pub media: WebUrl,
    /// The folder of the article's file below the content directory, `""` at the top.
    pub folder: String,
    /// Whether the HTML has a page of its own, so that all ids can stay as they are. Elsewhere it stands among other articles.
    pub anchors: bool,
    /// Whether only the free part of a paid article is shown.
    pub free_only: bool,
}

impl LinkBase {
    /// What ids end in that must differ from those of other articles.
    pub(super) fn id_suffix(&self) -> String {
        let hash = ContentHash::of(self.page.as_str().as_bytes()).to_string();
        format!("-{}", hash.get(..6).unwrap_or_default())
    }
}

impl Rendered {
    /// Of a body that nobody sees.
    pub fn empty() -> Rendered {
        Rendered { html: Text::new(""), text: String::new(), lead: None, local_media: Vec::new() }
    }
}

/// A body ready for feeds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rendered {
    /// Sanitised HTML; every URL in it is absolute.
    pub html: Text,
    /// The prose of it without markup, paragraphs separated by a blank line. Headings, captions, tables and footnotes are
    /// left out as long as there is anything else.
    pub text: String,
    /// The same up to the comment that ends the summary, `<!--more-->`, if there is one.
    pub lead: Option<String>,
    /// The files of the content directory that it refers to, sorted, each once.
    pub local_media: Vec<ArticlePath>,
}

/// Whether Markdown has raw HTML that would take too long to parse.
pub(super) fn excess(markdown: &str) -> Option<Excess> {
    const FEWEST_TAGS: usize = 400;
    // Signs of Markdown become tags as well, and attributes need no other.
    const FEWEST_BYTES: usize = 64 * 1024;
    let may_nest = markdown.matches('<').nth(FEWEST_TAGS).is_some();
    let may_crowd = || markdown.contains('<') && sanitise::may_crowd(markdown);
    let may_exceed = may_nest || markdown.len() > FEWEST_BYTES || may_crowd();
    let excess = may_exceed.then(|| sanitise::excess(&markdown::to_html(markdown, ""))).flatten();
    // Of quotes in quotes the text is published.
    excess.filter(|excess| may_nest || *excess != Excess::Nesting)
}

/// Whether a body may have what can't be in feeds, without a closer look.
pub(super) fn may_lose(body: &Body) -> bool {
    const TAGS: &[&str] = &["svg", "amp-", "iframe", "frame", "embed", "object", "audio", "video", "base"];
    let (Body::Markdown(text) | Body::Html(text)) = body else { return false };
    let is_address = |(at, _): (usize, &str)| {
        let behind = text.get(at + 5..).and_then(|rest| rest.chars().next());
        behind.is_some_and(|c| !c.is_whitespace())
    };
    TAGS.iter().any(|tag| sanitise::has_tag(text, tag)) || text.match_indices("data:").any(is_address)
}

/// What is in a body and can't be in feeds.
pub(super) fn losses(body: &Body) -> Vec<Loss> {
    match body {
        Body::Markdown(markdown) => sanitise::losses(&markdown::to_html(markdown, "")),
        Body::Html(html) => sanitise::losses(html),
        Body::Paragraphs(_) | Body::Paid { .. } => Vec::new(),
    }
}

/// Renders a body. Never fails: what cannot be read as markup is shown as text.
pub fn render(body: &Body, links: &LinkBase) -> Rendered {
    match (body, links.free_only) {
        (Body::Paid { free, .. }, true) => render_whole(free, links),
        (Body::Paid { whole, .. }, false) => render_whole(whole, links),
        (body, false) => render_whole(body, links),
        // Of an earlier version, say, that was not paid: nobody knows which part of it is free.
        (_, true) => Rendered::empty(),
    }
}

/// The files of the content directory that a body shows to everybody, and those that stand in its paid part alone; `folder` is that of
/// its article.
pub(super) fn local_media(body: &Body, folder: &str) -> (Vec<ArticlePath>, Vec<ArticlePath>) {
    let Ok(anywhere) = WebUrl::parse("http://localhost/") else { return Default::default() };
    let is_paid = matches!(body, Body::Paid { .. });
    let files = |free_only| {
        let (page, media) = (anywhere.clone(), anywhere.clone());
        render(body, &LinkBase { page, media, folder: folder.to_owned(), anchors: false, free_only }).local_media
    };
    let free = files(is_paid);
    let mut paid = if is_paid { files(false) } else { Vec::new() };
    paid.retain(|file| !free.contains(file));
    (free, paid)
}

/// What rendering fails over, so that tests can see what that costs.
#[cfg(test)]
pub const FAILS: &str = "dateline-fails-to-render-this";

fn render_whole(body: &Body, links: &LinkBase) -> Rendered {
    #[cfg(test)]
    assert!(
        !matches!(body, Body::Markdown(markdown) if markdown.contains(FAILS) && !links.media.as_str().contains("localhost"))
    );
    match body {
        Body::Markdown(markdown) => sanitise(&markdown::to_html(markdown, &links.id_suffix()), links),
        Body::Html(html) => sanitise(html, links),
        Body::Paragraphs(paragraphs) => paragraphs_of(paragraphs.iter().map(Text::as_str)),
        // One inside the other there is not.
        Body::Paid { .. } => Rendered::empty(),
    }
}

/// The comments of plain text that end the summary or begin the paid part, and whether they end the summary.
fn marks(text: &str) -> impl Iterator<Item = (Range<usize>, bool)> {
    free_part::comments(text).filter_map(|(span, comment)| {
        let ends = ends_summary(comment);
        (ends || free_part::is_mark(comment)).then_some((span, ends))
    })
}

/// Plain paragraphs as HTML, without the comments that end the summary or begin the paid part.
fn paragraphs_of<'a>(paragraphs: impl Iterator<Item = &'a str>) -> Rendered {
    let mut html = String::new();
    let mut text = String::new();
    let mut lead = None;
    for paragraph in paragraphs {
        let mut shown = String::new();
        let mut from = 0;
        for (mark, ends_summary) in marks(paragraph) {
            shown.push_str(paragraph.get(from..mark.start).unwrap_or_default().trim_start());
            from = mark.end;
            if ends_summary {
                lead.get_or_insert_with(|| {
                    format!(
                        "{text}

{shown}"
                    )
                    .trim()
                    .to_owned()
                });
            }
        }
        shown.push_str(paragraph.get(from..).unwrap_or_default().trim_start());
        let shown = shown.trim();
        if shown.is_empty() {
            continue;
        }
        if !html.is_empty() {
            html.push('\n');
            text.push_str("\n\n");
        }
        html.push_str("<p>");
        escape_lines(shown, &mut html);
        html.push_str("</p>");
        text.push_str(shown);
    }
    Rendered { html: Text::new(&html), text, lead, local_media: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> LinkBase {
        LinkBase {
            page: WebUrl::parse("https://courier.example/world/quake.html").expect("a URL"),
            media: WebUrl::parse("http://127.0.0.1:8080/media/").expect("a URL"),
            folder: "world/2026".into(),
            anchors: false,
            free_only: false,
        }
    }

    fn markdown(source: &str) -> Rendered {
        render(&Body::Markdown(source.into()), &links())
    }

    fn html(source: &str) -> Rendered {
        render(&Body::Html(source.into()), &links())
    }

    #[test]
    fn markdown_becomes_html() {
        for (source, expected) in [
            ("One *two* **three** ~~four~~", "<p>One <em>two</em> <strong>three</strong> <del>four</del></p>\n"),
            ("# Big\n\n## Small {#id}", "<h1>Big</h1>\n<h2>Small</h2>\n"),
            (
                "|a|b|\n|-|-:|\n|1|2|",
                "<table><thead><tr><th>a</th><th align=\"right\">b</th></tr></thead><tbody>\n\
                 <tr><td>1</td><td align=\"right\">2</td></tr>\n</tbody></table>\n",
            ),
            (
                "Ships[^1].\n\n[^1]: Large ones.",
                "<p>Ships<sup id=\"fnref1-SUFFIX\"><a href=\"https://courier.example/world/quake.html#fn1-SUFFIX\">1</a></sup>.\
                 </p>\n<section>\n<ol>\n<li id=\"fn1-SUFFIX\">\n<p>Large ones. \
                 <a href=\"https://courier.example/world/quake.html#fnref1-SUFFIX\">↩\u{fe0e}</a></p>\n</li>\n</ol>\n</section>\n",
            ),
            ("a ]]> b & c < d", "<p>a ]]&gt; b &amp; c &lt; d</p>\n"),
            ("👩‍👩‍👧 港口 — “quoted”", "<p>👩‍👩‍👧 港口 — “quoted”</p>\n"),
            ("a\u{0}b\u{fffe}c&#1;d\u{b}e", "<p>abcde</p>\n"),
            ("<div>raw <b>html\n\nunclosed", "<div>raw <b>html\n<p>unclosed</p>\n</b></div>"),
            ("<script>alert(1)</script>\n\n[x](javascript:alert(1))", "\n<p><a>x</a></p>\n"),
        ] {
            let expected = expected.replace("-SUFFIX", &links().id_suffix());
            assert_eq!(markdown(source).html.as_str(), expected, "{source:?}");
        }
    }

    #[test]
    fn plain_paragraphs_are_escaped() {
        let body = Body::Paragraphs(vec![Text::new("a < b & \"c\" ]]>"), Text::new("第二段\nnew line")]);
        let rendered = render(&body, &links());
        assert_eq!(rendered.html.as_str(), "<p>a &lt; b &amp; \"c\" ]]&gt;</p>\n<p>第二段<br>\nnew line</p>");
        assert_eq!(rendered.text, "a < b & \"c\" ]]>\n\n第二段\nnew line");
    }

    #[test]
    fn the_text_is_the_prose() {
        for (source, expected) in [
            ("<h2>Head</h2><p>One<br>two &amp; three&nbsp;&lt;x&gt;</p><p>Four</p>", "One two & three <x>\n\nFour"),
            ("<figure><img src=\"/a.png\"><figcaption>Caption</figcaption></figure><p>Prose</p>", "Prose"),
            ("<table><tr><td>1</td><td>2</td></tr></table>", "1\n\n2"),
            ("<h2>Only a heading</h2>", "Only a heading"),
            ("loose <b>text</b><div>block</div>tail", "loose text\n\nblock\n\ntail"),
            ("<p>漢<ruby>字<rp>(</rp><rt>zì</rt><rp>)</rp></ruby></p>", "漢字"),
            ("<ul><li>a<ul><li>b</li></ul></li></ul><pre>code</pre>", "a\n\nb"),
        ] {
            assert_eq!(html(source).text, expected, "{source}");
        }
        assert_eq!(markdown("Ships[^1] sail.\n\n[^1]: Note.").text, "Ships sail.");
    }

    #[test]
    fn hostile_bodies_render_within_seconds() {
        let started = std::time::Instant::now();
        for source in [
            Body::Html("<div>".repeat(400_000)),
            Body::Html((0..200).map(|n| format!("<b id={n}>")).collect::<String>() + &"<p>".repeat(500_000)),
            Body::Html("<a href=x>".repeat(100_000)),
            Body::Html("<table><td>".repeat(100_000)),
            Body::Html("<".repeat(1_000_000)),
            Body::Html("<!--".repeat(500_000)),
            Body::Html(format!("<div {}>", "a ".repeat(500_000))),
            Body::Html("<noscript><object data=x>".repeat(190) + &"<img src=a><iframe src=b></iframe>".repeat(10_000)),
            Body::Html("<noscript><img src=/a.jpg></noscript><img src='data:,'>".repeat(20_000)),
            Body::Html(format!("<img srcset='{}'>", "a.jpg 1w,".repeat(200_000))),
            Body::Html(format!("<p style='{}'>", "display:none;".repeat(100_000))),
            Body::Html(format!("<p style='{}'>", "a(".repeat(300_000))),
            Body::Html("<picture>".repeat(390) + &"<source srcset=a><img>".repeat(7_000)),
            Body::Html("<math>".to_owned() + &"<mfenced>".repeat(390) + &"<mi>x</mi>".repeat(7_000)),
            Body::Html("<object>".repeat(390) + &"<param name=movie value=x>".repeat(7_000)),
            Body::Markdown("> ".repeat(500_000)),
            Body::Markdown("*a **a ".repeat(70_000)),
            Body::Markdown("[".repeat(500_000)),
            Body::Markdown("`a ``".repeat(100_000)),
            Body::Markdown("<a ".repeat(200_000)),
            Body::Markdown("![a](".repeat(100_000)),
            Body::Markdown("| a ".repeat(100_000) + "\n" + &"|-".repeat(100_000) + "\n" + &"|".repeat(1000)),
            Body::Markdown("long ".repeat(400_000)),
        ] {
            let before = started.elapsed();
            let _ = render(&source, &links());
            let took = started.elapsed() - before;
            let name = format!("{source:?}").chars().take(40).collect::<String>();
            assert!(took.as_secs() < 20, "{name} took {took:?}");
        }
    }

    #[test]
    fn hidden_text_of_long_bodies_stays_hidden() {
        let hidden = "<!-- SECRET -->\n\nShown.\n\n<p style=\"display:none\">SECRET</p>\n\n`<b>`\n\n";
        let long = markdown(&(hidden.to_owned() + &"Words in *many* paragraphs.\n\n".repeat(60_000)));
        assert!(
            long.html
                .as_str()
                .starts_with("\n<p>Shown.</p>\n\n<p><code>&lt;b&gt;</code></p>\n<p>Words in <em>many</em>")
        );
        assert!(!long.html.as_str().contains("SECRET") && !long.text.contains("SECRET"));
        for (deep, expected) in [
            (
                "<div>".repeat(500) + "Shown.</div><p>Too.<!-- SECRET --></p>a < b",
                "<p>Shown.</p><p>Too.</p><p>a &lt; b</p>",
            ),
            ("<div>".repeat(500) + hidden, ""),
            ("<div>".repeat(500) + "Shown.<script>SECRET</script>", ""),
            ("<div>".repeat(500) + "Shown.<b hidden>SECRET</b>", ""),
        ] {
            assert_eq!(html(&deep).html.as_str(), expected);
        }
        let quoted = markdown(&("> ".repeat(500) + "Shown."));
        assert_eq!(quoted.html.as_str(), "<p>Shown.</p>");
    }

    #[test]
    fn rendering_twice_gives_the_same() {
        let source =
            "<p id=x lang=en title=\"t\" dir=ltr>a <a title=1 hreflang=en href=/b>b</a> <img alt=c src=d.png width=3>";
        assert_eq!(html(source), html(source));
    }
}
