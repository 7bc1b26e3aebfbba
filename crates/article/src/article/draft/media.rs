//! Setters of pictures and media files, with the check of their addresses.

use std::ops::Range;

use super::Draft;
use super::addresses::scheme_help;
use crate::article::file_names::{in_drafts_folder, in_tilde_folder, is_drafts_folder};
use crate::article::media_terms::{MediaReference, MediaTerms};
use crate::article::model::{ImageFile, Media, MediaFacts};
use crate::diagnostics::Code;
use crate::encoding::percent_decoded;
use crate::types::{Text, WebUrl, folder, media_type};

impl Draft<'_> {
    pub(crate) fn set_image_url(&mut self, raw: &str, span: Range<usize>, origin: &'static str) {
        if self.image.is_empty() && !raw.trim().is_empty() {
            self.add_image_file(raw, None, span, origin);
        }
    }

    /// Whether the lead picture has a file.
    pub(crate) fn has_image(&self) -> bool {
        !self.image.is_empty()
    }

    /// Adds a file of the lead picture. Each file is one size of it.
    pub(crate) fn add_image_file(
        &mut self,
        raw: &str,
        facts: Option<MediaFacts>,
        span: Range<usize>,
        origin: &'static str,
    ) {
        match self.media_reference(raw) {
            Ok(url) => {
                self.record_origin("image", raw.trim(), &span, origin);
                self.image.push(ImageFile { url, facts });
            }
            Err(message) => self.report(Code::ArticleImage, span, message, url_help(raw)),
        }
    }

    /// Adds an agency's terms for a file.
    pub(crate) fn add_terms(&mut self, terms: MediaTerms) {
        self.terms.push(terms);
    }

    pub(crate) fn add_media(
        &mut self,
        raw: &str,
        kind: Option<&str>,
        facts: Option<MediaFacts>,
        duration: Option<u64>,
        span: Range<usize>,
        origin: &'static str,
    ) {
        match self.media_reference(raw) {
            Ok(url) => {
                self.record_origin("media", raw.trim(), &span, origin);
                let media_type = kind.map(Text::line);
                self.media.push(Media { url, media_type, facts, duration });
            }
            Err(message) => self.report(Code::ArticleMedia, span, message, url_help(raw)),
        }
    }

    /// Parses a URL or the path of a media file relative to the article. The error is a message for the diagnostic.
    pub(crate) fn media_reference(&self, raw: &str) -> Result<MediaReference, String> {
        let raw = raw.trim();
        let has_scheme = raw.split_once(':').is_some_and(|(scheme, _)| {
            !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
        });
        if has_scheme {
            let url = WebUrl::parse(raw)
                .map_err(|reason| format!("`{}` is not a URL that readers can load: {reason}", truncated(raw)))?;
            return Ok(MediaReference::Remote(url));
        }
        if let Some(rest) = raw.strip_prefix("//") {
            let url = WebUrl::parse(&format!("https://{rest}"))
                .map_err(|reason| format!("`{}` is not a URL that readers can load: {reason}", truncated(raw)))?;
            return Ok(MediaReference::Remote(url));
        }
        let decoded = percent_decoded(raw).unwrap_or_else(|| raw.to_owned());
        let raw = decoded.as_str();
        if let Some(home) = self.source.options.home.as_ref().filter(|_| raw.starts_with('/')) {
            let url =
                home.join(raw).map_err(|reason| format!("`{}` is not on the website: {reason}", truncated(raw)))?;
            return Ok(MediaReference::Remote(url));
        }
        if raw.starts_with('/') || raw.contains(['\\', '\0']) {
            return Err(format!("`{}` is neither a whole URL nor a file beside the article", raw.escape_debug()));
        }
        let extension = raw.rsplit_once('.').map_or("", |(_, extension)| extension);
        if media_type(extension).is_none() {
            return Err(format!("`{}` is not a file that can be published with an article", raw.escape_debug()));
        }
        let folder = folder::relative(self.source.path.folder());
        let mut segments: Vec<&str> = folder.split('/').filter(|segment| !segment.is_empty()).collect();
        for segment in raw.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments
                        .pop()
                        .ok_or_else(|| format!("`{}` leads out of the content directory", raw.escape_debug()))?;
                }
                hidden if hidden.starts_with('.') => return Err(format!("`{}` is a hidden file", raw.escape_debug())),
                drafts if is_drafts_folder(drafts) && !in_drafts_folder(self.source.path) => {
                    return Err(format!(
                        "`{}` is in a folder of drafts, which are never published",
                        raw.escape_debug()
                    ));
                }
                other => segments.push(other),
            }
        }
        let path = self.source.path.at(&segments);
        if in_tilde_folder(&path) {
            return Err(format!("`{}` is in a folder that starts with `~`, which is ignored", raw.escape_debug()));
        }
        Ok(MediaReference::Local(path))
    }
}

/// The beginning of an address, because a `data:` URL may be very long.
fn truncated(raw: &str) -> String {
    const MAX_CHARACTERS: usize = 80;
    let start: String = raw.chars().take(MAX_CHARACTERS).collect();
    format!("{}{}", start.escape_debug(), if start.len() < raw.len() { "…" } else { "" })
}

fn url_help(raw: &str) -> String {
    if raw.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        return "save it as a file beside the article, and name that".to_owned();
    }
    let file =
        "write a whole address such as `https://www.courier.example/q.jpg`, or the name of a file beside the article";
    scheme_help(raw).unwrap_or_else(|| file.to_owned())
}
