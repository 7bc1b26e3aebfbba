//! Wire text: an article as agencies and content systems hand it over, as plain text.
//!
//! A typical text has a breadcrumb, the headline, a line with source, date and authors, the caption of a picture, a byline,
//! paragraphs, the editor's line, and teasers of other stories, which are not part of it. Any of these may be missing, and the
//! header comes in any order. [`labels`] has the words, [`lines`] says what a line looks like by itself, and [`story`] what
//! the lines mean together. What is doubtful stays text and is reported, so that nothing is lost or guessed in silence.

mod labels;
mod lines;
mod story;
#[cfg(test)]
mod tests;

use self::lines::Stretch;
use crate::types::Text;

/// The sections that a breadcrumb names, outermost first: without the site's root, and without the page kind at its end.
fn sections(breadcrumb: Stretch<'_>) -> Vec<Text> {
    let mut crumbs = lines::crumbs(breadcrumb);
    if crumbs.len() > 1 && crumbs.first().is_some_and(|first| labels::lists(labels::SITE_ROOTS, first)) {
        crumbs.remove(0);
    }
    if crumbs.last().is_some_and(|last| labels::lists(labels::PAGE_KINDS, last)) {
        crumbs.pop();
    }
    crumbs.into_iter().map(Text::line).filter(|crumb| !crumb.is_empty()).collect()
}
