//! Detects elements that a page's own `style` elements hide: `.x { display: none }`.
//!
//! Only unconditional rules count, outside `@media` and the like, whose selector is one class or id with or without an element type. If
//! another rule shows the same elements, for example under a condition or when a menu is open, they are kept. Each rule and each element is
//! examined once.

use std::collections::{HashMap, HashSet};

use cssparser::{Parser, Token};
use ego_tree::NodeId;
use html5ever::{QualName, local_name as atom, ns};
use scraper::{ElementRef, Html, Node};

use super::hidden::{Visibility, visibility_of};

/// The depth of nested conditions, such as `@media` in `@supports`.
const MAX_DEPTH: usize = 4;

/// A class or an id with its sign: `.x`, `#x`.
type Name = String;

/// The rules about elements with one class or id.
#[derive(Default)]
struct Rules {
    /// The types of elements that rules hide, `*` for all, and whether the rule is `!important`.
    hidden: HashMap<Name, HashMap<String, bool>>,
    /// The classes and ids that other rules show.
    shown: HashSet<Name>,
}

/// Sets the attribute `hidden` on elements that the document's style sheets hide.
pub(in crate::article) fn apply(document: &mut Html) {
    let elements = || document.root_element().descendent_elements();
    let mut rules = Rules::default();
    for sheet in elements().filter(|element| element.value().name() == "style" && applies_to_screens(*element)) {
        let text: String = sheet.text().collect();
        rules.read(&mut Parser::new(&text), 0);
    }
    if rules.hidden.is_empty() {
        return;
    }
    let hidden: Vec<NodeId> =
        elements().filter(|element| rules.is_hidden_by_rule(*element)).map(|element| element.id()).collect();
    for id in hidden {
        let Some(mut node) = document.tree.get_mut(id) else { continue };
        if let Node::Element(element) = node.value() {
            element.attrs.push((QualName::new(None, ns!(), atom!("hidden")), "".into()));
            // Sorted for binary search.
            element.attrs.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        }
    }
}

/// Whether a style sheet applies to all screens. In `noscript`, it hides elements that scripts would have replaced.
fn applies_to_screens(sheet: ElementRef<'_>) -> bool {
    let media = sheet.attr("media").unwrap_or_default().trim();
    (media.is_empty() || ["all", "screen"].iter().any(|all| media.eq_ignore_ascii_case(all)))
        && !sheet.ancestors().filter_map(|node| node.value().as_element()).any(|above| above.name() == "noscript")
}

impl Rules {
    fn read(&mut self, parser: &mut Parser<'_>, depth: usize) {
        'rules: while !parser.is_exhausted() {
            let start = parser.position();
            let mut at_rule = false;
            loop {
                match parser.next() {
                    Ok(Token::CurlyBracketBlock) => break,
                    Ok(Token::AtKeyword(_)) => at_rule = true,
                    // `@import ...;`
                    Ok(Token::Semicolon) if at_rule => continue 'rules,
                    Ok(_) => {}
                    Err(_) => return,
                }
            }
            let prelude = parser.slice_from(start).trim_end_matches('{');
            let _ = parser.parse_nested_block(|block| -> Result<(), cssparser::ParseError<()>> {
                if at_rule {
                    if depth < MAX_DEPTH {
                        self.read(block, depth + 1);
                    }
                    return Ok(());
                }
                let start = block.position();
                while block.next().is_ok() {}
                self.rule(prelude, block.slice_from(start), depth > 0);
                Ok(())
            });
        }
    }

    fn rule(&mut self, selectors: &str, declarations: &str, is_conditional: bool) {
        let (visibility, is_important) = visibility_of(declarations);
        for selector in selectors.split(',') {
            match (parse_simple_selector(selector).filter(|_| !is_conditional), visibility) {
                (Some((kind, name)), Visibility::Hidden | Visibility::HiddenUnlessOverridden) => {
                    let important = self.hidden.entry(name).or_default().entry(kind).or_default();
                    *important |= is_important;
                }
                (Some((kind, name)), Visibility::Visible) if kind == "*" => {
                    if let Some(kinds) = self.hidden.get_mut(&name) {
                        kinds.retain(|_, important| *important && !is_important);
                    }
                }
                (Some((_, name)), Visibility::Visible) => drop(self.shown.insert(name)),
                // Pseudo-elements aren't the element's content.
                (None, Visibility::Visible)
                    if ![":before", ":after"].iter().any(|beside| selector.contains(beside)) =>
                {
                    self.shown.extend(names(selector));
                }
                _ => {}
            }
        }
    }

    fn is_hidden_by_rule(&self, element: ElementRef<'_>) -> bool {
        let value = element.value();
        let hiding_rule = |name: String| {
            let kinds = self.hidden.get(&name)?;
            let is_shown = self.shown.contains(&name);
            let of = |kind: &str| kinds.get(kind).copied().filter(|important| *important || !is_shown);
            of("*").or_else(|| of(value.name()))
        };
        let named = value.classes().map(|class| format!(".{class}")).chain(value.id().map(|id| format!("#{id}")));
        // An element that contains the whole article is only hidden until scripts have run.
        let contains_article = || {
            element
                .descendent_elements()
                .any(|inner| matches!(inner.value().name(), "body" | "main" | "article" | "h1"))
        };
        named.into_iter().any(|name| hiding_rule(name).is_some()) && !contains_article()
    }
}

