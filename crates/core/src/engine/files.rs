//! Applies the files and listings that the watcher reports.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::entry_cache::CachedEntry;
use super::parts::problems::Source;
use super::state::State;
use super::{
    agency_notices, dating, displacement, fetching, holding, indexing, item_versions, kept_stories, media_items, moves,
    section_pages, sources, stored_versions,
};
use crate::article::access::Access;
use crate::article::card::{Card, Packed};
use crate::article::{IgnoredKind, Parsed, bundle};
use crate::build::catalog::{Change, Read};
use crate::config::Paid;
use crate::diagnostics::{Code, Diagnostic};
use crate::event::{FileState, Listing, ParsedFile};
use crate::ledger::Record;
use crate::types::{ArticlePath, ContentHash, Moment, folder};

/// Applies files that the watcher has read.
pub(super) fn apply(state: &mut State, files: Vec<ParsedFile>) {
    kept_stories::make_room(state, &files);
    // Renames come first, because another file may be at the old path by now.
    let mut moved: BTreeMap<ArticlePath, Packed> = BTreeMap::new();
    for ParsedFile { path, state: read, renamed_from } in &files {
        if let (FileState::Present(_), Some(from)) = (read, renamed_from)
            && !bundle::is_section_page(path)
            && let Some(card) = moves::rename(state, from, path)
        {
            moved.insert(path.clone(), card);
        }
    }
    for ParsedFile { path, state: read, .. } in files {
        if bundle::is_section_page(&path) && path.source().is_some() {
            let is_there = !matches!(read, FileState::Absent { .. });
            note_ignored(state, &path, is_there.then_some(IgnoredKind::SectionPage));
            continue;
        }
        if bundle::is_section_page(&path) {
            section_pages::apply(&mut state.section_pages, &mut state.problems, path, read);
            continue;
        }
        let kind = match &read {
            FileState::Present(parsed) => parsed.ignored,
            _ => None,
        };
        note_ignored(state, &path, kind);
        media_items::note(state, &path, &read);
        if kind.is_some() && !state.catalog.contains(&path) && state.recorder.ledger.article(&path).is_none() {
            continue;
        }
        match read {
            FileState::Absent { doubtful } => {
                // A story that nobody has released goes with its file.
                state.held.remove(&path);
                if state.catalog.contains(&path) {
                    state.missing.note_vanished(path, doubtful);
                }
            }
            // Divided before.
            FileState::Items { .. } => {}
            FileState::Unreadable(diagnostic) => {
                state.catalog.add(&path);
                note_present(state, &path);
                let diagnostics = explain_refusal(state, &path, vec![diagnostic], true);
                state.problems.set(Source::Article(path), diagnostics);
            }
            FileState::Present(parsed) => {
                let last_good = moved.remove(&path);
                apply_parsed(state, path.clone(), parsed, last_good);
                fetching::retry(state, &path);
            }
            FileState::Known(card, warnings) => {
                fetching::retry(state, &path);
                note_present(state, &path);
                apply_known(state, path, card, warnings);
            }
        }
    }
}

/// Notes whether a file is no article, and reports its folder once for each kind of such files.
fn note_ignored(state: &mut State, path: &ArticlePath, kind: Option<IgnoredKind>) {
    for group in state.ignored.set(path, kind) {
        let (folder, kind) = &group;
        let place = state.config().map(|config| config.file_name(&ArticlePath::new(folder))).unwrap_or_default();
        let diagnostic = state.ignored.has(&group).then(|| kind.diagnostic(&place));
        state.problems.set(Source::Ignored(folder.clone(), *kind), diagnostic.into_iter().collect());
    }
}

/// Notes that a file exists. If the file was recorded as lost, it is recorded as found.
fn note_present(state: &mut State, path: &ArticlePath) {
    state.missing.note_present(path);
    if state.recorder.ledger.adopt(path).is_some_and(|facts| facts.is_lost()) {
        state.record(Record::Found { path: path.clone() });
    }
}

/// Applies a file of which only the metadata was read.
fn apply_known(state: &mut State, path: ArticlePath, card: Packed, warnings: Vec<Diagnostic>) {
    let is_behind = holding::waits_behind_public(state, &path, &card);
    let read = if is_behind { Read::Refused(card.access()) } else { Read::Good(&card) };
    if !is_behind {
        displacement::keep_story(state, &path, &card.open(&path));
    }
    let change = state.catalog.apply(&path, read);
    report_good(state, &path, &card, warnings.clone());
    apply_change(state, path.clone(), change, Some(&card).filter(|_| !is_behind), None);
    holding::note_read(state, &path, Some(&card), is_behind, warnings);
}

/// Reports the problems with a usable version of a file.
pub(super) fn report_good(state: &mut State, path: &ArticlePath, card: &Packed, diagnostics: Vec<Diagnostic>) {
    let diagnostics = dating::without_undated(state, path, diagnostics);
    let redacted = match diagnostics.is_empty() {
        true => diagnostics,
        false => redact_secrets(state, diagnostics, &Secrecy::of_card(state, path, &card.open(path))),
    };
    state.problems.set(Source::Article(path.clone()), redacted);
}

