//! From what the TOML says to what the program uses: every mistake is reported, and only a file without errors gives a
//! [`Config`].
//!
//! Long because it has a check for every key; each is short, and `sections` has those of `[[section]]`.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use toml::de::DeTable;

use super::raw::{At, Sink, Table};
use super::{
    ArticleUrl, Checked, Config, Content, Ignore, Paid, Places, Reload, Removals, Server, Site, Taxonomies,
    UpdatedWhen, Watch,
};
use super::{addresses, feeds, sections, server};
use crate::article::{ParseOptions, WireField};
use crate::diagnostics::{Code, Diagnostic, LineIndex, Place, Severity, nearest};
use crate::types::{ContentHash, Language, Text, WebUrl};

/// Reads a configuration; `file` is its path as the operator typed it, which relative paths are joined to.
pub fn parse(file: &Path, bytes: &[u8]) -> Checked {
    let name = file.display().to_string();
    let hash = ContentHash::of(bytes);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let source = match std::str::from_utf8(bytes) {
        Ok(source) => source,
        Err(error) => {
            let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let good = String::from_utf8_lossy(good);
            let place = Place::in_text(&name, &good, good.len()..good.len());
            let diagnostic = Diagnostic::new(Code::ConfigSyntax, "this byte is not UTF-8").at(place);
            return Checked { config: None, diagnostics: vec![diagnostic.help("save the file as UTF-8")] };
        }
    };
    let mut sink = Sink { file: &name, source, lines: LineIndex::new(source), diagnostics: Vec::new() };
    let (table, errors) = DeTable::parse_recoverable(source);
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        sink.report(
            Code::ConfigSyntax,
            &span,
            error.message().trim().replace('\n', "; "),
            "see toml.io for how values are written",
        );
    }
    let config = validate(file, hash, Table::root(&table), &mut sink);
    let mut diagnostics = sink.diagnostics;
    // A table that is none misses nothing else.
    let is_same = |one: &Diagnostic, other: &Diagnostic| other.code == Code::ConfigType && one.place == other.place;
    let types: Vec<Diagnostic> = diagnostics.iter().filter(|one| one.code == Code::ConfigType).cloned().collect();
    diagnostics.retain(|one| one.code != Code::ConfigMissing || !types.iter().any(|other| is_same(one, other)));
    if !errors.is_empty() {
        // What seems to be missing may stand in the lines that could not be read.
        diagnostics.retain(|diagnostic| diagnostic.code != Code::ConfigMissing);
    }
    diagnostics.sort();
    diagnostics.dedup();
    let broken = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    Checked { config: config.filter(|_| !broken).map(Arc::new), diagnostics }
}

