//! File names of documents. The segments of a route are decoded, as a web server that serves the directory looks for them. Characters
//! that file names can't have stay encoded.

use std::path::{Path, PathBuf};

use crate::encoding::decode_segment;
use crate::types::ContentHash;

/// The longest name that common file systems accept (`NAME_MAX`).
const MAX_NAME_BYTES: usize = 255;
/// How much of a longer name stays readable, before its hash.
const MAX_READABLE_BYTES: usize = 160;

/// The file of a document below the output directory, by its route.
pub fn file_path(directory: &Path, route: &str) -> PathBuf {
    directory.join(file_name(route))
}

/// The file of a document, relative to the output directory.
pub(super) fn file_name(route: &str) -> String {
    route.split('/').map(segment_name).collect::<Vec<_>>().join("/")
}

fn segment_name(encoded: &str) -> String {
    let decoded = String::from_utf8_lossy(&decode_segment(encoded)).into_owned();
    // git refuses to add a folder `.git`. Apache httpd doesn't serve a folder in which `.htaccess` can't be read as a file.
    let is_reserved =
        decoded.eq_ignore_ascii_case(".git") || decoded.starts_with(".ht") || matches!(&*decoded, "." | "..");
    let mut name = String::with_capacity(decoded.len());
    for (position, character) in decoded.chars().enumerate() {
        if matches!(character, '/' | '\\') || character.is_control() || (position == 0 && is_reserved) {
            let mut buffer = [0; 4];
            character.encode_utf8(&mut buffer).bytes().for_each(|byte| name.push_str(&format!("%{byte:02X}")));
        } else {
            name.push(character);
        }
    }
    if name.len() > MAX_NAME_BYTES {
        let readable = name.get(..name.floor_char_boundary(MAX_READABLE_BYTES)).unwrap_or_default();
        return format!("{readable}~{}", ContentHash::of(name.as_bytes()));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_file_names() {
        for (route, name) in [
            ("technology/rss.xml", "technology/rss.xml"),
            ("%E7%A7%91%E6%8A%80/feed.json", "科技/feed.json"),
            ("tags/ac~2Fdc/rss.xml", "tags/ac~2Fdc/rss.xml"),
            ("tags/100%25/rss.xml", "tags/100%/rss.xml"),
            ("tags/a%3Fb/rss.xml", "tags/a?b/rss.xml"),
            ("tags/.net/rss.xml", "tags/.net/rss.xml"),
            ("tags/.../rss.xml", "tags/.../rss.xml"),
            ("tags/.git/rss.xml", "tags/%2Egit/rss.xml"),
            ("tags/.htaccess/rss.xml", "tags/%2Ehtaccess/rss.xml"),
            ("tags/..%2F..%2Fetc/../rss.xml", "tags/..%2F..%2Fetc/%2E./rss.xml"),
        ] {
            assert_eq!(file_name(route), name);
        }
        let long = |length: usize| file_name(&"x".repeat(length));
        assert!(long(255) == "x".repeat(255) && long(256).len() < 255 && long(256) != long(257));
    }
}
