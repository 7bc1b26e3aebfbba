//! `content.ignore`: gitignore patterns for files and folders of the content directory that aren't articles.

use std::sync::{Arc, LazyLock};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use super::raw::{At, Sink, Table};
use crate::diagnostics::Code;

/// Patterns that always apply: files that repositories, package managers and websites put beside articles. Documents such as `LICENSE` match only in
/// capitals, because an article may be called `license-fees.md`. Only `readme` matches in any case.
const DEFAULTS: [&str; 17] = [
    ".git/",
    "node_modules/",
    "[Rr][Ee][Aa][Dd][Mm][Ee].*",
    "README*",
    "LICENSE*",
    "LICENCE*",
    "COPYING*",
    "CHANGELOG*",
    "CONTRIBUTING*",
    "CODE_OF_CONDUCT*",
    "robots.txt",
    "ads.txt",
    "app-ads.txt",
    "humans.txt",
    "llms.txt",
    "security.txt",
    "requirements.txt",
];

/// Patterns for files and folders that aren't articles. The last matching pattern decides.
#[derive(Clone, Debug)]
pub struct Ignore {
    rules: Vec<Rule>,
    set: GlobSet,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Rule {
    /// The pattern as written.
    pattern: String,
    /// `!README.md`: files that match aren't ignored.
    is_negated: bool,
    /// `drafts/`: matches folders only.
    is_folders_only: bool,
}

impl PartialEq for Ignore {
    fn eq(&self, other: &Ignore) -> bool {
        self.rules == other.rules
    }
}

impl Default for Ignore {
    fn default() -> Ignore {
        Ignore::new(&[]).unwrap_or(Ignore { rules: Vec::new(), set: GlobSet::empty() })
    }
}

impl Ignore {
    /// The default patterns.
    pub fn defaults() -> Arc<Ignore> {
        static DEFAULTS: LazyLock<Arc<Ignore>> = LazyLock::new(Arc::default);
        Arc::clone(&DEFAULTS)
    }

    /// Compiles the default patterns, followed by `patterns`.
    ///
    /// # Errors
    /// The index of an invalid pattern, and why it is invalid.
    fn new(patterns: &[At<String>]) -> Result<Ignore, (usize, String)> {
        let mut set = GlobSetBuilder::new();
        let mut rules = Vec::new();
        let own = patterns.iter().enumerate().map(|(at, pattern)| (at, pattern.value.as_str()));
        for (at, pattern) in DEFAULTS.into_iter().map(|pattern| (0, pattern)).chain(own) {
            let rest = pattern.strip_prefix('!').unwrap_or(pattern);
            let glob = rest.strip_suffix('/').unwrap_or(rest);
            let rule = Rule {
                pattern: pattern.to_owned(),
                is_negated: rest.len() < pattern.len(),
                is_folders_only: glob.len() < rest.len(),
            };
            // Without a slash, the pattern matches names at any depth.
            let glob = match glob.strip_prefix('/') {
                Some("") => return Err((at, "it names nothing".to_owned())),
                Some(anchored) => anchored.to_owned(),
                None if glob.contains('/') => glob.to_owned(),
                None if glob.is_empty() => return Err((at, "it names nothing".to_owned())),
                None => format!("**/{glob}"),
            };
            let built = GlobBuilder::new(&glob).literal_separator(true).backslash_escape(false).build();
            set.add(built.map_err(|error| (at, error.kind().to_string()))?);
            rules.push(rule);
        }
        let set = set.build().map_err(|error| (0, error.to_string()))?;
        Ok(Ignore { rules, set })
    }

    /// Reads `content.ignore`.
    pub(super) fn validate(content: &mut Table<'_>, sink: &mut Sink<'_>) -> Ignore {
        let Some(written) = content.texts(sink, "ignore") else { return Ignore::default() };
        Ignore::new(&written.value).unwrap_or_else(|(at, reason)| {
            if let Some(pattern) = written.value.get(at) {
                let message = format!("`{}` is not a pattern: {reason}", pattern.value.escape_debug());
                let help = "write one such as `archive/`, `*.draft.md` or `!README.md`";
                sink.report(Code::ConfigGlob, &pattern.span, message, help);
            }
            Ignore::default()
        })
    }

    /// The pattern that ignores a file or folder by its own path, regardless of the folders above it.
    pub fn matching_entry(&self, path: &str, is_folder: bool) -> Option<&str> {
        let matches = self.set.matches(path).into_iter().rev().filter_map(|at| self.rules.get(at));
        let rule = matches.into_iter().find(|rule| is_folder || !rule.is_folders_only)?;
        (!rule.is_negated).then_some(rule.pattern.as_str())
    }

    /// The pattern that ignores a file or any folder above it.
    pub fn matching(&self, path: &str) -> Option<&str> {
        let folders = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
        let mut folders = folders.filter_map(|folder| self.matching_entry(folder, true));
        folders.next().or_else(|| self.matching_entry(path, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_gitignore() {
        for (patterns, left_out, kept) in [
            ("", "README.md docs/README.txt Readme.md readme.html LICENSE.md LICENSE-MIT.txt", "readme-of-the-sea.md"),
            ("", "node_modules/x/a.md a/node_modules/b.md CHANGELOG.md", "license-fees.md contributing.md a.md"),
            ("!README.md", "README.txt a/node_modules/README.md", "README.md docs/README.md"),
            ("!node_modules/", "node_modules/x/README.md", "node_modules/x/a.md"),
            ("archive/", "archive/a.md news/archive/b/c.md", "archive.md news/archive"),
            ("/archive/", "archive/a.md", "news/archive/a.md"),
            ("news/*.txt", "news/a.txt", "news/chips/a.txt a.txt"),
            ("news/**/old.md", "news/old.md news/a/b/old.md", "old.md"),
            ("*.md !a.md", "b.md c/b.md", "a.md c/a.md d.txt"),
            ("档案/", "新闻/档案/a.md", "档案.md"),
        ] {
            let patterns: Vec<At<String>> =
                patterns.split_whitespace().map(|value| At { value: value.to_owned(), span: 0..0 }).collect();
            let ignore = Ignore::new(&patterns).expect("patterns");
            for (paths, is_left_out) in [(left_out, true), (kept, false)] {
                for path in paths.split_whitespace() {
                    assert_eq!(ignore.matching(path).is_some(), is_left_out, "{patterns:?}: {path}");
                }
            }
        }
        for wrong in ["", "!", "/", "a[", "{a"] {
            assert!(Ignore::new(&[At { value: wrong.to_owned(), span: 0..0 }]).is_err(), "{wrong}");
        }
    }
}
