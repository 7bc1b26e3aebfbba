//! Content codings of documents. Encoded on first use; `document_cache` keeps the result.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::negotiation::Coding;
use crate::snapshot::Resource;

/// Smaller documents gain nothing from a coding.
pub(super) const MIN_CODED_BYTES: usize = 200;

/// Chosen by measuring feeds: higher levels cost much and save little.
const GZIP_LEVEL: u32 = 6;
const BROTLI_QUALITY: u32 = 5;
const BROTLI_WINDOW: u32 = 22;
const ZSTD_LEVEL: i32 = 3;

/// The entity tag of a document in a coding, quotes included. Built on demand, because looking up a stored tag would be a cache miss.
pub(super) struct EntityTag {
    bytes: [u8; EntityTag::MAX_BYTES],
    length: usize,
}

impl EntityTag {
    const MAX_BYTES: usize = 48;

    /// Builds a strong tag that differs per coding (RFC 9110, section 8.8.3.3). The suffix's number is the version of the encoder:
    /// raise it whenever a level or library changes the encoded bytes.
    pub(super) fn new(resource: &Resource, coding: Coding) -> EntityTag {
        let suffix: &[u8] = match coding {
            Coding::Identity => b"\"",
            Coding::Gzip => b"-gz1\"",
            Coding::Brotli => b"-br1\"",
            Coding::Zstd => b"-zst1\"",
        };
        let hash = resource.hash.to_hex();
        let mut tag = EntityTag { bytes: [0; EntityTag::MAX_BYTES], length: 0 };
        for part in [b"\"", &hash[..], suffix] {
            let end = tag.length + part.len();
            if let Some(place) = tag.bytes.get_mut(tag.length..end) {
                place.copy_from_slice(part);
                tag.length = end;
            }
        }
        tag
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

/// Encodes a document. Takes milliseconds. `None` if the encoder fails, which happens only when memory is short.
pub(super) fn encoded(identity: &Bytes, coding: Coding) -> Option<Bytes> {
    match coding {
        Coding::Identity => Some(identity.clone()),
        // Memory is accounted by length, so excess capacity is dropped.
        _ => encode(identity, coding).ok().map(|bytes| Bytes::from(bytes.into_boxed_slice())),
    }
}

fn encode(bytes: &[u8], coding: Coding) -> std::io::Result<Vec<u8>> {
    match coding {
        Coding::Identity => Ok(bytes.to_vec()),
        Coding::Gzip => {
            let mut encoder = GzEncoder::new(Vec::with_capacity(bytes.len() / 3), Compression::new(GZIP_LEVEL));
            encoder.write_all(bytes)?;
            encoder.finish()
        }
        Coding::Brotli => {
            let encoded = Vec::with_capacity(bytes.len() / 3);
            let mut encoder = brotli::CompressorWriter::new(encoded, 16 * 1024, BROTLI_QUALITY, BROTLI_WINDOW);
            encoder.write_all(bytes)?;
            Ok(encoder.into_inner())
        }
        Coding::Zstd => zstd::bulk::compress(bytes, ZSTD_LEVEL),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::snapshot::{BuiltDocument, ResourceKind};

    fn decoded(bytes: &[u8], coding: Coding) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            Coding::Identity => plain.extend_from_slice(bytes),
            Coding::Gzip => drop(flate2::read::GzDecoder::new(bytes).read_to_end(&mut plain).unwrap()),
            Coding::Brotli => drop(brotli::Decompressor::new(bytes, 4096).read_to_end(&mut plain).unwrap()),
            Coding::Zstd => plain = zstd::stream::decode_all(bytes).unwrap(),
        }
        plain
    }

    #[test]
    fn decoding_returns_original_bytes() {
        let mut noise = vec![0; 5_000];
        blake3::Hasher::new().finalize_xof().fill(&mut noise);
        for bytes in [Vec::new(), b"short".to_vec(), "quay ".repeat(10_000).into_bytes(), noise] {
            for coding in [Coding::Identity, Coding::Gzip, Coding::Brotli, Coding::Zstd] {
                let coded = encoded(&bytes.clone().into(), coding).unwrap();
                assert_eq!(decoded(&coded, coding), bytes, "{coding:?}");
            }
        }
    }

    #[test]
    fn tags_differ_per_coding() {
        let resource = BuiltDocument::new(ResourceKind::Page, b"x".to_vec(), None, 900).resource;
        let mut tags: Vec<_> = [Coding::Identity, Coding::Gzip, Coding::Brotli, Coding::Zstd]
            .map(|coding| String::from_utf8(EntityTag::new(&resource, coding).as_bytes().to_vec()).unwrap())
            .into();
        assert!(tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"') && tag.is_ascii()));
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), 4);
    }
}
