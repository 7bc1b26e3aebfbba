//! Detects hidden elements by the `hidden` attribute, `aria-hidden` and inline styles. [`super::style_sheets`] sets the attribute for
//! simple rules of style sheets.

use cssparser::{Delimiter, ParseError, Parser, parse_important};
use scraper::ElementRef;
use scraper::node::Element;

/// Values of `display` (CSS Display 3, and prefixed forms). CSS ignores a declaration whose value isn't one of them.
const DISPLAYS: &[&str] = &[
    "block",
    "contents",
    "flex",
    "flow",
    "flow-root",
    "grid",
    "grid-lanes",
    "inherit",
    "initial",
    "inline",
    "inline-block",
    "inline-flex",
    "inline-grid",
    "inline-table",
    "list-item",
    "math",
    "none",
    "revert",
    "revert-layer",
    "ruby",
    "ruby-base",
    "ruby-base-container",
    "ruby-text",
    "ruby-text-container",
    "run-in",
    "table",
    "table-caption",
    "table-cell",
    "table-column",
    "table-column-group",
    "table-footer-group",
    "table-header-group",
    "table-row",
    "table-row-group",
    "unset",
    "-webkit-box",
    "-webkit-flex",
    "-webkit-inline-box",
    "-webkit-inline-flex",
    "-moz-box",
    "-ms-flexbox",
    "-ms-grid",
];

const VISIBILITIES: &[&str] =
    &["visible", "hidden", "collapse", "inherit", "initial", "unset", "revert", "revert-layer"];

const CONTENT_VISIBILITIES: &[&str] =
    &["visible", "auto", "hidden", "inherit", "initial", "unset", "revert", "revert-layer"];

/// Whether an element hides its content. `aria-hidden` hides a picture only if it has no alternative text: Wikipedia's formulas are
/// pictures with `aria-hidden`, next to MathML that the page doesn't show.
pub(crate) fn is_hidden(element: &Element) -> bool {
    if element.attrs.is_empty() {
        return element.name() == "dialog";
    }
    if element.attr("hidden").is_some() {
        return true;
    }
    if element.attr("aria-hidden").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        let is_described = element.name() == "img" && element.attr("alt").is_some_and(|alt| !alt.trim().is_empty());
        if !is_described {
            return true;
        }
    }
    match element.name() {
        "dialog" if element.attr("open").is_none() => return true,
        name if name.starts_with("amp-") && element.attr("layout") == Some("nodisplay") => return true,
        _ => {}
    }
    element
        .attr("style")
        .is_some_and(|style| matches!(visibility_of(style).0, Visibility::Hidden | Visibility::HiddenUnlessOverridden))
}

/// The outermost visible elements inside an element that is hidden only by `visibility` (CSS Display 3, section 4).
pub(crate) fn visible_inside(element: ElementRef<'_>) -> Vec<ElementRef<'_>> {
    let is_invisible = |element: &Element| {
        element.attr("style").is_some_and(|style| visibility_of(style).0 == Visibility::HiddenUnlessOverridden)
    };
    if !is_invisible(element.value()) || element.attr("hidden").is_some() || element.attr("aria-hidden").is_some() {
        return Vec::new();
    }
    let mut open: Vec<ElementRef<'_>> = element.child_elements().collect();
    open.reverse();
    let mut found = Vec::new();
    while let Some(element) = open.pop() {
        let value = element.value();
        if is_hidden(value) && !is_invisible(value) {
            continue;
        }
        if value.attr("style").is_some_and(is_visible) {
            found.push(element);
            continue;
        }
        let first = open.len();
        open.extend(element.child_elements());
        if let Some(children) = open.get_mut(first..) {
            children.reverse();
        }
    }
    found
}

/// The visibility of an element according to its declarations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Visibility {
    Unspecified,
    Visible,
    /// Hidden by `visibility`, which descendants may override.
    HiddenUnlessOverridden,
    Hidden,
}

