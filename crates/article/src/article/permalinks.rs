//! Translates the permalinks of site generators into addresses with dateline's placeholders: Jekyll's and Hugo's `/:year/:title/`,
//! Pelican's `{date:%Y}/{slug}.html` and Eleventy's `/blog/{{ page.fileSlug }}/`.

use std::ops::Range;

use super::url_template::UrlTemplate;

/// A permalink of front matter whose placeholders have no values yet.
#[derive(Debug)]
pub(super) struct Permalink {
    pub(super) key: String,
    pub(super) template: UrlTemplate,
    pub(super) span: Range<usize>,
    pub(super) origin: &'static str,
}

/// The address with dateline's placeholders, or the placeholder that has no counterpart.
pub fn translate(permalink: &str) -> Result<String, String> {
    let mut address = String::with_capacity(permalink.len());
    let mut rest = permalink;
    while let Some(at) = rest.find([':', '{']) {
        let (literal, placeholder) = rest.split_at(at);
        address.push_str(literal);
        let (translated, length) = match placeholder {
            scheme if scheme.starts_with("://") => (Some("://".to_owned()), 3),
            template if template.starts_with("{{") => {
                let length = template.find("}}").ok_or_else(|| template.to_owned())? + 2;
                (template.get(2..length - 2).and_then(expression), length)
            }
            pelican if pelican.starts_with('{') => {
                let length = pelican.find('}').ok_or_else(|| pelican.to_owned())? + 1;
                (pelican.get(1..length - 1).and_then(field), length)
            }
            colon => {
                let length = token_length(colon);
                (colon.get(1..length).and_then(token), length)
            }
        };
        let (whole, after) = placeholder.split_at_checked(length).ok_or_else(|| placeholder.to_owned())?;
        address.push_str(&translated.ok_or_else(|| whole.to_owned())?);
        rest = after;
    }
    address.push_str(rest);
    Ok(address)
}

/// The length of a token with its colon: letters, `_`, and Hugo's slices such as `[1:]`.
fn token_length(text: &str) -> usize {
    let rest = text.get(1..).unwrap_or_default();
    let name = rest.bytes().take_while(|byte| byte.is_ascii_alphabetic() || *byte == b'_').count();
    let slice = rest.get(name..).filter(|slice| slice.starts_with('[')).and_then(|slice| slice.find(']'));
    1 + name + slice.map_or(0, |end| end + 1)
}

/// A token of Jekyll or Hugo, without its colon.
fn token(name: &str) -> Option<String> {
    if let Some((name, slice)) = name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        return (name == "sections").then(|| section_slice(slice)).flatten();
    }
    let placeholder = match name {
        "year" => "{year}",
        "short_year" => "{date:%y}",
        "month" => "{month}",
        "i_month" => "{date:%-m}",
        "short_month" => "{date:%b}",
        "long_month" | "monthname" => "{date:%B}",
        "day" => "{day}",
        "i_day" => "{date:%-d}",
        "y_day" => "{date:%j}",
        "yearday" => "{date:%-j}",
        "w_year" => "{date:%G}",
        "week" => "{date:%V}",
        "w_day" => "{date:%u}",
        "weekday" => "{date:%w}",
        "short_day" => "{date:%a}",
        "long_day" | "weekdayname" => "{date:%A}",
        "hour" => "{date:%H}",
        "minute" => "{date:%M}",
        "second" => "{date:%S}",
        "title" | "slug" | "slugorfilename" | "slugorcontentbasename" => "{slug}",
        "filename" | "contentbasename" | "basename" | "name" => "{stem}",
        "section" => "{section:1}",
        "sections" => "{section}",
        "categories" | "slugified_categories" => "{categories}",
        "path" => "{path}",
        "output_ext" => ".html",
        _ => return None,
    };
    Some(placeholder.to_owned())
}

/// A part of Hugo's `:sections`: `1:`, `:2`, `0`, `last`. Hugo counts from 0.
fn section_slice(slice: &str) -> Option<String> {
    let number = |text: &str| text.parse::<usize>().ok().and_then(|number| number.checked_add(1));
    Some(match slice.split_once(':') {
        None if slice == "last" => "{section:last}".to_owned(),
        None => format!("{{section:{}}}", number(slice)?),
        Some((from, "")) => format!("{{section:{}-}}", number(from)?),
        Some((from, to)) => {
            let from = if from.is_empty() { 1 } else { number(from)? };
            format!("{{section:{from}-{}}}", to.parse::<usize>().ok().filter(|to| *to >= from)?)
        }
    })
}

/// A field of Pelican's addresses, without its braces.
fn field(name: &str) -> Option<String> {
    match name.split_once(':') {
        Some(("date", format)) => Some(format!("{{date:{format}}}")),
        None if name == "slug" || name == "category" => Some(format!("{{{name}}}")),
        _ => None,
    }
}

/// An expression of Eleventy's templates, without its braces.
fn expression(text: &str) -> Option<String> {
    let text = text.trim().trim_matches('-').trim();
    if let Some((variable, filter)) = text.split_once('|') {
        // Liquid: `page.date | date: "%Y/%m"`.
        let format = filter.trim().strip_prefix("date")?.trim_start_matches([':', ' ', '(']);
        let format = format.trim_end_matches(')').trim();
        let is_date = matches!(variable.trim(), "page.date" | "date");
        return is_date.then(|| format!("{{date:{}}}", format.trim_matches(['"', '\''])));
    }
    match text {
        "page.fileSlug" | "slug" => Some("{slug}".to_owned()),
        // Begins with a slash of its own, and has no date.
        "page.filePathStem" => Some("/{section}/{slug}".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permalinks_are_translated() {
        for (permalink, expected) in [
            ("/:year/:month/:day/:title:output_ext", Ok("/{year}/{month}/{day}/{slug}.html")),
            ("/:categories/:short_year/:i_month/:title/", Ok("/{categories}/{date:%y}/{date:%-m}/{slug}/")),
            ("/:sections[1:]/:slug", Ok("/{section:2-}/{slug}")),
            ("/:sections[:2]/:sections[0]/:sections[last]/", Ok("/{section:1-2}/{section:1}/{section:last}/")),
            ("/:section/:contentbasename/", Ok("/{section:1}/{stem}/")),
            ("posts/{date:%Y}/{date:%b}/{slug}.html", Ok("posts/{date:%Y}/{date:%b}/{slug}.html")),
            ("/blog/{{ page.fileSlug }}/", Ok("/blog/{slug}/")),
            ("{{ page.filePathStem }}.html", Ok("/{section}/{slug}.html")),
            ("/{{page.date | date: '%Y/%m'}}/{{- page.fileSlug -}}.html", Ok("/{date:%Y/%m}/{slug}.html")),
            ("https://a.example/:title/", Ok("https://a.example/{slug}/")),
            ("/plain/", Ok("/plain/")),
            ("/:colour/", Err(":colour")),
            ("/a:b", Err(":b")),
            ("/:", Err(":")),
            ("/:sections[x]/", Err(":sections[x]")),
            ("/:sections[1", Ok("/{section}[1")),
            ("/{{ title | slugify }}/", Err("{{ title | slugify }}")),
            ("/{lang}/", Err("{lang}")),
            ("/{{ x", Err("{{ x")),
            ("/{slug", Err("{slug")),
            ("/:日本/", Err(":")),
        ] {
            let translated = translate(permalink);
            assert_eq!(translated.as_deref().map_err(String::as_str), expected, "{permalink}");
        }
    }
}
