//! Decodes bytes as text. The charset comes from the byte order mark, the file's declaration, UTF-8, the configuration or a detector, in
//! this order.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// The way in which a file declares its charset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Declaration {
    /// The file doesn't state a charset.
    None,
    /// `<meta charset>`
    Html,
    /// `<?xml encoding?>`
    Xml,
}

/// Decoded text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Decoded<'b> {
    pub(super) text: Cow<'b, str>,
    /// The charset, if it was detected.
    pub(super) guessed: Option<&'static Encoding>,
}

/// The reason why bytes are not text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NotText {
    /// They are binary data.
    Binary,
    /// They are invalid in the declared charset: the valid text before the error, and the charset.
    Malformed(String, &'static Encoding),
}

pub(super) fn decode<'b>(
    bytes: &'b [u8],
    declaration: Declaration,
    configured: Option<&'static Encoding>,
) -> Result<Decoded<'b>, NotText> {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return decode_all(bytes.get(length..).unwrap_or_default(), encoding, None);
    }
    if let Some(encoding) = (declaration == Declaration::Xml).then(|| xml_in_utf16(bytes)).flatten() {
        return decode_all(bytes, encoding, None);
    }
    let utf8 = std::str::from_utf8(bytes);
    // Valid UTF-8 without NUL is text.
    if (utf8.is_err() || bytes.contains(&0)) && is_binary(bytes) {
        return Err(NotText::Binary);
    }
    let declared = match declaration {
        Declaration::None => None,
        Declaration::Html => declared_in_html(bytes),
        Declaration::Xml => declared_in_xml(bytes),
    };
    // A declaration that was read byte by byte isn't in UTF-16, whatever it says (HTML, "prescan a byte stream").
    if let Some(encoding) = declared
        && ![UTF_8, UTF_16BE, UTF_16LE].contains(&encoding)
    {
        return decode_all(bytes, encoding, None);
    }
    let error = match utf8 {
        Ok(text) => return Ok(Decoded { text: Cow::Borrowed(text), guessed: None }),
        Err(error) => error,
    };
    if let Some(encoding) = configured {
        return decode_all(bytes, encoding, None);
    }
    // With much valid UTF-8 before the first error, the file is damaged rather than in another charset.
    let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
    if good.iter().filter(|byte| !byte.is_ascii()).count() > 8 {
        return Err(NotText::Malformed(String::from_utf8_lossy(good).into_owned(), UTF_8));
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    // The detector mistakes a short Chinese text for Cyrillic, so it gets a hint. In longer texts, the hint would make it mistake Japanese
    // and Big5 for GBK.
    let needs_hint = bytes.iter().filter(|byte| !byte.is_ascii()).count() < MIN_BYTES_WITHOUT_HINT;
    let encoding = detector.guess(needs_hint.then_some(b"cn"), Utf8Detection::Deny);
    decode_all(bytes, encoding, Some(encoding))
}

/// With fewer bytes beyond ASCII, the detector needs a hint.
const MIN_BYTES_WITHOUT_HINT: usize = 40;

/// Whether bytes are binary data: text has few control characters. UTF-16 without a byte order mark has many NULs and counts as binary.
fn is_binary(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(65_536)).unwrap_or_default();
    let is_control = |byte: &&u8| **byte < 0x20 && !matches!(**byte, b'\t' | b'\n' | b'\r' | 0x0C | 0x1B);
    start.iter().filter(is_control).count() * 20 > start.len() || start.iter().filter(|&&byte| byte == 0).count() > 8
}

fn decode_all<'b>(
    bytes: &'b [u8],
    encoding: &'static Encoding,
    guessed: Option<&'static Encoding>,
) -> Result<Decoded<'b>, NotText> {
    match encoding.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => Ok(Decoded { text, guessed }),
        None => {
            let (lossy, _) = encoding.decode_without_bom_handling(bytes);
            let good = lossy.split('\u{FFFD}').next().unwrap_or_default().to_owned();
            Err(NotText::Malformed(good, encoding))
        }
    }
}

/// `<meta charset>` or `http-equiv` in the first 1024 bytes (HTML, "prescan a byte stream").
fn declared_in_html(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = ascii_head(bytes);
    for element in head.split("<meta").skip(1) {
        let element = element.split('>').next().unwrap_or_default();
        let Some((_, value)) = element.split_once("charset") else { continue };
        let value = value.trim_start().strip_prefix('=').unwrap_or_default().trim_start_matches([' ', '"', '\'']);
        let label = value.split(['"', '\'', ';', ' ', '/']).next().unwrap_or_default();
        return Encoding::for_label(label.as_bytes());
    }
    None
}

/// The `encoding` of the XML declaration.
fn declared_in_xml(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = ascii_head(bytes);
    let (declaration, _) = head.trim_start().strip_prefix("<?xml")?.split_once("?>")?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    Encoding::for_label(value.split(quote).nth(1)?.as_bytes())
}

/// The first 1024 bytes in lower case, with blanks for bytes beyond ASCII.
fn ascii_head(bytes: &[u8]) -> String {
    let head = bytes.iter().take(1_024);
    head.map(|&byte| if byte.is_ascii() { char::from(byte.to_ascii_lowercase()) } else { ' ' }).collect()
}

