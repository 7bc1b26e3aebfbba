//! The content codings of documents: made on first use, once per version, kept with the document.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::negotiation::Coding;
use crate::snapshot::{Coded, Resource};

/// Documents smaller than this gain nothing from a coding (bytes).
pub(super) const MIN_CODED_BYTES: usize = 200;

/// Speed against size, measured on feeds: the next levels cost much and save next to nothing.
const GZIP_LEVEL: u32 = 6;
const BROTLI_QUALITY: u32 = 5;
const BROTLI_WINDOW: u32 = 22;
const ZSTD_LEVEL: i32 = 3;

/// The entity tag of a document in a coding, quotes included. It is short, and made where it is needed: of thousands of documents
/// it would be looked up in memory that no cache holds.
pub(super) struct EntityTag {
    bytes: [u8; EntityTag::MAX_BYTES],
    length: usize,
}

impl EntityTag {
    const MAX_BYTES: usize = 48;

    /// Strong tags differ per coding (H-34); the number is the version of our encoders: raise it whenever a level or a library
    /// changes the bytes that they make.
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

/// Where a document keeps what it is in a coding.
pub(super) fn slot(resource: &Resource, coding: Coding) -> &Coded {
    match coding {
        Coding::Identity => &resource.codings.identity,
        Coding::Gzip => &resource.codings.gzip,
        Coding::Brotli => &resource.codings.brotli,
        Coding::Zstd => &resource.codings.zstd,
    }
}

/// The bytes of a document in a coding; takes milliseconds. `None` where the encoder failed, which only a lack of memory makes it
/// do.
pub(super) fn encoded(identity: &Bytes, coding: Coding) -> Option<Bytes> {
    match coding {
        Coding::Identity => Some(identity.clone()),
        // What is kept is counted by its length, so that it has no room at its end.
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
    use crate::snapshot::ResourceKind;

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
    fn codings_give_the_bytes_back() {
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
    fn tags_differ_per_coding_h34() {
        let resource = Resource::new(ResourceKind::Page, b"x".to_vec(), None, 900);
        let mut tags: Vec<_> = [Coding::Identity, Coding::Gzip, Coding::Brotli, Coding::Zstd]
            .map(|coding| String::from_utf8(EntityTag::new(&resource, coding).as_bytes().to_vec()).unwrap())
            .into();
        assert!(tags.iter().all(|tag| tag.starts_with('"') && tag.ends_with('"') && tag.is_ascii()));
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), 4);
    }
}
