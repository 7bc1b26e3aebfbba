//! Tables of anchors, footnotes, attribute lists and ends of summaries, in feeds and on the article's page.

use crate::article::Body;
use crate::article::render::{LinkBase, render};
use crate::types::WebUrl;

fn links(anchors: bool) -> LinkBase {
    let url = |url| WebUrl::parse(url).expect("a URL");
    LinkBase { anchors, ..LinkBase::new(url("https://courier.example/a"), url("http://127.0.0.1:8080/media/")) }
}

/// In feeds, with the suffix of ids as `-*` and the article's address as `@`.
fn feed(source: &str) -> String {
    shown(&Body::Markdown(source.into()), false)
}

fn shown(body: &Body, anchors: bool) -> String {
    let html = render(body, &links(anchors)).html;
    let html = html.as_str().replace(&links(anchors).id_suffix(), "-*");
    html.replace("https://courier.example/a", "@").replace('\n', "")
}

fn page(source: &str) -> String {
    shown(&Body::Markdown(source.into()), true)
}

#[test]
fn anchors_lead_to_their_targets() {
    for (source, in_feed, on_page) in [
        (
            "[j](#setup)\n\n## Setup",
            "<p><a href=\"@#setup\">j</a></p><h2 id=\"setup-*\">Setup</h2>",
            "<p><a href=\"@#setup\">j</a></p><h2 id=\"setup\">Setup</h2>",
        ),
        (
            "[j](#go)\n\n## Set up {#go .big}",
            "<p><a href=\"@#go\">j</a></p><h2 id=\"go-*\">Set up</h2>",
            "<p><a href=\"@#go\">j</a></p><h2 id=\"go\">Set up</h2>",
        ),
        // Nothing leads to it, so that feeds don't need it.
        (
            "## Set up: *the* `Way`!",
            "<h2>Set up: <em>the</em> <code>Way</code>!</h2>",
            "<h2 id=\"set-up-the-way\">Set up: <em>the</em> <code>Way</code>!</h2>",
        ),
        ("## 港口 Ä_b-c", "<h2>港口 Ä_b-c</h2>", "<h2 id=\"港口-ä_b-c\">港口 Ä_b-c</h2>"),
        (
            "[j](#港口)\n\n## 港口",
            "<p><a href=\"@#%E6%B8%AF%E5%8F%A3\">j</a></p><h2 id=\"港口-*\">港口</h2>",
            "<p><a href=\"@#%E6%B8%AF%E5%8F%A3\">j</a></p><h2 id=\"港口\">港口</h2>",
        ),
        (
            "## A\n\n## A\n\n## B {#a-1}\n\n## A",
            "<h2>A</h2><h2>A</h2><h2>B</h2><h2>A</h2>",
            "<h2 id=\"a\">A</h2><h2 id=\"a-2\">A</h2><h2 id=\"a-1\">B</h2><h2 id=\"a-3\">A</h2>",
        ),
        (
            "[j](#x)\n\n<a name=\"x\"></a>Text\n\n<p id=\"x\">Twice</p>",
            "<p><a href=\"@#x\">j</a></p><p><a id=\"x-*\"></a>Text</p><p>Twice</p>",
            "<p><a href=\"@#x\">j</a></p><p><a id=\"x\"></a>Text</p><p>Twice</p>",
        ),
        ("## !", "<h2>!</h2>", "<h2>!</h2>"),
    ] {
        assert_eq!(feed(source), in_feed, "{source}");
        assert_eq!(page(source), on_page, "{source}");
    }
    let html = Body::Html("<p><a href=\"#n\">1</a> <a href='https://courier.example/a#m'>2</a></p><p id=n>N</p><p id=m>M</p><p id=o>O</p>".into());
    assert_eq!(
        shown(&html, false),
        "<p><a href=\"@#n\">1</a> <a href=\"@#m\">2</a></p><p id=\"n-*\">N</p><p id=\"m-*\">M</p><p>O</p>"
    );
    assert!(shown(&html, true).contains("<p id=\"n\">N</p><p id=\"m\">M</p><p id=\"o\">O</p>"));
}

