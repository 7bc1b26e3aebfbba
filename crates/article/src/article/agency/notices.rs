//! Recognises notices: items that withdraw or correct another item, or only tell editors something.
//!
//! A signal or genre says what an item is, a reference says which other item it is about. Without a reference, the item is a new version of
//! its own story.

use super::item::{Field, Item, Reference};
use crate::article::keys::normalised;
use crate::article::lifecycle::parse_status;
use crate::article::meaning::Status;
use crate::article::model::{AgencyNotice, NoticeAction};
use crate::types::Text;

/// Words for a withdrawal, normalised.
const KILLS: &[&str] = &[
    "kill",
    "killed",
    "killnotice",
    "mandatorykill",
    "withdrawal",
    "withdrawn",
    "withdraws",
    "retraction",
    "retracted",
    "retracts",
    "takedown",
    "kills",
];
/// Words for a correction, normalised.
const CORRECTIONS: &[&str] = &[
    "correction",
    "corrections",
    "corrected",
    "corrective",
    "corrects",
    "correctionnotice",
    "correctionin",
    "iscorrectionof",
    "correctionof",
];
/// Words for advice to editors, normalised.
const ADVICE: &[&str] = &["advisory", "advisories", "editorsadvisory", "editorialadvisory", "newsadvisory"];
/// Relations that only say that two items belong together. A signal says how.
const NEUTRAL: &[&str] =
    &["managementdocidref", "docidref", "previousversion", "replaces", "evolvedfrom", "isrevisionof"];

/// Whether a signal, a genre or a relation has one of these names. In a code such as `sig:correction`, the last part counts.
fn is_one_of(words: &[&str], name: &str) -> bool {
    let last = name.trim().rsplit([':', '/', '#']).next().unwrap_or_default();
    words.contains(&&*normalised(last))
}

/// Whether a signal or genre marks a correction.
pub(super) fn is_correction(signal: &str) -> bool {
    is_one_of(CORRECTIONS, signal)
}

/// Returns whether the item withdraws itself, and the notice with its place if the item is about another one.
pub(super) fn of(item: &Item) -> (bool, Option<(AgencyNotice, Field)>) {
    let signal = |words: &[&str]| item.signals.iter().find(|signal| is_one_of(words, &signal.text));
    let (kill, correction, advice) = (signal(KILLS), signal(CORRECTIONS), signal(ADVICE));
    // A status for other items withdraws them unless it says that they're usable.
    let withdraws =
        item.reference_status.as_ref().is_some_and(|status| parse_status(&status.text) != Some(Status::Published));
    let is_own =
        |reference: &Reference| item.id.as_ref().is_some_and(|own| own.text.trim() == reference.id.text.trim());
    let related = |reference: &Reference, words: &[&str]| {
        reference.relation.as_ref().is_some_and(|relation| is_one_of(words, &relation.text))
    };
    let is_neutral = |reference: &Reference| reference.relation.is_none() || related(reference, NEUTRAL);
    let find = |words: &[&str], has_signal: bool| {
        let others = || item.references.iter().filter(|reference| !is_own(reference));
        let stated = others().find(|reference| related(reference, words));
        let neutral = stated.or_else(|| others().find(|reference| has_signal && is_neutral(reference)));
        // All versions of a story have its dynamic use key. A kill without another reference is about them.
        let is_story = |reference: &&Reference| has_signal && words == KILLS && related(reference, &["dukey"]);
        neutral.or_else(|| others().find(is_story))
    };
    let notice = |action: NoticeAction, reference: &Reference| {
        let name = Text::line(&reference.id.text);
        // The dynamic use key is the slugline of all versions.
        let (keys, slugs) = match related(reference, &["dukey"]) {
            true => (Vec::new(), vec![name]),
            false => (vec![name], Vec::new()),
        };
        (AgencyNotice { action, keys, slugs, time: None }, reference.id.clone())
    };
    if let Some(reference) = find(KILLS, kill.is_some() || withdraws) {
        return (false, Some(notice(NoticeAction::Kill, reference)));
    }
    if let Some(reference) = find(CORRECTIONS, correction.is_some()) {
        return (false, Some(notice(NoticeAction::Correct, reference)));
    }
    if let Some(advice) = advice {
        let notice = AgencyNotice { action: NoticeAction::Advise, keys: Vec::new(), slugs: Vec::new(), time: None };
        return (false, Some((notice, advice.clone())));
    }
    let kills_itself = kill.is_some() || item.references.iter().any(|found| is_own(found) && related(found, KILLS));
    (kills_itself, None)
}
