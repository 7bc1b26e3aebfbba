//! Any file: a line that withholds its article is never published, whatever stands around it (`tests/suite/front_matter_invariant.rs`).
#![no_main]

#[path = "../../tests/suite/front_matter_invariant.rs"]
mod invariant;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| invariant::check(data));
