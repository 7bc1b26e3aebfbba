//! Replaces elements that feed readers can't show.
//!
//! Feed readers don't run scripts, and don't support frames, AMP or style sheets. The output has no hidden elements, one `img` per
//! picture, links instead of frames and plug-ins, and plain MathML. One walk converts all elements, because most depend on their
//! surroundings. The walk passes what it shows to [`Writer`].

mod embedded;
mod link;

use ego_tree::NodeRef;
use scraper::node::Element;
use scraper::{ElementRef, Node};

use self::link::Link;
use super::base::{Base, Unusable};
use super::code::{is_code_table, is_gutter};
use super::hidden::{is_hidden, visible_inside};
use super::lists::{DROPPED, FORMULA_ELEMENTS, VOID};
use super::parse::{has_tag, parse_fragment};
use super::pictures::{LAZY_SOURCES, Picture, Replacements, is_image, loadable, picture};
use super::plain::is_plain;
use super::tangled::too_tangled;
use super::trackers::is_pixel;
use super::writer::{Attributes, Last, Writer, Written};
use super::{math, style_sheets};
use crate::article::rendered::LinkBase;
use crate::article::summary::ends_summary;

/// The class of links that replace embeds. Their text isn't part of the prose, so no summary begins with "YouTube".
pub(super) const EMBED_CLASS: &str = "dateline-embed";

/// Content that feeds can't carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::article) enum Loss {
    /// A picture in a `data:` URL, and its alternative text.
    Picture { address: String, alternative: String },
    /// An SVG drawing that isn't an icon. `search_text` is an attribute value by which a diagnostic finds it in the source.
    Drawing { search_text: String },
    /// A player or a frame without an address: the name of its element.
    Embed { element: String },
    /// A `base` that isn't a web address.
    Base { address: String },
}

/// Rewrites HTML. The caller has checked its cost.
pub(super) fn rewrite(html: &str, links: &LinkBase) -> Written {
    crate::article::steps::add(html.len());
    let mut writer = Writer::new(links, html.len() + html.len() / 8);
    Converter { writer: Some(&mut writer), frame_depth: 0, losses: &mut Vec::new() }.convert(html);
    writer.finish()
}

/// The content that feeds can't carry, in document order. Empty if the HTML would take too long to parse.
pub(in crate::article) fn losses(html: &str) -> Vec<Loss> {
    let mut losses = Vec::new();
    if !is_plain(html) && !too_tangled(html) {
        Converter { writer: None, frame_depth: 0, losses: &mut losses }.convert(html);
    }
    losses
}

