//! Setters of the id, the slug, the link and the source's feed.

use std::ops::Range;

use super::Draft;
use crate::article::model::SectionClaim;
use crate::article::permalinks::Permalink;
use crate::article::slugs::parse_slug;
use crate::article::url_template::{AddressFacts, UrlTemplate};
use crate::article::{bundle, keys, permalinks};
use crate::diagnostics::{Code, nearest};
use crate::types::{EntryId, Text, WebUrl};

impl Draft<'_> {
    pub(crate) fn set_id(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.id.is_some() {
            return;
        }
        if raw.trim().is_empty() {
            return;
        }
        match EntryId::parse(raw) {
            Ok(id) => {
                self.record_origin("id", id.as_str(), &span, origin);
                self.id = Some(id);
            }
            Err(reason) => self.report(
                Code::ArticleId,
                span,
                reason,
                "write a URI that no other article has, or leave the key out",
            ),
        }
    }

    pub(crate) fn set_slug(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.slug.is_some() || raw.trim().is_empty() {
            return;
        }
        match parse_slug(raw) {
            Ok(slug) => {
                let slug = self.source.options.slugs.stated_slug(&slug);
                self.record_origin("slug", slug.as_str(), &span, origin);
                self.slug = Some(slug);
            }
            Err(reason) => self.optionally(|draft| {
                let help = "write one such as `harbour-crane-returns`; until then the file's name is used";
                draft.report(Code::ArticleSlug, span, reason, help);
            }),
        }
    }

    pub(crate) fn set_link(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.link.is_some() || raw.trim().is_empty() {
            return;
        }
        let is_from_root = raw.trim_start().starts_with('/');
        let home = self.source.options.home.as_ref().filter(|_| is_from_root);
        match home.map_or_else(|| WebUrl::parse(raw), |home| home.join(raw)) {
            Ok(url) => {
                self.record_origin("link", url.as_str(), &span, origin);
                self.link = Some(url);
            }
            Err(reason) => {
                let message = format!("`{}` is not a URL that readers can load: {reason}", raw.escape_debug());
                self.report(Code::ArticleLink, span, message, link_help(raw));
            }
        }
    }

    /// Sets the link to the address that another tool gives the page, below the website: Jekyll's `permalink`, Hugo's `url`, Zola's `path`.
    pub(crate) fn set_permalink(&mut self, key: &str, raw: &str, span: Range<usize>, origin: &'static str) {
        let path = raw.trim();
        if self.link.is_some() || path.is_empty() || keys::parse_bool(path).is_some() {
            return;
        }
        if path.contains("://") || path.starts_with("//") {
            return self.set_link(path, span, origin);
        }
        if !path.contains(['{', ':']) {
            return self.set_address(key, path, span, origin);
        }
        let template =
            permalinks::translate(path).and_then(|path| UrlTemplate::parse(&path).map_err(|error| error.message));
        match template {
            // The values of placeholders may follow.
            Ok(template) => {
                let key = key.to_owned();
                self.permalink.get_or_insert(Permalink { key, template, span, origin });
            }
            Err(placeholder) => {
                let message = format!("`{key}` has a placeholder without a value: `{}`", placeholder.escape_debug());
                self.report(Code::ArticleLink, span, message, "write the address itself, or set `content.article_url`");
            }
        }
    }

    /// Sets the link to the permalink with placeholders, now that their values are known.
    pub(super) fn expand_permalink(&mut self) {
        let Some(Permalink { key, template, span, origin }) = self.permalink.take() else { return };
        let Some(slug) = self.slug.clone().filter(|_| self.link.is_none()) else { return };
        if template.needs_date() && self.published.is_none() {
            let message = format!("`{key}` has the date in the address, but the article has none");
            return self.report(Code::ArticleLink, span, message, "write `date: 2026-11-23`");
        }
        let categories = self.categories.clone();
        let categories: Vec<&str> = categories.iter().map(Text::as_str).collect();
        let path = self.source.path;
        let stated = match &self.section {
            Some(SectionClaim::Stated(section)) => section.as_str().to_owned(),
            _ => bundle::section_folder(path).to_owned(),
        };
        let section: Vec<&str> = stated.split('/').filter(|name| !name.is_empty()).collect();
        let (date, style) = (self.published, self.source.options.slugs);
        let facts = AddressFacts { path, section: &section, slug: slug.as_str(), categories: &categories, date, style };
        self.set_address(&key, &template.expand(&facts), span, origin);
    }

    /// Sets the link to a path below the website.
    fn set_address(&mut self, key: &str, path: &str, span: Range<usize>, origin: &'static str) {
        // Without the website's address, `content.article_url` decides.
        let Some(home) = &self.source.options.home else { return };
        let home = home.as_str().split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        // Zola writes its paths without slashes around them.
        let end = if key == "path" && !path.ends_with('/') { "/" } else { "" };
        match WebUrl::parse(&format!("{home}/{}{end}", path.trim_start_matches('/'))) {
            Ok(url) => {
                self.record_origin("link", url.as_str(), &span, origin);
                self.link = Some(url);
            }
            Err(reason) => {
                let message = format!("`{}` is not a path of the website: {reason}", path.escape_debug());
                self.report(Code::ArticleLink, span, message, "write one such as `/2026/night-ferry/`");
            }
        }
    }

    pub(crate) fn set_source_feed(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        match WebUrl::parse(raw) {
            Ok(url) => {
                self.record_origin("source.feed", url.as_str(), &span, origin);
                self.source_feed = Some(url);
            }
            Err(reason) => {
                let message = format!("`{}` is not a URL that readers can load: {reason}", raw.escape_debug());
                let feed = "write the whole address of the source's feed, such as `https://agency.example/feed.xml`";
                let help = scheme_help(raw).unwrap_or_else(|| feed.to_owned());
                self.report(Code::ArticleLink, span, message, help);
            }
        }
    }
}

