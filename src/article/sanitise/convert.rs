//! Replaces elements that feed readers can't show, before the HTML is sanitised.
//!
//! Feed readers don't run scripts, and don't support frames, AMP or style sheets. The markup is parsed as if scripts were disabled, so
//! `noscript` has content. The output has no hidden elements, one `img` per picture, links instead of frames and plug-ins, and plain
//! MathML.
//!
//! Long because one walk converts all elements, and most depend on their surroundings.

use std::borrow::Cow;

use ego_tree::NodeRef;
use html5ever::tendril::TendrilSink;
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, QualName, driver, local_name as atom, ns};
use scraper::node::Element;
use scraper::{ElementRef, Html, HtmlTreeSink, Node};

use super::amp::{self, Amp};
use super::base::{Base, Unusable};
use super::embeds::{Embed, counts_readers, embed};
use super::hidden::{is_hidden, visible_inside};
use super::lists::{DROPPED, VOID};
use super::pictures::{LAZY_SOURCES, Picture, Replacements, is_image, loadable, picture};
use super::tangled::too_tangled;
use super::trackers::is_pixel;
use super::{math, style_sheets};
use crate::article::summary::ends_summary;
use crate::encoding::{escape_attribute, escape_text};
use crate::types::media_type;

/// The class of links that replace embeds. Their text isn't part of the prose, so no summary begins with "YouTube".
pub(super) const EMBED_CLASS: &str = "dateline-embed";

/// Attributes that consent managers read instead of the `src` of a frame: Cookiebot, Complianz, consentmanager, Usercentrics.
const CONSENT_SOURCES: &[&str] =
    &["data-cookieblock-src", "data-src-cmplz", "data-cmp-src", "data-uc-src", "data-iframe-src", "data-frame-src"];

/// The depth of nested `srcdoc` frames that are converted.
const MAX_FRAME_DEPTH: usize = 2;

/// Elements that need no conversion. Markdown without raw HTML contains only these.
const PLAIN: &[&str] = &[
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "cite",
    "code",
    "dd",
    "del",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "section",
    "small",
    "span",
    "strong",
    "sub",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "u",
    "ul",
];

/// Parts of attributes that need conversion.
const CONVERTED_ATTRIBUTES: &[&str] = &["style", "hidden", "srcset", "data-", "lazy-src"];
/// Parts of attributes of pictures that need conversion.
const CONVERTED_PICTURE_ATTRIBUTES: &[&str] = &["//", "data:", "width", "height"];

/// Elements inside which a link doesn't get its own paragraph.
const PHRASING: &[&str] = &[
    "a", "abbr", "b", "cite", "code", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "i", "mark", "p", "s", "small",
    "span", "strong", "sub", "summary", "sup", "time", "u",
];

/// Converts HTML. The caller has checked its cost.
pub(super) fn convert(html: &str) -> Cow<'_, str> {
    if is_plain(html) {
        return Cow::Borrowed(html);
    }
    let mut written = String::with_capacity(html.len());
    Converter { html: &mut written, frame_depth: 0, losses: &mut Vec::new() }.convert(html);
    Cow::Owned(written)
}

/// The content that feeds can't carry, in document order. Empty if the HTML would take too long to parse.
pub(in crate::article) fn losses(html: &str) -> Vec<Loss> {
    let mut losses = Vec::new();
    if !is_plain(html) && !too_tangled(html) {
        Converter { html: &mut String::new(), frame_depth: 0, losses: &mut losses }.convert(html);
    }
    losses
}

/// Content that feeds can't carry.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::article) enum Loss {
    /// A picture in a `data:` URL, and its alternative text.
    Picture { address: String, alternative: String },
    /// An SVG drawing that isn't an icon, with an attribute value to find it by.
    Drawing { mark: String },
    /// A player or a frame without an address: the name of its element.
    Embed { element: String },
    /// A `base` that isn't a web address.
    Base { address: String },
}