/// The visibility that declarations state, and whether they are `!important`.
pub(super) fn visibility_of(style: &str) -> (Visibility, bool) {
    crate::article::steps::add(style.len());
    let [display, visibility, content] = declared(style);
    let hidden_by = |(value, important): &(String, bool), hiding: &[&str], visibility: Visibility| {
        hiding.contains(&value.as_str()).then_some((visibility, *important))
    };
    let hidden = hidden_by(&display, &["none"], Visibility::Hidden)
        .or_else(|| hidden_by(&content, &["hidden"], Visibility::Hidden))
        .or_else(|| hidden_by(&visibility, &["hidden", "collapse"], Visibility::HiddenUnlessOverridden));
    let shown = || {
        let (_, important) = [&display, &visibility].into_iter().find(|(value, _)| !value.is_empty())?;
        Some((Visibility::Visible, *important))
    };
    hidden.or_else(shown).unwrap_or((Visibility::Unspecified, false))
}

fn is_visible(style: &str) -> bool {
    let [_, (visibility, _), _] = declared(style);
    visibility == "visible" && visibility_of(style).0 == Visibility::Visible
}

/// The effective values of `display`, `visibility` and `content-visibility`, empty if undeclared, and whether each is `!important`.
/// The last declaration wins unless an earlier one is `!important`.
fn declared(style: &str) -> [(String, bool); 3] {
    let properties: [(&str, &[&str]); 3] =
        [("display", DISPLAYS), ("visibility", VISIBILITIES), ("content-visibility", CONTENT_VISIBILITIES)];
    let mut declared: [(String, bool); 3] = Default::default();
    let mut parser = Parser::new(style);
    while !parser.is_exhausted() {
        let declaration = parser.parse_until_after(Delimiter::Semicolon, declaration);
        let Ok((name, value, important)) = declaration else { continue };
        for ((property, valid), (in_force, was_important)) in properties.iter().zip(&mut declared) {
            let is_valid = value.split(' ').all(|word| valid.contains(&word));
            if name == *property && is_valid && (important || !*was_important) {
                (*in_force, *was_important) = (value.clone(), important);
            }
        }
    }
    declared
}

/// Parses a declaration whose value consists of words: name and value in lower case, and whether it is `!important`.
fn declaration(parser: &mut Parser<'_>) -> Result<(String, String, bool), ParseError<()>> {
    let name = parser.expect_ident()?.to_ascii_lowercase();
    parser.expect_colon()?;
    let mut value = parser.expect_ident()?.to_ascii_lowercase();
    while let Ok(word) = parser.try_parse(Parser::expect_ident_cloned) {
        value.push(' ');
        value.push_str(&word.to_ascii_lowercase());
    }
    let important = parser.try_parse(parse_important).is_ok();
    parser.expect_exhausted()?;
    Ok((name, value, important))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_styles_hide_elements() {
        let cases = [
            ("display:none", true),
            ("display : none", true),
            ("DISPLAY: NONE", true),
            ("display:none!important", true),
            ("display: none ! important;", true),
            ("color:red;display:none;", true),
            ("display/* x */:/**/none", true),
            ("d\\69splay:none", true),
            ("display:n\\6f ne", true),
            ("display:\n\tnone", true),
            ("visibility:hidden", true),
            ("Visibility : Hidden !IMPORTANT", true),
            ("visibility:collapse", true),
            ("content-visibility:hidden", true),
            ("display:block;display:none", true),
            ("display:none;display:block", false),
            ("display:none!important;display:block", true),
            ("display:none!important;display:block!important", false),
            ("display:none;display:nonsense", true),
            ("display:none;display:inline flex", false),
            ("display:none;color:red;}", true),
            ("/* display:none */", false),
            ("content:';display:none'", false),
            ("background:url(x;display:none)", false),
            ("display:none-ish", false),
            ("display:nonesuch", false),
            ("display: none none", false),
            ("--display:none", false),
            ("xdisplay:none", false),
            ("visibility:visible", false),
            ("visibility:hidden;visibility:visible", false),
            ("", false),
            (";;;", false),
        ];
        assert_eq!(cases.len(), 33);
        for (style, hides) in cases {
            let visibility = visibility_of(style).0;
            let is_hidden = matches!(visibility, Visibility::Hidden | Visibility::HiddenUnlessOverridden);
            assert_eq!(is_hidden, hides, "{style:?}");
        }
    }
}
