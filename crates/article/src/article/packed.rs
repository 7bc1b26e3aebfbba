//! Compresses rendered bodies to about a third of their size, for the entry cache and the state directory.

use std::cell::RefCell;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::rendered::Rendered;
use crate::types::{ArticlePath, Text};

/// The size of the largest body that is packed or unpacked.
const MAX_UNPACKED_BYTES: usize = 16 << 20;

thread_local! {
    /// Reused, because creating a decompressor takes longer than unpacking a body.
    static DECOMPRESSOR: RefCell<zstd::bulk::Decompressor<'static>> = RefCell::default();
}

/// A packed body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PackedRendering(Arc<[u8]>);

#[derive(Serialize, Deserialize)]
struct Stored<'r> {
    html: &'r str,
    /// Stored although the HTML contains it, because it compresses well.
    text: &'r str,
    lead: Option<&'r str>,
    #[serde(borrow)]
    local_media: Vec<&'r str>,
}

impl PackedRendering {
    /// Packs a body. `None` if it is too large.
    pub fn of(rendered: &Rendered) -> Option<PackedRendering> {
        let Rendered { html, text, lead, local_media } = rendered;
        let local_media = local_media.iter().map(ArticlePath::as_str).collect();
        let bytes =
            postcard::to_allocvec(&Stored { html: html.as_str(), text, lead: lead.as_deref(), local_media }).ok()?;
        let bytes = Some(bytes).filter(|bytes| bytes.len() <= MAX_UNPACKED_BYTES)?;
        zstd::bulk::compress(&bytes, 1).ok().map(PackedRendering::from_bytes)
    }

    /// Restores a packed body from stored bytes.
    pub fn from_bytes(bytes: Vec<u8>) -> PackedRendering {
        PackedRendering(bytes.into())
    }

    /// The bytes, for storage.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Unpacks the body. `None` if the bytes are damaged.
    pub fn open(&self) -> Option<Rendered> {
        let length = zstd::zstd_safe::get_frame_content_size(&self.0).ok().flatten()?;
        let length = usize::try_from(length).ok().filter(|length| *length <= MAX_UNPACKED_BYTES)?;
        let unpack = |decompressor: &RefCell<zstd::bulk::Decompressor<'_>>| {
            decompressor.try_borrow_mut().ok()?.decompress(&self.0, length).ok()
        };
        let bytes = DECOMPRESSOR.with(unpack)?;
        let Stored { html, text, lead, local_media } = postcard::from_bytes(&bytes).ok()?;
        let local_media = local_media.into_iter().map(ArticlePath::new).collect();
        Some(Rendered { html: Text::new(html), text: text.to_owned(), lead: lead.map(str::to_owned), local_media })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_preserves_body() {
        for (html, text) in [
            ("", String::new()),
            ("<p>A ship.</p>", "A ship.".to_owned()),
            ("<p>船</p>", "船".repeat(10_000)),
            (&*"<p>The quay reopens.</p>".repeat(1_000), "The quay reopens.".repeat(1_000)),
        ] {
            let local_media = vec![ArticlePath::new("quay.jpg")];
            let lead = Some(html.chars().take(3).collect());
            let rendered = Rendered { html: Text::new(html), text, lead, local_media };
            let packed = PackedRendering::of(&rendered).expect("packed");
            assert_eq!(packed.open().as_ref(), Some(&rendered));
            let length = html.len() + rendered.text.len();
            assert!(length < 10_000 || packed.as_bytes().len() * 10 < length);
            let damaged = |bytes: &[u8]| PackedRendering::from_bytes(bytes.to_vec()).open();
            assert_eq!(damaged(packed.as_bytes().get(1..).unwrap_or_default()), None);
        }
        let huge = Rendered { text: "x".repeat(MAX_UNPACKED_BYTES), ..Rendered::empty() };
        assert_eq!(PackedRendering::of(&huge), None);
        let claims = zstd::bulk::compress(&vec![0; MAX_UNPACKED_BYTES + 1], 1).expect("packed");
        assert_eq!(PackedRendering::from_bytes(claims).open(), None);
    }
}
