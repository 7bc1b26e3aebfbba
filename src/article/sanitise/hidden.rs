//! Elements that a page doesn't show: the `hidden` attribute, `aria-hidden` and inline styles.
//!
//! Style sheets aren't read. An element that its own attributes show may be hidden by a class, and the other way round.

use cssparser::{Delimiter, ParseError, Parser, parse_important};
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

/// Whether an element says of itself that its content isn't shown. `aria-hidden` hides pictures only if they have no
/// alternative text: Wikipedia's formulas are pictures with `aria-hidden` beside MathML that the page doesn't show.
pub(crate) fn is_hidden(element: &Element) -> bool {
    if element.attr("hidden").is_some() {
        return true;
    }
    if element.attr("aria-hidden").is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
        let described = element.name() == "img" && element.attr("alt").is_some_and(|alt| !alt.trim().is_empty());
        if !described {
            return true;
        }
    }
    match element.name() {
        "dialog" if element.attr("open").is_none() => return true,
        name if name.starts_with("amp-") && element.attr("layout") == Some("nodisplay") => return true,
        _ => {}
    }
    element.attr("style").is_some_and(style_hides)
}

/// Whether inline style hides an element. Of several declarations the last counts, unless an earlier one is `!important`.
fn style_hides(style: &str) -> bool {
    // (property, its valid values, the values that hide)
    let properties: [(&str, &[&str], &[&str]); 3] = [
        ("display", DISPLAYS, &["none"]),
        ("visibility", VISIBILITIES, &["hidden", "collapse"]),
        ("content-visibility", CONTENT_VISIBILITIES, &["hidden"]),
    ];
    let mut declared = [(false, false); 3];
    let mut parser = Parser::new(style);
    while !parser.is_exhausted() {
        let declaration = parser.parse_until_after(Delimiter::Semicolon, declaration);
        let Ok((name, value, important)) = declaration else { continue };
        for ((property, valid, hiding), (hides, was_important)) in properties.iter().zip(&mut declared) {
            let is_valid = value.split(' ').all(|word| valid.contains(&word));
            if name == *property && is_valid && (important || !*was_important) {
                (*hides, *was_important) = (hiding.contains(&value.as_str()), important);
            }
        }
    }
    declared.iter().any(|(hides, _)| *hides)
}

/// The name of a declaration and its value, both in lower case, and whether it is `!important`. Only values that are words.
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
    fn inline_styles_hide_in_every_spelling() {
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
            assert_eq!(style_hides(style), hides, "{style:?}");
        }
    }
}
