//! Writes formulas as plain text for summaries: `<mfrac><mi>a</mi><mi>b</mi></mfrac>` becomes a/b.

use super::lists::FORMULA_TOKENS;

/// The open elements of a formula.
#[derive(Debug, Default)]
pub(super) struct Formula {
    open: Vec<OpenElement>,
    /// Whether the formula's alternative text was written in its place.
    has_alternative: bool,
}

#[derive(Debug)]
struct OpenElement {
    name: String,
    children: usize,
    /// The text to write after the element.
    suffix: &'static str,
}

impl Formula {
    /// The text before an element of a formula.
    pub(super) fn start(&mut self, name: &str, alternative: Option<&str>) -> Option<String> {
        let Some(parent) = self.open.last_mut() else {
            (name == "math").then(|| self.open.push(OpenElement { name: name.to_owned(), children: 0, suffix: "" }))?;
            let alternative = alternative.map(str::trim).filter(|text| !text.is_empty());
            self.has_alternative = alternative.is_some();
            return alternative.map(str::to_owned);
        };
        let (separator, end) = match (parent.name.as_str(), parent.children) {
            (_, 0) => ("", ""),
            ("mfrac", _) => ("/", ""),
            ("msub" | "munder" | "msubsup" | "munderover", 1) => ("_", ""),
            ("msup" | "mover" | "msubsup" | "munderover", _) => ("^", ""),
            ("mroot", _) => ("^(1/", ")"),
            ("mtr" | "mtable", _) => (" ", ""),
            _ => ("", ""),
        };
        let with_operands = ["mfrac", "msub", "msup", "msubsup", "munder", "mover", "munderover", "mroot"];
        let needs_group = with_operands.contains(&parent.name.as_str()) && !FORMULA_TOKENS.contains(&name);
        let (before, suffix) = match (name, needs_group, end) {
            ("msqrt", ..) => ("√(", ")"),
            ("mspace", ..) => (" ", ""),
            (_, true, "") => ("(", ")"),
            _ => ("", end),
        };
        parent.children += 1;
        self.open.push(OpenElement { name: name.to_owned(), children: 0, suffix });
        (!self.has_alternative).then(|| format!("{separator}{before}"))
    }

    /// The text after the element.
    pub(super) fn end(&mut self) -> Option<&'static str> {
        let suffix = self.open.pop()?.suffix;
        (!self.has_alternative).then_some(suffix)
    }

    /// The visible text of a formula, without invisible operators (U+2061 to U+2064).
    pub(super) fn text<'t>(&self, text: &'t str) -> std::borrow::Cow<'t, str> {
        match (self.open.is_empty(), self.has_alternative) {
            (true, _) => text.into(),
            (false, true) => "".into(),
            (false, false) => text.replace(|c: char| ('\u{2061}'..='\u{2064}').contains(&c), "").into(),
        }
    }
}
