//! URLs that feed readers load, and the media types of files.

use std::fmt;
use std::sync::Arc;

/// An absolute HTTP or HTTPS URL as the WHATWG standard serialises it: percent-encoded, with a punycode host.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WebUrl(Arc<str>);

impl WebUrl {
    /// Parses an absolute URL.
    ///
    /// # Errors
    /// The reason, phrased to follow "... is not a URL that readers can load: ".
    pub fn parse(raw: &str) -> Result<WebUrl, String> {
        let url = ::url::Url::parse(raw.trim()).map_err(|error| error.to_string())?;
        WebUrl::from_url(&url)
    }

    /// Resolves an absolute or relative reference against this URL (RFC 3986, section 5).
    ///
    /// # Errors
    /// Like [`WebUrl::parse`].
    pub fn join(&self, reference: &str) -> Result<WebUrl, String> {
        let base = ::url::Url::parse(&self.0).map_err(|error| error.to_string())?;
        WebUrl::from_url(&base.join(reference.trim()).map_err(|error| error.to_string())?)
    }

    fn from_url(url: &::url::Url) -> Result<WebUrl, String> {
        match url.scheme() {
            "http" | "https" if url.host_str().is_some_and(|host| !host.is_empty()) => {
                // RFC 3986 forbids these characters, unlike WHATWG, and strict readers reject them.
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

    /// The URL as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host without the port.
    pub fn host(&self) -> String {
        ::url::Url::parse(&self.0).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default()
    }

    /// The percent-encoded path, starting with `/`.
    pub fn path(&self) -> String {
        ::url::Url::parse(&self.0).map(|url| url.path().to_owned()).unwrap_or_default()
    }

    /// Whether the host is the local machine, so that readers elsewhere can't load the URL.
    pub fn is_loopback(&self) -> bool {
        match ::url::Url::parse(&self.0).ok().and_then(|url| url.host().map(|host| host.to_owned())) {
            Some(::url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(::url::Host::Ipv4(address)) => address.is_loopback(),
            Some(::url::Host::Ipv6(address)) => address.is_loopback(),
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

/// The media type of a file that articles may refer to, by its extension. `None` for other files.
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
