//! Any tree of folders, files and links: no path in it leads out of the root, and both ways of resolving it agree.
#![no_main]

use dateline::beneath::{Links, Root};
use libfuzzer_sys::fuzz_target;

#[path = "../../src/beneath/trees.rs"]
mod trees;

fuzz_target!(|script: &[u8]| trees::check(script));
