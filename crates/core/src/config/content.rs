//! `[content]`: where articles are, how they are read, and when a missing file is a deletion.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::markdown;
use super::raw::{At, Sink, Table};
use super::values::{charset, choice, duration, shown_directory, web_url};
use super::{Content, Ignore, Paid, Removals, Undated, Watch};
use crate::article::{ParseOptions, SlugStyle, SourceDefaults, TemplateError, UrlTemplate, WireField};
use crate::diagnostics::Code;
use crate::types::{Text, WebUrl};

/// Reads `[content]` except `directory`, which is already known.
pub(super) fn validate(
    table: &mut Table<'_>,
    sink: &mut Sink<'_>,
    directory: &Path,
    timezone: TimeZone,
    home: Option<WebUrl>,
) -> (Content, ParseOptions) {
    let article_url = table.text(sink, "article_url").and_then(|url| article_url(sink, &url));
    let slugs = table.text(sink, "slugs").and_then(|word| choice(sink, Code::ConfigChoice, &word, &SlugStyle::NAMES));
    let charset = table.text(sink, "charset").and_then(|label| charset(sink, &label));
    let max_size = max_size(table, sink);
    let sources = table.table(sink, "sources").entries(sink);
    let sources = sources
        .into_iter()
        .filter_map(|(name, feed)| Some((Text::line(&name.value.to_lowercase()), web_url(sink, &feed)?)));
    let sources: BTreeMap<Text, WebUrl> = sources.collect();
    let mut wire = table.table(sink, "wire");
    let mut labels = wire.table(sink, "labels");
    let wire_labels =
        labels.entries(sink).into_iter().filter_map(|(label, field)| wire_label(sink, &label, &field)).collect();
    wire.finish(sink);

    let ignore = Arc::new(Ignore::validate(table, sink));
    let removals = removals(table, sink);
    let settle = settle(table, sink);
    let modes = [("auto", Watch::Auto), ("events", Watch::Events), ("poll", Watch::Poll)];
    let watch = table.text(sink, "watch").and_then(|word| choice(sink, Code::ConfigChoice, &word, &modes));
    let choices = [("teaser", Paid::Teaser), ("full", Paid::Full), ("omit", Paid::Omit)];
    let paid = table.text(sink, "paid").and_then(|word| choice(sink, Code::ConfigChoice, &word, &choices));
    let dates = [("first-seen", Undated::FirstSeen), ("modified", Undated::Modified), ("omit", Undated::Omit)];
    let undated = table.text(sink, "undated").and_then(|word| choice(sink, Code::ConfigChoice, &word, &dates));
    let parsing = ParseOptions {
        root: shown_directory(directory),
        timezone,
        charset,
        wire_labels,
        max_size,
        source: SourceDefaults::default(),
        home: home.or_else(|| article_url.as_ref().and_then(website)),
        markdown: markdown::extensions(table, sink),
        slugs: slugs.unwrap_or_default(),
    };
    let content = Content {
        directory: directory.to_owned(),
        article_url,
        sources: Arc::new(sources),
        ignore,
        removals,
        settle,
        watch: watch.unwrap_or_default(),
        paid: paid.unwrap_or_default(),
        undated,
    };
    (content, parsing)
}

fn article_url(sink: &mut Sink<'_>, url: &At<String>) -> Option<UrlTemplate> {
    const EXAMPLE: &str = "write `https://www.courier.example/{section}/{slug}.html`";
    let template = match UrlTemplate::parse(&url.value) {
        Ok(template) => template,
        Err(TemplateError { message, help }) => {
            sink.report(Code::ConfigUrl, &url.span, message, help);
            return None;
        }
    };
    let mut refuse = |message: &str| sink.report(Code::ConfigUrl, &url.span, message, EXAMPLE);
    let host_end = url.value.find("://").and_then(|at| Some(at + 3 + url.value.get(at + 3..)?.find('/')?));
    let host = host_end.and_then(|end| url.value.get(..end));
    let without_placeholders = match host {
        _ if !url.value.contains("://") => url.value.split('{').next().unwrap_or_default().to_owned(),
        Some(host) if !host.contains('{') => format!("{host}/"),
        _ => {
            refuse("placeholders belong in the path of `article_url`");
            return None;
        }
    };
    if !template.names_article() {
        refuse("`article_url` has no `{slug}`, `{path}` or `{stem}`: all articles would have the same address");
        return None;
    }
    web_url(sink, &At { value: without_placeholders, span: url.span.clone() })?;
    Some(template)
}

