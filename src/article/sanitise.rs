//! HTML from anywhere becomes HTML that is safe to publish, in two passes.
//!
//! First ammonia keeps what is on the lists below and writes regular markup: every `<` begins a tag and every `>` ends one,
//! every attribute is `name="value"`, every element that is not void is closed. The second pass relies on that: it makes
//! every URL absolute, and drops those that are neither web, mail nor telephone links. Ammonia is not idempotent, so the
//! result goes through both passes again until it stays as it is, and what does not settle is published as text alone.
//! Characters that XML forbids are dropped last, because ammonia decodes references to them.
//!
//! The file is long because the lists and the corpus of attacks belong beside the code that they hold to account.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};

use super::render::{LinkBase, Rendered};
use crate::types::{ArticlePath, Text, WebUrl, encode_segment, media_type};

/// Elements that stay. Others give way to their content.
const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "audio",
    "b",
    "bdi",
    "bdo",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "data",
    "dd",
    "del",
    "details",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "source",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
];

/// Elements that go with all that is in them.
const DROPPED: &[&str] = &[
    "applet",
    "button",
    "canvas",
    "datalist",
    "embed",
    "frame",
    "frameset",
    "head",
    "iframe",
    "input",
    "math",
    "meter",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "optgroup",
    "option",
    "plaintext",
    "portal",
    "progress",
    "script",
    "select",
    "style",
    "svg",
    "template",
    "textarea",
    "title",
    "xmp",
];

/// Attributes that stay, by element; `lang`, `dir` and `title` stay on all of them. The second pass makes other attributes of
/// those that scripts would read to load pictures, and drops `id` where the HTML stands among that of other articles.
const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("a", &["href", "hreflang"]),
    ("audio", &["src", "controls"]),
    ("blockquote", &["cite"]),
    ("col", &["span"]),
    ("colgroup", &["span"]),
    ("data", &["value"]),
    ("del", &["cite", "datetime"]),
    (
        "img",
        &[
            "src",
            "alt",
            "width",
            "height",
            "srcset",
            "sizes",
            "data-src",
            "data-original",
            "data-lazy-src",
            "data-srcset",
        ],
    ),
    ("ins", &["cite", "datetime"]),
    ("li", &["value"]),
    ("ol", &["start", "reversed", "type"]),
    ("q", &["cite"]),
    ("source", &["src", "type"]),
    ("td", &["colspan", "rowspan", "align", "style"]),
    ("th", &["colspan", "rowspan", "align", "style", "scope"]),
    ("time", &["datetime"]),
    ("video", &["src", "poster", "width", "height", "controls"]),
];

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::default();
    builder
        .tags(ELEMENTS.iter().copied().collect())
        .clean_content_tags(DROPPED.iter().copied().collect())
        .tag_attributes(ATTRIBUTES.iter().map(|&(element, names)| (element, names.iter().copied().collect())).collect())
        .generic_attributes(["lang", "dir", "title", "id"].into())
        .allowed_classes(
            [
                ("sup", ["footnote-reference", "footnote-definition-label"].into()),
                ("div", ["footnote-definition"].into()),
            ]
            .into(),
        )
        // pulldown-cmark writes the alignment of table cells as style; the second pass makes `align` of it.
        .filter_style_properties(["text-align"].into())
        .url_schemes(["http", "https", "mailto", "tel"].into())
        .url_relative(UrlRelative::PassThrough)
        .link_rel(None);
    builder
});

/// How often HTML is sanitised at most to see whether it stays as it is.
const MOST_PASSES: usize = 3;

/// Sanitises HTML whose cost was checked with [`too_tangled`]. What comes out, this function gives back unchanged.
pub(super) fn sanitise(html: &str, links: &LinkBase) -> Rendered {
    let mut rendered = once(&without_frames(html), links);
    for _ in 0..MOST_PASSES {
        if too_tangled(rendered.html.as_str()) {
            break;
        }
        let again = once(rendered.html.as_str(), links);
        if again.html == rendered.html {
            return rendered;
        }
        rendered.html = again.html;
    }
    let mut html = String::new();
    for paragraph in rendered.text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
        html.push_str("<p>");
        escape(paragraph, &mut html);
        html.push_str("</p>");
    }
    Rendered { html: Text::new(&html), local_media: Vec::new(), ..rendered }
}

