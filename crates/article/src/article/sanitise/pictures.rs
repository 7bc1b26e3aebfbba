//! Finds the address of a picture.
//!
//! A page names a picture in `src`, in the candidates of `srcset`, in the `source` elements of a `picture`, or in attributes that
//! a script reads. Feed readers run no scripts, and many know only `src`.

use std::collections::{HashMap, HashSet};

use ego_tree::iter::Edge;
use ego_tree::{NodeId, NodeRef};
use scraper::node::Element;
use scraper::{ElementRef, Html, Node};

use super::hidden::is_hidden;
use super::trackers::{is_pixel, is_tracker};

/// Attributes that lazy loaders read instead of `src`. From Miniflux's rewriter, WordPress plug-ins (a3 Lazy Load, Jetpack, LiteSpeed,
/// Autoptimize, Ezoic), lazysizes, lozad, Cloudflare Mirage and PageSpeed.
pub(crate) const LAZY_SOURCES: &[&str] = &[
    "data-src",
    "data-original",
    "data-lazy-src",
    "data-lazy",
    "data-lazyload",
    "data-litespeed-src",
    "data-pagespeed-lazy-src",
    "data-cfsrc",
    "data-echo",
    "data-delayed-url",
    "data-url",
    "data-image",
    "data-img-src",
    "data-hi-res-src",
    "data-orig-src",
    "data-orig",
    "data-orig-file",
    "data-large-file",
    "data-medium-file",
    "data-original-mos",
    "data-ezsrc",
    "lazy-src",
];

/// The first [`LAZY_SOURCES`] take precedence over `src`, because their loaders show a small copy there first.
const LAZY_PRECEDENCE_COUNT: usize = 3;

/// Attributes that lazy loaders read instead of `srcset`.
pub(crate) const LAZY_SETS: &[&str] =
    &["data-srcset", "data-lazy-srcset", "data-litespeed-srcset", "data-orig-srcset", "data-ezsrcset", "lazy-srcset"];

/// File names of placeholder pictures.
const PLACEHOLDERS: &[&str] =
    &["1x1", "blank", "clear", "empty", "lazy", "loader", "loading", "pixel", "placeholder", "spacer", "transparent"];

/// Wider candidates are chosen only if there is no narrower one. Twice the column width of most readers, in pixels.
const MAX_WIDTH: f32 = 2_000.0;

/// How many candidates of a picture are examined.
const MAX_CANDIDATES: usize = 64;

/// Candidates of a higher pixel density are chosen only if there is no lower one.
const MAX_DENSITY: f32 = 2.0;

/// The picture of an `img`, `amp-img` or `picture` element.
#[derive(Clone, Debug)]
pub(crate) struct Picture<'a> {
    /// The address as written.
    pub(crate) address: &'a str,
    /// The `srcset` as written.
    pub(super) set: Option<&'a str>,
    /// The element with the alternative text and the size.
    pub(crate) described_by: ElementRef<'a>,
}

/// The picture of an element. `None` for tracking pixels, and if there is no usable address.
pub(crate) fn picture(element: ElementRef<'_>) -> Option<Picture<'_>> {
    if element.value().name() != "picture" {
        return image(element);
    }
    let inside = || element.descendent_elements().filter(|inner| !is_hidden(inner.value()));
    let images = || inside().filter(|inner| is_image(inner.value().name()));
    if let Some(shown) = images().find_map(image).filter(|shown| !is_blank(shown.address)) {
        return Some(shown);
    }
    let described_by = images().next().unwrap_or(element);
    // Formats that every reader shows come first, and pictures for dark screens or for print come last.
    let sources = inside().filter(|inner| inner.value().name() == "source").filter_map(|source| {
        let (address, width) = largest(set_of(source.value())?)?;
        let media = source.attr("media").unwrap_or_default();
        let is_special = media.contains("dark") || media.contains("print");
        Some((u8::from(is_special) * 2 + u8::from(!is_common(source.attr("type"), address)), width, address, source))
    });
    let best = sources.reduce(|best, other| if (other.0, -other.1) < (best.0, -best.1) { other } else { best });
    match best {
        Some((_, _, address, source)) if !is_tracker(address) => {
            Some(Picture { address, set: set_of(source.value()), described_by })
        }
        _ => images().find_map(image),
    }
}

/// Whether an element is a single picture.
pub(crate) fn is_image(name: &str) -> bool {
    matches!(name, "img" | "amp-img" | "amp-anim")
}

fn image(element: ElementRef<'_>) -> Option<Picture<'_>> {
    let value = element.value();
    let set = set_of(value).filter(|set| largest(set).is_some());
    let lazy = |names: &[&str]| names.iter().find_map(|name| loadable(value.attr(name)));
    let written = loadable(value.attr("src"));
    let address = lazy(LAZY_SOURCES.get(..LAZY_PRECEDENCE_COUNT).unwrap_or_default())
        .or(written.filter(|address| !is_blank(address)))
        .or_else(|| lazy(LAZY_SOURCES))
        .or_else(|| set.and_then(largest).map(|(address, _)| address))
        .or(written)?;
    let is_tracking_pixel = is_pixel(|name| value.attr(name)) || is_tracker(address);
    (!is_tracking_pixel).then_some(Picture { address, set, described_by: element })
}

/// The `srcset` of an `img` or `source`. The attribute of a lazy loader takes precedence.
fn set_of(element: &Element) -> Option<&str> {
    LAZY_SETS.iter().find_map(|name| element.attr(name)).or_else(|| element.attr("srcset"))
}

/// The address, if it may lead to a picture.
pub(super) fn loadable(address: Option<&str>) -> Option<&str> {
    const OTHERS: &[&str] = &["data", "about", "blob", "javascript", "vbscript", "file"];
    let address = address?.trim();
    let scheme = address.split_once(':').map_or("", |(scheme, _)| scheme);
    (!address.is_empty() && !address.starts_with('#') && !OTHERS.iter().any(|other| scheme.eq_ignore_ascii_case(other)))
        .then_some(address)
}

/// Whether the file is a placeholder picture: `blank.gif`, `placeholder-16x9.png`, `1x1.trans.gif`.
fn is_blank(address: &str) -> bool {
    let file = file_name(address).to_ascii_lowercase();
    PLACEHOLDERS
        .iter()
        .any(|blank| file.strip_prefix(blank).is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphabetic())))
}

