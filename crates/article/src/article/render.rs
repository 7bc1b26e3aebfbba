//! Renders bodies as HTML for feeds: sanitised, with absolute URLs and only characters that XML allows.
//!
//! Markdown may contain raw HTML, which goes through the same sanitiser as the bodies of HTML pages: see `article::sanitise`.
//!
//! # Which file contains what?
//!
//! - `markdown`: renders Markdown. The other files prepare its text, or change the events of the parser
//! - `code`: finds code, which stays as it is
//! - `shortcodes`, `mdx`, `attributes`: what other tools write in Markdown
//! - `containers`, `extensions`, `autolinks`, `subscripts`: extensions that the parser doesn't know
//! - `hidden_files`: removes files that readers may not see

pub(super) mod attributes;
mod autolinks;
mod code;
mod containers;
mod extensions;
mod hidden_files;
mod markdown;
mod mdx;
mod shortcodes;
mod subscripts;

use std::ops::Range;

use super::extensions::Extensions;
use super::free_part;
use super::model::Body;
pub use super::rendered::{LinkBase, Rendered};
pub use super::sanitise::escape_lines;
use super::sanitise::{self, Excess, Loss, sanitise};
use super::summary::ends_summary;
use crate::types::{ArticlePath, Text, WebUrl};
pub(super) use code::Syntax;
pub use hidden_files::without_files;
pub(super) use markdown::slug;
pub(super) use mdx::without_program;
pub(super) use shortcodes::{Expanded, Removed, expand};

/// The version of the renderer, a part of cache keys. Raise it with each change of [`render`]'s output.
pub const RENDERER_VERSION: u32 = 6;

/// The limit that raw HTML in Markdown exceeds, if any. HTML above a limit would take too long to parse.
pub(super) fn excess(markdown: &str) -> Option<Excess> {
    // Fewer tags can't nest too deeply.
    const MIN_TAGS: usize = 400;
    // Markdown syntax becomes tags too, but a shorter text has too few.
    const MIN_BYTES: usize = 64 * 1024;
    let may_nest = markdown.matches('<').nth(MIN_TAGS).is_some();
    let may_exceed_attributes = || markdown.contains('<') && sanitise::may_exceed_attributes(markdown);
    let may_exceed = may_nest || markdown.len() > MIN_BYTES || may_exceed_attributes();
    let excess = may_exceed.then(|| sanitise::excess(&markdown::to_html(markdown, "", Extensions::DEFAULT))).flatten();
    // Nested block quotes aren't an error: their text is published.
    excess.filter(|excess| may_nest || *excess != Excess::Nesting)
}

/// A cheap check whether a body may contain something that feeds can't carry.
pub(super) fn may_lose(body: &Body) -> bool {
    const TAGS: &[&str] = &["svg", "amp-", "iframe", "frame", "embed", "object", "audio", "video", "base"];
    let (Body::Markdown(text) | Body::Html(text)) = body else { return false };
    let is_address = |(at, _): (usize, &str)| {
        let behind = text.get(at + 5..).and_then(|rest| rest.chars().next());
        behind.is_some_and(|c| !c.is_whitespace())
    };
    (text.contains('<') && TAGS.iter().any(|tag| sanitise::has_tag(text, tag)))
        || text.match_indices("data:").any(is_address)
}

/// The content of a body that feeds can't carry.
pub(super) fn losses(body: &Body) -> Vec<Loss> {
    match body {
        Body::Markdown(markdown) => sanitise::losses(&markdown::to_html(markdown, "", Extensions::DEFAULT)),
        Body::Html(html) => sanitise::losses(html),
        Body::Paragraphs(_) | Body::Paid { .. } => Vec::new(),
    }
}

/// Renders a body. Never fails: markup that can't be parsed is shown as text.
pub fn render(body: &Body, links: &LinkBase) -> Rendered {
    match (body, links.free_only) {
        (Body::Paid { free, .. }, true) => render_whole(free, links),
        (Body::Paid { whole, .. }, false) => render_whole(whole, links),
        (body, false) => render_whole(body, links),
        // The body is an earlier version that wasn't paid, so its free part is unknown.
        (_, true) => Rendered::empty(),
    }
}

/// The local files that the free part of a body shows, and those that only its paid part shows. `folder` is the article's.
pub(super) fn local_media(body: &Body, folder: &str) -> (Vec<ArticlePath>, Vec<ArticlePath>) {
    let Ok(any_url) = WebUrl::parse("http://localhost/") else { return Default::default() };
    let is_paid = matches!(body, Body::Paid { .. });
    let files = |free_only| {
        let (page, media) = (any_url.clone(), any_url.clone());
        render(body, &LinkBase { folder: folder.to_owned(), free_only, ..LinkBase::new(page, media) }).local_media
    };
    let free = files(is_paid);
    let mut paid = if is_paid { files(false) } else { Vec::new() };
    paid.retain(|file| !free.contains(file));
    (free, paid)
}

fn render_whole(body: &Body, links: &LinkBase) -> Rendered {
    match body {
        Body::Markdown(markdown) => sanitise(&markdown::to_html(markdown, &links.id_suffix(), links.markdown), links),
        Body::Html(html) => sanitise(html, links),
        Body::Paragraphs(paragraphs) => render_paragraphs(paragraphs.iter().map(Text::as_str)),
        // Paid bodies don't nest.
        Body::Paid { .. } => Rendered::empty(),
    }
}

