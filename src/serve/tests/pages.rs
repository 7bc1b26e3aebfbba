//! Article pages: how many builds requests cause, and that withheld articles are never shown.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::snapshot::{PageFrame, PublishedArticle};
use crate::types::{ContentHash, EntryId, Language, Moment, Text, WebUrl};

fn article(id: &str, version: &str) -> Arc<PublishedArticle> {
    let moment = Moment::new(now(), jiff::tz::Offset::UTC).unwrap();
    Arc::new(PublishedArticle {
        name: Text::line(&format!("story-{id}")),
        id: EntryId::parse(&format!("tag:courier.example,2026:{id}")).unwrap(),
        url: WebUrl::parse("http://127.0.0.1/articles/x").unwrap(),
        root: WebUrl::parse("http://127.0.0.1/").unwrap(),
        path: ArticlePath::new(&format!("{id}.md")),
        hash: ContentHash::of(version.as_bytes()),
        published: moment,
        updated: moment,
        corrections: Box::default(),
        language: Language::parse("en").unwrap(),
        is_teaser: false,
        is_listed: true,
        hidden: None,
        links: Arc::default(),
        frame: Arc::new(PageFrame {
            site_title: Text::line("Courier"),
            site_url: WebUrl::parse("http://127.0.0.1/").unwrap(),
            markdown: crate::article::extensions::Extensions::DEFAULT,
            trail: Vec::new(),
            sources: Arc::default(),
            corrected_by_agency: crate::types::Text::new(""),
            feeds: Vec::new(),
        }),
    })
}

/// A page that contains the version it was built from.
fn page(article: &PublishedArticle) -> BuiltDocument {
    let words = if article.path.as_str().starts_with("big") { BIG_BYTES / 5 } else { 1_000 };
    let text = format!("version {} {}", article.hash, "word ".repeat(words));
    BuiltDocument::new(ResourceKind::Page, text.into_bytes(), Some(now()), 60)
}

/// A server with observable builds.
struct Pages {
    server: Server,
    builds: Arc<AtomicUsize>,
    is_fresh: Arc<AtomicBool>,
    /// Receives a message when a build starts.
    begun: mpsc::Receiver<()>,
    /// Lets a blocked build continue.
    release: mpsc::Sender<()>,
    /// Receives whether each blocked build was cancelled.
    ended: mpsc::Receiver<bool>,
}

