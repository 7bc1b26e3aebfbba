//! Reads the configuration files of other tools, and reports what can't be used with its place.

use std::cell::RefCell;
use std::fs;
use std::io::{ErrorKind, Read};
use std::ops::Range;
use std::path::Path;

use jiff::tz::TimeZone;

use super::literals::{self, Assignment, Language as Program};
use crate::article::data::{Data, DataError, DataFormat, DataValue};
use crate::article::{UrlTemplate, permalinks};
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::types::{Language, Text, WebUrl};

/// No configuration is larger.
const MAX_BYTES: u64 = 1 << 20;

/// The configuration files of a site.
#[derive(Debug)]
pub(super) struct Settings<'d> {
    directory: &'d Path,
    files: Vec<File>,
    diagnostics: RefCell<Vec<Diagnostic>>,
}

#[derive(Debug)]
struct File {
    name: String,
    text: String,
    data: Data,
    /// Names whose values aren't literals, with their places.
    computed: Vec<(String, Range<usize>)>,
}

/// A value with its file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'s> {
    file: &'s File,
    pub(super) data: &'s Data,
}

impl<'s> Setting<'s> {
    /// The value below a key.
    pub(super) fn at(self, key: &str) -> Option<Setting<'s>> {
        Some(Setting { data: self.data.at(&[key])?, ..self })
    }

    pub(super) fn items(self) -> impl Iterator<Item = Setting<'s>> {
        self.data.items().iter().map(move |data| Setting { data, ..self })
    }

    pub(super) fn entries(self) -> impl Iterator<Item = (&'s str, Setting<'s>)> {
        self.data.entries().iter().map(move |(name, data)| (name.as_str(), Setting { data, ..self }))
    }

    pub(super) fn text(self) -> Option<&'s str> {
        self.data.text()
    }
}

impl<'d> Settings<'d> {
    pub(super) fn new(directory: &'d Path) -> Settings<'d> {
        Settings { directory, files: Vec::new(), diagnostics: RefCell::default() }
    }

    pub(super) fn directory(&self) -> &'d Path {
        self.directory
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics.into_inner()
    }

    /// Loads a data file, if it exists. Its values win over those of earlier files. `below`: the table that the file's keys belong to.
    pub(super) fn load(&mut self, name: &str, below: Option<&str>) -> bool {
        let Some(text) = self.read(name) else { return false };
        let format = if name.ends_with(".toml") { DataFormat::Toml } else { DataFormat::Yaml };
        let is_blank =
            text.lines().all(|line| matches!(line.trim(), "" | "---" | "...") || line.trim().starts_with('#'));
        let parsed = match is_blank {
            true => Ok(Data { value: DataValue::Map(Vec::new()), span: 0..text.len() }),
            false => Data::parse(&text, format),
        };
        match parsed {
            Ok(data) => {
                let span = data.span.clone();
                let data = match below {
                    Some(table) => Data { value: DataValue::Map(vec![(table.to_owned(), data)]), span },
                    None => data,
                };
                self.files.push(File { name: self.shown(name), text, data, computed: Vec::new() });
            }
            Err(DataError { message, span }) => {
                let place = Place::in_text(&self.shown(name), &text, span);
                let help = "correct the file; its tool may accept what dateline doesn't, such as anchors in YAML";
                self.diagnostics.get_mut().push(Diagnostic::new(Code::ConfigSyntax, message).at(place).help(help));
            }
        }
        true
    }

    /// Loads the literals of a program, if it exists, without running it. `below`: the table that its values belong to.
    pub(super) fn load_program(&mut self, name: &str, language: Program, below: Option<&str>) -> bool {
        let Some(text) = self.read(name) else { return false };
        let mut entries = Vec::new();
        let mut computed: Vec<(String, Range<usize>)> = Vec::new();
        for Assignment { name, value, span } in literals::assignments(&text, language) {
            match value {
                Some(value) => {
                    computed.retain(|(known, _)| *known != name || language == Program::JavaScript);
                    entries.push((name, value));
                }
                None => {
                    // A later value that isn't a literal replaces the literal.
                    if language == Program::Python {
                        entries.retain(|(known, _)| *known != name);
                    }
                    computed.push((name, span));
                }
            }
        }
        let data = Data { value: DataValue::Map(entries), span: 0..text.len() };
        let span = data.span.clone();
        let data = match below {
            Some(table) => Data { value: DataValue::Map(vec![(table.to_owned(), data)]), span },
            None => data,
        };
        self.files.push(File { name: self.shown(name), text, data, computed });
        true
    }

