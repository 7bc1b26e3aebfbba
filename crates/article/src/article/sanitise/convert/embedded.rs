//! Replaces frames, plug-ins and AMP elements by links or by their fallback.

use ego_tree::NodeRef;
use scraper::{ElementRef, Node};

use super::link::Link;
use super::{Converter, EMBED_CLASS, Loss, Step, push_children};
use crate::article::sanitise::amp::{self, Amp};
use crate::article::sanitise::embeds::{embed, is_tracker_address};
use crate::article::sanitise::pictures::{LAZY_SOURCES, is_image, loadable, picture};
use crate::article::sanitise::tangled::too_tangled;
use crate::article::sanitise::trackers::is_pixel;
use crate::article::sanitise::writer::Last;

/// Attributes that consent managers read instead of the `src` of a frame: Cookiebot, Complianz, consentmanager, Usercentrics.
const CONSENT_SOURCES: &[&str] =
    &["data-cookieblock-src", "data-src-cmplz", "data-cmp-src", "data-uc-src", "data-iframe-src", "data-frame-src"];

/// The depth of nested `srcdoc` frames that are converted.
const MAX_FRAME_DEPTH: usize = 2;

impl Converter<'_, '_> {
    pub(super) fn frame(&mut self, element: ElementRef<'_>) {
        if is_pixel(|name| element.attr(name)) {
            return;
        }
        let mut alternatives = LAZY_SOURCES.iter().chain(CONSENT_SOURCES);
        let written =
            loadable(element.attr("src")).or_else(|| alternatives.find_map(|name| loadable(element.attr(name))));
        match (written, element.attr("srcdoc")) {
            (Some(address), _) => match embed(address) {
                Some(embed) => self.link(&Link::new(embed, element)),
                None if is_tracker_address(address) => {}
                None => self.report_loss(element),
            },
            (None, Some(document)) if self.frame_depth < MAX_FRAME_DEPTH && !too_tangled(document) => {
                let writer = self.writer.as_deref_mut();
                Converter { writer, frame_depth: self.frame_depth + 1, losses: self.losses }.convert(document);
            }
            (None, _) => self.report_loss(element),
        }
    }

    pub(super) fn report_loss(&mut self, element: ElementRef<'_>) {
        self.losses.push(Loss::Embed { element: element.value().name().to_owned() });
    }

    /// Replaces a plug-in by its fallback, preceded by a link to the plug-in's content unless the fallback contains it.
    pub(super) fn object<'a>(&mut self, element: ElementRef<'a>, steps: &mut Vec<Step<'a>>) {
        let written = loadable(element.attr("data")).or_else(|| parameter(element));
        let target = written.and_then(embed).filter(|_| !is_pixel(|name| element.attr(name)));
        if let Some(target) = target {
            let link = Link::new(target, element);
            let repeats_content = element.descendent_elements().skip(1).any(|inner| {
                // A picture in the fallback is the same picture in a more common format.
                if link.is_picture && is_image(inner.value().name()) {
                    return picture(inner).is_some();
                }
                let inner = ["href", "src", "data"].iter().find_map(|name| inner.attr(name));
                inner.and_then(embed).is_some_and(|inner| inner == link.embed)
            });
            if !repeats_content {
                steps.push(Step::Link(link));
            }
        } else if written.is_none_or(|address| !is_tracker_address(address))
            && !is_pixel(|name| element.attr(name))
            && element.children().all(is_not_fallback)
        {
            self.report_loss(element);
        }
        push_children(element, steps);
    }

    pub(super) fn amp<'a>(&mut self, element: ElementRef<'a>, steps: &mut Vec<Step<'a>>) {
        let mut label = "";
        let mut target = None;
        let mut is_known = false;
        for (replacement, name) in amp::rows(element.value().name()) {
            is_known = true;
            label = name;
            match replacement {
                Amp::Nothing => return,
                Amp::Element(name) => {
                    self.copy_start(element.value(), name, &[]);
                    steps.push(Step::End(name));
                    push_children(element, steps);
                    return;
                }
                Amp::Formula(attribute) => {
                    self.text(element.attr(attribute).unwrap_or_default().trim());
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
        // A post has its text as a quotation inside. The content of other known elements is only a placeholder picture.
        let has_quotation = element.child_elements().any(|child| child.value().name() == "blockquote");
        if !is_known || has_quotation {
            push_children(element, steps);
        } else if is_lost {
            self.report_loss(element);
        }
    }

    pub(super) fn link(&mut self, link: &Link) {
        let Link { embed, title, is_inline, is_picture } = link;
        if *is_inline {
            self.space_after(&[Last::Word, Last::Link]);
        } else {
            self.start("p", &[]);
        }
        self.start("a", &[("href", &embed.address), ("class", EMBED_CLASS)]);
        if *is_picture {
            self.start("img", &[("src", &embed.address), ("alt", title.as_deref().unwrap_or_default())]);
        } else {
            let path = embed.address.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
            let file = path.rsplit('/').next().filter(|name| !name.is_empty());
            let name = title.as_deref().or(embed.name.as_deref()).or(file);
            self.text(name.unwrap_or(&embed.address));
        }
        self.end("a");
        if !is_inline {
            self.end("p");
        }
    }
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
