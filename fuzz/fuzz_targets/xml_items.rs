//! Items in NewsML-G2 and NITF through their readers and all encoders. The corpus begins with the items of the test cases.
#![no_main]

mod publishing;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| publishing::publish("news/a.xml", data));
