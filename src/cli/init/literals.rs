//! Finds the literal values in a program's source, without running it: `SITENAME = "Courier"` in Python, `input: "content"` in JavaScript.
//!
//! Long because it reads two languages: their comments, strings, lists and tables differ in details.

use std::cell::Cell;
use std::ops::Range;

use crate::article::data::{Data, DataValue};

/// The depth of nested lists and tables.
const MAX_DEPTH: usize = 16;

/// The language of a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Language {
    Python,
    JavaScript,
}

/// A name that gets a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Assignment {
    pub(super) name: String,
    /// `None` if the value isn't a literal.
    pub(super) value: Option<Data>,
    pub(super) span: Range<usize>,
}

/// The assignments in a source, in their order: those at the top level in Python; all assignments, properties and calls with one literal in
/// JavaScript.
pub(super) fn assignments(source: &str, language: Language) -> Vec<Assignment> {
    /// A bound against sources of nothing but brackets.
    const MAX_STEPS: usize = 5_000_000;
    let tokens = tokens(source, language);
    let steps = Cell::new(MAX_STEPS);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        let (Some(name), Some(sign)) = (tokens.get(at), tokens.get(at + 1)) else { break };
        let text = match (&name.kind, language) {
            (Kind::Word(word), Language::Python) if is_line_start(source, name.span.start) => word,
            (Kind::Word(word) | Kind::Text(word), Language::JavaScript) => word,
            _ => continue,
        };
        let is_assignment = match (&sign.kind, language) {
            (Kind::Sign('='), _) => !matches!(tokens.get(at + 2), Some(next) if next.kind == Kind::Sign('=')),
            (Kind::Sign(':' | '('), Language::JavaScript) => true,
            _ => false,
        };
        if !is_assignment {
            continue;
        }
        let mut parser = Parser { tokens: &tokens, at: at + 2, language, steps: &steps };
        let value = parser.whole_value(0);
        let end = tokens.get(parser.at.saturating_sub(1)).map_or(name.span.end, |token| token.span.end);
        let span = name.span.start..end.max(name.span.end);
        found.push(Assignment { name: text.clone(), value, span });
    }
    found
}

fn is_line_start(source: &str, at: usize) -> bool {
    source.get(..at).is_some_and(|before| before.is_empty() || before.ends_with('\n'))
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Kind {
    /// A name, a number or a keyword.
    Word(String),
    Text(String),
    /// A string with expressions in it.
    Computed,
    Sign(char),
    /// The end of a line in Python.
    LineEnd,
}

#[derive(Clone, Debug)]
struct Token {
    kind: Kind,
    span: Range<usize>,
}

fn tokens(source: &str, language: Language) -> Vec<Token> {
    const MAX_TOKENS: usize = 200_000;
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    // Lines don't end within brackets.
    let mut brackets = 0_usize;
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty() && tokens.len() < MAX_TOKENS) {
        let first = rest.chars().next().unwrap_or_default();
        let comment_end = match language {
            Language::Python => rest.starts_with('#').then(|| rest.find('\n').unwrap_or(rest.len())),
            Language::JavaScript if rest.starts_with("//") => Some(rest.find('\n').unwrap_or(rest.len())),
            Language::JavaScript if rest.starts_with("/*") => {
                Some(rest.get(2..).and_then(|rest| rest.find("*/")).map_or(rest.len(), |end| end + 4))
            }
            Language::JavaScript => None,
        };
        if let Some(length) = comment_end {
            at += length;
            continue;
        }
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || c == '.';
        let (kind, length) = match first {
            '\n' if language == Language::Python && brackets == 0 => (Some(Kind::LineEnd), 1),
            // A line that continues.
            '\\' if rest.starts_with("\\\n") => (None, 2),
            c if c.is_whitespace() => (None, c.len_utf8()),
            '"' | '\'' => string(rest, language, false),
            '`' if language == Language::JavaScript => string(rest, language, false),
            '/' if language == Language::JavaScript && may_begin_expression(tokens.last()) => {
                (None, regex_length(rest))
            }
            c if is_word(c) => {
                let length = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
                let word = rest.get(..length).unwrap_or_default();
                let is_prefix =
                    language == Language::Python && word.len() <= 2 && word.chars().all(|c| "rRbBuUfF".contains(c));
                match rest.get(length..).filter(|rest| is_prefix && rest.starts_with(['"', '\''])) {
                    Some(quoted) => {
                        let (kind, quoted) = string(quoted, language, word.contains(['r', 'R']));
                        let is_formatted = word.contains(['f', 'F']);
                        (if is_formatted { Some(Kind::Computed) } else { kind }, length + quoted)
                    }
                    None => (Some(Kind::Word(word.to_owned())), length),
                }
            }
            sign => {
                match sign {
                    '(' | '[' | '{' => brackets += 1,
                    ')' | ']' | '}' => brackets = brackets.saturating_sub(1),
                    _ => {}
                }
                (Some(Kind::Sign(sign)), sign.len_utf8())
            }
        };
        if let Some(kind) = kind {
            tokens.push(Token { kind, span: at..at + length });
        }
        at += length.max(1);
    }
    tokens
}