fn validate(file: &Path, hash: ContentHash, mut root: Table<'_>, sink: &mut Sink<'_>) -> Option<Config> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let mut site_table = root.table(sink, "site");
    let mut content_table = root.table(sink, "content");
    let mut output_table = root.table(sink, "output");
    let mut server_table = root.table(sink, "server");
    let mut feeds_table = root.table(sink, "feeds");
    let mut taxonomies_table = root.table(sink, "taxonomies");
    let mut state_table = root.table(sink, "state");
    let mut reload_table = root.table(sink, "reload");

    let mut admin_table = root.table(sink, "admin");
    let (server, server_place) = server::validate(&mut server_table, &mut admin_table, sink, folder);
    let (site, timezone) = site(&mut site_table, sink, server.as_ref());
    let content_directory = directory(&mut content_table, sink, folder, "../content");
    let output_directory = directory(&mut output_table, sink, folder, "../feeds");
    let state_directory = directory(&mut state_table, sink, folder, "../.dateline");
    if state_directory.value.as_os_str().is_empty() {
        sink.report(
            Code::ConfigDirectory,
            &state_directory.span,
            "`state.directory` is empty",
            "write the directory of the state; ids and dates are remembered there",
        );
    }
    apart(sink, &content_directory, &output_directory);

    let article_url = content_table.text(sink, "article_url").and_then(|url| article_url(sink, &url));
    let charset = content_table.text(sink, "charset").and_then(|label| {
        let encoding = encoding_rs::Encoding::for_label(label.value.as_bytes());
        if encoding.is_none() {
            sink.report(
                Code::ConfigCharset,
                &label.span,
                format!("`{}` is not a charset label", label.value.escape_debug()),
                "write one such as `gb18030`, `big5`, `windows-1252` or `utf-8`",
            );
        }
        encoding
    });
    let max_size = max_size(&mut content_table, sink);
    let sources = content_table.table(sink, "sources").entries(sink);
    let sources = sources
        .into_iter()
        .filter_map(|(name, feed)| Some((Text::line(&name.value.to_lowercase()), web_url(sink, &feed)?)));
    let sources: BTreeMap<Text, WebUrl> = sources.collect();
    let mut wire = content_table.table(sink, "wire");
    let mut labels = wire.table(sink, "labels");
    let wire_labels =
        labels.entries(sink).into_iter().filter_map(|(label, field)| wire_label(sink, &label, &field)).collect();
    wire.finish(sink);

    let ignore = Arc::new(Ignore::validate(&mut content_table, sink));
    let removals = removals(&mut content_table, sink);
    let settle = settle(&mut content_table, sink);
    let ways = [("auto", Watch::Auto), ("events", Watch::Events), ("poll", Watch::Poll)];
    let watch = content_table.text(sink, "watch").and_then(|word| choice(sink, Code::ConfigChoice, &word, &ways));
    let amounts = [("teaser", Paid::Teaser), ("full", Paid::Full), ("omit", Paid::Omit)];
    let paid = content_table.text(sink, "paid").and_then(|word| choice(sink, Code::ConfigChoice, &word, &amounts));
    let feeds = feeds::options(&mut feeds_table, sink, &feeds::defaults());
    let moves = [("text", UpdatedWhen::Text), ("explicit", UpdatedWhen::Explicit)];
    let updated_when =
        feeds_table.text(sink, "updated_when").and_then(|word| choice(sink, Code::ConfigChoice, &word, &moves));
    let reload = reload(&mut reload_table, sink);
    let taxonomies = Taxonomies {
        tags: taxonomies_table.boolean(sink, "tags").unwrap_or(false),
        authors: taxonomies_table.boolean(sink, "authors").unwrap_or(false),
        max_tags: taxonomies_table
            .number(sink, "max_tags", 1..=1_000_000)
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(10_000),
    };
    let tables = root.tables(sink, "section");
    let sections = sections::validate(tables, sink, &feeds);
    let (addresses, renamed) = addresses::validate(&mut root, sink, site.as_ref().map(|site| &site.url));
    let tables = [
        site_table,
        content_table,
        output_table,
        server_table,
        admin_table,
        feeds_table,
        taxonomies_table,
        state_table,
        reload_table,
        root,
    ];
    tables.into_iter().for_each(|table| table.finish(sink));

    let parsing = ParseOptions {
        root: content_directory.value.display().to_string().trim_end_matches('/').into(),
        timezone,
        charset,
        wire_labels,
        max_size,
    };
    Some(Config {
        file: file.to_owned(),
        hash,
        site: site?,
        content: Content {
            directory: content_directory.value.clone(),
            article_url,
            sources: Arc::new(sources),
            ignore,
            removals,
            settle,
            watch: watch.unwrap_or_default(),
            paid: paid.unwrap_or_default(),
        },
        parsing: Arc::new(parsing),
        output: Some(output_directory.value.clone()).filter(|path| !path.as_os_str().is_empty()),
        state: state_directory.value.clone(),
        server: server?,
        feeds,
        sections,
        taxonomies,
        addresses,
        renamed,
        updated_when: updated_when.unwrap_or(UpdatedWhen::Text),
        reload,
        is_relocated: false,
        places: Places {
            server: sink.place(&server_place.span),
            content: sink.place(&content_directory.span),
            output: sink.place(&output_directory.span),
            state: sink.place(&state_directory.span),
        },
    })
}

