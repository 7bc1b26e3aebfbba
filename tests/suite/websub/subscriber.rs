//! A subscriber or hub on an ephemeral port: answers requests, and keeps them for the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};

use crate::newsroom::DEADLINE;

/// A request that arrived.
#[derive(Clone, Debug)]
pub(super) struct Arrived {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Arrived {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A decoded parameter of the query, or of a form.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query).as_bytes();
        let mut pairs = url::form_urlencoded::parse(query).chain(url::form_urlencoded::parse(&self.body));
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }
}

/// The response: a status and more header lines, and a body. `None`: nothing, and the connection stays open.
pub(super) type Answer = Option<(&'static str, String)>;

/// Confirms verifications, and accepts deliveries.
pub(super) fn agree(request: &Arrived) -> Answer {
    match request.parameter("hub.challenge") {
        Some(challenge) => Some(("200 OK", challenge)),
        None => Some(("204 No Content", String::new())),
    }
}

type Answers = Arc<Mutex<Box<dyn Fn(&Arrived) -> Answer + Send>>>;

pub(super) struct Subscriber {
    address: SocketAddr,
    arrived: mpsc::Receiver<Arrived>,
    answers: Answers,
}

impl Subscriber {
    pub(super) fn start(answer: impl Fn(&Arrived) -> Answer + Send + 'static) -> Subscriber {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let answers: Answers = Arc::new(Mutex::new(Box::new(answer)));
        let (sender, arrived) = mpsc::channel();
        let shared = Arc::clone(&answers);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (sender, answers) = (sender.clone(), Arc::clone(&shared));
                std::thread::spawn(move || serve(stream.expect("a connection"), &sender, &answers));
            }
        });
        Subscriber { address, arrived, answers }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Answers otherwise from now on.
    pub(super) fn answer(&self, answer: impl Fn(&Arrived) -> Answer + Send + 'static) {
        *self.answers.lock().expect("no panic") = Box::new(answer);
    }

    /// The next request.
    pub(super) fn next(&self) -> Arrived {
        self.arrived.recv_timeout(DEADLINE).expect("a request")
    }

    /// A request that has arrived already.
    pub(super) fn waiting(&self) -> Option<Arrived> {
        self.arrived.try_recv().ok()
    }
}

fn serve(stream: TcpStream, sender: &mpsc::Sender<Arrived>, answers: &Answers) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    // The daemon may be killed in the middle of a request.
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return };
    let mut headers: Vec<(String, String)> = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let mut request = Arrived { method, target, headers, body: Vec::new() };
    let length = request.header("content-length").map_or(0, |length| length.parse().expect("a length"));
    request.body = vec![0; length];
    if reader.read_exact(&mut request.body).is_err() {
        return;
    }
    let answer = (answers.lock().expect("no panic"))(&request);
    // The test may have ended.
    if sender.send(request).is_err() {
        return;
    }
    let mut stream = reader.into_inner();
    match answer {
        Some((status, body)) => {
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            drop(stream.write_all(format!("{head}{body}").as_bytes()));
        }
        // Until the other side gives up.
        None => drop(stream.read(&mut [0])),
    }
}
