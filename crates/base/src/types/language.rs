//! Language tags.

use std::fmt;
use std::sync::Arc;

/// A well-formed BCP 47 language tag (RFC 5646) in conventional case: `zh-Hant-TW`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Language(Arc<str>);

impl Language {
    /// Parses a tag. Accepts `_` instead of `-`.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub fn parse(raw: &str) -> Result<Language, String> {
        let error =
            || format!("`{}` is not a BCP 47 language tag such as `en`, `zh-Hans` or `pt-BR`", raw.escape_debug());
        let mut tag = String::new();
        for (position, subtag) in raw.trim().replace('_', "-").split('-').enumerate() {
            let is_alphabetic = subtag.chars().all(|c| c.is_ascii_alphabetic());
            let is_subtag =
                !subtag.is_empty() && subtag.len() <= 8 && subtag.chars().all(|c| c.is_ascii_alphanumeric());
            if !is_subtag || (position == 0 && !(is_alphabetic && (2..=3).contains(&subtag.len()))) {
                return Err(error());
            }
            if position > 0 {
                tag.push('-');
            }
            match (position, subtag.len(), is_alphabetic) {
                (0, _, _) => tag.push_str(&subtag.to_ascii_lowercase()),
                (_, 4, true) => {
                    let lower = subtag.to_ascii_lowercase();
                    let mut letters = lower.chars();
                    tag.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                    tag.push_str(letters.as_str());
                }
                (_, 2, true) => tag.push_str(&subtag.to_ascii_uppercase()),
                _ => tag.push_str(&subtag.to_ascii_lowercase()),
            }
        }
        Ok(Language(tag.into()))
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The primary subtag: `zh` of `zh-Hans`.
    pub fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