fn once(html: &str, links: &LinkBase) -> Rendered {
    let clean = SANITISER.clean(html).to_string();
    let mut pass = SecondPass {
        links,
        html: String::with_capacity(clean.len() + clean.len() / 8),
        local_media: BTreeSet::new(),
        prose: Paragraphs::default(),
        aside: Paragraphs::default(),
        aside_depth: 0,
    };
    pass.run(&clean);
    let text = if pass.prose.done.is_empty() { pass.aside.done } else { pass.prose.done };
    Rendered {
        html: Text::new(&pass.html),
        text: text.join("\n\n"),
        local_media: pass.local_media.into_iter().map(|path| ArticlePath::new(&path)).collect(),
    }
}

/// The source with frames replaced by links to what they show: no reader shows frames, and a video would vanish without a
/// trace. What is written here is sanitised like everything else.
fn without_frames(html: &str) -> Cow<'_, str> {
    const OPEN: &str = "<iframe";
    const CLOSE: &str = "</iframe>";
    let lower = html.to_ascii_lowercase();
    if !lower.contains(OPEN) {
        return Cow::Borrowed(html);
    }
    let mut written = String::with_capacity(html.len());
    let mut at = 0;
    while let Some(found) = lower.get(at..).and_then(|rest| rest.find(OPEN)) {
        let open = at + found;
        written.push_str(html.get(at..open).unwrap_or_default());
        let end = lower.get(open..).and_then(|rest| rest.find('>')).map_or(html.len(), |end| open + end + 1);
        let tag = html.get(open + OPEN.len()..end).unwrap_or_default();
        at = lower.get(end..).and_then(|rest| rest.find(CLOSE)).map_or(end, |close| end + close + CLOSE.len());
        let source = ["src", "data-src"].into_iter().find_map(|name| attribute_of(tag, name));
        let Some(url) =
            source.filter(|url| url.starts_with("//") || scheme(url).is_some_and(|scheme| scheme != "other"))
        else {
            continue;
        };
        let title = attribute_of(tag, "title");
        let video = video_page(&url);
        // Frames without a name that show no film are mostly advertisements.
        let Some(name) = title.or_else(|| video.is_some().then(|| "Video".to_owned())) else { continue };
        written.push_str("<p><a href=\"");
        escape_attribute(video.as_deref().unwrap_or(&url), &mut written);
        written.push_str("\">");
        escape(&name, &mut written);
        written.push_str("</a></p>");
    }
    written.push_str(html.get(at..).unwrap_or_default());
    Cow::Owned(written)
}

/// The page for people of an embedded video, where the URL is one of a player.
fn video_page(url: &str) -> Option<String> {
    let (_, address) = url.split_once("//")?;
    let (host, path) = address.split_once('/')?;
    let id = |path: &str| path.split(['?', '&', '#', '/']).next().unwrap_or_default().to_owned();
    match host.trim_start_matches("www.") {
        "youtube.com" | "youtube-nocookie.com" => {
            let id = id(path.strip_prefix("embed/")?);
            Some(format!("https://www.youtube.com/watch?v={id}"))
        }
        "player.vimeo.com" => Some(format!("https://vimeo.com/{}", id(path.strip_prefix("video/")?))),
        "player.bilibili.com" | "dailymotion.com" | "geo.dailymotion.com" | "v.qq.com" => Some(url.to_owned()),
        _ => None,
    }
}

/// The value of an attribute in a raw tag, entities decoded.
fn attribute_of(tag: &str, name: &str) -> Option<String> {
    let lower = tag.to_ascii_lowercase();
    let mut from = 0;
    while let Some(found) = lower.get(from..).and_then(|rest| rest.find(name)) {
        let start = from + found;
        from = start + name.len();
        let alone =
            lower.get(..start).is_some_and(|before| before.ends_with(|c: char| c.is_ascii_whitespace() || c == '"'));
        let Some(value) = tag.get(from..).and_then(|rest| rest.trim_start().strip_prefix('=')) else { continue };
        if !alone {
            continue;
        }
        let value = value.trim_start();
        let value = match value.chars().next() {
            Some(quote @ ('"' | '\'')) => value.get(1..)?.split(quote).next()?,
            _ => value.split(|c: char| c.is_ascii_whitespace() || c == '>').next()?,
        };
        return Some(unescape(value).trim().to_owned()).filter(|value| !value.is_empty());
    }
    None
}

