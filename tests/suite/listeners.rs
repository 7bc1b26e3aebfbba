//! Listeners: TLS, HTTP/2, Unix sockets, sockets from systemd, trusted proxies, the admin listener. The real binary with independent
//! clients.

mod admin;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::Value;

use crate::newsroom::{CONFIG, DEADLINE, Daemon, Newsroom};

/// A newsroom with an article and more configuration.
fn newsroom(more: &str) -> Newsroom {
    let newsroom = Newsroom::new();
    newsroom.article("news/a.md", "Story A", "Text of A.");
    newsroom.write(
        "config/dateline.toml",
        CONFIG.replace("[[section]]\npath = \"news\"\n", &format!("{more}\n[[section]]\npath = \"news\"\n")),
    );
    newsroom
}

/// Starts a daemon on its configured listeners. Returns the line that it prints for each.
fn serve(newsroom: &Newsroom, arguments: &[&str], lines: usize) -> (Daemon, Vec<String>) {
    let mut command = newsroom.command();
    command.arg("serve").args(arguments);
    spawn(newsroom, command, lines)
}

fn spawn(newsroom: &Newsroom, command: Command, lines: usize) -> (Daemon, Vec<String>) {
    let (daemon, mut output) = Daemon::spawn_talking(&newsroom.path(""), command);
    let printed = (1..lines).map(|_| line(&newsroom.path("log"), &mut output)).collect::<Vec<_>>();
    daemon.wait_until_ready();
    (daemon, printed)
}

fn line(log: &Path, output: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("it says something");
    assert!(!line.is_empty(), "{}", fs::read_to_string(log).unwrap_or_default());
    line
}

/// The address in the line of a listener.
fn address(printed: &str) -> String {
    printed.split("//").nth(1).and_then(|rest| rest.split('/').next()).expect("an address").to_owned()
}

fn certificate(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/cases/tls").join(name)
}

/// The configuration of a TLS client that trusts one certificate.
fn trusting(certificate: &Path, protocols: &[&str]) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).expect("PEM")).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Connects a TLS client that trusts one certificate.
fn tls(
    address: &str,
    certificate: &Path,
    protocols: &[&str],
) -> std::io::Result<rustls::StreamOwned<rustls::ClientConnection, TcpStream>> {
    let config = trusting(certificate, protocols);
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = rustls::ClientConnection::new(config, name).expect("a client");
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(DEADLINE))?;
    while connection.is_handshaking() {
        connection.complete_io(&mut socket)?;
    }
    Ok(rustls::StreamOwned::new(connection, socket))
}

/// Sends a request on an open connection. Returns status and body.
fn ask(stream: &mut (impl Read + Write), path: &str) -> (u16, Vec<u8>) {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("open");
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("an answer") > 0, "{head}");
    }
    let length = head.to_ascii_lowercase();
    let length = length
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    assert!(reader.buffer().is_empty(), "nothing follows an answer");
    (head[9..12].parse().expect("a status"), body)
}

fn signal(daemon: &mut Daemon, name: &str) {
    let pid = daemon.child().expect("a process").id().to_string();
    assert!(Command::new("kill").args([name, &pid]).status().expect("kill runs").success());
}

