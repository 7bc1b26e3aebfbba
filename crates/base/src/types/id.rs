//! Ids of entries and feeds, and hashes of content.

use std::fmt;

use arcstr::ArcStr;

use super::text::{is_bidi_control, is_publishable};

/// The digits of short ids, which are part of the URLs of articles' pages. Each stands for five bits.
pub const SHORT_ID_LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// An absolute IRI that permanently identifies an entry or a feed (RFC 4287, section 4.2.6). Compared byte by byte.
#[derive(Clone, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(
    clippy::derived_hash_with_manual_eq,
    reason = "equal texts have equal hashes; comparing the pointers first is only faster"
)]
pub struct EntryId(ArcStr);

impl PartialEq for EntryId {
    fn eq(&self, other: &EntryId) -> bool {
        ArcStr::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl EntryId {
    /// Parses an explicit `id`: an absolute IRI without white space, control characters or others that RFC 3987 forbids.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub fn parse(raw: &str) -> Result<EntryId, String> {
        let raw = raw.trim();
        let Some((scheme, rest)) = raw.split_once(':') else {
            return Err("an id is an absolute URI such as `tag:courier.example,2026:x` or `urn:uuid:...`".into());
        };
        let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        if !is_scheme || rest.is_empty() {
            return Err("an id starts with a URI scheme such as `tag:`, `urn:` or `https:`".into());
        }
        if let Some(bad) = raw.chars().find(|&c| {
            c.is_whitespace()
                || c.is_control()
                || !is_publishable(c)
                || is_bidi_control(c)
                || matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`')
        }) {
            return Err(format!("an id cannot contain `{}`", bad.escape_debug()));
        }
        if raw.len() > 1_024 {
            return Err(format!("an id is at most 1024 bytes long; this one has {}", raw.len()));
        }
        Ok(EntryId(raw.into()))
    }

    /// An id minted from parts that are already valid.
    pub fn minted(id: String) -> EntryId {
        EntryId(id.into())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first 128 bits of a BLAKE3 hash. The hash must be collision-resistant, because authors control the content.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> ContentHash {
        ContentHash::from_blake3(blake3::hash(bytes))
    }

    /// The hash of several parts, including their boundaries.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> ContentHash {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        ContentHash::from_blake3(hasher.finalize())
    }

    fn from_blake3(hash: blake3::Hash) -> ContentHash {
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        ContentHash(short)
    }

    /// The hash as 32 hexadecimal digits, as in [`fmt::Display`].
    pub fn to_hex(self) -> [u8; 32] {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let digit = |value: u8| DIGITS.get(usize::from(value & 0xf)).copied().unwrap_or_default();
        let mut hex = [0; 32];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte)]);
        }
        hex
    }

    /// The hash with these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> ContentHash {
        ContentHash(bytes)
    }

    /// Parses 32 hexadecimal digits, as in [`fmt::Display`].
    pub fn parse(text: &str) -> Option<ContentHash> {
        let mut hash = [0; 16];
        if text.len() != 32 {
            return None;
        }
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
        }
        Some(ContentHash(hash))
    }

    /// The hash as bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_hex()).unwrap_or_default())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
