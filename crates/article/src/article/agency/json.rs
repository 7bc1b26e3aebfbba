//! Parses JSON (RFC 8259) into a [tree](crate::article::values) with byte ranges. Takes linear time.
//!
//! Repeated keys are kept, so that a caller can use all of them. Half of a surrogate pair becomes U+FFFD.

use std::borrow::Cow;

use super::xml::Malformed;
use crate::article::steps;
use crate::article::values::{Key, Node, Value};

/// How deep arrays and objects may be nested.
const MAX_DEPTH: usize = 32;
/// How many values a file may have.
const MAX_VALUES: usize = 200_000;

/// Parses a file.
pub(super) fn parse(text: &str) -> Result<Node<'_>, Malformed> {
    steps::add(text.len());
    let mut parser = Parser { text, at: 0, values: 0 };
    let root = parser.value(0)?;
    parser.skip_blanks();
    match parser.peek() {
        None => Ok(root),
        Some(_) => Err(parser.refusal("text follows the end of the JSON")),
    }
}

struct Parser<'t> {
    text: &'t str,
    /// The offset of the next byte.
    at: usize,
    /// The number of values so far.
    values: usize,
}

impl<'t> Parser<'t> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn refusal(&self, message: &str) -> Malformed {
        let end = self.at + self.text.get(self.at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        let help = "send the file again; the upload may have been interrupted";
        Malformed { message: format!("this is not JSON: {message}"), help, span: self.at..end }
    }

    fn limit(&self, message: String) -> Malformed {
        Malformed { message, help: "divide the file into several", span: self.at..self.at + 1 }
    }

