//! The corpus of attacks, and tables of what becomes of markup.

use super::escape::escape_attribute;
use super::*;
use crate::types::WebUrl;

fn links() -> LinkBase {
    LinkBase {
        page: WebUrl::parse("http://courier.example/world/quake.html").expect("a URL"),
        media: WebUrl::parse("http://127.0.0.1:8080/media/").expect("a URL"),
        folder: "world/2026".into(),
        anchors: false,
    }
}

/// Parses what came out as a browser would and looks at every element and attribute.
fn assert_harmless(source: &str) {
    let rendered = sanitise(source, &links());
    let document = scraper::Html::parse_fragment(rendered.html.as_str());
    for node in document.tree.nodes() {
        match node.value() {
            // The parser adds these two around a fragment.
            scraper::Node::Element(element) if ["html", "body"].contains(&element.name()) => {
                assert_eq!(element.attrs().count(), 0, "{source:?}");
            }
            scraper::Node::Element(element) => {
                let runs = [
                    "script", "style", "iframe", "object", "embed", "form", "input", "svg", "math", "template", "base",
                    "link", "meta",
                ];
                assert!(!runs.contains(&element.name()), "{source:?} left <{}>", element.name());
                assert!(ELEMENTS.contains(&element.name()), "{source:?} left <{}>", element.name());
                for (attribute, value) in element.attrs() {
                    let known = ["lang", "dir", "title", "id", "class", "align"].contains(&attribute)
                        || ATTRIBUTES.iter().any(|(name, list)| *name == element.name() && list.contains(&attribute));
                    let runs = attribute.starts_with("on")
                        || ["style", "srcdoc", "action", "target", "class", "id"].contains(&attribute)
                        || attribute.starts_with("data-");
                    assert!(known && !runs, "{source:?} left {attribute}={value:?}");
                    if ["href", "src", "cite", "poster"].contains(&attribute) {
                        let safe =
                            ["http://", "https://", "mailto:", "tel:"].iter().any(|safe| value.starts_with(safe));
                        assert!(safe, "{source:?} left {attribute}={value:?}");
                    }
                }
            }
            scraper::Node::Comment(_) | scraper::Node::ProcessingInstruction(_) => {
                panic!("{source:?} left a comment")
            }
            _ => {}
        }
    }
    assert!(rendered.html.as_str().chars().all(crate::types::is_publishable));
    assert_eq!(sanitise(rendered.html.as_str(), &links()).html, rendered.html, "{source:?} is no fixed point");
}

#[test]
fn nothing_that_runs_gets_through() {
    let corpus = [
        "<script>alert(1)</script>",
        "<ScRiPt src=//evil.example/x.js></sCrIpT>",
        "<img src=x onerror=alert(1)>",
        "<img src=\"x\"onerror=\"alert(1)\">",
        "<img/src=x/onerror=alert(1)>",
        "<a href=javascript:alert(1)>x</a>",
        "<a href=\" &#14; javascript:alert(1)\">x</a>",
        "<a href=\"java\nscript:alert(1)\">x</a>",
        "<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
        "<a href=\"&#106;&#97;&#118;&#97;script:alert(1)\">x</a>",
        "<a href=\"JaVaScRiPt&colon;alert(1)\">x</a>",
        "<a href=\"vbscript:msgbox(1)\">x</a>",
        "<a href=\"data:text/html;base64,PHNjcmlwdD4=\">x</a>",
        "<img src=\"data:image/svg+xml,<svg onload=alert(1)>\">",
        "<svg onload=alert(1)><circle/></svg>",
        "<svg><animate onbegin=alert(1) attributeName=x></svg>",
        "<svg><a><animate attributeName=href values=javascript:alert(1) /><text>x</text></a></svg>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<math><annotation-xml encoding=\"text/html\"><script>alert(1)</script></annotation-xml></math>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
        "<iframe src=javascript:alert(1)></iframe>",
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "<object data=javascript:alert(1)></object>",
        "<embed src=javascript:alert(1)>",
        "<form action=javascript:alert(1)><input type=submit></form>",
        "<form><button formaction=javascript:alert(1)>x</button></form>",
        "<isindex action=javascript:alert(1) type=image>",
        "<body onload=alert(1)>text",
        "<div style=\"background:url(javascript:alert(1))\">x</div>",
        "<td style=\"text-align:expression(alert(1))\">x</td>",
        "<table><td style=\"text-align: right; position: fixed\">x</td></table>",
        "<style>@import 'javascript:alert(1)'</style>",
        "<link rel=stylesheet href=javascript:alert(1)>",
        "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
        "<base href=javascript:alert(1)//>",
        "<video poster=javascript:alert(1) src=x.mp4 onloadstart=alert(1)><source onerror=alert(1)></video>",
        "<audio src=x onerror=alert(1)>",
        "<details open ontoggle=alert(1)>x</details>",
        "<marquee onstart=alert(1)>x</marquee>",
        "<input autofocus onfocus=alert(1)>",
        "<select autofocus onfocus=alert(1)><option>x</option></select>",
        "<textarea><script>alert(1)</script></textarea>",
        "<title><script>alert(1)</script></title>",
        "<xmp><script>alert(1)</script></xmp>",
        "<plaintext><script>alert(1)</script>",
        "<template><script>alert(1)</script></template>",
        "<!--><script>alert(1)</script>-->",
        "<!--[if IE]><script>alert(1)</script><![endif]-->",
        "<?xml version=\"1.0\"?><script>alert(1)</script>",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<<script>alert(1);//<</script>",
        "<a href=\"https://x.example/\" onclick=\"alert(1)\" target=_blank ping=//evil.example>x</a>",
        "<blockquote cite=\"javascript:alert(1)\">x</blockquote>",
        "<img srcset=\"javascript:alert(1) 1x\" src=\"/a.png\" sizes=1 loading=lazy usemap=#m>",
        "<p title='\"><script>alert(1)</script>'>x</p>",
        "<p title=\"a > b < c & d\">x</p>",
        "<a href='https://x.example/\"onmouseover=\"alert(1)'>x</a>",
        "<img src=\"https://x.example/`onerror=alert(1)\">",
        "<a href=\"\u{1}javascript:alert(1)\">x</a>",
        "<a href=\"file:///etc/passwd\">x</a> <a href=\"blob:https://x/y\">y</a> <a href=\"feed:https://x/y\">z</a>",
        "<select><template shadowrootmode=open><script>alert(1)</script></template></select>",
        "<p>\u{0}<scr\u{0}ipt>alert(1)</script>",
    ];
    assert!(corpus.len() >= 60);
    for source in corpus {
        assert_harmless(source);
        assert_harmless(&format!("<p>{source}</p>"));
        assert_harmless(&format!("{source}<b>unclosed"));
    }
}