#[test]
fn renewed_certificate_keeps_open_connections() {
    let newsroom = newsroom("[server.tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"tls.pem\"\nkey = \"tls.key\"");
    let install = |name: &str| {
        newsroom.write("config/tls.pem", fs::read(certificate(&format!("{name}.pem"))).expect("readable"));
        newsroom.write("config/tls.key", fs::read(certificate(&format!("{name}.key"))).expect("readable"));
    };
    install("first");
    let (mut daemon, printed) = serve(&newsroom, &["--listen", "127.0.0.1:0"], 2);
    assert!(printed[0].starts_with("feeds  https://127.0.0.1:"), "{printed:?}");
    let secure = address(&printed[0]);
    let (first, second) = (certificate("first.pem"), certificate("second.pem"));
    let mut kept = tls(&secure, &first, &["http/1.1"]).expect("TLS");
    assert_eq!(kept.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    let plain = daemon.get("/feed.json", &[]).body;
    assert_eq!(ask(&mut kept, "/feed.json"), (200, plain.clone()));
    assert!(tls(&secure, &second, &[]).is_err(), "the other certificate is another");

    install("second");
    signal(&mut daemon, "-HUP");
    daemon.wait("the new certificate is taken", |_| tls(&secure, &second, &[]).is_ok());
    assert_eq!(ask(&mut kept, "/feed.json"), (200, plain.clone()), "open connections go on");

    // A key that doesn't match the certificate changes nothing and is reported.
    newsroom.write("config/tls.key", fs::read(certificate("first.key")).expect("readable"));
    signal(&mut daemon, "-HUP");
    daemon.wait("it is reported", |_| {
        fs::read_to_string(newsroom.path("log")).expect("a log").contains("is not the key of")
    });
    assert_eq!(ask(&mut tls(&secure, &second, &[]).expect("TLS"), "/feed.json"), (200, plain));
    // A client without TLS is disconnected.
    let mut garbage = TcpStream::connect(&secure).expect("it listens");
    garbage.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("open");
    let mut answer = Vec::new();
    drop(garbage.read_to_end(&mut answer));
    assert!(!answer.starts_with(b"HTTP"));
    assert!(daemon.stop());

    // At the start, the same is a mistake in the configuration.
    let refused = newsroom.dateline(&["serve", "--listen", "127.0.0.1:0"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is not the key of the first certificate"));
}

#[test]
fn http2_works_by_alpn_and_prior_knowledge() {
    let tls_table = format!(
        "http2 = true\n[server.tls]\nlisten = \"127.0.0.1:0\"\ncertificate = \"{}\"\nkey = \"{}\"",
        certificate("first.pem").display(),
        certificate("first.key").display()
    );
    let newsroom = newsroom(&format!("[server]\n{tls_table}"));
    let (daemon, printed) = serve(&newsroom, &["--listen", "127.0.0.1:0"], 2);
    let expected = daemon.get("/feed.json", &[]);
    let tag = expected.header("etag").expect("a tag").to_owned();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let clear = daemon.address().to_owned();
    runtime.block_on(async {
        let socket = tokio::net::TcpStream::connect(&clear).await.expect("it listens");
        many_requests(socket, &expected.body, &tag).await;
        let connector = tokio_rustls::TlsConnector::from(trusting(&certificate("first.pem"), &["h2", "http/1.1"]));
        let socket = tokio::net::TcpStream::connect(address(&printed[0])).await.expect("it listens");
        let name = ServerName::try_from("localhost").expect("a name");
        let stream = connector.connect(name, socket).await.expect("TLS");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        many_requests(stream, &expected.body, &tag).await;
    });
    // HTTP/1 works on the same listener, even one byte at a time.
    let mut slow = TcpStream::connect(daemon.address()).expect("it listens");
    for byte in b"PR" {
        slow.write_all(&[*byte]).expect("open");
    }
    let mut answer = Vec::new();
    slow.write_all(b"OPFIND / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("open");
    slow.read_to_end(&mut answer).expect("an answer");
    assert!(answer.starts_with(b"HTTP/1.1 405"), "{}", answer.escape_ascii());
}

/// Sends 300 requests on one HTTP/2 connection, 50 at a time.
async fn many_requests(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    body: &[u8],
    tag: &str,
) {
    let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(connection);
    let mut client = client;
    for round in 0..6 {
        let mut asked = Vec::new();
        for number in round * 50..(round + 1) * 50 {
            let mut request = http::Request::builder().uri("http://localhost/feed.json");
            match number % 3 {
                0 => {}
                1 => request = request.method("HEAD"),
                _ => request = request.header("if-none-match", tag),
            }
            client = client.ready().await.expect("open");
            let (response, _) = client.send_request(request.body(()).expect("a request"), true).expect("open");
            asked.push((number, response));
        }
        for (number, response) in asked {
            let response = response.await.expect("an answer");
            assert_eq!(response.status(), if number % 3 == 2 { 304 } else { 200 });
            assert_eq!(response.headers()["etag"], tag);
            assert!(!response.headers().contains_key("connection"));
            let mut received = Vec::new();
            let mut stream = response.into_body();
            while let Some(data) = stream.data().await {
                let data = data.expect("data");
                stream.flow_control().release_capacity(data.len()).expect("a window");
                received.extend_from_slice(&data);
            }
            assert_eq!(received, if number % 3 == 0 { body } else { b"" });
        }
    }
    drop(client);
    tasks.join_next().await.expect("one").expect("no panic").expect("it ends well");
}

#[test]
fn several_listeners_share_one_server() {
    let six = TcpListener::bind("[::1]:0").is_ok();
    let listen =
        if six { "\"127.0.0.1:0\", \"[::1]:0\", \"unix:../http\"" } else { "\"127.0.0.1:0\", \"unix:../http\"" };
    let newsroom = newsroom(&format!("[server]\nlisten = [{listen}]\n[admin]\nlisten = \"127.0.0.1:0\""));
    // A socket file of a killed daemon is replaced.
    drop(std::os::unix::net::UnixListener::bind(newsroom.path("http")).expect("a socket"));
    let (daemon, printed) = serve(&newsroom, &[], if six { 4 } else { 3 });
    let expected = daemon.get("/rss.xml", &[]).body;
    let mut unix = UnixStream::connect(newsroom.path("http")).expect("it listens");
    unix.set_read_timeout(Some(DEADLINE)).expect("a socket");
    assert_eq!(ask(&mut unix, "/rss.xml"), (200, expected.clone()));
    if six {
        let mut stream = TcpStream::connect(address(&printed[0])).expect("it listens");
        assert_eq!(ask(&mut stream, "/rss.xml"), (200, expected));
    }
    // A second daemon can't take over the socket.
    let other = self::newsroom("");
    other.write(
        "config/dateline.toml",
        CONFIG.replacen(
            "[[section]]",
            &format!("[server]\nlisten = \"unix:{}\"\n[[section]]", newsroom.path("http").display()),
            1,
        ),
    );
    let refused = other.dateline(&["serve"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("stop what listens there"));
    assert!(daemon.stop());
    assert!(!newsroom.path("http").exists(), "the socket goes with its daemon");
}

/// A daemon that inherits a listening socket, as from systemd.
fn activated(newsroom: &Newsroom, listener: &TcpListener, notify: Option<&Path>) -> Command {
    let socket = OwnedFd::from(listener.try_clone().expect("a descriptor"));
    let mut command = Command::new("sh");
    let run = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=http exec \"$0\" serve";
    command.current_dir(newsroom.path("")).args(["-c", run, env!("CARGO_BIN_EXE_dateline")]).stdin(Stdio::from(socket));
    if let Some(notify) = notify {
        command.env("NOTIFY_SOCKET", notify).env("WATCHDOG_USEC", "400000");
    }
    command
}

#[test]
fn systemd_restart_is_invisible_to_readers() {
    let newsroom = newsroom("[admin]\nlisten = []");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound").to_string();
    let notify = UnixDatagram::bind(newsroom.path("notify")).expect("a socket");
    notify.set_read_timeout(Some(DEADLINE)).expect("a socket");
    let hear = |wanted: &str| {
        let started = Instant::now();
        let mut heard = Vec::new();
        while started.elapsed() < DEADLINE {
            let mut bytes = [0; 256];
            let length = notify.recv(&mut bytes).expect("news");
            let news = String::from_utf8_lossy(&bytes[..length]).trim().to_owned();
            if news == wanted {
                return;
            }
            heard.push(news);
        }
        panic!("{wanted} is not among {heard:?}");
    };
    let start = || Daemon::spawn(&newsroom.path(""), activated(&newsroom, &listener, Some(&newsroom.path("notify"))));
    let mut daemon = start();
    hear("READY=1");
    hear("WATCHDOG=1");
    hear("WATCHDOG=1");
    let expected = Daemon::at(address.clone()).get("/rss.xml", &[]);
    let over = std::sync::atomic::AtomicBool::new(false);
    let asked = std::thread::scope(|scope| {
        let client = scope.spawn(|| {
            let client = Daemon::at(address.clone());
            let mut asked = 0;
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                let answer = client.try_get("/rss.xml", &[]).expect("no connection is refused or cut");
                assert_eq!((answer.status, &answer.body), (200, &expected.body));
                asked += 1;
            }
            asked
        });
        for _ in 0..3 {
            assert!(daemon.stop());
            hear("STOPPING=1");
            daemon = start();
            hear("READY=1");
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
        let asked = client.join().expect("every answer is whole");
        assert!(daemon.stop());
        hear("STOPPING=1");
        asked
    });
    assert!(asked > 3, "{asked}");
    // Also before the first scan: saved documents are served.
    fs::rename(newsroom.path("content"), newsroom.path("away")).expect("movable");
    let daemon = start();
    let client = Daemon::at_once(address);
    let answer = client.get("/rss.xml", &[]);
    assert_eq!((answer.status, answer.body), (200, expected.body));
    assert_eq!(client.get("/readyz", &[]).status, 503);
    assert!(daemon.stop());
    // The daemon sends few watchdog messages, because a full socket of an idle receiver would block it.
    hear("STOPPING=1");
    fs::rename(newsroom.path("away"), newsroom.path("content")).expect("movable");
    // Requests without a saved document wait for the first publication, which takes a second or more because a file changed recently.
    let mut file = fs::File::options().append(true).open(newsroom.path("content/news/a.md")).expect("there");
    file.write_all(b"\nAmended.\n").expect("writable");
    file.set_modified(dateline::watch::clock() + std::time::Duration::from_secs(3_600)).expect("it may be set");
    let daemon = start();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.get("/missing", &[]).status);
        // So do requests for saved documents whose articles have changed.
        let changed = scope.spawn(|| client.get("/rss.xml", &[]));
        let changed = changed.join().expect("it is answered");
        assert_eq!((changed.status, changed.text().contains("Amended")), (200, true));
        hear("READY=1");
        assert_eq!(waiting.join().expect("it is answered"), 404);
    });
    assert!(daemon.stop());
}

#[test]
fn only_trusted_proxies_are_believed() {
    let newsroom = newsroom(
        "[server]\nproxies = [\"127.0.0.1\"]\n[server.access_log]\nfile = \"../access.log\"\nformat = \"json\"",
    );
    let (mut daemon, _) = serve(&newsroom, &["--listen", "127.0.0.1:0"], 1);
    let from = ("X-Forwarded-For", "198.51.100.9, 192.0.2.1");
    assert_eq!(daemon.get("/news/rss.xml?token=SECRET", &[from, ("Authorization", "Bearer SECRET")]).status, 200);
    let log = |name: &str| fs::read_to_string(newsroom.path(name)).unwrap_or_default();
    daemon.wait("it is logged", |_| log("access.log").contains("\"/news/rss.xml\""));
    let lines = log("access.log");
    let line = lines.lines().find(|line| line.contains("\"/news/rss.xml\"")).expect("a line");
    let line: Value = serde_json::from_str(line).expect("JSON");
    assert_eq!((line["client"].as_str(), line["status"].as_u64()), (Some("192.0.2.1"), Some(200)));
    assert!(!lines.contains("SECRET"));

    // After a rotation, lines are written to a new file.
    fs::rename(newsroom.path("access.log"), newsroom.path("access.log.1")).expect("movable");
    signal(&mut daemon, "-HUP");
    daemon.wait("a new file is begun", |daemon| {
        daemon.get("/news/atom.xml", &[]);
        log("access.log").contains("\"/news/atom.xml\"")
    });
    assert!(log("access.log.1").contains("\"/news/rss.xml\""));

    // A client may repeat an unconditional request twelve times an hour. Conditional requests are never refused.
    let ask = |client: &str, path: &str| daemon.get(path, &[("X-Forwarded-For", client), ("User-Agent", "Greedy/1")]);
    let first = ask("203.0.113.5", "/news/rss.xml");
    for time in 1..13 {
        assert_eq!(ask("203.0.113.5", "/news/rss.xml").status, 200, "{time}");
    }
    let refused = ask("203.0.113.5", "/news/rss.xml");
    assert_eq!(refused.status, 429, "K-01");
    let seconds: u64 = refused.header("retry-after").expect("K-02").parse().expect("seconds");
    assert!((1..=300).contains(&seconds), "{seconds}");
    assert!(refused.header("etag").is_none() && refused.header("cache-control") == Some("no-store"), "K-03");
    assert!(refused.header("content-type").expect("a type").starts_with("text/plain") && refused.body.len() < 400);
    assert_eq!(ask("203.0.113.5", "/news/atom.xml").status, 200, "K-04: another feed");
    assert_eq!(ask("203.0.113.6", "/news/rss.xml").status, 200, "another client");
    let tag = first.header("etag").expect("a tag");
    let conditional =
        [("X-Forwarded-For", "203.0.113.5"), ("User-Agent", "Greedy/1"), ("If-None-Match", tag), ("A-IM", "feed")];
    assert_eq!(daemon.get("/news/rss.xml", &conditional).status, 304, "K-05");
    let other_tag = [("X-Forwarded-For", "203.0.113.5"), ("User-Agent", "Greedy/1"), ("If-None-Match", "\"x\"")];
    assert_eq!(daemon.get("/news/rss.xml", &other_tag).status, 200);
    // A new version is served to everyone.
    newsroom.article("news/b.md", "Story B", "Text of B.");
    daemon.wait("it is public", |daemon| daemon.body("/news/feed.json").contains("Story B"));
    assert_eq!(ask("203.0.113.5", "/news/rss.xml").status, 200);
}

#[test]
fn proxy_protocol_states_client_address() {
    let newsroom = newsroom(
        "[server]\nproxies = [\"127.0.0.1\"]\nproxy_protocol = true\n[server.access_log]\nfile = \"../access.log\"\n[admin]\nlisten = \"127.0.0.1:0\"",
    );
    let mut command = newsroom.command();
    command.args(["serve", "--listen", "127.0.0.1:0"]);
    let (daemon, mut output) = Daemon::spawn_talking(&newsroom.path(""), command);
    let admin = Daemon::at(address(&line(&newsroom.path("log"), &mut output)));
    drop(admin);
    let exchange = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(daemon.address()).expect("it listens");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        stream.write_all(bytes).expect("open");
        let mut answer = Vec::new();
        // Connections without a PROXY header may be reset.
        drop(stream.read_to_end(&mut answer));
        String::from_utf8_lossy(&answer).into_owned()
    };
    let request = "GET /news/rss.xml HTTP/1.0\r\nUser-Agent: PP\r\n\r\n";
    assert!(
        exchange(format!("PROXY TCP4 192.0.2.77 198.51.100.1 1 2\r\n{request}").as_bytes()).starts_with("HTTP/1.0 200")
    );
    let six = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x77\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01\0\x02";
    assert!(exchange(&[&six[..], request.as_bytes()].concat()).starts_with("HTTP/1.0 200"));
    assert_eq!(exchange(request.as_bytes()), "", "without an introduction there is no answer");
    let log = || fs::read_to_string(newsroom.path("access.log")).unwrap_or_default();
    let started = Instant::now();
    while !(log().contains("192.0.2.77 - - [") && log().contains("2001:db8::77 - - [")) {
        assert!(started.elapsed() < DEADLINE, "{}", log());
    }
}