/// Applies a parsed file. `last_good` is its last good version under its former path.
fn apply_parsed(state: &mut State, path: ArticlePath, mut parsed: Parsed, last_good: Option<Packed>) {
    note_present(state, &path);
    agency_notices::note(state, &path, parsed.notice.as_deref());
    let stated_id = parsed.id.clone().or_else(|| {
        let index = state.index.as_ref()?;
        let stated = parsed.item.as_ref().map(|item| index.id_of_key(&item.key));
        // A file that can't be read completely is still about the item of its last good version.
        stated.or_else(|| index.version_id(&path).cloned())
    });
    let card = parsed.article.as_ref().map(|article| article.card.clone());
    let is_waiting = card.as_ref().is_some_and(|card| holding::is_waiting_version(state, &path, card));
    let is_behind = is_waiting && card.as_ref().is_some_and(|card| holding::waits_behind_public(state, &path, card));
    let read = match &parsed.article {
        Some(_) if is_behind => Read::Refused(parsed.access),
        Some(article) => Read::Good(&article.card),
        None if parsed.withhold || parsed.embargo.is_some_and(|embargo| embargo.timestamp() > state.now) => {
            Read::Withheld(stated_id.as_ref())
        }
        None => Read::Refused(parsed.access),
    };
    let corrections = parsed.article.as_ref().map_or(0, |article| article.metadata.corrections.len());
    let had_fewer = |old: &Packed| old.open(&path).corrections.len() < corrections;
    if corrections > 0 && !is_waiting && state.catalog.get(&path).is_some_and(had_fewer) {
        state.activities.note_corrected(&path);
    }
    if let Read::Good(card) = read {
        displacement::keep_story(state, &path, &card.open(&path));
    }
    let mut change = state.catalog.apply(&path, read);
    let in_full = std::mem::take(&mut parsed.diagnostics);
    let redacted = dating::without_undated(state, &path, in_full.clone());
    let redacted = redact_secrets(state, redacted, &Secrecy::of(state, &path, &parsed));
    let diagnostics = explain_refusal(state, &path, redacted, parsed.article.is_none());
    state.problems.set(Source::Article(path.clone()), diagnostics);
    // Under different parsing rules, the same bytes may have different metadata.
    let differs =
        |cached: &&mut CachedEntry| parsed.article.as_ref().is_some_and(|new| cached.metadata != new.metadata);
    if change == Change::Same
        && let Some(cached) = state.entries.cached.get_mut(&path).filter(differs)
    {
        cached.epoch = CachedEntry::STALE;
        change = Change::Good;
    }
    if let Some(article) = parsed.article.filter(|_| !is_waiting) {
        state.bodies.add_pending(&path, article, state.index.as_ref());
    }
    let withheld = (change == Change::Withheld).then_some(stated_id).flatten();
    apply_change(state, path.clone(), change, card.as_ref().filter(|_| !is_behind), last_good);
    holding::note_read(state, &path, card.as_ref(), is_behind, in_full);
    if let (Some(id), Some(index)) = (withheld, &mut state.index) {
        index.withhold(&path, &id);
    }
}

/// Updates the index after a change in the catalog.
pub(super) fn apply_change(
    state: &mut State,
    path: ArticlePath,
    change: Change,
    card: Option<&Packed>,
    last_good: Option<Packed>,
) {
    match (change, card.map(|card| card.open(&path))) {
        (Change::Good, Some(card))
            if state.listed && !holding::is_waiting(state, &path, &card) && moves::resolve_id(state, &path, &card) =>
        {
            indexing::put(state, &path, &card)
        }
        (Change::Good, Some(card)) if moves::may_have_moved(state, &path, card.hash) => {
            state.missing.note_possible_move(path, moves::deadline(state));
        }
        (Change::Good, Some(card)) => {
            indexing::put(state, &path, &card);
            agency_notices::note_article(state, &card);
            item_versions::note_retraction(state, &path);
            item_versions::note_older_version(state, &path);
        }
        (Change::Withheld, _) => {
            state.missing.forget_possible_move(&path);
            state.recorder.changed_articles.insert(path.clone());
            if let Some(index) = &mut state.index {
                index.remove(&path);
            }
        }
        (Change::Refused, _) => {
            if let Some(card) = last_good.filter(|card| state.catalog.restore(&path, card)) {
                indexing::put(state, &path, &card.open(&path));
            }
        }
        (Change::Same | Change::Good, _) => {}
    }
}

