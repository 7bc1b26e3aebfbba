//! `[[source]]`: more directories of articles, such as the folders into which agencies upload, each with its own defaults.
//!
//! `[content]` is the first source and has no name. Every other source has one, which begins the paths of its articles: `wire:news/a.txt`.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;

use super::raw::{At, Sink, Table};
use super::values::{charset, choice, directory, duration, language_tag, required_text, shown_directory, time_zone};
use super::{Content, Section};
use crate::article::{ParseOptions, SourceDefaults, SourceFormat};
use crate::diagnostics::{Code, Place, nearest};
use crate::types::{ArticlePath, SectionPath, Text, folded, nfc};

/// All sources of articles.
#[derive(Clone, PartialEq, Debug)]
pub struct Sources {
    /// `[content]`.
    pub content: Source,
    /// The tables `[[source]]`, in the order of the file.
    pub named: Vec<Source>,
}

impl Sources {
    /// All sources: `[content]`, then the others in the order of the file. If two state one id, the first has it.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        std::iter::once(&self.content).chain(&self.named)
    }

    /// The source with this name. `None`: `[content]`.
    pub fn get(&self, name: Option<&str>) -> Option<&Source> {
        match name {
            None => Some(&self.content),
            Some(name) => self.named.iter().find(|source| source.name.as_deref() == Some(name)),
        }
    }

    /// The position of a path's source: 0 for `[content]`. `None` if the source isn't configured.
    pub fn position(&self, path: &ArticlePath) -> Option<usize> {
        match path.source() {
            None => Some(0),
            Some(name) => Some(1 + self.named.iter().position(|source| source.name.as_deref() == Some(name))?),
        }
    }

    /// The path that a person writes as `name:path`, or as a path below the content directory.
    pub fn article_path(&self, written: &str) -> ArticlePath {
        match written.split_once(':') {
            Some((name, rest)) if self.get(Some(name)).is_some() => {
                ArticlePath::in_source(Some(name), rest.trim_start_matches('/'))
            }
            _ => ArticlePath::new(written),
        }
    }
}

/// A directory of articles, and how its files become articles.
#[derive(Clone, PartialEq, Debug)]
pub struct Source {
    /// `name`. `None` for `[content]`.
    pub name: Option<Arc<str>>,
    /// `directory`.
    pub directory: PathBuf,
    /// `section`: the section of articles that state none. `None`: their folder's.
    pub section: Option<SectionPath>,
    /// `trust`: whether articles are published at once.
    pub trust: Trust,
    /// `deleted`: what a deleted file does to its article.
    pub deleted: Deleted,
    /// `settle`: how long a file must stay unchanged to count as complete, where no event reports the end of writing.
    pub settle: SignedDuration,
    /// `clock_tolerance`: a publication time at most this far in the future counts as the time of arrival. In `[content]`, only for
    /// agencies' stories: a date in front matter is a schedule.
    pub clock_tolerance: SignedDuration,
    /// How files are parsed: `format`, `provider`, `language`, `timezone`, `charset`.
    pub parsing: Arc<ParseOptions>,
    /// The place of `directory` in the configuration file.
    pub place: Place,
}

impl Source {
    /// The name for people. `[content]` is `content`, which no other source can be called.
    pub fn shown_name(&self) -> &str {
        self.name.as_deref().unwrap_or(CONTENT)
    }
}

/// `trust`: whether articles of a source are published at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Trust {
    /// At once.
    #[default]
    Publish,
    /// When an editor releases them.
    Hold,
}

/// `deleted`: what a deleted file does to its article.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Deleted {
    /// Nothing: what was published stays.
    Keep,
    /// The article is removed, with a notice to readers.
    Retract,
}

/// The name of `[content]` in messages.
const CONTENT: &str = "content";
/// How long a name can be (bytes). Names are part of URLs and paths.
const MAX_NAME_BYTES: usize = 64;
/// A server closes an interrupted upload like a complete one. Clients resume within seconds.
const DEFAULT_SETTLE: SignedDuration = SignedDuration::from_secs(10);
const DEFAULT_CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// `[content]` as a source.
pub(super) fn content(content: &Content, parsing: &Arc<ParseOptions>, place: Place) -> Source {
    Source {
        name: None,
        directory: content.directory.clone(),
        section: None,
        trust: Trust::Publish,
        deleted: Deleted::Retract,
        settle: content.settle,
        clock_tolerance: DEFAULT_CLOCK_TOLERANCE,
        parsing: Arc::clone(parsing),
        place,
    }
}