/// Whether parsing this markup as a browser does could cost far more than its length: every start tag may look at all open
/// elements and reopen all open formatting. The sum of depths bounds both. No page that people read comes near the limits.
pub(crate) fn too_tangled(html: &str) -> bool {
    const DEEPEST: usize = 400;
    const COST_LIMIT: usize = 3_000_000;
    // Their end tags may be left out, and they do not nest without something between them that counts.
    const SELF_CLOSING: &[&str] =
        &["p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "option", "rt", "rp"];
    let mut open: Vec<&str> = Vec::new();
    let mut cost = 0_usize;
    for chunk in html.split('<').skip(1) {
        let (closing, rest) = chunk.strip_prefix('/').map_or((false, chunk), |rest| (true, rest));
        let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = rest.get(..name_end).unwrap_or_default();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        cost += 1 + open.len();
        if cost > COST_LIMIT {
            return true;
        }
        let is = |known: &&str| known.eq_ignore_ascii_case(name);
        if VOID.iter().any(is) || SELF_CLOSING.iter().any(is) {
            continue;
        }
        if closing {
            if let Some(at) = open.iter().rposition(|opened| opened.eq_ignore_ascii_case(name)) {
                open.truncate(at);
            }
        } else {
            open.push(name);
            if open.len() > DEEPEST {
                return true;
            }
        }
    }
    false
}

/// Escapes text for HTML and XML alike; line breaks become `<br>`.
pub(crate) fn escape(text: &str, html: &mut String) {
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '\n' => html.push_str("<br>\n"),
            other => html.push(other),
        }
    }
}

const VOID: &[&str] = &[
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "keygen", "link",
    "meta", "param", "source", "track", "wbr",
];

/// Elements whose words are not part of the running prose.
const ASIDE: &[&str] =
    &["figure", "figcaption", "table", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "rt", "rp", "audio", "video"];

/// Elements that begin and end a paragraph of text.
const BLOCKS: &[&str] = &[
    "blockquote",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Paragraphs of plain text under construction.
#[derive(Default)]
struct Paragraphs {
    done: Vec<String>,
    current: String,
}

impl Paragraphs {
    fn end(&mut self) {
        let paragraph = Text::line(&self.current);
        if !paragraph.is_empty() {
            self.done.push(paragraph.as_str().to_owned());
        }
        self.current.clear();
    }
}

struct SecondPass<'a> {
    links: &'a LinkBase,
    html: String,
    local_media: BTreeSet<String>,
    prose: Paragraphs,
    aside: Paragraphs,
    /// How many elements are open, counted from the outermost that is aside.
    aside_depth: usize,
}

