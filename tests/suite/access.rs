//! Access to articles (private, paid, unlisted), in the spellings of many publishing tools.

use std::fmt::Write as _;

use dateline::article::render::{LinkBase, render};
use dateline::article::{Article, MediaReference, ParseOptions, Parsed, parse_with_origins};
use dateline::types::{ArticlePath, WebUrl};
use jiff::tz::TimeZone;

fn parsed(name: &str, text: &str) -> Parsed {
    let options = ParseOptions { max_size: 1_000_000, ..ParseOptions::new("content", TimeZone::UTC) };
    parse_with_origins(&ArticlePath::new(name), text.as_bytes(), &options)
}

/// Describes the access to an article; diagnostic codes and `withheld` if the file is refused.
fn described(name: &str, text: &str) -> String {
    let parsed = parsed(name, text);
    let mut described = parsed.access.to_string();
    if let Some(article) = &parsed.article {
        assert_eq!(article.metadata.access, parsed.access, "{text}");
        let restricts = |value: &str| !value.starts_with("public");
        let noted = parsed.origins.iter().any(|origin| origin.field == "access" && restricts(&origin.value));
        assert_eq!(noted, described != "public", "{text}: `explain` says why: {:?}", parsed.origins);
    }
    for diagnostic in &parsed.diagnostics {
        write!(described, " {}", diagnostic.code).expect("a string");
    }
    if parsed.withhold {
        assert!(parsed.article.is_none(), "{text}");
        described.push_str(" withheld");
    }
    described
}

fn front_matter(keys: &str) -> String {
    described("news/a.md", &format!("---\ntitle: Quay\ndate: 2026-11-20\n{keys}\n---\n\nBody.\n"))
}

#[test]
fn front_matter_sets_access() {
    for (keys, expected) in [
        ("", "public"),
        // Ghost
        ("visibility: public", "public"),
        ("visibility: members", "paid"),
        ("visibility: paid", "paid"),
        ("visibility: tiers\ntiers: [Gold]", "paid"),
        ("visibility: none", "private"),
        ("email_only: true", "private"),
        // WordPress and its exports
        ("visibility: private", "private"),
        ("Visibility: Password-protected", "private"),
        ("password: tide", "private"),
        ("password: no idea", "private"),
        ("post_password: tide", "private"),
        ("password:", "public"),
        ("password: \"\"", "public"),
        ("_jetpack_newsletter_access: paid_subscribers", "paid"),
        ("_jetpack_newsletter_access: everybody", "public"),
        // Eleventy
        ("eleventyExcludeFromCollections: true", "unlisted"),
        ("eleventyExcludeFromCollections: [posts]", "unlisted"),
        ("eleventyExcludeFromCollections: false", "public"),
        ("permalink: false", "private"),
        ("permalink: /hidden/private/", "public"),
        // Docusaurus, Quartz
        ("unlisted: true", "unlisted"),
        ("unlisted: false", "public"),
        // Hugo, Zola
        ("build: {list: never}", "unlisted"),
        ("_build: {list: local, render: always}", "unlisted"),
        ("build: {list: false}", "unlisted"),
        ("build: {list: always, render: always}", "public"),
        ("build: {render: never}", "private"),
        ("_build: {render: link}", "private"),
        ("_build: {render: false, list: true}", "private"),
        ("headless: true", "private"),
        ("render: false", "private"),
        ("params: {visibility: members}", "paid"),
        ("extra: {private: true}", "private"),
        ("extra:\n  params:\n    premium: yes", "paid"),
        ("extra: {private: false, layout: hidden}", "public"),
        // Hexo, Jekyll, Halo, MkDocs
        ("hidden: true", "unlisted"),
        ("hidden: no", "public"),
        ("visible: PRIVATE", "private"),
        ("visible: hide", "unlisted"),
        ("hide: [navigation, toc]", "public"),
        // Any other
        ("private: true", "private"),
        ("Private: YES", "private"),
        ("is_private: 1", "private"),
        ("isPrivate: true", "private"),
        ("private: false", "public"),
        ("private: members", "paid"),
        ("public: false", "private"),
        ("public: true", "public"),
        ("is-public: \"no\"", "private"),
        ("listed: false", "unlisted"),
        ("access: paid", "paid"),
        ("access: Subscribers Only", "paid"),
        ("access: subscribers", "paid"),
        ("access: premium", "paid"),
        ("access: everyone", "public"),
        ("access: free", "public"),
        ("access: true", "public"),
        ("access: false", "private"),
        ("access: [members, staff]", "private, paid"),
        ("access: {level: paid}", "paid"),
        ("access: {public: false}", "private"),
        ("premium: true", "paid"),
        ("is_premium: yes", "paid"),
        ("paid: true", "paid"),
        ("paid: false", "public"),
        ("members_only: true", "paid"),
        ("membersOnly: on", "paid"),
        ("subscribers_only: true", "paid"),
        ("subscription_required: true", "paid"),
        ("paywall: hard", "paid"),
        ("paywall: none", "public"),
        ("isAccessibleForFree: False", "paid"),
        ("is_accessible_for_free: true", "public"),
        ("isAccessibleForFree: http://schema.org/False", "paid"),
        ("content_tier: metered", "paid"),
        ("data: {private: true}", "private"),
        ("publishing: {visibility: members}", "paid"),
        ("dateline: {private: true}", "private"),
        ("content_tier: locked", "paid"),
        ("content_tier: free", "public"),
        ("audience: only_paid", "paid"),
        ("audience: developers", "public"),
        ("visibility: 会员", "paid"),
        ("可見性: 會員", "paid"),
        ("公开: 否", "private"),
        ("Sichtbarkeit: privat", "private"),
        ("public: ja", "public"),
        ("\"article:content_tier\": locked", "paid"),
        ("article.content_tier: metered", "paid"),
        ("\"og:visibility\": private", "private"),
        // Every restriction counts.
        ("visibility: public\nprivate: true", "private"),
        ("premium: true\nunlisted: true", "paid, unlisted"),
        ("visibility: members\nvisibility_note: x\npassword: y", "private, paid"),
        // These keys don't concern access.
        ("noindex: true", "public"),
        ("passage: x\npublished: true\nprivacy: strict\nlisten: https://a.example/x.mp3", "public"),
    ] {
        assert_eq!(front_matter(keys), expected, "{keys}");
    }
}

