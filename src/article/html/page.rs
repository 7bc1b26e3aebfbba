//! A parsed page: finding elements, and cutting the article's body out of everything around it.

use scraper::{ElementRef, Html, Node};

/// Elements that are never part of an article's text.
const CHROME: &[&str] = &[
    "nav", "header", "aside", "footer", "script", "style", "form", "noscript", "iframe", "template", "link", "meta",
    "button", "input", "select", "textarea", "dialog", "menu",
];

/// ARIA roles that say the same.
const CHROME_ROLES: &[&str] = &["navigation", "banner", "complementary", "contentinfo", "search", "dialog", "alert"];

/// Class names that page templates give to what is not the article's text; whole names, not parts of them.
const CHROME_CLASSES: &[&str] = &[
    "nav",
    "navigation",
    "breadcrumb",
    "breadcrumbs",
    "share",
    "sharing",
    "social",
    "social-share",
    "related",
    "related-posts",
    "related-articles",
    "recommended",
    "newsletter",
    "comments",
    "advert",
    "advertisement",
    "ad",
    "tags",
    "byline",
    "dateline-meta",
    "entry-meta",
    "post-meta",
    "article-meta",
    "pagination",
    "screen-reader-text",
    "visually-hidden",
    "sr-only",
];

/// Where a picture's address may be: `src`, and what the scripts of lazy loaders read.
const LOADED_FROM: &[&str] = &["src", "data-src", "data-original", "data-lazy-src"];

/// A page in memory.
pub(super) struct Page {
    html: Html,
}

/// The lead picture, as the page shows it.
#[derive(Debug, Default)]
pub(super) struct Figure {
    pub(super) url: String,
    pub(super) alt: String,
    pub(super) caption: String,
    pub(super) credit: String,
}

impl Page {
    pub(super) fn parse(source: &str) -> Page {
        Page { html: Html::parse_document(source) }
    }

    /// Every element of the page in document order.
    pub(super) fn elements(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.html.root_element().descendent_elements()
    }

    /// The elements of the article itself.
    pub(super) fn article_elements(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.article().unwrap_or(self.html.root_element()).descendent_elements()
    }

    /// The `meta` elements of the page.
    pub(super) fn metas(&self) -> Vec<ElementRef<'_>> {
        self.elements().filter(|element| element.value().name() == "meta").collect()
    }

    /// The root of the page.
    pub(super) fn root(&self) -> ElementRef<'_> {
        self.html.root_element()
    }

    /// The first headline of the article, else of the page.
    pub(super) fn headline(&self) -> Option<String> {
        let heading = |element: &ElementRef<'_>| element.value().name() == "h1";
        self.article_elements()
            .find(heading)
            .or_else(|| self.elements().find(heading))
            .map(text_of)
            .filter(|text| !text.is_empty())
    }

    /// `<article>`, else `<main>`, else what plays that role, else the whole body. Of several articles it is the one with the
    /// headline, because the others are teasers.
    fn article(&self) -> Option<ElementRef<'_>> {
        let named = |name: &'static str| self.elements().filter(move |element| element.value().name() == name);
        let with_headline = || {
            named("article").find(|article| article.descendent_elements().any(|element| element.value().name() == "h1"))
        };
        with_headline()
            .or_else(|| named("article").find(|article| !inside_chrome(*article)))
            .or_else(|| named("main").next())
            .or_else(|| self.elements().find(|element| element.attr("role") == Some("main")))
            .or_else(|| named("body").next())
    }

    /// The first picture of the article that has a place of its own, and whether it stands above the text.
    pub(super) fn lead_figure(&self) -> Option<(Figure, bool)> {
        let mut above = true;
        for element in self.article_elements() {
            match element.value().name() {
                "p" if !text_of(element).is_empty() && !inside(element, "figure") && !inside(element, "header") => {
                    above = false
                }
                "figure" => {
                    let Some(image) = element.descendent_elements().find(|inner| inner.value().name() == "img") else {
                        continue;
                    };
                    let Some(url) = image_url(image) else { continue };
                    let caption = element.descendent_elements().find(|inner| inner.value().name() == "figcaption");
                    let credit = element.descendent_elements().find(|inner| {
                        inner
                            .value()
                            .classes()
                            .any(|class| matches!(class, "credit" | "photo-credit" | "image-credit" | "copyright"))
                            || inner
                                .attr("itemprop")
                                .is_some_and(|name| matches!(name, "creditText" | "copyrightHolder" | "author"))
                    });
                    let credit_text = credit.map(text_of).unwrap_or_default();
                    let mut caption_text = caption.map(text_of).unwrap_or_default();
                    if let Some(shorter) = caption_text.strip_suffix(credit_text.as_str()) {
                        caption_text = shorter.trim_end().to_owned();
                    }
                    let alt = image.attr("alt").unwrap_or_default().trim().to_owned();
                    return Some((Figure { url, alt, caption: caption_text, credit: credit_text }, above));
                }
                _ => {}
            }
        }
        None
    }

    /// The HTML of the article without what surrounds it: navigation, header, asides, footer, scripts, forms, the headline
    /// (any of `titles`, which the feed carries itself), and the lead picture where `without_figure` says that the entry has it already.
    /// `None` where nothing is left.
    pub(super) fn body(mut self, titles: &[&str], without_figure: bool) -> Option<String> {
        let article = self.article()?;
        let mut figure_seen = false;
        let mut removed = Vec::new();
        let mut images = Vec::new();
        for element in article.descendent_elements() {
            let name = element.value().name();
            let repeats_title =
                matches!(name, "h1" | "h2") && titles.iter().any(|title| same_words(&text_of(element), title));
            let lead = name == "figure"
                && !figure_seen
                && element.descendent_elements().any(|inner| inner.value().name() == "img");
            figure_seen |= lead;
            if is_chrome(element) || repeats_title || (lead && without_figure) {
                removed.push(element.id());
            } else if name == "img"
                && let (None, Some(url)) = (loadable(element.attr("src")), image_url(element))
            {
                images.push((element.id(), url));
            }
        }
        let article = article.id();
        // Pictures that a script would load: readers of feeds run none.
        for (id, url) in images {
            if let Some(mut node) = self.html.tree.get_mut(id)
                && let Node::Element(element) = node.value()
                && let Some((name, value)) = LOADED_FROM
                    .iter()
                    .find_map(|attribute| element.attrs.iter().position(|(name, _)| &*name.local == *attribute))
                    .and_then(|at| element.attrs.get_mut(at))
            {
                name.local = "src".into();
                *value = url.as_str().into();
            }
        }
        for id in removed {
            if let Some(mut node) = self.html.tree.get_mut(id) {
                node.detach();
            }
        }
        let article = self.html.tree.get(article).and_then(ElementRef::wrap)?;
        let shows = ["img", "video", "audio", "table"];
        let empty = text_of(article).is_empty()
            && !article.descendent_elements().any(|inner| shows.contains(&inner.value().name()));
        (!empty).then(|| article.inner_html().trim().to_owned())
    }
}

