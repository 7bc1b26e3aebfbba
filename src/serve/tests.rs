//! The server on a real socket: framing, limits and shutdown.

mod pages;
mod shutdown;

use std::io::{Read, Seek, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use jiff::Timestamp;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::*;
use crate::config::Endpoint;
use crate::metrics::MemoryCounter;
use crate::snapshot::{BuiltDocument, ResourceKind};
use crate::types::ArticlePath;

/// Long enough for a busy machine, short enough to fail instead of hanging.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);
/// The size of `/big`: more than the kernel's buffers hold.
const BIG_BYTES: usize = 32 << 20;

struct Server {
    address: SocketAddr,
    snapshot: Arc<ArcSwap<Snapshot>>,
    documents: Arc<DocumentCache>,
    stop: Option<oneshot::Sender<()>>,
    ended: mpsc::Receiver<()>,
    _runtime: Runtime,
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn options() -> ServeOptions {
    ServeOptions::new(now)
}

/// A snapshot with a few documents, whose bytes are in the cache.
fn snapshot(documents: &DocumentCache) -> Snapshot {
    let mut snapshot = Snapshot { generation: 1, ..Snapshot::default() };
    for (path, length) in [("/", 5), ("/feed.xml", 2_000), ("/big", BIG_BYTES)] {
        let bytes = path.bytes().cycle().take(length).collect();
        let BuiltDocument { resource, bytes } = BuiltDocument::new(ResourceKind::Opml, bytes, None, 900);
        documents.insert(&resource, bytes);
        snapshot.documents.insert(path.into(), resource);
    }
    for name in ["quay.jpg", "logo.svg", "gone.jpg", "broken.jpg", "cut.jpg", "panic.jpg"] {
        snapshot.media.insert(name.into(), ArticlePath::new(name));
    }
    snapshot
}

/// Stands in for the daemon's content directory.
fn disk(request: DiskRequest, _: &CancellationToken) -> io::Result<DiskResponse> {
    let DiskRequest::Media(path) = request else { return Err(io::ErrorKind::NotFound.into()) };
    let mut file = tempfile::tempfile()?;
    file.write_all(&"picture ".repeat(30_000).into_bytes())?;
    file.rewind()?;
    let length = file.metadata()?.len();
    let modified = Some("2026-11-20T00:00:00Z".parse().unwrap());
    match path.as_str() {
        "gone.jpg" => Err(io::ErrorKind::NotFound.into()),
        "broken.jpg" => Err(io::ErrorKind::PermissionDenied.into()),
        "cut.jpg" => Ok(DiskResponse::File { file, length: length + 1, modified }),
        "panic.jpg" => panic!("on purpose"),
        _ => Ok(DiskResponse::File { file, length, modified }),
    }
}

impl Server {
    fn start(options: ServeOptions) -> Server {
        Server::with_disk(options, disk)
    }

    fn with_disk(
        options: ServeOptions,
        disk: impl Fn(DiskRequest, &CancellationToken) -> io::Result<DiskResponse> + Send + Sync + 'static,
    ) -> Server {
        let runtime = Runtime::new().unwrap();
        let endpoint = Endpoint::Tcp("127.0.0.1:0".parse().unwrap());
        let listener = runtime.block_on(async { Listener::bind(&endpoint, Audience::Public) }).unwrap();
        let Endpoint::Tcp(address) = listener.endpoint().unwrap() else { panic!("TCP") };
        let documents = Arc::new(DocumentCache::new(1 << 30, MemoryCounter::default(), |_| {}));
        let snapshot = Arc::new(ArcSwap::from_pointee(snapshot(&documents)));
        let options = ServeOptions { documents: Arc::clone(&documents), ..options };
        let (stop, stopped) = oneshot::channel();
        let (end, ended) = mpsc::channel();
        let server = run(vec![listener], Arc::clone(&snapshot), Arc::new(disk), options, async move {
            let _ = stopped.await;
        });
        drop(runtime.handle().spawn(async move {
            server.await;
            let _ = end.send(());
        }));
        Server { address, snapshot, documents, stop: Some(stop), ended, _runtime: runtime }
    }

    /// The bytes of a document.
    fn bytes(&self, path: &str) -> Bytes {
        self.documents.bytes(self.snapshot.load().documents[path].hash).unwrap()
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        stream.set_write_timeout(Some(TEST_TIMEOUT)).unwrap();
        stream
    }

    /// Sends a request on its own connection and reads until the server closes it.
    fn exchange(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = Vec::new();
        stream.read_to_end(&mut response).unwrap();
        String::from_utf8_lossy(&response).into_owned()
    }

    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }
}

/// Reads one response, delimited by its Content-Length.
fn read_response(stream: &mut TcpStream, has_body: bool) -> (String, Vec<u8>) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let length = field(&head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; if has_body { length } else { 0 }];
    stream.read_exact(&mut body).unwrap();
    (head, body)
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

fn statuses(responses: &str) -> Vec<&str> {
    responses.lines().filter_map(|line| line.split("HTTP/1.").nth(1)?.get(2..5)).collect()
}

#[test]
fn connection_before_stop_gets_its_answer() {
    for http2 in [false, true] {
        let mut server = Server::start(ServeOptions { http2, ..options() });
        let mut early = server.connect();
        // The listener accepts connections in order, so the first one has been accepted by now.
        assert_eq!(statuses(&server.exchange("GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")), ["200"]);
        server.stop();
        early.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        let (head, _) = read_response(&mut early, true);
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        assert_eq!(early.read(&mut [0]).unwrap(), 0, "it is the last one");
        drop(early);
        server.ended.recv_timeout(TEST_TIMEOUT).unwrap();
    }
}

#[test]
fn persistent_connections_stay_framed() {
    let server = Server::start(options());
    let tag = server.snapshot.load().documents["/feed.xml"].hash;
    let requests = format!(
        "GET /feed.xml HTTP/1.1\r\nHost: x\r\nIf-None-Match: W/\"{tag}\"\r\n\r\n\
         GET /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n\
         HEAD /feed.xml HTTP/1.1\r\nHost: x\r\n\r\n\
         GET /missing HTTP/1.1\r\nHost: x\r\n\r\n\
         OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n\
         GET /media/quay.jpg HTTP/1.1\r\nHost: x\r\n\r\n\
         GET /feed.xml HTTP/1.1\r\nHost: x\r\nIf-None-Match: \"{tag}\"\r\nConnection: close\r\n\r\n"
    );
    let one_by_one: Vec<_> = requests.split_inclusive("\r\n\r\n").collect();
    for pipelined in [true, false] {
        let mut stream = server.connect();
        if pipelined {
            stream.write_all(requests.as_bytes()).unwrap();
        }
        let mut got = Vec::new();
        for request in &one_by_one {
            if !pipelined {
                stream.write_all(request.as_bytes()).unwrap();
            }
            let (head, body) = read_response(&mut stream, !request.starts_with("HEAD"));
            assert!(!head.contains("transfer-encoding"), "H-22, H-56: {head}");
            assert_eq!(field(&head, "date"), Some("Mon, 23 Nov 2026 12:00:00 GMT"), "H-06: our clock, not hyper's");
            got.push((
                head.get(9..12).unwrap().to_owned(),
                field(&head, "content-length").map(str::to_owned),
                body.len(),
            ));
        }
        let expected = [
            ("304", None, 0),
            ("200", Some("2000"), 2_000),
            ("200", Some("2000"), 0),
            ("404", got[3].1.as_deref(), got[3].2),
            ("204", None, 0),
            ("200", Some("240000"), 240_000),
            ("304", None, 0),
        ];
        let got: Vec<_> = got.iter().map(|(status, length, body)| (&**status, length.as_deref(), *body)).collect();
        assert_eq!(got, expected, "pipelined: {pipelined}");
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "closed after Connection: close");
    }
}

