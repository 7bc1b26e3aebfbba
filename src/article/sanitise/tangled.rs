//! A bound on what parsing costs.

use super::lists::VOID;

/// Whether parsing this markup as a browser does could cost far more than its length: every start tag may look at all open
/// elements and reopen all open formatting. The sum of depths bounds both. No page that people read comes near the limits.
pub(crate) fn too_tangled(html: &str) -> bool {
    const DEEPEST: usize = 400;
    const COST_LIMIT: usize = 3_000_000;
    // Their end tags may be left out, and they do not nest without something between them that counts.
    const SELF_CLOSING: &[&str] =
        &["p", "li", "dt", "dd", "tr", "td", "th", "tbody", "thead", "tfoot", "option", "rt", "rp"];
    let mut open: Vec<&str> = Vec::new();
    let mut cost = 0_usize;
    for chunk in html.split('<').skip(1) {
        let (closing, rest) = chunk.strip_prefix('/').map_or((false, chunk), |rest| (true, rest));
        let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = rest.get(..name_end).unwrap_or_default();
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        cost += 1 + open.len();
        if cost > COST_LIMIT {
            return true;
        }
        let is = |known: &&str| known.eq_ignore_ascii_case(name);
        if VOID.iter().any(is) || SELF_CLOSING.iter().any(is) {
            continue;
        }
        if closing {
            if let Some(at) = open.iter().rposition(|opened| opened.eq_ignore_ascii_case(name)) {
                open.truncate(at);
            }
        } else {
            open.push(name);
            if open.len() > DEEPEST {
                return true;
            }
        }
    }
    false
}