impl SecondPass<'_> {
    fn run(&mut self, clean: &str) {
        let mut rest = clean;
        while let Some((text, tag_and_rest)) = rest.split_once('<') {
            self.text(text);
            let Some((tag, after)) = tag_and_rest.split_once('>') else { break };
            match tag.strip_prefix('/') {
                Some(name) => self.end_tag(name),
                None => self.start_tag(tag),
            }
            rest = after;
        }
        self.text(rest);
        self.prose.end();
        self.aside.end();
    }

    fn text(&mut self, text: &str) {
        self.html.push_str(text);
        let paragraphs = if self.aside_depth > 0 { &mut self.aside } else { &mut self.prose };
        paragraphs.current.push_str(&unescape(text));
    }

    fn end_tag(&mut self, name: &str) {
        self.html.push_str("</");
        self.html.push_str(name);
        self.html.push('>');
        self.end_paragraph(name);
        self.aside_depth = self.aside_depth.saturating_sub(1);
    }

    fn end_paragraph(&mut self, name: &str) {
        if name == "br" {
            self.prose.current.push('\n');
            self.aside.current.push('\n');
        } else if BLOCKS.contains(&name) {
            self.prose.end();
            self.aside.end();
        }
    }

    fn start_tag(&mut self, tag: &str) {
        let (name, mut rest) = tag.split_once(' ').unwrap_or((tag, ""));
        let mut attributes: Vec<(&str, String)> = Vec::new();
        while let Some((attribute, after)) = rest.split_once("=\"") {
            let Some((escaped, after)) = after.split_once('"') else { break };
            rest = after.trim_start();
            attributes.push((attribute, unescape(escaped)));
        }
        let lazy = ["data-src", "data-original", "data-lazy-src"];
        let real = lazy.into_iter().find_map(|name| value_of(&attributes, name).and_then(|url| self.absolute(url)));
        let real_set = value_of(&attributes, "data-srcset").map(str::to_owned);
        if name == "img" && is_pixel(&attributes) {
            return;
        }
        let mut kept = String::new();
        let mut loads = false;
        let mut footnote = false;
        let mut keep = |attribute: &str, value: &str| {
            kept.push(' ');
            kept.push_str(attribute);
            kept.push_str("=\"");
            escape_attribute(value, &mut kept);
            kept.push('"');
        };
        if let Some(url) = &real {
            loads = true;
            keep("src", url);
        }
        if let Some(set) = real_set.and_then(|set| self.absolute_set(&set)) {
            keep("srcset", &set);
        }
        for (attribute, value) in &attributes {
            let (attribute, value) = match *attribute {
                "src" if real.is_some() => continue,
                "srcset" if value_of(&attributes, "data-srcset").is_some() => continue,
                "srcset" => match self.absolute_set(value) {
                    Some(set) => ("srcset", set),
                    None => continue,
                },
                "href" | "src" | "cite" | "poster" => match self.absolute(value) {
                    Some(url) => (*attribute, url),
                    None => continue,
                },
                "style" => match value.trim().trim_end_matches(';').strip_prefix("text-align:").map(str::trim) {
                    Some(side @ ("left" | "center" | "right")) => ("align", side.to_owned()),
                    _ => continue,
                },
                "class" => {
                    footnote = true;
                    continue;
                }
                "id" if !self.links.anchors => continue,
                // Our own, below.
                "controls" => continue,
                attribute if attribute.starts_with("data-") => continue,
                attribute => (attribute, value.clone()),
            };
            loads |= attribute == "src";
            keep(attribute, &value);
        }
        if matches!(name, "img" | "source") && !loads {
            return;
        }
        if matches!(name, "audio" | "video") {
            kept.push_str(" controls=\"\"");
        }
        self.end_paragraph(name);
        if !VOID.contains(&name) && (self.aside_depth > 0 || footnote || ASIDE.contains(&name)) {
            self.aside_depth += 1;
        }
        self.html.push('<');
        self.html.push_str(name);
        self.html.push_str(&kept);
        self.html.push('>');
    }

    /// The absolute form of every candidate of a `srcset` (HTML, section 4.8.4.2.1); `None` where none is left.
    fn absolute_set(&mut self, set: &str) -> Option<String> {
        let mut candidates = Vec::new();
        let mut rest = set.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        while !rest.is_empty() {
            let (url, after) = rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, ""));
            // A comma at the end of a URL ends its candidate; one inside belongs to it.
            let (url, descriptor, after) = match url.strip_suffix(',') {
                Some(url) => (url, "", after),
                None => match after.split_once(',') {
                    Some((descriptor, after)) => (url, descriptor.trim(), after),
                    None => (url, after.trim(), ""),
                },
            };
            let plain = descriptor.is_empty()
                || descriptor
                    .strip_suffix(['w', 'x'])
                    .is_some_and(|number| number.parse::<f32>().is_ok_and(|n| n > 0.0));
            // Spaces would end it early, and a comma at its end would be taken for the list's.
            if let Some(url) = self.absolute(url).filter(|url| plain && !url.ends_with(',')) {
                candidates.push(format!("{url} {descriptor}").trim_end().to_owned());
            }
            rest = after.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == ',');
        }
        (!candidates.is_empty()).then(|| candidates.join(", "))
    }

    /// The absolute form of a reference; `None` for what feeds must not carry.
    fn absolute(&mut self, reference: &str) -> Option<String> {
        // As browsers do (WHATWG URL): tabs and line ends anywhere in a URL are nothing.
        let reference = reference.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect::<String>();
        let reference = reference.trim_matches(|c: char| c.is_whitespace() || c.is_control());
        match scheme(reference) {
            Some("http" | "https") => WebUrl::parse(reference).ok().map(|url| url.as_str().to_owned()),
            Some("mailto" | "tel") => url::Url::parse(reference).ok().map(String::from),
            Some(_) => None,
            None if reference.starts_with("//") => {
                WebUrl::parse(&format!("https:{reference}")).ok().map(|url| url.as_str().to_owned())
            }
            None => match local_media(reference, &self.links.folder) {
                LocalMedia::None => self.links.page.join(reference).ok().map(|url| url.as_str().to_owned()),
                LocalMedia::Outside => None,
                LocalMedia::File { path, fragment } => {
                    let mut url = self.links.media.as_str().to_owned();
                    for (index, segment) in path.split('/').enumerate() {
                        if index > 0 {
                            url.push('/');
                        }
                        url.push_str(&encode_segment(segment));
                    }
                    url.push_str(fragment);
                    // Checked once more as a whole: the fragment came as it was written.
                    let url = WebUrl::parse(&url).ok()?;
                    self.local_media.insert(path);
                    Some(url.as_str().to_owned())
                }
            },
        }
    }
}