/// Parses a selector of one class or id: `.x`, `p#x`. Returns the element type, `*` for any, and the name.
fn parse_simple_selector(selector: &str) -> Option<(String, Name)> {
    let mut parser = Parser::new(selector.trim());
    let kind = match parser.next().ok()?.clone() {
        Token::Ident(kind) => {
            let kind = kind.to_ascii_lowercase();
            (kind, parser.next_including_whitespace().ok()?.clone())
        }
        Token::Delim('*') => ("*".to_owned(), parser.next_including_whitespace().ok()?.clone()),
        token => ("*".to_owned(), token),
    };
    let name = match kind.1 {
        Token::Delim('.') => format!(".{}", &**parser.expect_ident().ok()?),
        Token::IDHash(id) => format!("#{}", &*id),
        _ => return None,
    };
    parser.is_exhausted().then_some((kind.0, name))
}

/// All classes and ids in a selector.
fn names(selector: &str) -> Vec<Name> {
    let mut parser = Parser::new(selector);
    let mut names = Vec::new();
    while let Ok(token) = parser.next() {
        match token.clone() {
            Token::IDHash(id) => names.push(format!("#{}", &*id)),
            Token::Delim('.') => names.extend(parser.expect_ident().ok().map(|class| format!(".{}", &**class))),
            _ => {}
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::parse::parse_document;
    use super::*;

    #[test]
    fn simple_rules_hide_elements() {
        let cases = [
            (".x{display:none}", true),
            (" .x , .y { color: red; DISPLAY : none ! important } ", true),
            ("#i{display:none}", true),
            ("p.x{visibility:hidden}", true),
            ("P#i{display:none}", true),
            ("*.x{display:none}", true),
            ("@charset 'utf-8'; @import url(x.css); .x{display:none}", true),
            ("a{color:red} /* .y{} */ .x/**/{display:none} b{}", true),
            (".\\78 {display:none}", true),
            (".x{display:block} .x{display:none}", true),
            (".x{display:none!important} .x{display:block}", true),
            (".x{display:none!important} .open .x{display:block}", true),
            (".x{display:none} .x::after{display:block}", true),
            (".x{display:none} .y{display:block}", true),
            (".x{display:none} .x{color:red}", true),
            // Shown elsewhere, or hidden only there.
            (".x{display:none} .x{display:block}", false),
            (".x{display:none} p.x{display:block}", false),
            (".x{display:none} .x.open{display:block}", false),
            (".x{display:none} .x:target{display:block}", false),
            (".x{display:none} :checked ~ .x{display:block}", false),
            (".x{display:none} @media (min-width:9px){.x{display:block}}", false),
            ("@media print{.x{display:none}}", false),
            ("@supports (display:grid){@media all{.x{display:none}}}", false),
            (".js .x{display:none}", false),
            (".x:hover{display:none}", false),
            (".x:not(.y){display:none}", false),
            (".x.z{display:none}", false),
            (".x>b{display:none}", false),
            ("div.x{display:none}", false),
            ("p{display:none}", false),
            ("[class=x]{display:none}", false),
            (".x{display:none", true),
            (".x{display:nonesuch}", false),
            ("{display:none}", false),
            (".x{color:'display:none'}", false),
            ("}.x{display:none}", false),
        ];
        assert_eq!(cases.len(), 36);
        let hides = |head: &str, body: &str| {
            let mut document = parse_document(&format!("{head}{body}"));
            apply(&mut document);
            document.root_element().descendent_elements().any(|element| element.attr("hidden").is_some())
        };
        for (sheet, hidden) in cases {
            let head = format!("<head><style>{sheet}</style></head>");
            assert_eq!(hides(&head, "<p data-a=1 class='a x' id=i title=t>x</p>"), hidden, "{sheet}");
        }
        for (head, hidden) in [
            ("<style media=print>.x{display:none}</style>", false),
            ("<style media=ALL>.x{display:none}</style>", true),
            ("<noscript><style>.x{display:none}</style></noscript>", false),
            ("<style>.x{display:none}</style><style>.x.y{display:block}</style>", false),
        ] {
            assert_eq!(hides(head, "<p class=x>x</p>"), hidden, "{head}");
        }
        assert!(!hides("<style>.x{visibility:hidden}</style>", "<div class=x><article>x</article></div>"));
        assert!(!hides("<style>.x{display:none}</style>", "<body class=x>x</body>"));
    }

    #[test]
    fn hostile_style_sheets_are_fast() {
        let started = std::time::Instant::now();
        let rules: String = (0..20_000).map(|number| format!(".a{number},.x{{display:none}}")).collect();
        for (sheet, body) in [
            (rules, "<b class='x a1 a2'>x</b>".repeat(20_000)),
            (".x{".repeat(100_000), String::new()),
            ("@media a{".repeat(100_000), String::new()),
            ("@import a;".repeat(100_000), String::new()),
            (".x,".repeat(100_000) + "{display:none}", "<p class=x>".repeat(1_000)),
            (".x{display:none}".to_owned(), "<div class=x>".repeat(390)),
        ] {
            apply(&mut parse_document(&format!("<style>{sheet}</style>{body}")));
        }
        assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
    }
}
