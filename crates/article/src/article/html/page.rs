//! A parsed page: finds elements and extracts the article's body.

use std::collections::HashSet;

use ego_tree::NodeId;
use html5ever::{Attribute, QualName, local_name, ns};
use scraper::node::Element;
use scraper::{ElementRef, Html, Node, Selector};

use super::chrome::{boxes, inside_chrome, is_chrome, shown, text_of};
use crate::article::sanitise::base::{Base, Unusable};
use crate::article::sanitise::{Picture, divide_long_texts, hide_by_style_sheets, is_image, parse_document, picture};
use crate::article::{free_part, gates, steps};

/// A parsed page.
pub(super) struct Page {
    html: Html,
}

/// The lead picture with its caption.
#[derive(Debug, Default)]
pub(super) struct Figure {
    pub(super) url: String,
    pub(super) alt: String,
    pub(super) caption: String,
    pub(super) credit: String,
}

impl Page {
    pub(super) fn parse(source: &str) -> Page {
        steps::add(source.len());
        let mut html = parse_document(source);
        hide_by_style_sheets(&mut html);
        divide_long_texts(&mut html);
        Page { html }
    }

    /// Every element of the page in document order.
    pub(super) fn elements(&self) -> impl Iterator<Item = ElementRef<'_>> {
        self.html.root_element().descendent_elements()
    }

    /// The elements of the article itself that the page shows.
    pub(super) fn article_elements(&self) -> impl Iterator<Item = ElementRef<'_>> {
        shown(self.article().unwrap_or(self.html.root_element()))
    }

    /// The base of relative addresses.
    pub(super) fn base(&self) -> Result<Base, Unusable<'_>> {
        Base::of(self.elements())
    }

    /// The `meta` elements of the page.
    pub(super) fn metas(&self) -> Vec<ElementRef<'_>> {
        self.elements().filter(|element| element.value().name() == "meta").collect()
    }

    /// The root of the page.
    pub(super) fn root(&self) -> ElementRef<'_> {
        self.html.root_element()
    }

    /// The first headline of the article, or else of the page.
    pub(super) fn headline(&self) -> Option<String> {
        let heading = |element: &ElementRef<'_>| element.value().name() == "h1";
        self.article_elements()
            .find(heading)
            .or_else(|| shown(self.html.root_element()).find(heading))
            .map(text_of)
            .filter(|text| !text.is_empty())
    }

    /// The element of the article: `<article>`, `<main>`, an element with such a role, or else the whole body. Of several articles, the one
    /// with the headline, because the others are teasers.
    pub(super) fn article(&self) -> Option<ElementRef<'_>> {
        let elements = || shown(self.html.root_element());
        let named = |name: &'static str| elements().filter(move |element| element.value().name() == name);
        let with_headline =
            || named("article").find(|article| shown(*article).any(|element| element.value().name() == "h1"));
        with_headline()
            .or_else(|| named("article").find(|article| !inside_chrome(*article)))
            .or_else(|| named("main").next())
            .or_else(|| elements().find(|element| element.attr("role") == Some("main")))
            .or_else(|| named("body").next())
    }

    /// The `<aside>` and `<form>` elements in an `<article>` whose text is left out: element name and beginning of the text.
    pub(super) fn left_out_boxes(&self) -> Vec<(&str, &str)> {
        let article = self.article().filter(|article| article.value().name() == "article");
        let boxes = article.map(boxes).unwrap_or_default();
        boxes.into_iter().map(|found| (found.value().name(), first_text(found))).collect()
    }

    /// The first figure of the article with a picture, the picture, and whether the figure is above the text.
    fn find_lead(&self) -> Option<(ElementRef<'_>, Picture<'_>, bool)> {
        let mut above = true;
        for element in self.article_elements() {
            match element.value().name() {
                "p" if above => {
                    let has_text = !text_of(element).is_empty();
                    above = !has_text || is_inside(element, "figure") || is_inside(element, "header");
                }
                "figure" => {
                    let is_picture = |name: &str| name == "picture" || is_image(name);
                    let mut pictures = shown(element).filter(|inner| is_picture(inner.value().name()));
                    if let Some(found) = pictures.find_map(picture) {
                        return Some((element, found, above));
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// Whether the article contains a paywall mark that alone makes it paid.
    pub(super) fn has_unambiguous_mark(&self) -> bool {
        let is_mark = |node: &Node| matches!(node, Node::Comment(comment) if free_part::is_unambiguous_mark(comment));
        self.article().is_some_and(|article| article.descendants().any(|node| is_mark(node.value())))
    }

    /// Whether the article has gated parts.
    pub(super) fn has_gate(&self) -> bool {
        self.article().is_some_and(|article| {
            article.descendants().any(|node| gates::may_be_tag(node.value()))
                && gates::page_has_gate(&article.inner_html())
        })
    }

    /// Reduces the page to the free part of a paid article: without the elements of these selectors, and without the text below the
    /// paywall mark. `is_gated`: gated parts are removed already. `None` if the free part is unknown: there is neither a selector nor a
    /// mark, or a selector is invalid, matches nothing in the article's text, or matches all of it.
    pub(super) fn into_free_part(mut self, paid: &[&str], is_gated: bool) -> Option<Page> {
        /// Longer selectors may take long to match.
        const MAX_SELECTOR_BYTES: usize = 500;
        const MAX_SELECTORS: usize = 20;
        let article = self.article()?;
        let mut removed = Vec::new();
        if paid.len() > MAX_SELECTORS || paid.iter().any(|selector| selector.len() > MAX_SELECTOR_BYTES) {
            return None;
        }
        /// Combinators and pseudo-classes that examine all siblings or descendants of each element.
        const COSTLY: &[char] = &['~', ':'];
        for selector in paid {
            let selector = Some(selector).filter(|selector| !selector.contains(COSTLY))?;
            let selector = Selector::parse(selector).ok()?;
            // Chrome such as a sign-up box isn't the paid part.
            let mut finds_text = false;
            for element in self.html.select(&selector) {
                if element.id() == article.id() || article.ancestors().any(|node| node.id() == element.id()) {
                    return None;
                }
                if element.ancestors().any(|node| node.id() == article.id()) {
                    removed.push(element.id());
                    finds_text |= is_visible_text(element, article.id());
                }
            }
            if !finds_text {
                return None;
            }
        }
        let is_mark = |node: &Node| matches!(node, Node::Comment(comment) if free_part::is_mark(comment));
        let mark = article.descendants().find(|node| is_mark(node.value()));
        if removed.is_empty() && mark.is_none() && !is_gated {
            return None;
        }
        // Remove all nodes of the article below the mark.
        let mut above = mark;
        while let Some(node) = above.filter(|node| node.id() != article.id()) {
            removed.extend(node.next_siblings().map(|sibling| sibling.id()));
            above = node.parent();
        }
        for id in removed {
            if let Some(mut node) = self.html.tree.get_mut(id) {
                node.detach();
            }
        }
        Some(self)
    }

    /// The lead picture, and whether it is above the text.
    pub(super) fn lead_figure(&self) -> Option<(Figure, bool)> {
        let (element, picture, above) = self.find_lead()?;
        let caption = shown(element).find(|inner| inner.value().name() == "figcaption");
        let credit = shown(element).find(|inner| {
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
        let alt = picture.described_by.attr("alt").unwrap_or_default().trim().to_owned();
        let url = picture.address.to_owned();
        Some((Figure { url, alt, caption: caption_text, credit: credit_text }, above))
    }

    /// The HTML of the article without chrome, hidden elements and the headline, which is any of `titles`. `without_figure` removes the
    /// lead picture too, because the entry shows it separately. `None` if nothing is left.
    pub(super) fn body(mut self, titles: &[&str], without_figure: bool, base: &Base) -> Option<String> {
        let article = self.article()?.id();
        let lead = self.find_lead().filter(|_| without_figure).map(|(figure, ..)| figure.id());
        let (removed, targets) = self.nodes_outside_body(article, titles, lead)?;
        for id in removed {
            if let Some(mut node) = self.html.tree.get_mut(id) {
                node.detach();
            }
        }
        for target in targets.iter().rev() {
            if let Some(mut node) = self.html.tree.get_mut(article) {
                node.prepend(Node::Element(anchor(target)));
            }
        }
        base.apply(&mut self.html, article);
        let article = self.html.tree.get(article).and_then(ElementRef::wrap)?;
        let shows = |name: &str| {
            name.starts_with("amp-")
                || ["img", "picture", "video", "audio", "table", "iframe", "embed", "object", "math"].contains(&name)
        };
        let empty =
            text_of(article).is_empty() && !article.descendent_elements().any(|inner| shows(inner.value().name()));
        (!empty).then(|| article.inner_html().trim().to_owned())
    }

    /// The nodes of the article that aren't part of its body, and the ids in headline and lead picture, which may be targets of links in
    /// the body.
    fn nodes_outside_body(
        &self,
        article: NodeId,
        titles: &[&str],
        lead: Option<NodeId>,
    ) -> Option<(Vec<NodeId>, Vec<String>)> {
        let article = self.html.tree.get(article).and_then(ElementRef::wrap)?;
        let mut removed = Vec::new();
        let mut targets = Vec::new();
        let titles: HashSet<String> = titles.iter().map(|title| normalised_title(title)).collect();
        for element in article.descendent_elements().skip(1) {
            let repeats_title = || {
                matches!(element.value().name(), "h1" | "h2") && titles.contains(&normalised_title(&text_of(element)))
            };
            if lead == Some(element.id()) || repeats_title() {
                let ids =
                    element.descendent_elements().filter_map(|inner| inner.attr("id").or_else(|| inner.attr("name")));
                targets.extend(ids.map(str::to_owned));
            } else if !is_chrome(element) {
                continue;
            }
            removed.push(element.id());
        }
        Some((removed, targets))
    }
}

/// An anchor: `<a id="...">`.
fn anchor(id: &str) -> Element {
    let attribute = Attribute { name: QualName::new(None, ns!(), local_name!("id")), value: id.into() };
    Element::new(QualName::new(None, ns!(html), local_name!("a")), vec![attribute])
}

/// Whether an element of an article contains visible text or pictures.
fn is_visible_text(element: ElementRef<'_>, article: NodeId) -> bool {
    let mut around = element.ancestors().take_while(|node| node.id() != article).filter_map(ElementRef::wrap);
    let shows = |name: &str| {
        is_image(name) || ["picture", "video", "audio", "table", "iframe", "embed", "object", "math"].contains(&name)
    };
    !is_chrome(element)
        && !around.any(is_chrome)
        && shown(element).any(|inner| {
            shows(inner.value().name())
                || inner.children().any(|child| matches!(child.value(), Node::Text(text) if !text.trim().is_empty()))
        })
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

/// Whether there is such a `meta` element without content.
pub(super) fn is_empty(metas: &[ElementRef<'_>], name: &str) -> bool {
    metas.iter().any(|element| {
        ["name", "property", "itemprop"]
            .iter()
            .any(|attribute| element.attr(attribute).is_some_and(|value| value.trim().eq_ignore_ascii_case(name)))
            && element.attr("content").is_none_or(|content| content.trim().is_empty())
    })
}

/// The first text in an element.
fn first_text(element: ElementRef<'_>) -> &str {
    element.text().map(str::trim).find(|text| !text.is_empty()).unwrap_or_default()
}

/// The normalised title, for comparison.
fn normalised_title(title: &str) -> String {
    title.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn is_inside(element: ElementRef<'_>, name: &str) -> bool {
    element.ancestors().filter_map(ElementRef::wrap).any(|ancestor| ancestor.value().name() == name)
}