/// An entry of the stack of parts that are still to be written.
enum Step<'a> {
    Node(NodeRef<'a, Node>),
    End(&'a str),
    Link(Link),
}

struct Converter<'c, 'l> {
    /// `None` if only losses are wanted.
    writer: Option<&'c mut Writer<'l>>,
    frame_depth: usize,
    losses: &'c mut Vec<Loss>,
}

impl Converter<'_, '_> {
    fn convert(&mut self, source: &str) {
        let mut document = parse_fragment(source);
        if has_tag(source, "style") {
            style_sheets::apply(&mut document);
        }
        if has_tag(source, "base") {
            let written = Base::of(document.root_element().descendent_elements());
            let base = written.unwrap_or_else(|Unusable(address)| {
                self.losses.push(Loss::Base { address: address.to_owned() });
                Base::default()
            });
            let root = document.root_element().id();
            base.apply(&mut document, root);
        }
        let document = document;
        let replacements =
            if has_tag(source, "noscript") { Replacements::of(&document) } else { Replacements::default() };
        let mut steps = vec![];
        push_children(document.root_element(), &mut steps);
        while let Some(step) = steps.pop() {
            match step {
                Step::Node(node) => match node.value() {
                    Node::Text(text) => {
                        if text.starts_with(char::is_alphanumeric) && node.prev_sibling().is_some_and(is_frame) {
                            self.space_after(&[Last::Link]);
                        }
                        self.text(text);
                    }
                    Node::Element(_) => {
                        if let Some(element) = ElementRef::wrap(node) {
                            self.element(element, &replacements, &mut steps);
                        }
                    }
                    Node::Comment(comment) if ends_summary(comment) => {
                        if let Some(writer) = &mut self.writer {
                            writer.end_summary();
                        }
                    }
                    _ => {}
                },
                Step::End(name) => self.end(name),
                Step::Link(link) => self.link(&link),
            }
        }
    }

    fn element<'a>(&mut self, element: ElementRef<'a>, replacements: &Replacements, steps: &mut Vec<Step<'a>>) {
        let value = element.value();
        let name = value.name();
        if is_hidden(value) {
            steps.extend(visible_inside(element).into_iter().rev().map(|inner| Step::Node(*inner)));
            return;
        }
        match name {
            "svg" => self.drawing(element),
            // Their content is text, not markup.
            "xmp" | "plaintext" => {
                self.start("pre", &[]);
                self.text(&element.text().collect::<String>());
                self.end("pre");
            }
            "area" => self.area(element),
            "img" | "picture" | "amp-img" | "amp-anim" => self.picture(element, replacements, steps),
            "math" => self.formula(element),
            prefixed if prefixed.ends_with(":math") => self.formula(element),
            "script" => self.script(element),
            "noscript" if is_notice(element) => {}
            "noscript" | "canvas" => push_children(element, steps),
            "iframe" | "embed" | "frame" => self.frame(element),
            "object" => self.object(element, steps),
            known if known.starts_with("amp-") || known.starts_with("lite-") => self.amp(element, steps),
            "span" | "div" if is_preview(element) => {}
            dropped if DROPPED.contains(&dropped) => {}
            // Outside `math`, these elements aren't formulas.
            stray if FORMULA_ELEMENTS.contains(&stray) => push_children(element, steps),
            "audio" | "video" | "source" => {
                let unusable = loadable(value.attr("src")).is_none();
                let lazy = LAZY_SOURCES.iter().find_map(|name| loadable(value.attr(name))).filter(|_| unusable);
                if name != "source" && !element.descendent_elements().any(|inner| has_address(inner.value())) {
                    self.report_loss(element);
                }
                let poster = value.attr("data-poster").filter(|_| value.attr("poster").is_none());
                self.copy_start(value, name, &[("src", lazy), ("poster", poster)]);
                self.finish(element, name, steps);
            }
            "td" | "div" | "span" | "pre" | "code" if is_gutter(element) => {}
            "table" if is_code_table(element) => push_code(element, steps),
            name => {
                self.copy_start(value, name, &[]);
                self.finish(element, name, steps);
            }
        }
    }

    /// Queues the content and the end tag of an element.
    fn finish<'a>(&mut self, element: ElementRef<'a>, name: &'a str, steps: &mut Vec<Step<'a>>) {
        if !VOID.contains(&name) {
            steps.push(Step::End(name));
            push_children(element, steps);
        }
    }

    /// Writes the start tag of an element. `overrides` replaces or adds attributes. They are sorted, as in parsed elements.
    fn copy_start(&mut self, element: &Element, name: &str, overrides: &[(&str, Option<&str>)]) {
        let is_replaced = |name: &str| overrides.iter().any(|(known, value)| *known == name && value.is_some());
        let mut attributes = element.attrs().filter(|(name, _)| !is_replaced(name)).collect::<Vec<_>>();
        if !overrides.is_empty() {
            attributes.extend(overrides.iter().filter_map(|(name, value)| Some((*name, (*value)?))));
            attributes.sort_unstable();
        }
        self.start(name, &attributes);
    }

    fn start(&mut self, name: &str, attributes: &Attributes<'_>) {
        if let Some(writer) = &mut self.writer {
            writer.start(name, attributes);
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(writer) = &mut self.writer {
            writer.text(text);
        }
    }

    fn end(&mut self, name: &str) {
        if let Some(writer) = &mut self.writer {
            writer.end(name);
        }
    }

    fn formula(&mut self, math: ElementRef<'_>) {
        if let Some(writer) = &mut self.writer {
            math::write(math, writer);
        }
    }

    /// Writes a space if one of these was written last.
    fn space_after(&mut self, last: &[Last]) {
        if self.writer.as_ref().is_some_and(|writer| last.contains(&writer.last())) {
            self.text(" ");
        }
    }

    fn picture<'a>(&mut self, element: ElementRef<'a>, replacements: &Replacements, steps: &mut Vec<Step<'a>>) {
        let mut images = element.descendent_elements().filter(|inner| is_image(inner.value().name())).peekable();
        let left_out = match element.value().name() {
            "picture" => images.peek().is_some() && images.all(|image| replacements.is_left_out(image)),
            _ => replacements.is_left_out(element),
        };
        if left_out {
            return;
        }
        match picture(element) {
            Some(picture) => self.image(&picture),
            // An AMP picture may have its fallback inside.
            None if element.value().name() != "img" => push_children(element, steps),
            // A `data:` picture is replaced by its alternative text.
            None if is_embedded(element) => {
                let alternative = element.attr("alt").unwrap_or_default().trim();
                self.text(alternative);
                let address = element.attr("src").unwrap_or_default().trim().to_owned();
                self.losses.push(Loss::Picture { address, alternative: alternative.to_owned() });
            }
            None => {}
        }
    }

    /// Replaces an inline SVG by its label, its title or the text in it. Icons have none of these.
    fn drawing(&mut self, svg: ElementRef<'_>) {
        const MAX_ICON_PIXELS: f32 = 64.0;
        let inside = |name: &'static str| svg.descendent_elements().find(move |inner| inner.value().name() == name);
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let named = svg.attr("aria-label").map(words).filter(|label| !label.is_empty());
        let titled = || inside("title").map(|title| words(&title.text().collect::<String>()));
        if let Some(alternative) = named.or_else(titled).filter(|text| !text.is_empty()) {
            self.text(&alternative);
            return;
        }
        let mut text = String::new();
        let is_text = |node: NodeRef<'_, Node>| {
            let above = node.ancestors().filter_map(|above| above.value().as_element()).map(Element::name);
            let mut above = above.take_while(|name| *name != "svg").peekable();
            !matches!(above.peek(), Some(&("style" | "script" | "desc" | "metadata")))
                && above.any(|name| matches!(name, "text" | "foreignObject"))
        };
        for node in svg.descendants().filter(|node| is_text(*node)) {
            if let Node::Text(part) = node.value() {
                text.push_str(part);
                text.push(' ');
            }
        }
        self.text(&words(&text));
        let search_text = svg.attr("viewBox").or_else(|| svg.attr("width")).or_else(|| svg.attr("id"));
        let is_large = search_text
            .unwrap_or_default()
            .split_whitespace()
            .any(|number| number.trim_end_matches("px").parse::<f32>().is_ok_and(|number| number > MAX_ICON_PIXELS));
        if is_large {
            self.losses.push(Loss::Drawing { search_text: search_text.unwrap_or_default().to_owned() });
        }
    }

    /// Replaces a link of an image map, which feed readers don't support.
    fn area(&mut self, area: ElementRef<'_>) {
        let label = area.attr("alt").or_else(|| area.attr("title")).unwrap_or_default().trim();
        if let Some(address) = area.attr("href").filter(|_| !label.is_empty()) {
            self.text(" ");
            self.start("a", &[("href", address)]);
            self.text(label);
            self.end("a");
        }
    }

    fn image(&mut self, picture: &Picture<'_>) {
        let mut attributes = vec![("src", picture.address)];
        attributes.extend(picture.set.map(|set| ("srcset", set)));
        for name in ["alt", "title", "width", "height", "sizes", "id", "lang", "dir"] {
            if let Some(value) = picture.described_by.attr(name)
                && (name != "sizes" || picture.set.is_some())
            {
                attributes.push((name, value));
            }
        }
        self.start("img", &attributes);
    }

    /// Writes the TeX or MathML of a MathJax script.
    fn script(&mut self, script: ElementRef<'_>) {
        let is_rendered = sibling_class(script.prev_siblings()).is_some_and(|class| class.starts_with("MathJax"));
        if is_rendered && !sibling_class(script.prev_siblings()).is_some_and(|class| class.contains("MathJax_Preview"))
        {
            return;
        }
        let kind = script.attr("type").unwrap_or_default().trim().to_ascii_lowercase();
        match kind.split(';').next().unwrap_or_default().trim() {
            "math/tex" => self.text(script.text().collect::<String>().trim()),
            "math/mml" => {
                let source = script.text().collect::<String>();
                if !too_tangled(&source) {
                    let document = parse_fragment(&source);
                    let formula =
                        document.root_element().descendent_elements().find(|inner| inner.value().name() == "math");
                    if let Some(formula) = formula {
                        self.formula(formula);
                    }
                }
            }
            _ => {}
        }
    }
}

