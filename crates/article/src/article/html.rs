//! Parses HTML pages and extracts the article.
//!
//! Each field comes from the first of these sources that has it. Names and tags all come from the same source:
//!
//! 1. JSON-LD: the first schema.org article of the page (`json_ld`)
//! 2. Open Graph and `article:*` properties
//! 3. Dublin Core: `DC.title`, `dcterms.created` ...
//! 4. other `meta` elements: `author`, `description`, `keywords`, `pubdate`, `source`, `dateline-id` ...; `embargo` and other
//!    statements about publication count in all sources (`release`)
//! 5. the page: `<link rel=canonical>`, `<html lang>`, `<title>` or `<h1>`, byline, `<time datetime>`, the first `<figure>`
//!
//! The body is the first `<article>`, else `<main>`, else `<body>`, without navigation, headers, asides, footers, scripts
//! and forms. The parser doesn't report positions in the file, so `places` searches for them. A diagnostic has no line if the search
//! fails.

mod chrome;
mod fields;
mod finding;
mod json_ld;
mod page;
mod places;
mod release;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use fields::{Findings, set_image};
use finding::{Field, Finding, META_FIELDS, TIME_ELEMENT};
use page::Page;
use places::Places;
use scraper::ElementRef;

use super::access;
use super::date;
use super::draft::Draft;
use super::gates;
use super::lifecycle;
use super::meaning::{Certainty, Meaning};
use super::model::Body;
use super::parsed::Parsed;
use super::sanitise::base::{Base, Unusable};
use super::sanitise::{Excess, excess, has_tag};
use crate::diagnostics::Code;

/// Parses a page. `source` is the text of the file with spaces in place of front matter.
pub(crate) fn read(mut draft: Draft<'_>, source: &str) -> Parsed {
    if let Some(excess) = excess(source) {
        return refuse_tangled(draft, source, excess);
    }
    let page = Page::parse(source);
    let places = &Places::new(source);
    let base = base_of(&page, places, &mut draft);
    let mut broken = Vec::new();
    let findings = Findings::new(findings(places, &page, &base, |block| broken.push(block)));
    release::read(&mut draft, &page, source, places);
    let is_undated = findings.first(Field::Published).is_none();
    for block in &broken {
        report_broken_json(&mut draft, block, is_undated, places);
    }
    findings.apply(&mut draft);
    if has_tag(source, "aside") || has_tag(source, "form") {
        report_boxes(&mut draft, &page, places);
    }
    if page.has_unambiguous_mark() {
        draft.restrict_by_mark();
    }
    let is_gated = page.has_gate();
    if is_gated {
        draft.restrict_by_gate();
    }
    let free_part = draft.is_paid().then(|| free_part(source, &findings, is_gated));
    // A picture in the paid part isn't the lead picture.
    let shown = free_part.as_ref().map_or(Some(&page), Option::as_ref);
    let has_figure_above = shown.is_some_and(|shown| set_lead_figure(&mut draft, shown, &findings, &base, places));
    let titles = findings.values(Field::Title);
    let body_of = |page: Page| page.body(&titles, has_figure_above, &base);
    if let Some(free_part) = free_part {
        draft.set_free_body(Body::Html(free_part.and_then(body_of).unwrap_or_default()));
    }
    set_body(&mut draft, body_of(page));
    draft.finish()
}

/// Reports a page that would take too long to parse. The article is withheld if the source may state that it isn't public.
fn refuse_tangled(mut draft: Draft<'_>, source: &str, excess: Excess) -> Parsed {
    draft.report(Code::HtmlTangled, 0..0, excess.message("the page"), excess.help());
    let mut parsed = draft.finish();
    parsed.withhold |= lifecycle::withholds(source) || access::page_withholds(source);
    parsed.embargoed |= parsed.withhold;
    // The page wasn't searched, so missing fields aren't reported.
    parsed.diagnostics.retain(|diagnostic| diagnostic.code == Code::HtmlTangled);
    parsed
}

/// The base of relative addresses. One that can't be used is reported.
fn base_of(page: &Page, places: &Places<'_>, draft: &mut Draft<'_>) -> Base {
    page.base().unwrap_or_else(|Unusable(written)| {
        draft.report(
            Code::HtmlBase,
            places.in_tag("<base", "href", written).unwrap_or(0..0),
            "the page's `<base href>` is not a web address, so it is ignored",
            "begin it with `https://` or `/`, or remove it",
        );
        Base::default()
    })
}

/// A block of JSON-LD that can't be parsed.
struct BrokenJson {
    message: String,
    span: Option<Range<usize>>,
    block: String,
}

