//! Negotiates the content coding (RFC 9110, sections 12.4.2 and 12.5.3). Pure.

/// A content coding (RFC 9110, section 8.4.1). `deflate` is missing, because many clients expect raw deflate, without the zlib header.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Coding {
    /// The bytes without a coding.
    Identity,
    /// RFC 1952.
    Gzip,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

impl Coding {
    /// The codings in order of preference. At our levels brotli is smallest; zstd is about as large as gzip and decodes fastest.
    pub const PREFERRED: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

    /// The Content-Encoding field. `None` for identity, which is never sent (section 8.4).
    pub fn name(self) -> Option<&'static str> {
        match self {
            Coding::Identity => None,
            Coding::Gzip => Some("gzip"),
            Coding::Brotli => Some("br"),
            Coding::Zstd => Some("zstd"),
        }
    }
}

/// Chooses a coding by the lines of Accept-Encoding. `None` means 406. `is_worth_coding` is false for small documents.
///
/// - Without the field: identity. Any coding would be allowed, but scripts that don't send the field can't decode.
/// - The highest weight wins. Among equal weights, [`Coding::PREFERRED`] decides.
/// - `*` applies to codings that aren't listed. Unlisted `identity` is acceptable after everything else.
/// - Identity wins only if its weight is higher than that of every coding.
/// - Malformed members are ignored. If a coding is listed twice, the lower weight counts, so that a refusal isn't overridden.
pub fn choose<'a>(lines: impl Iterator<Item = &'a [u8]>, is_worth_coding: bool) -> Option<Coding> {
    let mut accepted = Accepted::default();
    for line in lines {
        for (name, weight) in line.split(|&byte| byte == b',').filter_map(parse_member) {
            accepted.add(name, weight);
        }
    }
    let identity = accepted.identity.or(accepted.others);
    if identity != Some(0) && !is_worth_coding {
        return Some(Coding::Identity);
    }
    let weigh = |coding| match coding {
        Coding::Identity => identity,
        Coding::Gzip => accepted.gzip.or(accepted.others),
        Coding::Brotli => accepted.brotli.or(accepted.others),
        Coding::Zstd => accepted.zstd.or(accepted.others),
    };
    let mut best = (Coding::Identity, identity.unwrap_or(0));
    for coding in Coding::PREFERRED {
        let weight = weigh(coding).unwrap_or(0);
        if weight > best.1 || (weight == best.1 && weight > 0 && best.0 == Coding::Identity) {
            best = (coding, weight);
        }
    }
    (best.1 > 0 || identity != Some(0)).then_some(best.0)
}

/// Weights of the listed codings, in thousandths.
#[derive(Default)]
struct Accepted {
    identity: Option<u16>,
    gzip: Option<u16>,
    brotli: Option<u16>,
    zstd: Option<u16>,
    /// `*`
    others: Option<u16>,
}

impl Accepted {
    fn add(&mut self, name: &[u8], weight: u16) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        let weight_slot = if is("identity") {
            &mut self.identity
        } else if is("gzip") || is("x-gzip") {
            &mut self.gzip
        } else if is("br") {
            &mut self.brotli
        } else if is("zstd") {
            &mut self.zstd
        } else if is("*") {
            &mut self.others
        } else {
            return;
        };
        *weight_slot = Some(weight_slot.map_or(weight, |before| before.min(weight)));
    }
}

/// Parses `gzip` or `gzip;q=0.5`.
fn parse_member(member: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = member.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next()?;
    let weight = match (parts.next(), parts.next()) {
        (None, _) => 1000,
        (Some([b'q' | b'Q', b'=', value @ ..]), None) => parse_weight(value)?,
        _ => return None,
    };
    Some((name, weight))
}

