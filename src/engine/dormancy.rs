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
use super::state::Engine;
use crate::article::card::Card;
use crate::article::{Parsed, bundle};
use crate::build::assemble;
use crate::build::catalog::Change;
use crate::build::placement::SectionRules;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{Command, DormantQuery, Effect, FileState, ParsedFile, Ticket};
use crate::ledger::dormant::{of_id, of_path, of_version};
use crate::ledger::{Record, Remembered};
use crate::snapshot::GoneArticle;
use crate::types::{ArticlePath, EntryId, Moment};

impl Engine {
    /// How many files the store is asked for at a time, so that it answers in time however many come back.
    const MAX_QUERY_FILES: usize = 1_000;

    /// Keeps the files that may be dormant articles, and returns the others.
    pub(super) fn hold_dormant(&mut self, files: Vec<ParsedFile>) -> Vec<ParsedFile> {
        if self.recorder.ledger.dormant().is_empty() && !self.dormancy.has_pending() {
            return files;
        }
        let (is_early, mut ready) = (!self.listed, Vec::with_capacity(files.len()));
        for file in files {
            let query = self.query_for(&file);
            let is_from_pending = !self.recorder.ledger.article(&file.path).is_some_and(Remembered::is_known)
                && file.renamed_from.as_ref().is_some_and(|from| self.dormancy.concerns(from));
            let is_pending = is_from_pending || self.dormancy.concerns(&file.path);
            if bundle::is_section_page(&file.path) || (query.is_empty() && !is_pending) {
                ready.push(file);
            } else if matches!(file.state, FileState::Absent { .. }) || self.withholds(&file) {
                self.dormancy.forget_file(&file.path);
                if !query.is_empty() {
                    self.dormancy.applied.insert(file.path.clone());
                }
                ready.push(file);
            } else if query.is_empty() && !is_from_pending && !self.dormancy.waiting.contains(&file.path) {
                self.dormancy.applied.remove(&file.path);
                ready.push(file);
            } else {
                self.dormancy.waiting.push(WaitingFile { file: without_text(file), is_early });
            }
        }
        ready
    }

    /// Whether a file takes an article from readers, or shows them nothing.
    fn withholds(&self, file: &ParsedFile) -> bool {
        if let FileState::Present(Parsed { article: None, withhold, embargo, access, .. }) = &file.state {
            return *withhold || access.is_private() || embargo.is_some_and(|embargo| embargo.timestamp() > self.now);
        }
        let rules = self.index.as_ref().map(|index| &**index.rules());
        card_of(file).is_some_and(|card| self.is_withheld_by(rules, &card))
    }

    fn is_withheld_by(&self, rules: Option<&SectionRules>, card: &Card) -> bool {
        let is_to_come = |date: Option<Moment>| date.is_some_and(|date| date.timestamp() > self.now);
        card.draft
            || card.access.is_private()
            || card.retracted.is_some()
            || is_to_come(card.embargo)
            || is_to_come(card.published)
            || card.expires.is_some_and(|expires| expires.timestamp() <= self.now)
            || rules.is_some_and(|rules| rules.restricts(card))
    }

    /// Whether an article has become public by time or configuration before the store has answered. It waits like a new file.
    pub(super) fn awaits_store(&self, rules: &SectionRules, path: &ArticlePath) -> bool {
        let card = self.catalog.get(path).filter(|_| self.dormancy.is_applied(path));
        card.is_some_and(|card| !self.is_withheld_by(Some(rules), &card.open(path)))
    }

