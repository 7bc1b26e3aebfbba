//! Moves articles that are gone for good out of memory, and finds them again when they come back.
//!
//! The store has the facts about a dormant article, and memory has fingerprints. A file that may be a dormant article waits until the
//! store has answered, so that it gets its old id, dates and retraction. What readers see never waits: its articles aren't dormant, and a
//! file that withholds something is applied at once. `sweep` selects the articles that become dormant.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::parts::dormancy::{Asked, Dormancy};
use super::parts::problems::Source;
use super::parts::waiting_files::{WaitingFile, card_of, without_text};
use super::state::State;
use super::{commands, files, moves, withholding};
use crate::article::{Parsed, bundle};
use crate::build::assemble;
use crate::build::catalog::Change;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{Command, DormantQuery, Effect, FileState, ParsedFile, Ticket};
use crate::ledger::dormant::{of_id, of_path, of_version};
use crate::ledger::{ArticleFacts, Record};
use crate::snapshot::GoneArticle;
use crate::types::{ArticlePath, EntryId};

/// How many files the store is asked for at a time, so that it answers in time however many come back.
const MAX_QUERY_FILES: usize = 1_000;

/// The ticket of a command, and what was done or why nothing was.
type CommandAnswer = (Ticket, Result<String, String>);

/// Keeps the files that may be dormant articles, and returns the others.
pub(super) fn hold(state: &mut State, files: Vec<ParsedFile>) -> Vec<ParsedFile> {
    if state.recorder.ledger.dormant().is_empty() && !state.dormancy.has_pending() {
        return files;
    }
    let (is_early, mut ready) = (!state.listed, Vec::with_capacity(files.len()));
    for file in files {
        let query = query_for(state, &file);
        let is_from_pending = !state.recorder.ledger.article(&file.path).is_some_and(ArticleFacts::is_known)
            && file.renamed_from.as_ref().is_some_and(|from| state.dormancy.concerns(from));
        let is_pending = is_from_pending || state.dormancy.concerns(&file.path);
        if bundle::is_section_page(&file.path) || (query.is_empty() && !is_pending) {
            ready.push(file);
        } else if matches!(file.state, FileState::Absent { .. }) || withholds(state, &file) {
            state.dormancy.forget_file(&file.path);
            if !query.is_empty() {
                state.dormancy.applied.insert(file.path.clone());
            }
            ready.push(file);
        } else if query.is_empty() && !is_from_pending && !state.dormancy.waiting.contains(&file.path) {
            state.dormancy.applied.remove(&file.path);
            ready.push(file);
        } else {
            state.dormancy.waiting.push(WaitingFile { file: without_text(file), is_early });
        }
    }
    ready
}

/// Whether a file takes an article from readers, or shows them nothing.
fn withholds(state: &State, file: &ParsedFile) -> bool {
    if let FileState::Present(Parsed { article: None, withhold, embargo, access, .. }) = &file.state {
        return *withhold || access.is_private() || embargo.is_some_and(|embargo| embargo.timestamp() > state.now);
    }
    let rules = state.index.as_ref().map(|index| &**index.rules());
    card_of(file).is_some_and(|card| withholding::hides(rules, &file.path, &card, state.now))
}