#[test]
fn urls_are_absolute() {
    const PAGE: &str = "http://courier.example";
    const MEDIA: &str = "http://127.0.0.1:8080/media";
    let cases: &[(&str, Option<String>, &[&str])] = &[
        ("https://x.example/a?b=1&c=2", Some("https://x.example/a?b=1&c=2".into()), &[]),
        ("HTTPS://x.example", Some("https://x.example/".into()), &[]),
        ("//cdn.example/a.png", Some("https://cdn.example/a.png".into()), &[]),
        ("/a/b.png", Some(format!("{PAGE}/a/b.png")), &[]),
        ("other.html", Some(format!("{PAGE}/world/other.html")), &[]),
        ("../other/", Some(format!("{PAGE}/other/")), &[]),
        ("?page=2", Some(format!("{PAGE}/world/quake.html?page=2")), &[]),
        ("#note", Some(format!("{PAGE}/world/quake.html#note")), &[]),
        ("", Some(format!("{PAGE}/world/quake.html")), &[]),
        ("mailto:desk@courier.example", Some("mailto:desk@courier.example".into()), &[]),
        ("tel:+86-10-1234", Some("tel:+86-10-1234".into()), &[]),
        ("ftp://x.example/a", None, &[]),
        ("data:,x", None, &[]),
        ("https://", None, &[]),
        ("https://x.example:99999/", None, &[]),
        ("photo.jpg", Some(format!("{MEDIA}/world/2026/photo.jpg")), &["world/2026/photo.jpg"]),
        ("./a%20b.PNG?v=1", Some(format!("{MEDIA}/world/2026/a%20b.PNG")), &["world/2026/a b.PNG"]),
        ("../港口.webp#x", Some(format!("{MEDIA}/world/%E6%B8%AF%E5%8F%A3.webp#x")), &["world/港口.webp"]),
        ("img\\a.mp4", Some(format!("{MEDIA}/world/2026/img/a.mp4")), &["world/2026/img/a.mp4"]),
        ("../../top.pdf", Some(format!("{MEDIA}/top.pdf")), &["top.pdf"]),
        ("../../../etc/x.pdf", None, &[]),
        ("%2e%2e/%2e%2e/%2e%2e/x.pdf", None, &[]),
        ("..%2fx.pdf", None, &[]),
        (".git/x.png", None, &[]),
        ("%ff.png", None, &[]),
        ("100%.png", Some(format!("{MEDIA}/world/2026/100%25.png")), &["world/2026/100%.png"]),
        ("a\tb.png", Some(format!("{MEDIA}/world/2026/ab.png")), &["world/2026/ab.png"]),
        ("weird:name.png", None, &[]),
        ("x?y=z.png", Some(format!("{PAGE}/world/x?y=z.png")), &[]),
    ];
    for (reference, expected, files) in cases {
        let mut escaped = String::new();
        escape_attribute(reference, &mut escaped);
        let rendered = sanitise(&format!("<a href=\"{escaped}\">x</a>"), &links());
        let expected = match expected {
            Some(url) => {
                let mut escaped = String::new();
                escape_attribute(url, &mut escaped);
                format!("<a href=\"{escaped}\">x</a>")
            }
            None => "<a>x</a>".to_owned(),
        };
        assert_eq!(rendered.html.as_str(), expected, "{reference:?}");
        assert_eq!(rendered.local_media.iter().map(ArticlePath::as_str).collect::<Vec<_>>(), *files, "{reference:?}");
    }
}

