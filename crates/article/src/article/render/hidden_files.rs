//! Removes files that readers may not see from sanitised HTML.

use std::borrow::Cow;

use crate::encoding::escape_attribute;

/// Elements that show a file. Others, such as links, lose only its address.
const SHOWING: &[&str] = &["img", "source", "track"];

/// Sanitised HTML without the files at these addresses.
pub fn without_files<'h>(html: &'h str, urls: &[String]) -> Cow<'h, str> {
    let values: Vec<String> = urls
        .iter()
        .map(|url| {
            let mut value = String::from("=\"");
            escape_attribute(url, &mut value);
            value
        })
        .collect();
    if !values.iter().any(|value| html.contains(value.as_str())) {
        return Cow::Borrowed(html);
    }
    let mut shown = String::with_capacity(html.len());
    let mut rest = html;
    // Sanitised HTML has `<` and `>` only around tags.
    while let Some((before, from)) = rest.split_once('<') {
        let (tag, after) = from.split_once('>').unwrap_or((from, ""));
        shown.push_str(before);
        push_tag(&mut shown, tag, &values);
        rest = after;
    }
    shown.push_str(rest);
    Cow::Owned(shown)
}

/// Writes a tag unless it shows one of the files.
fn push_tag(html: &mut String, tag: &str, values: &[String]) {
    let is_hidden = |attribute: &str| {
        values.iter().any(|value| {
            let rest = attribute
                .split_once('=')
                .and_then(|(name, _)| attribute.get(name.len()..)?.strip_prefix(value.as_str()));
            rest.is_some_and(|rest| rest.starts_with(['"', '#', ' ']))
        })
    };
    let attributes = attributes(tag);
    if !attributes.iter().any(|attribute| is_hidden(attribute)) {
        html.push_str(&format!("<{tag}>"));
        return;
    }
    let name = tag.split([' ', '/']).next().unwrap_or_default();
    if SHOWING.contains(&name) {
        return;
    }
    html.push('<');
    html.push_str(name);
    for attribute in attributes.iter().filter(|attribute| !is_hidden(attribute)) {
        html.push(' ');
        html.push_str(attribute);
    }
    html.push('>');
}

/// The attributes of a tag, as written.
fn attributes(tag: &str) -> Vec<&str> {
    let mut attributes = Vec::new();
    let mut rest = tag.split_once(' ').map_or("", |(_, rest)| rest);
    while !rest.is_empty() {
        let end = rest.find("=\"").and_then(|start| Some(start + 2 + rest.get(start + 2..)?.find('"')? + 1));
        let (attribute, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or((rest, ""));
        attributes.push(attribute);
        rest = after.trim_start();
    }
    attributes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_files_leave_the_html() {
        const MEDIA: &str = "https://x.example/media/";
        for (html, expected) in [
            ("<p>a <img src=\"MEDIAa.jpg\" alt=\"b\"> c</p>", "<p>a  c</p>"),
            ("<p><img alt=\"b\" src=\"MEDIAa.jpg#x\"></p>", "<p></p>"),
            ("<p><a href=\"MEDIAa.jpg\" title=\"t\">b</a></p>", "<p><a title=\"t\">b</a></p>"),
            (
                "<video controls=\"\" poster=\"MEDIAa.jpg\" src=\"MEDIAb.mp4\"></video>",
                "<video controls=\"\" src=\"MEDIAb.mp4\"></video>",
            ),
            ("<img src=\"MEDIAa&amp;b.jpg\"><img src=\"MEDIAa.jpg2\">", "<img src=\"MEDIAa.jpg2\">"),
            (
                "<p>MEDIAa.jpg = &lt;img src=\"MEDIAa.jpg\"&gt;</p>",
                "<p>MEDIAa.jpg = &lt;img src=\"MEDIAa.jpg\"&gt;</p>",
            ),
        ] {
            let urls = ["a.jpg", "a&b.jpg"].map(|name| format!("{MEDIA}{name}"));
            let html = html.replace("MEDIA", MEDIA);
            assert_eq!(without_files(&html, &urls), expected.replace("MEDIA", MEDIA), "{html}");
        }
    }
}