fn value_of<'a>(attributes: &'a [(&str, String)], name: &str) -> Option<&'a str> {
    attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

/// Whether a picture is only there to be counted.
fn is_pixel(attributes: &[(&str, String)]) -> bool {
    let tiny = |name| {
        let size = value_of(attributes, name).map(|size| size.trim().trim_end_matches("px"));
        size.and_then(|size| size.parse::<f32>().ok()).is_some_and(|size| size <= 2.0)
    };
    tiny("width") && tiny("height")
}

/// What a relative reference means in the content directory.
enum LocalMedia<'a> {
    /// It is not a reference to a media file beside the article.
    None,
    /// It is one, but leads out of the content directory or to a hidden file.
    Outside,
    /// It is this file.
    File { path: String, fragment: &'a str },
}

fn local_media<'a>(reference: &'a str, folder: &str) -> LocalMedia<'a> {
    if reference.starts_with(['/', '\\', '?', '#']) {
        return LocalMedia::None;
    }
    let (before, fragment) = reference.find('#').map_or((reference, ""), |at| reference.split_at(at));
    let file = before.split_once('?').map_or(before, |(file, _)| file);
    // Media files lie beside the article in the content directory, everything else beside its page on the web.
    let has_media_extension = file.rsplit_once('.').is_some_and(|(_, extension)| media_type(extension).is_some());
    if !has_media_extension {
        return LocalMedia::None;
    }
    let mut path = folder.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    for segment in file.split(['/', '\\']) {
        match percent_decoded(segment).as_deref() {
            Some("" | ".") => {}
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
    LocalMedia::File { path: path.join("/"), fragment }
}

/// The scheme of an absolute reference (RFC 3986 section 3.1), in the two spellings that people use.
fn scheme(reference: &str) -> Option<&'static str> {
    let (scheme, _) = reference.split_once(':')?;
    let shaped = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    shaped.then(|| {
        ["http", "https", "mailto", "tel"]
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(scheme))
            .unwrap_or("other")
    })
}