fn link_help(raw: &str) -> String {
    let page = "write the whole address of the article's page, such as `https://www.courier.example/night-ferry.html`; without `link`, \
                dateline links to its own page or to `content.article_url`";
    scheme_help(raw).unwrap_or_else(|| page.to_owned())
}

/// The help for a misspelt `http` or `https`.
pub(super) fn scheme_help(raw: &str) -> Option<String> {
    let (scheme, _) = raw.split_once(':')?;
    let meant = nearest(scheme, ["http", "https"]).filter(|meant| scheme != *meant)?;
    Some(format!("schemes are http and https; did you mean `{meant}`?"))
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;

    use crate::article::{ParseOptions, parse};
    use crate::types::{ArticlePath, WebUrl};

    #[test]
    fn permalinks_have_values_of_placeholders() {
        let home = WebUrl::parse("https://a.example/blog/").ok();
        let options = ParseOptions { home, ..ParseOptions::new("content", TimeZone::UTC) };
        for (keys, expected) in [
            ("permalink: /:year/:title/", Ok("/2026/night-ferry/")),
            (
                "permalink: /:categories/:title.html\ncategories: Boats ferries\nslug: late",
                Ok("/Boats/ferries/late.html"),
            ),
            ("url: /:section/:day/:contentbasename/", Ok("/_posts/18/2026-11-18-night-ferry/")),
            ("permalink: /x/{{ page.fileSlug }}/\npath: /y/", Ok("/x/night-ferry/")),
            ("permalink: /:year/\nlink: https://b.example/", Ok("https://b.example/")),
            ("permalink: /:colour/", Err(1)),
            ("permalink: /{{ title | slug }}/", Err(1)),
            ("permalink: true", Err(0)),
        ] {
            let text = format!("---\ntitle: Night\n{keys}\n---\nText.\n");
            let parsed = parse(&ArticlePath::new("_posts/2026-11-18-night-ferry.md"), text.as_bytes(), &options);
            let link = parsed.article.as_ref().and_then(|article| article.metadata.link.clone());
            let link = link.as_ref().map(|link| link.as_str().trim_start_matches("https://a.example/blog"));
            assert_eq!(link.ok_or(parsed.diagnostics.len()), expected, "{keys}: {:?}", parsed.diagnostics);
        }
        let undated = parse(&ArticlePath::new("a/x.md"), b"---\ntitle: A\npermalink: /:year/:title/\n---\n", &options);
        let reported = format!("{:?}", undated.diagnostics);
        assert!(undated.article.is_some_and(|article| article.metadata.link.is_none()), "{reported}");
        assert!(reported.contains("has the date in the address"), "{reported}");
    }
}
