//! The shortcodes that dateline renders itself.

use super::arguments::Arguments;
use crate::encoding::{escape_attribute, escape_text};

/// The replacement of a shortcode.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Replacement {
    /// A part of a line.
    Inline(String),
    /// HTML that may have its own lines.
    Block(String),
}

/// Renders a shortcode without a body. `None` if it isn't known, or lacks an argument.
pub(super) fn render(name: &str, arguments: &Arguments<'_>) -> Option<Replacement> {
    Some(match name {
        "figure" => Replacement::Block(figure(arguments)?),
        "youtube" => {
            let id = video_id(arguments.named_or_first(&["id", "video_id", "v", "url"])?)?;
            Replacement::Block(frame(&format!("https://www.youtube.com/embed/{id}"), arguments))
        }
        "vimeo" => {
            let id = video_id(arguments.named_or_first(&["id", "video_id", "url"])?)?;
            Replacement::Block(frame(&format!("https://player.vimeo.com/video/{id}"), arguments))
        }
        "gist" => Replacement::Inline(gist(arguments)?),
        "ref" | "relref" => Replacement::Inline(article(arguments.named_or_first(&["path"])?)),
        "link" => Replacement::Inline(file(arguments.positional(0)?)),
        "posturl" => Replacement::Inline(post(arguments.positional(0)?)),
        _ => return None,
    })
}

/// Renders code with its language. Everything but letters, digits and blanks becomes a character reference, so that neither Markdown nor
/// HTML reads the code, whatever surrounds it.
pub(super) fn code(source: &str, language: Option<&str>) -> String {
    let source = source.strip_prefix("\r\n").or_else(|| source.strip_prefix('\n')).unwrap_or(source);
    let mut html = String::from("<pre><code");
    let is_plain = |language: &&str| {
        !language.is_empty()
            && language.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '#' | '.'))
    };
    if let Some(language) = language.filter(is_plain) {
        html.push_str(" class=\"language-");
        html.push_str(language);
        html.push('"');
    }
    html.push('>');
    verbatim(source.trim_end(), &mut html);
    html.push_str("</code></pre>");
    html
}

/// Appends text that neither Markdown nor HTML interprets.
pub(super) fn verbatim(text: &str, html: &mut String) {
    for character in text.chars() {
        match character {
            '\r' => {}
            ' ' => html.push(' '),
            _ if character.is_ascii() && !character.is_ascii_alphanumeric() => {
                html.push_str(&format!("&#{};", u32::from(character)));
            }
            _ => html.push(character),
        }
    }
}

/// Appends text of several lines that neither Markdown nor HTML interprets. Blank lines still separate paragraphs.
pub(super) fn verbatim_lines(text: &str, html: &mut String) {
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            html.push('\n');
        }
        verbatim(line, html);
    }
}

fn figure(arguments: &Arguments<'_>) -> Option<String> {
    let source = arguments.named_or_first(&["src", "link-src", "image"])?;
    let mut image = String::from("<img");
    let mut attribute = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            image.push_str(&format!(" {name}=\""));
            escape_attribute(value, &mut image);
            image.push('"');
        }
    };
    attribute("src", Some(source));
    attribute("alt", Some(arguments.named("alt").or_else(|| arguments.named("caption")).unwrap_or_default()));
    attribute("width", arguments.named("width"));
    attribute("height", arguments.named("height"));
    image.push('>');
    let linked = |html: String, address: Option<&str>| match address {
        Some(address) => {
            let mut link = String::from("<a href=\"");
            escape_attribute(address, &mut link);
            format!("{link}\">{html}</a>")
        }
        None => html,
    };
    let text = |text: &str| {
        let mut html = String::new();
        escape_text(text, &mut html);
        html
    };
    let attribution = arguments.named("attr").map(|name| linked(text(name), arguments.named("attrlink")));
    let caption = [arguments.named("title").map(text), arguments.named("caption").map(text), attribution];
    let caption = caption.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let caption = if caption.is_empty() { caption } else { format!("<figcaption>{caption}</figcaption>") };
    Some(format!("<figure>{}{caption}</figure>", linked(image, arguments.named("link"))))
}

/// A frame, which the sanitiser replaces by a link.
fn frame(address: &str, arguments: &Arguments<'_>) -> String {
    let mut html = format!("<div><iframe src=\"{address}\"");
    if let Some(title) = arguments.named("title") {
        html.push_str(" title=\"");
        escape_attribute(title, &mut html);
        html.push('"');
    }
    html.push_str("></iframe></div>");
    html
}

/// The id of a video, from an id or an address.
fn video_id(text: &str) -> Option<&str> {
    let text = ["v=", "youtu.be/", "embed/", "vimeo.com/", "video/"]
        .iter()
        .filter_map(|before| text.rsplit_once(before))
        .map(|(_, id)| id)
        .min_by_key(|id| id.len())
        .unwrap_or(text);
    let id = text.split(['?', '&', '#']).next().unwrap_or_default();
    let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (!id.is_empty() && id.chars().all(is_id)).then_some(id)
}

fn gist(arguments: &Arguments<'_>) -> Option<String> {
    let first = arguments.named_or_first(&["url", "id"])?;
    let path = match arguments.positional(1) {
        Some(id) if !first.contains('/') && arguments.named("id").is_none() => format!("{first}/{id}"),
        _ => first.trim_start_matches("https://gist.github.com/").to_owned(),
    };
    let is_path = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '/');
    path.chars().all(is_path).then(|| format!("<a href=\"https://gist.github.com/{path}\">gist.github.com/{path}</a>"))
}

/// The address of an article by its path below the content directory, or beside the article.
fn article(path: &str) -> String {
    let (path, fragment) = path.split_once('#').map_or((path, ""), |(path, fragment)| (path, fragment));
    let has_extension = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    let extension = if path.is_empty() || has_extension || path.ends_with('/') { "" } else { ".md" };
    let root = if path.starts_with('/') { "@" } else { "" };
    let sign = if fragment.is_empty() { "" } else { "#" };
    address(&format!("{root}{path}{extension}{sign}{fragment}"))
}

/// The address of a file by its path below the site's source: an article, or another file of the website.
fn file(path: &str) -> String {
    let path = path.trim_start_matches('/');
    let is_article = path.rsplit_once('.').is_some_and(|(_, extension)| {
        ["md", "markdown", "html"].iter().any(|known| extension.eq_ignore_ascii_case(known))
    });
    address(&format!("{}/{path}", if is_article { "@" } else { "" }))
}

/// The address of one of Jekyll's posts by its name.
fn post(name: &str) -> String {
    address(&format!("@/_posts/{}.md", name.trim_start_matches('/')))
}

/// The address without characters that end a link's destination.
fn address(text: &str) -> String {
    text.replace(' ', "%20").replace('(', "%28").replace(')', "%29")
}
