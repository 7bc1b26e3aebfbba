//! Counts responses made from documents.

use std::sync::{Arc, OnceLock};

use hyper::StatusCode;

use super::negotiation::Coding;
use super::representation::SelectedRepresentation;
use crate::feed::Format;
use crate::metrics::{Counter, FeedLabel, Metrics, ResponseLabels};
use crate::snapshot::ResourceKind;

/// The counters of documents' responses. Each is looked up once, and appears in the metrics with its first response.
#[derive(Debug, Default)]
pub(super) struct DocumentCounters([OfKind; 6]);

/// The counters of one kind of document, by coding.
#[derive(Debug, Default)]
struct OfKind([OfCoding; 4]);

/// The counters of one kind and coding.
#[derive(Debug, Default)]
struct OfCoding {
    ok: OnceLock<Counter>,
    not_modified: OnceLock<Counter>,
}

impl DocumentCounters {
    /// Counts a 200 or 304.
    pub(super) fn count(&self, metrics: &Metrics, selected: &SelectedRepresentation, status: StatusCode) {
        let SelectedRepresentation { route, resource, coding, .. } = selected;
        metrics.section_responses.get_or_create(&FeedLabel(Arc::clone(route))).inc();
        let [identity, gzip, brotli, zstd] = &self.of_kind(resource.kind).0;
        let counters = match coding {
            Coding::Identity => identity,
            Coding::Gzip => gzip,
            Coding::Brotli => brotli,
            Coding::Zstd => zstd,
        };
        let counter = if status == StatusCode::OK { &counters.ok } else { &counters.not_modified };
        let labels = || ResponseLabels {
            format: resource.kind.name(),
            status: status.as_u16(),
            coding: coding.name().unwrap_or("identity"),
        };
        counter.get_or_init(|| metrics.responses.get_or_create_owned(&labels())).inc();
    }

    fn of_kind(&self, kind: ResourceKind) -> &OfKind {
        let [rss, atom, json, style, opml, page] = &self.0;
        match kind {
            ResourceKind::Feed(format) | ResourceKind::ShownFeed(format) => match format {
                Format::Rss => rss,
                Format::Atom => atom,
                Format::Json => json,
            },
            ResourceKind::Style => style,
            ResourceKind::Opml => opml,
            ResourceKind::Page => page,
        }
    }
}
