//! Articles whose files are gone and of which no feed tells any more fall asleep: the store has what is remembered of them, and memory only
//! fingerprints. A file that may be one of them waits until the store has said what it knows, so that it gets its old id, dates and
//! retraction. What readers see never waits: their articles are awake, and a file that withholds something is applied at once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::commands::actor;
use super::recording::notice_end;
use super::{Engine, Source};
use crate::article::card::Card;
use crate::article::{Parsed, bundle};
use crate::build::assemble;
use crate::build::catalog::Change;
use crate::build::index::Index;
use crate::build::placement::FeedKey;
use crate::diagnostics::{Code, Diagnostic, Place};
use crate::event::{Command, DormantQuery, Effect, FileState, Listing, ParsedFile, Ticket};
use crate::ledger::dormant::{Dormant, Retired, of_id, of_path, of_version};
use crate::ledger::{Record, Remembered, Retraction, Tombstone};
use crate::snapshot::GoneArticle;
use crate::types::{ArticlePath, EntryId};

/// What waits for the store, and which articles stay awake.
#[derive(Debug, Default)]
pub(super) struct Dormancy {
    /// Whether whoever runs the engine answers questions.
    is_on: bool,
    /// Files that wait, in the order in which they came.
    waiting: Vec<WaitingFile>,
    /// Files that withhold something and were applied already: they are filed again.
    applied: BTreeSet<ArticlePath>,
    commands: Vec<(Command, Ticket)>,
    /// The question that is not answered yet.
    asked: Option<DormantQuery>,
    /// When it is asked again, and the pause before that.
    retry: Option<(Timestamp, SignedDuration)>,
    /// Articles that do not fall asleep again while this process runs: what woke them may do so with every edit.
    woken: HashSet<ArticlePath>,
    /// Whether any article may fall asleep, and from when on it is seen which.
    is_due: bool,
    next_sweep: Option<Timestamp>,
}

#[derive(Debug)]
struct WaitingFile {
    file: ParsedFile,
    /// Whether it came before everything was listed.
    is_early: bool,
}

impl WaitingFile {
    fn is_good(&self) -> bool {
        card_of(&self.file).is_some()
    }
}

impl Dormancy {
    /// Whether a file waits, or was applied without what the store knows of it.
    pub(super) fn concerns(&self, path: &ArticlePath) -> bool {
        self.applied.contains(path) || self.waiting.iter().any(|waiting| waiting.file.path == *path)
    }

    /// Whether a file was applied without what the store knows of it.
    pub(super) fn is_applied(&self, path: &ArticlePath) -> bool {
        self.applied.contains(path)
    }

    /// An article was retracted: it may fall asleep some day.
    pub(super) fn note_record(&mut self, record: &Record) {
        self.is_due |= matches!(record, Record::Retracted { .. });
    }

    /// When something is to be asked again.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        self.retry.filter(|_| self.asked.is_none()).map(|(at, _)| at)
    }

    /// The clock was set back.
    pub(super) fn clock_was_set(&mut self, now: Timestamp) {
        self.next_sweep = None;
        if let Some((at, pause)) = &mut self.retry {
            *at = now.saturating_add(*pause).unwrap_or(now).min(*at);
        }
    }

    fn forget_file(&mut self, path: &ArticlePath) {
        self.waiting.retain(|waiting| waiting.file.path != *path);
        self.applied.remove(path);
    }
}

impl Engine {
    /// How often it is seen at most which articles can fall asleep, and for so many articles that often.
    const SWEEP_PAUSE: SignedDuration = SignedDuration::from_secs(60);
    const SWEPT_ARTICLES: usize = 1 << 16;
    /// So many fall asleep at a time.
    const MOST_SLEEPERS: usize = 4_096;
    const FIRST_RECOLLECTION: SignedDuration = SignedDuration::from_secs(1);
    const LAST_RECOLLECTION: SignedDuration = SignedDuration::from_secs(15);

    /// The same engine for who answers [`Effect::FindDormant`]: articles may fall asleep.
    #[must_use]
    pub fn recollecting(mut self) -> Engine {
        (self.dormancy.is_on, self.dormancy.is_due) = (true, true);
        self
    }