/// The dormant articles that a file may be.
fn query_for(state: &State, file: &ParsedFile) -> DormantQuery {
    let mut query = DormantQuery::default();
    let dormant = state.recorder.ledger.dormant();
    if dormant.is_empty() {
        return query;
    }
    // An article that lost its id may be a dormant one with another spelling of its path.
    let is_unknown = |known: &ArticleFacts| known.id.is_none() && known.seen().is_none();
    let ask_path = |query: &mut DormantQuery, path: &ArticlePath| {
        if state.recorder.ledger.article(path).is_none_or(is_unknown) {
            query.paths.extend(Some(of_path(path)).filter(|path| dormant.has_path(*path)));
        }
    };
    let known = state.recorder.ledger.article(&file.path);
    // A file that is renamed to the path of a published article is an edit of that article.
    if known.is_some_and(ArticleFacts::is_known) {
        return query;
    }
    file.renamed_from.iter().for_each(|from| ask_path(&mut query, from));
    let Some(card) = card_of(file) else { return query };
    let stated = card.id.clone().or_else(|| state.index.as_ref()?.item_id(&card, None));
    query.ids.extend(stated.as_ref().map(of_id).filter(|id| dormant.has_id(*id)));
    // An article that readers know by its path is no other, but keeps the id that it states from others.
    if known.is_some_and(|known| known.id.is_some()) {
        return query;
    }
    // A file that waits may be the article with the default id, which comes first.
    let index = state.index.as_ref().filter(|_| !state.dormancy.waiting.is_empty());
    let default_id = index.and_then(|index| index.default_id(&file.path, &card));
    query.ids.extend(default_id.as_ref().map(of_id).filter(|id| dormant.has_id(*id)));
    if known.is_none_or(|known| known.seen().is_none()) {
        query.versions.extend(Some(of_version(card.hash)).filter(|version| dormant.has_version(*version)));
    }
    ask_path(&mut query, &file.path);
    query
}

fn query_for_applied(state: &State, path: &ArticlePath) -> DormantQuery {
    let Some(card) = state.catalog.get(path).cloned() else { return DormantQuery::default() };
    let file = ParsedFile { path: path.clone(), state: FileState::Known(card, Vec::new()), renamed_from: None };
    query_for(state, &file)
}

/// The dormant articles that a command may be about.
fn query_for_command(state: &State, command: &Command) -> DormantQuery {
    let mut query = DormantQuery::default();
    let dormant = state.recorder.ledger.dormant();
    for article in articles_of(command) {
        let path = commands::written_path(state, article);
        waiting_for(state, article).for_each(|(_, waiting)| query.extend(query_for(state, &waiting.file)));
        if state.recorder.ledger.article(&path).is_some() {
            continue;
        }
        query.paths.extend(Some(of_path(&path)).filter(|path| dormant.has_path(*path)));
        let id = id_not_in_memory(state, article).map(|id| of_id(&id));
        query.ids.extend(id.filter(|id| dormant.has_id(*id)));
    }
    query
}

/// An id that no article in memory has.
fn id_not_in_memory(state: &State, article: &str) -> Option<EntryId> {
    let is_public = |id: &EntryId| state.index.as_ref().is_some_and(|index| index.public_article(id).is_some());
    EntryId::parse(article).ok().filter(|id| state.recorder.ledger.holder(id).is_none() && !is_public(id))
}