/// A cheap check of the tags whether there is nothing to convert.
fn is_plain(html: &str) -> bool {
    html.split('<').skip(1).all(|chunk| {
        let rest = chunk.strip_prefix('/').unwrap_or(chunk);
        let end = rest.find(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/')).unwrap_or(rest.len());
        let (name, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            // The `<` may be in a quoted value, so attributes may follow.
            return !needs_conversion(rest, false);
        }
        let attributes = rest.rsplit_once('>').map_or(rest, |(tag, _)| tag);
        PLAIN.iter().any(|plain| plain.eq_ignore_ascii_case(name))
            && !needs_conversion(attributes, name.eq_ignore_ascii_case("img"))
    })
}

/// Whether attributes need conversion.
fn needs_conversion(attributes: &str, is_picture: bool) -> bool {
    if attributes.trim().is_empty() {
        return false;
    }
    let attributes = attributes.to_ascii_lowercase();
    let of_pictures = CONVERTED_PICTURE_ATTRIBUTES.iter().filter(|_| is_picture);
    CONVERTED_ATTRIBUTES.iter().chain(of_pictures).any(|part| attributes.contains(part))
}

/// Parses a fragment as browsers with scripts disabled do.
pub(super) fn parse_fragment(html: &str) -> Html {
    let sink = HtmlTreeSink::new(Html::new_fragment());
    let body = QualName::new(None, ns!(html), atom!("body"));
    driver::parse_fragment(sink, without_scripts(), body, Vec::new(), false).one(html)
}

/// Parses a page as browsers with scripts disabled do.
pub(crate) fn parse_document(html: &str) -> Html {
    driver::parse_document(HtmlTreeSink::new(Html::new_document()), without_scripts()).one(html)
}

fn without_scripts() -> ParseOpts {
    ParseOpts {
        tree_builder: TreeBuilderOpts { scripting_enabled: false, ..TreeBuilderOpts::default() },
        ..ParseOpts::default()
    }
}

/// A part that is still to be written.
enum Step<'a> {
    Node(NodeRef<'a, Node>),
    End(&'a str),
    Link(Link),
}

/// A link that replaces an embed.
struct Link {
    embed: Embed,
    title: Option<String>,
    is_inline: bool,
    /// Whether the embed is a picture, which the link then shows.
    is_picture: bool,
}

impl Link {
    fn new(embed: Embed, element: ElementRef<'_>) -> Link {
        let typed = element.attr("type").is_some_and(|kind| kind.trim_start().starts_with("image/"));
        let path = embed.address.split(['?', '#']).next().unwrap_or_default();
        let extension = path.rsplit_once('.').and_then(|(_, extension)| media_type(extension));
        let is_picture = typed || extension.is_some_and(|kind| kind.starts_with("image/"));
        Link { embed, title: title(element), is_inline: is_inline(element), is_picture }
    }
}

/// Whether markup contains a tag of this name, in any letter case.
pub(in crate::article) fn has_tag(markup: &str, name: &str) -> bool {
    markup.match_indices('<').any(|(at, _)| {
        let tag = markup.as_bytes().get(at + 1..at + 1 + name.len());
        tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name.as_bytes()))
    })
}

struct Converter<'h> {
    html: &'h mut String,
    frame_depth: usize,
    losses: &'h mut Vec<Loss>,
}

