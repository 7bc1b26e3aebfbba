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
mod finding;
mod json_ld;
mod page;
mod places;
mod release;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::ops::Range;

use finding::{Field, Finding, META_FIELDS};
use page::Page;
use places::Places;
use scraper::ElementRef;

use super::access;
use super::draft::Draft;
use super::gates;
use super::lifecycle;
use super::meaning::{Certainty, Meaning};
use super::model::Body;
use super::parsed::Parsed;
use super::sanitise::base::{Base, Unusable};
use super::sanitise::{excess, has_tag};
use crate::diagnostics::Code;
use crate::types::{Text, WebUrl};

/// Parses a page. `source` is the text of the file with spaces in place of front matter.
pub(crate) fn read(mut draft: Draft<'_>, source: &str) -> Parsed {
    if let Some(excess) = excess(source) {
        draft.report(Code::HtmlTangled, 0..0, excess.message("the page"), excess.help());
        let mut parsed = draft.finish();
        parsed.withhold |= lifecycle::withholds(source) || access::page_withholds(source);
        parsed.embargoed |= parsed.withhold;
        // The page wasn't searched, so missing fields aren't reported.
        parsed.diagnostics.retain(|diagnostic| diagnostic.code == Code::HtmlTangled);
        return parsed;
    }
    let page = Page::parse(source);
    let places = &Places::new(source);
    let mut broken = Vec::new();
    let base = page.base().unwrap_or_else(|Unusable(written)| {
        draft.report(
            Code::HtmlBase,
            places.in_tag("<base", "href", written).unwrap_or(0..0),
            "the page's `<base href>` is not a web address, so it is ignored",
            "begin it with `https://` or `/`, or remove it",
        );
        Base::default()
    });
    let findings =
        findings(places, &page, &base, |message, span, block| broken.push((message, span, block.to_owned())));
    release::read(&mut draft, &page, places);
    let is_undated = !findings.iter().any(|finding| finding.field == Field::Published);
    for (message, span, block) in broken {
        for (key, meaning) in [("\"expires\"", Meaning::Expires), ("\"datePublished\"", Meaning::Date)] {
            if block.contains(key) && (is_undated || meaning == Meaning::Expires) {
                let message = format!("{key} stands in JSON-LD that cannot be read");
                let span = places.find(key).unwrap_or(0..0);
                draft.refuse_key(meaning, span, message, "correct the JSON");
            }
        }
        for (key, value) in lifecycle::json_pairs(&block) {
            if let Some((meaning @ (Meaning::Embargo | Meaning::Status | Meaning::Draft), Certainty::Certain)) =
                lifecycle::lookup(key)
                && lifecycle::value_withholds(key, value)
            {
                let message = format!("`{}` stands in JSON-LD that cannot be read", key.escape_debug());
                draft.refuse_key(meaning, places.find(key).unwrap_or(0..0), message, "correct the JSON");
            }
        }
        if json_ld::says_paid(&block) {
            let span = places.find("isAccessibleForFree").unwrap_or(0..0);
            let message = "`isAccessibleForFree` stands in JSON-LD that cannot be read";
            draft.refuse_access(span, message, "correct the JSON");
        }
        let message = format!("the JSON-LD cannot be read: {message}");
        draft.report(
            Code::HtmlJsonLd,
            span.unwrap_or(0..0),
            message,
            "correct the JSON; the rest of the page is used meanwhile",
        );
    }
    // Front matter takes precedence over the page.
    let stated = draft.filled_lists();
    // A linear search: there are few fields, even if there are many findings.
    let mut firsts: Vec<&Finding> = Vec::new();
    for finding in &findings {
        if !firsts.iter().any(|first| first.field == finding.field) {
            firsts.push(finding);
        }
    }
    let first = |field: Field| firsts.iter().copied().find(|finding| finding.field == field);
    let link = first(Field::Link).and_then(|link| WebUrl::parse(&link.value).ok());
    let image = first(Field::ImageUrl);
    for finding in &findings {
        // Names and tags all come from the first source that has any.
        let outranked = |field| first(field).is_some_and(|first| first.origin != finding.origin);
        let (value, origin, span) = (finding.value.as_str(), finding.origin, finding.span.clone().unwrap_or(0..0));
        match finding.field {
            Field::Title => draft.set_title(value, span, origin),
            Field::Published => draft.set_published(value, span, origin),
            Field::Updated => draft.set_updated(value, span, origin),
            Field::Expires => draft.set_expires(value, span, origin),
            Field::Publication(meaning) => release::apply_value(&mut draft, meaning, value, span, origin),
            Field::Author if !stated.authors && !outranked(Field::Author) => match origin {
                // A name in structured data is one name, even with commas.
                "JSON-LD" => draft.add_author(value, span, origin),
                "Dublin Core" => {
                    value.split(';').for_each(|name| draft.add_author(name, span.clone(), origin));
                }
                _ => draft.add_byline(value, span, origin),
            },
            Field::Editor if !stated.editors && !outranked(Field::Editor) => match origin {
                "JSON-LD" => draft.add_editor(value, span, origin),
                _ => draft.add_editors(value, span, origin),
            },
            Field::Tag if !stated.tags && !outranked(Field::Tag) => draft.add_tag(value, span, origin),
            Field::Section => draft.set_breadcrumb(crumbs(value), span, origin),
            Field::Summary => draft.set_summary(value, span, origin),
            Field::Language => draft.set_language(value, span, origin),
            Field::Link => draft.set_link(value, span, origin),
            Field::Source => draft.set_source(value, span, origin),
            Field::Copyright => draft.set_copyright(value, span, origin),
            Field::Id => draft.set_id(value, span, origin),
            Field::ImageUrl => set_image(&mut draft, value, link.as_ref(), span, origin),
            // Texts about a picture belong to the picture of the same source.
            Field::ImageAlt if !outranked(Field::ImageUrl) => draft.set_image_alt(value, span, origin),
            Field::ImageCaption if !outranked(Field::ImageUrl) => draft.set_image_caption(value, span, origin),
            Field::Access(key) => draft.set_access(key, value, span, origin),
            Field::Paywall => draft.set_access("isAccessibleForFree", value, span, origin),
            Field::ImageCredit if !outranked(Field::ImageUrl) => draft.set_image_credit(value, span, origin),
            _ => {}
        }
    }
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
    let paid_parts = findings.iter().filter(|finding| finding.field == Field::PaidPart);
    let paid_parts: Vec<&str> = paid_parts.map(|finding| finding.value.as_str()).collect();
    // A picture in the paid part isn't the lead picture.
    let free = draft.is_paid().then(|| {
        let open = if is_gated { gates::page_without_gated(source) } else { Cow::Borrowed(source) };
        Page::parse(&open).into_free_part(&paid_parts, is_gated)
    });
    let figure = match &free {
        Some(free) => free.as_ref().and_then(Page::lead_figure),
        None => page.lead_figure(),
    };
    let figure = figure.map(|(mut figure, above)| {
        let written = figure.url.clone();
        figure.url = base.resolve(&written).unwrap_or(figure.url);
        (figure, written, above)
    });
    let mut figure_taken = false;
    if let Some((figure, written, above)) = &figure
        && image.is_none_or(|image| same_file(&image.value, &figure.url))
    {
        let span = places.in_tag("<img", "", written).unwrap_or(0..0);
        set_image(&mut draft, &figure.url, link.as_ref(), span.clone(), "figure");
        draft.set_image_alt(&figure.alt, span.clone(), "figure");
        draft.set_image_caption(&figure.caption, span.clone(), "figure");
        draft.set_image_credit(&figure.credit, span, "figure");
        figure_taken = *above;
    }
    let titles = findings.iter().filter(|finding| finding.field == Field::Title).map(|finding| finding.value.as_str());
    let titles = titles.collect::<Vec<_>>();
    if let Some(free) = free {
        let body = free.and_then(|free| free.body(&titles, figure_taken, &base)).unwrap_or_default();
        draft.set_free_body(Body::Html(body));
    }
    match page.body(&titles, figure_taken, &base) {
        Some(body) => draft.set_body(Body::Html(body)),
        None if draft.is_retracted() => {}
        None => draft.report(
            Code::HtmlBody,
            0..0,
            "no text was found that could be the article",
            "put the article's text into `<article>` or `<main>`, outside navigation, headers, asides and footers",
        ),
    }
    draft.finish()
}

