//! Makes references absolute and drops those that feeds must not carry.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::article::article_links;
use crate::article::file_names::{in_tilde_folder, is_drafts_folder};
use crate::article::rendered::LinkBase;
use crate::encoding::percent_decoded;
use crate::types::{ArticlePath, WebUrl, folder, media_type};

/// The absolute form of a reference. `None` if feeds must not carry it.
pub(super) fn absolute(
    reference: &str,
    links: &LinkBase,
    local_media_files: &mut BTreeSet<ArticlePath>,
) -> Option<String> {
    // Tabs and line ends in a URL are ignored (WHATWG URL, section 4.4).
    let reference = reference.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect::<String>();
    let reference = reference.trim_matches(|c: char| c.is_whitespace() || c.is_control());
    if let Some((article, rest)) = article_links::target(reference, &links.folder) {
        let is_known_notation = reference.starts_with('@') || article_links::pelican_path(reference).is_some();
        match links.article(&article) {
            Some(url) => return WebUrl::parse(&format!("{url}{rest}")).ok().map(|url| url.as_str().to_owned()),
            // The article isn't public.
            None if is_known_notation => return None,
            None => {}
        }
    }
    let pelican = article_links::pelican_path(reference);
    let (reference, base_folder) = match pelican.map(|path| (path, path.strip_prefix('/'))) {
        Some((_, Some(path))) => (path, Cow::Owned(folder::top(folder::source(&links.folder)))),
        Some((path, None)) => (path, Cow::Borrowed(links.folder.as_str())),
        None => (reference, Cow::Borrowed(links.folder.as_str())),
    };
    match scheme(reference) {
        Some("http" | "https") => WebUrl::parse(reference).ok().map(|url| url.as_str().to_owned()),
        Some("other") => None,
        Some(_) => url::Url::parse(reference).ok().map(String::from),
        None if reference.starts_with("//") => {
            WebUrl::parse(&format!("https:{reference}")).ok().map(|url| url.as_str().to_owned())
        }
        None => match local_media(reference, &base_folder) {
            LocalMedia::None => {
                let base = if reference.starts_with(['/', '\\']) { &links.root } else { &links.page };
                base.join(reference).ok().map(|url| url.as_str().to_owned())
            }
            LocalMedia::Outside => None,
            LocalMedia::File { path, fragment } => {
                let url = format!("{}{}{fragment}", links.media, path.media_route());
                // The fragment wasn't encoded, so the whole URL is checked.
                let url = WebUrl::parse(&url).ok()?;
                local_media_files.insert(path);
                Some(url.as_str().to_owned())
            }
        },
    }
}

/// A relative reference as a file in the directory of the article's source.
enum LocalMedia<'a> {
    /// The reference is not to a media file.
    None,
    /// A media file outside that directory, a hidden one, or one in a folder for drafts.
    Outside,
    /// A media file in the directory of the article's source.
    File { path: ArticlePath, fragment: &'a str },
}

fn local_media<'a>(reference: &'a str, base: &str) -> LocalMedia<'a> {
    if reference.starts_with(['/', '\\', '?', '#']) {
        return LocalMedia::None;
    }
    let (before, fragment) = reference.find('#').map_or((reference, ""), |at| reference.split_at(at));
    let file = before.split_once('?').map_or(before, |(file, _)| file);
    // References to media files are relative to the article's file, others to its page.
    let has_media_extension = file.rsplit_once('.').is_some_and(|(_, extension)| media_type(extension).is_some());
    if !has_media_extension {
        return LocalMedia::None;
    }
    let names = folder::relative(base).split('/').filter(|segment| !segment.is_empty());
    let mut path = names.map(str::to_owned).collect::<Vec<_>>();
    for segment in file.split(['/', '\\']) {
        match percent_decoded(segment).as_deref() {
            Some("" | ".") => {}
            Some(name) if is_drafts_folder(name) => return LocalMedia::Outside,
            Some("..") => {
                if path.pop().is_none() {
                    return LocalMedia::Outside;
                }
            }
            Some(name) if !name.starts_with('.') && !name.contains(['/', '\\']) && !name.contains(char::is_control) => {
                path.push(name.to_owned());
            }
            _ => return LocalMedia::Outside,
        }
    }
    let path = ArticlePath::in_source(folder::source(base), &path.join("/"));
    if in_tilde_folder(&path) { LocalMedia::Outside } else { LocalMedia::File { path, fragment } }
}

/// Schemes of links besides `http` and `https`. They open a program of the reader's choice, and none executes the link. From the
/// HTML standard (section 8.7.1.3, schemes for which a page may register a handler), without `ssh`, whose addresses can contain
/// options, plus schemes of common programs.
pub(super) const SCHEMES: &[&str] = &[
    "bitcoin",
    "callto",
    "doi",
    "facetime",
    "ftp",
    "ftps",
    "gemini",
    "geo",
    "gopher",
    "im",
    "ipfs",
    "ipns",
    "irc",
    "ircs",
    "itms",
    "itpc",
    "magnet",
    "mailto",
    "matrix",
    "mms",
    "news",
    "nntp",
    "openpgp4fpr",
    "podcast",
    "rtsp",
    "sftp",
    "sip",
    "sips",
    "skype",
    "sms",
    "smsto",
    "spotify",
    "tel",
    "tg",
    "urn",
    "webcal",
    "webcals",
    "whatsapp",
    "wtai",
    "xmpp",
];

/// The scheme of an absolute reference (RFC 3986 section 3.1): `http`, `https`, one of [`SCHEMES`], or `other`.
fn scheme(reference: &str) -> Option<&'static str> {
    let (scheme, _) = reference.split_once(':')?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    let known = || ["http", "https"].iter().chain(SCHEMES).find(|known| known.eq_ignore_ascii_case(scheme));
    is_scheme.then(|| known().copied().unwrap_or("other"))
}