    /// Takes out of what came the files that may be dormant articles.
    pub(super) fn hold_dormant(&mut self, files: Vec<ParsedFile>) -> Vec<ParsedFile> {
        if self.recorder.ledger.dormant().is_empty() && self.dormancy.waiting.is_empty() {
            return files;
        }
        let (is_early, mut ready) = (!self.listed, Vec::with_capacity(files.len()));
        for file in files {
            if bundle::is_section_page(&file.path) {
                ready.push(file);
                continue;
            }
            if matches!(file.state, FileState::Absent { .. }) || self.withholds(&file) {
                self.dormancy.forget_file(&file.path);
                if !self.question(&file).is_empty() {
                    self.dormancy.applied.insert(file.path.clone());
                }
                ready.push(file);
                continue;
            }
            let from = file.renamed_from.as_ref();
            let waits = self.dormancy.waiting.iter().any(|waiting| waiting.file.path == file.path)
                || from.is_some_and(|from| self.dormancy.concerns(from));
            if !waits && self.question(&file).is_empty() {
                ready.push(file);
                continue;
            }
            let new = WaitingFile { file: without_text(file), is_early };
            // The last good version counts, and what is wrong with later ones.
            self.dormancy.waiting.retain(|old| old.file.path != new.file.path || (old.is_good() && !new.is_good()));
            self.dormancy.waiting.push(new);
        }
        ready
    }

    /// Whether a file takes an article from readers, or says nothing that they might see.
    fn withholds(&self, file: &ParsedFile) -> bool {
        if let FileState::Present(Parsed { article: None, withhold, embargo, access, .. }) = &file.state {
            return *withhold || access.is_private() || embargo.is_some_and(|embargo| embargo.timestamp() > self.now);
        }
        card_of(file).is_some_and(|card| {
            let is_to_come = |date: Option<crate::types::Moment>| date.is_some_and(|date| date.timestamp() > self.now);
            card.draft
                || card.access.is_private()
                || card.retracted.is_some()
                || is_to_come(card.embargo)
                || is_to_come(card.published)
                || card.expires.is_some_and(|expires| expires.timestamp() <= self.now)
                || self.index.as_ref().is_some_and(|index| index.rules().restricts(&card))
        })
    }

    /// The dormant articles that a file may be.
    fn question(&self, file: &ParsedFile) -> DormantQuery {
        let mut question = DormantQuery::default();
        let dormant = self.recorder.ledger.dormant();
        if dormant.is_empty() {
            return question;
        }
        // One that lost its id may be a dormant one whose name was spelt otherwise.
        let is_nobody = |known: &Remembered| known.id.is_none() && known.seen().is_none();
        let ask_path = |question: &mut DormantQuery, path: &ArticlePath| {
            if self.recorder.ledger.article(path).is_none_or(is_nobody) {
                question.paths.extend(Some(of_path(path)).filter(|path| dormant.has_path(*path)));
            }
        };
        file.renamed_from.iter().for_each(|from| ask_path(&mut question, from));
        let Some(card) = card_of(file) else { return question };
        self.ask_of_article(&mut question, dormant, &file.path, &card);
        ask_path(&mut question, &file.path);
        question
    }

    /// An article that readers know by its path is nobody else. Another one may have been elsewhere.
    fn ask_of_article(&self, question: &mut DormantQuery, dormant: &Dormant, path: &ArticlePath, card: &Card) {
        let known = self.recorder.ledger.article(path);
        if known.is_some_and(|known| known.id.is_some()) {
            return;
        }
        question.ids.extend(card.id.as_ref().map(of_id).filter(|id| dormant.has_id(*id)));
        if known.is_none_or(|known| known.seen().is_none()) {
            question.versions.extend(Some(of_version(card.hash)).filter(|version| dormant.has_version(*version)));
        }
    }

    /// The dormant articles that a command may be about.
    fn question_of(&self, command: &Command) -> DormantQuery {
        let mut question = DormantQuery::default();
        let (Command::Retract { article, .. } | Command::Restore { article }) = command else { return question };
        let (path, dormant) = (ArticlePath::new(article), self.recorder.ledger.dormant());
        for waiting in self.dormancy.waiting.iter().filter(|waiting| waiting.file.path == path) {
            question.extend(self.question(&waiting.file));
        }
        if self.recorder.ledger.article(&path).is_some() {
            return question;
        }
        question.paths.extend(Some(of_path(&path)).filter(|path| dormant.has_path(*path)));
        let is_awake = |id: &EntryId| {
            self.recorder.ledger.holder(id).is_some()
                || self.index.as_ref().is_some_and(|index| index.public_article(id).is_some())
        };
        let id = EntryId::parse(article).ok().filter(|id| !is_awake(id)).map(|id| of_id(&id));
        question.ids.extend(id.filter(|id| dormant.has_id(*id)));
        question
    }

