//! Embargoes and statuses in the spellings of other tools and newsrooms: a table per format, and a test with the real binary.
//!
//! Long because it is a list of cases.

use std::fs;

use dateline::article::{ParseOptions, WireField, parse};
use dateline::types::{ArticlePath, Text};
use jiff::tz::TimeZone;

use crate::newsroom::{Newsroom, files};

/// `public`, `until ...`, `expires ...`, `draft`, `retracted`, `refused`, or `withheld` (refused, and the earlier version is withheld,
/// too).
fn outcome(name: &str, text: &str) -> String {
    let options = ParseOptions {
        max_size: 1_000_000,
        ..ParseOptions::new("content", TimeZone::get("Asia/Shanghai").expect("bundled"))
    };
    let parsed = parse(&ArticlePath::new(name), text.as_bytes(), &options);
    let describe = |what: &str, moment: dateline::types::Moment| {
        format!("{what} {}", moment.rfc3339().replace(":00+08:00", "").replace("T00:00", ""))
    };
    match &parsed.article {
        None if parsed.withhold => "withheld".to_owned(),
        None => "refused".to_owned(),
        Some(article) => {
            let metadata = &article.metadata;
            assert!(!parsed.withhold, "{text}: what is withheld has no article");
            match (metadata.retracted.is_some(), metadata.draft, metadata.embargo, metadata.expires) {
                (true, ..) => "retracted".to_owned(),
                (_, true, ..) => "draft".to_owned(),
                (_, _, Some(embargo), _) => describe("until", embargo),
                (_, _, _, Some(expires)) => describe("expires", expires),
                _ => "public".to_owned(),
            }
        }
    }
}

fn check(name: &str, cases: &[(&str, &str)], file: impl Fn(&str) -> String) {
    let wrong = cases.iter().filter_map(|(case, expected)| {
        let text = file(case);
        let found = outcome(name, &text);
        (found != *expected).then(|| format!("{case}: {found}, not {expected}"))
    });
    let wrong = wrong.collect::<Vec<_>>();
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
}