/// Whether a slash after this token begins a regular expression, and isn't a division.
fn may_begin_expression(before: Option<&Token>) -> bool {
    match before.map(|token| &token.kind) {
        None => true,
        Some(Kind::Sign(sign)) => !matches!(sign, ')' | ']' | '}'),
        Some(Kind::Word(word)) => word == "return",
        Some(Kind::Text(_) | Kind::Computed | Kind::LineEnd) => false,
    }
}

fn regex_length(text: &str) -> usize {
    const MAX_LENGTH: usize = 200;
    let (mut is_escaped, mut is_in_class) = (false, false);
    for (at, c) in text.char_indices().take(MAX_LENGTH).skip(1) {
        match c {
            '\n' => return 1,
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '[' => is_in_class = true,
            ']' => is_in_class = false,
            '/' if !is_in_class => return at + 1,
            _ => {}
        }
    }
    1
}

/// A string at the beginning of a text, and its length. A string without an end isn't one.
fn string(text: &str, language: Language, is_raw: bool) -> (Option<Kind>, usize) {
    let quote = text.chars().next().unwrap_or_default();
    let triple: String = std::iter::repeat_n(quote, 3).collect();
    let end = if language == Language::Python && text.starts_with(&triple) { triple } else { quote.to_string() };
    let spans_lines = end.len() == 3 || quote == '`';
    let mut value = String::new();
    let mut rest = text.get(end.len()..).unwrap_or_default();
    let mut is_computed = false;
    loop {
        let used = text.len() - rest.len();
        if rest.starts_with(&end) {
            let kind = if is_computed { Kind::Computed } else { Kind::Text(value) };
            return (Some(kind), used + end.len());
        }
        let mut characters = rest.chars();
        match characters.next() {
            None => return (None, 1),
            Some('\n') if !spans_lines => return (None, used),
            Some('\\') if !is_raw => match escaped(&mut characters) {
                Some(character) => value.extend(character),
                None => return (None, 1),
            },
            Some('\\') => {
                value.push('\\');
                value.extend(characters.next());
            }
            Some(character) => {
                is_computed |= quote == '`' && character == '$' && characters.as_str().starts_with('{');
                value.push(character);
            }
        }
        rest = characters.as_str();
    }
}

/// The character that an escape stands for, after its backslash. The inner `None`: nothing, as at the end of a line.
fn escaped(rest: &mut std::str::Chars<'_>) -> Option<Option<char>> {
    Some(match rest.next() {
        None => return None,
        Some('n') => Some('\n'),
        Some('t') => Some('\t'),
        Some('\n') => None,
        Some('x') => hexadecimal(rest, 2),
        Some('u') => hexadecimal(rest, 4),
        Some('U') => hexadecimal(rest, 8),
        Some(other) => Some(other),
    })
}

/// The character with the code in the next digits.
fn hexadecimal(rest: &mut std::str::Chars<'_>, digits: usize) -> Option<char> {
    let text = rest.as_str();
    let code = text.get(..digits).and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let character = code.and_then(char::from_u32)?;
    *rest = text.get(digits..).unwrap_or_default().chars();
    Some(character)
}