#[test]
fn unreadable_access_key_withholds_article() {
    for (keys, expected) in [
        ("visibility: soonish", "public article-access withheld"),
        ("access: {level: gold}", "public article-access withheld"),
        ("private: perhaps", "public article-access withheld"),
        ("public: vielleicht", "public article-access withheld"),
        ("members_only: [x]", "public article-access withheld"),
        ("unlisted: tomorrow", "public article-access withheld"),
        // Misspelt keys.
        ("visiblity: members", "public article-lifecycle withheld"),
        ("privte: true", "public article-lifecycle withheld"),
        ("pasword: x", "public article-lifecycle withheld"),
        ("premuim: true", "public article-lifecycle withheld"),
        ("unlistd: true", "public article-lifecycle withheld"),
        ("member_only_: true", "paid"),
        ("privte: false", "public"),
        ("said: Anna", "public"),
        // Another mistake in the same file doesn't undo a restriction.
        ("private: true\nslug: a/b", "private article-slug"),
    ] {
        assert_eq!(front_matter(keys), expected, "{keys}");
    }
    let tangled = "<div>".repeat(500);
    for said in [
        "<meta property=article:content_tier content=locked>",
        "<script type=application/ld+json>{\"isAccessibleForFree\": \"False\"}</script>",
    ] {
        assert_eq!(described("a.html", &format!("{said}<p>{tangled}")), "public html-tangled withheld", "{said}");
    }
    for text in ["---\ntitle: [\nprivate: true\n---\nBody", "---\nvisibility: members\n\tx: [\n---\nBody"] {
        assert!(described("a.md", text).ends_with("withheld"), "{text}: {}", described("a.md", text));
    }
}

