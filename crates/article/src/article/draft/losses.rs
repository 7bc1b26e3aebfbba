//! Reports content of the body that feeds can't carry, such as `data:` pictures.

use super::Draft;
use crate::article::render::{self, Removed};
use crate::article::sanitise::Loss;
use crate::diagnostics::Code;

impl Draft<'_> {
    /// Reports each [`Loss`] of the body.
    pub(super) fn report_losses(&mut self) {
        let source = self.source.text;
        if !self.body.as_ref().is_some_and(render::may_lose) {
            return;
        }
        let mut from = 0;
        for loss in self.body.as_ref().map(render::losses).unwrap_or_default() {
            let (written, message, help) = describe(&loss);
            if self.has_max_diagnostics() {
                self.report(Code::ArticleLoss, 0..0, message, help);
                continue;
            }
            // The source may escape attributes in another way, so only the part before the first escape is searched for.
            let written: String =
                written.chars().take_while(|c| !matches!(c, '&' | '"' | '\'' | '<' | '>')).take(60).collect();
            let find = |from: usize| source.get(from..)?.find(&written).map(|at| from + at);
            let found = find(from).or_else(|| find(0)).filter(|_| !written.is_empty());
            let span = found.map_or(0..0, |at| at..at + written.len());
            from = span.end;
            self.report(Code::ArticleLoss, span, message, help);
        }
    }
}

impl Draft<'_> {
    /// Reports each kind of shortcodes that were removed from the text that begins at the byte offset `start`.
    pub(crate) fn report_removed(&mut self, start: usize, removed: &[Removed]) {
        for Removed { kind, first, count } in removed {
            let times = if *count == 1 { String::new() } else { format!(", {count} times") };
            let message = format!("dateline doesn't run `{}`, so it's left out{times}", kind.escape_debug());
            let help = "write what readers should see instead, or publish the pages that your generator renders";
            // Earlier kinds may have moved the text.
            let span = start + first.start..start + first.end;
            let span = self.source.text.get(span.clone()).map_or(0..0, |_| span);
            self.report(Code::ArticleShortcode, span, message, help);
        }
    }
}

/// The text to search for in the source, the message and the help.
fn describe(loss: &Loss) -> (&str, String, String) {
    match loss {
        Loss::Picture { address, alternative } => {
            let instead = if alternative.is_empty() { "nothing of it" } else { "its alternative text" };
            let message = format!(
                "a picture is embedded in the text (`data:`), which feeds can't contain; readers see {instead}"
            );
            (address, message, "save it as a file beside the article, and name that".to_owned())
        }
        Loss::Drawing { search_text } => {
            let message = "a drawing (`<svg>`) is embedded in the text, which feeds can't contain; readers see the words in it, if any";
            let help = "save it as a file beside the article, or give it an `aria-label` or a `<title>` that readers see instead";
            (search_text, message.to_owned(), help.to_owned())
        }
        Loss::Embed { element } => {
            let missing = match element.as_str() {
                "audio" | "video" => "which file it plays",
                _ => "what page it shows",
            };
            let message = format!("this `<{element}>` is left out because it doesn't state {missing}");
            (element, message, "write a link to it".to_owned())
        }
        Loss::Base { address } => {
            let message = "the `<base href>` in the text is not a web address, so it is ignored".to_owned();
            (address, message, "begin it with `https://` or `/`, or remove it".to_owned())
        }
    }
}