    /// The dormant articles that a file may be.
    fn query_for(&self, file: &ParsedFile) -> DormantQuery {
        let mut query = DormantQuery::default();
        let dormant = self.recorder.ledger.dormant();
        if dormant.is_empty() {
            return query;
        }
        // An article that lost its id may be a dormant one with another spelling of its path.
        let is_unknown = |known: &Remembered| known.id.is_none() && known.seen().is_none();
        let ask_path = |query: &mut DormantQuery, path: &ArticlePath| {
            if self.recorder.ledger.article(path).is_none_or(is_unknown) {
                query.paths.extend(Some(of_path(path)).filter(|path| dormant.has_path(*path)));
            }
        };
        let known = self.recorder.ledger.article(&file.path);
        // A file that is renamed to the path of a published article is an edit of that article.
        if known.is_some_and(Remembered::is_known) {
            return query;
        }
        file.renamed_from.iter().for_each(|from| ask_path(&mut query, from));
        let Some(card) = card_of(file) else { return query };
        query.ids.extend(card.id.as_ref().map(of_id).filter(|id| dormant.has_id(*id)));
        // An article that readers know by its path is no other, but keeps the id that it states from others.
        if known.is_some_and(|known| known.id.is_some()) {
            return query;
        }
        // A file that waits may be the article with the default id, which comes first.
        let index = self.index.as_ref().filter(|_| !self.dormancy.waiting.is_empty());
        let default_id = index.and_then(|index| index.default_id(&file.path, &card));
        query.ids.extend(default_id.as_ref().map(of_id).filter(|id| dormant.has_id(*id)));
        if known.is_none_or(|known| known.seen().is_none()) {
            query.versions.extend(Some(of_version(card.hash)).filter(|version| dormant.has_version(*version)));
        }
        ask_path(&mut query, &file.path);
        query
    }

    fn query_for_applied(&self, path: &ArticlePath) -> DormantQuery {
        let Some(card) = self.catalog.get(path).cloned() else { return DormantQuery::default() };
        let file = ParsedFile { path: path.clone(), state: FileState::Known(card, Vec::new()), renamed_from: None };
        self.query_for(&file)
    }

    /// The dormant articles that a command may be about.
    fn query_for_command(&self, command: &Command) -> DormantQuery {
        let mut query = DormantQuery::default();
        let Some(article) = article_of(command) else { return query };
        let (path, dormant) = (ArticlePath::new(article), self.recorder.ledger.dormant());
        self.waiting_for(article).for_each(|(_, waiting)| query.extend(self.query_for(&waiting.file)));
        if self.recorder.ledger.article(&path).is_some() {
            return query;
        }
        query.paths.extend(Some(of_path(&path)).filter(|path| dormant.has_path(*path)));
        let id = self.id_not_in_memory(article).map(|id| of_id(&id));
        query.ids.extend(id.filter(|id| dormant.has_id(*id)));
        query
    }

    /// An id that no article in memory has.
    fn id_not_in_memory(&self, article: &str) -> Option<EntryId> {
        let is_public = |id: &EntryId| self.index.as_ref().is_some_and(|index| index.public_article(id).is_some());
        EntryId::parse(article).ok().filter(|id| self.recorder.ledger.holder(id).is_none() && !is_public(id))
    }