/// Parses a weight (section 12.4.2), at most 1, with up to three decimals, into thousandths.
fn parse_weight(value: &[u8]) -> Option<u16> {
    let (whole, decimals) = match value {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', decimals @ ..] if decimals.len() <= 3 => (whole, decimals),
        _ => return None,
    };
    let mut weight = u16::from(whole - b'0');
    for place in 0..3 {
        let digit = decimals.get(place).copied().unwrap_or(b'0');
        if !digit.is_ascii_digit() {
            return None;
        }
        weight = weight * 10 + u16::from(digit - b'0');
    }
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Coding::{Brotli, Gzip, Identity, Zstd};
    use super::*;

    #[test]
    fn codings_are_chosen_by_weight() {
        let table: &[(&str, &[&str], Option<Coding>)] = &[
            ("H-30 no field", &[], Some(Identity)),
            ("H-36 empty", &[""], Some(Identity)),
            ("H-36 identity", &["identity"], Some(Identity)),
            ("H-36 q=0", &["gzip;q=0"], Some(Identity)),
            ("H-36 q=0.000", &["gzip;q=0.000, br;q=0.0, zstd;q=0."], Some(Identity)),
            ("H-36 nothing but identity", &["*;q=0, identity"], Some(Identity)),
            ("H-32 newsboat, feedparser", &["gzip, deflate"], Some(Gzip)),
            ("H-32 Miniflux", &["br,gzip"], Some(Brotli)),
            ("H-32 FreshRSS", &["deflate, gzip, br, zstd"], Some(Brotli)),
            ("H-32 curl --compressed", &["deflate, gzip, br, zstd"], Some(Brotli)),
            ("H-32 Firefox", &["gzip, deflate, br, zstd"], Some(Brotli)),
            ("H-32 deflate alone", &["deflate"], Some(Identity)),
            ("H-32 zstd before gzip", &["gzip, zstd"], Some(Zstd)),
            ("H-37 case", &["GZip"], Some(Gzip)),
            ("H-37 x-gzip", &["x-gzip"], Some(Gzip)),
            ("H-37 Q in upper case", &["br;Q=0.1, gzip"], Some(Gzip)),
            ("H-37 weights", &["br;q=0.5, gzip;q=0.8, zstd;q=0.799"], Some(Gzip)),
            ("H-37 three decimals", &["br;q=0.001, gzip;q=0.002"], Some(Gzip)),
            ("H-37 one is 1.000", &["gzip;q=1.000, br;q=0.999"], Some(Gzip)),
            ("H-37 identity preferred", &["identity, gzip;q=0.5"], Some(Identity)),
            ("H-37 identity equal", &["identity;q=0.5, gzip;q=0.5"], Some(Gzip)),
            ("H-37 identity listed with coding", &["identity, gzip"], Some(Gzip)),
            ("H-37 identity unlisted is last", &["gzip;q=0.001"], Some(Gzip)),
            ("H-37 star", &["*"], Some(Brotli)),
            ("H-37 star and one refused", &["br;q=0, *"], Some(Zstd)),
            ("H-37 star weighs the rest", &["gzip;q=0.9, *;q=0.5"], Some(Gzip)),
            ("H-37 star above the listed", &["br;q=0.1, zstd;q=0.1, *;q=0.5"], Some(Gzip)),
            ("H-37 star refuses the rest", &["gzip;q=0.1, *;q=0"], Some(Gzip)),
            ("H-37 split fields", &["deflate", "gzip;q=0.5", "zstd;q=0.4"], Some(Gzip)),
            ("H-37 blanks", &["\t gzip ;\tq=0.5 , , br ; q=0.4 ,"], Some(Gzip)),
            ("H-38 identity refused", &["identity;q=0"], None),
            ("H-38 everything refused", &["*;q=0"], None),
            ("H-38 identity refused, unknown offered", &["identity;q=0, compress"], None),
            ("H-38 identity refused, gzip not", &["identity;q=0, gzip"], Some(Gzip)),
            ("H-38 identity refused, star", &["identity;q=0, *"], Some(Brotli)),
            ("H-38 all listed refused", &["identity;q=0, gzip;q=0, br;q=0, zstd;q=0"], None),
            ("H-39 weight above one", &["gzip;q=2"], Some(Identity)),
            ("H-39 weight 1.001", &["gzip;q=1.001"], Some(Identity)),
            ("H-39 negative", &["gzip;q=-1"], Some(Identity)),
            ("H-39 words", &["gzip;q=high, br;q=0.1"], Some(Brotli)),
            ("H-39 four decimals", &["gzip;q=0.0001"], Some(Identity)),
            ("H-39 no weight", &["gzip;q="], Some(Identity)),
            ("H-39 no whole part", &["gzip;q=.5"], Some(Identity)),
            ("H-39 blank inside", &["gzip;q =0.5"], Some(Identity)),
            ("H-39 other parameter", &["gzip;level=9"], Some(Identity)),
            ("H-39 two parameters", &["gzip;q=1;level=9"], Some(Identity)),
            ("H-39 separators only", &[";,;;,,=;q=1"], Some(Identity)),
            ("H-39 no such coding", &["gzi, gzipp, b r"], Some(Identity)),
            ("H-36 a refusal stands", &["gzip;q=0, gzip", "x-gzip"], Some(Identity)),
            ("H-73 dictionaries are not ours", &["dcb, dcz"], Some(Identity)),
        ];
        for (rule, lines, expected) in table {
            assert_eq!(choose(lines.iter().map(|line| line.as_bytes()), true), *expected, "{rule}: {lines:?}");
        }
        assert!(table.len() >= 30);
    }

    #[test]
    fn small_documents_are_compressed_only_without_identity() {
        for (lines, expected) in [
            (&["br, gzip"][..], Some(Identity)),
            (&[], Some(Identity)),
            (&["gzip, identity;q=0.1"], Some(Identity)),
            (&["gzip, identity;q=0"], Some(Gzip)),
            (&["gzip, *;q=0"], Some(Gzip)),
            (&["identity;q=0"], None),
        ] {
            assert_eq!(choose(lines.iter().map(|line| line.as_bytes()), false), expected, "{lines:?}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_accept_encoding_never_fails(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4)) {
            choose(lines.iter().map(Vec::as_slice), true);
        }

        #[test]
        fn refused_coding_is_never_chosen(line in "((gzip|br|zstd|identity|\\*)(;q=(0|1|0\\.[0-9]{1,3}))?, ?){0,5}") {
            let chosen = choose(std::iter::once(line.as_bytes()), true);
            if let Some(name) = chosen.map(|coding| coding.name().unwrap_or("identity")) {
                let refused = line.split(',').any(|member| {
                    member.trim().strip_prefix(name).and_then(|rest| rest.strip_prefix(";q=")).is_some_and(|q| q.parse() == Ok(0.0))
                });
                prop_assert!(!refused, "{line}: {name}");
            }
        }
    }
}