impl Pages {
    /// If `is_blocked`, builds wait until they are released or cancelled.
    fn start(articles: &[Arc<PublishedArticle>], is_blocked: bool) -> Pages {
        let (builds, is_fresh) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
        let (begin, begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        let (end, ended) = mpsc::channel();
        let released = Mutex::new(released);
        let (count, fresh) = (Arc::clone(&builds), Arc::clone(&is_fresh));
        let server = Server::with_disk(options(), move |request, token| {
            let DiskRequest::Article(article) = request else { return Err(io::ErrorKind::NotFound.into()) };
            count.fetch_add(1, Ordering::SeqCst);
            assert!(!article.path.as_str().contains("broken"), "on purpose");
            begin.send(()).unwrap();
            if is_blocked {
                let started = Instant::now();
                let released = released.lock().unwrap();
                while !token.is_cancelled() && started.elapsed() < TEST_TIMEOUT {
                    if released.recv_timeout(Duration::from_millis(5)).is_ok() {
                        break;
                    }
                }
                end.send(token.is_cancelled()).unwrap();
            }
            let fresh = Arc::clone(&fresh);
            Ok(DiskResponse::Page(page(&article), Freshness::new(move || fresh.load(Ordering::SeqCst))))
        });
        let pages = Pages { server, builds, is_fresh, begun, release, ended };
        pages.publish(articles);
        pages
    }

    fn publish(&self, articles: &[Arc<PublishedArticle>]) {
        let mut snapshot = Snapshot::clone(&self.server.snapshot.load());
        snapshot.articles = articles
            .iter()
            .map(|article| (article.name.as_str().rsplit('-').next().unwrap().into(), Arc::clone(article)))
            .collect();
        snapshot.generation += 1;
        self.server.snapshot.store(Arc::new(snapshot));
    }

    fn ask(&self, id: &str, more: &str) -> TcpStream {
        let mut stream = self.server.connect();
        write!(stream, "GET /articles/story-{id} HTTP/1.1\r\nHost: x\r\n{more}\r\n").unwrap();
        stream
    }

    fn get(&self, id: &str, more: &str) -> (String, String) {
        let (head, body) = read_response(&mut self.ask(id, more), true);
        (head, String::from_utf8_lossy(&body).into_owned())
    }

    fn builds(&self) -> usize {
        self.builds.load(Ordering::SeqCst)
    }
}

fn status(head: &str) -> &str {
    head.get(9..12).unwrap_or_default()
}

#[test]
fn requests_for_one_page_share_one_build() {
    let story = article("a", "1");
    let pages = Pages::start(&[Arc::clone(&story)], true);
    let codings = ["", "Accept-Encoding: gzip\r\n", "Accept-Encoding: br\r\n"];
    let mut clients: Vec<TcpStream> = (0..30).map(|number| pages.ask("a", codings[number % 3])).collect();
    pages.begun.recv_timeout(TEST_TIMEOUT).unwrap();
    pages.release.send(()).unwrap();
    let answers: Vec<_> = clients.iter_mut().map(|client| read_response(client, true)).collect();
    assert!(answers.iter().all(|(head, _)| status(head) == "200"));
    let coded = |coding| answers.iter().filter(|(head, _)| field(head, "content-encoding") == coding).count();
    assert_eq!([coded(None), coded(Some("gzip")), coded(Some("br"))], [10; 3]);
    assert_eq!(pages.builds(), 1);
    // Later requests use the cached page, including 304 and HEAD.
    let tag = format!("If-None-Match: \"{}\"\r\n", page(&story).resource.hash);
    assert_eq!(status(&pages.get("a", &tag).0), "304");
    assert_eq!(pages.get("a", "").1, String::from_utf8_lossy(&page(&story).bytes));
    let head = pages.server.exchange("HEAD /articles/story-a HTTP/1.0\r\nConnection: close\r\n\r\n");
    assert!(head.contains(&format!("content-length: {}\r\n", page(&story).bytes.len())), "{head}");
    assert_eq!(pages.builds(), 1);
}

#[test]
fn build_stops_with_its_last_client() {
    const MAX_ATTEMPTS: usize = 20;
    let attempt = |_| {
        let pages = Pages::start(&[article("a", "1"), article("b", "1")], true);
        let (first, second) = (pages.ask("a", ""), pages.ask("a", "Accept-Encoding: gzip\r\n"));
        pages.begun.recv_timeout(TEST_TIMEOUT).unwrap();
        drop(first);
        // If the second request arrives only now, the build has ended already.
        let is_shared = pages.ended.recv_timeout(Duration::from_millis(50)).is_err();
        is_shared.then_some((pages, second))
    };
    let (pages, second) = (0..MAX_ATTEMPTS).find_map(attempt).expect("the second client's build goes on");
    drop(second);
    assert!(pages.ended.recv_timeout(TEST_TIMEOUT).unwrap(), "abandoned");
    // The next client doesn't get the cancelled result.
    let mut third = pages.ask("b", "");
    pages.begun.recv_timeout(TEST_TIMEOUT).unwrap();
    pages.release.send(()).unwrap();
    assert_eq!(status(&read_response(&mut third, true).0), "200");
}

#[test]
fn full_queue_is_answered_503() {
    const MORE: usize = 10;
    let threads = (crate::parallel::core_count() / 2).max(1);
    let count = 64 + threads + MORE;
    let articles: Vec<_> = (0..count).map(|number| article(&format!("n{number}"), "1")).collect();
    let pages = Pages::start(&articles, true);
    let (answer, answers) = mpsc::channel();
    let mut clients: Vec<TcpStream> = (0..threads).map(|number| pages.ask(&format!("n{number}"), "")).collect();
    clients.iter().for_each(|_| pages.begun.recv_timeout(TEST_TIMEOUT).unwrap());
    clients.extend((threads..count).map(|number| pages.ask(&format!("n{number}"), "")));
    let readers: Vec<_> = clients
        .drain(..)
        .map(|mut client| {
            let answer = answer.clone();
            std::thread::spawn(move || answer.send(read_response(&mut client, true).0).unwrap())
        })
        .collect();
    for _ in 0..MORE {
        let head = answers.recv_timeout(TEST_TIMEOUT).unwrap();
        assert_eq!((status(&head), field(&head, "retry-after")), ("503", Some("1")));
    }
    (0..count).for_each(|_| pages.release.send(()).unwrap());
    for _ in 0..count - MORE {
        assert_eq!(status(&answers.recv_timeout(TEST_TIMEOUT).unwrap()), "200");
    }
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    assert_eq!(pages.builds(), count - MORE);
}

#[test]
fn slow_clients_hold_bounded_memory() {
    let articles = ["big1", "big2", "big3"].map(|id| article(id, "1"));
    let pages = Pages::start(&articles, false);
    let slow: Vec<TcpStream> = ["big1", "big2"]
        .map(|id| {
            let mut client = pages.ask(id, "");
            client.read_exact(&mut [0; 9]).unwrap();
            client
        })
        .into();
    let (head, _) = pages.get("big3", "");
    assert_eq!((status(&head), field(&head, "retry-after")), ("503", Some("1")));
    drop(slow);
    let started = Instant::now();
    while status(&pages.get("big3", "").0) != "200" {
        assert!(started.elapsed() < TEST_TIMEOUT, "there is no room");
    }
}

#[test]
fn article_withdrawn_during_build_is_not_shown() {
    let pages = Pages::start(&[article("a", "1"), article("b", "1")], true);
    let mut client = pages.ask("a", "");
    pages.begun.recv_timeout(TEST_TIMEOUT).unwrap();
    pages.publish(&[article("b", "1")]);
    pages.release.send(()).unwrap();
    let (head, body) = read_response(&mut client, true);
    assert_eq!(status(&head), "404");
    assert!(!String::from_utf8_lossy(&body).contains("version"));
}

#[test]
fn article_changed_during_its_build_is_built_again() {
    let pages = Pages::start(&[article("a", "1")], true);
    let mut client = pages.ask("a", "");
    pages.begun.recv_timeout(TEST_TIMEOUT).unwrap();
    let newer = article("a", "2");
    pages.publish(&[Arc::clone(&newer)]);
    (0..2).for_each(|_| pages.release.send(()).unwrap());
    let (head, body) = read_response(&mut client, true);
    assert_eq!((status(&head), &*body), ("200", &*page(&newer).bytes));
}

#[test]
fn cached_page_is_served_only_while_published() {
    let (first, second) = (article("a", "1"), article("a", "2"));
    let pages = Pages::start(&[Arc::clone(&first)], false);
    let body = |article: &PublishedArticle| String::from_utf8_lossy(&page(article).bytes).into_owned();
    let step = |expected: &str, builds: usize| {
        assert_eq!((pages.get("a", "").1, pages.builds()), (expected.to_owned(), builds));
    };
    step(&body(&first), 1);
    step(&body(&first), 1);
    // Equal but rebuilt, as after a reload.
    pages.publish(&[article("a", "1")]);
    step(&body(&first), 1);
    pages.publish(&[Arc::clone(&second)]);
    step(&body(&second), 2);
    pages.is_fresh.store(false, Ordering::SeqCst);
    step(&body(&second), 3);
    pages.publish(&[]);
    assert_eq!(status(&pages.get("a", "").0), "404");
}

#[test]
fn failing_article_is_built_once_per_version() {
    let pages = Pages::start(&[article("broken", "1"), article("b", "1")], false);
    for _ in 0..3 {
        assert_eq!(status(&pages.get("broken", "").0), "500");
    }
    assert_eq!(pages.builds(), 1);
    pages.publish(&[article("broken", "2"), article("b", "1")]);
    assert_eq!(status(&pages.get("broken", "").0), "500");
    assert_eq!((pages.builds(), status(&pages.get("b", "").0)), (2, "200"));
}