#[test]
fn footnotes_become_list_with_backlinks() {
    const BACK: &str = "<a href=\"@#fnref1-*\">↩\u{fe0e}</a>";
    let reference =
        |number: usize, id: &str| format!("<sup id=\"fnref{id}-*\"><a href=\"@#fn{number}-*\">{number}</a></sup>");
    for (source, expected) in [
        (
            "B[^b] A[^a].\n\n[^a]: First *note*.\n[^b]: Second.",
            format!(
                "<p>B{} A{}.</p><section><ol><li id=\"fn1-*\"><p>Second. {BACK}</p></li><li id=\"fn2-*\"><p>First <em>note</em>. {}</p></li></ol></section>",
                reference(1, "1"),
                reference(2, "2"),
                BACK.replace("ref1", "ref2"),
            ),
        ),
        (
            "A[^1] B[^1].\n\n[^1]: Note.",
            format!(
                "<p>A{} B{}.</p><section><ol><li id=\"fn1-*\"><p>Note. {BACK} <a href=\"@#fnref1-2-*\">↩\u{fe0e}<sup>2</sup></a></p></li></ol></section>",
                reference(1, "1"),
                reference(1, "1-2"),
            ),
        ),
        (
            "A[^1].\n\n[^1]: Note[^2].\n[^2]: Of a note.\n[^3]: Lonely.",
            format!(
                "<p>A{}.</p><section><ol><li id=\"fn1-*\"><p>Note{}. {BACK}</p></li><li id=\"fn2-*\"><p>Of a note. {}</p></li><li id=\"fn3-*\"><p>Lonely.</p></li></ol></section>",
                reference(1, "1"),
                reference(2, "2"),
                BACK.replace("ref1", "ref2"),
            ),
        ),
        (
            "A[^1].\n\n[^1]: Code:\n\n        x",
            format!(
                "<p>A{}.</p><section><ol><li id=\"fn1-*\"><p>Code:</p><pre><code>x</code></pre><p>{BACK}</p></li></ol></section>",
                reference(1, "1")
            ),
        ),
        ("A[^none].", "<p>A[^none].</p>".to_owned()),
    ] {
        assert_eq!(feed(source), expected, "{source}");
        assert_eq!(page(source), expected, "the page has the same ids: {source}");
        assert!(!render(&Body::Markdown(source.into()), &links(false)).text.contains("ote"), "{source}");
    }
}

