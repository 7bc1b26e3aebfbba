//! Resolves relative addresses against a page's `<base href>`.
//!
//! An absolute base makes addresses absolute. With a base without a host, addresses stay relative and only their path changes, because the
//! page's own address may be unknown until its feed is built. References to media files beside the article don't change.

use std::collections::HashSet;

use scraper::{ElementRef, Html, Node};
use url::Url;

use super::pictures::{LAZY_SETS, LAZY_SOURCES, candidates};

/// Attributes with an address, besides those of lazy loaders.
const ADDRESSES: &[&str] = &["href", "src", "poster", "cite", "data", "data-href", "data-poster"];

/// The base of a page.
#[derive(Debug, Default)]
pub(in crate::article) struct Base {
    path: Option<Path>,
}

#[derive(Debug)]
enum Path {
    Absolute(Url),
    FromRoot(Url),
    Relative(String),
}

/// The invalid address of a `base`.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::article) struct Unusable<'p>(pub(in crate::article) &'p str);

impl Base {
    /// The first `base` with an address, which is the only one that counts (HTML, section 4.2.3).
    pub(in crate::article) fn of<'p>(elements: impl Iterator<Item = ElementRef<'p>>) -> Result<Base, Unusable<'p>> {
        let is_base = |element: &ElementRef<'p>| element.value().name() == "base" && element.attr("href").is_some();
        // A `base` in `noscript` has no effect in the author's browser.
        let in_noscript = |element: &ElementRef<'p>| {
            element.ancestors().filter_map(ElementRef::wrap).any(|ancestor| ancestor.value().name() == "noscript")
        };
        let mut bases = elements.filter(is_base).filter(|element| !in_noscript(element));
        let Some(written) = bases.next().and_then(|base| base.attr("href")) else { return Ok(Base::default()) };
        Base::read(written).ok_or(Unusable(written))
    }

    fn read(written: &str) -> Option<Base> {
        let plain = written.chars().filter(|c| !matches!(c, '\t' | '\n' | '\r')).collect::<String>();
        let plain = plain.trim_matches(|c: char| c.is_whitespace() || c.is_control());
        let slashes = |text: &str| text.starts_with("//") || text.starts_with("\\") || text.starts_with("/\\");
        let absolute = if slashes(plain) { format!("https:{plain}") } else { plain.to_owned() };
        let path = match Url::parse(&absolute) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Path::Absolute(url),
            Ok(_) => return None,
            Err(url::ParseError::RelativeUrlWithoutBase) if plain.is_empty() => return Some(Base::default()),
            Err(url::ParseError::RelativeUrlWithoutBase) if plain.starts_with('/') => {
                Path::FromRoot(placeholder_host()?.join(plain).ok()?)
            }
            Err(url::ParseError::RelativeUrlWithoutBase) => {
                let path = plain.split(['?', '#']).next().unwrap_or_default();
                Path::Relative(path.rfind('/').and_then(|end| path.get(..=end)).unwrap_or_default().to_owned())
            }
            Err(_) => return None,
        };
        Some(Base { path: Some(path) })
    }

    /// The resolved reference. `None` if the base doesn't change it.
    pub(in crate::article) fn resolve(&self, reference: &str) -> Option<String> {
        let path = self.path.as_ref()?;
        let reference = reference.trim();
        let is_relative = matches!(Url::parse(reference), Err(url::ParseError::RelativeUrlWithoutBase));
        if reference.is_empty() || !is_relative || reference.starts_with("//") {
            return None;
        }
        match path {
            Path::Absolute(base) => base.join(reference).ok().map(String::from),
            Path::FromRoot(base) => {
                let url = base.join(reference).ok()?;
                let mut path = url.path().to_owned();
                for (sign, part) in [('?', url.query()), ('#', url.fragment())] {
                    if let Some(part) = part {
                        path.push(sign);
                        path.push_str(part);
                    }
                }
                Some(path)
            }
            Path::Relative(folder) if reference.starts_with(['/', '\\']) || folder.is_empty() => None,
            Path::Relative(folder) => Some(format!("{folder}{reference}")),
        }
    }

    /// Applies the base to all addresses in an element, except references to ids.
    pub(in crate::article) fn apply(&self, html: &mut Html, within: ego_tree::NodeId) {
        if self.path.is_none() {
            return;
        }
        let Some(root) = html.tree.get(within).and_then(ElementRef::wrap) else { return };
        let ids = root
            .descendent_elements()
            .flat_map(|element| [element.attr("id"), element.attr("name")])
            .flatten()
            .map(str::to_owned)
            .collect::<HashSet<_>>();
        let elements = root.descendent_elements().map(|element| element.id()).collect::<Vec<_>>();
        for id in elements {
            let Some(mut node) = html.tree.get_mut(id) else { continue };
            let Node::Element(element) = node.value() else { continue };
            let is_parameter = element.name() == "param";
            for (name, value) in &mut element.attrs {
                let name: &str = &name.local;
                let resolved =
                    if ADDRESSES.contains(&name) || LAZY_SOURCES.contains(&name) || (is_parameter && name == "value") {
                        let is_own_id = value.trim().strip_prefix('#').is_some_and(|id| ids.contains(id));
                        self.resolve(value).filter(|_| !is_own_id)
                    } else if name == "srcset" || LAZY_SETS.contains(&name) {
                        Some(self.resolve_set(value))
                    } else {
                        None
                    };
                if let Some(resolved) = resolved {
                    *value = resolved.as_str().into();
                }
            }
        }
    }

    fn resolve_set(&self, set: &str) -> String {
        let resolved = candidates(set).map(|(address, descriptor)| {
            let address = self.resolve(address).unwrap_or_else(|| address.to_owned());
            format!("{address} {descriptor}").trim_end().to_owned()
        });
        resolved.collect::<Vec<_>>().join(", ")
    }
}

