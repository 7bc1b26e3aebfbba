//! The corpus of attacks, and tables of what becomes of markup.
//!
//! Long because it is a list of cases.

use super::*;
use crate::encoding::escape_attribute;
use crate::types::ArticlePath;
use crate::types::WebUrl;

fn links() -> LinkBase {
    LinkBase {
        folder: "world/2026".into(),
        ..LinkBase::new(
            WebUrl::parse("http://courier.example/world/quake.html").expect("a URL"),
            WebUrl::parse("http://127.0.0.1:8080/media/").expect("a URL"),
        )
    }
}

/// Parses the sanitised HTML as a browser would and examines every element and attribute.
fn assert_harmless(source: &str) {
    let rendered = sanitise(source, &links());
    let html = rendered.html.as_str();
    assert_safe(html, source);
    for node in scraper::Html::parse_fragment(html).tree.nodes() {
        let scraper::Node::Element(element) = node.value() else { continue };
        let ancestors = || node.ancestors().filter_map(|ancestor| ancestor.value().as_element());
        if element.name.ns == html5ever::ns!(mathml) {
            let is_inside = ancestors().next().is_some_and(|parent| parent.name.ns == html5ever::ns!(mathml));
            assert!(is_inside || element.name() == "math", "{source:?} left <{}>", element.name());
        } else {
            let is_html = ancestors().all(|ancestor| ancestor.name.ns == html5ever::ns!(html));
            assert!(is_html, "{source:?} left HTML in a formula");
        }
        let suffix = links().id_suffix();
        assert!(element.attr("id").is_none_or(|id| id.ends_with(&suffix)), "{source:?} left an id without a suffix");
    }
    assert!(html.chars().all(crate::types::is_publishable));
    assert_eq!(remove_unsafe(html), html, "{source:?}: ammonia's output isn't published as it is");
    assert_eq!(sanitise(html, &links()).html, rendered.html, "{source:?} isn't a fixed point");
}

/// Checks that HTML has only listed elements and attributes, and only addresses with harmless schemes.
fn assert_safe(html: &str, source: &str) {
    let is_safe = |address: &str| {
        let scheme = address.split(':').next().unwrap_or_default();
        ["http", "https"].iter().chain(addresses::SCHEMES).any(|safe| *safe == scheme)
    };
    for node in scraper::Html::parse_fragment(html).tree.nodes() {
        match node.value() {
            // The parser adds these two around a fragment.
            scraper::Node::Element(element) if ["html", "body"].contains(&element.name()) => {
                assert_eq!(element.attrs().count(), 0, "{source:?}");
            }
            scraper::Node::Element(element) => {
                let name = element.name();
                let in_math = element.name.ns == html5ever::ns!(mathml);
                let known = if in_math { FORMULA_ELEMENTS } else { ELEMENTS };
                assert!(known.contains(&name), "{source:?} left <{name}>");
                for (attribute, value) in element.attrs() {
                    let known = COMMON_ATTRIBUTES.contains(&attribute)
                        || (in_math && FORMULA_ATTRIBUTES.contains(&attribute))
                        || ATTRIBUTES.iter().any(|(known, list)| *known == name && list.contains(&attribute));
                    let runs = attribute.starts_with("on")
                        || ["style", "srcdoc", "action", "target", "class"].contains(&attribute)
                        || attribute.contains("href") && attribute != "href" && attribute != "hreflang"
                        || attribute.starts_with("data-");
                    assert!(known && !runs, "{source:?} left {attribute}={value:?}");
                    if ["href", "src", "cite", "poster"].contains(&attribute) {
                        assert!(is_safe(value), "{source:?} left {attribute}={value:?}");
                    }
                    if attribute == "srcset" {
                        let mut candidates = pictures::candidates(value);
                        assert!(
                            candidates.all(|(address, _)| is_safe(address)),
                            "{source:?} left {attribute}={value:?}"
                        );
                    }
                }
            }
            scraper::Node::Comment(_) | scraper::Node::ProcessingInstruction(_) => {
                panic!("{source:?} left a comment")
            }
            _ => {}
        }
    }
}

#[test]
fn executable_markup_is_removed() {
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
        "<math><annotation-xml encoding=text/html><style><img src=x onerror=alert(1)></style></annotation-xml></math>",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<math><mtext><table><mglyph><style><math><table id=\"</table><img src onerror=alert(1)>\">",
        "<math><mtext><option><FAKEFAKE><option></option><mglyph><svg><mtext><style><a title=\"</style><img src='#' onerror='alert(1)'>\">",
        "<math><mi><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\"></mi></math>",
        "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">x</mi></math>",
        "<math href=\"javascript:alert(1)\"><mi xlink:href=\"javascript:alert(1)\">x</mi></math>",
        "<math><maction actiontype=statusline xlink:href=javascript:alert(1)><mi>x</mi><mi>y</mi></maction></math>",
        "<math><mi onclick=alert(1) style=position:fixed class=x id=y>x</mi></math>",
        "<math><mtext><p>x</p><a href=javascript:alert(1)>y</a><img src=x onerror=alert(1)></mtext></math>",
        "<math><mtext><svg><a href=javascript:alert(1)><text>y</text></a></svg></mtext></math>",
        "<math><annotation encoding=\"application/x-tex\">\\href{javascript:alert(1)}{x}</annotation></math>",
        "<math><semantics><annotation>&lt;script&gt;alert(1)&lt;/script&gt;</annotation></semantics></math>",
        "<math alttext=\"&lt;img src=x onerror=alert(1)&gt;\"></math>",
        "<math><ms lquote=\"&lt;script&gt;\">x</ms></math>",
        "<svg></p><math><mi></svg><img src=x onerror=alert(1)></mi></math>",
        "<mml:math><mml:mi><script>alert(1)</script></mml:mi></mml:math>",
        "<table><math><mi>x</mi><tr><td><script>alert(1)</script>",
        "<script type=\"math/tex\"><img src=x onerror=alert(1)></script>",
        "<script type=\"math/mml\"><math><mtext><img src=x onerror=alert(1)></mtext></math></script>",
        "<noscript><img src=x onerror=alert(1)><script>alert(1)</script></noscript>",
        "<noscript><style></noscript><img src=x onerror=alert(1)></style></noscript>",
        "<picture><source srcset=javascript:alert(1)><img src=x onerror=alert(1)></picture>",
        "<img data-src=javascript:alert(1) data-srcset='javascript:alert(1) 2x'>",
        "<iframe title='\"><script>alert(1)</script>' src=//x.example></iframe>",
        "<iframe src='https://x.example/\"onmouseover=alert(1)'></iframe>",
        "<iframe srcdoc='<iframe srcdoc=\"&lt;script>alert(1)&lt;/script>\"></iframe><b onclick=alert(1)>x</b>'></iframe>",
        "<object data=//x.example/><img src=x onerror=alert(1)></object>",
        "<object><param name=movie value=javascript:alert(1)>x</object>",
        "<canvas><script>alert(1)</script><p onclick=alert(1)>x</p></canvas>",
        "<amp-iframe src=javascript:alert(1)></amp-iframe>",
        "<amp-img src=javascript:alert(1) onerror=alert(1)></amp-img>",
        "<amp-youtube data-videoid='\"><script>alert(1)</script>'></amp-youtube>",
        "<amp-video src=x onloadstart=alert(1) poster=javascript:alert(1)></amp-video>",
        "<amp-script script=x><script>alert(1)</script></amp-script>",
        "<a href=ssh://-oProxyCommand=x>x</a> <a href=ms-msdt:/id>y</a> <a href=view-source:x>z</a> <a href=search-ms:x>w</a>",
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
    assert_eq!(corpus.len(), 99);
    for source in corpus {
        for source in [source.to_owned(), format!("<p>{source}</p>"), format!("{source}<b>unclosed")] {
            assert_harmless(&source);
            // Ammonia alone makes it safe, even if nothing is rewritten first.
            assert_safe(&remove_unsafe(&source), &source);
        }
    }
}