#[test]
fn attribute_lists_are_not_text() {
    for (source, expected) in [
        ("## Set up {#go .big key=value}", "<h2>Set up</h2>"),
        ("## Set up {: .no_toc}", "<h2>Set up</h2>"),
        ("## Set up\n{: .no_toc}", "<h2>Set up</h2>"),
        ("## Set up ## {.no_toc}", "<h2>Set up</h2>"),
        ("## Set up C# {.no_toc}", "<h2>Set up C#</h2>"),
        ("- {: .y} item", "<ul><li>item</li></ul>"),
        ("Set up {#go}\n---", "<h2>Set up</h2>"),
        ("[j](#go)\n\n## Set up\n{: #go .x}", "<p><a href=\"@#go\">j</a></p><h2 id=\"go-*\">Set up</h2>"),
        ("## Set up\n{: #go}", "<h2>Set up</h2>"),
        (
            "|a|\n|-|\n|1|\n{: .table}\n\nOne.",
            "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>1</td></tr></tbody></table><p>One.</p>",
        ),
        (
            "[j](#t)\n\n|a|b|\n|-|-|\n|1|2|\n{: .table #t}",
            "<p><a href=\"@#t\">j</a></p><a id=\"t-*\"></a><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td>2</td></tr></tbody></table>",
        ),
        ("<div>x</div>\n{: .raw}\n\nOne.", "<div>x</div><p>One.</p>"),
        ("> Quote.\n{: .pull}", "<blockquote><p>Quote.</p></blockquote>"),
        ("1. One\n2. Two\n{: .steps}", "<ol><li>One</li><li>Two</li></ol>"),
        ("- One\n\n- Two\n{: .steps}", "<ul><li><p>One</p></li><li><p>Two</p></li></ul>"),
        ("- One\n{: #l}\n\n[j](#l)", "<ul><li>One<a id=\"l-*\"></a></li></ul><p><a href=\"@#l\">j</a></p>"),
        ("```\nx\n```\n{: .lang title=\"a\"}", "<pre><code>x</code></pre>"),
        ("    x\n{: .lang #c}\n\n[j](#c)", "<pre><code>x</code></pre><a id=\"c-*\"></a><p><a href=\"@#c\">j</a></p>"),
        ("![A](https://x.example/a.png)\n{: .wide}", "<p><img src=\"https://x.example/a.png\" alt=\"A\"></p>"),
        (
            "[a](/b){: target=_blank} and [a](/b){target=\"_blank\" rel='x y'}.",
            "<p><a href=\"https://courier.example/b\">a</a> and <a href=\"https://courier.example/b\">a</a>.</p>",
        ),
        ("<https://x.example/>{: .x}", "<p><a href=\"https://x.example/\">https://x.example/</a></p>"),
        ("---\n{: .rule}\n\nOne.", "<hr><p>One.</p>"),
        ("![A](https://x.example/a.png){width=50%}", "<p><img src=\"https://x.example/a.png\" alt=\"A\"></p>"),
        ("[a](/b){.btn target=_blank}, b", "<p><a href=\"https://courier.example/b\">a</a>, b</p>"),
        ("*a*{: .x} **b**{.y} `c`{.rust}{.z}", "<p><em>a</em> <strong>b</strong> <code>c</code></p>"),
        ("A [small *caps*]{.smallcaps} b [c]{.x}", "<p>A small <em>caps</em> b c</p>"),
        ("[a [b]{.x} c]{.y}", "<p>a b c</p>"),
        ("One.\n{: .lead #l}\n\nTwo.", "<p>One.</p><p>Two.</p>"),
        ("{: .lead}\nOne.", "<p>One.</p>"),
        ("{:.x}\n\nOne {.lead}", "<p>One</p>"),
        ("* TOC\n{:toc}\n\nOne.", "<ul><li>TOC</li></ul><p>One.</p>"),
        ("- One {.x}\n- Two", "<ul><li>One</li><li>Two</li></ul>"),
        ("```rust {linenos=table}\nlet x = {y};\n```", "<pre><code>let x = {y};</code></pre>"),
        ("```{.python .numberLines}\nx\n```", "<pre><code>x</code></pre>"),
        ("[j](#w)\n\nWords.\n{#w}", "<p><a href=\"@#w\">j</a></p><p>Words.<a id=\"w-*\"></a></p>"),
        // Braces that are text.
        ("`{.x}` and `[a]{.b}`", "<p><code>{.x}</code> and <code>[a]{.b}</code></p>"),
        ("    {: .x}\n", "<pre><code>{: .x}</code></pre>"),
        ("The set {x} and {a, b} and {x}", "<p>The set {x} and {a, b} and {x}</p>"),
        ("## The set {x}", "<h2>The set {x}</h2>"),
        ("## The set \\{#x}", "<h2>The set {#x}</h2>"),
        ("## The set &#123;.x}", "<h2>The set {.x}</h2>"),
        ("\\{: .x}\n\nOne \\{.x}", "<p>{: .x}</p><p>One {.x}</p>"),
        ("*a*\\{.x} [b]\\{.y} {.z} c", "<p><em>a</em>{.x} [b]{.y} {.z} c</p>"),
        (
            "|a|\n|-|\n|`{.x}`|\n|{x}|",
            "<table><thead><tr><th>a</th></tr></thead><tbody><tr><td><code>{.x}</code></td></tr><tr><td>{x}</td></tr></tbody></table>",
        ),
        ("<pre>\n{: .x}\n</pre>", "<pre>{: .x}</pre>"),
        ("```\n{: .x}\n```", "<pre><code>{: .x}</code></pre>"),
        ("{{ shortcode }}", "<p>{{ shortcode }}</p>"),
        ("{{< figure src=\"a.png\" >}}", "<p>{{&lt; figure src=\"a.png\" &gt;}}</p>"),
        ("Use {key=value}", "<p>Use {key=value}</p>"),
        ("*f*{x} and [a]{b}", "<p><em>f</em>{x} and [a]{b}</p>"),
        ("[a](/b) {.c} d", "<p><a href=\"https://courier.example/b\">a</a> {.c} d</p>"),
    ] {
        assert_eq!(feed(source), expected, "{source}");
    }
}