/// Redacts diagnostics that would reveal an article that isn't public. Those of drafts, embargoed and private articles keep
/// only their place and code.
fn redact_secrets(state: &State, diagnostics: Vec<Diagnostic>, secrecy: &Secrecy) -> Vec<Diagnostic> {
    let Secrecy { is_embargoed, embargo, is_draft, access, is_held } = secrecy;
    let is_over = embargo.is_some_and(|embargo| embargo.is_none_or(|embargo| embargo.timestamp() <= state.now));
    let is_public = (is_over || !is_embargoed) && !is_draft && !access.is_private() && !is_held;
    let is_teaser = access.is_paid() && state.config().is_none_or(|config| config.content.paid != Paid::Full);
    let redact = |diagnostic: Diagnostic| match is_public {
        // A quoted line may be for members only.
        true => diagnostic.redact_unless(!is_teaser),
        false => {
            // The help for damaged front matter is the same for every file and quotes nothing.
            let fix = diagnostic.help.clone().filter(|_| diagnostic.code == Code::FrontMatter);
            let fix = fix.map(|fix| fix + "; ").unwrap_or_default();
            diagnostic
                .redact_unless(false)
                .help(format!("{fix}the article is not public, so only `dateline explain` shows more"))
        }
    };
    diagnostics.into_iter().map(redact).collect()
}

/// Adds to the diagnostics of a refused file that readers still see the previous version.
fn explain_refusal(
    state: &State,
    path: &ArticlePath,
    mut diagnostics: Vec<Diagnostic>,
    is_refused: bool,
) -> Vec<Diagnostic> {
    if is_refused && state.is_public(path) && !state.catalog.is_withheld(path) {
        for diagnostic in &mut diagnostics {
            const PREVIOUS_STAYS: &str = "the previous version of this article stays published";
            diagnostic.help = Some(match diagnostic.help.take() {
                Some(help) => format!("{help}; {PREVIOUS_STAYS}"),
                None => PREVIOUS_STAYS.to_owned(),
            });
        }
    }
    diagnostics
}

/// Compares a listing of directories with the catalog.
pub(super) fn apply_listing(state: &mut State, listing: &Listing) {
    let listing = &*state.item_files.listed(listing);
    for path in state.ignored.absent(listing) {
        note_ignored(state, &path, None);
        state.media_items.remove(&path);
    }
    let (ignored, item_files, is_first) = (&state.ignored, &state.item_files, !state.listed);
    let adds = |path: &ArticlePath| is_first && !ignored.contains(path) && !item_files.contains(path);
    let missing = if listing.is_whole { state.catalog.missing(listing, adds) } else { Vec::new() };
    for path in missing {
        state.held.remove(&path);
        state.missing.note_vanished(path, listing.doubtful);
    }
    for folder in &listing.directories {
        state.problems.set(Source::Folder(folder.path.clone()), folder.unreadable.iter().cloned().collect());
    }
    for (link, diagnostic) in &listing.links {
        state.problems.set(Source::Folder(link.clone()), vec![diagnostic.clone()]);
    }
    let folders = listing.directories.iter().map(|folder| folder.path.as_str());
    let named: BTreeSet<&str> = folders.chain(listing.links.iter().map(|(link, _)| link.as_str())).collect();
    state.problems.keep_folders(&listing.scope, |folder| named.contains(folder));
    state.bodies.unavailable.clear();
    if listing.is_whole {
        state.dormancy.waiting.remove_absent(listing);
        section_pages::remove_absent(&mut state.section_pages, &mut state.problems, listing);
        stored_versions::check_unproven(state, listing);
    }
    if folder::is_top(&listing.scope) {
        let source = folder::source(&listing.scope).map(str::to_owned);
        state.problems.set(Source::Watch(source), listing.limited.iter().cloned().collect());
        sources::add_listing(state, listing);
    }
}

/// The properties of an article that decide whether its diagnostics may quote it.
struct Secrecy {
    /// Whether the file sets an embargo.
    is_embargoed: bool,
    /// When the embargo ends. The outer `None` means unknown.
    embargo: Option<Option<Moment>>,
    is_draft: bool,
    access: Access,
    /// Whether the file's source holds stories back, and nobody has released this version.
    is_held: bool,
}

impl Secrecy {
    fn of(state: &State, path: &ArticlePath, parsed: &Parsed) -> Secrecy {
        let metadata = parsed.article.as_ref().map(|article| &article.metadata);
        Secrecy {
            is_embargoed: parsed.embargoed,
            embargo: metadata.map(|metadata| metadata.embargo),
            is_draft: metadata.is_some_and(|metadata| metadata.draft),
            access: parsed.access,
            is_held: Secrecy::is_held(state, path, metadata.map(|metadata| metadata.hash)),
        }
    }

    /// The properties of an article whose metadata was kept from an earlier run.
    fn of_card(state: &State, path: &ArticlePath, card: &Card) -> Secrecy {
        let is_held = Secrecy::is_held(state, path, Some(card.hash));
        let (embargo, is_draft, access) = (Some(card.embargo), card.draft, card.access);
        Secrecy { is_embargoed: false, embargo, is_draft, access, is_held }
    }

    /// Whether a file's source holds stories back, and nobody has released this version. `None`: it can't be used.
    fn is_held(state: &State, path: &ArticlePath, version: Option<ContentHash>) -> bool {
        let facts = state.recorder.ledger.article(path);
        let is_released = facts.zip(version).is_some_and(|(facts, version)| facts.is_released(version));
        state.config().is_some_and(|config| holding::is_held_source(config, path)) && !is_released
    }
}