/// Elements that are rewritten. `{}` stands for a hostile text.
const REWRITTEN: &[&str] = &[
    "<a href=\"{}\">x</a>",
    "<a name=\"{}\">x</a><a href=\"#{}\">y</a>",
    "<p id=\"{}\" title=\"{}\" lang=\"{}\" dir=\"{}\">x</p>",
    "<blockquote cite=\"{}\">x</blockquote><del cite=\"{}\" datetime=\"{}\">x</del>",
    "<table><td style=\"{}\">x</td><td style=\"text-align:{}\">x</td><td align=\"{}\">x</td></table>",
    "<div style=\"{}\" onclick=\"{}\" class=\"{}\">x</div>",
    "<img src=\"{}\" alt=\"{}\" width=\"{}\" sizes=\"{}\" onerror=\"{}\">",
    "<img srcset=\"{}\"><img srcset=\"{} 2x, /a.jpg 1x\" src=/b.jpg>",
    "<img data-src=\"{}\"><img data-lazy-src=\"{}\" src=/a.jpg><img data-srcset=\"{} 1x\">",
    "<picture><source srcset=\"{}\" type=\"{}\" media=\"{}\"><img alt=\"{}\"></picture>",
    "<picture><source data-srcset=\"{} 2x\"></picture>",
    "<video src=\"{}\" poster=\"{}\" width=\"{}\"><source src=\"{}\" type=\"{}\"></video>",
    "<video data-src=\"{}\" data-poster=\"{}\"></video><audio data-src=\"{}\"></audio>",
    "<noscript>{}</noscript>",
    "<noscript><img src=\"{}\" alt=\"{}\"><a href=\"{}\">x</a></noscript>",
    "<iframe src=\"{}\" title=\"{}\">{}</iframe>",
    "<iframe srcdoc=\"{}\"></iframe>",
    "<iframe data-cookieblock-src=\"{}\" aria-label=\"{}\"></iframe><embed src=\"{}\">",
    "<iframe src=\"https://x.example/{}\" title=\"{}\"></iframe>",
    "<object data=\"{}\" type=image/png title=\"{}\">{}</object>",
    "<object><param name=movie value=\"{}\"><p>{}</p></object>",
    "<canvas>{}</canvas>",
    "<map><area href=\"{}\" alt=\"{}\"></map>",
    "<base href=\"{}\"><a href=x>y</a>",
    "<svg aria-label=\"{}\"></svg>",
    "<svg><title>{}</title></svg><svg><text>{}</text></svg><svg><foreignObject>{}</foreignObject></svg>",
    "<xmp>{}</xmp>",
    "<plaintext>{}",
    "<!--{}-->",
    "<math alttext=\"{}\" href=\"{}\" display=\"{}\"></math><math alttext=\"{}\"><mi>x</mi></math>",
    "<math><mi xlink:href=\"{}\" style=\"{}\" id=\"{}\" mathvariant=\"{}\">{}</mi></math>",
    "<math><mfenced open=\"{}\" close=\"{}\" separators=\"{}\"><mi>a</mi><mi>b</mi></mfenced></math>",
    "<math><semantics><annotation encoding=\"application/x-tex\">{}</annotation></semantics></math>",
    "<math><annotation-xml encoding=\"text/html\">{}</annotation-xml><mi>x</mi></math>",
    "<math><mtext>{}</mtext><ms>{}</ms></math>",
    "<mml:math><mml:mi href=\"{}\">{}</mml:mi></mml:math>",
    "<script type=\"math/tex\">{}</script><script type=\"math/mml\"><math><mi>{}</mi></math></script>",
    "<script type=\"math/mml\">{}</script>",
    "<amp-img src=\"{}\" alt=\"{}\" srcset=\"{} 1x\"></amp-img>",
    "<amp-iframe src=\"{}\" title=\"{}\">{}</amp-iframe>",
    "<amp-video src=\"{}\" poster=\"{}\" onloadstart=\"{}\">{}</amp-video>",
    "<amp-youtube data-videoid=\"{}\"></amp-youtube><lite-youtube videoid=\"{}\"></lite-youtube>",
    "<amp-brightcove data-account=\"{}\" data-video-id=\"{}\"></amp-brightcove>",
    "<amp-facebook data-href=\"{}\"></amp-facebook><amp-embedly-card data-url=\"{}\"></amp-embedly-card>",
    "<amp-mathml data-formula=\"{}\"></amp-mathml>",
    "<amp-list src=\"{}\"><template>{}</template>{}</amp-list>",
];