#[test]
fn comments_end_the_summary() {
    let lead = |body: Body| render(&body, &links(false)).lead;
    let long = format!("{}\n\n<!--more-->\n\n{}", "A ".repeat(100_000), "B ".repeat(500_000));
    for (source, expected) in [
        ("One.\n\n<!--more-->\n\nTwo.", Some("One.")),
        ("One.\n\nTwo.\n\n<!-- MORE -->\n\nThree.\n\n<!--more-->\n\nFour.", Some("One.\n\nTwo.")),
        ("One <!-- more --> two.", Some("One")),
        ("One.\n\n<!-- excerpt -->\nTwo.", Some("One.")),
        ("One.\n\n<!--more Read on-->\n\nTwo.", Some("One.")),
        ("<!--more-->\n\nTwo.", Some("")),
        ("## Head\n\n<!--more-->\n\nTwo.", Some("Head")),
        ("- One\n\n<!--more-->\n\n- Two", Some("One")),
        ("One[^1].\n\n<!--more-->\n\nTwo.\n\n[^1]: Note.", Some("One.")),
        ("```\n<!--more-->\n```\n\nOne `<!--more-->`.\n\n    <!--more-->\n", None),
        ("One.\n\n<!-- a remark -->\n\nTwo.", None),
        ("One. <a title=\"<!--more-->\">two</a>", None),
        (&long, Some("A ".repeat(100_000).trim())),
    ] {
        let body = Body::Markdown(source.to_owned());
        let rendered = render(&body, &links(false));
        assert_eq!(rendered.lead.as_deref(), expected, "{source:.60}");
        assert!(!rendered.html.as_str().contains("<!--"), "{source:.60}");
    }
    for (source, expected) in [
        ("<p>One.</p><!-- wp:more --><!--more--><!-- /wp:more --><p>Two.</p>", Some("One.")),
        ("<p>One. <canvas></canvas></p><!-- More --><p>Two.</p>", Some("One.")),
        ("<p>One.</p><!-- <!--more--> --><p>Two.</p>", None),
        ("<p>One.</p><!--more", Some("One.")),
        ("<p>One.</p>&lt;!--more--&gt;<p>Two.</p>", None),
    ] {
        assert_eq!(lead(Body::Html(source.into())).as_deref(), expected, "{source}");
    }
    for (paragraphs, html, expected) in [
        (&["One.", "<!--more-->", "Two."][..], "<p>One.</p><p>Two.</p>", Some("One.")),
        (&["One.", "Two. <!-- more --> Three."], "<p>One.</p><p>Two. Three.</p>", Some("One.\n\nTwo.")),
        (&["One.", "<!--members-only-->", "Two."], "<p>One.</p><p>Two.</p>", None),
        (
            &["One.", "<!-- a remark -->", "<!--more"],
            "<p>One.</p><p>&lt;!-- a remark --&gt;</p><p>&lt;!--more</p>",
            None,
        ),
    ] {
        let body = Body::Paragraphs(paragraphs.iter().map(|paragraph| crate::types::Text::new(paragraph)).collect());
        assert_eq!(shown(&body, false), html, "{paragraphs:?}");
        assert_eq!(lead(body).as_deref(), expected, "{paragraphs:?}");
    }
}