fn push_children<'a>(element: ElementRef<'a>, steps: &mut Vec<Step<'a>>) {
    let is_amp = element.value().name().starts_with("amp-");
    let mut children = element.last_child();
    while let Some(child) = children {
        let is_placeholder = is_amp
            && child.value().as_element().is_some_and(|child| {
                child.name() != "blockquote"
                    && (child.attr("placeholder").is_some() || child.attr("overflow").is_some())
            });
        if !is_placeholder {
            steps.push(Step::Node(child));
        }
        children = child.prev_sibling();
    }
}

/// Queues the content of the cells with code, without the table and the cells with line numbers.
fn push_code<'a>(table: ElementRef<'a>, steps: &mut Vec<Step<'a>>) {
    let rows = table.descendent_elements().filter(|inner| inner.value().name() == "tr");
    let cells: Vec<ElementRef<'a>> = rows.filter_map(|row| row.child_elements().nth(1)).collect();
    cells.into_iter().rev().for_each(|cell| push_children(cell, steps));
}

/// Whether the address is a `data:` URL with a picture other than a placeholder.
fn is_embedded(image: ElementRef<'_>) -> bool {
    /// The beginning of a one-pixel GIF.
    const PIXEL: &str = "R0lGODlhAQAB";
    let address = image.attr("src").unwrap_or_default().trim_start();
    address.split_once(':').is_some_and(|(scheme, rest)| scheme.eq_ignore_ascii_case("data") && !rest.contains(PIXEL))
        && !is_pixel(|name| image.attr(name))
}

