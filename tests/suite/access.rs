//! Who may read an article, as publishing tools write it.

use std::fmt::Write as _;

use dateline::article::{ParseOptions, parse_with_origins};
use dateline::types::ArticlePath;
use jiff::tz::TimeZone;

/// What a file says of who may read its article; codes and `withheld` where it is refused.
fn told(name: &str, text: &str) -> String {
    let options = ParseOptions {
        root: "content".into(),
        timezone: TimeZone::UTC,
        charset: None,
        wire_labels: Vec::new(),
        max_size: 1_000_000,
    };
    let parsed = parse_with_origins(&ArticlePath::new(name), text.as_bytes(), &options);
    let mut told = parsed.access.to_string();
    if let Some(article) = &parsed.article {
        assert_eq!(article.metadata.access, parsed.access, "{text}");
        let restricts = |value: &str| !value.starts_with("public");
        let noted = parsed.origins.iter().any(|origin| origin.field == "access" && restricts(&origin.value));
        assert_eq!(noted, told != "public", "{text}: `explain` says why: {:?}", parsed.origins);
    }
    for diagnostic in &parsed.diagnostics {
        write!(told, " {}", diagnostic.code).expect("a string");
    }
    if parsed.withhold {
        assert!(parsed.article.is_none(), "{text}");
        told.push_str(" withheld");
    }
    told
}

fn front_matter(keys: &str) -> String {
    told("news/a.md", &format!("---\ntitle: Quay\ndate: 2026-11-20\n{keys}\n---\n\nBody.\n"))
}

#[test]
fn front_matter_says_who_may_read() {
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
        ("content_tier: locked", "paid"),
        ("content_tier: free", "public"),
        ("audience: only_paid", "paid"),
        ("audience: developers", "public"),
        ("visibility: 会员", "paid"),
        // Every restriction counts.
        ("visibility: public\nprivate: true", "private"),
        ("premium: true\nunlisted: true", "paid, unlisted"),
        ("visibility: members\nvisibility_note: x\npassword: y", "private, paid"),
        // What is not about access.
        ("noindex: true", "public"),
        ("passage: x\npublished: true\nprivacy: strict\nlisten: https://a.example/x.mp3", "public"),
    ] {
        assert_eq!(front_matter(keys), expected, "{keys}");
    }
}

#[test]
fn unreadable_access_withholds() {
    for (keys, expected) in [
        ("visibility: soonish", "public article-access withheld"),
        ("access: {level: gold}", "public article-access withheld"),
        ("private: perhaps", "public article-access withheld"),
        ("public: ja", "public article-access withheld"),
        ("members_only: [x]", "public article-access withheld"),
        ("unlisted: tomorrow", "public article-access withheld"),
        // A slip of the pen.
        ("visiblity: members", "public article-lifecycle withheld"),
        ("privat: true", "public article-lifecycle withheld"),
        ("pasword: x", "public article-lifecycle withheld"),
        ("premuim: true", "public article-lifecycle withheld"),
        ("unlistd: true", "public article-lifecycle withheld"),
        ("member_only_: true", "paid"),
        ("privat: false", "public"),
        ("said: Anna", "public"),
        // Another mistake in the same file doesn't undo a restriction: the engine compares with what is public.
        ("private: true\nslug: a/b", "private article-slug"),
    ] {
        assert_eq!(front_matter(keys), expected, "{keys}");
    }
    for text in ["---\ntitle: [\nprivate: true\n---\nBody", "---\nvisibility: members\n\tx: [\n---\nBody"] {
        assert!(told("a.md", text).ends_with("withheld"), "{text}: {}", told("a.md", text));
    }
}

#[test]
fn meta_elements_say_who_may_read() {
    for (meta, expected) in [
        ("<meta property=\"article:content_tier\" content=\"free\">", "public"),
        ("<meta property=\"article:content_tier\" content=\"metered\">", "paid"),
        ("<meta content=locked name=og:article:content_tier>", "paid"),
        ("<meta itemprop=isAccessibleForFree content=False>", "paid"),
        ("<meta name=dateline:visibility content=private>", "private"),
        ("<meta name=dateline-unlisted content=true>", "unlisted"),
        ("<meta name=dateline:members-only content=true>", "paid"),
        ("<meta name=dateline:password content=x>", "private"),
        ("<meta name=visibility content=private>", "public"),
        ("<meta name=dateline:visibility content=someday>", "public article-access withheld"),
    ] {
        let text = format!(
            "<html><head><meta name=date content=2026-11-20>{meta}<title>Quay</title></head><body><p>Text.</p></body></html>"
        );
        assert_eq!(told("a.html", &text), expected, "{meta}");
    }
}
