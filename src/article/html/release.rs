//! The `meta` elements that say when, whether and to whom a page is public. All of them count, wherever they stand.
//!
//! A plain `expires` is not among them: servers and old pages mean the cache with it.

use scraper::ElementRef;

use super::super::access;
use super::super::draft::Draft;
use super::super::lifecycle::{self, Meaning};
use super::place_in_tag;

/// Takes what the `meta` elements of a page say.
pub(super) fn read(draft: &mut Draft<'_>, metas: &[ElementRef<'_>]) {
    const HOW: &str = "meta";
    let source = draft.source().text;
    for meta in metas {
        let content = meta.attr("content").unwrap_or_default().trim();
        let mut names = ["name", "property", "itemprop"]
            .iter()
            .filter_map(|attribute| Some((*attribute, meta.attr(attribute)?.trim().to_ascii_lowercase())))
            .collect::<Vec<_>>();
        names.dedup_by(|one, other| one.1 == other.1);
        for (attribute, name) in names {
            let span = place_in_tag(source, "<meta", &name, content)
                .or_else(|| place_in_tag(source, "<meta", &name, &name))
                .unwrap_or(0..0);
            // `dateline-embargo` is spelt like `dateline-id`.
            let own = name.strip_prefix("dateline").and_then(|rest| rest.strip_prefix([':', '-']));
            match (own, name.as_str()) {
                (Some("embargo"), _) | (None, "embargo") => draft.set_embargo(content, span, HOW),
                (Some("expires"), _) | (None, "article:expiration_time" | "og:article:expiration_time") => {
                    draft.set_expires(content, span, HOW);
                }
                (None, "expires") if attribute == "itemprop" => draft.set_expires(content, span, HOW),
                (Some("status"), _) => draft.set_status(content, span, HOW),
                (Some("reason"), _) => draft.set_reason(content, span, HOW),
                (Some("correction" | "corrections"), _) => draft.add_correction_line(content, span, HOW),
                (Some(key), _) if access::is_key(key) => draft.set_access(key, content, span, HOW),
                (None, name) if let Some(key) = access::meta_key(name) => draft.set_access(key, content, span, HOW),
                (None, "robots" | "googlebot" | "googlebot-news" | "bingbot") => {
                    if let Some(date) = unavailable_after(content) {
                        draft.set_expires(last_date(date, draft.source().options), span, "robots");
                    }
                }
                (_, name) if lifecycle::is_nearly_embargo(own.unwrap_or(name)) => {
                    let message = format!("`{}` is not a name that dateline knows", name.escape_debug());
                    draft.refuse_key(Meaning::Embargo, span, message, "did you mean `embargo`?");
                }
                _ => {}
            }
        }
    }
}

/// What stands behind `unavailable_after:` among the directives for search engines.
fn unavailable_after(directives: &str) -> Option<&str> {
    const NAME: &str = "unavailable_after";
    let at = directives.to_ascii_lowercase().find(NAME)?;
    let after = directives.get(at + NAME.len()..)?.trim_start();
    Some(after.strip_prefix(':').unwrap_or(after).trim())
}

/// The longest beginning that is a date: dates have commas, and so have lists of directives. All of it where nothing is.
fn last_date<'t>(text: &'t str, options: &crate::article::ParseOptions) -> &'t str {
    let ends = text.char_indices().filter(|(_, c)| *c == ',').map(|(at, _)| at).chain([text.len()]);
    let readable = |date: &&str| crate::article::date::parse(date, &options.timezone).is_ok();
    ends.filter_map(|end| text.get(..end)).rfind(readable).unwrap_or(text)
}
