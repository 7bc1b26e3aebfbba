//! The subscribers of `push.py`: many callbacks on one port. Compile with `rustc -O`.
//!
//! usage: receiver PORT
//!
//! `/ok/N` confirms verifications and accepts deliveries. `/fail/N` confirms, and answers deliveries with 500. `/hang/N` confirms, and never
//! answers deliveries. `GET /stats` returns how many callbacks have confirmed, how many different healthy callbacks got a delivery since
//! the last `/reset`, how many deliveries they got, and when the first and the last one arrived (nanoseconds since 1970).

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

#[derive(Default)]
struct Stats {
    confirmed: HashSet<String>,
    delivered: HashSet<String>,
    deliveries: usize,
    first: u128,
    last: u128,
}

fn main() {
    let port: u16 = std::env::args().nth(1).and_then(|port| port.parse().ok()).expect("a port");
    let listener = TcpListener::bind(("0.0.0.0", port)).expect("a free port");
    let stats = Arc::new(Mutex::new(Stats::default()));
    for stream in listener.incoming().flatten() {
        let stats = Arc::clone(&stats);
        let thread = std::thread::Builder::new().stack_size(64 << 10);
        thread.spawn(move || serve(stream, &stats)).expect("a thread");
    }
}

fn serve(stream: TcpStream, stats: &Mutex<Stats>) {
    let mut reader = BufReader::new(stream);
    while let Some((method, target, length)) = read_head(&mut reader) {
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let (status, answer) = match (method.as_str(), path) {
            ("GET", "/stats") => {
                let stats = stats.lock().expect("no panic");
                let Stats { confirmed, delivered, deliveries, first, last } = &*stats;
                ("200 OK", format!("{} {} {deliveries} {first} {last}", confirmed.len(), delivered.len()))
            }
            ("GET", "/reset") => {
                let mut stats = stats.lock().expect("no panic");
                *stats = Stats { confirmed: std::mem::take(&mut stats.confirmed), ..Stats::default() };
                ("200 OK", String::new())
            }
            ("GET", path) => {
                stats.lock().expect("no panic").confirmed.insert(path.to_owned());
                let challenge = query.split('&').find_map(|pair| pair.strip_prefix("hub.challenge="));
                ("200 OK", challenge.unwrap_or_default().to_owned())
            }
            (_, path) if path.starts_with("/hang/") => {
                std::thread::sleep(Duration::from_secs(60));
                return;
            }
            (_, path) if path.starts_with("/fail/") => ("500 Internal Server Error", String::new()),
            (_, path) => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos();
                let mut stats = stats.lock().expect("no panic");
                stats.delivered.insert(path.to_owned());
                stats.deliveries += 1;
                stats.first = if stats.first == 0 { now } else { stats.first };
                stats.last = now;
                ("204 No Content", String::new())
            }
        };
        let head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n\r\n", answer.len());
        if reader.get_mut().write_all(format!("{head}{answer}").as_bytes()).is_err() {
            return;
        }
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<(String, String, usize)> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.parse().ok()?,
            Some(_) => {}
            None => return Some((method, target, length)),
        }
    }
}