    /// The waiting files that a command may be about: those with this path, or those that would get this id.
    fn waiting_for<'e>(&'e self, article: &str) -> impl Iterator<Item = (u64, &'e WaitingFile)> + use<'e> {
        let waiting = &self.dormancy.waiting;
        let id = self.id_not_in_memory(article).filter(|_| !waiting.is_empty());
        let has_id = move |waiting: &WaitingFile| {
            let (Some(id), Some(card)) = (&id, card_of(&waiting.file)) else { return false };
            let default_id = || self.index.as_ref()?.default_id(&waiting.file.path, &card);
            card.id.clone().or_else(default_id).as_ref() == Some(id)
        };
        let all = waiting.files.iter().map(|(number, waiting)| (*number, waiting));
        waiting.of(&ArticlePath::new(article)).chain(all.filter(move |(_, waiting)| has_id(waiting)))
    }

    /// Keeps a command that may be about a dormant article until the store has answered. Returns whether it did.
    pub(super) fn holds_command(&mut self, command: &Command, ticket: Ticket) -> bool {
        let has_to_wait = !self.query_for_command(command).is_empty();
        if has_to_wait {
            self.dormancy.commands.push((command.clone(), ticket));
        }
        has_to_wait
    }

    /// Asks the store for dormant articles that may be back. Asks for nothing where all that waits turned out to be new.
    pub(super) fn ask_for_dormant(&mut self, effects: &mut Vec<Effect>) {
        let is_early = self.dormancy.retry.is_some_and(|(at, _)| at > self.now);
        if self.dormancy.asked.is_some() || is_early || !self.dormancy.has_pending() {
            return;
        }
        let Dormancy { waiting, applied, commands, .. } = &self.dormancy;
        let articles = commands.iter().filter_map(|(command, _)| article_of(command));
        let commanded = articles.flat_map(|article| self.waiting_for(article).map(|(number, _)| number));
        let files: BTreeSet<u64> =
            waiting.files.keys().copied().take(Engine::MAX_QUERY_FILES).chain(commanded).collect();
        let applied: Vec<ArticlePath> = applied.iter().take(Engine::MAX_QUERY_FILES).cloned().collect();
        let mut query = DormantQuery::default();
        let asked_files = files.iter().filter_map(|number| waiting.files.get(number));
        asked_files.for_each(|waiting| query.extend(self.query_for(&waiting.file)));
        applied.iter().for_each(|path| query.extend(self.query_for_applied(path)));
        commands.iter().for_each(|(command, _)| query.extend(self.query_for_command(command)));
        effects.push(Effect::FindDormant(query.clone()));
        self.dormancy.asked = Some(Asked { query, files, applied });
    }

    /// Takes the store's answer, and releases what waited for it. Returns the answers to commands.
    pub(super) fn receive_dormant(
        &mut self,
        query: &DormantQuery,
        found: Result<Vec<(ArticlePath, Remembered)>, String>,
        effects: &mut Vec<Effect>,
    ) -> Vec<(Ticket, Result<String, String>)> {
        let is_expected = self.dormancy.is_asking();
        // A late answer may be to an earlier query.
        let asked = self.dormancy.asked.take_if(|asked| asked.query == *query);
        let mut answers = Vec::new();
        let failure = match found {
            Ok(found) => {
                let woken = self.wake(found);
                if is_expected {
                    // The store and its log have nothing more of these.
                    let DormantQuery { paths, ids, versions } = query;
                    self.recorder.ledger.forget_dormant(paths, ids, versions);
                }
                self.dormancy.retry = None;
                // A retraction comes before the files: one of them may take over the id of the retracted article.
                answers.extend(self.execute_released_commands(true, effects));
                self.release_files(asked.unwrap_or_default(), woken);
                None
            }
            Err(_) if asked.is_none() => return Vec::new(),
            Err(why) => {
                self.dormancy.plan_retry(self.now);
                Some(why)
            }
        };
        answers.extend(self.execute_released_commands(false, effects));
        answers.extend(self.refuse_commands(failure.is_some()));
        self.report_unread(failure);
        answers
    }

    /// Takes the facts about dormant articles into memory. Returns their paths.
    fn wake(&mut self, found: Vec<(ArticlePath, Remembered)>) -> Vec<ArticlePath> {
        let mut woken = Vec::new();
        for (path, article) in found {
            // Two queries may have named the article.
            if self.recorder.ledger.article(&path).is_none() && self.recorder.ledger.dormant().has_path(of_path(&path))
            {
                self.show_gone(&article);
                self.record(Record::Woken { path: path.clone(), article: Box::new(article) });
                self.recorder.changed_articles.insert(path.clone());
                self.dormancy.woken.insert(path.clone());
                woken.push(path);
            }
        }
        woken
    }

    /// Keeps the page that says that an article is gone, until something else is published there.
    fn show_gone(&mut self, article: &Remembered) {
        // Files that came before the first complete listing are compared with it first. They have the lowest numbers.
        let first = self.dormancy.waiting.files.values().next();
        let is_early = self.publisher.snapshot.generation == 0 || first.is_some_and(|waiting| waiting.is_early);
        let Some((id, known)) = article.id.as_ref().zip(article.retraction()).filter(|_| !is_early) else { return };
        if self.publisher.snapshot.retired.has(of_id(id)) {
            let gone = GoneArticle { retracted: Some(known.at), reason: known.reason.clone() };
            self.publisher.snapshot.gone.insert(assemble::short_id(id).into(), Arc::new(gone));
        }
    }

    /// Releases files that may be no other dormant articles.
    fn release_files(&mut self, asked: Asked, woken: Vec<ArticlePath>) {
        let (mut ready, mut is_early) = (Vec::new(), false);
        for number in asked.files {
            let waiting = self.dormancy.waiting.files.get(&number);
            if waiting.is_some_and(|waiting| self.query_for(&waiting.file).is_empty())
                && let Some(waiting) = self.dormancy.waiting.take(number)
            {
                is_early |= waiting.is_early;
                ready.push(waiting.file);
            }
        }
        self.apply_files(ready);
        // The first complete listing would have been compared with these.
        if is_early && self.listed {
            self.resolve_respelled_paths(woken);
        }
        for path in asked.applied {
            if !self.query_for_applied(&path).is_empty() || !self.dormancy.applied.remove(&path) {
                continue;
            }
            if let Some(card) = self.catalog.get(&path).cloned() {
                self.apply_change(path, Change::Good, Some(&card), None);
            }
        }
    }

    /// Executes the commands that wait for no dormant article any more; only those about articles in memory if `known_only`.
    fn execute_released_commands(
        &mut self,
        known_only: bool,
        effects: &mut Vec<Effect>,
    ) -> Vec<(Ticket, Result<String, String>)> {
        let mut answers = Vec::new();
        for (command, ticket) in std::mem::take(&mut self.dormancy.commands) {
            let is_known = |article: &str| {
                let holder = || EntryId::parse(article).ok().and_then(|id| self.recorder.ledger.holder(&id).cloned());
                self.recorder.ledger.article(&ArticlePath::new(article)).is_some() || holder().is_some()
            };
            let is_due = !known_only || article_of(&command).is_some_and(is_known);
            if is_due && self.query_for_command(&command).is_empty() {
                self.activities.set_command(Some(&command));
                answers.push((ticket, self.execute_command(command, effects)));
            } else {
                self.dormancy.commands.push((command, ticket));
            }
        }
        answers
    }

    /// Refuses the commands that wait for the store if it can't be read.
    fn refuse_commands(&mut self, has_failed: bool) -> Vec<(Ticket, Result<String, String>)> {
        let refused = if has_failed { std::mem::take(&mut self.dormancy.commands) } else { Vec::new() };
        let why = "the ledger cannot be read at the moment; nothing was done, so try again";
        refused.into_iter().map(|(_, ticket)| (ticket, Err(why.to_owned()))).collect()
    }

    fn report_unread(&mut self, failure: Option<String>) {
        let Dormancy { waiting, applied, .. } = &self.dormancy;
        let place = waiting.files.values().next().map(|waiting| &waiting.file.path).or(applied.first());
        let root = self.config().map(|config| Arc::clone(&config.parsing.root));
        let problem = failure.zip(place.zip(root)).map(|(why, (path, root))| {
            let message = format!("the ledger has facts about this article, whose file was gone, and cannot be read: {why}");
            let help = "the article is published as soon as its id is known; dateline tries again. If that does not help, put a copy of \
                        the ledger in place (`dateline backup --restore FILE`)";
            Diagnostic::new(Code::StateUnreadable, message).at(Place::file(&format!("{root}/{path}"))).help(help)
        });
        self.problems.set(Source::Dormant, problem.into_iter().collect());
    }
}

/// The article that a command is about: a path or an id.
fn article_of(command: &Command) -> Option<&str> {
    match command {
        Command::Retract { article, .. } | Command::Restore { article } => Some(article),
        _ => None,
    }
}