#[test]
fn rewriting_reintroduces_nothing_unsafe() {
    let hostile = [
        "javascript:alert(1)",
        " JaVaScRiPt:alert(1)",
        "java\n\tscript:alert(1)",
        "\u{1}javascript:alert(1)",
        "javascript&colon;alert(1)",
        "vbscript:x",
        "data:text/html,<script>alert(1)</script>",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "/a.jpg 1x, javascript:alert(1) 2x",
        "https://x.example/\" onmouseover=\"alert(1)",
        "https://x.example/'onmouseover='alert(1)",
        "left\" onclick=\"alert(1)",
        "color:red;background:url(javascript:alert(1));behavior:url(x)",
        "\"><script>alert(1)</script>",
        "<script>alert(1)</script>",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "&amp;lt;script&amp;gt;alert(1)",
        "<img src=x onerror=alert(1)>",
        "<svg onload=alert(1)><style><a title=\"</style><img src=x onerror=alert(1)>\">",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "--><script>alert(1)</script>",
        "]]><script>alert(1)</script>",
        "</noscript></title></style></textarea></xmp></iframe></math></svg><img src=x onerror=alert(1)>",
        "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
        "<style>*{background:url(javascript:alert(1))}</style>",
        "<form action=javascript:alert(1)><button formaction=javascript:alert(1)>x</button></form>",
        "<a href=javascript:alert(1) onclick=alert(1) style=x>y</a>",
    ];
    for element in REWRITTEN {
        for text in hostile {
            let mut escaped = String::new();
            escape_attribute(text, &mut escaped);
            for text in [text, &escaped] {
                let source = element.replace("{}", text);
                assert_harmless(&source);
                assert_safe(&remove_unsafe(&source), &source);
            }
        }
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
        ("ftp://x.example/a", Some("ftp://x.example/a".into()), &[]),
        ("WEBCAL://x.example/a.ics", Some("webcal://x.example/a.ics".into()), &[]),
        ("xmpp:desk@courier.example", Some("xmpp:desk@courier.example".into()), &[]),
        ("sms:+86101234?body=a%20b", Some("sms:+86101234?body=a%20b".into()), &[]),
        ("geo:31.2,121.5;u=35", Some("geo:31.2,121.5;u=35".into()), &[]),
        ("magnet:?xt=urn:btih:abc", Some("magnet:?xt=urn:btih:abc".into()), &[]),
        ("sip:desk@courier.example", Some("sip:desk@courier.example".into()), &[]),
        ("news:comp.lang.rust", Some("news:comp.lang.rust".into()), &[]),
        ("urn:isbn:0451450523", Some("urn:isbn:0451450523".into()), &[]),
        ("irc://irc.example/desk", Some("irc://irc.example/desk".into()), &[]),
        ("java\nscript:alert(1)", None, &[]),
        ("vbscript:x", None, &[]),
        ("file:///etc/passwd", None, &[]),
        ("blob:https://x.example/1", None, &[]),
        ("ssh://x.example", None, &[]),
        ("about:blank", None, &[]),
        ("unknown:x", None, &[]),
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
fn unloadable_pictures_and_players_are_removed() {
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

/// Each source, and what readers get of it. `P` stands for the page's host, `M` for the media folder.
fn assert_becomes(cases: &[(&str, &str)]) {
    for (source, expected) in cases {
        let expected = expected.replace("{P}", "http://courier.example");
        let expected = expected.replace("{M}", "http://127.0.0.1:8080/media/world/2026");
        let html = sanitise(source, &links()).html;
        assert_eq!(html.as_str(), expected, "{source}");
        assert_eq!(sanitise(html.as_str(), &links()).html, html, "{source} is no fixed point");
        assert_harmless(source);
    }
}

#[test]
fn every_picture_appears_once() {
    let cases = [
        // Lazy loaders.
        (r#"<img src="data:image/gif;base64,R0" data-src="/real.jpg" alt="A">"#, r#"<img src="{P}/real.jpg" alt="A">"#),
        ("<img data-original=b.jpg class=lazy>", r#"<img src="{M}/b.jpg">"#),
        ("<img data-src='javascript:x' src='/a.jpg'>", r#"<img src="{P}/a.jpg">"#),
        ("<img data-litespeed-src='/a.jpg' src='data:,'>", r#"<img src="{P}/a.jpg">"#),
        ("<img src='/blank.gif' data-orig-file='/a.jpg'>", r#"<img src="{P}/a.jpg">"#),
        ("<img src='/a.jpg' data-orig-file='/b.jpg'>", r#"<img src="{P}/a.jpg">"#),
        // Candidates.
        (
            "<img srcset='/a-480.jpg 480w, /a-1600.jpg 1600w, /a-4000.jpg 4000w' sizes=100vw alt=A>",
            r#"<img src="{P}/a-1600.jpg" srcset="{P}/a-480.jpg 480w, {P}/a-1600.jpg 1600w, {P}/a-4000.jpg 4000w" alt="A" sizes="100vw">"#,
        ),
        (
            "<img data-srcset='/a.jpg, /b.jpg 2x, /c.jpg 3x'>",
            r#"<img src="{P}/b.jpg" srcset="{P}/a.jpg, {P}/b.jpg 2x, {P}/c.jpg 3x">"#,
        ),
        ("<img data-lazy-srcset='/a,b.jpg 300w'>", r#"<img src="{P}/a,b.jpg" srcset="{P}/a,b.jpg 300w">"#),
        (
            "<img srcset='/huge.jpg 9000w, /large.jpg 5000w'>",
            r#"<img src="{P}/large.jpg" srcset="{P}/huge.jpg 9000w, {P}/large.jpg 5000w">"#,
        ),
        ("<img srcset='data:image/gif;base64,R0 1x'>", ""),
        (
            "<img src='/a.jpg' srcset='a-1.jpg 480w, /b,c.jpg 2x,  ,javascript:x 3x, d.jpg 1q'>",
            r#"<img src="{P}/a.jpg" srcset="{M}/a-1.jpg 480w, {P}/b,c.jpg 2x">"#,
        ),
        (
            "<img src='/a.jpg' srcset='data:x 1x' data-srcset='/c.jpg 2x'>",
            r#"<img src="{P}/a.jpg" srcset="{P}/c.jpg 2x">"#,
        ),
        // `picture`.
        (
            "<picture><source srcset='/a.webp 1x'><img alt=A></picture>",
            r#"<img src="{P}/a.webp" srcset="{P}/a.webp 1x" alt="A">"#,
        ),
        (
            "<picture><source type=image/avif srcset=/a.avif><source type=image/jpeg srcset=/a.jpg><img alt=A width=9></picture>",
            r#"<img src="{P}/a.jpg" srcset="{P}/a.jpg" alt="A" width="9">"#,
        ),
        (
            "<picture><source media='(prefers-color-scheme: dark)' srcset=/dark.png><source srcset=/light.png><img></picture>",
            r#"<img src="{P}/light.png" srcset="{P}/light.png">"#,
        ),
        (
            "<picture><source media='(max-width: 600px)' srcset='/s.jpg 600w'><source srcset='/l.jpg 1200w'><img></picture>",
            r#"<img src="{P}/l.jpg" srcset="{P}/l.jpg 1200w">"#,
        ),
        ("<picture><source srcset=/a.webp><img src=/a.png loading=lazy></picture>", r#"<img src="{P}/a.png">"#),
        (
            "<picture><source data-srcset=/a.webp><img src='data:,' alt=A></picture>",
            r#"<img src="{P}/a.webp" srcset="{P}/a.webp" alt="A">"#,
        ),
        ("<picture><source srcset=/a.webp></picture>", r#"<img src="{P}/a.webp" srcset="{P}/a.webp">"#),
        ("<picture></picture>x", "x"),
        // `noscript` beside a picture that waits for a script.
        (
            "<p><img src='data:,'><noscript><img src=/a.jpg alt=A></noscript></p>",
            r#"<p><img src="{P}/a.jpg" alt="A"></p>"#,
        ),
        ("<noscript><img src=/a.jpg></noscript><img data-src=/a.jpg src='data:,'>", r#"<img src="{P}/a.jpg">"#),
        (
            "<img src=/lazy.gif data-lazy-src='/a.jpg?x=1'>\n<noscript><img src=/a.jpg></noscript>",
            "\n<img src=\"{P}/a.jpg\">",
        ),
        ("<img src=/60/a.jpg><noscript><img src=/1400/a.jpg></noscript>", r#"<img src="{P}/1400/a.jpg">"#),
        ("<img src=/spacer.gif><noscript><img src=/a.jpg></noscript>", r#"<img src="{P}/a.jpg">"#),
        (
            "<div><span><img src='data:,' aria-hidden=true></span></div><noscript><img src=/a.jpg></noscript>",
            r#"<div><span></span></div><img src="{P}/a.jpg">"#,
        ),
        (
            "<picture><source srcset=/a.webp><img alt=A></picture><noscript><img src=/a.jpg alt=A></noscript>",
            r#"<img src="{P}/a.jpg" alt="A">"#,
        ),
        ("<noscript><picture><source srcset=/a.webp><img src=/a.jpg></picture></noscript>", r#"<img src="{P}/a.jpg">"#),
        ("<picture><noscript><img src=/a.jpg></noscript></picture>", r#"<img src="{P}/a.jpg">"#),
        ("<img src=/a.jpg><p>x</p><noscript><img src=/a.jpg></noscript>", r#"<img src="{P}/a.jpg"><p>x</p>"#),
        ("<img src=/a.jpg><noscript><img src=/b.jpg></noscript>", r#"<img src="{P}/a.jpg"><img src="{P}/b.jpg">"#),
        (
            "<figure><div><img src='data:,' data-srcset='/a.jpg 1x, /b.jpg 2x'></div><noscript><img src=/a.jpg></noscript></figure>",
            r#"<figure><div></div><img src="{P}/a.jpg"></figure>"#,
        ),
        (
            "<img data-src=/a.jpg><noscript><img src=/a.jpg></noscript><img data-src=/b.jpg>",
            r#"<img src="{P}/a.jpg"><img src="{P}/b.jpg">"#,
        ),
        ("<p><img src='data:image/png;base64,iVBO' alt='A &lt;chart&gt;'></p>", "<p>A &lt;chart&gt;</p>"),
        // `noscript` with words.
        ("<noscript>See <a href=/t>the table</a></noscript>", r#"See <a href="{P}/t">the table</a>"#),
        ("<noscript><p>Words</p></noscript>", "<p>Words</p>"),
        (
            "<noscript><iframe src=https://maps.example/ title=Map></iframe></noscript>",
            r#"<p><a href="https://maps.example/">Map</a></p>"#,
        ),
        (
            "x<noscript>Please enable JavaScript to view the <a href='https://disqus.com/?ref_noscript'>comments</a></noscript>",
            "x",
        ),
        // Counters.
        ("a<img src='https://t.example/p.gif' width=1 height=1>b", "ab"),
        ("a<img src='https://t.example/p.gif' width='0' height='0px'>b", "ab"),
        ("a<img src='https://t.example/p.gif' style='width:1px; height:1px'>b", "ab"),
        (
            "a<noscript><img height=1 width=1 style='display:none' src='https://www.facebook.com/tr?id=1'></noscript>b",
            "ab",
        ),
        ("a<noscript><img src='https://www.facebook.com/tr?id=1&noscript=1'></noscript>b", "ab"),
        ("a<noscript><iframe src='https://www.googletagmanager.com/ns.html?id=1'></iframe></noscript>b", "ab"),
        (
            "a<img src='//sb.scorecardresearch.com/p?c1=2'>b<img src='https://stats.courier.example/matomo.php?id=1'>",
            "ab",
        ),
        ("a<img src='data:,' data-src='https://pixel.wp.com/g.gif'>b", "ab"),
        ("<img src='/rule.png' width=600 height=1>", r#"<img src="{P}/rule.png" width="600" height="1">"#),
        // No picture at all.
        ("<img src=''>x", "x"),
        ("<img src='  ' alt=A>x", "x"),
        ("<img src='#'>x", "x"),
        ("<img src='about:blank'>x", "x"),
        ("<img alt=A>x", "x"),
        ("<video src='' poster=''>x</video>", r#"<video controls="">x</video>"#),
        ("<video data-src=/v.mp4></video>", r#"<video src="{P}/v.mp4" controls=""></video>"#),
        ("<img src=/i.png aria-hidden=true alt=''>x", "x"),
        ("<img src=/i.png aria-hidden=true alt=formula>x", r#"<img src="{P}/i.png" alt="formula">x"#),
        ("<img src=/i.png alt=''>", r#"<img src="{P}/i.png" alt="">"#),
    ];
    assert_eq!(cases.len(), 58);
    assert_becomes(&cases);
}

#[test]
fn embeds_become_links() {
    let cases = [
        (
            "x<iframe width=1 src=\"https://www.youtube.com/embed/aB3?rel=0\" title='The &lt;film&gt;'><p>old</p></iframe>y",
            "x<p><a href=\"https://www.youtube.com/watch?v=aB3\">The &lt;film&gt;</a></p>y",
        ),
        ("<IFRAME SRC=//player.vimeo.com/video/42?x></IFRAME>", r#"<p><a href="https://vimeo.com/42">Vimeo</a></p>"#),
        (
            "<iframe src='https://maps.example/x' title='Map'></iframe>",
            r#"<p><a href="https://maps.example/x">Map</a></p>"#,
        ),
        (
            "<iframe src='https://charts.example/x'></iframe>z",
            r#"<p><a href="https://charts.example/x">charts.example</a></p>z"#,
        ),
        (
            "<iframe src='data:,' data-src='https://charts.example/x'></iframe>",
            r#"<p><a href="https://charts.example/x">charts.example</a></p>"#,
        ),
        ("<iframe src='/charts/1.html' title=Chart></iframe>", r#"<p><a href="{P}/charts/1.html">Chart</a></p>"#),
        ("<iframe src='/charts/1.html'></iframe>", r#"<p><a href="{P}/charts/1.html">1.html</a></p>"#),
        (
            "<p>See<iframe src='https://charts.example/x'></iframe>there</p>",
            r#"<p>See <a href="https://charts.example/x">charts.example</a> there</p>"#,
        ),
        ("<iframe src='javascript:x' title='Map'></iframe>z", "z"),
        ("<iframe src='' title='Map'></iframe>z", "z"),
        ("<iframe src='https://www.googletagmanager.com/ns.html?id=1' title=T></iframe>z", "z"),
        ("<iframe src='https://t.example/x' width=1 height=1></iframe>z", "z"),
        ("<iframe src='https://t.example/x' style='display:none'></iframe>z", "z"),
        ("<iframe srcdoc='<p>Inside &amp;amp; out</p>'></iframe>", "<p>Inside &amp; out</p>"),
        (
            "<embed src='https://x.example/a.pdf' type=application/pdf>",
            r#"<p><a href="https://x.example/a.pdf">x.example</a></p>"#,
        ),
        (
            "<embed src='https://x.example/a.pdf' title='The report'>",
            r#"<p><a href="https://x.example/a.pdf">The report</a></p>"#,
        ),
        (
            "<object data='https://x.example/a.pdf'></object>",
            r#"<p><a href="https://x.example/a.pdf">x.example</a></p>"#,
        ),
        (
            "<object data='a.pdf' title=Report><p>Fallback</p></object>",
            r#"<p>Fallback</p><p><a href="{M}/a.pdf">Report</a></p>"#,
        ),
        ("<object data='/a.pdf'><a href='/a.pdf'>Get it</a></object>", r#"<a href="{P}/a.pdf">Get it</a>"#),
        (
            "<object><param name=movie value='https://www.youtube.com/v/aB3&amp;hl=en'><embed src='https://www.youtube.com/v/aB3&amp;hl=en'></object>",
            r#"<p><a href="https://www.youtube.com/watch?v=aB3">YouTube</a></p>"#,
        ),
        (
            "<object data='/chart.svg' type='image/svg+xml' title=Chart>Ships</object>",
            r#"Ships<p><a href="{P}/chart.svg"><img src="{P}/chart.svg" alt="Chart"></a></p>"#,
        ),
        ("<object data=/p.svg type=image/svg+xml><img src=/p.png></object>", r#"<img src="{P}/p.png">"#),
        ("<embed src=/a.png>", r#"<p><a href="{P}/a.png"><img src="{P}/a.png" alt=""></a></p>"#),
        ("<object data='javascript:x'>Fallback</object>", "Fallback"),
        ("<object>Fallback <b>bold</b></object>", "Fallback <b>bold</b>"),
        ("<canvas id=c>The numbers: <a href=/t>table</a></canvas>", r#"The numbers: <a href="{P}/t">table</a>"#),
        ("<canvas></canvas>x", "x"),
        (
            "<iframe src='https://www.youtube.com/embed/videoseries?list=PL1'></iframe>",
            r#"<p><a href="https://www.youtube.com/playlist?list=PL1">YouTube</a></p>"#,
        ),
        // AMP.
        (
            "<amp-img src=/a.jpg srcset='/b.jpg 2x' alt=A width=9 height=9 layout=responsive><noscript><img src=/a.jpg></noscript></amp-img>",
            r#"<img src="{P}/a.jpg" srcset="{P}/b.jpg 2x" alt="A" width="9" height="9">"#,
        ),
        ("<amp-img><noscript><img src=/a.jpg></noscript></amp-img>", r#"<img src="{P}/a.jpg">"#),
        ("<amp-anim src=/a.gif><amp-img placeholder src=/still.jpg></amp-img></amp-anim>", r#"<img src="{P}/a.gif">"#),
        (
            "<amp-video src=/v.mp4 poster=/p.jpg width=9 height=9><div fallback>No video</div></amp-video>",
            r#"<video height="9" poster="{P}/p.jpg" src="{P}/v.mp4" width="9" controls=""><div>No video</div></video>"#,
        ),
        (
            "<amp-audio><source src=/a.mp3 type=audio/mpeg></amp-audio>",
            r#"<audio controls=""><source src="{P}/a.mp3" type="audio/mpeg"></audio>"#,
        ),
        (
            "<amp-youtube data-videoid=aB3></amp-youtube>",
            r#"<p><a href="https://www.youtube.com/watch?v=aB3">YouTube</a></p>"#,
        ),
        ("<amp-vimeo data-videoid=42 title=Film></amp-vimeo>", r#"<p><a href="https://vimeo.com/42">Film</a></p>"#),
        (
            "<amp-carousel><amp-img src=/a.jpg></amp-img><figure><amp-img src=/b.jpg></amp-img><figcaption>B</figcaption></figure></amp-carousel>",
            r#"<img src="{P}/a.jpg"><figure><img src="{P}/b.jpg"><figcaption>B</figcaption></figure>"#,
        ),
        (
            "<amp-iframe src='https://charts.example/x' title=Chart><amp-img placeholder src=/p.jpg></amp-img></amp-iframe>",
            r#"<p><a href="https://charts.example/x">Chart</a></p>"#,
        ),
        (
            "<amp-twitter data-tweetid=12><blockquote placeholder>Words</blockquote></amp-twitter>",
            r#"<blockquote>Words</blockquote><p><a href="https://twitter.com/i/status/12">Twitter</a></p>"#,
        ),
        (
            "<amp-instagram data-shortcode=Cx1></amp-instagram>",
            r#"<p><a href="https://www.instagram.com/p/Cx1/">Instagram</a></p>"#,
        ),
        (
            "<amp-facebook data-href='https://www.facebook.com/a/1'></amp-facebook>",
            r#"<p><a href="https://www.facebook.com/a/1">Facebook</a></p>"#,
        ),
        (
            "<amp-brightcove data-account=9 data-video-id=42></amp-brightcove>",
            r#"<p><a href="https://players.brightcove.net/9/default_default/index.html?videoId=42">Brightcove</a></p>"#,
        ),
        (
            "<amp-brid-player data-partner=9 data-player=7 data-video=42></amp-brid-player>",
            r#"<p><a href="https://services.brid.tv/services/iframe/video/42/9/7/0/1">Brid</a></p>"#,
        ),
        (
            "<amp-brid-player data-partner=9 data-player=7 data-playlist=42></amp-brid-player>",
            r#"<p><a href="https://services.brid.tv/services/iframe/playlist/42/9/7/0/1">Brid</a></p>"#,
        ),
        (
            "<amp-brightcove data-account=9 data-playlist-id=42></amp-brightcove>",
            r#"<p><a href="https://players.brightcove.net/9/default_default/index.html?playlistId=42">Brightcove</a></p>"#,
        ),
        (
            "<amp-vk data-embedtype=post data-owner-id=1 data-post-id=45616 data-hash=x></amp-vk>",
            r#"<p><a href="https://vk.com/wall1_45616">VK</a></p>"#,
        ),
        (
            "<amp-facebook-video data-href='https://www.facebook.com/a/videos/1'></amp-facebook-video>",
            r#"<p><a href="https://www.facebook.com/a/videos/1">Facebook</a></p>"#,
        ),
        (
            "<amp-tiktok data-src=6718></amp-tiktok>",
            r#"<p><a href="https://www.tiktok.com/embed/v2/6718">TikTok</a></p>"#,
        ),
        (
            "<amp-dailymotion data-playlistid=x7></amp-dailymotion>",
            r#"<p><a href="https://www.dailymotion.com/playlist/x7">Dailymotion</a></p>"#,
        ),
        (
            "<lite-youtube videoid=aB3><a href=x>Play</a></lite-youtube>",
            r#"<p><a href="https://www.youtube.com/watch?v=aB3">YouTube</a></p>"#,
        ),
        (
            "<iframe src='about:blank' data-cookieblock-src='https://charts.example/x'></iframe>",
            r#"<p><a href="https://charts.example/x">charts.example</a></p>"#,
        ),
        (
            "<amp-accordion><section><h2>A</h2><p>B</p></section></amp-accordion>",
            "<section><h2>A</h2><p>B</p></section>",
        ),
        ("<amp-mathml data-formula='x^2'></amp-mathml>", "x^2"),
        (
            "a<amp-ad src=x>Buy</amp-ad><amp-analytics>x</amp-analytics><amp-pixel src=x></amp-pixel><amp-sidebar layout=nodisplay>x</amp-sidebar>b",
            "ab",
        ),
    ];
    assert_eq!(cases.len(), 53);
    assert_becomes(&cases);
}

#[test]
fn hidden_elements_are_removed() {
    let cases = [
        ("a<p style='display:none'>b</p>c", "ac"),
        ("a<p style='DISPLAY : NONE ! important'>b</p>c", "ac"),
        ("a<span style='visibility:hidden'>b</span>c", "ac"),
        ("a<span aria-hidden=true>b</span>c", "ac"),
        ("a<span aria-hidden=' TRUE '>b</span>c", "ac"),
        ("a<span aria-hidden=false>b</span>c", "a<span>b</span>c"),
        ("a<div hidden>b<p>c</p></div>d", "ad"),
        ("a<div hidden=until-found>b</div>d", "ad"),
        ("a<dialog>b</dialog>c", "ac"),
        ("<ul><li>a<li style=display:none>b<li>c</ul>", "<ul><li>a</li><li>c</li></ul>"),
        ("<table><tr hidden><td>a<tr><td>b</table>", "<table><tbody><tr><td>b</td></tr></tbody></table>"),
        ("a<a href=/x style='display:none'>b</a>c", "ac"),
        // A `<` in a value.
        ("<p title='a < b' style=display:none>b</p>c", "c"),
        ("<p title='a<b' style=display:none>b</p>c", "c"),
        ("a<p/style=display:none>b</p>c", "ac"),
        ("a<P STYLE=display:none>b</P>c", "ac"),
        ("a<p style='display&#58;none'>b</p>c", "ac"),
        ("a<span style='color:red;display:inline'>b</span>c", "a<span>b</span>c"),
        // Visible again.
        ("a<p style='visibility:hidden'>b<b style='visibility:visible'>c</b>d<i>e</i></p>f", "a<b>c</b>f"),
        (
            "<p style='visibility:hidden'>a<b style='visibility:visible'>b<i style='visibility:hidden'>c<u style='visibility:visible'>d</u></i></b></p>",
            "<b>b<u>d</u></b>",
        ),
        ("a<p style='visibility:hidden'>b<b hidden style='visibility:visible'>c</b></p>", "a"),
        ("a<p style='visibility:hidden'><i style='display:none'><b style='visibility:visible'>c</b></i></p>", "a"),
        ("a<p style='display:none'><b style='visibility:visible;display:block'>c</b></p>", "a"),
        ("a<p hidden style='visibility:hidden'><b style='visibility:visible'>c</b></p>", "a"),
        // Style sheets.
        ("<style>.x,#i{display:none}</style>a<p class=x>b</p><p id=i>c</p><p class=y>d</p>", "a<p>d</p>"),
        ("<Style>.x{display:none}</Style>a<p class=x>b</p>", "a"),
        ("<style>@media print{.x{display:none}} .js .y{display:none}</style><p class='x y'>b</p>", "<p>b</p>"),
    ];
    assert_eq!(cases.len(), 27);
    assert_becomes(&cases);
}

#[test]
fn labels_of_drawings_and_maps_stay() {
    let cases = [
        ("a <svg aria-label='A chart'><text>1</text></svg> b", "a A chart b"),
        ("<svg><title>A &lt; chart</title><desc>no</desc><path d=M0/></svg>", "A &lt; chart"),
        (
            "<svg viewBox='0 0 800 400'><g><text>North</text><text x=1>South <tspan>12</tspan></text></g><style>.a{}</style></svg>",
            "North South 12",
        ),
        ("<svg><foreignObject><div>Flow <b>one</b></div></foreignObject></svg>", "Flow one"),
        ("a<svg><use href=#icon></use></svg>b", "ab"),
        ("a<svg aria-hidden=true><title>Icon</title></svg>b", "ab"),
        (
            "<img src=/m.png usemap=#m><map name=m><area href=/n alt=North><area href=/s title=South><area href=/x><area alt=y></map>",
            r#"<img src="{P}/m.png"> <a href="{P}/n">North</a> <a href="{P}/s">South</a>"#,
        ),
        ("<xmp>a <b> c</xmp>", "<pre>a &lt;b&gt; c</pre>"),
    ];
    assert_becomes(&cases);
}

#[test]
fn base_moves_relative_addresses() {
    let cases = [
        (
            "<base href='https://b.example/x/'><a href=y>a</a> <img src=p.png>",
            r#"<a href="https://b.example/x/y">a</a> <img src="https://b.example/x/p.png">"#,
        ),
        ("<a href=y>a</a><base href='/z/'>", r#"<a href="{P}/z/y">a</a>"#),
        ("<base href='javascript:x'><a href=/y>a</a>", r#"<a href="{P}/y">a</a>"#),
    ];
    assert_becomes(&cases);
    let own = sanitise("<base href='https://b.example/'><a href=#i>a</a><p id=i>b</p>", &links());
    assert!(own.html.as_str().starts_with("<a href=\"http://courier.example/world/quake.html#i\">"), "{}", own.html);
}

#[test]
fn losses_are_reported() {
    let picture =
        |address: &str, alternative: &str| Loss::Picture { address: address.into(), alternative: alternative.into() };
    let embed = |element: &str| Loss::Embed { element: element.into() };
    for (source, expected) in [
        ("<img src='data:image/png;base64,AA'>", vec![picture("data:image/png;base64,AA", "")]),
        ("<p><IMG SRC=' DATA:image/png,A' ALT=' A '></p>", vec![picture("DATA:image/png,A", "A")]),
        ("<img src='data:image/gif;base64,R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7'>", vec![]),
        ("<img src='data:image/png,A' data-src=/a.jpg>", vec![]),
        ("<img src='data:image/png,A'><noscript><img src=/a.jpg></noscript>", vec![]),
        ("<img src='data:image/png,A' hidden><img src='data:image/png,A' width=1 height=1>", vec![]),
        ("<picture><source srcset=/a.webp><img src='data:image/png,A'></picture>", vec![]),
        ("<svg viewBox='0 0 24 24'><path/></svg>", vec![]),
        ("<svg viewBox='0 0 800 400'><path/></svg>", vec![Loss::Drawing { search_text: "0 0 800 400".into() }]),
        ("<svg viewBox='0 0 800 400'><title>A</title></svg>", vec![]),
        ("<amp-youtube></amp-youtube><amp-ad></amp-ad>", vec![embed("amp-youtube")]),
        ("<amp-vk data-embedtype=poll data-poll-id=1></amp-vk>", vec![embed("amp-vk")]),
        ("<iframe srcdoc='<iframe srcdoc=\"<iframe srcdoc=x></iframe>\"></iframe>'></iframe>", vec![embed("iframe")]),
        ("<iframe src='https://www.googletagmanager.com/ns.html'></iframe><iframe hidden></iframe>", vec![]),
        ("<iframe src='//www.facebook.com/tr?id=1'></iframe><iframe width=1 height=1></iframe>", vec![]),
        ("<iframe></iframe><iframe src='about:blank'></iframe>", vec![embed("iframe"), embed("iframe")]),
        ("<iframe src='https:'></iframe><embed>", vec![embed("iframe"), embed("embed")]),
        ("<iframe data-src=/map.html></iframe><iframe src=/map.html></iframe>", vec![]),
        ("<video></video><audio src='blob:x'></audio>", vec![embed("video"), embed("audio")]),
        ("<video><source type=video/mp4>A film.</video>", vec![embed("video")]),
        ("<video src=/a.mp4></video><audio><source src=/a.mp3></audio><video data-src=/a.mp4></video>", vec![]),
        ("<object></object><object><param name=wmode value=x> </object>", vec![embed("object"), embed("object")]),
        (
            "<object>A map.</object><object><param name=movie value=/a.swf></object><object data=/a.pdf></object>",
            vec![],
        ),
        ("<base href='javascript:x'>", vec![Loss::Base { address: "javascript:x".into() }]),
    ] {
        assert_eq!(convert::losses(source), expected, "{source}");
    }
}

#[test]
fn formulas_keep_their_presentation() {
    let cases = [
        ("Let <math>x = 2</math> hold", "Let <math>x = 2</math> hold"),
        (
            "<math display=block><mfrac><mi>a</mi><msup><mi>b</mi><mn>2</mn></msup></mfrac></math>",
            r#"<math display="block"><mfrac><mi>a</mi><msup><mi>b</mi><mn>2</mn></msup></mfrac></math>"#,
        ),
        (
            "<math><semantics><mrow><mi>x</mi></mrow><annotation encoding='application/x-tex'>x</annotation><annotation-xml><ci>x</ci></annotation-xml></semantics></math>",
            "<math><mrow><mi>x</mi></mrow></math>",
        ),
        (
            "<math><mi mathvariant=normal class=a style='color:red' onclick=x href=/y>x</mi></math>",
            r#"<math><mi mathvariant="normal">x</mi></math>"#,
        ),
        ("<math><mtext>if <b>and</b> only</mtext></math>", "<math><mtext>if and only</mtext></math>"),
        (
            "<math><mfenced><mi>a</mi><mi>b</mi></mfenced></math>",
            "<math><mrow><mo>(</mo><mi>a</mi><mo>,</mo><mi>b</mi><mo>)</mo></mrow></math>",
        ),
        ("<math><maction actiontype=toggle><mi>a</mi><mi>b</mi></maction></math>", "<math><mi>a</mi></math>"),
        ("<math><mi>a</mi><mphantom style='display:none'><mi>b</mi></mphantom></math>", "<math><mi>a</mi></math>"),
        // Nothing to show but what stands for it.
        ("Let <math alttext='x = 2'></math> hold", "Let x = 2 hold"),
        (
            "<math><semantics><apply><eq/></apply><annotation encoding='application/x-tex'>x=2</annotation></semantics></math>",
            "x=2",
        ),
        ("<math><apply><ci>x</ci><cn>2</cn></apply></math>", "x 2"),
        // Renderers.
        (
            "<span class=katex><span class=katex-mathml><math><semantics><mi>x</mi><annotation encoding='application/x-tex'>x</annotation></semantics></math></span><span class=katex-html aria-hidden=true>x</span></span>",
            "<span><span><math><mi>x</mi></math></span></span>",
        ),
        (
            "<span><span style='display: none'><math alttext='x'><mi>x</mi></math></span><img src='https://w.example/x.svg' aria-hidden=true alt='x'></span>",
            r#"<span><img src="https://w.example/x.svg" alt="x"></span>"#,
        ),
        ("Let <script type='math/tex'>x < 2</script> hold", "Let x &lt; 2 hold"),
        ("<script type='math/tex; mode=display'>x</script>", "x"),
        ("<script type='math/mml'><math><mi>x</mi></math></script>", "<math><mi>x</mi></math>"),
        ("<span class=MathJax_Preview>x</span><script type='math/tex'>x</script>", "x"),
        (
            "<span class=MathJax><span class=MJX_Assistive_MathML><math><mi>x</mi></math></span></span><script type='math/tex'>x</script>",
            "<span><span><math><mi>x</mi></math></span></span>",
        ),
        ("<mml:math display='inline'><mml:mi>x</mml:mi></mml:math>", r#"<math display="inline"><mi>x</mi></math>"#),
        // Outside of a formula they are nothing.
        ("a<mi>b</mi>c", "abc"),
    ];
    assert_eq!(cases.len(), 20);
    assert_becomes(&cases);
}

#[test]
fn plain_text_reads_like_the_page() {
    let cases = [
        ("Let <math><mi>x</mi><mo>=</mo><mfrac><mn>2</mn><mn>3</mn></mfrac></math> hold", "Let x=2/3 hold"),
        ("<math><msup><mi>x</mi><mn>2</mn></msup></math>", "x^2"),
        (
            "<math><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><msqrt><mn>2</mn></msqrt></mfrac></math>",
            "(a+b)/√(2)",
        ),
        ("<math><msubsup><mi>x</mi><mi>i</mi><mn>2</mn></msubsup></math>", "x_i^2"),
        ("<math><mroot><mi>x</mi><mn>3</mn></mroot></math>", "x^(1/3)"),
        ("<math alttext='x squared'><msup><mi>x</mi><mn>2</mn></msup></math> is it", "x squared is it"),
        ("<math><mi>f</mi><mo>\u{2061}</mo><mi>x</mi></math>", "fx"),
        ("<p>Prose.</p><iframe src='https://www.youtube.com/embed/a'></iframe><p>More.</p>", "Prose.\n\nMore."),
        ("<p>See <iframe src='https://www.youtube.com/embed/a'></iframe> now.</p>", "See now."),
        ("<iframe src='https://www.youtube.com/embed/a' title='A film'></iframe>", "A film"),
        ("<p style='display:none'>Secret.</p><p>Prose.</p>", "Prose."),
    ];
    assert_eq!(cases.len(), 11);
    for (source, expected) in cases {
        assert_eq!(sanitise(source, &links()).text, expected, "{source}");
    }
}

#[test]
fn documents_in_frames_are_bounded() {
    let (nested, written) = ("<div>".repeat(300), "&lt;div>".repeat(300));
    let source =
        format!("{nested}<iframe srcdoc='{written}Inside&lt;p style=display:none>Secret&lt;/p>'></iframe>Outside");
    let rendered = sanitise(&source, &links());
    assert!(!rendered.html.as_str().contains("<div>"), "what is too deep is text alone");
    assert!(rendered.text.contains("Inside") && rendered.text.contains("Outside"), "{}", rendered.text);
    assert!(!rendered.html.as_str().contains("Secret") && !rendered.text.contains("Secret"));
}

/// Whether the text is in a hidden element for a browser: wrong nesting can move it out.
fn hides_secret(source: &str) -> bool {
    let document = parse::parse_fragment(source);
    let secret = document.tree.nodes().find(|node| node.value().as_text().is_some_and(|text| text.contains("SECRET")));
    secret.is_some_and(|node| node.ancestors().filter_map(|ancestor| ancestor.value().as_element()).any(is_hidden))
}

proptest::proptest! {
    #[test]
    fn hidden_text_never_leaks(
        before in "(<(p|div|b|table|ul|li|math|noscript|picture|pre|a href=x|amp-carousel|svg|select)>|a < b|<p title='x<y'>|<!-- -->|</(p|div|b|table)>|text ){0,8}",
        hidden in "(style=display:none|style='visibility : hidden'|STYLE=\"color:red;DISPLAY:none!important\"|hidden|aria-hidden=true|title='<' style=display:none)",
        element in "(p|div|span|section|blockquote|ul|figure|details|amp-list|noscript|object|canvas)",
        inside in "(<b>|<p>|</b>|<img src=/x.jpg>|<table><tr><td>| ){0,4}",
    ) {
        let source = format!("{before}<{element} {hidden}>{inside}SECRET</{element}>after");
        let rendered = sanitise(&source, &links());
        let shown = rendered.html.as_str().contains("SECRET") || rendered.text.contains("SECRET");
        proptest::prop_assert!(!(shown && hides_secret(&source)), "{}", source);
    }

    #[test]
    fn any_markup_becomes_harmless(
        source in "(</?(math|mtext|mi|mglyph|annotation-xml encoding=text/html|svg|style|title|noscript|table|td|form|p|select|option|template|iframe srcdoc='<b>'|iframe src=//x.example|object data=//x.example|canvas|picture|source srcset=/a|img src=/x onerror=x|amp-img src=/x|amp-video src=/v|mml:math|mml:mi|a href=javascript:x|textarea|xmp|plaintext|b|pre)>|<!--|-->|<!\\[CDATA\\[|\\]\\]>|\"|'|x| ){0,14}",
    ) {
        assert_harmless(&source);
    }
}
