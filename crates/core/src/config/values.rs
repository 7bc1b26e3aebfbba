//! Checks kinds of values that several tables have: texts, URLs, languages, time zones, paths and durations.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

use super::raw::{At, Sink, Table};
use crate::diagnostics::{Code, nearest};
use crate::types::{Language, Text, WebUrl};

/// A mandatory text that isn't empty.
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

/// Reads one of several fixed words.
pub(super) fn choice<T: Copy>(
    sink: &mut Sink<'_>,
    code: Code,
    written: &At<String>,
    choices: &[(&'static str, T)],
) -> Option<T> {
    let found = choices.iter().find(|(name, _)| *name == written.value).map(|(_, value)| *value);
    if found.is_none() {
        let help = match nearest(&written.value, choices.iter().map(|(name, _)| *name)) {
            Some(suggestion) => format!("did you mean `{suggestion}`?"),
            None => format!("write one of: {}", choices.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")),
        };
        sink.report(code, &written.span, format!("`{}` is not a known value", written.value.escape_debug()), help);
    }
    found
}

/// A duration such as `24h`, `7 days` or `90 minutes`.
pub(super) fn duration(table: &mut Table<'_>, sink: &mut Sink<'_>, key: &'static str) -> Option<SignedDuration> {
    let written = table.text(sink, key)?;
    let span = written.value.parse::<Span>().ok();
    let span = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    let duration = span.filter(|span| !span.is_negative() && span.as_hours() <= 24 * 366 * 100);
    if duration.is_none() {
        let message = format!("`{}` is not a length of time", written.value.escape_debug());
        sink.report(Code::ConfigDuration, &written.span, message, "write one such as `24h`, `7 days` or `90 minutes`");
    }
    duration
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

pub(super) fn base_url(sink: &mut Sink<'_>, url: &At<String>) -> Option<WebUrl> {
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
    let with_slash = if parsed.as_str().ends_with('/') { parsed.as_str().to_owned() } else { format!("{parsed}/") };
    WebUrl::parse(&with_slash).ok()
}

pub(super) fn language_tag(sink: &mut Sink<'_>, language: &At<String>) -> Option<Language> {
    sink.check(
        Code::ConfigLanguage,
        &language.span,
        Language::parse(&language.value),
        "write one such as `en`, `zh-Hans` or `pt-BR`",
    )
}

/// A charset by its WHATWG label.
pub(super) fn charset(sink: &mut Sink<'_>, label: &At<String>) -> Option<&'static encoding_rs::Encoding> {
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
}

pub(super) fn time_zone(sink: &mut Sink<'_>, name: &At<String>) -> TimeZone {
    TimeZone::get(&name.value).unwrap_or_else(|_| {
        let names: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
        let help = match nearest(&name.value, names.iter().map(String::as_str)) {
            Some(suggestion) => format!("did you mean `{suggestion}`?"),
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

/// A tagging authority (RFC 4151, section 2.1): a host name or email address, a comma, and a date whose month and day are optional.
pub(super) fn tag_authority(sink: &mut Sink<'_>, authority: &At<String>) -> Option<Text> {
    let is_digits = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = |date: &str| {
        let mut parts = date.split('-');
        let has_year = parts.next().is_some_and(|year| is_digits(year, 4));
        let rest: Vec<&str> = parts.collect();
        has_year
            && rest.len() <= 2
            && rest.iter().all(|part| is_digits(part, 2) && (1..=31).contains(&part.parse::<u32>().unwrap_or(0)))
    };
    let is_name = |name: &str| {
        let host = name.rsplit_once('@').map_or(name, |(_, host)| host);
        let is_label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        host.split('.').all(is_label) && name.matches('@').count() <= 1 && !name.starts_with('@')
    };
    let is_valid = authority.value.split_once(',').is_some_and(|(name, date)| is_name(name) && is_date(date));
    if !is_valid {
        sink.report(
            Code::ConfigTagAuthority,
            &authority.span,
            format!("`{}` is not a host and a date", authority.value.escape_debug()),
            "write a host that you own and a year in which you owned it: `courier.example,2026`",
        );
    }
    is_valid.then(|| Text::new(&authority.value))
}

/// The instant at which the date of a tagging authority begins, in UTC. Month and day default to 1 (RFC 4151, section 2.1).
pub(super) fn authority_date(authority: &Text) -> Timestamp {
    let date = authority.as_str().rsplit(',').next().unwrap_or_default();
    let mut parts = date.split('-').map(str::parse::<i16>).map(Result::unwrap_or_default);
    let year = parts.next().unwrap_or_default();
    let mut part = || parts.next().and_then(|part| i8::try_from(part).ok()).unwrap_or(1);
    let (month, day) = (part(), part());
    let date = Date::new(year, month, day).or_else(|_| Date::new(year, 1, 1));
    let instant = date.ok().and_then(|date| Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok());
    instant.unwrap_or(Timestamp::UNIX_EPOCH)
}

/// A colour as six hexadecimal digits, with or without `#`.
pub(super) fn accent_color(sink: &mut Sink<'_>, color: &At<String>) -> Option<Text> {
    let digits = color.value.trim().trim_start_matches('#').to_ascii_uppercase();
    let is_color = digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if !is_color {
        let message = format!("`{}` is not a colour", color.value.escape_debug());
        sink.report(Code::ConfigChoice, &color.span, message, "write six hexadecimal digits such as `#00AA5B`");
    }
    is_color.then(|| Text::new(&digits))
}

pub(super) fn directory(table: &mut Table<'_>, sink: &mut Sink<'_>, folder: &Path, default: &str) -> At<PathBuf> {
    let written =
        table.text(sink, "directory").unwrap_or_else(|| At { value: default.to_owned(), span: table.span.clone() });
    if written.value.is_empty() {
        return At { value: PathBuf::new(), span: written.span };
    }
    if written.value.contains('\0') {
        sink.report(Code::ConfigDirectory, &written.span, "a path cannot contain NUL", "write the path of a directory");
    }
    At { value: resolve_path(folder, &written.value), span: written.span }
}

/// A directory as diagnostics spell it: without a trailing slash.
pub(super) fn shown_directory(directory: &Path) -> Arc<str> {
    directory.display().to_string().trim_end_matches('/').into()
}

/// Resolves a path against the folder of the configuration, without `.` and redundant `..`.
pub(super) fn resolve_path(folder: &Path, written: &str) -> PathBuf {
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
