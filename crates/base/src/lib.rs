//! Values, diagnostics, metrics and other parts that all of dateline uses. The map is in the docs of the crate `dateline`.

pub mod diagnostics;
pub mod encoding;
pub mod metrics;
pub mod parallel;
pub mod slab;
pub mod types;