/// The waiting files that a command may be about: those with this path, or those that would get this id.
fn waiting_for<'e>(state: &'e State, article: &str) -> impl Iterator<Item = (u64, &'e WaitingFile)> + use<'e> {
    let waiting = &state.dormancy.waiting;
    let id = id_not_in_memory(state, article).filter(|_| !waiting.is_empty());
    let has_id = move |waiting: &WaitingFile| {
        let (Some(id), Some(card)) = (&id, card_of(&waiting.file)) else { return false };
        let default_id = || state.index.as_ref()?.default_id(&waiting.file.path, &card);
        card.id.clone().or_else(default_id).as_ref() == Some(id)
    };
    let all = waiting.files.iter().map(|(number, waiting)| (*number, waiting));
    waiting.of(&commands::written_path(state, article)).chain(all.filter(move |(_, waiting)| has_id(waiting)))
}

/// Keeps a command that may be about a dormant article until the store has answered. Returns whether it did.
pub(super) fn hold_command(state: &mut State, command: &Command, ticket: Ticket) -> bool {
    let has_to_wait = !query_for_command(state, command).is_empty();
    if has_to_wait {
        state.dormancy.commands.push((command.clone(), ticket));
    }
    has_to_wait
}

/// Asks the store for dormant articles that may be back. Asks for nothing where all that waits turned out to be new.
pub(super) fn query_store(state: &mut State, effects: &mut Vec<Effect>) {
    let is_early = state.dormancy.retry.is_some_and(|(at, _)| at > state.now);
    if state.dormancy.asked.is_some() || is_early || !state.dormancy.has_pending() {
        return;
    }
    let Dormancy { waiting, applied, commands, .. } = &state.dormancy;
    let articles = commands.iter().flat_map(|(command, _)| articles_of(command));
    let commanded = articles.flat_map(|article| waiting_for(state, article).map(|(number, _)| number));
    let files: BTreeSet<u64> = waiting.files.keys().copied().take(MAX_QUERY_FILES).chain(commanded).collect();
    let applied: Vec<ArticlePath> = applied.iter().take(MAX_QUERY_FILES).cloned().collect();
    let mut query = DormantQuery::default();
    let asked_files = files.iter().filter_map(|number| waiting.files.get(number));
    asked_files.for_each(|waiting| query.extend(query_for(state, &waiting.file)));
    applied.iter().for_each(|path| query.extend(query_for_applied(state, path)));
    commands.iter().for_each(|(command, _)| query.extend(query_for_command(state, command)));
    effects.push(Effect::FindDormant(query.clone()));
    state.dormancy.asked = Some(Asked { query, files, applied });
}

/// Takes the store's answer, and releases what waited for it. Returns the answers to commands.
pub(super) fn receive(
    state: &mut State,
    query: &DormantQuery,
    found: Result<Vec<(ArticlePath, ArticleFacts)>, String>,
    effects: &mut Vec<Effect>,
) -> Vec<CommandAnswer> {
    let is_expected = state.dormancy.is_asking();
    // A late answer may be to an earlier query.
    let asked = state.dormancy.asked.take_if(|asked| asked.query == *query);
    let mut answers = Vec::new();
    let failure = match found {
        Ok(found) => {
            let reactivated = reactivate(state, found);
            if is_expected {
                // The store and its log have nothing more of these.
                let DormantQuery { paths, ids, versions } = query;
                state.recorder.ledger.forget_dormant(paths, ids, versions);
            }
            state.dormancy.retry = None;
            // A retraction comes before the files: one of them may take over the id of the retracted article.
            answers.extend(execute_commands_in_memory(state, effects));
            release_files(state, asked.unwrap_or_default(), reactivated);
            None
        }
        Err(_) if asked.is_none() => return Vec::new(),
        Err(why) => {
            state.dormancy.plan_retry(state.now);
            Some(why)
        }
    };
    answers.extend(execute_commands(state, effects));
    if failure.is_some() {
        answers.extend(refuse_commands(state));
    }
    report_unread(state, failure);
    answers
}

/// Takes the facts about dormant articles into memory. Returns their paths.
fn reactivate(state: &mut State, found: Vec<(ArticlePath, ArticleFacts)>) -> Vec<ArticlePath> {
    let mut reactivated = Vec::new();
    for (path, article) in found {
        // Two queries may have named the article.
        if state.recorder.ledger.article(&path).is_none() && state.recorder.ledger.dormant().has_path(of_path(&path)) {
            show_gone(state, &article);
            state.record(Record::Reactivated { path: path.clone(), article: Box::new(article) });
            state.recorder.changed_articles.insert(path.clone());
            state.dormancy.reactivated.insert(path.clone());
            reactivated.push(path);
        }
    }
    reactivated
}

/// Keeps the page that says that an article is gone, until something else is published there.
fn show_gone(state: &mut State, article: &ArticleFacts) {
    // Files that came before the first complete listing are compared with it first. They have the lowest numbers.
    let first = state.dormancy.waiting.files.values().next();
    let is_early = state.publisher.snapshot.generation == 0 || first.is_some_and(|waiting| waiting.is_early);
    let Some((id, known)) = article.id.as_ref().zip(article.retraction()).filter(|_| !is_early) else { return };
    if state.publisher.snapshot.retired.has(of_id(id)) {
        let gone = GoneArticle { retracted: Some(known.at), reason: known.reason.clone() };
        state.publisher.snapshot.gone.insert(assemble::short_id(id).into(), Arc::new(gone));
    }
}

/// Releases files that may be no other dormant articles.
fn release_files(state: &mut State, asked: Asked, reactivated: Vec<ArticlePath>) {
    let (mut ready, mut is_early) = (Vec::new(), false);
    for number in asked.files {
        let waiting = state.dormancy.waiting.files.get(&number);
        if waiting.is_some_and(|waiting| query_for(state, &waiting.file).is_empty())
            && let Some(waiting) = state.dormancy.waiting.take(number)
        {
            is_early |= waiting.is_early;
            ready.push(waiting.file);
        }
    }
    files::apply(state, ready);
    // The first complete listing would have been compared with these.
    if is_early && state.listed {
        moves::resolve_respelled(state, reactivated);
    }
    for path in asked.applied {
        if !query_for_applied(state, &path).is_empty() || !state.dormancy.applied.remove(&path) {
            continue;
        }
        if let Some(card) = state.catalog.get(&path).cloned() {
            files::apply_change(state, path, Change::Good, Some(&card), None);
        }
    }
}

/// Executes the commands about articles in memory that wait for no dormant article any more.
fn execute_commands_in_memory(state: &mut State, effects: &mut Vec<Effect>) -> Vec<CommandAnswer> {
    let is_in_memory = |state: &State, article: &str| {
        let ledger = &state.recorder.ledger;
        ledger.article(&commands::written_path(state, article)).is_some()
            || EntryId::parse(article).is_ok_and(|id| ledger.holder(&id).is_some())
    };
    let is_due = |state: &State, command: &Command| {
        let mut articles = articles_of(command).iter();
        articles.len() > 0 && articles.all(|article| is_in_memory(state, article))
    };
    execute_commands_if(state, is_due, effects)
}

/// Executes the commands that wait for no dormant article any more.
fn execute_commands(state: &mut State, effects: &mut Vec<Effect>) -> Vec<CommandAnswer> {
    execute_commands_if(state, |_, _| true, effects)
}

fn execute_commands_if(
    state: &mut State,
    is_due: impl Fn(&State, &Command) -> bool,
    effects: &mut Vec<Effect>,
) -> Vec<CommandAnswer> {
    let mut answers = Vec::new();
    for (command, ticket) in std::mem::take(&mut state.dormancy.commands) {
        if is_due(state, &command) && query_for_command(state, &command).is_empty() {
            state.activities.set_command(Some(&command));
            answers.push((ticket, commands::execute(state, command, effects)));
        } else {
            state.dormancy.commands.push((command, ticket));
        }
    }
    answers
}

/// Refuses the commands that wait for the store, which can't be read.
fn refuse_commands(state: &mut State) -> Vec<CommandAnswer> {
    let why = "the ledger cannot be read at the moment; nothing was done, so try again";
    let refused = std::mem::take(&mut state.dormancy.commands);
    refused.into_iter().map(|(_, ticket)| (ticket, Err(why.to_owned()))).collect()
}

fn report_unread(state: &mut State, failure: Option<String>) {
    let Dormancy { waiting, applied, .. } = &state.dormancy;
    let place = waiting.files.values().next().map(|waiting| &waiting.file.path).or(applied.first());
    let place = place.zip(state.config()).map(|(path, config)| config.file_name(path));
    let problem = failure.zip(place).map(|(why, file)| {
        let message = format!("the ledger has facts about this article, whose file was gone, and cannot be read: {why}");
        let help = "the article is published as soon as its id is known; dateline tries again. If that does not help, put a copy of \
                    the ledger in place (`dateline backup --restore FILE`)";
        Diagnostic::new(Code::StateUnreadable, message).at(Place::file(&file)).help(help)
    });
    state.problems.set(Source::Dormant, problem.into_iter().collect());
}

/// The articles that a command is about: paths or ids.
fn articles_of(command: &Command) -> &[String] {
    match command {
        Command::Retract { article, .. } | Command::Restore { article } => std::slice::from_ref(article),
        Command::Release { articles } => articles,
        Command::AcceptRemovals | Command::Reload { .. } => &[],
    }
}
