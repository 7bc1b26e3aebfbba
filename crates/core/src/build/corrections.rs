//! Shows an article's corrections to readers.

use crate::article::Correction;
use crate::article::render::escape_lines;
use crate::snapshot::PublishedArticle;
use crate::types::{Language, Text};

/// The corrections that are due, oldest first: those of the article and those of agency notices. A teaser has none, because they may
/// quote the paid part.
pub(super) fn due_corrections(article: &PublishedArticle, corrections: &[Correction]) -> Vec<Correction> {
    if article.is_teaser {
        return Vec::new();
    }
    let by_notices = article.corrections.iter().map(|date| Correction { date: *date, text: None });
    let mut corrections: Vec<Correction> = corrections.iter().cloned().chain(by_notices).collect();
    corrections.retain(|correction| correction.date.timestamp() <= article.updated.timestamp());
    corrections.sort_by_key(|correction| correction.date);
    corrections.dedup();
    corrections
}

/// Appends a paragraph to the content for each correction.
pub(super) fn with_corrections(content: Text, article: &PublishedArticle, corrections: Vec<Correction>) -> Text {
    if content.is_empty() || corrections.is_empty() {
        return content;
    }
    let label = correction_label(&article.language);
    let mut html = content.to_string();
    for Correction { date, text } in corrections {
        let mut words = String::new();
        let text = text.as_ref().unwrap_or(&article.frame.corrected_by_agency);
        escape_lines(text.as_str(), &mut words);
        // Wire text often ends with its correction already.
        if content.as_str().contains(&words) {
            continue;
        }
        let (instant, day) = (date.rfc3339(), date.date());
        html.push_str(&format!("\n<p><strong>{label} (<time datetime=\"{instant}\">{day}</time>):</strong> "));
        html.push_str(&words);
        html.push_str("</p>");
    }
    Text::new(&html)
}

/// The word for "correction", in the languages of most news agencies' services, else in English.
fn correction_label(language: &Language) -> &'static str {
    match language.primary() {
        "zh" => "更正",
        "ja" => "訂正",
        "ko" => "정정",
        "ar" => "تصحيح",
        "de" => "Korrektur",
        "es" => "Corrección",
        "fr" => "Correction",
        "it" => "Correzione",
        "nl" => "Correctie",
        "pt" => "Correção",
        "ru" => "Исправление",
        _ => "Correction",
    }
}