#[test]
fn front_matter_of_other_tools_withholds() {
    let cases = [
        ("embargo: 2030-06-01", "until 2030-06-01"),
        ("ＥＭＢＡＲＧＯ: 2030年6月1日10时", "until 2030-06-01T10:00"),
        ("embargo: 0900 GMT Saturday 1 June 2030", "until 2030-06-01T09:00:00+00:00"),
        ("embargo: 10 a.m. EDT, June 1, 2030", "until 2030-06-01T10:00:00-04:00"),
        ("embargo: 1. Juni 2030, 10 Uhr", "until 2030-06-01T10:00"),
        ("embargo: 10:00 CST, 1 June 2030", "withheld"),
        ("embargo: next week", "withheld"),
        ("embargo:", "withheld"),
        ("embargo: \"\"", "withheld"),
        ("embargo: true", "withheld"),
        ("embargo: yes\nembargo_until: 2030-06-01", "until 2030-06-01"),
        ("embargo: {until: 2030-06-01}", "until 2030-06-01"),
        ("embargo: {reason: x}", "withheld"),
        ("embargo: [2030-06-01]", "withheld"),
        ("embargo: false", "public"),
        ("embargo: none", "public"),
        ("embargo: None.", "public"),
        ("embargo: n/a", "public"),
        ("embargo: \"-\"", "public"),
        ("embargo: lifted", "public"),
        ("embargo: null", "public"),
        ("embargo: ~", "public"),
        ("embargo: FOR IMMEDIATE RELEASE", "public"),
        ("Sperrfrist: keine", "public"),
        ("Sperrfrist: Frei ab sofort", "public"),
        ("Sperrfrist: 1. Juni 2030", "until 2030-06-01"),
        ("sous embargo: 1er juin 2030", "until 2030-06-01"),
        ("发布限制: 2030-06-01", "until 2030-06-01"),
        ("发布限制: 周二", "withheld"),
        ("发布限制: 无", "public"),
        ("解禁时间: 2030年6月1日", "until 2030-06-01"),
        ("禁止发布至: 2030年6月1日", "until 2030-06-01"),
        ("禁发至: 2030年6月1日", "until 2030-06-01"),
        ("not_before: 2030-06-01", "until 2030-06-01"),
        ("not-before: soon", "withheld"),
        ("scheduled: 2030-06-01", "until 2030-06-01"),
        ("scheduled: true", "withheld"),
        ("scheduled: false", "public"),
        ("scheduled_at: 2030-06-01", "until 2030-06-01"),
        ("publish_at: 2030-06-01", "until 2030-06-01"),
        ("publishOn: 2030-06-01", "until 2030-06-01"),
        ("available_from: 2030-06-01", "until 2030-06-01"),
        ("go_live: 2030-06-01", "until 2030-06-01"),
        ("hold_until: 2030-06-01", "until 2030-06-01"),
        ("hold: true", "withheld"),
        ("hold: false", "public"),
        ("publishDate: 2030-06-01", "until 2030-06-01"),
        ("post_date: 2030-06-01 10:00:00", "until 2030-06-01T10:00"),
        // Films and albums have release dates, too, so only complete dates count.
        ("release_date: 2030-06-01", "until 2030-06-01"),
        ("releaseDate: 1 June 2030", "until 2030-06-01"),
        ("release_date: summer", "public"),
        ("release_date: 2030", "public"),
        ("release: v1.2", "public"),
        ("extra: {embargo: 2030-06-01}", "until 2030-06-01"),
        ("extra:\n  article:\n    embargo: 2030-06-01", "until 2030-06-01"),
        ("extra: {embargo: soon}", "withheld"),
        ("params: {embargo: 2030-06-01}", "until 2030-06-01"),
        ("params: {draft: true}", "draft"),
        ("params: {draft: maybe}", "withheld"),
        ("params: {publishDate: 2030-06-01}", "until 2030-06-01"),
        ("data: {not_before: 2030-06-01}", "until 2030-06-01"),
        ("meta: {status: draft}", "draft"),
        ("meta: {status: blue}", "withheld"),
        ("extra: {status: 200}", "public"),
        ("extra: {order: {status: shipped}}", "public"),
        ("extra: {drfat: true}", "withheld"),
        ("params: {drfat: false}", "public"),
        ("extra: {visibilty: private}", "withheld"),
        ("extra: {embago: 2030-06-01}", "withheld"),
        ("extra: {map: {embargo: 2030-06-01}}", "until 2030-06-01"),
        ("extra: {map: {embargo: soon}}", "withheld"),
        ("extra: {map: {embargo: none}}", "public"),
        ("extra: [{embargo: 2030-06-01}]", "until 2030-06-01"),
        ("params:\n  a:\n    - embargo: 2030-06-01", "until 2030-06-01"),
        ("extra: {map: {draft: true}}", "withheld"),
        ("extra: {map: {draft: 9.5}}", "public"),
        ("extra: {map: {private: true}}", "withheld"),
        ("gallery: [{status: sold, hidden: true}]", "public"),
        ("metadata: {isDraft: true}", "draft"),
        ("custom: {expires: 2030-06-01}", "expires 2030-06-01"),
        ("dateline: {embargo: 2030-06-01}", "until 2030-06-01"),
        ("dateline:embargo: 2030-06-01", "until 2030-06-01"),
        ("publishing: {draft: true}", "draft"),
        ("publishing.draft: true", "draft"),
        ("publish: {date: 2030-06-01}", "until 2030-06-01"),
        ("extra: {date: 2030-06-01}", "public"),
        ("image: {embargo: 2030-06-01}", "public"),
        ("prism.embargoDate: 2030-06-01", "until 2030-06-01"),
        ("\"prism:embargoDate\": soon", "withheld"),
        ("prism.killDate: 2030-06-01", "expires 2030-06-01"),
        ("citation_embargo: 2030-06-01", "until 2030-06-01"),
        ("citation_embargo: soon", "withheld"),
        ("university_embargo_until: 2030-06-01", "until 2030-06-01"),
        ("trade_embargo: grain", "public"),
        ("\"schema:creativeWorkStatus\": Draft", "draft"),
        ("\"https://schema.org/creativeWorkStatus\": Draft", "draft"),
        ("draft_status: draft", "draft"),
        ("draft_status: published", "public"),
        ("draft_state: true", "draft"),
        ("Sperrfrist: 1.6.2030", "until 2030-06-01"),
        ("sperrfrist: 01.06.2030 10:00", "until 2030-06-01T10:00"),
        ("Sperrfrist: bis 1.6.2030, 10.30", "until 2030-06-01T10:30"),
        ("frei ab: 1.6.2030", "until 2030-06-01"),
        ("Sperrfrist: 1/6/2030", "withheld"),
        ("embargo: 1.6.2030", "withheld"),
        ("embargo: until 1 June 2030", "until 2030-06-01"),
        ("embargo: not for release until 10:00 GMT on 1 June 2030", "until 2030-06-01T10:00:00+00:00"),
        ("embargo: EMBARGOED UNTIL 1 June 2030", "until 2030-06-01"),
        ("embargo: 至2030年6月1日", "until 2030-06-01"),
        ("embargo: until Tuesday", "withheld"),
        // Templates contain keys without a value.
        ("not_before:", "public"),
        ("not_before: \"\"", "public"),
        ("publish_on:", "public"),
        ("expires:", "public"),
        ("expiryDate: \"\"", "public"),
        ("publishDate:", "public"),
        ("published:", "public"),
        ("published: Penguin Books", "public"),
        ("published: The Courier, London", "public"),
        ("published: never", "withheld"),
        ("published: not yet", "withheld"),
        ("published: nein", "draft"),
        ("published: nie", "withheld"),
        ("published: 否", "draft"),
        ("published: 未定", "withheld"),
        ("published: soon", "withheld"),
        ("published: tomorrow", "withheld"),
        ("published: 32 March 2026", "withheld"),
        ("isDraft: true", "draft"),
        ("is_draft: false", "public"),
        ("unpublished: true", "draft"),
        ("unpublished: false", "public"),
        ("is_published: false", "draft"),
        ("is_published: true", "public"),
        ("published: draft", "draft"),
        ("published: private", "draft"),
        ("wip: true", "draft"),
        ("草稿: 是", "draft"),
        ("状态: 草稿", "draft"),
        ("状态: 已发布", "public"),
        ("状态: 已撤稿", "retracted"),
        ("状态: 什么", "withheld"),
        ("status: published", "public"),
        ("status: Draft.", "draft"),
        ("status: private", "draft"),
        ("status: pending", "draft"),
        ("status: archived", "draft"),
        ("status: sent", "draft"),
        ("status: trash", "draft"),
        ("status: auto-draft", "draft"),
        ("status: withheld", "draft"),
        ("status: pending_review", "draft"),
        ("status: Entwurf", "draft"),
        ("status: usable", "public"),
        ("status: updated", "public"),
        ("status: breaking", "public"),
        ("status: canceled", "retracted"),
        ("status: in review", "withheld"),
        ("status:", "withheld"),
        ("status: null", "public"),
        ("status: [draft]", "withheld"),
        ("status: scheduled", "withheld"),
        ("status: scheduled\npublish_at: 2030-06-01", "until 2030-06-01"),
        ("status: embargoed\nembargo: 2030-06-01", "until 2030-06-01"),
        ("post_status: publish", "public"),
        ("post_status: draft", "draft"),
        ("post_status: future", "withheld"),
        ("post_status: future\npost_date: 2030-06-01", "until 2030-06-01"),
        ("_status: draft", "draft"),
        ("creativeWorkStatus: Draft", "draft"),
        ("state: draft", "draft"),
        ("state: private", "draft"),
        ("state: retracted", "retracted"),
        ("state: Bavaria", "public"),
        ("state:", "public"),
        ("state: [a, b]", "public"),
        ("expires: 2030-06-01", "expires 2030-06-01"),
        ("expires: never", "public"),
        ("expires: soon", "withheld"),
        ("unpublish_on: 2030-06-01", "expires 2030-06-01"),
        ("有效期至: 2030-06-01", "expires 2030-06-01"),
    ];
    check("a.md", &cases, |keys| format!("---\ntitle: Quay\ndate: 2026-11-20\n{keys}\n---\n\nCanary.\n"));
    let cases = [
        ("[extra]\nembargo = 2030-06-01", "until 2030-06-01"),
        ("[extra]\nembargo = \"soon\"", "withheld"),
        ("[params]\ndraft = true", "draft"),
        ("[extra.article]\nnot_before = 2030-06-01T10:00:00Z", "until 2030-06-01T10:00:00+00:00"),
        ("embargo = false", "public"),
        ("embargo = \"\"", "withheld"),
        ("status = \"private\"", "draft"),
        ("state = \"Bavaria\"", "public"),
        ("\"解禁时间\" = 2030-06-01", "until 2030-06-01"),
        ("post_status = \"future\"", "withheld"),
    ];
    check("a.md", &cases, |keys| format!("+++\ntitle = \"Quay\"\ndate = 2026-11-20\n{keys}\n+++\n\nCanary.\n"));
}

