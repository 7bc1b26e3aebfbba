//! The access log: one line per response, in the Combined Log Format or as JSON.
//!
//! # Can a slow disk delay responses?
//!
//! No. A request appends its line to a buffer in memory, and a thread writes the buffer. If the disk is full, lines are lost and counted,
//! nothing else.
//!
//! # What is never logged?
//!
//! Queries and fragments of the target and of Referer, because they may contain tokens; Authorization; cookies.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::header::{HeaderName, REFERER, USER_AGENT};
use hyper::http::Version;
use hyper::{HeaderMap, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::request::RequestHead;
use crate::config::{self, LogFormat};
use crate::diagnostics::escape_json;

/// How often the buffer is written.
const WRITE_INTERVAL: Duration = Duration::from_millis(200);
/// The buffer's limit. Further lines are counted as lost.
const MAX_BUFFER_BYTES: usize = 4 << 20;

/// An open access log.
#[derive(Debug)]
pub struct AccessLog {
    format: LogFormat,
    zone: TimeZone,
    buffer: Arc<Mutex<LogBuffer>>,
    commands: SyncSender<WriterCommand>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct LogBuffer {
    lines: Vec<u8>,
    /// Lines that were not written.
    lost: u64,
    /// The last second that was formatted, and its text.
    time: (i64, String),
}

#[derive(Debug)]
enum WriterCommand {
    Reopen,
    Stop,
}

/// The logged facts about a response.
#[derive(Clone, Copy, Debug)]
pub struct LogRecord {
    /// The client's address; `None` over a Unix socket.
    pub client: Option<IpAddr>,
    /// The time of the request.
    pub at: Timestamp,
    /// The response's status.
    pub status: StatusCode,
    /// The length of its body.
    pub bytes: u64,
}

impl AccessLog {
    /// Opens the file and starts the writer thread.
    ///
    /// # Errors
    /// If the file can't be opened for writing, or the thread can't be started.
    pub fn open(options: &config::AccessLog, zone: TimeZone) -> io::Result<AccessLog> {
        let file = open_for_append(&options.file)?;
        let buffer = Arc::new(Mutex::new(LogBuffer::default()));
        // One pending command is enough: another reopen would have the same effect.
        let (commands, inbox) = mpsc::sync_channel(1);
        let mut writer = Writer {
            path: options.file.clone(),
            file: Some(file),
            buffer: Arc::clone(&buffer),
            failed: false,
            may_end_in_partial_line: false,
        };
        let thread = std::thread::Builder::new().name("access-log".into()).spawn(move || {
            loop {
                match inbox.recv_timeout(WRITE_INTERVAL) {
                    Ok(WriterCommand::Reopen) => {
                        writer.write();
                        writer.file = None;
                    }
                    Err(RecvTimeoutError::Timeout) => {}
                    Ok(WriterCommand::Stop) | Err(RecvTimeoutError::Disconnected) => return writer.write(),
                }
                writer.write();
            }
        })?;
        Ok(AccessLog { format: options.format, zone, buffer, commands, writer: Mutex::new(Some(thread)) })
    }

    /// Opens the file at its path again, after a log rotation.
    pub fn reopen(&self) {
        // Fails if a reopen is already pending.
        drop(self.commands.try_send(WriterCommand::Reopen));
    }

    /// Logs a response.
    pub fn record(&self, head: &RequestHead<'_>, record: &LogRecord) {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        if buffer.lines.len() >= MAX_BUFFER_BYTES {
            buffer.lost += 1;
            return;
        }
        let LogBuffer { lines, time, .. } = &mut *buffer;
        let second = record.at.as_second();
        if time.0 != second || time.1.is_empty() {
            *time = (second, self.time(record.at));
        }
        match self.format {
            LogFormat::Combined => write_combined(lines, head, record, &time.1),
            LogFormat::Json => write_json(lines, head, record, &time.1),
        }
    }

    fn time(&self, at: Timestamp) -> String {
        let at = at.to_zoned_datetime(self.zone.clone());
        let pattern = match self.format {
            LogFormat::Combined => "%d/%b/%Y:%H:%M:%S %z",
            LogFormat::Json => "%Y-%m-%dT%H:%M:%S%:z",
        };
        let mut text = String::new();
        // If the time can't be formatted, the line is written without it.
        write!(text, "{}", at.strftime(pattern)).unwrap_or_default();
        text
    }

    /// Writes the buffer and stops the writer thread. Later records are dropped.
    pub fn finish(&self) {
        self.commands.send(WriterCommand::Stop).unwrap_or_default();
        if let Some(writer) = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take() {
            // The panic hook has logged a panic.
            drop(writer.join());
        }
    }
}

impl Drop for AccessLog {
    fn drop(&mut self) {
        self.finish();
    }
}

struct Writer {
    path: PathBuf,
    file: Option<File>,
    buffer: Arc<Mutex<LogBuffer>>,
    /// Whether the last write failed. Only the first failure is logged.
    failed: bool,
    /// Whether the file may end in a partial line.
    may_end_in_partial_line: bool,
}

impl Writer {
    fn write(&mut self) {
        if self.file.as_ref().is_some_and(|file| !is_same_file(file, &self.path)) {
            self.file = None;
        }
        let (lines, lost) = {
            let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
            (std::mem::take(&mut buffer.lines), buffer.lost)
        };
        if lines.is_empty() && (self.file.is_some() || self.failed) {
            return;
        }
        match self.append(&lines) {
            Ok(()) => {
                if self.failed || lost > 0 {
                    tracing::warn!(lost, "access log writable again; some requests are missing");
                    self.buffer.lock().unwrap_or_else(PoisonError::into_inner).lost -= lost;
                }
                (self.failed, self.may_end_in_partial_line) = (false, false);
            }
            Err(error) => {
                if !self.failed {
                    tracing::error!(file = %self.path.display(), %error, "cannot write the access log; requests are not logged");
                }
                let count = lines.iter().filter(|byte| **byte == b'\n').count();
                self.buffer.lock().unwrap_or_else(PoisonError::into_inner).lost += u64::try_from(count).unwrap_or(0);
                (self.failed, self.may_end_in_partial_line) = (true, true);
                self.file = None;
            }
        }
    }

    fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(open_for_append(&self.path)?),
        };
        if self.may_end_in_partial_line {
            file.write_all(b"\n")?;
            self.may_end_in_partial_line = false;
        }
        file.write_all(lines)
    }
}

