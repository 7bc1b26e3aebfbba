//! `[content.markdown]`: the extensions of Markdown.

use super::raw::{Sink, Table};
use super::values::choice;
use crate::article::extensions::{Extension, Extensions};
use crate::diagnostics::Code;

/// Reads `extensions`.
pub(super) fn extensions(content: &mut Table<'_>, sink: &mut Sink<'_>) -> Extensions {
    let mut table = content.table(sink, "markdown");
    let written = table.texts(sink, "extensions");
    table.finish(sink);
    written.map_or(Extensions::DEFAULT, |written| {
        written.value.iter().filter_map(|name| choice(sink, Code::ConfigChoice, name, Extension::ALL)).collect()
    })
}
