//! The admin listener.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

use super::{address, newsroom, serve};
use crate::newsroom::{CONFIG, DEADLINE, Daemon};

#[test]
fn only_admin_listener_serves_status_and_metrics() {
    let newsroom = newsroom("[[source]]\nname = \"wire\"\ndirectory = \"../drop/wire\"\n");
    std::fs::create_dir_all(newsroom.path("drop/wire")).expect("made");
    newsroom.write("content/news/draft.md", "---\ntitle: Draft\ndate: 2026-11-20\ndraft: true\n---\nx\n");
    newsroom.write("content/news/bad.md", "---\ntitle: [\n---\nx\n");
    let (daemon, printed) = serve(&newsroom, &["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], 2);
    let admin = Daemon::at(address(&printed[0]));
    for _ in 0..3 {
        daemon.get("/news/rss.xml", &[("Accept-Encoding", "gzip")]);
    }
    let status: Value = serde_json::from_str(&admin.body("/status.json")).expect("JSON");
    assert_eq!(status["ready"], true);
    assert!(status["sources"]["wire"]["mode"].as_str().is_some_and(|mode| !mode.is_empty()), "{}", status["sources"]);
    assert_eq!(
        (&status["articles"]["public"], &status["articles"]["draft"], &status["articles"]["refused"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert!(
        status["problems"]
            .as_array()
            .expect("a list")
            .iter()
            .any(|problem| problem["file"].as_str().expect("a file").ends_with("bad.md"))
    );
    let metrics = admin.get("/metrics", &[]);
    assert!(metrics.header("content-type").expect("a type").starts_with("application/openmetrics-text"));
    let metrics = metrics.text();
    for line in [
        "dateline_requests_total{format=\"rss\",status=\"200\",coding=\"gzip\"} 3",
        "dateline_section_requests_total{section=\"/news/\"} 3",
        "dateline_articles{state=\"public\"} 1",
        "dateline_articles{state=\"draft\"} 1",
        "dateline_ready 1",
        "dateline_watch_overflows_total 0",
    ] {
        assert!(metrics.lines().any(|known| known == line), "{line}\n{metrics}");
    }
    for name in [
        "publish_seconds_bucket",
        "build_seconds_count",
        "newest_item_age_seconds{section=\"/news/\"}",
        "problems{code=",
        "event_queue",
        "changes_found_by_scan_total",
        "connections ",
    ] {
        assert!(metrics.contains(&format!("dateline_{name}")), "{name}\n{metrics}");
    }
    assert!(metrics.ends_with("# EOF\n"));
    // Prometheus rejects a metric family that occurs twice (OpenMetrics 1.0, section "MetricFamily").
    let mut families: Vec<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    families.sort_unstable();
    assert!(families.len() > 25 && families.windows(2).all(|pair| pair[0] != pair[1]), "{families:?}");
    assert!(admin.body("/readyz").starts_with("ready\n"));
    // The admin listener is read-only, refuses unknown host names, and isn't reachable through the public listener.
    let post = raw(&printed[0], "POST /readyz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    assert!(post.starts_with("HTTP/1.1 405"), "{post}");
    for path in ["/status.json", "/metrics", "/readyz", "/missing"] {
        assert!(admin.get(path, &[("Origin", "http://evil.example")]).header("access-control-allow-origin").is_none());
    }
    assert_eq!(host(&printed[0], "evil.example"), 421);
    assert_eq!(host(&printed[0], "localhost:1"), 200);
    for path in ["/metrics", "/status.json"] {
        assert_eq!(daemon.get(path, &[]).status, 404);
    }
}

#[test]
fn admin_requests_must_name_known_host() {
    let newsroom = newsroom("[admin]\nhosts = [\"Prometheus.internal\"]");
    let (_daemon, printed) = serve(&newsroom, &["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], 2);
    for (fields, status) in [
        ("Host: prometheus.internal\r\n", 200),
        ("Host: PROMETHEUS.internal.:8081\r\n", 200),
        ("Host: [::1]:8081\r\n", 200),
        ("Host: prometheus.internal.evil.example\r\n", 421),
        ("Host: internal\r\n", 421),
        ("Host: localhost\r\nHost: evil.example\r\n", 400),
        ("Host: localhost\r\nHost: localhost\r\n", 400),
        ("Host: evil.example\r\nHost: localhost\r\n", 400),
        ("Host: \u{e9}vil.example\r\n", 400),
        ("", 400),
    ] {
        for path in ["/readyz", "/status.json", "/metrics", "/", "/missing"] {
            let answer = raw(&printed[0], &format!("GET {path} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n"));
            let status = if status == 200 && path == "/missing" { 404 } else { status };
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path} {fields}: {answer}");
        }
    }
    let absolute = "GET http://evil.example/readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    assert!(raw(&printed[0], absolute).starts_with("HTTP/1.1 421 "));
    for hosts in ["http://prometheus.internal", "prometheus:9090", "a b", ""] {
        newsroom.write("config/bad.toml", format!("{CONFIG}\n[admin]\nhosts = [\"{hosts}\"]\n"));
        let check = newsroom.dateline(&["--config", "config/bad.toml", "check"]);
        assert_eq!(check.status.code(), Some(2), "{hosts}");
        assert!(crate::newsroom::printed(&check).contains("is not the name of a host"), "{hosts}");
    }
}

fn raw(printed: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address(printed)).expect("it listens");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
    stream.write_all(request.as_bytes()).expect("open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

fn host(printed: &str, host: &str) -> u16 {
    let answer = raw(printed, &format!("GET /readyz HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    answer[9..12].parse().expect("a status")
}