/// UTF-16 without a byte order mark: an XML file starts with `<` (XML 1.0, appendix F).
fn xml_in_utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    match bytes {
        [b'<', 0, ..] => Some(UTF_16LE),
        [0, b'<', ..] => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets_are_detected() {
        let chinese = "中国科技新闻：上海，一项新的工业研究。";
        let (gb, ..) = encoding_rs::GB18030.encode(chinese);
        let html = [b"<html><meta charset=\"gbk\"><p>".as_slice(), &gb].concat();
        let utf16: Vec<u8> =
            [0xFF, 0xFE].into_iter().chain(chinese.encode_utf16().flat_map(u16::to_le_bytes)).collect();
        for (bytes, declaration, configured, guessed, expected) in [
            (chinese.as_bytes().to_vec(), Declaration::None, None, false, chinese),
            ([b"\xEF\xBB\xBF".as_slice(), chinese.as_bytes()].concat(), Declaration::None, None, false, chinese),
            (utf16, Declaration::None, None, false, chinese),
            (gb.to_vec(), Declaration::None, None, true, chinese),
            (gb.to_vec(), Declaration::None, Some(encoding_rs::GB18030), false, chinese),
            (html, Declaration::Html, None, false, chinese),
            (format!("<meta charset=utf-16>{chinese}").into_bytes(), Declaration::Html, None, false, chinese),
            (
                b"caf\xe9 cr\xe8me br\xfbl\xe9e".to_vec(),
                Declaration::None,
                Some(encoding_rs::WINDOWS_1252),
                false,
                "crème",
            ),
        ] {
            let decoded = decode(&bytes, declaration, configured).expect("text");
            assert!(decoded.text.contains(expected) && !decoded.text.starts_with('\u{FEFF}'), "{}", decoded.text);
            assert_eq!(decoded.guessed.is_some(), guessed);
        }
        for (encoding, text) in [
            (encoding_rs::GBK, "港口今天重新开放，渔民说鱼回来了，船长说明年还要再来，海豹也在。"),
            (encoding_rs::BIG5, "港口今天重新開放，漁民說魚回來了，船長說明年還要再來，海豹也在。"),
            (encoding_rs::SHIFT_JIS, "港が今日また開いた。漁師は魚が戻ってきたと言う。船長は来年も来ると言った。"),
            (encoding_rs::EUC_JP, "港が今日また開いた。漁師は魚が戻ってきたと言う。船長は来年も来ると言った。"),
            (
                encoding_rs::EUC_KR,
                "항구가 오늘 다시 열렸다. 어부들은 물고기가 돌아왔다고 말했다. 선장은 내년에도 온다고 했다.",
            ),
            (encoding_rs::GBK, "港口开放"),
        ] {
            let (bytes, ..) = encoding.encode(text);
            let decoded = decode(&bytes, Declaration::None, None).expect("text");
            assert_eq!((&*decoded.text, decoded.guessed), (text, Some(encoding)));
        }
        assert_eq!(
            decode(&[0x89, b'P', b'N', b'G', 0, 0, 0, 1, 2, 3, 4, 5], Declaration::None, None),
            Err(NotText::Binary)
        );
        assert!(matches!(
            decode("中文中文中文\u{0}\n".as_bytes().get(..17).expect("long"), Declaration::None, None),
            Err(NotText::Malformed(..))
        ));
    }

    #[test]
    fn xml_declarations_are_obeyed() {
        let text = "<a>Größe – „neu“</a>";
        let utf16 = |text: &str, bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
        let in_windows_1252 = |declaration: &str| {
            let (bytes, ..) = encoding_rs::WINDOWS_1252.encode(text);
            [declaration.as_bytes(), &bytes].concat()
        };
        let declared = format!("<?xml version=\"1.0\" encoding=\"UTF-16\"?>{text}");
        for (name, bytes) in [
            ("quotes", in_windows_1252("<?xml version=\"1.0\" encoding=\"windows-1252\"?>")),
            ("apostrophes", in_windows_1252("\n<?xml version='1.0' encoding = 'ISO-8859-1' standalone='yes'?>")),
            ("UTF-8", format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{text}").into_bytes()),
            ("unknown label", format!("<?xml version=\"1.0\" encoding=\"x-none\"?>{text}").into_bytes()),
            ("UTF-16 that is UTF-8", declared.clone().into_bytes()),
            ("UTF-16 little-endian", utf16(&declared, u16::to_le_bytes)),
            ("UTF-16 big-endian", utf16(&declared, u16::to_be_bytes)),
        ] {
            let decoded = decode(&bytes, Declaration::Xml, None).expect("text");
            assert!(decoded.text.ends_with(text) && decoded.guessed.is_none(), "{name}: {}", decoded.text);
        }
        let wrong = in_windows_1252("<?xml version=\"1.0\" encoding=\"euc-kr\"?>");
        assert!(matches!(decode(&wrong, Declaration::Xml, None), Err(NotText::Malformed(..))));
    }
}