struct Parser<'t> {
    tokens: &'t [Token],
    at: usize,
    language: Language,
    /// The steps that are left for the whole source.
    steps: &'t Cell<usize>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Kind> {
        self.steps.set(self.steps.get().checked_sub(1)?);
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn skip(&mut self, sign: char) -> bool {
        let is_next = self.peek() == Some(&Kind::Sign(sign));
        self.at += usize::from(is_next);
        is_next
    }

    /// A literal that isn't part of a longer expression.
    fn whole_value(&mut self, depth: usize) -> Option<Data> {
        let value = self.value(depth)?;
        match self.peek() {
            None | Some(Kind::LineEnd | Kind::Sign(',' | ';' | ')' | ']' | '}')) => Some(value),
            // JavaScript doesn't need semicolons.
            Some(Kind::Word(_)) if self.language == Language::JavaScript => Some(value),
            _ => None,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Data> {
        if depth > MAX_DEPTH {
            return None;
        }
        let token = self.tokens.get(self.at)?;
        let start = token.span.start;
        let value = match &token.kind {
            Kind::Text(_) => DataValue::Text(self.joined_text()?),
            Kind::Word(word) => {
                self.at += 1;
                match word.as_str() {
                    "None" | "null" | "undefined" => DataValue::Null,
                    "True" | "true" => DataValue::Text("true".to_owned()),
                    "False" | "false" => DataValue::Text("false".to_owned()),
                    number if number.starts_with(|c: char| c.is_ascii_digit()) => {
                        DataValue::Text(number.replace('_', ""))
                    }
                    _ => return None,
                }
            }
            Kind::Sign('-') => {
                self.at += 1;
                let number = self.value(depth + 1)?;
                DataValue::Text(format!("-{}", number.text()?))
            }
            Kind::Sign('[') => DataValue::List(self.list(']', depth)?),
            Kind::Sign('(') => {
                let mut items = self.list(')', depth)?;
                let has_comma =
                    self.tokens.get(self.at.checked_sub(2)?).is_some_and(|token| token.kind == Kind::Sign(','));
                match items.len() {
                    1 if !has_comma => items.pop()?.value,
                    _ => DataValue::List(items),
                }
            }
            Kind::Sign('{') => DataValue::Map(self.map(depth)?),
            Kind::Computed | Kind::Sign(_) | Kind::LineEnd => return None,
        };
        let end = self.tokens.get(self.at.checked_sub(1)?)?.span.end;
        Some(Data { value, span: start..end })
    }

    /// Strings side by side, or with `+` between them.
    fn joined_text(&mut self) -> Option<String> {
        let mut text = String::new();
        while let Some(Kind::Text(part)) = self.peek() {
            text.push_str(part);
            self.at += 1;
            let is_sum = self.skip('+');
            if is_sum && !matches!(self.peek(), Some(Kind::Text(_))) {
                return None;
            }
            if !is_sum && self.language == Language::JavaScript {
                break;
            }
        }
        Some(text)
    }

    fn list(&mut self, end: char, depth: usize) -> Option<Vec<Data>> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            if self.skip(end) {
                return Some(items);
            }
            self.peek()?;
            match self.entry_value(depth) {
                Some(item) => items.push(item),
                None => self.skip_entry()?,
            }
            self.skip(',');
        }
    }

    fn map(&mut self, depth: usize) -> Option<Vec<(String, Data)>> {
        self.at += 1;
        let mut entries = Vec::new();
        loop {
            if self.skip('}') {
                return Some(entries);
            }
            let key = match self.peek()? {
                Kind::Word(key) | Kind::Text(key) => Some(key.clone()),
                _ => None,
            };
            self.at += usize::from(key.is_some());
            match key.filter(|_| self.skip(':')) {
                Some(key) => match self.entry_value(depth) {
                    Some(value) => entries.push((key, value)),
                    None => self.skip_entry()?,
                },
                None => self.skip_entry()?,
            }
            self.skip(',');
        }
    }

    /// The literal value of an entry. Restores the position if it isn't one.
    fn entry_value(&mut self, depth: usize) -> Option<Data> {
        let before = self.at;
        let value = self.value(depth + 1);
        let value = value.filter(|_| matches!(self.peek(), Some(Kind::Sign(',' | ']' | '}' | ')'))));
        if value.is_none() {
            self.at = before;
        }
        value
    }

    /// Skips to the comma after an entry, or to the end of the list. `None` at the end of the file.
    fn skip_entry(&mut self) -> Option<()> {
        let mut depth = 0_usize;
        loop {
            match self.peek()? {
                Kind::Sign('[' | '{' | '(') => depth += 1,
                Kind::Sign(']' | '}' | ')') if depth == 0 => return Some(()),
                Kind::Sign(']' | '}' | ')') => depth -= 1,
                Kind::Sign(',') if depth == 0 => return Some(()),
                _ => {}
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(data: &Data) -> String {
        match &data.value {
            DataValue::Null => "null".to_owned(),
            DataValue::Text(text) => format!("{text:?}"),
            DataValue::List(items) => format!("[{}]", items.iter().map(shown).collect::<Vec<_>>().join(", ")),
            DataValue::Map(entries) => {
                let entries: Vec<_> = entries.iter().map(|(key, value)| format!("{key}: {}", shown(value))).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn found(source: &str, language: Language) -> Vec<String> {
        let show = |assignment: Assignment| {
            let value = assignment.value.as_ref().map_or("?".to_owned(), shown);
            format!("{} = {value}", assignment.name)
        };
        assignments(source, language).into_iter().map(show).collect()
    }

    #[test]
    fn literals_of_python_are_found() {
        for (source, expected) in [
            ("A = 'x'\nB = \"y\"  # Z = 1\n", vec!["A = \"x\"", "B = \"y\""]),
            ("A = 'don\\'t \\u00e9' \" more\"\n", vec!["A = \"don't é more\""]),
            ("A = r'\\d' + 'x'\nB = u'y'\n", vec!["A = \"\\\\dx\"", "B = \"y\""]),
            ("A = \"\"\"two\nlines = 'x'\n\"\"\"\n", vec!["A = \"two\\nlines = 'x'\\n\""]),
            ("A = None\nB = True\nC = 1_000\nD = -2\n", vec!["A = null", "B = \"true\"", "C = \"1000\"", "D = \"-2\""]),
            ("A = ('x',)\nB = ('y')\nC = (\n  'a'\n  'b'\n)\n", vec!["A = [\"x\"]", "B = \"y\"", "C = \"ab\""]),
            ("A = {'a': 1, 'b': f(2), **c, 'd': [1,\n 2]}\n", vec!["A = {a: \"1\", d: [\"1\", \"2\"]}"]),
            ("A = os.environ['X']\nB = f'{A}/x'\nC = 'a' % b\n", vec!["A = ?", "B = ?", "C = ?"]),
            ("if x:\n    A = 'x'\nA == 'y'\nA = 'z'\n", vec!["A = \"z\""]),
            ("A = 'unfinished\nB = 'y'\n", vec!["A = ?", "B = \"y\""]),
            ("A = [1, [", vec!["A = ?"]),
        ] {
            assert_eq!(found(source, Language::Python), expected, "{source}");
        }
    }

    #[test]
    fn literals_of_javascript_are_found() {
        for (source, expected) in [
            ("export default { dir: { input: 'src' } }", vec!["dir = {input: \"src\"}", "input = \"src\""]),
            ("const a = `x`; // b = 1\nlet c = `${a}`;", vec!["a = \"x\"", "c = ?"]),
            ("x.setInputDirectory(\"content\")", vec!["x.setInputDirectory = \"content\""]),
            ("a.replace(/['\"]/g, ''); b = 1 / 2 / 'x'", vec!["a.replace = ?", "b = ?"]),
            ("/* a = 1 */ b = { ...c, d: 'x', e() { return 1 }, f }", vec!["b = {d: \"x\"}", "d = \"x\"", "e = ?"]),
            ("a = 'x'\nb = true\n", vec!["a = \"x\"", "b = \"true\""]),
            ("{ a: '", vec!["a = ?"]),
        ] {
            assert_eq!(found(source, Language::JavaScript), expected, "{source}");
        }
    }

    #[test]
    fn hostile_sources_take_linear_time() {
        for unit in ["a={", "a:[", "a(", "'", "`${", "/", "/*", "[/", "\\", "a = (", "\"\"\"", "é="] {
            let source = unit.repeat(40_000);
            for language in [Language::Python, Language::JavaScript] {
                let started = std::time::Instant::now();
                assignments(&source, language);
                assert!(started.elapsed().as_secs() < 5, "{unit} in {language:?}");
            }
        }
    }
}