#[test]
fn what_scripts_load_is_loaded_without_them() {
    const MEDIA: &str = "http://127.0.0.1:8080/media/world/2026";
    for (source, expected) in [
        (
            "<img src='data:image/gif;base64,R0' data-src='/real.jpg' alt='A'>".to_owned(),
            "<img src=\"http://courier.example/real.jpg\" alt=\"A\">".to_owned(),
        ),
        ("<img data-original=b.jpg class=lazy>".into(), format!("<img src=\"{MEDIA}/b.jpg\">")),
        ("<img data-src='javascript:x' src='/a.jpg'>".into(), "<img src=\"http://courier.example/a.jpg\">".into()),
        (
            "<img src='/a.jpg' srcset='a-1.jpg 480w, /b,c.jpg 2x,  ,javascript:x 3x, d.jpg 1q'>".into(),
            format!("<img src=\"http://courier.example/a.jpg\" srcset=\"{MEDIA}/a-1.jpg 480w, http://courier.example/b,c.jpg 2x\">"),
        ),
        (
            "<img src='/a.jpg' srcset='data:x 1x' data-srcset='/c.jpg 2x'>".into(),
            "<img srcset=\"http://courier.example/c.jpg 2x\" src=\"http://courier.example/a.jpg\">".into(),
        ),
        ("a<img src='https://t.example/p.gif' width=1 height=1>b".into(), "ab".into()),
        ("a<img src='https://t.example/p.gif' width='0' height='0px'>b".into(), "ab".into()),
        (
            "<img src='/rule.png' width=600 height=1>".into(),
            "<img src=\"http://courier.example/rule.png\" width=\"600\" height=\"1\">".into(),
        ),
        (
            "x<iframe width=1 src=\"https://www.youtube.com/embed/aB3?rel=0\" title='The &lt;film&gt;'><p>old</p></iframe>y".into(),
            "x<p><a href=\"https://www.youtube.com/watch?v=aB3\">The &lt;film&gt;</a></p>y".into(),
        ),
        (
            "<IFRAME SRC=//player.vimeo.com/video/42?x></IFRAME>".into(),
            "<p><a href=\"https://vimeo.com/42\">Video</a></p>".into(),
        ),
        (
            "<iframe src='https://maps.example/x' title='Map'></iframe>".into(),
            "<p><a href=\"https://maps.example/x\">Map</a></p>".into(),
        ),
        ("<iframe src='https://ads.example/x'></iframe>z".into(), "z".into()),
        ("<iframe src='javascript:x' title='Map'></iframe>z".into(), "z".into()),
        ("<p id=a class=b style='color:red'>z</p>".into(), "<p>z</p>".into()),
    ] {
        let html = sanitise(&source, &links()).html;
        assert_eq!(html.as_str(), expected, "{source}");
        assert_eq!(sanitise(html.as_str(), &links()).html, html);
    }
    let page = LinkBase { anchors: true, ..links() };
    assert_eq!(sanitise("<p id=a class=b>z</p>", &page).html.as_str(), "<p id=\"a\">z</p>");
}

#[test]
fn pictures_and_players_load_or_go() {
    for (source, expected) in [
        ("<img src=\"javascript:x\" alt=\"a\">", ""),
        (
            "<picture><source srcset=\"a.webp\"><img src=\"/a.png\" loading=lazy></picture>",
            "<img src=\"http://courier.example/a.png\">",
        ),
        (
            "<video poster=\"p.jpg\"><source src=\"v.mp4\" type=\"video/mp4\"></video>",
            "<video poster=\"http://127.0.0.1:8080/media/world/2026/p.jpg\" controls=\"\"><source \
             src=\"http://127.0.0.1:8080/media/world/2026/v.mp4\" type=\"video/mp4\"></video>",
        ),
    ] {
        assert_eq!(sanitise(source, &links()).html.as_str(), expected, "{source}");
    }
}

#[test]
fn ordinary_pages_are_not_too_tangled() {
    for (page, tangled) in [
        ("<table>".to_owned() + &"<tr><td><a href=x>1</a><td>2</tr>".repeat(20_000) + "</table>", false),
        ("<p>one <b>two</b><br><img src=x>".repeat(50_000), false),
        ("<ul><li>".repeat(100) + &"</ul>".repeat(100), false),
        ("a < b ".repeat(100_000), false),
        ("<div>".repeat(401), true),
        ("<div></x>".repeat(401), true),
        ("<b>".repeat(300) + &"<p>".repeat(100_000), true),
    ] {
        assert_eq!(too_tangled(&page), tangled, "{}", page.get(..40).unwrap_or_default());
    }
}
