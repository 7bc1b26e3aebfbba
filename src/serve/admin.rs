//! The admin listener: readiness, status and metrics. Read-only.
//!
//! # How are web pages kept out?
//!
//! A page open in an operator's browser could resolve its own host name to this machine (DNS rebinding). So requests must name an IP
//! address, `localhost` or a configured host, and responses carry no CORS fields.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, HOST, HeaderValue};
use hyper::{Method, Response, StatusCode};
use jiff::Timestamp;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{EncodeLabel, EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use serde_json::{Map, Value, json};

use super::options::ServeOptions;
use super::request::{RequestHead, has_valid_host};
use super::{headers, responses};
use crate::diagnostics::{Diagnostic, Severity, escape_json};
use crate::metrics::{FeedLabel, HubStatus, Metrics, WatchStatus};
use crate::snapshot::{Resource, ResourceKind, Snapshot};
use crate::types::rfc3339;

const OPENMETRICS: HeaderValue = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const INDEX: &str = "/readyz        whether readers are served, and current alarms\n\
                     /status.json   articles, sections and problems\n\
                     /metrics       metrics for Prometheus\n\
                     /healthz       whether the process is alive\n";

/// Responds to an operator's request.
pub(super) fn respond(
    snapshot: &Snapshot,
    options: &ServeOptions,
    head: &RequestHead<'_>,
    now: Timestamp,
) -> Response<Bytes> {
    let mut response = route(snapshot, options, head, now);
    for name in [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS] {
        response.headers_mut().remove(name);
    }
    response
}

fn route(snapshot: &Snapshot, options: &ServeOptions, head: &RequestHead<'_>, now: Timestamp) -> Response<Bytes> {
    let metrics = &options.metrics;
    if !has_valid_host(head) {
        return responses::error(head, StatusCode::BAD_REQUEST, now);
    }
    if !has_trusted_host(head, &options.admin_hosts) {
        return responses::error(head, StatusCode::MISDIRECTED_REQUEST, now);
    }
    match *head.method {
        Method::GET | Method::HEAD => {}
        _ => return responses::error(head, StatusCode::METHOD_NOT_ALLOWED, now),
    }
    match head.uri.path() {
        "/" => responses::text(head, INDEX, now),
        "/healthz" => responses::text(head, "ok\n", now),
        "/readyz" if snapshot.generation == 0 => responses::starting(head, &snapshot.report, now),
        "/readyz" => responses::readiness(head, &snapshot.report, now),
        "/status.json" => headers::short_response(head, StatusCode::OK, JSON, status_json(snapshot, metrics, now), now),
        "/metrics" => {
            headers::short_response(head, StatusCode::OK, OPENMETRICS, openmetrics_text(snapshot, metrics, now), now)
        }
        _ => responses::error(head, StatusCode::NOT_FOUND, now),
    }
}

/// Whether the request names a host that other web sites can't control: an IP address, `localhost` or a configured name.
fn has_trusted_host(head: &RequestHead<'_>, hosts: &[String]) -> bool {
    let stated = head.headers.get(HOST).map(|host| host.to_str().unwrap_or_default());
    let targeted = head.uri.authority().map(|authority| authority.as_str());
    stated.into_iter().chain(targeted).all(|host| {
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next().unwrap_or_default(),
            None => host.split(':').next().unwrap_or_default(),
        };
        let name = name.strip_suffix('.').unwrap_or(name);
        let is_known = hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        name.is_empty() || name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok() || is_known
    })
}

/// The pages of all feeds, sorted by route.
fn pages(snapshot: &Snapshot) -> Vec<(&Arc<str>, &Resource)> {
    let documents = snapshot.documents.iter().map(|(route, resource)| (route, &**resource));
    let mut pages: Vec<_> = documents.filter(|(_, resource)| resource.kind == ResourceKind::Page).collect();
    pages.sort_by_key(|(route, _)| *route);
    pages
}

/// Limits the held stories in `/status.json`.
const MAX_LISTED_HELD: usize = 10_000;
/// Limits the problems in `/status.json`.
const MAX_LISTED_PROBLEMS: usize = 1_000;

/// The problems to list. If there are too many, errors come first.
fn listed_problems(problems: &[Diagnostic]) -> Vec<&Diagnostic> {
    let mut listed: Vec<&Diagnostic> = problems.iter().collect();
    if listed.len() > MAX_LISTED_PROBLEMS {
        listed.sort_by_key(|problem| problem.severity);
        listed.truncate(MAX_LISTED_PROBLEMS);
    }
    listed
}

/// The status of a hub that is told of changes.
fn hub_json(hub: &HubStatus) -> Value {
    json!({
        "url": &*hub.hub,
        "waiting": hub.waiting,
        "last_success": hub.last_success.map(rfc3339),
        "last_error": hub.last_error,
    })
}

