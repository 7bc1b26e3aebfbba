//! Valid-by-construction values. What has one of these types was checked once, at the border, and never again.
//!
//! Long because it has all of them: a page to look a value up on.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroI64;
use std::sync::Arc;

use arcstr::ArcStr;
use jiff::tz::Offset;
use jiff::{Timestamp, Unit};
use unicode_normalization::UnicodeNormalization;

/// Text that XML 1.0 can carry: no character outside the `Char` production (XML 1.0, section 2.2), no C1 control and no
/// noncharacter; line ends are LF. Every string that reaches a feed document is one of these.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text(Arc<str>);

impl Text {
    /// Keeps line breaks; drops what XML forbids, turns CRLF and CR into LF.
    pub fn new(raw: &str) -> Text {
        if is_plain(raw) || raw.chars().all(|c| c != '\r' && is_publishable(c)) {
            return Text(raw.into());
        }
        let mut clean = String::with_capacity(raw.len());
        let mut characters = raw.chars().peekable();
        while let Some(character) = characters.next() {
            match character {
                '\r' if characters.peek() == Some(&'\n') => {}
                '\r' => clean.push('\n'),
                other if is_publishable(other) => clean.push(other),
                _ => {}
            }
        }
        Text(clean.into())
    }

    /// One line: runs of white space (no-break and ideographic spaces included) become one blank, the ends are trimmed, and
    /// controls of writing direction are balanced, so that a title cannot turn round what is shown beside it (UAX 9).
    pub fn line(raw: &str) -> Text {
        if is_plain_line(raw) {
            return Text(raw.into());
        }
        let raw = &*if raw.contains(is_bidi_control) { Cow::Owned(balanced(raw)) } else { Cow::Borrowed(raw) };
        let mut clean = String::with_capacity(raw.len());
        for word in raw.split(|c: char| c.is_whitespace() || c == '\u{FEFF}') {
            let word_start = clean.len();
            clean.extend(word.chars().filter(|&c| is_publishable(c)));
            if clean.len() > word_start && word_start > 0 {
                clean.insert(word_start, ' ');
            }
        }
        Text(clean.into())
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing is left of it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether it is of ASCII that needs no second look, as far as that shows without branches, many bytes at a time.
fn is_plain(text: &str) -> bool {
    const AT_ONCE: usize = 64;
    let is_plain = |byte: &u8| (0x20..0x7F).contains(byte) | (*byte == b'\n') | (*byte == b'\t');
    text.as_bytes().chunks(AT_ONCE).all(|bytes| bytes.iter().fold(true, |plain, byte| plain & is_plain(byte)))
}

/// Whether it is of printable ASCII with one blank between words, as nearly every line is in many languages.
fn is_plain_line(text: &str) -> bool {
    let mut before = b' ';
    let is_plain = |byte: u8| {
        let is_plain = byte.is_ascii_graphic() || (byte == b' ' && before != b' ');
        before = byte;
        is_plain
    };
    text.bytes().all(is_plain) && before != b' '
}

/// The text with each embedding, override and isolate closed, and without closing controls that close nothing.
fn balanced(text: &str) -> String {
    let mut open: Vec<char> = Vec::new();
    let mut balanced = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\u{202A}' | '\u{202B}' | '\u{202D}' | '\u{202E}' => open.push('\u{202C}'),
            '\u{2066}'..='\u{2068}' => open.push('\u{2069}'),
            '\u{202C}' if open.last() != Some(&'\u{202C}') => continue,
            '\u{2069}' if !open.contains(&'\u{2069}') => continue,
            '\u{2069}' => {
                // The end of an isolate ends what is still open inside it.
                while open.last() == Some(&'\u{202C}') {
                    balanced.extend(open.pop());
                }
                open.pop();
            }
            '\u{202C}' => drop(open.pop()),
            _ => {}
        }
        balanced.push(character);
    }
    balanced.extend(open.into_iter().rev());
    balanced
}

