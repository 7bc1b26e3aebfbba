//! Any file, of each input format, through parser, sanitiser and engine into all three formats and the page. Whatever comes
//! out must be a document for a parser without mercy, and the encoders' last gate must have had nothing to refuse.
#![no_main]

mod publishing;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&mode, rest)) = data.split_first() else { return };
    let extension = ["md", "html", "txt", "json", "xml"][usize::from(mode % 5)];
    // A file without a date isn't published, and random bytes have none.
    let head: &[u8] = match (mode / 5 % 2, extension) {
        (0, "json") => b"{\"uri\":\"urn:x:1\",\"headline\":\"T\",\"versioncreated\":\"2026-01-01\",",
        (0, "xml") => b"<newsItem guid='urn:x:1'><itemMeta><versionCreated>2026-01-01</versionCreated></itemMeta>",
        (0, "md") => b"---\ntitle: T\ndate: 2026-01-01\n---\n",
        (0, "html") => b"<title>T</title><meta name=date content=2026-01-01><article>",
        (0, _) => b"T\n\nSource: S | 2026-01-01 10:00:00 | Author: A\n\n",
        _ => b"",
    };
    let bytes = [head, rest].concat();
    publishing::publish(&format!("news/a.{extension}"), &bytes);
});