/// Reports a block of JSON-LD that can't be parsed. If it may restrict publication, the article is withheld.
fn report_broken_json(draft: &mut Draft<'_>, broken: &BrokenJson, is_undated: bool, places: &Places<'_>) {
    let BrokenJson { message, span, block } = broken;
    for (key, meaning) in [("\"expires\"", Meaning::Expires), ("\"datePublished\"", Meaning::Date)] {
        if block.contains(key) && (is_undated || meaning == Meaning::Expires) {
            let message = format!("{key} is in JSON-LD that cannot be read");
            let span = places.find(key).unwrap_or(0..0);
            draft.refuse_key(meaning, span, message, "correct the JSON");
        }
    }
    for (key, value) in lifecycle::json_pairs(block) {
        if let Some((meaning @ (Meaning::Embargo | Meaning::Status | Meaning::Draft), Certainty::Certain)) =
            lifecycle::lookup(key)
            && lifecycle::value_withholds(key, value)
        {
            let message = format!("`{}` is in JSON-LD that cannot be read", key.escape_debug());
            draft.refuse_key(meaning, places.find(key).unwrap_or(0..0), message, "correct the JSON");
        }
    }
    if json_ld::says_paid(block) {
        let span = places.find("isAccessibleForFree").unwrap_or(0..0);
        let message = "`isAccessibleForFree` is in JSON-LD that cannot be read";
        draft.refuse_access(span, message, "correct the JSON");
    }
    let message = format!("the JSON-LD cannot be read: {message}");
    let help = "correct the JSON; the rest of the page is used meanwhile";
    draft.report(Code::HtmlJsonLd, span.clone().unwrap_or(0..0), message, help);
}

/// The free part of a paid article. `None` if it is unknown.
fn free_part(source: &str, findings: &Findings, is_gated: bool) -> Option<Page> {
    let open = if is_gated { gates::page_without_gated(source) } else { Cow::Borrowed(source) };
    Page::parse(&open).into_free_part(&findings.values(Field::PaidPart), is_gated)
}

/// Takes the lead picture, or the texts about it, from the first figure. Returns whether the figure is above the text, so that the body
/// shouldn't repeat it.
fn set_lead_figure(draft: &mut Draft<'_>, page: &Page, findings: &Findings, base: &Base, places: &Places<'_>) -> bool {
    let Some((figure, is_above)) = page.lead_figure() else { return false };
    let url = base.resolve(&figure.url).unwrap_or_else(|| figure.url.clone());
    if findings.first(Field::ImageUrl).is_some_and(|image| !same_file(&image.value, &url)) {
        return false;
    }
    let span = places.in_tag("<img", "", &figure.url).unwrap_or(0..0);
    set_image(draft, &url, findings.link().as_ref(), span.clone(), "figure");
    draft.set_image_alt(&figure.alt, span.clone(), "figure");
    draft.set_image_caption(&figure.caption, span.clone(), "figure");
    draft.set_image_credit(&figure.credit, span, "figure");
    is_above
}

fn set_body(draft: &mut Draft<'_>, body: Option<String>) {
    match body {
        Some(body) => draft.set_body(Body::Html(body)),
        None if draft.is_retracted() => {}
        None => draft.report(
            Code::HtmlBody,
            0..0,
            "no text was found that could be the article",
            "put the article's text into `<article>` or `<main>`, outside navigation, headers, asides and footers",
        ),
    }
}

/// Applies what the HTML of a text inside another format states about publication and access.
pub(crate) fn apply_statements(draft: &mut Draft<'_>, markup: &str) {
    release::read(draft, &Page::parse(markup), markup, &Places::new(draft.source().text));
}

/// Reports text of the article in `<aside>` and `<form>` elements, which are left out.
fn report_boxes(draft: &mut Draft<'_>, page: &Page, places: &Places<'_>) {
    for (element, text) in page.left_out_boxes() {
        // The file may spell character references differently.
        let written = text.split(['\n', '\r', '&', '\u{a0}']).next().unwrap_or_default();
        let span = places.after(&format!("<{element}"), written).unwrap_or(0..0);
        let message = format!("this text is left out of the article because it is in `<{element}>`");
        let help = match element {
            "form" => "move what readers should see out of the form; feeds have no forms",
            _ => "if it is part of the article, write `<div>` instead, or `role=\"doc-tip\"` into the tag",
        };
        draft.report(Code::ArticleLoss, span, message, help);
    }
}