#[test]
fn meta_elements_set_access() {
    for (meta, expected) in [
        ("<meta property=\"article:content_tier\" content=\"free\">", "public"),
        ("<meta property=\"article:content_tier\" content=\"metered\">", "paid"),
        ("<meta content=locked name=og:article:content_tier>", "paid"),
        ("<meta itemprop=isAccessibleForFree content=False>", "paid"),
        ("<link itemprop=isAccessibleForFree href=https://schema.org/False>", "paid"),
        ("<link itemprop=isAccessibleForFree href=https://schema.org/True>", "public"),
        ("<script type=application/ld+json>{\"@type\":\"WebPage\",\"isAccessibleForFree\":false}</script>", "paid"),
        ("<script type=application/ld+json>{\"isAccessibleForFree\":false}</script>", "paid"),
        ("<meta name=dateline:visibility content=private>", "private"),
        ("<meta name=dateline-unlisted content=true>", "unlisted"),
        ("<meta name=dateline:members-only content=true>", "paid"),
        ("<meta name=dateline:password content=x>", "private"),
        ("<meta name=visibility content=private>", "public"),
        ("<script type=application/ld+json>{\"@type\":\"NewsArticle\",\"private\":true}</script>", "private"),
        ("<script type=application/ld+json>{\"@type\":\"NewsArticle\",\"visibility\":\"members\"}</script>", "paid"),
        ("<script type=application/ld+json>{\"@type\":\"Event\",\"private\":true}</script>", "public"),
        ("<meta name=dateline:visibility content=someday>", "public article-access withheld"),
    ] {
        let text = format!(
            "<html><head><meta name=date content=2026-11-20>{meta}<title>Quay</title></head><body><p>Text.</p></body></html>"
        );
        assert_eq!(described("a.html", &text), expected, "{meta}");
    }
}

