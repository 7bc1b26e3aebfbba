//! Finds code in Markdown and HTML without parsing it, so that what looks like a shortcode or a container there stays as it is: fenced and
//! indented blocks, code spans, comments, and elements such as `pre`.
//!
//! The scanner is asked at increasing offsets, and its caller may skip text. Each call advances, so scanning takes linear time.

use std::collections::HashMap;

/// Elements whose content is code.
const ELEMENTS: &[&str] = &["pre", "code", "script", "style", "textarea", "xmp", "kbd", "samp"];

/// How a text is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::article) enum Syntax {
    Markdown,
    Html,
}

/// Finds the code in a text.
pub(super) struct CodeScanner<'t> {
    text: &'t str,
    lower: String,
    syntax: Syntax,
    /// The end of each run of backticks with a matching run in its paragraph, by the run's start.
    spans: HashMap<usize, usize>,
    /// The paragraph that `spans` describes ends here.
    paragraph_end: usize,
    /// Whether the line above is blank, so that an indented line is code.
    is_below_blank: bool,
    is_in_list: bool,
    /// Elements and comments that aren't closed in the rest of the text.
    unclosed: Vec<&'static str>,
}

impl<'t> CodeScanner<'t> {
    pub(super) fn new(text: &'t str, syntax: Syntax) -> CodeScanner<'t> {
        crate::article::steps::add(text.len());
        CodeScanner {
            text,
            // Offsets stay the same.
            lower: text.to_ascii_lowercase(),
            syntax,
            spans: HashMap::new(),
            paragraph_end: 0,
            is_below_blank: true,
            is_in_list: false,
            unclosed: Vec::new(),
        }
    }

    /// The end of the code block that begins with the line at `start`, if one does. To be called for each line that isn't in code.
    pub(super) fn block_at(&mut self, start: usize) -> Option<usize> {
        if self.syntax == Syntax::Html {
            return None;
        }
        let line = line_at(self.text, start);
        let unquoted = line.trim_start_matches([' ', '\t', '>']);
        if unquoted.is_empty() || line.trim().is_empty() {
            self.is_below_blank = true;
            return None;
        }
        let is_below_blank = std::mem::replace(&mut self.is_below_blank, false);
        if let Some(fence) = Fence::of(unquoted_item(unquoted)) {
            return Some(self.fence_end(start, fence));
        }
        let is_indented = line.starts_with("    ") || line.starts_with('\t');
        if is_indented && is_below_blank && !self.is_in_list {
            return Some(self.indented_end(start));
        }
        let is_item = is_list_item(line.trim_start());
        if is_item || (is_below_blank && !line.starts_with([' ', '\t'])) {
            self.is_in_list = is_item;
        }
        None
    }

    /// The end of the code that begins at `at`, if some does: a code span, a comment or an element.
    pub(super) fn inline_at(&mut self, at: usize) -> Option<usize> {
        match self.text.as_bytes().get(at)? {
            b'`' if self.syntax == Syntax::Markdown => {
                if at >= self.paragraph_end {
                    self.find_spans(at);
                }
                // Without a matching run, the backticks are text.
                let run = self.text.get(at..)?.bytes().take_while(|byte| *byte == b'`').count();
                Some(self.spans.get(&at).copied().unwrap_or(at + run))
            }
            b'<' => self.element_end(at),
            _ => None,
        }
    }

    fn fence_end(&self, start: usize, fence: Fence) -> usize {
        let mut next = next_line(self.text, start);
        while next < self.text.len() {
            let line = line_at(self.text, next).trim_start_matches([' ', '\t', '>']);
            next = next_line(self.text, next);
            if fence.is_closed_by(line) {
                break;
            }
        }
        next
    }

    fn indented_end(&self, start: usize) -> usize {
        let mut next = start;
        let mut end = start;
        while next < self.text.len() {
            let line = line_at(self.text, next);
            let is_blank = line.trim().is_empty();
            if !is_blank && !line.starts_with("    ") && !line.starts_with('\t') {
                break;
            }
            next = next_line(self.text, next);
            if !is_blank {
                end = next;
            }
        }
        end
    }

    /// Pairs the runs of backticks in the paragraph at `at`.
    fn find_spans(&mut self, at: usize) {
        let rest = self.text.get(at..).unwrap_or_default();
        let end = at + paragraph_length(rest);
        let mut runs: Vec<(usize, usize)> = Vec::new();
        let mut from = at;
        while let Some(found) = self.text.get(from..end).and_then(|rest| rest.find('`')) {
            let start = from + found;
            let length = self.text.get(start..end).unwrap_or_default().bytes().take_while(|byte| *byte == b'`').count();
            runs.push((start, length));
            from = start + length;
        }
        self.spans.clear();
        self.paragraph_end = end;
        // The next run of the same length closes a span.
        let mut following: HashMap<usize, usize> = HashMap::new();
        for (start, length) in runs.into_iter().rev() {
            if let Some(close) = following.insert(length, start) {
                self.spans.insert(start, close + length);
            }
        }
    }

    /// The end of the comment or of the element with code that begins at `at`.
    fn element_end(&mut self, at: usize) -> Option<usize> {
        let rest = self.lower.get(at + 1..)?;
        if rest.starts_with("!--") {
            return self.close(at, "-->", "-->");
        }
        let name = ELEMENTS.iter().find(|name| {
            let after = rest.strip_prefix(**name);
            after.is_some_and(|after| after.starts_with(|c: char| matches!(c, '>' | '/') || c.is_whitespace()))
        })?;
        let closing = match *name {
            "pre" => "</pre",
            "code" => "</code",
            "script" => "</script",
            "style" => "</style",
            "textarea" => "</textarea",
            "xmp" => "</xmp",
            "kbd" => "</kbd",
            _ => "</samp",
        };
        self.close(at, name, closing)
    }

    fn close(&mut self, at: usize, name: &'static str, closing: &str) -> Option<usize> {
        if self.unclosed.contains(&name) {
            return None;
        }
        let end = self.lower.get(at..).and_then(|rest| rest.find(closing)).map(|found| at + found + closing.len());
        if end.is_none() {
            self.unclosed.push(name);
        }
        end
    }
}

/// The characters that open a fenced block, and their number.
#[derive(Clone, Copy)]
struct Fence {
    sign: u8,
    length: usize,
}

impl Fence {
    fn of(line: &str) -> Option<Fence> {
        let sign = line.bytes().next().filter(|sign| matches!(sign, b'`' | b'~'))?;
        let length = line.bytes().take_while(|byte| *byte == sign).count();
        let info = line.get(length..).unwrap_or_default();
        (length >= 3 && !(sign == b'`' && info.contains('`'))).then_some(Fence { sign, length })
    }