#[test]
fn markdown_lines_withhold() {
    let cases = [
        ("EMBARGOED UNTIL 1 June 2030\n\nCanary.", "until 2030-06-01"),
        (">>> EMBARGO TILL 1 June 2030 <<<\n\nCanary.", "until 2030-06-01"),
        ("**Embargo:** 10:00 GMT, 1 June 2030\n\nCanary.", "until 2030-06-01T10:00:00+00:00"),
        ("> Sperrfrist: 1. Juni 2030, 10 Uhr\n\nCanary.", "until 2030-06-01T10:00"),
        ("# EMBARGOED UNTIL 1 June 2030\n\nCanary.", "until 2030-06-01"),
        ("<!-- embargo: 2030-06-01 -->\n\nCanary.", "until 2030-06-01"),
        ("# Ships\n\n解禁时间：2030年6月1日\n\nCanary.", "until 2030-06-01"),
        ("HOLD FOR RELEASE\n\nCanary.", "withheld"),
        ("UNDER EMBARGO\n\nCanary.", "withheld"),
        ("Not for release until further notice.\n\nCanary.", "withheld"),
        ("*** DRAFT ***\n\nCanary.", "draft"),
        ("Status: draft\n\nCanary.", "draft"),
        ("Status: retracted\n\nCanary.", "retracted"),
        ("Draft: yes\n\nCanary.", "draft"),
        ("状态：草稿\n\nCanary.", "draft"),
        ("Published: no\n\nCanary.", "draft"),
        ("London, 1 May - EMBARGOED UNTIL 1 June 2030\n\nCanary.", "until 2030-06-01"),
        ("HARBOUR CITY, May 15 (Agency) -- Embargo: 1 June 2030\n\nCanary.", "until 2030-06-01"),
        ("Berlin (dpa) - Sperrfrist 1.6.2030\n\nCanary.", "until 2030-06-01"),
        ("DRAFT - NOT FOR PUBLICATION\n\nCanary.", "withheld"),
        ("INTERNAL DRAFT - NOT FOR RELEASE\n\nCanary.", "withheld"),
        ("Entwurf - nicht zur Veröffentlichung\n\nCanary.", "withheld"),
        ("<b>EMBARGOED UNTIL 1 June 2030</b>\n\nCanary.", "until 2030-06-01"),
        ("<p><strong>Embargo:</strong> 1 June 2030</p>\n\nCanary.", "until 2030-06-01"),
        ("<center>\n<b>DRAFT</b>\n</center>\n\nCanary.", "draft"),
        ("<p>Status: draft</p>\n\nCanary.", "draft"),
        ("Embargo: not before 1 June 2030\n\nCanary.", "until 2030-06-01"),
        ("Frei ab 1.6.2030\n\nCanary.", "until 2030-06-01"),
        ("Oil prices rise - embargo\n\nCanary.", "public"),
        ("London, 1 May - The embargo on oil ended on 1 June 2030, ministers said.\n\nCanary.", "public"),
        ("Published: a history of books\n\nCanary.", "public"),
        // These may be ordinary lines of the text.
        ("Status: nobody knows\n\nCanary.", "public"),
        ("Status: wibble\n\nCanary.", "withheld"),
        ("Canary is back in the harbour, the authority said.\n\nStatus: wibble", "public"),
        ("Draft: the first round\n\nCanary.", "public"),
        ("Canary is back in the harbour, the authority said.\n\nStatus: draft", "public"),
        ("CONFIDENTIAL - EMBARGOED UNTIL 1 June 2030\n\nCanary.", "until 2030-06-01"),
        ("Эмбарго до 2030-06-01\n\nCanary.", "until 2030-06-01"),
        ("# Эмбарго на зерно\n\nCanary.", "public"),
        ("Canary.\n\nMore.\n\nEmbargo: 1 June 2030", "until 2030-06-01"),
        ("FOR IMMEDIATE RELEASE\n\nCanary.", "public"),
        ("Embargo: none\n\nCanary.", "public"),
        ("# Embargo on grain ends\n\nCanary.", "public"),
        ("# Embargo: the history of a word\n\nCanary.", "public"),
        ("Embargo rules changed on Monday, the ministry said.\n\nCanary.", "public"),
        ("The embargo until 1 June 2030 hurts the port.\n\nCanary.", "public"),
        ("Canary.\n\nUnder embargo since May, the port sleeps.\n\nMore.\n\nMore.\n\nMore.", "public"),
        ("Release 2.0 is out\n\nCanary.", "public"),
        ("Canary: the prices\nhold\n\nMore.", "public"),
        ("Canary.\n\n## Draft\n\nMore.\n\n## Embargo\n\nMore.\n\n## Hold for release\n\nMore.", "public"),
    ];
    check("a.md", &cases, |body| format!("---\ntitle: Quay\ndate: 2026-11-20\n---\n\n{body}\n"));
    let cases = [
        ("EMBARGOED UNTIL 1 June 2030\n\n# Ships\n\nCanary.", "until 2030-06-01"),
        // A line with a colon looks like damaged front matter.
        ("EMBARGOED UNTIL 10:00 GMT, 1 June 2030\n\n# Ships\n\nCanary.", "withheld"),
        ("HOLD FOR RELEASE\n\n# Ships\n\nCanary.", "withheld"),
    ];
    check("2026-11-20-a.md", &cases, |body| format!("{body}\n"));
}

