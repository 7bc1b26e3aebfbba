//! Lists of elements and attributes: which ones are kept, and how they are treated.

/// Elements that are kept besides those of formulas. Others are replaced by their content. Sorted.
pub(super) const ELEMENTS: &[&str] = &[
    "a",
    "abbr",
    "audio",
    "b",
    "bdi",
    "bdo",
    "blockquote",
    "br",
    "caption",
    "center",
    "cite",
    "code",
    "col",
    "colgroup",
    "data",
    "dd",
    "del",
    "details",
    "dfn",
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
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "rp",
    "rt",
    "ruby",
    "s",
    "samp",
    "section",
    "small",
    "source",
    "span",
    "strike",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "time",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "video",
    "wbr",
];

/// Elements that are removed with their content.
pub(super) const DROPPED: &[&str] = &[
    "applet",
    "button",
    "canvas",
    "datalist",
    "embed",
    "frame",
    "frameset",
    "head",
    "iframe",
    "input",
    "meter",
    "noembed",
    "noframes",
    "noscript",
    "object",
    "optgroup",
    "option",
    "plaintext",
    "portal",
    "progress",
    "script",
    "select",
    "style",
    "svg",
    "template",
    "textarea",
    "title",
    "xmp",
];

/// Attributes that all elements keep. In feeds, most ids are removed: see `anchors`.
pub(super) const COMMON_ATTRIBUTES: &[&str] = &["dir", "id", "lang", "title"];

/// Further attributes that are kept, by element. Those of formulas are in [`FORMULA_ATTRIBUTES`].
pub(super) const ATTRIBUTES: &[(&str, &[&str])] = &[
    ("a", &["href", "hreflang"]),
    ("audio", &["src", "controls"]),
    ("blockquote", &["cite"]),
    // Only on pages, and only the language.
    ("code", &["class"]),
    ("col", &["span"]),
    ("colgroup", &["span"]),
    ("data", &["value"]),
    ("del", &["cite", "datetime"]),
    ("img", &["src", "srcset", "sizes", "alt", "width", "height"]),
    ("ins", &["cite", "datetime"]),
    ("li", &["value"]),
    ("ol", &["start", "reversed", "type"]),
    ("q", &["cite"]),
    ("source", &["src", "type"]),
    ("td", &["colspan", "rowspan", "align"]),
    ("th", &["colspan", "rowspan", "align", "scope"]),
    ("time", &["datetime"]),
    ("video", &["src", "poster", "width", "height", "controls"]),
];

/// Elements of MathML Core that are kept (the W3C's safe list), sorted. `semantics` is not, because it has no effect without annotations.
pub(super) const FORMULA_ELEMENTS: &[&str] = &[
    "math",
    "merror",
    "mfrac",
    "mi",
    "mmultiscripts",
    "mn",
    "mo",
    "mover",
    "mpadded",
    "mphantom",
    "mprescripts",
    "mroot",
    "mrow",
    "ms",
    "mspace",
    "msqrt",
    "mstyle",
    "msub",
    "msubsup",
    "msup",
    "mtable",
    "mtd",
    "mtext",
    "mtr",
    "munder",
    "munderover",
];

/// Attributes that all elements of formulas keep. None contains an address or executes anything.
pub(super) const FORMULA_ATTRIBUTES: &[&str] = &[
    "accent",
    "accentunder",
    "alttext",
    "arg",
    "columnalign",
    "columnspan",
    "depth",
    "dir",
    "display",
    "displaystyle",
    "fence",
    "form",
    "height",
    "intent",
    "largeop",
    "linethickness",
    "lspace",
    "mathbackground",
    "mathcolor",
    "mathsize",
    "mathvariant",
    "maxsize",
    "minsize",
    "movablelimits",
    "rowspan",
    "rspace",
    "scriptlevel",
    "separator",
    "stretchy",
    "symmetric",
    "voffset",
    "width",
];

/// Elements that contain a formula's text.
pub(super) const FORMULA_TOKENS: &[&str] = &["mi", "mn", "mo", "ms", "mtext"];

/// Elements without content and end tag (HTML, section 13.1.2), including obsolete ones.
pub(super) const VOID: &[&str] = &[
    "area", "base", "basefont", "bgsound", "br", "col", "embed", "frame", "hr", "img", "input", "keygen", "link",
    "meta", "param", "source", "track", "wbr",
];

/// Elements whose text isn't part of the prose.
pub(super) const ASIDE: &[&str] =
    &["figure", "figcaption", "table", "pre", "h1", "h2", "h3", "h4", "h5", "h6", "rt", "rp", "audio", "video"];

/// Elements that begin and end a paragraph of text.
pub(super) const BLOCKS: &[&str] = &[
    "blockquote",
    "caption",
    "center",
    "dd",
    "details",
    "div",
    "dl",
    "dt",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "summary",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Whether an element is kept.
pub(super) fn is_element_kept(name: &str) -> bool {
    ELEMENTS.binary_search(&name).is_ok() || FORMULA_ELEMENTS.binary_search(&name).is_ok()
}

/// Whether an element that is kept keeps an attribute.
pub(super) fn is_attribute_kept(element: &str, attribute: &str) -> bool {
    let further = ATTRIBUTES.iter().find(|(name, _)| *name == element).map(|(_, attributes)| *attributes);
    COMMON_ATTRIBUTES.contains(&attribute)
        || further.is_some_and(|attributes| attributes.contains(&attribute))
        || (FORMULA_ATTRIBUTES.contains(&attribute) && FORMULA_ELEMENTS.contains(&element))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_are_searched_are_sorted() {
        assert!(ELEMENTS.is_sorted() && FORMULA_ELEMENTS.is_sorted());
    }
}
