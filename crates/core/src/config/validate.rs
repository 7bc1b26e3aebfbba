//! Turns TOML into a [`Config`]. Reports all mistakes. A file with errors yields no configuration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use toml::de::DeTable;

use super::raw::{At, Sink, Table};
use super::values::{
    accent_color, authority_date, base_url, choice, directory, language_tag, required_text, tag_authority, time_zone,
    web_url,
};
use super::{Checked, Config, Places, Reload, Server, Site, Taxonomies, UpdatedWhen, WithheldFolders};
use super::{addresses, agency, content, feed_aliases, feeds, journal, sections, server, source, websub, words};
use crate::diagnostics::{Code, Diagnostic, LineIndex, Place, Severity};
use crate::types::{ContentHash, Language, SectionPath, Text};

/// A thousand large pictures.
const DEFAULT_MAX_KEPT: u64 = 1_000_000_000;

/// Parses a configuration. `file` is its path as the operator typed it; relative paths are resolved against its folder.
pub fn parse(file: &Path, bytes: &[u8]) -> Checked {
    let name = file.display().to_string();
    let hash = ContentHash::of(bytes);
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let source = match std::str::from_utf8(bytes) {
        Ok(source) => source,
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let valid = String::from_utf8_lossy(valid);
            let place = Place::in_text(&name, &valid, valid.len()..valid.len());
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
    // If a table has the wrong type, its missing keys aren't mistakes.
    let is_same = |one: &Diagnostic, other: &Diagnostic| other.code == Code::ConfigType && one.place == other.place;
    let types: Vec<Diagnostic> =
        diagnostics.iter().filter(|diagnostic| diagnostic.code == Code::ConfigType).cloned().collect();
    diagnostics.retain(|diagnostic| {
        diagnostic.code != Code::ConfigMissing || !types.iter().any(|other| is_same(diagnostic, other))
    });
    if !errors.is_empty() {
        // Keys that seem missing may be in lines that failed to parse.
        diagnostics.retain(|diagnostic| diagnostic.code != Code::ConfigMissing);
    }
    diagnostics.sort();
    diagnostics.dedup();
    let has_errors = diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error);
    Checked { config: config.filter(|_| !has_errors).map(Arc::new), diagnostics }
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
    let mut websub_table = root.table(sink, "websub");
    let mut journal_table = root.table(sink, "journal");

    let mut admin_table = root.table(sink, "admin");
    let (server, server_place) = server::validate(&mut server_table, &mut admin_table, sink, folder);
    let (site, timezone) = site(&mut site_table, sink, server.as_ref());
    let content_directory = directory(&mut content_table, sink, folder, "../content");
    let output_directory = directory(&mut output_table, sink, folder, "../feeds");
    let state_directory = directory(&mut state_table, sink, folder, "../.dateline");
    let max_kept = state_table.number(sink, "max_kept", 0..=1 << 40).unwrap_or(DEFAULT_MAX_KEPT);
    if state_directory.value.as_os_str().is_empty() {
        sink.report(
            Code::ConfigDirectory,
            &state_directory.span,
            "`state.directory` is empty",
            "write the state directory, where ids and dates are stored",
        );
    }
    check_directories(sink, &content_directory, &output_directory);

    let home = site.as_ref().map(|site| site.home.clone());
    let (content, parsing) = content::validate(&mut content_table, sink, &content_directory.value, timezone, home);
    let feeds = feeds::options(&mut feeds_table, sink, &feeds::defaults());
    let words = words::validate(&mut feeds_table, sink);
    let choices = [("text", UpdatedWhen::Text), ("explicit", UpdatedWhen::Explicit)];
    let updated_when =
        feeds_table.text(sink, "updated_when").and_then(|word| choice(sink, Code::ConfigChoice, &word, &choices));
    let reload = reload(&mut reload_table, sink);
    let websub = websub::validate(&mut websub_table, sink);
    let journal_keep = journal::validate(&mut journal_table, sink);
    let taxonomies = Taxonomies {
        tags: taxonomies_table.boolean(sink, "tags").unwrap_or(false),
        authors: taxonomies_table.boolean(sink, "authors").unwrap_or(false),
        max_tags: taxonomies_table
            .number(sink, "max_tags", 1..=1_000_000)
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(10_000),
    };
    let tables = root.tables(sink, "section");
    let sections = sections::validate(tables, sink, &feeds, websub.hub);
    let parsing = Arc::new(parsing);
    let content_source = source::content(&content, &parsing, sink.place(&content_directory.span));
    let directories =
        source::Directories { base: folder, output: &output_directory.value, state: &state_directory.value };
    let tables = root.tables(sink, "source");
    let sources = source::validate(tables, sink, content_source, &sections, &directories);
    let mut agency_table = root.table(sink, "agency");
    let paths: Vec<SectionPath> = sections.iter().map(|section| section.path.clone()).collect();
    let agency = agency::validate(&mut agency_table, sink, &paths);
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
        websub_table,
        journal_table,
        agency_table,
        root,
    ];
    tables.into_iter().for_each(|table| table.finish(sink));

    Some(Config {
        file: file.to_owned(),
        hash,
        site: site?,
        content,
        parsing,
        sources,
        output: Some(output_directory.value.clone()).filter(|path| !path.as_os_str().is_empty()),
        state: state_directory.value.clone(),
        max_kept,
        server: server?,
        feeds,
        sections,
        withheld_folders: WithheldFolders::default(),
        taxonomies,
        agency,
        addresses,
        renamed,
        words: Arc::new(words),
        updated_when: updated_when.unwrap_or(UpdatedWhen::Text),
        reload,
        websub,
        journal_keep,
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
    let feed_aliases = feed_aliases::validate(table, sink);
    let accent_color = table.text(sink, "accent_color").and_then(|color| accent_color(sink, &color));
    let authority = table.text(sink, "tag_authority");
    let is_loopback = url.as_ref().is_some_and(|url| url.value.is_loopback());
    let tag_authority = match authority {
        Some(authority) => tag_authority(sink, &authority),
        None if is_loopback || url.is_none() => Some(Text::new("localhost,2026")),
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
        && is_loopback
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
                feed_aliases,
                founded: authority_date(&tag_authority),
                tag_authority,
                accent_color,
            })
        }
        _ => None,
    };
    (site, timezone)
}

fn check_directories(sink: &mut Sink<'_>, content: &At<PathBuf>, output: &At<PathBuf>) {
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
            "the output directory and the content directory must not contain each other",
            "give the feeds a directory of their own, such as `../feeds`",
        );
    }
}

/// Reads which changes a reload may make without confirmation.
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
