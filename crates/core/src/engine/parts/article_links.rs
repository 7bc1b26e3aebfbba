//! Which articles link to which others by their files. When an article changes its address, the articles that link to it are rendered again.

use std::collections::{BTreeMap, BTreeSet};

use crate::article::article_links::candidates;
use crate::types::ArticlePath;

/// The links between articles. Few articles have any.
#[derive(Debug, Default)]
pub(crate) struct ArticleLinks {
    links: BTreeMap<ArticlePath, Vec<ArticlePath>>,
    /// The articles with a link to each path, which needn't exist.
    referrers: BTreeMap<ArticlePath, BTreeSet<ArticlePath>>,
}

impl ArticleLinks {
    /// Sets the links of an article.
    pub(crate) fn set(&mut self, path: &ArticlePath, links: &[ArticlePath]) {
        let known = self.links.get(path).map(Vec::as_slice).unwrap_or_default();
        if known == links {
            return;
        }
        for target in self.links.remove(path).unwrap_or_default().iter().flat_map(candidates) {
            if let Some(referrers) = self.referrers.get_mut(&target) {
                referrers.remove(path);
                if referrers.is_empty() {
                    self.referrers.remove(&target);
                }
            }
        }
        for target in links.iter().flat_map(candidates) {
            self.referrers.entry(target).or_default().insert(path.clone());
        }
        if !links.is_empty() {
            self.links.insert(path.clone(), links.to_vec());
        }
    }

    /// The articles that link to one of these.
    pub(crate) fn referrers_of(&self, changed: &[ArticlePath]) -> BTreeSet<ArticlePath> {
        if self.referrers.is_empty() {
            return BTreeSet::new();
        }
        changed.iter().filter_map(|path| self.referrers.get(path)).flatten().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn referrers_follow_links() {
        let path = ArticlePath::new;
        let mut links = ArticleLinks::default();
        links.set(&path("a.md"), &[path("x.md"), path("y.md")]);
        links.set(&path("b.md"), &[path("x.md")]);
        let referrers = |links: &ArticleLinks, changed: &str| -> Vec<String> {
            links.referrers_of(&[path(changed)]).iter().map(ToString::to_string).collect()
        };
        assert_eq!(referrers(&links, "x.md"), ["a.md", "b.md"]);
        assert_eq!(referrers(&links, "x/index.md"), ["a.md", "b.md"]);
        assert_eq!(referrers(&links, "y.markdown"), ["a.md"]);
        links.set(&path("a.md"), &[]);
        assert_eq!(referrers(&links, "x.md"), ["b.md"]);
        links.set(&path("b.md"), &[]);
        assert!(links.referrers.is_empty() && links.links.is_empty());
    }
}