/// Whether a character may stand in a document: XML 1.0 `Char` without C1 controls, noncharacters and U+FEFF.
pub fn is_publishable(character: char) -> bool {
    match u32::from(character) {
        0x9 | 0xA | 0xD => true,
        0..=0x1F | 0x7F..=0x9F | 0xFEFF | 0xFDD0..=0xFDEF => false,
        code => code & 0xFFFE != 0xFFFE,
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// An absolute http or https URL in the WHATWG serialisation (percent-encoded, punycode host).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebUrl(Arc<str>);

impl WebUrl {
    /// Parses an absolute URL.
    ///
    /// # Errors
    /// The reason, as words that fit behind "... is not a URL that readers can load: ".
    pub fn parse(raw: &str) -> Result<WebUrl, String> {
        let url = url::Url::parse(raw.trim()).map_err(|error| error.to_string())?;
        WebUrl::from_url(&url)
    }

    /// Resolves a reference (absolute or relative, RFC 3986 section 5) against this URL.
    ///
    /// # Errors
    /// As [`WebUrl::parse`].
    pub fn join(&self, reference: &str) -> Result<WebUrl, String> {
        let base = url::Url::parse(&self.0).map_err(|error| error.to_string())?;
        WebUrl::from_url(&base.join(reference.trim()).map_err(|error| error.to_string())?)
    }

    fn from_url(url: &url::Url) -> Result<WebUrl, String> {
        match url.scheme() {
            "http" | "https" if url.host_str().is_some_and(|host| !host.is_empty()) => {
                // RFC 3986 forbids these where WHATWG lets them stand; strict readers refuse them.
                let mut clean = String::with_capacity(url.as_str().len());
                for character in url.as_str().chars() {
                    match character {
                        '|' => clean.push_str("%7C"),
                        '\\' => clean.push_str("%5C"),
                        '^' => clean.push_str("%5E"),
                        '`' => clean.push_str("%60"),
                        '{' => clean.push_str("%7B"),
                        '}' => clean.push_str("%7D"),
                        other => clean.push(other),
                    }
                }
                Ok(WebUrl(clean.into()))
            }
            "http" | "https" => Err("it names no host".into()),
            scheme => Err(format!("its scheme is `{scheme}`; readers load http and https")),
        }
    }

    /// The URL itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its host, without port.
    pub fn host(&self) -> String {
        url::Url::parse(&self.0).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// Its path, percent-encoded, from the first `/`.
    pub fn path(&self) -> String {
        url::Url::parse(&self.0).map(|url| url.path().to_owned()).unwrap_or_default()
    }

    /// Whether the host is this very machine: readers elsewhere cannot load it.
    pub fn is_loopback(&self) -> bool {
        match url::Url::parse(&self.0).ok().and_then(|url| url.host().map(|host| host.to_owned())) {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The path of a section: NFC segments in any script, joined by `/`; the root section is the empty path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct SectionPath(Arc<str>);

impl SectionPath {
    /// The longest segment that every file system keeps (bytes).
    const SEGMENT_LIMIT: usize = 200;

    /// The root section.
    pub fn root() -> SectionPath {
        SectionPath::default()
    }

    /// Parses what an operator or an editor wrote; leading, trailing and doubled slashes are forgiven.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub fn parse(raw: &str) -> Result<SectionPath, String> {
        let mut path = String::with_capacity(raw.len());
        for segment in raw.split('/') {
            let segment = nfc(segment.trim());
            if segment.is_empty() {
                continue;
            }
            if segment == "." || segment == ".." {
                return Err(format!("a section path cannot contain `{segment}`"));
            }
            if segment.starts_with('.') {
                return Err("a segment of a section path cannot start with a dot".into());
            }
            if let Some(character) =
                segment.chars().find(|&c| c.is_control() || c == '\\' || !is_publishable(c) || is_bidi_control(c))
            {
                return Err(format!("a section path cannot contain {}", character.escape_unicode()));
            }
            if segment.len() > SectionPath::SEGMENT_LIMIT {
                return Err(format!(
                    "a segment of a section path is at most {} bytes; this one has {}",
                    SectionPath::SEGMENT_LIMIT,
                    segment.len()
                ));
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&segment);
        }
        if path.split('/').count() > 16 {
            return Err("a section path has at most 16 segments".into());
        }
        Ok(SectionPath(path.into()))
    }

    /// The path, segments joined by `/`, not percent-encoded; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root section.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The segments, outermost first; none for the root.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// The section one level up; `None` for the root.
    pub fn parent(&self) -> Option<SectionPath> {
        if self.is_root() {
            return None;
        }
        Some(SectionPath(self.0.rsplit_once('/').map_or("", |(parent, _)| parent).into()))
    }

    /// Whether `other` is this section or lies below it.
    pub fn contains(&self, other: &SectionPath) -> bool {
        self.is_root() || other.0.strip_prefix(&*self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for SectionPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Normalisation form C (UAX #15). Most text is in it already.
pub fn nfc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) }
}

/// A path or name as file systems compare it that mind neither case nor Unicode normalisation.
pub fn folded(path: &str) -> Cow<'_, str> {
    match path.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        true => Cow::Borrowed(path),
        // Lower case may need composing, and composed text lower case.
        false => Cow::Owned(nfc(&nfc(path).to_lowercase()).into_owned()),
    }
}

/// Characters that reorder the text around them (UAX #9), which no path or name may carry.
pub fn is_bidi_control(character: char) -> bool {
    matches!(character, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Characters that show nothing: white space of any width, zero-width and formatting characters, controls.
pub fn is_invisible(character: char) -> bool {
    if character.is_ascii() {
        return !character.is_ascii_graphic();
    }
    character.is_whitespace()
        || character.is_control()
        || is_bidi_control(character)
        || matches!(character, '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{180B}'..='\u{180F}' | '\u{200B}'..='\u{200D}' | '\u{2060}'..='\u{206F}')
        || matches!(
            character,
            '\u{115F}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}'
        )
}

/// Text in compatibility form (NFKC), in which full-width letters and signs are the usual ones.
pub fn nfkc(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { Cow::Borrowed(text) } else { Cow::Owned(text.nfkc().collect()) }
}

/// The media type of a file by its extension, for the kinds that articles refer to; `None`: not a media file.
pub fn media_type(extension: &str) -> Option<&'static str> {
    Some(match extension.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "avif" => "image/avif",
        "svg" => "image/svg+xml",
        "mp3" => "audio/mpeg",
        "m4a" => "audio/mp4",
        "aac" => "audio/aac",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "flac" => "audio/flac",
        "mp4" | "m4v" => "video/mp4",
        "webm" => "video/webm",
        "mov" => "video/quicktime",
        "pdf" => "application/pdf",
        _ => return None,
    })
}

/// The path of an article's file below the content directory: `/`-separated, relative, as the file system spells it
/// (bytes that are not UTF-8 never get this far).
#[derive(Clone, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(
    clippy::derived_hash_with_manual_eq,
    reason = "equality is that of the text, which is only looked at where it is not the same memory"
)]
pub struct ArticlePath(ArcStr);

impl PartialEq for ArticlePath {
    fn eq(&self, other: &ArticlePath) -> bool {
        ArcStr::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl ArticlePath {
    /// Wraps a relative path; the caller walked the content directory, so it has no `..` and no leading slash.
    pub fn new(relative: &str) -> ArticlePath {
        ArticlePath(relative.into())
    }

    /// The path itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder the file lies in, `""` at the top.
    pub fn folder(&self) -> &str {
        self.0.rsplit_once('/').map_or("", |(folder, _)| folder)
    }

    /// The file name.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// The file name without folder and extension.
    pub fn stem(&self) -> &str {
        let name = self.name();
        name.rsplit_once('.').map_or(name, |(stem, _)| stem)
    }

    /// The extension without its dot, `""` if there is none.
    pub fn extension(&self) -> &str {
        let name = self.name();
        name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }
}

impl fmt::Display for ArticlePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The letters of the short ids that are in the addresses of articles' pages, five bits each.
pub const SHORT_ID_LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// An absolute IRI that identifies an entry or a feed for ever (RFC 4287 section 4.2.6), compared byte by byte.
#[derive(Clone, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(clippy::derived_hash_with_manual_eq, reason = "as of paths")]
pub struct EntryId(ArcStr);

impl PartialEq for EntryId {
    fn eq(&self, other: &EntryId) -> bool {
        ArcStr::ptr_eq(&self.0, &other.0) || self.as_str() == other.as_str()
    }
}

impl EntryId {
    /// Checks an explicit `id`: an absolute IRI without white space, controls or characters that RFC 3987 forbids.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub fn parse(raw: &str) -> Result<EntryId, String> {
        let raw = raw.trim();
        let Some((scheme, rest)) = raw.split_once(':') else {
            return Err("an id is an absolute URI such as `tag:courier.example,2026:x` or `urn:uuid:...`".into());
        };
        let scheme_ok = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
        if !scheme_ok || rest.is_empty() {
            return Err("an id starts with a URI scheme such as `tag:`, `urn:` or `https:`".into());
        }
        if let Some(bad) = raw.chars().find(|&c| {
            c.is_whitespace()
                || c.is_control()
                || !is_publishable(c)
                || is_bidi_control(c)
                || matches!(c, '<' | '>' | '"' | '{' | '}' | '|' | '\\' | '^' | '`')
        }) {
            return Err(format!("an id cannot contain `{}`", bad.escape_debug()));
        }
        if raw.len() > 1_024 {
            return Err(format!("an id is at most 1024 bytes long; this one has {}", raw.len()));
        }
        Ok(EntryId(raw.into()))
    }

    /// Wraps an id that was minted from checked parts.
    pub(crate) fn minted(id: String) -> EntryId {
        EntryId(id.into())
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// 128 bits of BLAKE3 over some bytes. Authors choose content, so a collision-resistant hash it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// Hashes the bytes.
    pub fn of(bytes: &[u8]) -> ContentHash {
        ContentHash::from_blake3(blake3::hash(bytes))
    }

    /// Hashes several parts; the boundaries count.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> ContentHash {
        let mut hasher = blake3::Hasher::new();
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        ContentHash::from_blake3(hasher.finalize())
    }

    fn from_blake3(hash: blake3::Hash) -> ContentHash {
        let mut short = [0; 16];
        for (to, from) in short.iter_mut().zip(hash.as_bytes()) {
            *to = *from;
        }
        ContentHash(short)
    }

    /// What [`fmt::Display`] writes.
    pub fn to_hex(self) -> [u8; 32] {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        let digit = |value: u8| DIGITS.get(usize::from(value & 0xf)).copied().unwrap_or_default();
        let mut hex = [0; 32];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte)]);
        }
        hex
    }

    /// The hash that these are the bytes of.
    pub const fn from_bytes(bytes: [u8; 16]) -> ContentHash {
        ContentHash(bytes)
    }

    /// Reads what [`fmt::Display`] writes: 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<ContentHash> {
        let mut hash = [0; 16];
        if text.len() != 32 {
            return None;
        }
        for (at, byte) in hash.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
        }
        Some(ContentHash(hash))
    }

    /// The hash as bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.to_hex()).unwrap_or_default())
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A BCP 47 language tag (RFC 5646), syntax checked, in its conventional case (`zh-Hant-TW`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Language(Arc<str>);

impl Language {
    /// Checks the shape of a tag; `_` is forgiven as `-`.
    ///
    /// # Errors
    /// The reason, as a sentence.
    pub fn parse(raw: &str) -> Result<Language, String> {
        let wrong =
            || format!("`{}` is not a BCP 47 language tag such as `en`, `zh-Hans` or `pt-BR`", raw.escape_debug());
        let mut tag = String::new();
        for (position, subtag) in raw.trim().replace('_', "-").split('-').enumerate() {
            let alphabetic = subtag.chars().all(|c| c.is_ascii_alphabetic());
            let plain = !subtag.is_empty() && subtag.len() <= 8 && subtag.chars().all(|c| c.is_ascii_alphanumeric());
            if !plain || (position == 0 && !(alphabetic && (2..=3).contains(&subtag.len()))) {
                return Err(wrong());
            }
            if position > 0 {
                tag.push('-');
            }
            match (position, subtag.len(), alphabetic) {
                (0, _, _) => tag.push_str(&subtag.to_ascii_lowercase()),
                (_, 4, true) => {
                    let lower = subtag.to_ascii_lowercase();
                    let mut letters = lower.chars();
                    tag.extend(letters.next().map(|first| first.to_ascii_uppercase()));
                    tag.push_str(letters.as_str());
                }
                (_, 2, true) => tag.push_str(&subtag.to_ascii_uppercase()),
                _ => tag.push_str(&subtag.to_ascii_lowercase()),
            }
        }
        Ok(Language(tag.into()))
    }

    /// The tag itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first subtag: `zh` of `zh-Hans`.
    pub fn primary(&self) -> &str {
        self.0.split('-').next().unwrap_or_default()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An instant, to the second, with the UTC offset in which its author wrote it. Ordered by the instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Moment(
    /// The second, times 2^[`Moment::OFFSET_BITS`], and the offset in minutes, from -2048 on: an archive has millions of these. Never
    /// zero, as no offset is that far from UTC.
    NonZeroI64,
);

impl Moment {
    const OFFSET_BITS: u32 = 12;
    const OFFSET_BIAS: i64 = 1 << (Moment::OFFSET_BITS - 1);

    /// The years that every date format of the feeds can write with four digits.
    const YEARS: std::ops::RangeInclusive<i16> = 1583..=9998;

    /// An instant as seen at an offset; fractions of a second are cut off. `None` outside the years 1583 to 9998.
    pub fn new(timestamp: Timestamp, offset: Offset) -> Option<Moment> {
        // RFC 3339 and RFC 822 write offsets in whole minutes; historical zones had seconds.
        let minutes = offset.round(Unit::Minute).ok()?.seconds() / 60;
        let year = Offset::from_seconds(minutes * 60).ok()?.to_datetime(timestamp).year();
        let packed = (timestamp.as_second() << Moment::OFFSET_BITS) + i64::from(minutes) + Moment::OFFSET_BIAS;
        Moment::YEARS.contains(&year).then(|| NonZeroI64::new(packed).map(Moment)).flatten()
    }

    /// Both in one number, in the order of the instants.
    pub fn packed(self) -> i64 {
        self.0.get()
    }

    /// What [`Moment::packed`] gave; `None` for what it never gives.
    pub fn from_packed(packed: i64) -> Option<Moment> {
        let moment = Moment(NonZeroI64::new(packed)?);
        let timestamp = Timestamp::from_second(moment.second()).ok()?;
        Moment::new(timestamp, Offset::from_seconds(moment.minutes() * 60).ok()?)
    }

    /// Minutes east of UTC.
    fn minutes(self) -> i32 {
        let biased = self.0.get() & ((1 << Moment::OFFSET_BITS) - 1);
        i32::try_from(biased - Moment::OFFSET_BIAS).unwrap_or_default()
    }

    /// Seconds since 1970.
    pub fn second(self) -> i64 {
        self.0.get() >> Moment::OFFSET_BITS
    }

    /// The instant.
    pub fn timestamp(self) -> Timestamp {
        Timestamp::from_second(self.second()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The offset it was written in.
    pub fn offset(self) -> Offset {
        Offset::from_seconds(self.minutes() * 60).unwrap_or(Offset::UTC)
    }

    /// RFC 3339 (section 5.6) with the original offset: `2023-05-15T09:24:32+08:00`.
    pub fn rfc3339(self) -> String {
        self.to_string()
    }

    /// RFC 822 with a four-digit year in UTC, the only form that every reader understands (rule R-06):
    /// `Mon, 15 May 2023 01:24:32 +0000`.
    pub fn rfc822(self) -> String {
        rfc822(self.timestamp())
    }

    /// The local date `2023-05-15`, which ids are minted from.
    pub fn date(self) -> String {
        self.offset().to_datetime(self.timestamp()).strftime("%Y-%m-%d").to_string()
    }
}

/// As [`Moment::rfc3339`].
impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let local = self.offset().to_datetime(self.timestamp());
        let minutes = self.minutes();
        let sign = if minutes < 0 { '-' } else { '+' };
        let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
        write!(out, "{}{sign}{hours:02}:{minutes:02}", local.strftime("%Y-%m-%dT%H:%M:%S"))
    }
}

/// RFC 822 with a four-digit year, numeric zone, UTC.
pub fn rfc822(timestamp: Timestamp) -> String {
    Offset::UTC.to_datetime(timestamp).strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

/// RFC 3339 in UTC with `Z`, to the second.
pub fn rfc3339(timestamp: Timestamp) -> String {
    Offset::UTC.to_datetime(timestamp).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_drops_what_xml_forbids() {
        for (raw, clean) in [
            ("a\u{0}b\u{b}c\u{1f}d", "abcd"),
            ("a\u{7f}b\tc\n", "ab\tc\n"),
            ("line\r\nline\rline", "line\nline\nline"),
            ("\u{feff}bom\u{fffe}\u{ffff}\u{1fffe}\u{fdd0}\u{85}", "bom"),
            ("emoji 👩‍👩‍👧 ]]> & <", "emoji 👩‍👩‍👧 ]]> & <"),
        ] {
            assert_eq!(Text::new(raw).as_str(), clean);
        }
        assert_eq!(Text::line("  a\u{a0}\u{3000} b\n\tc \u{0} ").as_str(), "a b c");
        for (raw, clean) in [
            ("", ""),
            (" ", ""),
            ("a", "a"),
            ("a b", "a b"),
            (" a b", "a b"),
            ("a b ", "a b"),
            ("a  b", "a b"),
            ("a\u{7f}b~", "ab~"),
            ("a\tb", "a b"),
        ] {
            assert_eq!(Text::line(raw).as_str(), clean);
        }
    }

    #[test]
    fn directions_are_balanced_x11() {
        for (raw, balanced) in [
            ("a \u{202e}b", "a \u{202e}b\u{202c}"),
            ("a\u{202c}b\u{2069}", "ab"),
            ("a \u{202c}", "a"),
            ("\u{2067}a\u{202b}b\u{2069}c", "\u{2067}a\u{202b}b\u{202c}\u{2069}c"),
            ("\u{202a}a\u{2068}b", "\u{202a}a\u{2068}b\u{2069}\u{202c}"),
            ("\u{200f}a\u{202b}b\u{202c}c", "\u{200f}a\u{202b}b\u{202c}c"),
        ] {
            let line = Text::line(raw);
            assert_eq!(line.as_str(), balanced);
            assert_eq!(Text::line(line.as_str()), line);
        }
    }

    #[test]
    fn section_paths_are_normal() {
        assert_eq!(SectionPath::parse("/科技//案例/").expect("parses").as_str(), "科技/案例");
        assert_eq!(SectionPath::parse("cafe\u{301}").expect("parses").as_str(), "caf\u{e9}");
        for bad in ["../x", "a/./b", "a\u{0}b", ".git", "a\\b", &"x".repeat(300)] {
            assert!(SectionPath::parse(bad).is_err(), "{bad}");
        }
        let chips = SectionPath::parse("technology/chips").expect("parses");
        assert!(SectionPath::parse("technology").expect("parses").contains(&chips));
        assert!(!SectionPath::parse("tech").expect("parses").contains(&chips));
    }

    #[test]
    fn moments_keep_their_offset() {
        let moment =
            Moment::new("2023-05-15T01:24:32.9Z".parse().expect("parses"), jiff::tz::offset(8)).expect("in range");
        assert_eq!(moment.rfc3339(), "2023-05-15T09:24:32+08:00");
        assert_eq!(moment.rfc822(), "Mon, 15 May 2023 01:24:32 +0000");
        assert_eq!(moment.date(), "2023-05-15");
        let west =
            Moment::new("2023-05-15T01:24:32Z".parse().expect("parses"), Offset::from_seconds(-9000).expect("valid"));
        assert_eq!(west.expect("in range").rfc3339(), "2023-05-14T22:54:32-02:30");
        for second in [-12_000_000_000, -1, 0, 1, 250_000_000_000] {
            let timestamp = Timestamp::from_second(second).expect("in range");
            for (offset, rounded) in [
                (-25 * 3_600, -25 * 3_600),
                (-3_599, -3_600),
                (-29, 0),
                (0, 0),
                (29, 0),
                (59, 60),
                (60, 60),
                (25 * 3_600, 25 * 3_600),
            ] {
                let moment = Moment::new(timestamp, Offset::from_seconds(offset).expect("valid")).expect("in range");
                assert_eq!((moment.timestamp(), moment.offset().seconds()), (timestamp, rounded));
            }
        }
        assert_eq!(size_of::<Option<Moment>>(), 8);
    }

    #[test]
    fn ids_and_languages_are_checked() {
        assert!(EntryId::parse("tag:courier.example,2026:2026-11-23/x").is_ok());
        for bad in ["", "no scheme", "tag:", "tag:a b", "1x:y", "tag:a<b"] {
            assert!(EntryId::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(Language::parse("ZH_hant-tw").expect("parses").as_str(), "zh-Hant-TW");
        for bad in ["", "english", "e", "en--US", "12"] {
            assert!(Language::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn urls_are_web_urls() {
        assert_eq!(
            WebUrl::parse("https://bücher.example/a b|c").expect("parses").as_str(),
            "https://xn--bcher-kva.example/a%20b%7Cc"
        );
        for bad in ["htp://x/", "//x/y", "/a", "javascript:alert(1)", "http://"] {
            assert!(WebUrl::parse(bad).is_err(), "{bad}");
        }
        assert!(WebUrl::parse("http://127.0.0.1:8080/").expect("parses").is_loopback());
    }
}