/// Whether two references have the same file name.
fn same_file(one: &str, other: &str) -> bool {
    let name = |reference: &str| -> String {
        let path = reference.split(['?', '#']).next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or_default().to_ascii_lowercase()
    };
    !name(one).is_empty() && name(one) == name(other)
}

/// All values of a page in order of precedence. `on_broken_json` receives each block of JSON-LD that can't be parsed.
fn findings(places: &Places<'_>, page: &Page, base: &Base, mut on_broken_json: impl FnMut(BrokenJson)) -> Vec<Finding> {
    let mut findings = Vec::new();
    let blocks = page
        .elements()
        .filter(|element| element.value().name() == "script")
        .filter(|script| {
            script.attr("type").is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("application/ld+json"))
        })
        .map(|script| script.text().collect::<String>())
        .collect::<Vec<_>>();
    let source = places.source;
    let written = json_ld_places(source, blocks.len());
    let mut objects = json_ld::Objects::default();
    for (index, block) in blocks.iter().enumerate() {
        if let Err(problem) = objects.add(block) {
            let span = written.get(index).and_then(|place| {
                let line_start = place.start + block.get(..problem.at)?.rfind('\n').map_or(0, |at| at + 1);
                (block.contains('\n') || problem.at < place.len()).then_some(())?;
                let lines = block.get(..problem.at)?.matches('\n').count();
                let written = source.get(place.clone())?;
                let start = written.split_inclusive('\n').take(lines).map(str::len).sum::<usize>() + place.start;
                let column = place.start + problem.at - line_start;
                Some(start + column..start + column)
            });
            on_broken_json(BrokenJson { message: problem.message, span, block: block.clone() });
        }
    }
    let in_json = |key: &str, value: &str| {
        written.iter().find_map(|place| {
            let block = source.get(place.clone())?;
            places.spend(block.len())?;
            let key = format!("\"{key}\"");
            let after_key = block.find(&key).and_then(|start| block.get(start..)?.find(value).map(|at| start + at));
            let anywhere = || block.find(&format!("\"{value}\"")).map(|at| at + 1);
            let (at, length) = match after_key.or_else(anywhere) {
                Some(at) => (at, value.len()),
                None => (block.find(&key)?, key.len()),
            };
            Some(place.start + at..place.start + at + length)
        })
    };
    findings.extend(objects.findings(in_json));
    findings.extend(objects.publication(in_json));

    let metas = page.metas();
    for &(name, field, origin) in META_FIELDS {
        for content in page::contents(&metas, name) {
            let span = places.in_tag("<meta", name, content);
            let single = !matches!(field, Field::Tag);
            for value in
                content.split([',', '，', ';', '；', '、']).filter(|_| !single).chain(single.then_some(content))
            {
                findings.push(Finding { field, value: value.trim().to_owned(), span: span.clone(), origin });
            }
        }
    }
    findings_of_elements(places, page, &metas, &mut findings);
    for finding in findings.iter_mut().filter(|finding| matches!(finding.field, Field::Link | Field::ImageUrl)) {
        if let Some(resolved) = base.resolve(&finding.value) {
            finding.value = resolved;
        }
    }
    // The URL of a profile isn't a name, and a relative address isn't the page's.
    findings.retain(|finding| {
        let value = finding.value.trim();
        !value.is_empty()
            && match finding.field {
                Field::Author | Field::Editor => !is_web(value) && !value.contains("://"),
                Field::Link => is_web(value),
                _ => true,
            }
    });
    // An empty date counts if there is no other, because the page was meant to have one.
    findings.extend(objects.unreadable("datePublished").map(|value| Finding {
        field: Field::Published,
        span: in_json("datePublished", &value),
        value: if value == "\"\"" { String::new() } else { value },
        origin: "JSON-LD",
    }));
    let published = META_FIELDS.iter().filter(|(_, field, _)| *field == Field::Published);
    if published.into_iter().any(|(name, ..)| page::is_empty(&metas, name)) {
        findings.push(Finding { field: Field::Published, value: String::new(), span: None, origin: "meta" });
    }
    findings
}

