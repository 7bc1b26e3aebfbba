//! Setters of the id, the slug, the link and the source's feed.

use std::ops::Range;

use super::Draft;
use crate::diagnostics::{Code, nearest};
use crate::types::{EntryId, Text, WebUrl, is_bidi_control, is_publishable, nfc};

const MAX_SLUG_BYTES: usize = 200;

impl Draft<'_> {
    pub(crate) fn set_id(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.id.is_some() {
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
        if self.slug.is_some() {
            return;
        }
        match parse_slug(raw) {
            Ok(slug) => {
                self.record_origin("slug", slug.as_str(), &span, origin);
                self.slug = Some(slug);
            }
            Err(reason) => self.report(Code::ArticleSlug, span, reason, "write one such as `harbour-crane-returns`"),
        }
    }

    pub(crate) fn set_link(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.link.is_some() {
            return;
        }
        match WebUrl::parse(raw) {
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