fn open_for_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Whether an open file is still the one at its path. Some tools rotate logs without a signal.
fn is_same_file(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(there)) => (open.dev(), open.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

fn version_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_10 => "HTTP/1.0",
        Version::HTTP_2 => "HTTP/2.0",
        _ => "HTTP/1.1",
    }
}

/// A field's value up to its query or fragment.
fn without_query<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h [u8]> {
    headers.get(name).and_then(|value| value.as_bytes().split(|byte| matches!(byte, b'?' | b'#')).next())
}

fn write_combined(line: &mut Vec<u8>, head: &RequestHead<'_>, record: &LogRecord, time: &str) {
    match record.client {
        Some(IpAddr::V4(client)) => {
            for (place, octet) in client.octets().into_iter().enumerate() {
                if place > 0 {
                    line.push(b'.');
                }
                write_number(line, u64::from(octet));
            }
        }
        // Writing to memory can't fail.
        Some(client @ IpAddr::V6(_)) => write!(line, "{client}").unwrap_or_default(),
        None => line.extend_from_slice(b"unix:"),
    }
    line.extend_from_slice(b" - - [");
    line.extend_from_slice(time.as_bytes());
    line.extend_from_slice(b"] \"");
    write_quoted(line, head.method.as_str().as_bytes());
    line.push(b' ');
    write_quoted(line, head.uri.path().as_bytes());
    line.push(b' ');
    line.extend_from_slice(version_name(head.version).as_bytes());
    line.extend_from_slice(b"\" ");
    write_number(line, u64::from(record.status.as_u16()));
    line.push(b' ');
    write_number(line, record.bytes);
    line.extend_from_slice(b" \"");
    write_quoted(line, without_query(head.headers, &REFERER).unwrap_or(b"-"));
    line.extend_from_slice(b"\" \"");
    write_quoted(line, head.headers.get(USER_AGENT).map_or(b"-", |agent| agent.as_bytes()));
    line.extend_from_slice(b"\"\n");
}

/// Writes a decimal number. A line has up to eight of them, and `write!` would take longer than the rest of the line.
fn write_number(line: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut rest = number;
    let mut first = digits.len();
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        // The remainder is below ten.
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
        rest /= 10;
        first = place;
        if rest == 0 {
            break;
        }
    }
    line.extend_from_slice(digits.get(first..).unwrap_or_default());
}

/// Escapes text from the client, so that it stays within its quotes and its line.
fn write_quoted(line: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    let is_plain = |byte: &u8| matches!(byte, 0x20..0x7f) && !matches!(byte, b'"' | b'\\');
    loop {
        let plain = rest.iter().position(|byte| !is_plain(byte)).unwrap_or(rest.len());
        let (start, more) = rest.split_at_checked(plain).unwrap_or((rest, &[]));
        line.extend_from_slice(start);
        match more.split_first() {
            None => return,
            Some((byte @ (b'"' | b'\\'), more)) => {
                line.extend_from_slice(&[b'\\', *byte]);
                rest = more;
            }
            Some((byte, more)) => {
                write!(line, "\\x{byte:02X}").unwrap_or_default();
                rest = more;
            }
        }
    }
}