/// `None` where the bytes are not UTF-8. A `%` that introduces nothing stands for itself.
pub(super) fn percent_decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let digits = match after {
            [high, low, ..] if byte == b'%' => char::from(*high).to_digit(16).zip(char::from(*low).to_digit(16)),
            _ => None,
        };
        match digits {
            Some((high, low)) => {
                bytes.push(u8::try_from(high * 16 + low).ok()?);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// Undoes the five escapes that html5ever writes.
fn unescape(escaped: &str) -> String {
    if !escaped.contains('&') {
        return escaped.to_owned();
    }
    escaped
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", "\u{a0}")
        .replace("&amp;", "&")
}

fn escape_attribute(value: &str, html: &mut String) {
    for character in value.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> LinkBase {
        LinkBase {
            page: WebUrl::parse("http://courier.example/world/quake.html").expect("a URL"),
            media: WebUrl::parse("http://127.0.0.1:8080/media/").expect("a URL"),
            folder: "world/2026".into(),
            anchors: false,
        }
    }

    /// Parses what came out as a browser would and looks at every element and attribute.
    fn assert_harmless(source: &str) {
        let rendered = sanitise(source, &links());
        let document = scraper::Html::parse_fragment(rendered.html.as_str());
        for node in document.tree.nodes() {
            match node.value() {
                // The parser adds these two around a fragment.
                scraper::Node::Element(element) if ["html", "body"].contains(&element.name()) => {
                    assert_eq!(element.attrs().count(), 0, "{source:?}");
                }
                scraper::Node::Element(element) => {
                    let runs = [
                        "script", "style", "iframe", "object", "embed", "form", "input", "svg", "math", "template",
                        "base", "link", "meta",
                    ];
                    assert!(!runs.contains(&element.name()), "{source:?} left <{}>", element.name());
                    assert!(ELEMENTS.contains(&element.name()), "{source:?} left <{}>", element.name());
                    for (attribute, value) in element.attrs() {
                        let known = ["lang", "dir", "title", "id", "class", "align"].contains(&attribute)
                            || ATTRIBUTES
                                .iter()
                                .any(|(name, list)| *name == element.name() && list.contains(&attribute));
                        let runs = attribute.starts_with("on")
                            || ["style", "srcdoc", "action", "target", "class", "id"].contains(&attribute)
                            || attribute.starts_with("data-");
                        assert!(known && !runs, "{source:?} left {attribute}={value:?}");
                        if ["href", "src", "cite", "poster"].contains(&attribute) {
                            let safe =
                                ["http://", "https://", "mailto:", "tel:"].iter().any(|safe| value.starts_with(safe));
                            assert!(safe, "{source:?} left {attribute}={value:?}");
                        }
                    }
                }
                scraper::Node::Comment(_) | scraper::Node::ProcessingInstruction(_) => {
                    panic!("{source:?} left a comment")
                }
                _ => {}
            }
        }
        assert!(rendered.html.as_str().chars().all(crate::types::is_publishable));
        assert_eq!(sanitise(rendered.html.as_str(), &links()).html, rendered.html, "{source:?} is no fixed point");
    }

    #[test]
    fn nothing_that_runs_gets_through() {
        let corpus = [
            "<script>alert(1)</script>",
            "<ScRiPt src=//evil.example/x.js></sCrIpT>",
            "<img src=x onerror=alert(1)>",
            "<img src=\"x\"onerror=\"alert(1)\">",
            "<img/src=x/onerror=alert(1)>",
            "<a href=javascript:alert(1)>x</a>",
            "<a href=\" &#14; javascript:alert(1)\">x</a>",
            "<a href=\"java\nscript:alert(1)\">x</a>",
            "<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
            "<a href=\"&#106;&#97;&#118;&#97;script:alert(1)\">x</a>",
            "<a href=\"JaVaScRiPt&colon;alert(1)\">x</a>",
            "<a href=\"vbscript:msgbox(1)\">x</a>",
            "<a href=\"data:text/html;base64,PHNjcmlwdD4=\">x</a>",
            "<img src=\"data:image/svg+xml,<svg onload=alert(1)>\">",
            "<svg onload=alert(1)><circle/></svg>",
            "<svg><animate onbegin=alert(1) attributeName=x></svg>",
            "<svg><a><animate attributeName=href values=javascript:alert(1) /><text>x</text></a></svg>",
            "<svg><style><img src=x onerror=alert(1)></style></svg>",
            "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
            "<math><annotation-xml encoding=\"text/html\"><script>alert(1)</script></annotation-xml></math>",
            "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\"></noscript>",
            "<iframe src=javascript:alert(1)></iframe>",
            "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
            "<object data=javascript:alert(1)></object>",
            "<embed src=javascript:alert(1)>",
            "<form action=javascript:alert(1)><input type=submit></form>",
            "<form><button formaction=javascript:alert(1)>x</button></form>",
            "<isindex action=javascript:alert(1) type=image>",
            "<body onload=alert(1)>text",
            "<div style=\"background:url(javascript:alert(1))\">x</div>",
            "<td style=\"text-align:expression(alert(1))\">x</td>",
            "<table><td style=\"text-align: right; position: fixed\">x</td></table>",
            "<style>@import 'javascript:alert(1)'</style>",
            "<link rel=stylesheet href=javascript:alert(1)>",
            "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
            "<base href=javascript:alert(1)//>",
            "<video poster=javascript:alert(1) src=x.mp4 onloadstart=alert(1)><source onerror=alert(1)></video>",
            "<audio src=x onerror=alert(1)>",
            "<details open ontoggle=alert(1)>x</details>",
            "<marquee onstart=alert(1)>x</marquee>",
            "<input autofocus onfocus=alert(1)>",
            "<select autofocus onfocus=alert(1)><option>x</option></select>",
            "<textarea><script>alert(1)</script></textarea>",
            "<title><script>alert(1)</script></title>",
            "<xmp><script>alert(1)</script></xmp>",
            "<plaintext><script>alert(1)</script>",
            "<template><script>alert(1)</script></template>",
            "<!--><script>alert(1)</script>-->",
            "<!--[if IE]><script>alert(1)</script><![endif]-->",
            "<?xml version=\"1.0\"?><script>alert(1)</script>",
            "<![CDATA[<script>alert(1)</script>]]>",
            "<<script>alert(1);//<</script>",
            "<a href=\"https://x.example/\" onclick=\"alert(1)\" target=_blank ping=//evil.example>x</a>",
            "<blockquote cite=\"javascript:alert(1)\">x</blockquote>",
            "<img srcset=\"javascript:alert(1) 1x\" src=\"/a.png\" sizes=1 loading=lazy usemap=#m>",
            "<p title='\"><script>alert(1)</script>'>x</p>",
            "<p title=\"a > b < c & d\">x</p>",
            "<a href='https://x.example/\"onmouseover=\"alert(1)'>x</a>",
            "<img src=\"https://x.example/`onerror=alert(1)\">",
            "<a href=\"\u{1}javascript:alert(1)\">x</a>",
            "<a href=\"file:///etc/passwd\">x</a> <a href=\"blob:https://x/y\">y</a> <a href=\"feed:https://x/y\">z</a>",
            "<select><template shadowrootmode=open><script>alert(1)</script></template></select>",
            "<p>\u{0}<scr\u{0}ipt>alert(1)</script>",
        ];
        assert!(corpus.len() >= 60);
        for source in corpus {
            assert_harmless(source);
            assert_harmless(&format!("<p>{source}</p>"));
            assert_harmless(&format!("{source}<b>unclosed"));
        }
    }

    #[test]
    fn urls_are_absolute() {
        const PAGE: &str = "http://courier.example";
        const MEDIA: &str = "http://127.0.0.1:8080/media";
        let cases: &[(&str, Option<String>, &[&str])] = &[
            ("https://x.example/a?b=1&c=2", Some("https://x.example/a?b=1&c=2".into()), &[]),
            ("HTTPS://x.example", Some("https://x.example/".into()), &[]),
            ("//cdn.example/a.png", Some("https://cdn.example/a.png".into()), &[]),
            ("/a/b.png", Some(format!("{PAGE}/a/b.png")), &[]),
            ("other.html", Some(format!("{PAGE}/world/other.html")), &[]),
            ("../other/", Some(format!("{PAGE}/other/")), &[]),
            ("?page=2", Some(format!("{PAGE}/world/quake.html?page=2")), &[]),
            ("#note", Some(format!("{PAGE}/world/quake.html#note")), &[]),
            ("", Some(format!("{PAGE}/world/quake.html")), &[]),
            ("mailto:desk@courier.example", Some("mailto:desk@courier.example".into()), &[]),
            ("tel:+86-10-1234", Some("tel:+86-10-1234".into()), &[]),
            ("ftp://x.example/a", None, &[]),
            ("data:,x", None, &[]),
            ("https://", None, &[]),
            ("https://x.example:99999/", None, &[]),
            ("photo.jpg", Some(format!("{MEDIA}/world/2026/photo.jpg")), &["world/2026/photo.jpg"]),
            ("./a%20b.PNG?v=1", Some(format!("{MEDIA}/world/2026/a%20b.PNG")), &["world/2026/a b.PNG"]),
            ("../港口.webp#x", Some(format!("{MEDIA}/world/%E6%B8%AF%E5%8F%A3.webp#x")), &["world/港口.webp"]),
            ("img\\a.mp4", Some(format!("{MEDIA}/world/2026/img/a.mp4")), &["world/2026/img/a.mp4"]),
            ("../../top.pdf", Some(format!("{MEDIA}/top.pdf")), &["top.pdf"]),
            ("../../../etc/x.pdf", None, &[]),
            ("%2e%2e/%2e%2e/%2e%2e/x.pdf", None, &[]),
            ("..%2fx.pdf", None, &[]),
            (".git/x.png", None, &[]),
            ("%ff.png", None, &[]),
            ("100%.png", Some(format!("{MEDIA}/world/2026/100%25.png")), &["world/2026/100%.png"]),
            ("a\tb.png", Some(format!("{MEDIA}/world/2026/ab.png")), &["world/2026/ab.png"]),
            ("weird:name.png", None, &[]),
            ("x?y=z.png", Some(format!("{PAGE}/world/x?y=z.png")), &[]),
        ];
        for (reference, expected, files) in cases {
            let mut escaped = String::new();
            escape_attribute(reference, &mut escaped);
            let rendered = sanitise(&format!("<a href=\"{escaped}\">x</a>"), &links());
            let expected = match expected {
                Some(url) => {
                    let mut escaped = String::new();
                    escape_attribute(url, &mut escaped);
                    format!("<a href=\"{escaped}\">x</a>")
                }
                None => "<a>x</a>".to_owned(),
            };
            assert_eq!(rendered.html.as_str(), expected, "{reference:?}");
            assert_eq!(
                rendered.local_media.iter().map(ArticlePath::as_str).collect::<Vec<_>>(),
                *files,
                "{reference:?}"
            );
        }
    }

    #[test]
    fn what_scripts_load_is_loaded_without_them() {
        const MEDIA: &str = "http://127.0.0.1:8080/media/world/2026";
        for (source, expected) in [
            (
                "<img src='data:image/gif;base64,R0' data-src='/real.jpg' alt='A'>".to_owned(),
                "<img src=\"http://courier.example/real.jpg\" alt=\"A\">".to_owned(),
            ),
            ("<img data-original=b.jpg class=lazy>".into(), format!("<img src=\"{MEDIA}/b.jpg\">")),
            ("<img data-src='javascript:x' src='/a.jpg'>".into(), "<img src=\"http://courier.example/a.jpg\">".into()),
            (
                "<img src='/a.jpg' srcset='a-1.jpg 480w, /b,c.jpg 2x,  ,javascript:x 3x, d.jpg 1q'>".into(),
                format!("<img src=\"http://courier.example/a.jpg\" srcset=\"{MEDIA}/a-1.jpg 480w, http://courier.example/b,c.jpg 2x\">"),
            ),
            (
                "<img src='/a.jpg' srcset='data:x 1x' data-srcset='/c.jpg 2x'>".into(),
                "<img srcset=\"http://courier.example/c.jpg 2x\" src=\"http://courier.example/a.jpg\">".into(),
            ),
            ("a<img src='https://t.example/p.gif' width=1 height=1>b".into(), "ab".into()),
            ("a<img src='https://t.example/p.gif' width='0' height='0px'>b".into(), "ab".into()),
            (
                "<img src='/rule.png' width=600 height=1>".into(),
                "<img src=\"http://courier.example/rule.png\" width=\"600\" height=\"1\">".into(),
            ),
            (
                "x<iframe width=1 src=\"https://www.youtube.com/embed/aB3?rel=0\" title='The &lt;film&gt;'><p>old</p></iframe>y".into(),
                "x<p><a href=\"https://www.youtube.com/watch?v=aB3\">The &lt;film&gt;</a></p>y".into(),
            ),
            (
                "<IFRAME SRC=//player.vimeo.com/video/42?x></IFRAME>".into(),
                "<p><a href=\"https://vimeo.com/42\">Video</a></p>".into(),
            ),
            (
                "<iframe src='https://maps.example/x' title='Map'></iframe>".into(),
                "<p><a href=\"https://maps.example/x\">Map</a></p>".into(),
            ),
            ("<iframe src='https://ads.example/x'></iframe>z".into(), "z".into()),
            ("<iframe src='javascript:x' title='Map'></iframe>z".into(), "z".into()),
            ("<p id=a class=b style='color:red'>z</p>".into(), "<p>z</p>".into()),
        ] {
            let html = sanitise(&source, &links()).html;
            assert_eq!(html.as_str(), expected, "{source}");
            assert_eq!(sanitise(html.as_str(), &links()).html, html);
        }
        let page = LinkBase { anchors: true, ..links() };
        assert_eq!(sanitise("<p id=a class=b>z</p>", &page).html.as_str(), "<p id=\"a\">z</p>");
    }

    #[test]
    fn pictures_and_players_load_or_go() {
        for (source, expected) in [
            ("<img src=\"javascript:x\" alt=\"a\">", ""),
            (
                "<picture><source srcset=\"a.webp\"><img src=\"/a.png\" loading=lazy></picture>",
                "<img src=\"http://courier.example/a.png\">",
            ),
            (
                "<video poster=\"p.jpg\"><source src=\"v.mp4\" type=\"video/mp4\"></video>",
                "<video poster=\"http://127.0.0.1:8080/media/world/2026/p.jpg\" controls=\"\"><source \
                 src=\"http://127.0.0.1:8080/media/world/2026/v.mp4\" type=\"video/mp4\"></video>",
            ),
        ] {
            assert_eq!(sanitise(source, &links()).html.as_str(), expected, "{source}");
        }
    }

    #[test]
    fn ordinary_pages_are_not_too_tangled() {
        for (page, tangled) in [
            ("<table>".to_owned() + &"<tr><td><a href=x>1</a><td>2</tr>".repeat(20_000) + "</table>", false),
            ("<p>one <b>two</b><br><img src=x>".repeat(50_000), false),
            ("<ul><li>".repeat(100) + &"</ul>".repeat(100), false),
            ("a < b ".repeat(100_000), false),
            ("<div>".repeat(401), true),
            ("<div></x>".repeat(401), true),
            ("<b>".repeat(300) + &"<p>".repeat(100_000), true),
        ] {
            assert_eq!(too_tangled(&page), tangled, "{}", page.get(..40).unwrap_or_default());
        }
    }
}