    fn is_closed_by(self, line: &str) -> bool {
        let length = line.bytes().take_while(|byte| *byte == self.sign).count();
        length >= self.length && line.get(length..).unwrap_or_default().trim().is_empty()
    }
}

/// The line at a byte offset, without its end.
pub(super) fn line_at(text: &str, start: usize) -> &str {
    let rest = text.get(start..).unwrap_or_default();
    rest.split('\n').next().unwrap_or_default().trim_end_matches('\r')
}

/// The byte offset of the line below the one at `start`.
pub(super) fn next_line(text: &str, start: usize) -> usize {
    text.get(start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| start + at + 1)
}

/// The text of a list item without its marker.
fn unquoted_item(line: &str) -> &str {
    match is_list_item(line) {
        true => line.split_once(' ').map_or("", |(_, text)| text.trim_start()),
        false => line,
    }
}

fn is_list_item(line: &str) -> bool {
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let marker = line.get(digits..).unwrap_or_default();
    match digits {
        0 => marker.starts_with("- ") || marker.starts_with("* ") || marker.starts_with("+ "),
        _ => digits <= 9 && (marker.starts_with(". ") || marker.starts_with(") ")),
    }
}

/// The length of the first paragraph: up to a blank line.
fn paragraph_length(text: &str) -> usize {
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if at > 0 && line.trim().is_empty() {
            break;
        }
        at += line.len();
    }
    at
}