fn site(table: &mut Table<'_>, sink: &mut Sink<'_>, server: Option<&Server>) -> (Option<Site>, TimeZone) {
    let title = required_text(table, sink, "title", "title = \"Harbour Courier\"");
    let url = table.text(sink, "url");
    if url.is_none() && !table.has("url") {
        sink.report(
            Code::ConfigMissing,
            &table.span,
            "[site] has no `url`",
            "write the public address under which readers reach dateline: `url = \"https://feeds.courier.example/\"`",
        );
    }
    let url = url.and_then(|url| base_url(sink, &url).map(|value| At { value, span: url.span }));
    let home = table.text(sink, "home").and_then(|home| web_url(sink, &home));
    let description = table
        .text(sink, "description")
        .map(|description| Text::line(&description.value))
        .unwrap_or_else(|| Text::new(""));
    let language = table
        .text(sink, "language")
        .map_or_else(|| Language::parse("en").ok(), |language| language_tag(sink, &language));
    let timezone = table.text(sink, "timezone").map_or(TimeZone::UTC, |name| time_zone(sink, &name));
    let copyright =
        table.text(sink, "copyright").map(|rights| Text::line(&rights.value)).filter(|rights| !rights.is_empty());
    let logo = table.text(sink, "logo").and_then(|logo| web_url(sink, &logo));
    let icon = table.text(sink, "icon").and_then(|icon| web_url(sink, &icon));
    let authority = table.text(sink, "tag_authority");
    let loopback = url.as_ref().is_some_and(|url| url.value.is_loopback());
    let tag_authority = match authority {
        Some(authority) => tag_authority(sink, &authority),
        None if loopback || url.is_none() => Some(Text::new("localhost,2026")),
        None => {
            sink.report(
                Code::ConfigMissing,
                &table.span,
                "[site] has no `tag_authority`, which the ids of articles are made of",
                "write a host that you own and a year in which you owned it, and never change it: `tag_authority = \"courier.example,2026\"`",
            );
            None
        }
    };
    let public = server.into_iter().flat_map(|server| &server.listen).find(|endpoint| !endpoint.is_local());
    if let (Some(url), Some(listen)) = (&url, public)
        && loopback
    {
        sink.report(
            Code::ConfigLoopback,
            &url.span,
            format!("`site.url` is this machine itself, but dateline listens on {listen}: readers elsewhere would subscribe to their own machine"),
            "write the address under which readers reach dateline",
        );
    }
    let site = match (title, url, language, tag_authority) {
        (Some(title), Some(url), Some(language), Some(tag_authority)) => {
            let home = home.unwrap_or_else(|| url.value.clone());
            let states_description = !description.is_empty();
            Some(Site {
                title,
                url: url.value,
                home,
                description,
                states_description,
                language,
                copyright,
                logo,
                icon,
                tag_authority,
            })
        }
        _ => None,
    };
    (site, timezone)
}

/// A text that must be there and say something.
pub(super) fn required_text(
    table: &mut Table<'_>,
    sink: &mut Sink<'_>,
    key: &'static str,
    example: &str,
) -> Option<Text> {
    let Some(text) = table.text(sink, key) else {
        if !table.has(key) {
            sink.report(
                Code::ConfigMissing,
                &table.span.clone(),
                format!("`{key}` is missing"),
                format!("write `{example}`"),
            );
        }
        return None;
    };
    let line = Text::line(&text.value);
    if line.is_empty() {
        sink.report(Code::ConfigMissing, &text.span, format!("`{key}` is empty"), format!("write `{example}`"));
        return None;
    }
    Some(line)
}

pub(super) fn web_url(sink: &mut Sink<'_>, url: &At<String>) -> Option<WebUrl> {
    let checked = WebUrl::parse(&url.value)
        .map_err(|reason| format!("`{}` is not a URL that readers can load: {reason}", url.value.escape_debug()));
    let scheme = url.value.split(':').next().and_then(|scheme| nearest(scheme, ["http", "https"]));
    let help = match scheme {
        Some(scheme) if !url.value.starts_with("http:") && !url.value.starts_with("https:") => {
            format!("did you mean `{scheme}`?")
        }
        _ => "write a whole address such as `https://www.courier.example/`".to_owned(),
    };
    sink.check(Code::ConfigUrl, &url.span, checked, &help)
}

fn base_url(sink: &mut Sink<'_>, url: &At<String>) -> Option<WebUrl> {
    let parsed = web_url(sink, url)?;
    if parsed.as_str().contains(['?', '#', '@']) {
        sink.report(
            Code::ConfigUrl,
            &url.span,
            "`site.url` is a base: it has no query, fragment or password",
            "write `https://feeds.courier.example/` or `https://www.courier.example/feeds/`",
        );
        return None;
    }
    let whole = if parsed.as_str().ends_with('/') { parsed.as_str().to_owned() } else { format!("{parsed}/") };
    WebUrl::parse(&whole).ok()
}

