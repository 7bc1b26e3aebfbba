//! Links to other articles by their files: `@/post/x.md` (Zola), `{filename}x.md` (Pelican), `../x.md` and `x.md`.

use super::model::Body;
use crate::encoding::percent_decoded;
use crate::types::{ArticlePath, folder};

/// Extensions of files that a link can name.
const EXTENSIONS: &[&str] = &["md", "markdown", "mdx", "mdown", "mkd"];
/// Pelican's prefixes of paths to files, also in Markdown's escaped form.
const PREFIXES: &[&str] = &["filename", "static", "attach"];
/// The length of the longest reference.
const MAX_REFERENCE_BYTES: usize = 500;
/// How many links of an article are resolved.
const MAX_LINKS: usize = 200;

/// The article's file that a reference means, and the rest of the reference: a query and a fragment. `folder` is that of the article with
/// the reference. `None` if the reference means something else.
pub(super) fn target<'r>(reference: &'r str, folder: &str) -> Option<(ArticlePath, &'r str)> {
    let (path, is_from_root) = match (reference.strip_prefix("@/"), pelican_path(reference)) {
        (Some(path), _) => (path, true),
        (None, Some(path)) => (path.trim_start_matches('/'), path.starts_with('/')),
        (None, None) => (reference.trim_start_matches('/'), reference.starts_with('/')),
    };
    let end = path.find(['#', '?']).unwrap_or(path.len());
    let (path, rest) = path.split_at_checked(end)?;
    let (_, extension) = path.rsplit_once('.')?;
    let is_known = EXTENSIONS.iter().any(|known| extension.eq_ignore_ascii_case(known));
    let is_stated = is_known || (reference.starts_with('@') && matches!(extension, "html" | "htm"));
    // `mailto:a@b.md` and `https://x.example/y.md` aren't paths, and neither is `//x.example/y.md`.
    if !is_stated || path.contains(':') || reference.starts_with("//") || reference.len() > MAX_REFERENCE_BYTES {
        return None;
    }
    let mut segments: Vec<String> = match is_from_root {
        true => Vec::new(),
        false => folder::relative(folder).split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
    };
    for segment in path.split('/') {
        match percent_decoded(segment)?.as_str() {
            "" | "." => {}
            ".." => drop(segments.pop()?),
            name => segments.push(name.to_owned()),
        }
    }
    Some((ArticlePath::in_source(folder::source(folder), &segments.join("/")), rest))
}

/// The path in a reference of Pelican's: `{filename}/posts/x.md`, `|static|x.png`.
pub(super) fn pelican_path(reference: &str) -> Option<&str> {
    let braces = [("{", "}"), ("%7B", "%7D"), ("%7b", "%7d"), ("|", "|"), ("%7C", "%7C")];
    braces.iter().find_map(|(open, close)| {
        let (word, path) = reference.strip_prefix(open)?.split_once(close)?;
        PREFIXES.contains(&word).then_some(path)
    })
}

/// The paths that may have the article of a link: other extensions, and the page of a folder.
pub fn candidates(path: &ArticlePath) -> impl Iterator<Item = ArticlePath> {
    let (name, extension) = path.as_str().rsplit_once('.').unwrap_or((path.as_str(), ""));
    let others =
        EXTENSIONS.iter().filter(move |other| **other != extension).map(move |other| format!("{name}.{other}"));
    let page = EXTENSIONS.iter().take(2).map(move |other| format!("{name}/index.{other}"));
    let all: Vec<String> = std::iter::once(path.as_str().to_owned()).chain(others).chain(page).collect();
    all.into_iter().map(|path| ArticlePath::new(&path))
}

/// The files of articles that a body may link to.
pub(super) fn in_body(body: &Body, folder: &str) -> Vec<ArticlePath> {
    let text = match body {
        Body::Markdown(text) | Body::Html(text) => text,
        Body::Paragraphs(_) => return Vec::new(),
        Body::Paid { whole, .. } => return in_body(whole, folder),
    };
    let mut links: Vec<ArticlePath> = Vec::new();
    let is_end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | '[' | ']');
    let mut from = 0;
    let names = || text.match_indices('.').filter(|(at, _)| names_article(text.get(at + 1..).unwrap_or_default()));
    let roots = text.match_indices("@/");
    let mut places: Vec<usize> = names().map(|(at, _)| at).chain(roots.map(|(at, _)| at)).collect();
    places.sort_unstable();
    for at in places {
        if at < from {
            continue;
        }
        let before = text.get(from.max(text.floor_char_boundary(at.saturating_sub(MAX_REFERENCE_BYTES)))..at);
        let length = before.and_then(|before| {
            before.chars().rev().take_while(|c| !is_end(*c)).map(char::len_utf8).reduce(|a, b| a + b)
        });
        let start = at - length.unwrap_or(0);
        let rest = text.get(at..).unwrap_or_default();
        let end = at + rest.find(is_end).unwrap_or(rest.len());
        from = end;
        let found = text.get(start..end).and_then(|reference| target(reference, folder));
        if let Some((path, _)) = found.filter(|(path, _)| !links.contains(path)) {
            links.push(path);
            if links.len() == MAX_LINKS {
                break;
            }
        }
    }
    links.sort_unstable();
    links
}

/// Whether a text begins with the extension of an article's file.
fn names_article(text: &str) -> bool {
    EXTENSIONS.iter().any(|extension| {
        let after = text.get(..extension.len()).filter(|start| start.eq_ignore_ascii_case(extension));
        after.is_some() && !text.get(extension.len()..).is_some_and(|rest| rest.starts_with(char::is_alphanumeric))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_name_files_of_articles() {
        for (reference, expected) in [
            ("@/post/x.md", "post/x.md"),
            ("@/post/x.md#a", "post/x.md #a"),
            ("@/_posts/x.html", "_posts/x.html"),
            ("x.md", "news/2026/x.md"),
            ("../x.markdown?a#b", "news/x.markdown ?a#b"),
            ("/docs/x.mdx", "docs/x.mdx"),
            ("{filename}x.md", "news/2026/x.md"),
            ("{filename}/x.md", "x.md"),
            ("%7Bfilename%7D../x.md", "news/x.md"),
            ("|filename|x.md", "news/2026/x.md"),
            ("a%20b.md", "news/2026/a b.md"),
            ("../../../x.md", ""),
            ("https://x.example/y.md", ""),
            ("//x.example/y.md", ""),
            ("mailto:a@b.md", ""),
            ("x.html", ""),
            ("#x.md", ""),
        ] {
            let found = target(reference, "news/2026").map(|(path, rest)| format!("{path} {rest}"));
            assert_eq!(found.as_deref().unwrap_or_default().trim_end(), expected, "{reference}");
        }
    }

    #[test]
    fn links_are_found_in_bodies() {
        let text = "[a](@/b/x.md#y), [c](<d.md>)\n[e]: ../f.md \"T\"\n\n<a href='{filename}g.md'>x</a> README.md. index.mdown.x";
        let links: Vec<String> = in_body(&Body::Markdown(text.into()), "n/m").iter().map(ToString::to_string).collect();
        assert_eq!(links, ["b/x.md", "n/f.md", "n/m/d.md", "n/m/g.md"]);
    }
}