    fn value(&mut self, depth: usize) -> Result<Node<'t>, Malformed> {
        self.skip_blanks();
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(self.limit(format!("the file has more than {MAX_VALUES} values")));
        }
        if depth > MAX_DEPTH {
            return Err(self.limit(format!("the file has arrays and objects nested more than {MAX_DEPTH} deep")));
        }
        let start = self.at;
        let value = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Value::Scalar(self.string()?),
            Some(_) => self.word()?,
            None => return Err(self.refusal("the file ends where a value should follow")),
        };
        Ok(Node { value, span: start..self.at })
    }

    fn object(&mut self, depth: usize) -> Result<Value<'t>, Malformed> {
        let mut entries = Vec::new();
        self.at += 1;
        self.skip_blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Map(entries));
        }
        loop {
            self.skip_blanks();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.refusal("a key in quotation marks should follow"));
            }
            let name = self.string()?;
            let key = Key { name, span: start..self.at };
            self.skip_blanks();
            if self.peek() != Some(b':') {
                return Err(self.refusal("a colon should follow the key"));
            }
            self.at += 1;
            let node = self.value(depth + 1)?;
            entries.push((key, node));
            if !self.continues(b'}')? {
                return Ok(Value::Map(entries));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'t>, Malformed> {
        let mut items = Vec::new();
        self.at += 1;
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if !self.continues(b']')? {
                return Ok(Value::List(items));
            }
        }
    }

    /// Skips the comma or the bracket after a value. Returns whether another value follows.
    fn continues(&mut self, closing: u8) -> Result<bool, Malformed> {
        self.skip_blanks();
        let next = self.peek();
        if next != Some(b',') && next != Some(closing) {
            return Err(self.refusal("a comma or a closing bracket should follow the value"));
        }
        self.at += 1;
        Ok(next == Some(b','))
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Result<Value<'t>, Malformed> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
        let length = rest.bytes().take_while(is_part).count();
        let word = rest.get(..length).unwrap_or_default();
        let is_number = word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) && word.parse::<f64>().is_ok();
        let value = match word {
            "null" => Value::Null,
            "true" | "false" => Value::Scalar(Cow::Borrowed(word)),
            _ if is_number => Value::Scalar(Cow::Borrowed(word)),
            _ => return Err(self.refusal("a value should follow")),
        };
        self.at += length;
        Ok(value)
    }

    fn string(&mut self) -> Result<Cow<'t, str>, Malformed> {
        let opening = self.at;
        self.at += 1;
        let mut unescaped: Option<String> = None;
        let mut from = self.at;
        loop {
            let run = || self.text.get(from..self.at).unwrap_or_default();
            match self.peek() {
                Some(b'"') => {
                    let run = run();
                    self.at += 1;
                    return Ok(match unescaped {
                        None => Cow::Borrowed(run),
                        Some(text) => Cow::Owned(text + run),
                    });
                }
                Some(b'\\') => {
                    unescaped.get_or_insert_default().push_str(run());
                    let character = self.escape()?;
                    unescaped.get_or_insert_default().push(character);
                    from = self.at;
                }
                Some(0..0x20) => return Err(self.refusal("a string contains a control character")),
                Some(_) => self.at += 1,
                None => {
                    self.at = opening;
                    return Err(self.refusal("the closing quotation mark is missing"));
                }
            }
        }
    }

    /// The character that an escape such as `\n` or `\u00e9` stands for.
    fn escape(&mut self) -> Result<char, Malformed> {
        let character = match self.text.as_bytes().get(self.at + 1) {
            Some(b'u') => return self.unicode(),
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{C}',
            Some(&byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            _ => return Err(self.refusal("this escape does not exist")),
        };
        self.at += 2;
        Ok(character)
    }

    /// The character of `\uXXXX`, or of two of these that are a surrogate pair.
    fn unicode(&mut self) -> Result<char, Malformed> {
        let Some(first) = self.code_unit(self.at) else {
            return Err(self.refusal("four hexadecimal digits should follow `\\u`"));
        };
        let is_second = |unit: &u16| (0xDC00..0xE000).contains(unit);
        let second = self.code_unit(self.at + 6).filter(is_second).filter(|_| (0xD800..0xDC00).contains(&first));
        self.at += if second.is_some() { 12 } else { 6 };
        let units = [Some(first), second].into_iter().flatten();
        Ok(char::decode_utf16(units).next().and_then(Result::ok).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn code_unit(&self, at: usize) -> Option<u16> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok()).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(node: &Node<'_>) -> String {
        match &node.value {
            Value::Null => "-".to_owned(),
            Value::Scalar(text) => text.to_string(),
            Value::List(items) => format!("[{}]", items.iter().map(written).collect::<Vec<_>>().join(" ")),
            Value::Map(entries) => {
                let entries = entries.iter().map(|(key, node)| format!("{}={}", key.name, written(node)));
                format!("({})", entries.collect::<Vec<_>>().join(" "))
            }
        }
    }

    #[test]
    fn values_are_parsed() {
        for (text, expected) in [
            (r#"{"a": 1, "b": [true, null, "x"], "c": {}}"#, "(a=1 b=[true - x] c=())"),
            (r#" { "a" : -1.5e3 , "a":"2" } "#, "(a=-1.5e3 a=2)"),
            (r#""\uD83D\uDE80 \u00e9\/\n\"\\""#, "🚀 é/\n\"\\"),
            (r#""\uD83D x \uDE80\uD83D\u0041""#, "\u{fffd} x \u{fffd}\u{fffd}A"),
            (r#"["港口"]"#, "[港口]"),
            ("[]", "[]"),
        ] {
            assert_eq!(parse(text).map(|node| written(&node)).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn values_have_places() {
        let text = r#"{"a": "港口", "b": 12}"#;
        let root = parse(text).expect("JSON");
        let Value::Map(entries) = root.value else { panic!("an object") };
        let places: Vec<_> =
            entries.iter().map(|(key, node)| (text.get(key.span.clone()), text.get(node.span.clone()))).collect();
        assert_eq!(places, [(Some("\"a\""), Some("\"港口\"")), (Some("\"b\""), Some("12"))]);
    }

    #[test]
    fn malformed_json_is_refused() {
        let deep = "[".repeat(100_000);
        let many = format!("[{}1]", "1,".repeat(MAX_VALUES));
        for (text, at, message) in [
            ("", 0, "ends where a value"),
            ("{", 1, "a key in quotation marks"),
            (r#"{"a"}"#, 4, "a colon"),
            (r#"{"a": }"#, 6, "a value"),
            (r#"{"a": 1"#, 7, "a comma"),
            (r#"{"a": 1,}"#, 8, "a key in quotation marks"),
            (r#"{"a": "x"#, 6, "closing quotation mark"),
            ("[\"a\nb\"]", 3, "control character"),
            (r#"["\x"]"#, 2, "escape"),
            (r#"["\u12"]"#, 2, "hexadecimal"),
            ("[1] 2", 4, "follows the end"),
            ("[01x]", 1, "a value"),
            ("[NaN]", 1, "a value"),
            (&deep, 33, "nested"),
            (&many, 2 * MAX_VALUES - 1, "more than 200000 values"),
        ] {
            let refusal = parse(text).expect_err("not JSON");
            assert!(refusal.message.contains(message), "{}", refusal.message);
            assert_eq!(refusal.span.start, at, "{}", refusal.message);
        }
    }
}