/// The website that has the articles' pages.
fn website(article_url: &UrlTemplate) -> Option<WebUrl> {
    let (before, _) = article_url.as_str().split_once('{')?;
    WebUrl::parse(before).ok()?.join("/").ok()
}

fn max_size(table: &mut Table<'_>, sink: &mut Sink<'_>) -> u64 {
    const DEFAULT_BYTES: u64 = 8 << 20;
    table.number(sink, "max_size", 1_024..=1 << 30).unwrap_or(DEFAULT_BYTES)
}

/// `content.settle`: how long a file must stay unchanged to count as complete, where no event reports the end of writing.
fn settle(content: &mut Table<'_>, sink: &mut Sink<'_>) -> SignedDuration {
    const DEFAULT: SignedDuration = SignedDuration::from_secs(2);
    const MAX_SETTLE: SignedDuration = SignedDuration::from_mins(1);
    let settle = duration(content, sink, "settle").unwrap_or(DEFAULT);
    if settle > MAX_SETTLE {
        let help = "write at most `60s`: a file that is written for longer is published as it is";
        sink.report(Code::ConfigDuration, &content.span.clone(), "`settle` is longer than a minute", help);
    }
    settle
}

/// When a missing file counts as deleted.
fn removals(content: &mut Table<'_>, sink: &mut Sink<'_>) -> Removals {
    const MAX_HOLD: SignedDuration = SignedDuration::from_hours(1);
    let grace = duration(content, sink, "removal_grace");
    let hold = duration(content, sink, "removal_hold");
    if hold.is_some_and(|hold| hold > MAX_HOLD) {
        let help = "write at most `1h`: a deleted story stays public for that long";
        sink.report(Code::ConfigDuration, &content.span.clone(), "`removal_hold` is longer than an hour", help);
    }
    let mut mass = content.table(sink, "mass_removal");
    let within = duration(&mut mass, sink, "within");
    let mut count =
        |sink: &mut Sink<'_>, key, range| mass.number(sink, key, range).and_then(|number| usize::try_from(number).ok());
    let least = count(sink, "least", 1..=1_000_000_000);
    let percent = count(sink, "percent", 1..=100);
    let most = count(sink, "most", 1..=1_000_000_000);
    mass.finish(sink);
    Removals {
        grace: grace.unwrap_or(SignedDuration::from_secs(2)),
        hold: hold.unwrap_or(SignedDuration::from_secs(60)),
        within: within.unwrap_or(SignedDuration::from_secs(10)),
        least: least.unwrap_or(10),
        percent: percent.unwrap_or(20),
        most: most.unwrap_or(500),
    }
}

fn wire_label(sink: &mut Sink<'_>, label: &At<String>, field: &At<String>) -> Option<(Text, WireField)> {
    const FIELDS: [(&str, WireField); 19] = [
        ("breadcrumb", WireField::Breadcrumb),
        ("title", WireField::Title),
        ("updated", WireField::Updated),
        ("caption", WireField::Caption),
        ("source", WireField::Source),
        ("date", WireField::Date),
        ("author", WireField::Author),
        ("editor", WireField::Editor),
        ("tags", WireField::Tags),
        ("summary", WireField::Summary),
        ("related", WireField::Related),
        ("id", WireField::Id),
        ("slugline", WireField::Slugline),
        ("embargo", WireField::Embargo),
        ("expires", WireField::Expires),
        ("status", WireField::Status),
        ("draft", WireField::Draft),
        ("correction", WireField::Correction),
        ("access", WireField::Access),
    ];
    let name = Text::line(&label.value);
    if name.is_empty() {
        sink.report(
            Code::ConfigWireLabel,
            &label.span,
            "a label cannot be empty",
            "write the word that comes before the colon",
        );
        return None;
    }
    choice(sink, Code::ConfigWireLabel, field, &FIELDS).map(|field| (name, field))
}
