//! Setters of the id, the slug, the link and the source's feed.

use std::ops::Range;

use super::Draft;
use crate::article::keys;
use crate::diagnostics::{Code, nearest};
use crate::types::{EntryId, Text, WebUrl, is_bidi_control, is_publishable, nfc};

const MAX_SLUG_BYTES: usize = 200;

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
        if path.contains(['{', ':']) && !path.contains("://") {
            let message = format!("`{key}` is a template, which dateline doesn't run: `{}`", path.escape_debug());
            let help = "write the address itself, or set `content.article_url`";
            return self.report(Code::ArticleLink, span, message, help);
        }
        let url = match &self.source.options.home {
            _ if path.contains("://") || path.starts_with("//") => return self.set_link(path, span, origin),
            // Without the website's address, `content.article_url` decides.
            None => return,
            Some(home) => {
                let home = home.as_str().split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
                // Zola writes its paths without slashes around them.
                let end = if key == "path" && !path.ends_with('/') { "/" } else { "" };
                WebUrl::parse(&format!("{home}/{}{end}", path.trim_start_matches('/')))
            }
        };
        match url {
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

/// Parses a slug: one NFC path segment.
pub(super) fn parse_slug(raw: &str) -> Result<Text, String> {
    let slug = nfc(raw.trim());
    if slug.is_empty() {
        return Err("a slug cannot be empty".into());
    }
    if slug == "." || slug == ".." {
        return Err(format!("a slug cannot be `{slug}`"));
    }
    if let Some(bad) =
        slug.chars().find(|&c| matches!(c, '/' | '\\') || c.is_control() || !is_publishable(c) || is_bidi_control(c))
    {
        return Err(format!("a slug cannot contain `{}`", bad.escape_debug()));
    }
    if slug.len() > MAX_SLUG_BYTES {
        return Err(format!("a slug is at most {MAX_SLUG_BYTES} bytes long; this one has {}", slug.len()));
    }
    Ok(Text::line(&slug))
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