/// Reports text of the article in `<aside>` and `<form>` elements, which are left out.
fn report_boxes(draft: &mut Draft<'_>, page: &Page, places: &Places<'_>) {
    for (element, text) in page.left_out_boxes() {
        // The file may spell character references differently.
        let written = text.split(['\n', '\r', '&', '\u{a0}']).next().unwrap_or_default();
        let span = places.after(&format!("<{element}"), written).unwrap_or(0..0);
        let message = format!("this text is left out of the article, since it stands in `<{element}>`");
        let help = match element {
            "form" => "write what readers should see outside of the form; feeds have no forms",
            _ => "if it is a part of the article, write `<div>` instead, or `role=\"doc-tip\"` into the tag",
        };
        draft.report(Code::ArticleLoss, span, message, help);
    }
}

/// Splits a section's name into crumbs: `Technology > Chips`, `Technology/Chips`. A plain name is a single crumb.
fn crumbs(section: &str) -> Vec<Text> {
    section.split(['>', '›', '»', '＞', '/']).map(Text::line).filter(|crumb| !crumb.is_empty()).collect()
}

/// Sets the lead picture. The page's own address, if known, completes a reference from the root of the site.
fn set_image(draft: &mut Draft<'_>, reference: &str, page: Option<&WebUrl>, span: Range<usize>, origin: &'static str) {
    let is_from_root = reference.starts_with('/') && !reference.starts_with("//");
    match page.map(|page| page.join(reference)) {
        Some(Ok(url)) if is_from_root => draft.set_image_url(url.as_str(), span, origin),
        _ if is_from_root => draft.report(
            Code::HtmlImage,
            span,
            format!("`{reference}` begins at the root of a site, but the page does not say which"),
            "write the whole address, or add `<link rel=\"canonical\" href=\"https://...\">`",
        ),
        _ => draft.set_image_url(reference, span, origin),
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

/// All values of a page in order of precedence. `on_broken_json` receives each error in JSON-LD, its position and its block.
fn findings(
    places: &Places<'_>,
    page: &Page,
    base: &Base,
    mut on_broken_json: impl FnMut(String, Option<Range<usize>>, &str),
) -> Vec<Finding> {
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
            on_broken_json(problem.message, span, block);
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
        if let Some(date) = time.and_then(|time| time.attr("datetime")) {
            add(field, date.trim().to_owned(), places.in_tag("<time", "", date), "time element");
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
