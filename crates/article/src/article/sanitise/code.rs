//! Recognises line numbers beside code, and the languages of code. Highlighters put the numbers into a table with two cells, or into elements
//! with a class of their own.

use scraper::ElementRef;

/// Classes of elements with line numbers: Rouge, Chroma (Hugo), Pygments, highlight.js, Prism, Crayon, syntect (Zola).
const GUTTERS: &[&str] = &[
    "gutter",
    "rouge-gutter",
    "lineno",
    "linenos",
    "linenodiv",
    "line-number",
    "line-numbers-rows",
    "hljs-ln-numbers",
    "crayon-nums",
    "lnt",
    "ln",
    "giallo-ln",
];

/// Whether an element contains line numbers.
pub(super) fn is_gutter(element: ElementRef<'_>) -> bool {
    element.value().classes().any(|class| GUTTERS.contains(&class)) && has_only_numbers(element)
}

/// Whether a table has a cell with line numbers and one with code in its first row.
pub(super) fn is_code_table(table: ElementRef<'_>) -> bool {
    let is_row = |element: &ElementRef<'_>| element.value().name() == "tr";
    let rows = table.child_elements().flat_map(|child| match is_row(&child) {
        true => vec![child],
        false => child.child_elements().filter(is_row).take(1).collect(),
    });
    let Some(row) = rows.into_iter().next() else { return false };
    let mut cells = row.child_elements();
    let (Some(numbers), Some(code), None) = (cells.next(), cells.next(), cells.next()) else { return false };
    let is_in_code =
        || table.ancestors().filter_map(ElementRef::wrap).take(3).any(|above| above.value().name() == "pre");
    /// How deep the code may be in its cell.
    const MAX_ELEMENTS: usize = 8;
    let has_code =
        || code.descendent_elements().take(MAX_ELEMENTS).any(|inner| matches!(inner.value().name(), "pre" | "code"));
    (has_code() || is_in_code()) && has_only_numbers(numbers)
}

/// Whether the visible text is line numbers.
fn has_only_numbers(element: ElementRef<'_>) -> bool {
    let mut characters = element.text().flat_map(str::chars);
    characters.all(|c| c.is_ascii_digit() || c.is_whitespace())
}

/// The class with the language of code: `language-rust` of `highlight language-rust`.
pub(super) fn language_class(classes: &str) -> Option<&str> {
    classes.split_ascii_whitespace().find(|class| is_language_class(class))
}

/// Whether a value is a single class with a language.
pub(super) fn is_language_class(class: &str) -> bool {
    class.strip_prefix("language-").is_some_and(|language| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '+' | '#' | '.');
        !language.is_empty() && language.len() <= 40 && language.chars().all(is_plain)
    })
}