fn findings_of_elements(places: &Places<'_>, page: &Page, metas: &[ElementRef<'_>], findings: &mut Vec<Finding>) {
    let mut add = |field: Field, value: String, span: Option<Range<usize>>, origin: &'static str| {
        findings.push(Finding { field, value, span, origin });
    };
    for element in page.elements() {
        let is_canonical = element.value().name() == "link"
            && element.attr("rel").is_some_and(|rel| rel.eq_ignore_ascii_case("canonical"));
        if let Some(url) = element.attr("href").filter(|_| is_canonical) {
            add(Field::Link, url.trim().to_owned(), places.in_tag("<link", "canonical", url), "canonical link");
        }
    }
    let headline = page.headline();
    if let Some(title) = page.elements().find(|element| element.value().name() == "title").map(chrome::text_of) {
        let title = without_site_name(&title, headline.as_deref()).to_owned();
        let span = places.after("<title", &title);
        add(Field::Title, title, span, "title element");
    }
    if let Some(headline) = headline {
        let span = places.after("<h1", &headline);
        add(Field::Title, headline, span, "h1 element");
    }
    if let Some(language) = page.root().attr("lang").or_else(|| page.root().attr("xml:lang")) {
        add(Field::Language, language.to_owned(), places.in_tag("<html", "lang", language), "html lang");
    }
    for language in page::contents(metas, "og:locale").chain(page::contents(metas, "content-language")).take(1) {
        add(Field::Language, language.to_owned(), places.in_tag("<meta", "", language), "meta");
    }
    let mut bylines = page
        .article_elements()
        .filter(|element| chrome::is_author_link(*element))
        .map(chrome::text_of)
        .collect::<Vec<_>>();
    if bylines.is_empty() {
        let is_byline = |element: &ElementRef<'_>| {
            element
                .value()
                .classes()
                .any(|class| matches!(class.to_ascii_lowercase().as_str(), "byline" | "author" | "authors"))
                || element.attr("itemprop") == Some("author")
        };
        bylines.extend(page.article_elements().find(is_byline).map(chrome::text_of));
    }
    for byline in bylines {
        let span = places.find(&byline);
        add(Field::Author, byline, span, "byline");
    }
    let times = || page.article_elements().filter(|element| element.value().name() == "time");
    let itemprop = |name: &'static str| times().find(move |time| time.attr("itemprop") == Some(name));
    for (field, time) in [
        (
            Field::Published,
            itemprop("datePublished").or_else(|| times().find(|time| time.attr("itemprop") != Some("dateModified"))),
        ),
        (Field::Updated, itemprop("dateModified")),
    ] {
        let Some(time) = time else { continue };
        let written = time.attr("datetime");
        if let Some(date) = written {
            add(field, date.trim().to_owned(), places.in_tag("<time", "", date), TIME_ELEMENT);
        }
        let shown = chrome::text_of(time);
        if !written.is_some_and(date::is_date) && date::is_date(&shown) {
            let span = places.after("<time", &shown);
            add(field, shown, span, TIME_ELEMENT);
        }
    }
}

/// The title without the site's name: `Ships return | Harbour Courier`. The text after the bar is the site's name if the headline is the
/// text before it.
fn without_site_name<'t>(title: &'t str, headline: Option<&str>) -> &'t str {
    let Some(headline) = headline else { return title };
    let site = title
        .get(..headline.len())
        .filter(|start| start.eq_ignore_ascii_case(headline))
        .and_then(|_| title.get(headline.len()..));
    match site.map(str::trim_start) {
        Some(site) if site.starts_with(['|', '-', '–', '—', '_', '·', '»', '｜', '－', '：', ':']) => {
            title.get(..headline.len()).unwrap_or(title)
        }
        _ => title,
    }
}

/// Whether a reference is an absolute URL.
fn is_web(reference: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| reference.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}

/// Decodes HTML entities that publishing systems left in the text.
fn decoded(text: &str) -> String {
    if text.contains('&') && text.contains(';') && !text.contains('<') {
        scraper::Html::parse_fragment(text).root_element().text().collect()
    } else {
        text.to_owned()
    }
}

/// The byte ranges of the JSON-LD blocks. Empty unless there are as many as the parser found.
fn json_ld_places(source: &str, count: usize) -> Vec<Range<usize>> {
    let lower = source.to_ascii_lowercase();
    let mut places = Vec::new();
    let mut from = 0;
    while let Some(start) = lower.get(from..).and_then(|rest| rest.find("<script")).map(|at| from + at) {
        let Some(tag_end) = lower.get(start..).and_then(|rest| rest.find('>')).map(|at| start + at + 1) else { break };
        let end = lower.get(tag_end..).and_then(|rest| rest.find("</script")).map_or(lower.len(), |at| tag_end + at);
        if lower.get(start..tag_end).is_some_and(|tag| tag.contains("ld+json")) {
            places.push(tag_end..end);
        }
        from = end.max(start + 1);
    }
    if places.len() == count { places } else { Vec::new() }
}