#[test]
fn bodies_match_their_content_coding() {
    let server = Server::start(options());
    for (accepted, tag_end) in [("gzip", "-gz1\""), ("br", "-br1\""), ("zstd", "-zst1\""), ("deflate", "\"")] {
        let mut lengths = Vec::new();
        for method in ["GET", "HEAD", "GET"] {
            let mut stream = server.connect();
            let request = format!("{method} /feed.xml HTTP/1.1\r\nHost: x\r\nAccept-Encoding: {accepted}\r\n\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let (head, body) = read_response(&mut stream, method == "GET");
            assert_eq!(field(&head, "content-encoding"), (accepted != "deflate").then_some(accepted));
            assert!(field(&head, "etag").unwrap().ends_with(tag_end), "{head}");
            assert_eq!(field(&head, "vary"), Some("Accept-Encoding"));
            lengths.push(field(&head, "content-length").unwrap().to_owned());
            if accepted == "gzip" && method == "GET" {
                let mut plain = Vec::new();
                flate2::read::GzDecoder::new(&*body).read_to_end(&mut plain).unwrap();
                assert_eq!(plain, server.bytes("/feed.xml"));
            }
        }
        assert!(lengths.iter().all(|length| *length == lengths[0]), "H-40: {lengths:?}");
    }
}

/// Rows are requests on a connection of their own. The server closes each connection itself.
#[test]
fn connections_close_when_required() {
    let server = Server::start(options());
    let huge = "x".repeat(100_000);
    let many: String = (0..200).map(|number| format!("x-{number}: y\r\n")).collect();
    for (rule, request, expected) in [
        ("H-56 HTTP/1.0", "GET /feed.xml HTTP/1.0\r\n\r\n".to_owned(), &["200"][..]),
        ("Connection: close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".into(), &["200"]),
        ("H-57 no Host", "GET / HTTP/1.1\r\nConnection: close\r\n\r\n".into(), &["400"]),
        ("H-57 two", "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\nConnection: close\r\n\r\n".into(), &["400"]),
        ("H-43 body", format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{huge}"), &["405"]),
        (
            "H-43 what looks like a request may be a body",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n".into(),
            &["405"],
        ),
        ("H-43 GET with a body", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab".into(), &["200"]),
        (
            "H-43 chunked",
            "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".into(),
            &["405"],
        ),
        (
            "H-43 no 100 for a body that nobody wants",
            "POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n".into(),
            &["405"],
        ),
        (
            "H-81 both lengths",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /missing HTTP/1.1\r\nHost: x\r\n\r\n".into(),
            &["200"],
        ),
        (
            "H-81 two lengths",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".into(),
            &["400"],
        ),
        ("H-81 blank before colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n".into(), &["400"]),
        ("H-81 NUL", "GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n".into(), &["400"]),
        ("H-81 unknown coding", "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: cow\r\n\r\n".into(), &["400"]),
        ("H-82 long line", format!("GET / HTTP/1.1\r\nHost: x\r\nX: {huge}\r\n\r\n"), &["431"]),
        ("H-82 many lines", format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"), &["431"]),
        ("H-82 long target", format!("GET /{huge} HTTP/1.1\r\nHost: x\r\n\r\n"), &["431"]),
        ("no HTTP at all", "\u{1}\u{2}\u{3} hello\r\n\r\n".into(), &["400"]),
        ("media that are gone", "GET /media/gone.jpg HTTP/1.0\r\n\r\n".into(), &["404"]),
        ("media that cannot be read", "GET /media/broken.jpg HTTP/1.0\r\n\r\n".into(), &["503"]),
        ("a panic is one answer", "GET /media/panic.jpg HTTP/1.0\r\n\r\n".into(), &["500"]),
    ] {
        let responses = server.exchange(&request);
        assert_eq!(statuses(&responses), expected, "{rule}: {responses:.300}");
        assert!(!responses.contains("100 Continue"), "{rule}");
        assert!(!rule.starts_with("H-43") || field(&responses, "connection") == Some("close"), "{rule}");
    }
}

/// The body exceeds the kernel's buffers and is sent before the response is read. Without lingering, a reset would destroy it.
#[test]
fn response_survives_unread_request_body() {
    let server = Server::start(options());
    let mut stream = server.connect();
    stream.write_all(format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {BIG_BYTES}\r\n\r\n").as_bytes()).unwrap();
    stream.write_all(&vec![b'x'; BIG_BYTES]).unwrap();
    let (head, body) = read_response(&mut stream, true);
    assert!(head.starts_with("HTTP/1.1 405") && !body.is_empty());
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn truncated_media_end_the_connection() {
    let server = Server::start(options());
    let response = server.exchange("GET /media/quay.jpg HTTP/1.0\r\nRange: bytes=0-9,20-29\r\n\r\n");
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.0 200"), "H-48: {head}");
    assert_eq!(body, "picture ".repeat(30_000));
    for (name, value) in [
        ("content-type", "image/jpeg"),
        ("x-content-type-options", "nosniff"),
        ("accept-ranges", "bytes"),
        ("last-modified", "Fri, 20 Nov 2026 00:00:00 GMT"),
        ("cache-control", "max-age=300"),
    ] {
        assert_eq!(field(head, name), Some(value), "{head}");
    }
    let tag = field(head, "etag").unwrap();
    assert!(tag.starts_with("W/\""), "{tag}");
    let again = server.exchange(&format!("GET /media/quay.jpg HTTP/1.0\r\nIf-None-Match: {tag}\r\n\r\n"));
    assert!(again.starts_with("HTTP/1.0 304") && again.ends_with("\r\n\r\n"), "H-10: {again}");

    let head = server.exchange("HEAD /media/logo.svg HTTP/1.0\r\n\r\n");
    assert_eq!(field(&head, "content-length"), Some("240000"), "H-40");
    assert!(head.ends_with("\r\n\r\n"));
    assert!(field(&head, "content-security-policy").unwrap().contains("sandbox"));

    let mut stream = server.connect();
    stream.write_all(b"GET /media/cut.jpg HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut response = Vec::new();
    // Closed or reset, but shorter than promised, and at once.
    if let Err(error) = stream.read_to_end(&mut response) {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
    let response = String::from_utf8_lossy(&response);
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert_eq!(field(head, "content-length"), Some("240001"));
    assert!(body.len() <= 240_000);
}

/// A file's slot is free again after the response. Without a free slot the client gets Retry-After.
#[test]
fn open_files_have_separate_limit() {
    for (slots, status) in [(1, "200"), (0, "503")] {
        let server = Server::start(ServeOptions { max_files: slots, ..options() });
        for _ in 0..3 {
            let response = server.exchange("GET /media/quay.jpg HTTP/1.0\r\n\r\n");
            assert_eq!(statuses(&response), [status]);
            assert_eq!(field(&response, "retry-after"), (slots == 0).then_some("1"));
        }
        assert_eq!(statuses(&server.exchange("GET / HTTP/1.0\r\n\r\n")), ["200"], "documents need none");
    }
}

#[test]
fn media_ranges_are_served() {
    let server = Server::start(options());
    let whole = "picture ".repeat(30_000);
    for (asked, range, named) in [
        ("bytes=0-9", 0..10, "bytes 0-9/240000"),
        ("bytes=70000-200000", 70_000..200_001, "bytes 70000-200000/240000"),
        ("bytes=-8", 239_992..240_000, "bytes 239992-239999/240000"),
    ] {
        let response = server.exchange(&format!("GET /media/quay.jpg HTTP/1.0\r\nRange: {asked}\r\n\r\n"));
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.0 206"), "{asked}: {head}");
        assert_eq!(field(head, "content-range"), Some(named));
        assert!(Some(body) == whole.get(range), "{asked}");
    }
    let response = server.exchange("GET /media/quay.jpg HTTP/1.0\r\nRange: bytes=240000-\r\n\r\n");
    assert!(response.starts_with("HTTP/1.0 416"), "H-46: {response}");
    assert_eq!(field(&response, "content-range"), Some("bytes */240000"));
    let whole = server.exchange("HEAD /media/quay.jpg HTTP/1.0\r\nRange: bytes=0-9\r\n\r\n");
    assert!(whole.starts_with("HTTP/1.0 200") && field(&whole, "content-length") == Some("240000"), "H-47: {whole}");
    let conditional = "GET /media/quay.jpg HTTP/1.0\r\nRange: bytes=0-9\r\nIf-None-Match: *\r\n\r\n";
    assert!(server.exchange(conditional).starts_with("HTTP/1.0 304"), "H-47: the condition wins");
}

#[test]
fn partial_request_times_out() {
    let server = Server::start(ServeOptions { header_timeout: Duration::from_millis(100), ..options() });
    for half in ["", "G", "GET / HTTP/1.1\r\nHost: x\r\nX", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"] {
        let mut slow = server.connect();
        slow.write_all(half.as_bytes()).unwrap();
        // Other clients are served meanwhile.
        assert_eq!(statuses(&server.exchange("GET / HTTP/1.0\r\n\r\n")), ["200"]);
        let started = Instant::now();
        let mut response = Vec::new();
        slow.read_to_end(&mut response).unwrap();
        let is_answered = half.ends_with("\r\n\r\n");
        assert_eq!(response.is_empty(), !is_answered, "{half:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{half:?}");
    }
}

/// A stalled client releases its slot, or the second client would never be served.
#[test]
fn stalled_clients_are_disconnected() {
    let limits = ServeOptions { write_timeout: Duration::from_millis(100), max_connections: 1, ..options() };
    let server = Server::start(limits);
    let mut stalled = server.connect();
    stalled.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut first = [0; 9];
    stalled.read_exact(&mut first).unwrap();
    assert_eq!(statuses(&server.exchange("GET / HTTP/1.0\r\n\r\n")), ["200"]);
    let mut rest = Vec::new();
    let _ = stalled.read_to_end(&mut rest);
    assert!(rest.len() < BIG_BYTES);
}

#[test]
fn slow_readers_are_served_to_the_end() {
    let server = Server::start(ServeOptions { write_timeout: TEST_TIMEOUT, ..options() });
    let response = server.exchange("GET /big HTTP/1.0\r\n\r\n");
    assert_eq!(response.split_once("\r\n\r\n").unwrap().1.len(), BIG_BYTES);
}

#[test]
fn next_request_sees_new_snapshot() {
    let server = Server::start(options());
    let mut kept = server.connect();
    let first = server.snapshot.load_full();
    kept.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut begun = [0; 9];
    kept.read_exact(&mut begun).unwrap();
    let mut second = Snapshot::clone(&first);
    second.generation = 2;
    let expected = server.bytes("/big");
    let BuiltDocument { resource, bytes } = BuiltDocument::new(ResourceKind::Opml, vec![b'n'; 10], None, 900);
    server.documents.insert(&resource, bytes);
    second.documents.insert("/big".into(), resource);
    server.snapshot.store(Arc::new(second));
    let (head, body) = read_response(&mut kept, true);
    assert_eq!(field(&head, "etag").unwrap(), format!("\"{}\"", first.documents["/big"].hash));
    assert_eq!(body, expected);
    kept.write_all(b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert_eq!(read_response(&mut kept, true).1, b"nnnnnnnnnn");
}
