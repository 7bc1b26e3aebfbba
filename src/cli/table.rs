//! Prints tables.

use super::{cell, columns};

/// Prints a table. Columns are as wide as their widest cell, but at least `least`; the last column isn't padded.
pub(super) fn table<const CELLS: usize, const PADDED: usize>(least: [usize; PADDED], rows: &[[String; CELLS]]) {
    let mut widths = least;
    for row in rows {
        widths.iter_mut().zip(row).for_each(|(width, text)| *width = (*width).max(columns(text)));
    }
    for row in rows {
        let padded = widths.iter().zip(row).map(|(width, text)| cell(text, *width));
        let last = row.iter().skip(PADDED).cloned();
        outln!("  {}", padded.chain(last).collect::<Vec<_>>().join(" "));
    }
}