/// The directories of the other tables.
pub(super) struct Directories<'d> {
    /// The folder of the configuration file.
    pub(super) base: &'d Path,
    pub(super) output: &'d Path,
    pub(super) state: &'d Path,
}

/// Reads `[[source]]`.
pub(super) fn validate(
    tables: Vec<Table<'_>>,
    sink: &mut Sink<'_>,
    content: Source,
    sections: &[Section],
    directories: &Directories<'_>,
) -> Sources {
    let mut sources = Sources { content, named: Vec::new() };
    for mut table in tables {
        let source = source(&mut table, sink, &sources.content, sections, directories.base);
        table.finish(sink);
        let Some((source, name, directory)) = source else { continue };
        let is_unique =
            check_name(sink, &source, &name, &sources) & check_directory(sink, &source, &directory, &sources);
        let is_usable = check_use(sink, &directory, directories);
        if is_unique && is_usable {
            sources.named.push(source);
        }
    }
    sources
}

/// Reads a table. Returns the source with the spans of its name and its directory.
fn source(
    table: &mut Table<'_>,
    sink: &mut Sink<'_>,
    content: &Source,
    sections: &[Section],
    base: &Path,
) -> Option<(Source, Range<usize>, At<PathBuf>)> {
    let name = required_text(table, sink, "name", "name = \"wire\"");
    let name_span = table.known_span("name");
    let name = name.and_then(|name| source_name(sink, name.as_str(), &name_span));
    let directory = match table.has("directory") {
        true => Some(directory(table, sink, base, "")),
        false => {
            let help = "write `directory = \"../drop/wire\"`";
            sink.report(Code::ConfigMissing, &table.span.clone(), "a source needs a `directory`", help);
            None
        }
    };
    let directory = directory.filter(|directory| {
        let is_empty = directory.value.as_os_str().is_empty();
        if is_empty {
            let help = "write the directory into which the agency's files come";
            sink.report(Code::ConfigDirectory, &directory.span, "`directory` is empty", help);
        }
        !is_empty
    });
    let format = table.text(sink, "format");
    let format = format.and_then(|word| choice(sink, Code::ConfigChoice, &word, &SourceFormat::NAMES));
    let section = table.text(sink, "section").and_then(|section| known_section(sink, &section, sections));
    let provider = table.text(sink, "provider").map(|name| Text::line(&name.value)).filter(|name| !name.is_empty());
    let language = table.text(sink, "language").and_then(|language| language_tag(sink, &language));
    let timezone = table.text(sink, "timezone").map(|name| time_zone(sink, &name));
    let charset = table.text(sink, "charset").and_then(|label| charset(sink, &label));
    let trusts = [("publish", Trust::Publish), ("hold", Trust::Hold)];
    let trust = table.text(sink, "trust").and_then(|word| choice(sink, Code::ConfigChoice, &word, &trusts));
    let outcomes = [("keep", Deleted::Keep), ("retract", Deleted::Retract)];
    let deleted = table.text(sink, "deleted").and_then(|word| choice(sink, Code::ConfigChoice, &word, &outcomes));
    let settle = limited(table, sink, "settle", SignedDuration::from_mins(10));
    let clock_tolerance = limited(table, sink, "clock_tolerance", SignedDuration::from_hours(1));
    let (name, directory) = (name?, directory?);
    let parsing = ParseOptions {
        root: shown_directory(&directory.value),
        timezone: timezone.unwrap_or_else(|| content.parsing.timezone.clone()),
        charset: charset.or(content.parsing.charset),
        source: SourceDefaults { format: format.unwrap_or_default(), provider, language },
        ..(*content.parsing).clone()
    };
    let source = Source {
        name: Some(name),
        directory: directory.value.clone(),
        section,
        trust: trust.unwrap_or_default(),
        deleted: deleted.unwrap_or(Deleted::Keep),
        settle: settle.unwrap_or(DEFAULT_SETTLE),
        clock_tolerance: clock_tolerance.unwrap_or(DEFAULT_CLOCK_TOLERANCE),
        parsing: Arc::new(parsing),
        place: sink.place(&directory.span),
    };
    Some((source, name_span, directory))
}