#[test]
fn pages_of_other_tools_withhold() {
    let cases = [
        ("<meta name='dateline:draft' content=true>", "draft"),
        ("<meta content='true' name='dateline-draft'>", "draft"),
        ("<meta name='dateline:draft' content=maybe>", "withheld"),
        ("<meta name='dateline:draft' content=false>", "public"),
        ("<meta name='dateline:drfat' content=true>", "withheld"),
        ("<meta name='dateline:status' content=private>", "draft"),
        ("<meta name='dateline:status' content='in review'>", "withheld"),
        ("<meta name='dateline:status' content=''>", "withheld"),
        ("<meta name=draft content=true>", "draft"),
        ("<meta name=draft content='of the sails'>", "public"),
        ("<meta name=status content=draft>", "draft"),
        ("<meta name=status content=fine>", "public"),
        ("<meta property='article:embargo' content='2030-06-01'>", "until 2030-06-01"),
        ("<meta property='article:embargo' content='soon'>", "withheld"),
        ("<meta property='og:article:embargo_until' content='2030-06-01'>", "until 2030-06-01"),
        ("<meta http-equiv=embargo content='2030-06-01'>", "until 2030-06-01"),
        ("<meta http-equiv=EMBARGO content=''>", "withheld"),
        ("<meta itemprop=embargo content='2030-06-01'>", "until 2030-06-01"),
        ("<meta name=embargo content=none>", "public"),
        ("<meta name=embargo value='2030-06-01'>", "until 2030-06-01"),
        ("<meta name='not-before' content='2030-06-01'>", "until 2030-06-01"),
        ("<meta name='dcterms.available' content='2030-06-01'>", "until 2030-06-01"),
        ("<meta name='release_date' content='2030-06-01'>", "until 2030-06-01"),
        ("<meta name='release_date' content='summer'>", "public"),
        ("<meta name='发布限制' content='2030-06-01'>", "until 2030-06-01"),
        ("<meta name='解禁时间' content='2030年6月1日'>", "until 2030-06-01"),
        ("<meta itemprop=creativeWorkStatus content=Draft>", "draft"),
        ("<meta name='prism.embargoDate' content='2030-06-01'>", "until 2030-06-01"),
        ("<meta name='citation_embargo' content='2030-06-01'>", "until 2030-06-01"),
        ("<meta name='sperrfrist' content='1.6.2030'>", "until 2030-06-01"),
        ("<meta name='dateline:feeds' content='perhaps'>", "withheld"),
        ("<meta name='dateline:feeds' content='true'>", "public"),
        ("<meta name=expires content=0>", "public"),
        ("<meta http-equiv=expires content=0>", "public"),
        ("<meta http-equiv=status content='200 OK'>", "public"),
    ];
    let page = |head: &str, body: &str| {
        format!(
            "<html><head><title>Ships</title><meta name=date content=2026-11-20>{head}</head><body>{body}</body></html>"
        )
    };
    const BODY: &str = "<article><h1>Ships</h1><p>Canary.</p></article>";
    check("a.html", &cases, |head| page(head, BODY));

    let cases = [
        ("{\"@type\":\"NewsArticle\",\"embargo\":\"2030-06-01\"}", "until 2030-06-01"),
        ("{\"@type\":\"NewsArticle\",\"embargoDate\":\"2030-06-01\"}", "until 2030-06-01"),
        ("{\"@type\":\"NewsArticle\",\"embargo\":\"soon\"}", "withheld"),
        ("{\"@type\":\"NewsArticle\",\"embargo\":20300601}", "withheld"),
        ("{\"@type\":\"NewsArticle\",\"embargo\":true}", "withheld"),
        ("{\"@type\":\"NewsArticle\",\"embargo\":false}", "public"),
        ("{\"@type\":\"NewsArticle\",\"embargo\":null}", "public"),
        ("{\"@type\":\"NewsArticle\",\"embargo\":\"none\"}", "public"),
        ("{\"@type\":\"NewsArticle\",\"embargo\":{\"@value\":\"2030-06-01\"}}", "until 2030-06-01"),
        ("{\"@type\":\"NewsArticle\",\"embargo\":{\"x\":1}}", "withheld"),
        ("{\"@type\":\"NewsArticle\",\"embargo\":[\"2030-06-01\",\"2030-07-01\"]}", "until 2030-07-01"),
        ("{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":\"Draft\"}", "draft"),
        ("{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":\"https://schema.org/Draft\"}", "draft"),
        ("{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":[\"Draft\"]}", "draft"),
        ("{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":{\"@type\":\"DefinedTerm\",\"name\":\"Draft\"}}", "draft"),
        (
            "{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":{\"@type\":\"DefinedTerm\",\"termCode\":\"Draft\"}}",
            "draft",
        ),
        ("{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":\"Published\"}", "public"),
        ("{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":\"Brewing\"}", "withheld"),
        ("{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":{}}", "withheld"),
        (
            "{\"@graph\":[{\"@type\":\"WebPage\",\"creativeWorkStatus\":\"Draft\"},{\"@type\":\"NewsArticle\"}]}",
            "draft",
        ),
        (
            "{\"@type\":\"WebPage\",\"mainEntity\":{\"@type\":\"Article\",\"embargo\":\"2030-06-01\"}}",
            "until 2030-06-01",
        ),
        ("{\"@type\":\"CreativeWork\",\"creativeWorkStatus\":\"Draft\"}", "draft"),
        ("{\"@type\":\"NewsArticle\",\"schema:creativeWorkStatus\":\"Draft\"}", "draft"),
        ("{\"@type\":\"NewsArticle\",\"sdo:creativeWorkStatus\":\"Draft\"}", "draft"),
        ("{\"@type\":\"NewsArticle\",\"https://schema.org/creativeWorkStatus\":[{\"@value\":\"Draft\"}]}", "draft"),
        ("{\"@type\":\"NewsArticle\",\"draft_status\":\"draft\"}", "draft"),
        ("{\"@graph\":[{\"@type\":\"Article\"},{\"@type\":\"Book\",\"creativeWorkStatus\":\"Draft\"}]}", "public"),
        ("{\"@type\":\"Article\",\"about\":{\"@type\":\"Book\",\"creativeWorkStatus\":\"Draft\"}}", "public"),
        ("{\"@type\":\"NewsArticle\",\"embargo\":\"2030-06-01", "withheld"),
        ("{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":\"Draft\",}", "withheld"),
        ("{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":\"Published\",}", "public"),
    ];
    check("a.html", &cases, |json| page(&format!("<script type='application/ld+json'>{json}</script>"), BODY));

    let cases = [
        ("<article><p>EMBARGOED UNTIL 1 June 2030</p><h1>Ships</h1><p>Canary.</p></article>", "until 2030-06-01"),
        (
            "<div><strong>EMBARGOED</strong> UNTIL 1 June 2030</div><article><h1>Ships</h1><p>Canary.</p></article>",
            "until 2030-06-01",
        ),
        ("<article><h2>EMBARGOED UNTIL 1 June 2030</h2><h1>Ships</h1><p>Canary.</p></article>", "until 2030-06-01"),
        ("<article>HOLD FOR RELEASE<br>More<p>Canary.</p></article>", "withheld"),
        ("<article><h1>Ships</h1><p>解禁时间：2030年6月1日</p><p>Canary.</p></article>", "until 2030-06-01"),
        ("<article><h1>Ships</h1><p>Embargo: <b>soon</b></p><p>Canary.</p></article>", "withheld"),
        ("<article><h1>Ships</h1><p>Canary.</p><p>Embargo: 1 June 2030</p></article>", "until 2030-06-01"),
        ("<!-- EMBARGOED UNTIL 1 June 2030 --><article><h1>Ships</h1><p>Canary.</p></article>", "until 2030-06-01"),
        ("<article><h1>Ships</h1><p>DRAFT</p><p>Canary.</p></article>", "draft"),
        ("<article><h1>Ships</h1><p>Status: draft</p><p>Canary.</p></article>", "draft"),
        ("<article><h1>Ships</h1><p>Draft: yes</p><p>Canary.</p></article>", "draft"),
        (
            "<article><h1>Ships</h1><p>London - EMBARGOED UNTIL 1 June 2030</p><p>Canary.</p></article>",
            "until 2030-06-01",
        ),
        ("<article><h1>Ships</h1><p>The crane is back, the port said.</p><p>Status: draft</p></article>", "public"),
        ("<article data-draft=true><h1>Ships</h1><p>Canary.</p></article>", "draft"),
        ("<article data-embargo='2030-06-01'><h1>Ships</h1><p>Canary.</p></article>", "until 2030-06-01"),
        (
            "<article><h1>Ships</h1><time itemprop=embargo datetime='2030-06-01'>June</time><p>Canary.</p></article>",
            "until 2030-06-01",
        ),
        ("<article><h1>Ships</h1><span itemprop=creativeWorkStatus>Draft</span><p>Canary.</p></article>", "draft"),
        ("<article><h1>Embargo on grain ends</h1><p>Canary.</p></article>", "public"),
        ("<article><h1>Ships</h1><p>Let <math><mi>x</mi> = 2</math> hold</p><p>Canary.</p></article>", "public"),
        ("<article><h1>Ships</h1><p>Prices <br>hold</p><p>Canary.</p></article>", "public"),
        ("<article><h1>Ships</h1><p>Let <img src=x.png> hold</p><p>Canary.</p></article>", "public"),
        (
            "<article><h1>Ships</h1><p>Canary.</p><h2>Draft</h2><p>More.</p><h2>Do not publish</h2><p>More.</p></article>",
            "public",
        ),
        ("<article><h1>Ships</h1><p>Embargo rules changed on Monday, the ministry said.</p></article>", "public"),
        ("<article><h1>Ships</h1><p>FOR IMMEDIATE RELEASE</p><p>Canary.</p></article>", "public"),
    ];
    check("a.html", &cases, |body| page("", body));
}

#[test]
fn wire_lines_withhold() {
    let cases = [
        (">>> EMBARGO TILL 1 June 2030 <<<", "until 2030-06-01"),
        ("=== EMBARGO: 1 June 2030 ===", "until 2030-06-01"),
        ("HOLD FOR RELEASE", "withheld"),
        ("HOLD FOR RELEASE 10 A.M. EDT, June 1, 2030", "until 2030-06-01T10:00:00-04:00"),
        ("For release 1 June 2030", "until 2030-06-01"),
        ("FOR RELEASE: 1 June 2030", "until 2030-06-01"),
        ("FOR RELEASE TUESDAY", "withheld"),
        ("NOT FOR PUBLICATION BEFORE 0900 GMT Saturday 1 June 2030", "until 2030-06-01T09:00:00+00:00"),
        ("Not for release until further notice", "withheld"),
        ("STRICTLY EMBARGOED", "withheld"),
        ("UNDER EMBARGO", "withheld"),
        ("Under embargo until 1 June 2030", "until 2030-06-01"),
        ("Sperrfrist: 1. Juni 2030, 10 Uhr", "until 2030-06-01T10:00"),
        ("Sperrfrist bis 1. Juni 2030", "until 2030-06-01"),
        ("SPERRFRIST: Dienstag", "withheld"),
        ("embargo jusqu'au 1er juin 2030", "until 2030-06-01"),
        ("SOUS EMBARGO", "withheld"),
        ("解禁时间：2030年6月1日10时", "until 2030-06-01T10:00"),
        ("禁止发布至：2030年6月1日", "until 2030-06-01"),
        ("禁止发布至2030年6月1日", "until 2030-06-01"),
        ("ＥＭＢＡＲＧＯ：２０３０年６月１日", "until 2030-06-01"),
        ("ＥＭＢＡＲＧＯＥＤ　ＵＮＴＩＬ　２０３０年６月１日", "until 2030-06-01"),
        ("【禁发】2030年6月1日", "until 2030-06-01"),
        ("Wire | EMBARGO TILL 1 June 2030", "until 2030-06-01"),
        ("Not before: 1 June 2030", "until 2030-06-01"),
        ("CONFIDENTIAL: EMBARGOED UNTIL 1 June 2030", "until 2030-06-01"),
        ("MEDIA ADVISORY: EMBARGOED UNTIL 1 June 2030", "until 2030-06-01"),
        ("Note to editors: EMBARGOED UNTIL 1 June 2030", "until 2030-06-01"),
        ("ATTENTION EDITORS - EMBARGOED UNTIL 1 June 2030", "until 2030-06-01"),
        ("Pressemitteilung - Sperrfrist: 1. Juni 2030", "until 2030-06-01"),
        ("【新闻稿】禁止发布至2030年6月1日", "until 2030-06-01"),
        ("通知：禁止发布至2030年6月1日", "until 2030-06-01"),
        ("エンバーゴ：2030年6月1日", "until 2030-06-01"),
        (
            "Embargo: This story is embargoed until the minister has finished speaking in the parliament on Tuesday",
            "withheld",
        ),
        ("Sperrfrist: 1.6.2030", "until 2030-06-01"),
        ("Frei ab 1.6.2030, 10.00 Uhr", "until 2030-06-01T10:00"),
        ("EMBARGO: until 1 June 2030", "until 2030-06-01"),
        ("EMBARGOED: Not for release until 1 June 2030", "until 2030-06-01"),
        ("London, 1 May - EMBARGOED UNTIL 1 June 2030", "until 2030-06-01"),
        ("<b>EMBARGOED UNTIL 1 June 2030</b>", "until 2030-06-01"),
        ("<<EMBARGO: 1 June 2030>>", "until 2030-06-01"),
        ("<EMBARGOED UNTIL 1 June 2030>", "until 2030-06-01"),
        ("<!-- EMBARGOED UNTIL 1 June 2030 -->", "until 2030-06-01"),
        ("<p><strong>Embargo:</strong> 1 June 2030</p>", "until 2030-06-01"),
        ("DRAFT - NOT FOR PUBLICATION", "withheld"),
        ("*** DRAFT ***", "draft"),
        ("Status: private", "draft"),
        ("Status: in review", "withheld"),
        ("状态：草稿", "draft"),
        ("Embargo: none", "public"),
        ("Embargo: n/a", "public"),
        ("Embargo: -", "public"),
        ("Embargo: lifted", "public"),
        ("EMBARGO LIFTED", "public"),
        ("Sperrfrist: keine", "public"),
        ("Frei ab sofort", "public"),
        ("FOR IMMEDIATE RELEASE", "public"),
        ("Expires: soon", "withheld"),
        ("Embargo: 1 June 2030\nEmbargo: 2 June 2030", "until 2030-06-02"),
    ];
    check("a.txt", &cases, |line| format!("Ships return\n\nDate: 2026-11-20 10:00\n{line}\n\nThe canary is back.\n"));
    // Above the headline, and below the text.
    let above: Vec<_> = cases.iter().copied().filter(|(line, _)| !line.contains('|')).collect();
    check("a.txt", &above, |line| format!("{line}\n\nShips return\n\nDate: 2026-11-20 10:00\n\nThe canary is back.\n"));
    let below: Vec<_> = above.into_iter().filter(|(line, _)| !line.contains("DRAFT")).collect();
    check("a.txt", &below, |line| format!("Ships return\n\nDate: 2026-11-20 10:00\n\nThe canary is back.\n\n{line}\n"));
    // In the middle of the text, only lines that can't be a sentence count.
    let cases = [
        ("Embargo: 1 June 2030", "until 2030-06-01"),
        ("Embargo: soon", "withheld"),
        ("EMBARGOED UNTIL 1 June 2030", "until 2030-06-01"),
        ("*** NOT FOR PUBLICATION ***", "withheld"),
        ("Status: retracted", "retracted"),
        ("Status: nobody knows.", "public"),
        ("Embargo or not, they sail.", "public"),
        ("Hold until Tuesday, he told the crew of the ship.", "public"),
        ("Draft", "public"),
    ];
    check("a.txt", &cases, |line| {
        format!("Ships return\n\nDate: 2026-11-20 10:00\n\nThe canary is back.\n\n{line}\n\nSo are the seals.\n")
    });
}

#[test]
fn draft_label_of_wire_text_is_valid() {
    let options = ParseOptions {
        wire_labels: vec![(Text::line("Entwurf"), WireField::Draft)],
        max_size: 1_000_000,
        ..ParseOptions::new("content", TimeZone::UTC)
    };
    let lines = [
        ("Draft: yes", "draft"),
        ("DRAFT：true", "draft"),
        ("草稿：是", "draft"),
        ("是否草稿: 是", "draft"),
        ("Entwurf: ja", "draft"),
        ("Source: Wire | Draft: yes", "draft"),
        ("\"draft\": true,", "draft"),
        ("Private: yes", "private"),
        // The wire text parser reports a more specific problem.
        ("Drfat: yes", "article-lifecycle"),
        ("Draft: yes\nStatus: nobody knows", "article-lifecycle"),
        // These lines are front matter, not wire text.
        ("draft = true", "front-matter"),
        ("published: false", "front-matter"),
    ];
    for (line, expected) in lines {
        for text in [
            format!("{line}\n\nShips return\n\nDate: 2026-11-20\n\nThe canary is back.\n"),
            format!("Ships return\n\n{line}\nDate: 2026-11-20\n\nThe canary is back.\n"),
        ] {
            let parsed = parse(&ArticlePath::new("a.txt"), text.as_bytes(), &options);
            let metadata = parsed.article.as_ref().map(|article| &article.metadata);
            let found = match (metadata, parsed.diagnostics.as_slice()) {
                (Some(metadata), []) if metadata.draft => "draft",
                (Some(metadata), []) if metadata.access.is_private() => "private",
                (None, [problem, ..]) if parsed.withhold => problem.code.name(),
                _ => "something else",
            };
            assert_eq!(found, expected, "{text}\n{parsed:#?}");
        }
    }
}

#[test]
fn release_lines_are_not_headlines() {
    let options = ParseOptions { max_size: 1_000_000, ..ParseOptions::new("content", TimeZone::UTC) };
    for text in [
        "FOR IMMEDIATE RELEASE\n\nShips return\n\nDate: 2026-11-20\n\nThe canary is back.\n",
        "FOR IMMEDIATE RELEASE: 20 November 2026\n\nShips return\n\nThe canary is back.\n",
        "Embargo lifted\n\nShips return\n\nDate: 2026-11-20\n\nThe canary is back.\n",
    ] {
        let article = parse(&ArticlePath::new("a.txt"), text.as_bytes(), &options).article.expect("an article");
        assert_eq!(article.metadata.title.as_str(), "Ships return", "{text}");
        assert_eq!(article.metadata.published.expect("a date").rfc3339(), "2026-11-20T00:00:00+00:00", "{text}");
    }
}

/// Withheld files of every format. All contain the word "canary".
const WITHHELD: &[(&str, &str)] = &[
    ("a.md", "---\ntitle: Canary\ndate: 2026-11-20\nextra: {embargo: 2999-06-01}\n---\nCanary.\n"),
    ("b.md", "---\ntitle: Canary\ndate: 2026-11-20\nstatus: private\n---\nCanary.\n"),
    ("c.md", "---\ntitle: Canary\ndate: 2026-11-20\nstatus: in review\n---\nCanary.\n"),
    ("d.md", "---\ntitle: Canary\ndate: 2026-11-20\n---\nEMBARGOED UNTIL 1 June 2999\n\nCanary.\n"),
    ("e.md", "+++\ntitle = \"Canary\"\ndate = 2026-11-20\n[params]\nnot_before = 2999-06-01\n+++\nCanary.\n"),
    (
        "f.html",
        "<title>Canary</title><meta name=date content=2026-11-20><meta name='dateline:draft' content=true><article><p>Canary.</article>",
    ),
    (
        "g.html",
        "<title>Canary</title><meta name=date content=2026-11-20><meta property='article:embargo' content='later'><article><p>Canary.</article>",
    ),
    (
        "h.html",
        "<title>Canary</title><meta name=date content=2026-11-20><script type='application/ld+json'>{\"@type\":\"NewsArticle\",\"creativeWorkStatus\":\"Draft\"}</script><article><p>Canary.</article>",
    ),
    (
        "i.html",
        "<title>Canary</title><meta name=date content=2026-11-20><article><p>UNDER EMBARGO</p><p>Canary.</article>",
    ),
    ("j.txt", "Canary\n\nDate: 2026-11-20\n>>> EMBARGO TILL 1 June 2999 <<<\n\nThe canary is back.\n"),
    ("k.txt", "HOLD FOR RELEASE\n\nCanary\n\nDate: 2026-11-20\n\nThe canary is back.\n"),
    ("l.txt", "解禁时间：2999年6月1日\n\nCanary\n\nDate: 2026-11-20\n\nThe canary is back.\n"),
];

/// A file with an embargo that is refused for another reason.
const REFUSED: &[(&str, &str)] =
    &[("z.md", "---\ntitle: Canary\ndate: 2026-11-20\nembargo: 2999-06-01\nimage: javascript:x\n---\nCanary.\n")];

fn is_nowhere(newsroom: &Newsroom, daemon: &crate::newsroom::Daemon, word: &str) -> bool {
    let documents =
        ["/", "/news/", "/rss.xml", "/atom.xml", "/feed.json", "/news/rss.xml", "/news/atom.xml", "/news/feed.json"];
    let served = documents.iter().any(|path| daemon.body(path).to_lowercase().contains(word));
    let written = files(&newsroom.path("feeds"))
        .into_iter()
        .any(|(_, bytes)| String::from_utf8_lossy(&bytes).to_lowercase().contains(word));
    !served && !written
}

#[test]
fn withheld_text_is_never_exposed() {
    let newsroom = Newsroom::new();
    for (name, text) in WITHHELD.iter().chain(REFUSED) {
        newsroom.write(&format!("content/news/{name}"), text);
    }
    newsroom.article("news/open.md", "Open story", "Is public.");
    let daemon = newsroom.serve();
    daemon.wait("the other story is published", |daemon| daemon.body("/news/rss.xml").contains("Open story"));
    assert!(is_nowhere(&newsroom, &daemon, "canary"), "{}", daemon.body("/rss.xml"));
    let log = fs::read_to_string(newsroom.path("log")).unwrap_or_default();
    assert!(!log.to_lowercase().contains("canary"), "{log}");
}
