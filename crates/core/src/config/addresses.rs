//! `[[moved]]` and `[[gone]]`: retired addresses and renamed sections.

use super::raw::{At, Sink, Table};
use super::values::web_url;
use crate::diagnostics::Code;
use crate::encoding::encode_segment;
use crate::types::{SectionPath, Text, WebUrl};

/// A retired address. Applies only while nothing is published there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address {
    /// A canonical request path below the prefix of `site.url`. With a final slash, also everything below it.
    pub path: String,
    /// Whether the content moved or is gone.
    pub retirement: Retirement,
}

/// The reason why an address was retired: its content moved or is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Retirement {
    /// Moved to this URL. Ends in a slash if the address does.
    Moved(WebUrl),
    /// Gone, with an optional reason.
    Gone(Option<Text>),
}

impl Address {
    /// The part of a canonical request path below this address. `None` if the path is neither the address nor below it.
    pub fn rest<'p>(&self, path: &'p str) -> Option<&'p str> {
        match self.path.strip_suffix('/') {
            None => (path == self.path).then_some(""),
            Some(folder) if path == folder => Some(""),
            Some(_) => path.strip_prefix(&self.path),
        }
    }
}

/// A section that `[[moved]]` renamed. Articles that still use the old path belong to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RenamedSection {
    /// The old path.
    pub from: SectionPath,
    /// The new path.
    pub to: SectionPath,
}

impl RenamedSection {
    /// `None` unless a folder moved within this site.
    fn new(from: &str, to: &str, base: Option<&WebUrl>) -> Option<RenamedSection> {
        let to = base.and_then(|base| to.strip_prefix(base.as_str())).or_else(|| to.strip_prefix('/'))?;
        let is_folder = from.ends_with('/') && (to.is_empty() || to.ends_with('/'));
        let [from, to] = [from, to].map(|path| SectionPath::parse(path).ok().filter(|_| is_folder));
        Some(RenamedSection { from: from?, to: to? })
    }

    /// The new path of a section at or below the old path.
    pub fn apply(&self, section: &SectionPath) -> Option<SectionPath> {
        let rest = section.as_str().strip_prefix(self.from.as_str())?;
        let is_below = rest.is_empty() || rest.starts_with('/');
        SectionPath::parse(&format!("{}{rest}", self.to)).ok().filter(|_| is_below)
    }
}

/// Reads all retired addresses and renamed sections, each sorted with the most specific first.
pub(super) fn validate(
    root: &mut Table<'_>,
    sink: &mut Sink<'_>,
    base: Option<&WebUrl>,
) -> (Vec<Address>, Vec<RenamedSection>) {
    let mut addresses: Vec<Address> = Vec::new();
    let mut renamed: Vec<RenamedSection> = Vec::new();
    let mut targets: Vec<(String, std::ops::Range<usize>)> = Vec::new();
    let mut add = |sink: &mut Sink<'_>, span, address: Address| {
        if addresses.iter().any(|other| other.path == address.path) {
            let message = format!("`{}` has two entries", address.path);
            sink.report(Code::ConfigDuplicate, &span, message, "remove one of them");
        } else {
            addresses.push(address);
        }
    };
    for mut table in root.tables(sink, "moved") {
        let from = required_path(&mut table, sink, "from");
        let to = required(&mut table, sink, "to");
        table.finish(sink);
        let Some(to) = to else { continue };
        let is_local = to.value.starts_with('/');
        let target = if is_local { self::path(sink, &to) } else { web_url(sink, &to).map(|url| url.to_string()) };
        let (Some((path, from)), Some(target)) = (from, target) else { continue };
        if path.ends_with('/') != target.ends_with('/') {
            let help = "end both in a slash to move all that is below `from`, or neither to move one document";
            sink.report(Code::ConfigUrl, &to.span, "only one of `from` and `to` ends in a slash", help);
            continue;
        }
        let url = match base {
            Some(base) if is_local => WebUrl::parse(&format!("{base}{}", target.trim_start_matches('/'))).ok(),
            _ => WebUrl::parse(&target).ok(),
        };
        renamed.extend(RenamedSection::new(&from.value, &to.value, base));
        if is_local {
            targets.push((target, to.span));
        }
        if let Some(url) = url {
            add(sink, from.span, Address { path, retirement: Retirement::Moved(url) });
        }
    }
    for mut table in root.tables(sink, "gone") {
        let path = required_path(&mut table, sink, "path");
        let reason = table.text(sink, "reason").map(|reason| Text::line(&reason.value));
        table.finish(sink);
        if let Some((path, written)) = path {
            add(
                sink,
                written.span,
                Address { path, retirement: Retirement::Gone(reason.filter(|reason| !reason.is_empty())) },
            );
        }
    }
    // A chain of redirects costs readers requests and might loop.
    for (target, span) in targets {
        if let Some(next) = addresses.iter().find(|address| address.rest(&target).is_some()) {
            let message = format!("`to` leads to `{}`, which is not published any more either", next.path);
            sink.report(Code::ConfigUrl, &span, message, "write the address at which it is now");
        }
    }
    addresses.sort_by_key(|address| (std::cmp::Reverse(address.path.len()), address.path.clone()));
    renamed.sort_by_key(|renamed| std::cmp::Reverse(renamed.from.as_str().len()));
    (addresses, renamed)
}

fn required(table: &mut Table<'_>, sink: &mut Sink<'_>, key: &'static str) -> Option<At<String>> {
    let text = table.text(sink, key);
    if text.is_none() && !table.has(key) {
        let help = format!("write `{key} = \"/technology/\"`");
        sink.report(Code::ConfigMissing, &table.span.clone(), format!("`{key}` is missing"), help);
    }
    text
}

fn required_path(table: &mut Table<'_>, sink: &mut Sink<'_>, key: &'static str) -> Option<(String, At<String>)> {
    let written = required(table, sink, key)?;
    let path = path(sink, &written)?;
    if path == "/" {
        let message = "the root feed always exists";
        sink.report(Code::ConfigUrl, &written.span, message, "name a path below it, such as `/technology/`");
        return None;
    }
    Some((path, written))
}

/// Turns a path as people write it into a canonical request path.
fn path(sink: &mut Sink<'_>, written: &At<String>) -> Option<String> {
    let segments = written.value.strip_prefix('/').map(|path| path.strip_suffix('/').unwrap_or(path));
    let is_invalid = |segment: &str| {
        segment.is_empty()
            || matches!(segment, "." | "..")
            || segment.contains(|c: char| matches!(c, '%' | '?' | '#' | '\\') || c.is_control())
    };
    let segments = segments.filter(|path| path.is_empty() || !path.split('/').any(is_invalid));
    let Some(segments) = segments else {
        sink.report(
            Code::ConfigUrl,
            &written.span,
            format!("`{}` is not a path", written.value.escape_debug()),
            "write it from the slash after `site.url` on, as text and without `%`, `?` or `#`: `/technology/chips/`",
        );
        return None;
    };
    let encoded: Vec<String> = segments.split('/').map(encode_segment).collect();
    let slash = if written.value.ends_with('/') && !segments.is_empty() { "/" } else { "" };
    Some(format!("/{}{slash}", encoded.join("/")))
}