    /// The text of a file. `None` if it doesn't exist or can't be used, which is reported.
    fn read(&mut self, name: &str) -> Option<String> {
        let path = self.directory.join(name);
        let refuse = |message: String, help: &str| {
            let place = Place::file(&self.shown(name));
            let diagnostic = Diagnostic::new(Code::ConfigUnreadable, message).at(place).help(help);
            self.diagnostics.borrow_mut().push(diagnostic);
            None
        };
        match fs::metadata(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return None,
            Err(error) => return refuse(format!("cannot read the file: {error}"), "check its permissions"),
            Ok(metadata) if metadata.is_dir() => return None,
            // A pipe would block.
            Ok(metadata) if !metadata.is_file() => {
                return refuse("this is not a regular file".into(), "put the configuration here");
            }
            Ok(_) => {}
        }
        let mut bytes = Vec::new();
        let read = fs::File::open(&path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes));
        if let Err(error) = read {
            return refuse(format!("cannot read the file: {error}"), "check its permissions");
        }
        if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_BYTES) {
            return refuse("the file is larger than 1 MiB".into(), "leave only the settings of the site in it");
        }
        match String::from_utf8(bytes) {
            Ok(text) => Some(text.trim_start_matches('\u{FEFF}').to_owned()),
            Err(_) => refuse("the file is not UTF-8".into(), "save the file as UTF-8"),
        }
    }

    fn shown(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }

    /// A value, from the last file that has it. Reports a value that isn't a literal.
    pub(super) fn find(&self, keys: &[&str]) -> Option<Setting<'_>> {
        for file in self.files.iter().rev() {
            if let Some(data) = file.data.at(keys) {
                return Some(Setting { file, data });
            }
            let computed = file.computed.iter().rev().find(|(name, _)| keys == [name.as_str()]);
            if let Some((name, span)) = computed {
                let message =
                    format!("`{}` isn't a plain value, and dateline doesn't run programs", name.escape_debug());
                self.report_at(file, span.clone(), message, "write the value into dateline.toml");
                return None;
            }
        }
        None
    }

    /// The first of several settings that is there.
    pub(super) fn find_any(&self, alternatives: &[&[&str]]) -> Option<Setting<'_>> {
        alternatives.iter().find_map(|keys| self.find(keys).filter(|found| found.data.value != DataValue::Null))
    }

    fn report_at(&self, file: &File, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        let place = Place::in_text(&file.name, &file.text, span);
        let diagnostic = Diagnostic::new(Code::InitSetting, message).at(place).help(help);
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    /// Reports a setting that dateline can't take over.
    pub(super) fn report(&self, setting: Setting<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.report_at(setting.file, setting.data.span.clone(), message, help);
    }

    pub(super) fn line(&self, alternatives: &[&[&str]]) -> Option<Text> {
        let text = self.find_any(alternatives)?.text()?;
        Some(Text::line(text)).filter(|text| !text.is_empty())
    }

    pub(super) fn flag(&self, keys: &[&str]) -> Option<bool> {
        match self.find(keys)?.text()?.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }

    pub(super) fn number(&self, keys: &[&str]) -> Option<i64> {
        self.find(keys)?.text()?.parse().ok()
    }

    /// An absolute address, with a slash at its end.
    pub(super) fn website(&self, setting: Option<Setting<'_>>) -> Option<WebUrl> {
        let setting = setting?;
        let text = setting.text()?;
        self.website_of(setting, text)
    }

    /// The same for the text that was made of a setting.
    pub(super) fn website_of(&self, setting: Setting<'_>, text: &str) -> Option<WebUrl> {
        let slash = if text.ends_with('/') { "" } else { "/" };
        let scheme = if text.starts_with("//") { "https:" } else { "" };
        match WebUrl::parse(&format!("{scheme}{text}{slash}")) {
            Ok(url) => Some(url),
            // Hugo and Pelican need no address while the site is tried.
            Err(_) if text == "/" => None,
            Err(reason) => {
                let message = format!("`{}` is not the address of a website: {reason}", text.escape_debug());
                self.report(setting, message, "write the address into `site.home` of dateline.toml");
                None
            }
        }
    }

    pub(super) fn language(&self, alternatives: &[&[&str]]) -> Option<Language> {
        let setting = self.find_any(alternatives)?;
        let text = setting.text()?;
        let parsed = Language::parse(&text.replace('_', "-"));
        if let Err(reason) = &parsed {
            self.report(setting, reason, "write the language into `site.language` of dateline.toml");
        }
        parsed.ok()
    }

    pub(super) fn timezone(&self, alternatives: &[&[&str]]) -> Option<String> {
        let setting = self.find_any(alternatives)?;
        let name = setting.text()?;
        match TimeZone::get(name) {
            Ok(_) => Some(name.to_owned()),
            Err(_) => {
                let message = format!("`{}` is not a time zone of IANA", name.escape_debug());
                self.report(
                    setting,
                    message,
                    "write one such as `Europe/Berlin` into `site.timezone` of dateline.toml",
                );
                None
            }
        }
    }

    /// The path of articles' addresses, with dateline's placeholders.
    pub(super) fn permalink(&self, setting: Setting<'_>, pattern: &str) -> Option<String> {
        let unknown = |placeholder: &str| format!("`{}` has no counterpart in dateline", placeholder.escape_debug());
        let translated = permalinks::translate(pattern).map_err(|placeholder| unknown(&placeholder)).and_then(|path| {
            let template = UrlTemplate::parse(&path).map_err(|error| error.message)?;
            match template.names_article() {
                true => Ok(path),
                false => Err("all articles would have the same address".to_owned()),
            }
        });
        translated
            .map_err(|message| self.report(setting, message, "write `content.article_url` of dateline.toml yourself"))
            .ok()
    }
}