fn status_json(snapshot: &Snapshot, metrics: &Metrics, now: Timestamp) -> String {
    let report = &snapshot.report;
    let listed = listed_problems(&report.problems);
    let problems = listed.iter().map(|problem| {
        let place = problem.place.as_ref();
        json!({
            "code": problem.code.name(),
            "severity": if problem.severity == Severity::Error { "error" } else { "warning" },
            "alarm": problem.code.is_alarm(),
            "message": problem.message,
            "file": place.map(|place| place.file.to_string()),
            "line": place.map(|place| place.line),
            "help": problem.help,
        })
    });
    let sections = pages(snapshot).into_iter().map(|(route, page)| {
        json!({ "path": &**route, "newest": page.newest.map(rfc3339), "updated": page.last_modified.map(rfc3339) })
    });
    let articles: Map<String, Value> =
        report.states().into_iter().map(|(state, count)| (state.to_owned(), count.into())).collect();
    let watching = metrics.watch_status.load();
    let hubs: Vec<Value> = metrics.push.hubs.load().iter().map(hub_json).collect();
    let statuses = metrics.source_statuses.load();
    let source = |(name, status): (&Arc<str>, &WatchStatus)| {
        let WatchStatus { mode, why, removals_blocked_by } = status;
        (name.to_string(), json!({ "mode": mode, "why": why, "removals_wait_for": removals_blocked_by }))
    };
    let sources: Map<String, Value> = statuses.iter().map(source).collect();
    let status = json!({
        "ready": snapshot.generation > 0,
        "version": env!("CARGO_PKG_VERSION"),
        "now": rfc3339(now),
        "generation": snapshot.generation,
        "articles": articles,
        "held": report.held.iter().take(MAX_LISTED_HELD).map(ToString::to_string).collect::<Vec<_>>(),
        "held_not_listed": report.held.len().saturating_sub(MAX_LISTED_HELD),
        "feeds": report.feeds,
        "connections": metrics.connections.get(),
        "watch": {
            "mode": watching.mode,
            "why": watching.why,
            "removals_wait_for": watching.removals_blocked_by,
            "scan_seconds": metrics.scan_seconds.get(),
            "scan_interval_seconds": metrics.scan_interval.get(),
        },
        "websub": {
            "subscriptions": metrics.push.subscriptions.get(),
            "waiting": metrics.push.waiting.get(),
            "failing": metrics.push.failing.get(),
            "hubs": hubs,
        },
        "sources": sources,
        "sections": sections.collect::<Vec<_>>(),
        "problems": problems.collect::<Vec<_>>(),
        "problems_not_listed": report.problems.len() - listed.len(),
    });
    escape_json(format!("{status:#}\n"))
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Label(&'static str, &'static str);

impl EncodeLabelSet for Label {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> Result<(), std::fmt::Error> {
        (self.0, self.1).encode(encoder.encode_label())
    }
}

fn openmetrics_text(snapshot: &Snapshot, metrics: &Metrics, now: Timestamp) -> String {
    let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let report = &snapshot.report;
    let articles = Family::<Label, Gauge>::default();
    for (state, count) in report.states() {
        articles.get_or_create(&Label("state", state)).set(gauge(count));
    }
    let problems = Family::<Label, Gauge>::default();
    for problem in &report.problems {
        problems.get_or_create(&Label("code", problem.code.name())).inc();
    }
    let ages = Family::<FeedLabel, Gauge>::default();
    for (route, page) in pages(snapshot) {
        if let Some(newest) = page.newest {
            ages.get_or_create(&FeedLabel(Arc::clone(route))).set(now.as_second() - newest.as_second());
        }
    }
    let watching = Family::<Label, Gauge>::default();
    for mode in ["events", "poll", "both"] {
        watching.get_or_create(&Label("mode", mode)).set((mode == metrics.watch_status.load().mode).into());
    }
    let mut registry = Registry::with_prefix("dateline");
    let feeds: Gauge = Gauge::default();
    feeds.set(gauge(report.feeds));
    registry.register("articles", "Articles, by state", articles);
    registry.register("feeds", "Feeds, each in one or more formats", feeds);
    registry.register("watch_mode", "1 for the way in which changes are found, by mode", watching);
    registry.register("problems", "Current problems, by code", problems);
    registry.register("newest_item_age_seconds", "Age of the newest item of a feed, by the path of its page", ages);
    let mut text = String::new();
    // Writing to memory can't fail.
    let written = encode_registry(&mut text, metrics.registry());
    let written = written.and_then(|()| encode_registry(&mut text, &registry)).and_then(|()| encode_eof(&mut text));
    written.unwrap_or_default();
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::Code;

    #[test]
    fn errors_come_first_in_truncated_list() {
        let of = |code: Code, count: usize| vec![Diagnostic::new(code, "x"); count];
        let few = [of(Code::ArticleTag, 2), of(Code::ArticleDate, 1)].concat();
        let many = [of(Code::ArticleTag, 1_500), of(Code::ArticleDate, 1)].concat();
        let severities = |problems: &[Diagnostic]| {
            listed_problems(problems).iter().map(|problem| problem.severity).collect::<Vec<_>>()
        };
        assert_eq!(severities(&few), [Severity::Warning, Severity::Warning, Severity::Error]);
        let listed = severities(&many);
        assert_eq!((listed.len(), listed.first()), (1_000, Some(&Severity::Error)));
    }
}