/// A placeholder for the page's own host, which isn't known yet (RFC 2606).
fn placeholder_host() -> Option<Url> {
    Url::parse("https://page.invalid/").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_references_follow_the_base() {
        let cases = [
            ("https://c.example/news/", "a.html", Some("https://c.example/news/a.html")),
            ("https://c.example/news/x.html", "a.html", Some("https://c.example/news/a.html")),
            ("https://c.example/news", "a.html", Some("https://c.example/a.html")),
            ("https://c.example/news/", "/a.html", Some("https://c.example/a.html")),
            ("https://c.example/news/", "?p=1", Some("https://c.example/news/?p=1")),
            ("https://c.example/news/", "#n", Some("https://c.example/news/#n")),
            ("https://c.example/news/", "//d.example/a", None),
            ("https://c.example/news/", "https://d.example/a", None),
            ("https://c.example/news/", "mailto:a@b.example", None),
            ("https://c.example/news/", "javascript:x", None),
            ("https://c.example/news/", "", None),
            ("//c.example/news/", "a.html", Some("https://c.example/news/a.html")),
            (" HTTPS://c.example/\n", "a.html", Some("https://c.example/a.html")),
            ("/news/", "a.jpg", Some("/news/a.jpg")),
            ("/news/", "../a.jpg", Some("/a.jpg")),
            ("/news/", "/a.jpg", Some("/a.jpg")),
            ("/", "a.jpg", Some("/a.jpg")),
            ("pictures/", "a.jpg", Some("pictures/a.jpg")),
            ("pictures/x.html", "a.jpg", Some("pictures/a.jpg")),
            ("../", "a.jpg", Some("../a.jpg")),
            ("./", "/a.jpg", None),
            ("x.html", "a.jpg", None),
            ("", "a.jpg", None),
            ("?x", "a.jpg", None),
        ];
        assert_eq!(cases.len(), 24);
        for (base, reference, expected) in cases {
            let resolved = Base::read(base).expect(base).resolve(reference);
            assert_eq!(resolved.as_deref(), expected, "{reference:?} on {base:?}");
        }
        for hostile in [
            "javascript:alert(1)//",
            "java\nscript:x",
            " data:text/html,x",
            "https://",
            "file:///etc/",
            "blob:https://x/",
            "mailto:x",
        ] {
            assert!(Base::read(hostile).is_none(), "{hostile:?}");
        }
    }
}
