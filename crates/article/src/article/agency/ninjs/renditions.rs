//! Reads the renditions of a picture, a video or a sound.

use super::values::{Entries, field, find, members};
use crate::article::agency::item::{Field, Limits, Rendition};
use crate::article::values::{Key, Node, Value};

/// The renditions of an object: a list, or an object by name as in version 1.
pub(super) fn renditions(node: &Node<'_>) -> Vec<Rendition> {
    const ORIGIN: &str = "renditions";
    let rendition = |name: Option<Field>, entries: &Entries<'_>| {
        let get = |names: &[&str]| find(entries, names).and_then(|node| field(node, ORIGIN));
        let address = get(&["href"]).filter(|address| !address.text.trim().is_empty())?;
        Some(Rendition {
            address,
            id: None,
            media_type: get(&["contenttype", "mimetype"]),
            role: name.or_else(|| get(&["name"])),
            width: get(&["width"]),
            height: get(&["height"]),
            size: get(&["sizeinbytes"]),
            duration: get(&["duration"]),
            limits: Limits::default(),
        })
    };
    match &node.value {
        Value::Map(objects) => {
            let objects = objects.iter().filter_map(|(key, node)| match &node.value {
                Value::Map(entries) => Some((key, entries)),
                _ => None,
            });
            let name = |key: &Key<'_>| Field { text: key.name.to_string(), span: key.span.clone(), origin: ORIGIN };
            objects.filter_map(|(key, entries)| rendition(Some(name(key)), entries)).collect()
        }
        _ => members(node).into_iter().filter_map(|entries| rendition(None, entries)).collect(),
    }
}

/// `image`, `audio`, `video` or another kind, by the media type or the name of the file.
pub(super) fn media_kind(rendition: &Rendition) -> Option<&str> {
    let stated = rendition.media_type.as_ref().map(|stated| stated.text.trim());
    let address = rendition.address.text.split(['?', '#']).next().unwrap_or_default();
    let extension = address.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    let by_name = || crate::types::media_type(extension?);
    stated.filter(|stated| stated.contains('/')).or_else(by_name)?.split('/').next()
}