pub(super) fn language_tag(sink: &mut Sink<'_>, language: &At<String>) -> Option<Language> {
    sink.check(
        Code::ConfigLanguage,
        &language.span,
        Language::parse(&language.value),
        "write one such as `en`, `zh-Hans` or `pt-BR`",
    )
}

fn time_zone(sink: &mut Sink<'_>, name: &At<String>) -> TimeZone {
    TimeZone::get(&name.value).unwrap_or_else(|_| {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let help = match nearest(&name.value, names.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => "write an IANA name such as `Europe/Berlin`, `Asia/Shanghai` or `UTC`".to_owned(),
        };
        sink.report(
            Code::ConfigTimezone,
            &name.span,
            format!("`{}` is not a time zone", name.value.escape_debug()),
            help,
        );
        TimeZone::UTC
    })
}

/// RFC 4151, section 2.1: a host name or e-mail address, a comma, and a date of which month and day may be left out.
fn tag_authority(sink: &mut Sink<'_>, authority: &At<String>) -> Option<Text> {
    let digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let date_ok = |date: &str| {
        let mut parts = date.split('-');
        let year = parts.next().is_some_and(|year| digits(year, 4));
        let rest: Vec<&str> = parts.collect();
        year && rest.len() <= 2
            && rest.iter().all(|part| digits(part, 2) && (1..=31).contains(&part.parse::<u32>().unwrap_or(0)))
    };
    let name_ok = |name: &str| {
        let host = name.rsplit_once('@').map_or(name, |(_, host)| host);
        let label_ok = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        host.split('.').all(label_ok) && name.matches('@').count() <= 1 && !name.starts_with('@')
    };
    let good = authority.value.split_once(',').is_some_and(|(name, date)| name_ok(name) && date_ok(date));
    if !good {
        sink.report(
            Code::ConfigTagAuthority,
            &authority.span,
            format!("`{}` is not a host and a date", authority.value.escape_debug()),
            "write a host that you own and a year in which you owned it: `courier.example,2026`",
        );
    }
    good.then(|| Text::new(&authority.value))
}

fn directory(table: &mut Table<'_>, sink: &mut Sink<'_>, folder: &Path, default: &str) -> At<PathBuf> {
    let given =
        table.text(sink, "directory").unwrap_or_else(|| At { value: default.to_owned(), span: table.span.clone() });
    if given.value.is_empty() {
        return At { value: PathBuf::new(), span: given.span };
    }
    if given.value.contains('\0') {
        sink.report(Code::ConfigDirectory, &given.span, "a path cannot contain NUL", "write the path of a directory");
    }
    At { value: joined(folder, &given.value), span: given.span }
}

/// A path of the configuration joined with its folder, without `.` and needless `..`.
pub(super) fn joined(folder: &Path, written: &str) -> PathBuf {
    let mut path = PathBuf::new();
    for component in folder.join(written).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(path.components().next_back(), Some(Component::Normal(_))) => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    if path.as_os_str().is_empty() {
        path.push(".");
    }
    path
}

fn apart(sink: &mut Sink<'_>, content: &At<PathBuf>, output: &At<PathBuf>) {
    if content.value.as_os_str().is_empty() {
        sink.report(
            Code::ConfigDirectory,
            &content.span,
            "`content.directory` is empty",
            "write the directory of the articles",
        );
    } else if !output.value.as_os_str().is_empty()
        && (content.value.starts_with(&output.value) || output.value.starts_with(&content.value))
    {
        sink.report(
            Code::ConfigDirectory,
            &output.span,
            "the output directory and the content directory lie within one another",
            "give the feeds a directory of their own, such as `../feeds`",
        );
    }
}