/// The last segment of the path of an address.
fn file_name(address: &str) -> &str {
    address.split(['?', '#']).next().and_then(|path| path.rsplit('/').next()).unwrap_or_default()
}

/// Whether all readers show pictures of this type.
fn is_common(media_type: Option<&str>, address: &str) -> bool {
    let extension = file_name(address).rsplit_once('.').map(|(_, extension)| extension);
    let named = media_type.and_then(|media_type| media_type.trim().strip_prefix("image/")).or(extension);
    named.is_none_or(|name| {
        !["avif", "heic", "heif", "jxl", "jp2", "jxr"].iter().any(|rare| rare.eq_ignore_ascii_case(name))
    })
}

/// The candidates of a `srcset` (HTML, section 4.8.4.2.1): addresses and their descriptors.
pub(crate) fn candidates(set: &str) -> impl Iterator<Item = (&str, &str)> {
    let blank = |c: char| c.is_ascii_whitespace() || c == ',';
    let mut rest = set.trim_start_matches(blank);
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (url, after) = rest.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((rest, ""));
        // A comma at the end of a URL ends its candidate; one inside belongs to it.
        let (url, descriptor, after) = match url.strip_suffix(',') {
            Some(url) => (url.trim_end_matches(','), "", after),
            None => match after.split_once(',') {
                Some((descriptor, after)) => (url, descriptor.trim(), after),
                None => (url, after.trim(), ""),
            },
        };
        rest = after.trim_start_matches(blank);
        Some((url, descriptor))
    })
    .take(MAX_CANDIDATES)
}

/// Parses a descriptor: its unit, `w` for a width or `x` for a density, and its number.
pub(super) fn descriptor(written: &str) -> Option<(char, f32)> {
    if written.is_empty() {
        return Some(('x', 1.0));
    }
    // `480w 320h`: the height is ignored (HTML, section 4.8.4.2.2).
    let first = written.split_ascii_whitespace().next()?;
    let unit = first.chars().next_back().filter(|unit| matches!(unit, 'w' | 'x'))?;
    let number = first.get(..first.len() - 1)?.parse::<f32>().ok()?;
    (number > 0.0 && number.is_finite()).then_some((unit, number))
}

/// The largest candidate within the limits, or else the smallest one, and its size.
fn largest(set: &str) -> Option<(&str, f32)> {
    let known = candidates(set).filter_map(|(address, written)| {
        let (unit, number) = descriptor(written)?;
        // A valid set doesn't mix densities and widths. In an invalid one, density 1 counts as 1,000 pixels.
        let width = if unit == 'x' { number * MAX_WIDTH / MAX_DENSITY } else { number };
        Some((loadable(Some(address))?, width))
    });
    known.reduce(|best, other| {
        let fits = |width: f32| width <= MAX_WIDTH;
        let better = match (fits(best.1), fits(other.1)) {
            (true, true) => other.1 > best.1,
            (false, false) => other.1 < best.1,
            (best_fits, _) => !best_fits,
        };
        if better { other } else { best }
    })
}

/// The pictures to leave out in a document with `noscript` elements.
#[derive(Default)]
pub(super) struct Replacements {
    /// Pictures that a neighbouring `noscript` replaces.
    replaced: HashSet<NodeId>,
    /// Pictures in a `noscript` that are shown outside it as well.
    repeated: HashSet<NodeId>,
}

impl Replacements {
    pub(super) fn is_left_out(&self, element: ElementRef<'_>) -> bool {
        self.replaced.contains(&element.id()) || self.repeated.contains(&element.id())
    }