/// The comments in plain text that end the summary or begin the paid part, and whether each ends the summary.
fn marks(text: &str) -> impl Iterator<Item = (Range<usize>, bool)> {
    free_part::comments(text).filter_map(|(span, comment)| {
        let ends = ends_summary(comment);
        (ends || free_part::is_mark(comment)).then_some((span, ends))
    })
}

/// Renders plain paragraphs without the comments that end the summary or begin the paid part.
fn render_paragraphs<'a>(paragraphs: impl Iterator<Item = &'a str>) -> Rendered {
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
                    let lead = format!("{text}\n\n{shown}");
                    lead.trim().to_owned()
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
    use crate::article::extensions::Extension;

    fn links() -> LinkBase {
        LinkBase {
            folder: "world/2026".into(),
            ..LinkBase::new(
                WebUrl::parse("https://courier.example/world/quake.html").expect("a URL"),
                WebUrl::parse("http://127.0.0.1:8080/media/").expect("a URL"),
            )
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
    fn code_keeps_no_line_numbers() {
        for (source, in_feed) in [
            (
                "<table class=rouge-table><tr><td class='rouge-gutter gl'><pre class=lineno>1\n2\n</pre></td>\
                 <td class=rouge-code><pre>a\nb\n</pre></td></tr></table>",
                "<pre>a\nb\n</pre>",
            ),
            (
                "<table><tbody><tr><td><pre><code>1\n</code></pre></td><td><pre><code class='language-go x'>a</code></pre></td></tr></tbody></table>",
                "<pre><code>a</code></pre>",
            ),
            ("<pre><span class=lnt>1\n</span>a</pre>", "<pre>a</pre>"),
            (
                "<pre><code><table><tbody><tr><td>1</td><td>a\n</td></tr><tr><td>2</td><td>b\n</td></tr></tbody></table></code></pre>",
                "<pre><code>a\nb\n</code></pre>",
            ),
            (
                "<table><tr><td>1</td><td>One</td></tr></table>",
                "<table><tbody><tr><td>1</td><td>One</td></tr></tbody></table>",
            ),
            ("<p class=ln>One</p>", "<p>One</p>"),
        ] {
            assert_eq!(html(source).html.as_str(), in_feed, "{source}");
        }
        let page = LinkBase { anchors: true, ..links() };
        let shown = |source: &str| render(&Body::Html(source.into()), &page).html.as_str().to_owned();
        assert_eq!(shown("<code class='x language-go'>a</code>"), "<code class=\"language-go\">a</code>");
        assert_eq!(shown("<code class='x'>a</code>"), "<code>a</code>");
    }

    #[test]
    fn markdown_extensions_are_selected() {
        let all = |source: &str| {
            let markdown = Extension::ALL.iter().map(|(_, extension)| *extension).collect();
            render(&Body::Markdown(source.into()), &LinkBase { markdown, ..links() }).html.as_str().replace('\n', "")
        };
        for (source, by_default, with_all) in [
            ("- [x] a\n- [ ] b", "<ul><li>☑ a</li><li>☐ b</li></ul>", "<ul><li>☑ a</li><li>☐ b</li></ul>"),
            (
                "> [!NOTE]\n> Mind.",
                "<blockquote><p><strong>Note</strong></p><p>Mind.</p></blockquote>",
                "<blockquote><p><strong>Note</strong></p><p>Mind.</p></blockquote>",
            ),
            ("Term\n: Text", "<dl><dt>Term</dt><dd>Text</dd></dl>", "<dl><dt>Term</dt><dd>Text</dd></dl>"),
            (
                "see https://x.example/a.",
                "<p>see <a href=\"https://x.example/a\">https://x.example/a</a>.</p>",
                "<p>see <a href=\"https://x.example/a\">https://x.example/a</a>.</p>",
            ),
            (
                "[https://x.example](/y) `https://x.example`",
                "<p><a href=\"https://courier.example/y\">https://x.example</a> <code>https://x.example</code></p>",
                "<p><a href=\"https://courier.example/y\">https://x.example</a> <code>https://x.example</code></p>",
            ),
            ("a ==b *c*== d", "<p>a ==b <em>c</em>== d</p>", "<p>a <mark>b <em>c</em></mark> d</p>"),
            ("a == b, c==", "<p>a == b, c==</p>", "<p>a == b, c==</p>"),
            ("H~2~O", "<p>H~2~O</p>", "<p>H<sub>2</sub>O</p>"),
            ("a~b, c~ `x~2~`", "<p>a~b, c~ <code>x~2~</code></p>", "<p>a~b, c~ <code>x~2~</code></p>"),
            ("```\nx~2~\n```", "<pre><code>x~2~</code></pre>", "<pre><code>x~2~</code></pre>"),
            (
                "::: warning\nHot.\n:::",
                "<dl><dt>::: warningHot.</dt><dd>::</dd></dl>",
                "<blockquote><p><strong>Warning</strong></p><p>Hot.</p></blockquote>",
            ),
        ] {
            assert_eq!(markdown(source).html.as_str().replace('\n', ""), by_default, "{source}");
            assert_eq!(all(source), with_all, "{source}");
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
    fn text_contains_prose() {
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
    fn rendering_is_deterministic() {
        let source =
            "<p id=x lang=en title=\"t\" dir=ltr>a <a title=1 hreflang=en href=/b>b</a> <img alt=c src=d.png width=3>";
        assert_eq!(html(source), html(source));
    }
}