    /// Keeps a command until the store has said what it knows of its article. Says whether it has to wait.
    pub(super) fn holds_command(&mut self, command: &Command, ticket: Ticket) -> bool {
        let has_to_wait = !self.question_of(command).is_empty();
        if has_to_wait {
            self.dormancy.commands.push((command.clone(), ticket));
        }
        has_to_wait
    }

    /// Asks the store for dormant articles that may be back.
    pub(super) fn ask_for_dormant(&mut self, effects: &mut Vec<Effect>) {
        let is_early = self.dormancy.retry.is_some_and(|(at, _)| at > self.now);
        if self.dormancy.asked.is_some() || is_early {
            return;
        }
        let mut question = DormantQuery::default();
        for waiting in &self.dormancy.waiting {
            question.extend(self.question(&waiting.file));
        }
        for path in &self.dormancy.applied {
            question.extend(self.question_of_applied(path));
        }
        for (command, _) in &self.dormancy.commands {
            question.extend(self.question_of(command));
        }
        if !question.is_empty() {
            self.dormancy.asked = Some(question.clone());
            effects.push(Effect::FindDormant(question));
        }
    }

    fn question_of_applied(&self, path: &ArticlePath) -> DormantQuery {
        let Some(card) = self.catalog.get(path).cloned() else { return DormantQuery::default() };
        let file = ParsedFile { path: path.clone(), state: FileState::Known(card, Vec::new()), renamed_from: None };
        self.question(&file)
    }

    /// Takes in what the store knows, and goes on with what waited for it. Gives the answers of commands.
    pub(super) fn receive_recollected(
        &mut self,
        asked: &DormantQuery,
        found: Result<Vec<(ArticlePath, Remembered)>, String>,
        effects: &mut Vec<Effect>,
    ) -> Vec<(Ticket, Result<String, String>)> {
        self.dormancy.asked = None;
        let mut woken = Vec::new();
        let failure = match found {
            Ok(found) => {
                for (path, article) in found {
                    // It may have been asked for twice.
                    if self.recorder.ledger.article(&path).is_none()
                        && self.recorder.ledger.dormant().has_path(of_path(&path))
                    {
                        self.show_gone(&article);
                        self.record(Record::Woken { path: path.clone(), article: Box::new(article) });
                        self.recorder.changed_articles.insert(path.clone());
                        self.dormancy.woken.insert(path.clone());
                        woken.push(path);
                    }
                }
                None
            }
            Err(why) => Some(why),
        };
        self.go_on_with_files(woken);
        let mut left = DormantQuery::default();
        self.dormancy.waiting.iter().for_each(|waiting| left.extend(self.question(&waiting.file)));
        self.dormancy.applied.iter().for_each(|path| left.extend(self.question_of_applied(path)));
        // What it does not have it had once.
        let is_lost = !left.is_empty() && asked.covers(&left);
        let failure = failure.or_else(|| is_lost.then(|| "it has less than it had".to_owned()));
        let answers = self.go_on_with_commands(asked, failure.is_some(), effects);
        let pause = self.dormancy.retry.map_or(Engine::FIRST_RECOLLECTION, |(_, pause)| pause * 2);
        let pause = pause.min(Engine::LAST_RECOLLECTION);
        let at = self.now.saturating_add(pause).unwrap_or(Timestamp::MAX);
        self.dormancy.retry = failure.is_some().then_some((at, pause));
        self.report_unread(failure);
        answers
    }

    /// The page of an article says that it is gone as it did before the article fell asleep, until something else is published there.
    fn show_gone(&mut self, article: &Remembered) {
        // What was there before everything was listed is compared with the files first.
        let is_early =
            self.publisher.snapshot.generation == 0 || self.dormancy.waiting.iter().any(|waiting| waiting.is_early);
        let Some((id, known)) = article.id.as_ref().zip(article.retraction()).filter(|_| !is_early) else { return };
        if self.publisher.snapshot.retired.has(of_id(id)) {
            let gone = GoneArticle { retracted: Some(known.at), reason: known.reason.clone() };
            self.publisher.snapshot.gone.insert(assemble::short_id(id).into(), Arc::new(gone));
        }
    }