/// The words of an article: all of them, or only the free ones.
fn words(article: &Article, free_only: bool) -> String {
    let url = WebUrl::parse("http://127.0.0.1/").expect("a URL");
    let links = LinkBase { folder: "news".into(), free_only, ..LinkBase::new(url.clone(), url) };
    let body = article.body.as_ref().expect("a body");
    let html = render(body, &links).html.to_string();
    let text =
        html.split("<").map(|tag| tag.split_once(">").map_or(tag, |(_, text)| text)).collect::<Vec<_>>().join(" ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn html_pages_mark_paid_parts() {
    const HEAD: &str = "<!DOCTYPE html><html><head><meta name=date content=2026-11-20><title>Quay</title>";
    const BODY: &str = "<body><header class=top>Top</header><article id=story class=story><h1>Quay</h1><p class=free>One.</p>\
        <div class='wall first'><p>Two.</p><figure><img src=paid.png alt=x></figure></div><p class=free>Three.</p><p id=end class=wall>Four.</p>\
        <div class='newsletter sign-up'>Sign up</div><p class=empty></p><p class=unseen hidden>Unseen</p><nav>Next</nav></article>\
        <footer class=foot>Foot</footer></body></html>";
    let part = |selector: &str| {
        format!(
            r#""isAccessibleForFree":false,"hasPart":{{"@type":"WebPageElement","isAccessibleForFree":false,"cssSelector":{selector}}}"#
        )
    };
    let many = r##""hasPart":[{"isAccessibleForFree":"False","cssSelector":"#end"},{"isAccessibleForFree":true,"cssSelector":".free"},{"isAccessibleForFree":false,"cssSelector":".first"}]"##;
    for (said, expected) in [
        (r#""isAccessibleForFree":true"#.to_owned(), None),
        (r#""isAccessibleForFree":"True""#.to_owned(), None),
        (r#""isAccessibleForFree":"https://schema.org/True""#.to_owned(), None),
        (r#""isAccessibleForFree":null"#.to_owned(), None),
        (r#""isAccessibleForFree":false"#.to_owned(), Some("")),
        (r#""isAccessibleForFree":"False""#.to_owned(), Some("")),
        (r#""isAccessibleForFree":"http://schema.org/False""#.to_owned(), Some("")),
        (r#""isAccessibleForFree":0"#.to_owned(), Some("")),
        (r#""isAccessibleForFree":{"@value":"false"}"#.to_owned(), Some("")),
        (part("\".wall\""), Some("One. Three.")),
        (part("\".first, #end\""), Some("One. Three.")),
        (part("[\".first\", \"#end\"]"), Some("One. Three.")),
        (part("\"p.free + .wall\""), Some("One. Three.")),
        (many.to_owned(), Some("One. Three.")),
        // Selectors that can't be parsed, match nothing, or match the whole article.
        (part("\".wall[\""), Some("")),
        (part("\".missing\""), Some("")),
        (part("[\".wall\", \".missing\"]"), Some("")),
        (part("\".foot\""), Some("")),
        // Matches outside the article's text are ignored.
        (part("\".sign-up\""), Some("")),
        (part("\".empty\""), Some("")),
        (part("\".unseen\""), Some("")),
        (part("\"nav\""), Some("")),
        (part("\".wall, nav\""), Some("One. Three.")),
        (part("\".story\""), Some("")),
        (part("\"body\""), Some("")),
        (part("\"\""), Some("")),
        (part("7"), Some("")),
        (r#""hasPart":{"isAccessibleForFree":false}"#.to_owned(), Some("")),
        // These statements are about the page, not the article.
        (r#""headline":"Quay"},{"@type":"WebPage","isAccessibleForFree":false"#.to_owned(), Some("")),
        (r#""headline":"Quay"},{"@type":"Article","isAccessibleForFree":false"#.to_owned(), Some("")),
        (r#""schema:isAccessibleForFree":false"#.to_owned(), Some("")),
        (r#""https://schema.org/isAccessibleForFree":false"#.to_owned(), Some("")),
        (r#""headline":"Quay"},{"@type":"Event","isAccessibleForFree":false"#.to_owned(), None),
    ] {
        let text = format!(
            "{HEAD}<script type=\"application/ld+json\">[{{\"@type\":\"NewsArticle\",{said}}}]</script></head>{BODY}"
        );
        let parsed = parsed("news/a.html", &text);
        assert_eq!(parsed.access.is_paid(), expected.is_some(), "{said}");
        let article = parsed.article.unwrap_or_else(|| panic!("{said}: {:?}", parsed.diagnostics));
        assert!(words(&article, false).starts_with("One. Two. Three. Four."), "{said}: {}", words(&article, false));
        assert_eq!(words(&article, true), expected.unwrap_or_default(), "{said}");
        let image = article.metadata.image.as_ref().and_then(|image| image.files.first());
        let local = image
            .is_some_and(|file| matches!(&file.url, MediaReference::Local(path) if path.as_str() == "news/paid.png"));
        assert_eq!(local, expected.is_none(), "{said}: a picture in the paid part is not the lead picture");
    }
    let broken = format!(
        "{HEAD}<script type=\"application/ld+json\">{{\"@type\":\"NewsArticle\",\"isAccessibleForFree\": false,}}</script></head>{BODY}"
    );
    assert!(described("a.html", &broken).contains("article-access") && parsed("a.html", &broken).withhold);
    let marked = format!(
        "{HEAD}<meta property=article:content_tier content=locked></head>{}",
        BODY.replace("<p>Two.</p>", "<p>Two.<!--members-only-->Not.</p>")
    );
    assert_eq!(words(&parsed("a.html", &marked).article.expect("good"), true), "One. Two.");
}

#[test]
fn access_lines_set_access() {
    for (line, expected) in [
        ("Visibility: members", "paid"),
        ("可见性：会员", "paid"),
        ("可見性：會員", "paid"),
        ("可见性:付费", "paid"),
        ("Ｖｉｓｉｂｉｌｉｔｙ：ｍｅｍｂｅｒｓ", "paid"),
        ("Access: paid", "paid"),
        ("Premium: yes", "paid"),
        ("会员专享：是", "paid"),
        ("Zugang: Abonnenten", "paid"),
        ("可见性：私密", "private"),
        ("公开：否", "private"),
        ("Visibility: public", "public"),
        ("Private: no", "public"),
        ("Private: a life in letters", "public"),
        ("Access: the road is closed", "public"),
        ("Public: the enemy", "public"),
        ("Hidden: figures", "public"),
    ] {
        for (name, text) in [
            ("a.md", format!("---\ntitle: Quay\ndate: 2026-11-20\n---\n\n{line}\n\nBody.\n")),
            (
                "a.html",
                format!(
                    "<meta name=date content=2026-11-20><title>Q</title><article><h1>Quay</h1><p>{line}</p><p>Body.</p></article>"
                ),
            ),
            ("a.txt", format!("Quay opens\nDate: 2026-11-20 10:00\n{line}\n\nThe quay is open, the authority said.\n")),
        ] {
            let parsed = parsed(name, &text);
            let withheld = parsed.withhold && parsed.article.is_none() && expected == "private";
            assert!(withheld || parsed.access.to_string() == expected, "{name} {line}: {:?}", parsed.diagnostics);
        }
    }
    for line in ["Visibility: wibble", "可见性：未知"] {
        let text = format!("Quay opens\nDate: 2026-11-20 10:00\n{line}\n\nThe quay is open, the authority said.\n");
        assert!(parsed("a.txt", &text).withhold, "{line}");
    }
    let below = "---\ntitle: Quay\ndate: 2026-11-20\n---\n\nThe quay is open, the authority said.\n\nPrivate: yes\n";
    assert_eq!(described("a.md", below), "public");
}

#[test]
fn gated_parts_are_paid() {
    for (keys, gate) in [
        ("", "[paywall]\n\nPaid.\n\n[/paywall]"),
        ("visibility: public", "[restrict paid=\"true\"]Paid.[/restrict]"),
        ("", "{{< members >}}\n\nPaid.\n\n{{< /members >}}"),
        (
            "",
            "<!--kg-gated-block:begin nonMember:false memberSegment:\"status:-free\" -->\n\nPaid.\n\n<!--kg-gated-block:end-->",
        ),
        ("visibility: paid", "[members_only]Paid.[/members_only]"),
    ] {
        let file = format!("---\ntitle: Quay\ndate: 2026-11-20\n{keys}\n---\nFree.\n\n{gate}\n\nToo.\n");
        assert_eq!(described("a.md", &file), "paid", "{gate}");
        let article = parsed("a.md", &file).article.expect("good");
        assert_eq!((words(&article, true), words(&article, false)), ("Free. Too.".into(), "Free. Paid. Too.".into()));
    }
    let html = "<html><head><meta name=date content=2026-11-20><title>Quay</title></head><body><article><p>Free.</p>\
        <p>[paywall]</p><figure><img src=paid.png></figure><p>Paid.</p><p>[/paywall]</p><p>Too.</p></article></body></html>";
    let article = parsed("a.html", html).article.expect("good");
    assert_eq!((described("a.html", html).as_str(), words(&article, true).as_str()), ("paid", "Free. Too."));
    assert_eq!(article.metadata.image, None, "a picture in the paid part is not the lead picture");
    let wire = "Quay opens\nDate: 2026-11-20 10:00\n\nThe quay is open, the authority said.\n\n[paywall]\n\nPaid words of a paragraph.\n\n[/paywall]\n";
    assert_eq!(words(&parsed("a.txt", wire).article.expect("good"), true), "The quay is open, the authority said.");
    let mention = "---\ntitle: Quay\ndate: 2026-11-20\n---\nWrite [private] in the form, or `[paywall]x[/paywall]`.\n";
    assert_eq!(described("a.md", mention), "public");
}

#[test]
fn paywall_mark_alone_makes_article_paid() {
    for (keys, text, expected) in [
        ("", "Free.\n\n<!--members-only-->\n\nPaid.", "paid"),
        ("", "Free.<!-- paywall -->Paid.", "paid"),
        ("", "Free.\n\n<!-- wp:jetpack/paywall /-->\n\nPaid.", "paid"),
        ("visibility: public", "Free.\n\n<!--members-only-->\n\nToo.", "public"),
        ("", "Write this:\n\n```\n<!--members-only-->\n```\n\nand `<!--paywall-->`.", "public"),
        ("", "Free.\n\n<!--more-->\n\nToo. <!-- premium --> <!--paid-->", "public"),
    ] {
        let file = format!("---\ntitle: Quay\ndate: 2026-11-20\n{keys}\n---\n{text}\n");
        assert_eq!(described("a.md", &file), expected, "{text}");
        if expected == "paid" {
            assert_eq!(words(&parsed("a.md", &file).article.expect("good"), true), "Free.", "{text}");
        }
    }
    let page = "<html><head><meta name=date content=2026-11-20><title>Quay</title></head><body><article><p>Free.</p>\
        <!--members-only--><figure><img src=paid.png></figure><p>Paid.</p></article></body></html>";
    let article = parsed("a.html", page).article.expect("good");
    assert_eq!((described("a.html", page).as_str(), words(&article, true).as_str()), ("paid", "Free."));
    assert_eq!(article.metadata.image, None, "a picture in the paid part is not the lead picture");
}