fn article_url(sink: &mut Sink<'_>, url: &At<String>) -> Option<ArticleUrl> {
    const PLACEHOLDERS: [&str; 5] = ["{section}", "{slug}", "{year}", "{month}", "{day}"];
    let mut plain = url.value.clone();
    for placeholder in PLACEHOLDERS {
        plain = plain.replace(placeholder, "x");
    }
    let unknown = plain.find('{').and_then(|open| plain.get(open..)).and_then(|rest| rest.split_inclusive('}').next());
    if let Some(unknown) = unknown {
        let help = match nearest(unknown, PLACEHOLDERS) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known: {}", PLACEHOLDERS.join(", ")),
        };
        sink.report(Code::ConfigUrl, &url.span, format!("`{}` is not a placeholder", unknown.escape_debug()), help);
        return None;
    }
    web_url(sink, &At { value: plain, span: url.span.clone() })?;
    if !url.value.contains("{slug}") {
        sink.report(
            Code::ConfigUrl,
            &url.span,
            "`article_url` has no `{slug}`: all articles would have the same address",
            "write `https://www.courier.example/{section}/{slug}.html`",
        );
        return None;
    }
    let host_end = url.value.find("://").and_then(|at| url.value.get(at + 3..)).and_then(|rest| rest.find('/'));
    if host_end.is_none_or(|end| {
        url.value.split("://").nth(1).and_then(|rest| rest.get(..end)).is_some_and(|host| host.contains('{'))
    }) {
        sink.report(
            Code::ConfigUrl,
            &url.span,
            "placeholders belong into the path of `article_url`",
            "write `https://www.courier.example/{section}/{slug}.html`",
        );
        return None;
    }
    Some(ArticleUrl(Text::new(&url.value)))
}

fn max_size(table: &mut Table<'_>, sink: &mut Sink<'_>) -> u64 {
    const DEFAULT: u64 = 8 << 20;
    table.number(sink, "max_size", 1_024..=1 << 30).unwrap_or(DEFAULT)
}

/// How long a file has to stay as it is where nobody says that it is complete.
fn settle(content: &mut Table<'_>, sink: &mut Sink<'_>) -> SignedDuration {
    const DEFAULT: SignedDuration = SignedDuration::from_secs(2);
    const LONGEST: SignedDuration = SignedDuration::from_mins(1);
    let settle = feeds::duration(content, sink, "settle").unwrap_or(DEFAULT);
    if settle > LONGEST {
        let help = "write one of at most `60s`: a file that is written for longer is published as it is";
        sink.report(Code::ConfigDuration, &content.span.clone(), "`settle` is longer than a minute", help);
    }
    settle
}

/// When a file that is gone is a deletion.
fn removals(content: &mut Table<'_>, sink: &mut Sink<'_>) -> Removals {
    const LONGEST_HOLD: SignedDuration = SignedDuration::from_hours(1);
    let grace = feeds::duration(content, sink, "removal_grace");
    let hold = feeds::duration(content, sink, "removal_hold");
    if hold.is_some_and(|hold| hold > LONGEST_HOLD) {
        let help = "write one of at most `1h`: a deleted story stays public for so long";
        sink.report(Code::ConfigDuration, &content.span.clone(), "`removal_hold` is longer than an hour", help);
    }
    let mut mass = content.table(sink, "mass_removal");
    let within = feeds::duration(&mut mass, sink, "within");
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

/// What a changed configuration may do to readers.
fn reload(table: &mut Table<'_>, sink: &mut Sink<'_>) -> Reload {
    let mut reload = Reload::default();
    for word in table.texts(sink, "allow").into_iter().flat_map(|allowed| allowed.value) {
        let allowed = match choice(sink, Code::ConfigChoice, &word, &[("ids", 0), ("empty", 1), ("shrink", 2)]) {
            Some(0) => &mut reload.ids,
            Some(1) => &mut reload.empty,
            Some(_) => &mut reload.shrink,
            None => continue,
        };
        *allowed = true;
    }
    reload
}

fn wire_label(sink: &mut Sink<'_>, label: &At<String>, field: &At<String>) -> Option<(Text, WireField)> {
    const FIELDS: [(&str, WireField); 18] = [
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
            "write the word as it stands before the colon",
        );
        return None;
    }
    choice(sink, Code::ConfigWireLabel, field, &FIELDS).map(|field| (name, field))
}

/// One of a few words.
pub(super) fn choice<T: Copy>(
    sink: &mut Sink<'_>,
    code: Code,
    written: &At<String>,
    choices: &[(&'static str, T)],
) -> Option<T> {
    let found = choices.iter().find(|(name, _)| *name == written.value).map(|(_, value)| *value);
    if found.is_none() {
        let help = match nearest(&written.value, choices.iter().map(|(name, _)| *name)) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write one of: {}", choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")),
        };
        sink.report(code, &written.span, format!("`{}` is not known here", written.value.escape_debug()), help);
    }
    found
}