impl Converter<'_> {
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
                        if text.starts_with(char::is_alphanumeric)
                            && self.html.ends_with("</a>")
                            && node.prev_sibling().is_some_and(is_frame)
                        {
                            self.html.push(' ');
                        }
                        escape_text(text, self.html);
                    }
                    Node::Element(_) => {
                        if let Some(element) = ElementRef::wrap(node) {
                            self.element(element, &replacements, &mut steps);
                        }
                    }
                    Node::Comment(comment) if ends_summary(comment) => self.html.push_str("<!--more-->"),
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
                self.html.push_str("<pre>");
                escape_text(&element.text().collect::<String>(), self.html);
                self.html.push_str("</pre>");
            }
            "area" => self.area(element),
            "img" | "picture" | "amp-img" | "amp-anim" => self.picture(element, replacements, steps),
            "math" => math::write(element, self.html),
            prefixed if prefixed.ends_with(":math") => math::write(element, self.html),
            "script" => self.script(element),
            "noscript" if is_notice(element) => {}
            "noscript" | "canvas" => push_children(element, steps),
            "iframe" | "embed" | "frame" => self.frame(element),
            "object" => self.object(element, steps),
            known if known.starts_with("amp-") || known.starts_with("lite-") => self.amp(element, steps),
            "span" | "div" if is_preview(element) => {}
            dropped if DROPPED.contains(&dropped) => {}
            // Outside formulas, ammonia would drop their text.
            stray if math::ELEMENTS.contains(&stray) => push_children(element, steps),
            "audio" | "video" | "source" => {
                let unusable = loadable(value.attr("src")).is_none();
                let lazy = LAZY_SOURCES.iter().find_map(|name| loadable(value.attr(name))).filter(|_| unusable);
                if name != "source" && !element.descendent_elements().any(|inner| has_address(inner.value())) {
                    self.report_loss(element);
                }
                let poster = value.attr("data-poster").filter(|_| value.attr("poster").is_none());
                self.start(value, name, &[("src", lazy), ("poster", poster)]);
                self.finish(element, name, steps);
            }
            name => {
                self.start(value, name, &[]);
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

    /// Writes a start tag with its attributes. `instead` replaces or adds some.
    fn start(&mut self, element: &Element, name: &str, instead: &[(&str, Option<&str>)]) {
        let replaced = |name: &str| instead.iter().any(|(known, value)| *known == name && value.is_some());
        self.html.push('<');
        self.html.push_str(name);
        for (attribute, value) in element.attrs() {
            if !replaced(attribute) && !attribute.starts_with("data-") {
                self.attribute(attribute, value);
            }
        }
        for (attribute, value) in instead {
            if let Some(value) = value {
                self.attribute(attribute, value);
            }
        }
        self.html.push('>');
    }

    fn end(&mut self, name: &str) {
        self.html.push_str("</");
        self.html.push_str(name);
        self.html.push('>');
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.html.push(' ');
        self.html.push_str(name);
        self.html.push_str("=\"");
        escape_attribute(value, self.html);
        self.html.push('"');
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
                escape_text(alternative, self.html);
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
            escape_text(&alternative, self.html);
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
        escape_text(&words(&text), self.html);
        let mark = svg.attr("viewBox").or_else(|| svg.attr("width")).or_else(|| svg.attr("id"));
        let is_large = mark
            .unwrap_or_default()
            .split_whitespace()
            .any(|number| number.trim_end_matches("px").parse::<f32>().is_ok_and(|number| number > MAX_ICON_PIXELS));
        if is_large {
            self.losses.push(Loss::Drawing { mark: mark.unwrap_or_default().to_owned() });
        }
    }

    /// Replaces a link of an image map, which feed readers don't support.
    fn area(&mut self, area: ElementRef<'_>) {
        let label = area.attr("alt").or_else(|| area.attr("title")).unwrap_or_default().trim();
        if let Some(address) = area.attr("href").filter(|_| !label.is_empty()) {
            self.html.push_str(" <a");
            self.attribute("href", address);
            self.html.push('>');
            escape_text(label, self.html);
            self.html.push_str("</a>");
        }
    }

    fn image(&mut self, picture: &Picture<'_>) {
        self.html.push_str("<img");
        self.attribute("src", picture.address);
        if let Some(set) = picture.set {
            self.attribute("srcset", set);
        }
        for name in ["alt", "title", "width", "height", "sizes", "id", "lang", "dir"] {
            if let Some(value) = picture.described_by.attr(name)
                && (name != "sizes" || picture.set.is_some())
            {
                self.attribute(name, value);
            }
        }
        self.html.push('>');
    }

    /// Writes the TeX or MathML of a MathJax script.
    fn script(&mut self, script: ElementRef<'_>) {
        let rendered = sibling_class(script.prev_siblings()).is_some_and(|class| class.starts_with("MathJax"));
        if rendered && !sibling_class(script.prev_siblings()).is_some_and(|class| class.contains("MathJax_Preview")) {
            return;
        }
        let kind = script.attr("type").unwrap_or_default().trim().to_ascii_lowercase();
        match kind.split(';').next().unwrap_or_default().trim() {
            "math/tex" => escape_text(script.text().collect::<String>().trim(), self.html),
            "math/mml" => {
                let source = script.text().collect::<String>();
                if !too_tangled(&source) {
                    let document = parse_fragment(&source);
                    let formula =
                        document.root_element().descendent_elements().find(|inner| inner.value().name() == "math");
                    if let Some(formula) = formula {
                        math::write(formula, self.html);
                    }
                }
            }
            _ => {}
        }
    }

    fn frame(&mut self, element: ElementRef<'_>) {
        if is_pixel(|name| element.attr(name)) {
            return;
        }
        let mut waiting = LAZY_SOURCES.iter().chain(CONSENT_SOURCES);
        let written = loadable(element.attr("src")).or_else(|| waiting.find_map(|name| loadable(element.attr(name))));
        match (written, element.attr("srcdoc")) {
            (Some(address), _) => match embed(address) {
                Some(embed) => self.link(&Link::new(embed, element)),
                None if counts_readers(address) => {}
                None => self.report_loss(element),
            },
            (None, Some(document)) if self.frame_depth < MAX_FRAME_DEPTH && !too_tangled(document) => {
                Converter { html: self.html, frame_depth: self.frame_depth + 1, losses: self.losses }.convert(document);
            }
            (None, _) => self.report_loss(element),
        }
    }

    fn report_loss(&mut self, element: ElementRef<'_>) {
        self.losses.push(Loss::Embed { element: element.value().name().to_owned() });
    }

    /// Replaces a plug-in by its fallback, and by a link to its content unless the fallback contains one.
    fn object<'a>(&mut self, element: ElementRef<'a>, steps: &mut Vec<Step<'a>>) {
        let written = loadable(element.attr("data")).or_else(|| parameter(element));
        let target = written.and_then(embed).filter(|_| !is_pixel(|name| element.attr(name)));
        if let Some(target) = target {
            let link = Link::new(target, element);
            let repeats = element.descendent_elements().skip(1).any(|inner| {
                // A picture in the fallback is the same picture in a more common format.
                if link.is_picture && is_image(inner.value().name()) {
                    return picture(inner).is_some();
                }
                let inner = ["href", "src", "data"].iter().find_map(|name| inner.attr(name));
                inner.and_then(embed).is_some_and(|inner| inner == link.embed)
            });
            if !repeats {
                steps.push(Step::Link(link));
            }
        } else if written.is_none_or(|address| !counts_readers(address))
            && !is_pixel(|name| element.attr(name))
            && element.children().all(is_not_fallback)
        {
            self.report_loss(element);
        }
        push_children(element, steps);
    }

    fn amp<'a>(&mut self, element: ElementRef<'a>, steps: &mut Vec<Step<'a>>) {
        let mut label = "";
        let mut target = None;
        let mut known = false;
        for (becomes, name) in amp::rows(element.value().name()) {
            known = true;
            label = name;
            match becomes {
                Amp::Nothing => return,
                Amp::Element(name) => {
                    self.start(element.value(), name, &[]);
                    steps.push(Step::End(name));
                    push_children(element, steps);
                    return;
                }
                Amp::Formula(attribute) => {
                    escape_text(element.attr(attribute).unwrap_or_default().trim(), self.html);
                    return;
                }
                Amp::Frame(attributes) => target = attributes.iter().find_map(|name| embed(element.attr(name)?)),
                Amp::Page(attribute, before, after) => {
                    target =
                        element.attr(attribute).and_then(|id| amp::page(before, id, after)).as_deref().and_then(embed);
                }
                Amp::Template(template) => {
                    target = amp::filled(template, |name| element.attr(name)).as_deref().and_then(embed);
                }
            }
            if target.is_some() {
                break;
            }
        }
        let is_lost = target.is_none();
        if let Some(mut embed) = target {
            if !label.is_empty() {
                embed.name = Some(label.to_owned());
            }
            steps.push(Step::Link(Link::new(embed, element)));
        }
        // The placeholder of a post is its text. The placeholder of a frame is an empty picture.
        let quotes = element.child_elements().any(|child| child.value().name() == "blockquote");
        if !known || quotes {
            push_children(element, steps);
        } else if is_lost {
            self.report_loss(element);
        }
    }

    fn link(&mut self, link: &Link) {
        let Link { embed, title, is_inline, is_picture } = link;
        if !is_inline {
            self.html.push_str("<p>");
        } else if self.html.ends_with(char::is_alphanumeric) || self.html.ends_with("</a>") {
            self.html.push(' ');
        }
        self.html.push_str("<a");
        self.attribute("href", &embed.address);
        self.attribute("class", EMBED_CLASS);
        self.html.push('>');
        if *is_picture {
            self.html.push_str("<img");
            self.attribute("src", &embed.address);
            self.attribute("alt", title.as_deref().unwrap_or_default());
            self.html.push('>');
        } else {
            let path = embed.address.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
            let file = path.rsplit('/').next().filter(|name| !name.is_empty());
            let name = title.as_deref().or(embed.name.as_deref()).or(file);
            escape_text(name.unwrap_or(&embed.address), self.html);
        }
        self.html.push_str("</a>");
        if !is_inline {
            self.html.push_str("</p>");
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

/// Whether the address is a `data:` URL with a picture other than a placeholder.
fn is_embedded(image: ElementRef<'_>) -> bool {
    /// The beginning of a one-pixel GIF.
    const PIXEL: &str = "R0lGODlhAQAB";
    let address = image.attr("src").unwrap_or_default().trim_start();
    address.split_once(':').is_some_and(|(scheme, rest)| scheme.eq_ignore_ascii_case("data") && !rest.contains(PIXEL))
        && !is_pixel(|name| image.attr(name))
}

/// The title of a frame.
fn title(element: ElementRef<'_>) -> Option<String> {
    let title = element.attr("title").or_else(|| element.attr("aria-label"))?;
    Some(title.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|title| !title.is_empty())
}

/// The address in a plug-in's parameters.
fn parameter(object: ElementRef<'_>) -> Option<&str> {
    const NAMES: &[&str] = &["movie", "src", "url", "filename", "source"];
    object
        .child_elements()
        .filter(|child| child.value().name() == "param")
        .filter(|param| {
            let name = param.attr("name").unwrap_or_default().trim();
            NAMES.iter().any(|known| known.eq_ignore_ascii_case(name))
        })
        .find_map(|param| loadable(param.attr("value")))
}

/// Whether a node inside a plug-in isn't fallback content.
fn is_not_fallback(node: NodeRef<'_, Node>) -> bool {
    match node.value() {
        Node::Text(text) => text.trim().is_empty(),
        Node::Element(element) => element.name() == "param",
        _ => true,
    }
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

/// Whether an element is inside a line of text.
fn is_inline(element: ElementRef<'_>) -> bool {
    let parent = element.ancestors().filter_map(ElementRef::wrap).find(|ancestor| {
        let name = ancestor.value().name();
        !matches!(name, "noscript" | "object" | "picture" | "font" | "center") && !name.contains('-')
    });
    parent.is_some_and(|parent| PHRASING.contains(&parent.value().name()))
}

/// Whether a `noscript` only asks readers to enable scripts: the notices of Disqus and enable-javascript.com.
fn is_notice(noscript: ElementRef<'_>) -> bool {
    noscript.descendent_elements().filter_map(|inner| inner.attr("href")).any(|address| {
        address.contains("enable-javascript.com") || (address.contains("disqus.com") && address.contains("noscript"))
    })
}