    /// Compares the picture of each `noscript` with its neighbours and with all other pictures.
    pub(super) fn of(html: &Html) -> Replacements {
        let mut replacements = Replacements::default();
        let mut in_noscript: Vec<(ElementRef<'_>, Picture<'_>)> = Vec::new();
        let mut outside: HashMap<&str, usize> = HashMap::new();
        let mut fallbacks = Vec::new();
        let root = html.root_element();
        let mut noscript_depth = 0_usize;
        for edge in root.traverse() {
            let (node, opens) = match edge {
                Edge::Open(node) => (node, true),
                Edge::Close(node) => (node, false),
            };
            let Some(element) = ElementRef::wrap(node) else { continue };
            match (element.value().name(), opens) {
                ("noscript", true) => {
                    if noscript_depth == 0 {
                        fallbacks.push(element);
                    }
                    noscript_depth += 1;
                }
                ("noscript", false) => noscript_depth = noscript_depth.saturating_sub(1),
                (name, true) if is_image(name) => match picture(element) {
                    Some(shown) if noscript_depth > 0 => in_noscript.push((element, shown)),
                    Some(shown) => *outside.entry(shown.address).or_default() += 1,
                    None => {}
                },
                _ => {}
            }
        }
        for fallback in fallbacks {
            let shown = first_picture(fallback);
            let Some(shown) = shown.filter(|_| has_only_pictures(fallback)) else { continue };
            for beside in replaceable_pictures(fallback) {
                let is_replaced = match picture(beside) {
                    None => true,
                    Some(other) => {
                        let candidates = other.set.into_iter().flat_map(candidates).map(|(address, _)| address);
                        let is_same_picture = std::iter::once(other.address)
                            .chain(candidates)
                            .any(|address| address == shown.address || same_file(address, shown.address));
                        let is_placeholder = is_same_picture || is_blank(other.address);
                        // The placeholder may be a neighbour of two `noscript` elements, but is counted once.
                        if is_placeholder
                            && !replacements.replaced.contains(&beside.id())
                            && let Some(count) = outside.get_mut(other.address)
                        {
                            *count = count.saturating_sub(1);
                        }
                        is_placeholder
                    }
                };
                if is_replaced {
                    replacements.replaced.insert(beside.id());
                }
            }
        }
        let is_shown_outside = |address: &str| outside.get(address).is_some_and(|count| *count > 0);
        let repeated =
            in_noscript.iter().filter(|(_, shown)| is_shown_outside(shown.address)).map(|(element, _)| element.id());
        replacements.repeated.extend(repeated);
        replacements
    }
}

/// The first picture in an element that can be shown.
fn first_picture(element: ElementRef<'_>) -> Option<Picture<'_>> {
    element.descendent_elements().filter(|inner| is_image(inner.value().name())).find_map(picture)
}

/// Whether an element contains only pictures: no text, and no link without a picture.
fn has_only_pictures(element: ElementRef<'_>) -> bool {
    element.text().all(|text| text.trim().is_empty())
}

/// How many siblings of a `noscript`, and how many elements in each of them, are examined.
const MAX_NEIGHBOURS: usize = 16;

/// The elements directly before and after an element, ignoring blanks and scripts.
fn adjacent_elements<'a>(element: ElementRef<'a>) -> [Option<ElementRef<'a>>; 2] {
    let shows = |node: &NodeRef<'a, Node>| match node.value() {
        Node::Text(text) => !text.trim().is_empty(),
        Node::Element(element) => !matches!(element.name(), "script" | "style" | "noscript" | "br"),
        _ => false,
    };
    let before = element.prev_siblings().take(MAX_NEIGHBOURS).find(shows).and_then(ElementRef::wrap);
    let after = element.next_siblings().take(MAX_NEIGHBOURS).find(shows).and_then(ElementRef::wrap);
    [before, after]
}

/// The pictures that a `noscript` may replace: its siblings directly before and after, or pictures in siblings without text. If a
/// `noscript` is alone in its parent, the parent's siblings count.
fn replaceable_pictures(fallback: ElementRef<'_>) -> Vec<ElementRef<'_>> {
    let beside = adjacent_elements(fallback);
    let beside = match (beside, fallback.parent().and_then(ElementRef::wrap)) {
        ([None, None], Some(parent)) => adjacent_elements(parent),
        _ => beside,
    };
    let mut found = Vec::new();
    for sibling in beside.into_iter().flatten() {
        let examined = || sibling.descendent_elements().take(MAX_NEIGHBOURS);
        let is_small = examined().count() < MAX_NEIGHBOURS;
        if is_small && !examined().any(|inner| inner.value().name() == "noscript") && has_only_pictures(sibling) {
            found.extend(examined().filter(|inner| is_image(inner.value().name())));
        }
    }
    found
}

/// Whether two addresses have the same file name: copies of a picture in several sizes.
fn same_file(one: &str, other: &str) -> bool {
    file_name(one).contains('.') && file_name(one) == file_name(other)
}