/// Whether a player, or a source in one, has an address.
fn has_address(element: &Element) -> bool {
    std::iter::once(&"src").chain(LAZY_SOURCES).any(|name| loadable(element.attr(name)).is_some())
        && matches!(element.name(), "audio" | "video" | "source")
}

/// The class of the first element among the siblings.
fn sibling_class<'a>(mut siblings: impl Iterator<Item = NodeRef<'a, Node>>) -> Option<&'a str> {
    siblings.find_map(|node| node.value().as_element())?.attr("class")
}

/// Whether an element is MathJax's preview of the script that follows.
fn is_preview(element: ElementRef<'_>) -> bool {
    let is_formula = |element: &Element| element.attr("type").is_some_and(|kind| kind.trim().starts_with("math/"));
    element.value().classes().any(|class| class == "MathJax_Preview")
        && element.next_siblings().find_map(|node| node.value().as_element()).is_some_and(is_formula)
}

fn is_frame(node: NodeRef<'_, Node>) -> bool {
    node.value().as_element().is_some_and(|element| matches!(element.name(), "iframe" | "embed" | "object"))
}

/// Whether a `noscript` only asks readers to enable scripts, like the notices of Disqus and enable-javascript.com.
fn is_notice(noscript: ElementRef<'_>) -> bool {
    noscript.descendent_elements().filter_map(|inner| inner.attr("href")).any(|address| {
        address.contains("enable-javascript.com") || (address.contains("disqus.com") && address.contains("noscript"))
    })
}