    /// Goes on with files of which the store has said all that it knows.
    fn go_on_with_files(&mut self, woken: Vec<ArticlePath>) {
        let waiting = std::mem::take(&mut self.dormancy.waiting);
        let (ready, waiting): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|waiting| self.question(&waiting.file).is_empty());
        self.dormancy.waiting = waiting;
        let is_early = ready.iter().any(|waiting| waiting.is_early);
        self.apply_files(ready.into_iter().map(|waiting| waiting.file).collect());
        // What was listed first would have been compared with these.
        if is_early && self.listed {
            self.resolve_respelled_paths(woken);
        }
        for path in self.dormancy.applied.clone() {
            if !self.question_of_applied(&path).is_empty() {
                continue;
            }
            self.dormancy.applied.remove(&path);
            if let Some(card) = self.catalog.get(&path).cloned() {
                self.apply_change(path, Change::Good, Some(&card), None);
            }
        }
    }

    fn go_on_with_commands(
        &mut self,
        asked: &DormantQuery,
        has_failed: bool,
        effects: &mut Vec<Effect>,
    ) -> Vec<(Ticket, Result<String, String>)> {
        let mut answers = Vec::new();
        for (command, ticket) in std::mem::take(&mut self.dormancy.commands) {
            let question = self.question_of(&command);
            if question.is_empty() {
                self.activities.actor = actor(&command);
                answers.push((ticket, self.execute_command(command, effects)));
            } else if has_failed || asked.covers(&question) {
                let why =
                    "what is remembered of this article cannot be read at the moment; nothing was done, so try again";
                answers.push((ticket, Err(why.to_owned())));
            } else {
                self.dormancy.commands.push((command, ticket));
            }
        }
        answers
    }

    fn report_unread(&mut self, failure: Option<String>) {
        let place = self.dormancy.waiting.first().map(|waiting| &waiting.file.path).or(self.dormancy.applied.first());
        let root = self.config().map(|config| Arc::clone(&config.parsing.root));
        let problem = failure.zip(place.zip(root)).map(|(why, (path, root))| {
            let message = format!("what is remembered of this article, whose file was gone, cannot be read: {why}");
            let help = "it is published as soon as its id is known; dateline tries again. If that does not help, start dateline anew, \
                        or put a copy of the ledger in place (`dateline backup --restore FILE`)";
            Diagnostic::new(Code::StateUnreadable, message).at(Place::file(&format!("{root}/{path}"))).help(help)
        });
        self.problems.set(Source::Dormant, problem.into_iter().collect());
    }

    /// A whole listing proves that files are gone that wait.
    pub(super) fn forget_waiting(&mut self, listing: &Listing) {
        if self.dormancy.waiting.is_empty() || !listing.is_whole {
            return;
        }
        let is_gone = listing.absence();
        let scope = listing.scope.as_str();
        let is_inside = |path: &ArticlePath| {
            scope.is_empty() || path.as_str().strip_prefix(scope).is_some_and(|rest| rest.starts_with('/'))
        };
        self.dormancy.waiting.retain(|waiting| !(is_inside(&waiting.file.path) && is_gone(&waiting.file.path)));
    }

    /// Sees which articles can fall asleep.
    pub(super) fn fall_asleep(&mut self) {
        let is_time = self.dormancy.next_sweep.is_none_or(|next| next <= self.now);
        let is_settled = self.listed && !self.missing.is_loading_stored() && !self.withholding.postponed.is_active();
        if !(self.dormancy.is_on && self.dormancy.is_due && is_time && is_settled) {
            return;
        }
        let Some(index) = self.index.take() else { return };
        let mut notices = Notices::new(self, &index);
        let mut sleepers: Vec<(ArticlePath, Remembered)> = Vec::new();
        let mut is_any_left = false;
        for (path, article) in self.recorder.ledger.articles() {
            if !self.may_sleep(&index, path, article) {
                continue;
            }
            if sleepers.len() == Engine::MOST_SLEEPERS || !notices.are_over(article) {
                is_any_left = true;
                continue;
            }
            sleepers.push((path.clone(), article.clone()));
        }
        let is_full = sleepers.len() == Engine::MOST_SLEEPERS;
        sleepers.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (path, article) in sleepers {
            // Two ids might have one fingerprint.
            let id = article.id.as_ref();
            if id.is_some_and(|id| self.recorder.ledger.dormant().has_id(of_id(id))) {
                continue;
            }
            if let Some(id) = id {
                self.publisher.snapshot.gone.remove(&*assemble::short_id(id));
            }
            self.record(Record::Dormant { path, article: Box::new(article) });
        }
        self.publisher.snapshot.retired = self.retired(&index);
        self.index = Some(index);
        self.dormancy.is_due = is_any_left;
        let rounds =
            i32::try_from(self.recorder.ledger.len() / Engine::SWEPT_ARTICLES).unwrap_or(i32::MAX).saturating_add(1);
        let pause = if is_full { SignedDuration::from_secs(1) } else { Engine::SWEEP_PAUSE.saturating_mul(rounds) };
        self.dormancy.next_sweep = self.now.saturating_add(pause).ok();
    }

    /// Since when dormant articles are gone that had pages here.
    pub(super) fn retired(&self, index: &Index) -> Retired {
        match index.rules().config().content.article_url {
            None => self.recorder.ledger.dormant().retired().clone(),
            Some(_) => Retired::default(),
        }
    }

    /// Whether an article has no file, and nothing is under way with it. Operators' retractions are never left to the store.
    fn may_sleep(&self, index: &Index, path: &ArticlePath, article: &Remembered) -> bool {
        let is_over = match article.retraction() {
            Some(known) => !article.is_retracted_by_command() && known.reason.is_none(),
            // Its id is another's.
            None => article.id.is_none(),
        };
        let is_holder = |id: &EntryId| self.recorder.ledger.holds(path, id) && index.public_article(id).is_none();
        is_over
            && !article.is_lost()
            && !self.catalog.contains(path)
            && index.get(path).is_none()
            && article.id.as_ref().is_none_or(is_holder)
            && !self.recorder.ledger.is_unreadable(path)
            && !self.missing.concerns(path)
            && !self.withholding.postponed.contains(path)
            && !self.missing.deleted.contains_key(path)
            && !self.recorder.changed_articles.contains(path)
            && !self.is_shown(path)
            && !self.dormancy.woken.contains(path)
            && !self.dormancy.concerns(path)
    }
}