fn write_json(line: &mut Vec<u8>, head: &RequestHead<'_>, record: &LogRecord, time: &str) {
    #[derive(serde::Serialize)]
    struct Line<'l> {
        time: &'l str,
        client: Option<IpAddr>,
        method: &'l str,
        path: &'l str,
        version: &'l str,
        status: u16,
        bytes: u64,
        referer: Option<String>,
        user_agent: Option<String>,
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let fields = Line {
        time,
        client: record.client,
        method: head.method.as_str(),
        path: head.uri.path(),
        version: version_name(head.version),
        status: record.status.as_u16(),
        bytes: record.bytes,
        referer: without_query(head.headers, &REFERER).map(text),
        user_agent: head.headers.get(USER_AGENT).map(|agent| text(agent.as_bytes())),
    };
    if let Ok(fields) = serde_json::to_string(&fields) {
        line.extend_from_slice(escape_json(fields).as_bytes());
        line.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{AUTHORIZATION, HeaderValue};
    use hyper::{Method, Uri};

    use super::*;

    #[test]
    fn lines_are_escaped_and_contain_no_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("access.log");
        let uri: Uri = "/news/rss.xml?token=SECRET".parse().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(REFERER, HeaderValue::from_static("https://x.example/page?key=SECRET#SECRET"));
        headers.insert(USER_AGENT, HeaderValue::from_bytes(b"Reader \"1\"\\ \xe7\xa7\x91").unwrap());
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer SECRET"));
        let head = RequestHead { method: &Method::GET, version: Version::HTTP_11, uri: &uri, headers: &headers };
        let record = LogRecord {
            client: Some("2001:db8::1".parse().unwrap()),
            at: "2026-11-27T16:00:01.5Z".parse().unwrap(),
            status: StatusCode::OK,
            bytes: 1_234,
        };
        for (written, wanted) in [(0, "0"), (7, "7"), (10, "10"), (u64::MAX, "18446744073709551615")] {
            let mut line = Vec::new();
            write_number(&mut line, written);
            assert_eq!(line, wanted.as_bytes());
        }
        for (format, expected) in [
            (
                LogFormat::Combined,
                "2001:db8::1 - - [28/Nov/2026:00:00:01 +0800] \"GET /news/rss.xml HTTP/1.1\" 200 1234 \
                 \"https://x.example/page\" \"Reader \\\"1\\\"\\\\ \\xE7\\xA7\\x91\"\n",
            ),
            (
                LogFormat::Json,
                "{\"time\":\"2026-11-28T00:00:01+08:00\",\"client\":\"2001:db8::1\",\"method\":\"GET\",\
                 \"path\":\"/news/rss.xml\",\"version\":\"HTTP/1.1\",\"status\":200,\"bytes\":1234,\
                 \"referer\":\"https://x.example/page\",\"user_agent\":\"Reader \\\"1\\\"\\\\ 科\"}\n",
            ),
        ] {
            let options = config::AccessLog { file: file.clone(), format };
            let log = AccessLog::open(&options, TimeZone::get("Asia/Shanghai").unwrap()).unwrap();
            log.record(&head, &record);
            drop(log);
            let written = std::fs::read_to_string(&file).unwrap();
            assert_eq!(written, expected);
            std::fs::remove_file(&file).unwrap();
        }
    }

    #[test]
    fn rotated_log_gets_no_new_lines() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("access.log");
        let options = config::AccessLog { file: file.clone(), format: LogFormat::Combined };
        let log = AccessLog::open(&options, TimeZone::UTC).unwrap();
        let headers = HeaderMap::new();
        let uri = Uri::from_static("/");
        let head = RequestHead { method: &Method::GET, version: Version::HTTP_11, uri: &uri, headers: &headers };
        let record = LogRecord { client: None, at: Timestamp::UNIX_EPOCH, status: StatusCode::OK, bytes: 0 };
        std::fs::rename(&file, folder.path().join("access.log.1")).unwrap();
        log.reopen();
        log.record(&head, &record);
        drop(log);
        let line = "unix: - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/1.1\" 200 0 \"-\" \"-\"\n";
        assert_eq!(std::fs::read_to_string(&file).unwrap(), line);
        assert_eq!(std::fs::read_to_string(folder.path().join("access.log.1")).unwrap(), "");
    }
}