/// Checks a name. It begins paths and is part of URLs.
fn source_name(sink: &mut Sink<'_>, written: &str, span: &Range<usize>) -> Option<Arc<str>> {
    let name = nfc(written);
    let is_allowed = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '.');
    let message = match name.chars().find(|letter| !is_allowed(*letter)) {
        Some(letter) => format!("the name of a source cannot contain `{}`", letter.escape_debug()),
        None if name.starts_with('.') => "the name of a source cannot start with a dot".to_owned(),
        None if name.len() > MAX_NAME_BYTES => format!("the name of a source has at most {MAX_NAME_BYTES} bytes"),
        None if folded(&name) == CONTENT => "`content` is the name of the source in `[content]`".to_owned(),
        None => return Some(name.as_ref().into()),
    };
    sink.report(Code::ConfigSourceName, span, message, "write letters, digits, `-`, `_` and `.`: `name = \"wire\"`");
    None
}

/// A section of the configuration.
fn known_section(sink: &mut Sink<'_>, written: &At<String>, sections: &[Section]) -> Option<SectionPath> {
    let help = "write the `path` of a section such as `world`";
    let path = sink.check(Code::ConfigSectionPath, &written.span, SectionPath::parse(&written.value), help)?;
    if path.is_root() || sections.iter().any(|section| section.path == path) {
        return Some(path);
    }
    let help = match nearest(path.as_str(), sections.iter().map(|section| section.path.as_str())) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => format!("add `[[section]] path = \"{path}\"`, or name another section"),
    };
    sink.report(Code::ConfigChoice, &written.span, format!("there is no section `{path}`"), help);
    None
}

/// A duration of at most `limit`.
fn limited(
    table: &mut Table<'_>,
    sink: &mut Sink<'_>,
    key: &'static str,
    limit: SignedDuration,
) -> Option<SignedDuration> {
    let value = duration(table, sink, key)?;
    if value > limit {
        let message = format!("`{key}` is longer than {limit:#}");
        sink.report(Code::ConfigDuration, &table.known_span(key), message, format!("write at most `{limit:#}`"));
    }
    Some(value)
}

/// Whether no earlier source has the name.
fn check_name(sink: &mut Sink<'_>, source: &Source, span: &Range<usize>, earlier: &Sources) -> bool {
    let name = folded(source.shown_name());
    let Some(other) = earlier.named.iter().find(|other| folded(other.shown_name()) == name) else { return true };
    let message = format!("there are two sources `{}`; the other is on line {}", source.shown_name(), other.place.line);
    sink.report(Code::ConfigDuplicate, span, message, "give one of them another name");
    false
}

/// Whether no earlier source has the directory. Warns if a directory contains another one's.
fn check_directory(sink: &mut Sink<'_>, source: &Source, directory: &At<PathBuf>, earlier: &Sources) -> bool {
    let own = &directory.value;
    if let Some(other) = earlier.iter().find(|other| other.directory == *own) {
        let message = format!("`{}` and `{}` have the same directory", other.shown_name(), source.shown_name());
        sink.report(Code::ConfigDuplicate, &directory.span, message, "give each source a directory of its own");
        return false;
    }
    for other in earlier.iter() {
        let (outer, inner) = match () {
            () if other.directory.starts_with(own) => (source, other),
            // Folders for uploads are often in the content directory.
            () if own.starts_with(&other.directory) && other.name.is_some() => (other, source),
            () => continue,
        };
        let message = format!(
            "the directory of `{}` contains that of `{}`, whose files belong to `{}` alone",
            outer.shown_name(),
            inner.shown_name(),
            inner.shown_name()
        );
        sink.report(Code::ConfigNested, &directory.span, message, "give each source a directory beside the other's");
    }
    true
}

/// Whether dateline doesn't write to the directory.
fn check_use(sink: &mut Sink<'_>, directory: &At<PathBuf>, directories: &Directories<'_>) -> bool {
    let own = &directory.value;
    let Directories { output, state, .. } = directories;
    let is_in = |other: &Path| !other.as_os_str().is_empty() && own.starts_with(other);
    let message = match () {
        () if is_in(output) || (!output.as_os_str().is_empty() && output.starts_with(own)) => {
            "the output directory and the directory of a source must not contain each other"
        }
        () if is_in(state) => "the directory of a source cannot be in the state directory",
        () => return true,
    };
    sink.report(Code::ConfigDirectory, &directory.span, message, "give the source a directory of its own");
    false
}
