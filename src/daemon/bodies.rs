//! Completes the bodies of articles: loads published versions that the files don't have any more from the store, and renders bodies.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::article::packed::PackedRendering;
use crate::article::render::render;
use crate::beneath::Roots;
use crate::build::render_cache::RenderKey;
use crate::config::Config;
use crate::event::{BodyRequest, FetchedBody, StoredVersion, UnfetchedBody};
use crate::parallel;
use crate::store::{StoreHandle, kept_media};
use crate::types::ContentHash;
use crate::watch;

/// Reads the bodies that the engine asked for. See [`complete`].
pub(super) fn fetch(
    roots: &Roots,
    config: &Config,
    store: &StoreHandle,
    requests: &[BodyRequest],
    is_rendered: bool,
) -> (Vec<FetchedBody>, Vec<UnfetchedBody>) {
    complete(roots, config, store, watch::fetch::fetch(roots, requests, config), is_rendered)
}

/// Loads the versions that the files don't have any more from the store, and returns all bodies and those that neither has. If
/// `is_rendered`, bodies are rendered, too, with the store's cache of rendered bodies.
pub(super) fn complete(
    roots: &Roots,
    config: &Config,
    store: &StoreHandle,
    read: Vec<Result<FetchedBody, Box<UnfetchedBody>>>,
    is_rendered: bool,
) -> (Vec<FetchedBody>, Vec<UnfetchedBody>) {
    let missing = read.iter().filter_map(|body| body.as_ref().err()).map(|missing| missing.request.clone());
    // The stored versions have the order of the missing bodies.
    let mut stored = load_stored(roots, config, store, missing.collect()).into_iter();
    let (mut fetched, mut unfetched) = (Vec::with_capacity(read.len()), Vec::new());
    for body in read {
        let missing = match body {
            Ok(body) => {
                fetched.push(body);
                continue;
            }
            Err(missing) => *missing,
        };
        match stored.next().and_then(|version| version.article) {
            Some(article) => {
                let source = article.source.clone();
                fetched.push(FetchedBody { request: missing.request, article: Some(article), rendered: None, source });
            }
            None => unfetched.push(missing),
        }
    }
    if is_rendered {
        render_all(store, &mut fetched);
    }
    (fetched, unfetched)
}

/// Renders bodies, or loads them from the cache of rendered bodies.
fn render_all(store: &StoreHandle, fetched: &mut [FetchedBody]) {
    let key = |fetched: &FetchedBody| {
        let links = fetched.request.links.as_ref()?;
        fetched.article.as_ref()?.body.as_ref().map(|_| RenderKey::new(fetched.request.hash, links).hash())
    };
    /// Rendering this many bodies takes no longer than opening the cache. The engine renders them itself.
    const MAX_UNCACHED_BODIES: usize = 16;
    /// The time for rendering. The engine renders the rest itself.
    const RENDER_TIMEOUT: Duration = Duration::from_secs(2);
    let keys: Vec<ContentHash> = fetched.iter().filter_map(key).collect();
    if keys.len() <= MAX_UNCACHED_BODIES {
        return;
    }
    let cached = store.renderings(&keys);
    let (has_cache, begun) = (cached.is_some(), Instant::now());
    let cached = cached.unwrap_or_default();
    let rendered = parallel::on_all_cores(fetched, |fetched| {
        let key = key(fetched)?;
        if let Some(rendered) = cached.get(&key).and_then(PackedRendering::open) {
            return Some((key, Arc::new(rendered), None));
        }
        if begun.elapsed() > RENDER_TIMEOUT {
            return None;
        }
        let (links, article) = (fetched.request.links.as_ref()?, fetched.article.as_ref()?);
        // After a panic, the engine renders the body again and reports the file.
        let rendered = parallel::catch_panic(|| article.body.as_ref().map(|body| render(body, links))).flatten()?;
        let packed = has_cache.then(|| PackedRendering::of(&rendered)).flatten();
        Some((key, Arc::new(rendered), packed))
    });
    let mut new = Vec::new();
    for (body, (key, rendered, packed)) in
        fetched.iter_mut().zip(rendered).filter_map(|(body, rendered)| Some((body, rendered?)))
    {
        body.rendered = Some(rendered);
        new.extend(packed.map(|packed| (key, packed)));
    }
    if !new.is_empty() {
        store.save_renderings(new);
    }
}

/// The most files of the store that are in memory at a time.
pub(super) const MAX_LOADED_FILES: usize = 256;

/// Loads published versions from the store, in the order of the requests.
pub(super) fn load_stored(
    roots: &Roots,
    config: &Config,
    store: &StoreHandle,
    requests: Vec<BodyRequest>,
) -> Vec<StoredVersion> {
    let mut versions = Vec::with_capacity(requests.len());
    for batch in requests.chunks(MAX_LOADED_FILES) {
        let hashes: Vec<ContentHash> = batch.iter().map(|request| request.hash).collect();
        let sources = store.load_sources(&hashes).unwrap_or_else(|error| {
            tracing::error!(%error, "cannot load the published versions of articles");
            Vec::new()
        });
        let sources: HashMap<ContentHash, Vec<u8>> = sources.into_iter().collect();
        versions.extend(batch.iter().map(|request| {
            let bytes = sources.get(&request.hash).cloned();
            let parsing = config.parsing_of(&request.path);
            let root = roots.of(&request.path).ok();
            let kept = kept_media(&config.state, request.path.source());
            let article = bytes
                .zip(root)
                .and_then(|(bytes, root)| watch::fetch::parse_stored(root, &kept, request, bytes, parsing));
            StoredVersion { request: request.clone(), article }
        }));
    }
    versions
}