/// The contents of the `meta` elements with this `name`, `property` or `itemprop`, compared without letter case.
pub(super) fn contents<'p>(metas: &[ElementRef<'p>], name: &str) -> impl Iterator<Item = &'p str> {
    let named = move |element: &&ElementRef<'p>| {
        ["name", "property", "itemprop", "http-equiv"]
            .iter()
            .any(|attribute| element.attr(attribute).is_some_and(|value| value.trim().eq_ignore_ascii_case(name)))
    };
    metas
        .iter()
        .filter(named)
        .filter_map(|element| element.attr("content"))
        .map(str::trim)
        .filter(|content| !content.is_empty())
}

/// Whether there is such a `meta` element with nothing in it.
pub(super) fn is_empty(metas: &[ElementRef<'_>], name: &str) -> bool {
    metas.iter().any(|element| {
        ["name", "property", "itemprop"]
            .iter()
            .any(|attribute| element.attr(attribute).is_some_and(|value| value.trim().eq_ignore_ascii_case(name)))
            && element.attr("content").is_none_or(|content| content.trim().is_empty())
    })
}

/// The words of an element on one line.
pub(super) fn text_of(element: ElementRef<'_>) -> String {
    let mut text = String::new();
    for part in element.text() {
        text.push_str(part);
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn same_words(one: &str, other: &str) -> bool {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase();
    words(one) == words(other)
}

/// Where a picture really is: the attribute that a lazy loader reads, when `src` is missing or a placeholder.
fn image_url(image: ElementRef<'_>) -> Option<String> {
    LOADED_FROM.iter().find_map(|name| loadable(image.attr(name))).map(str::to_owned)
}

fn loadable(url: Option<&str>) -> Option<&str> {
    url.map(str::trim)
        .filter(|url| !url.is_empty() && !url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:")))
}

fn is_chrome(element: ElementRef<'_>) -> bool {
    let value = element.value();
    CHROME.contains(&value.name())
        || element.attr("hidden").is_some()
        || element.attr("role").is_some_and(|role| CHROME_ROLES.contains(&role))
        || value.classes().any(|class| CHROME_CLASSES.iter().any(|known| known.eq_ignore_ascii_case(class)))
        || (value.name() == "p"
            && element.descendent_elements().any(is_author_link)
            && text_of(element).chars().count() < 100)
}

/// `<a rel="author">`
pub(super) fn is_author_link(element: ElementRef<'_>) -> bool {
    element.attr("rel").is_some_and(|rel| rel.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("author")))
}

fn inside(element: ElementRef<'_>, name: &str) -> bool {
    element.ancestors().filter_map(ElementRef::wrap).any(|ancestor| ancestor.value().name() == name)
}

fn inside_chrome(element: ElementRef<'_>) -> bool {
    element.ancestors().filter_map(ElementRef::wrap).any(is_chrome)
}
