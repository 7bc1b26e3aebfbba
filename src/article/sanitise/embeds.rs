//! Frames become links to what they show.

use std::borrow::Cow;

use super::addresses::scheme;
use super::escape::{escape, escape_attribute, unescape};

/// The source with frames replaced by links to what they show: no reader shows frames, and a video would vanish without a
/// trace. What is written here is sanitised like everything else.
pub(super) fn without_frames(html: &str) -> Cow<'_, str> {
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