/// Which notices of retracted articles ended.
struct Notices<'e> {
    engine: &'e Engine,
    index: &'e Index,
    feeds: HashMap<String, &'e FeedKey>,
    /// The last one in each feed that ended: so did all before it.
    last_over: HashMap<Arc<str>, Option<&'e Tombstone>>,
}

impl<'e> Notices<'e> {
    fn new(engine: &'e Engine, index: &'e Index) -> Notices<'e> {
        let feeds = index.feeds().map(|key| (assemble::route(key), key)).collect();
        Notices { engine, index, feeds, last_over: HashMap::new() }
    }

    /// Whether no feed tells of an article any more.
    fn are_over(&mut self, article: &Remembered) -> bool {
        let (Some(id), Some(Retraction { at, reason, feeds, .. })) = (&article.id, article.retraction()) else {
            return true;
        };
        let tombstone = Tombstone { at: *at, id: id.clone(), reason: reason.clone() };
        feeds.iter().all(|route| self.last_over(route).is_some_and(|last| tombstone <= *last))
    }

    fn last_over(&mut self, route: &Arc<str>) -> Option<&'e Tombstone> {
        let (engine, index, feeds) = (self.engine, self.index, &self.feeds);
        *self.last_over.entry(Arc::clone(route)).or_insert_with(|| {
            let config = index.rules().config();
            let (lasts, most) = match feeds.get(&**route) {
                Some(key) => {
                    let options = index.rules().feed_options(key);
                    (options.tombstones, options.max_tombstones)
                }
                // The feed may be there again some day.
                None => {
                    let all = config.sections.iter().map(|section| &section.feeds);
                    all.fold((config.feeds.tombstones, config.feeds.max_tombstones), |(lasts, most), feeds| {
                        (lasts.max(feeds.tombstones), most.max(feeds.max_tombstones))
                    })
                }
            };
            let mut tombstones = engine.recorder.ledger.tombstones(route).rev().enumerate();
            let is_over =
                |(newer, tombstone): &(usize, &Tombstone)| notice_end(tombstone, *newer, lasts, most) <= engine.now;
            tombstones.find(is_over).map(|(_, tombstone)| tombstone)
        })
    }
}

/// What a file says of its article, where it is good.
fn card_of(file: &ParsedFile) -> Option<Card> {
    match &file.state {
        FileState::Present(parsed) => parsed.article.as_ref().map(|article| article.card.open(&file.path)),
        FileState::Known(card, _) => Some(card.open(&file.path)),
        FileState::Absent { .. } | FileState::Unreadable(_) => None,
    }
}

/// What waits has no text: whoever needs it reads it again.
fn without_text(mut file: ParsedFile) -> ParsedFile {
    // Of a renamed file the version before counts where this one is refused.
    if file.renamed_from.is_none() {
        file.state = file.state.as_seen_from(i64::MAX);
    }
    if let FileState::Present(Parsed { article: Some(article), .. }) = &mut file.state {
        (article.body, article.source) = (None, None);
    }
    file
}
