//! Carrying out what the engine decides, in its order; while the state cannot be written, readers keep what they have, but for what is
//! taken from them.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::Daemon;
use super::document_store::Published;
use super::fetching::{Fetch, recall, recollect};
use crate::control::CommandOutcome;
use crate::diagnostics::{Code, Diagnostic, Place, Severity};
use crate::event::{Effect, ReportChange};
use crate::ledger::Record;
use crate::snapshot::{Report, Snapshot};
use crate::store::{self, Origin};

impl Daemon {
    /// Carries effects out in their order; those that readers see wait until all records before them are durable.
    pub(super) fn perform_all(&mut self, effects: Vec<Effect>) {
        let withholds = effects.iter().any(|effect| matches!(effect, Effect::Withhold));
        for effect in effects {
            match effect {
                Effect::Persist(records) => self.persist(records),
                Effect::Swap(_) | Effect::Deliver(_) | Effect::Log(_)
                    if self.memory.is_blocked() || self.memory.has_waiting() =>
                {
                    self.memory.withholds |= withholds;
                    self.memory.wait_with(effect);
                }
                // Once what it says was done.
                Effect::Answer(..) => self.answers.push(effect),
                other => self.perform(other),
            }
        }
    }

    /// Takes from readers what must not wait until records can be written. What else waits is not part of it: the engine postpones that.
    pub(super) fn withhold(&mut self) {
        // Of the last run nothing is shown that a record or its file takes from readers.
        if self.memory.withholds && self.memory.is_told && self.snapshot.load().generation > 0 {
            tracing::warn!("withholding an article although the state cannot be written");
            let state = self.config.state.clone();
            // The disk may hang, and nothing waits for this.
            spawn_blocking(move || {
                if let Err(error) = store::remove_published_list(&state) {
                    tracing::error!(%error, "cannot remove the list of saved documents; the next start compares it with the articles");
                }
            });
            self.memory.take_waiting().into_iter().for_each(|effect| self.perform(effect));
        }
    }

    /// Writes down what is to be remembered.
    pub(super) fn persist(&mut self, records: Vec<Record>) {
        let blocked = self.memory.is_blocked();
        if !self.saved.withhold(&records) {
            self.forget_last_run();
        }
        self.memory.note(records);
        if !blocked && let Err(why) = self.memory.write() {
            self.raise_alarm(&why);
        }
    }

    /// Tries to write what is unwritten.
    pub(super) fn write_again(&mut self) {
        if self.memory.write().is_ok() {
            tracing::info!("state writable again");
            self.alarm = None;
            self.swap(self.snapshot.load_full());
        }
    }

    /// Shows what waited, once nothing stands against it.
    pub(super) fn show_waiting(&mut self) {
        if !self.memory.is_blocked() && self.memory.has_waiting() {
            self.memory.take_waiting().into_iter().for_each(|effect| self.perform(effect));
        }
    }

    /// At the end: what could not be written until now may be by now.
    pub(super) fn write_the_rest(&mut self) {
        if let Err(why) = self.memory.write_the_rest() {
            tracing::error!(error = why, "cannot write the state before exit; changes since then are lost");
        }
    }

    /// Says on every channel that the state cannot be written.
    pub(super) fn raise_alarm(&mut self, why: &str) {
        tracing::error!(
            error = why,
            "cannot write the state; readers keep the published documents until it can be written"
        );
        let alarm =
            Diagnostic::new(Code::StateUnwritable, why).help("what is new is published as soon as it can be written");
        self.alarm = Some(alarm.at(Place::file(&self.config.state.display().to_string())));
        self.swap(self.snapshot.load_full());
    }

    pub(super) fn perform(&mut self, effect: Effect) {
        match effect {
            // Done by `perform_all`.
            Effect::Persist(_) | Effect::Withhold => {}
            // Done by `handle`.
            Effect::Resume => {}
            Effect::Store(documents) => self.library.store(&documents),
            Effect::Swap(snapshot) => {
                self.memory.shown = self.memory.last;
                self.move_root();
                self.swap(snapshot);
            }
            Effect::Deliver(delivery) => self.deliveries.send(delivery),
            Effect::Watch(plan) => self.watcher.set_plan(plan),
            Effect::Report(changes) => {
                changes.iter().take(MAX_LOGGED).for_each(log);
                if let Some(more) = changes.len().checked_sub(MAX_LOGGED).filter(|more| *more > 0) {
                    tracing::warn!(more, "too many problems changed to log them all; `dateline check` lists them");
                }
                self.report_missing_content(&changes);
            }
            Effect::Log(activity) => self.activity.add(activity, &self.config.parsing.root),
            Effect::Answer(ticket, answer) => {
                let Some(waiting) = self.tickets.remove(&ticket) else { return };
                let is_recorded = !self.memory.is_blocked();
                // The client may have hung up.
                drop(waiting.send(answer.map(|message| CommandOutcome { message, is_recorded })));
            }
            Effect::Fetch(requests) => {
                let Some(config) = self.checked.config.clone() else { return };
                let (root, reads, bodies) = (self.root.clone(), self.reads.clone(), self.bodies.clone());
                self.fetches.spawn(Fetch::run(root, config, reads, requests, bodies));
            }
            Effect::FindDormant(question) => {
                // The store may not have these yet.
                let unwritten = self.memory.unwritten_sleepers(&question);
                let (state, lookup) = (self.config.state.clone(), Arc::clone(&self.lookup));
                self.fetches.spawn(recollect(state, question, unwritten, lookup, self.bodies.clone()));
            }
            Effect::LoadStored(requests) => {
                let Some(config) = self.checked.config.clone() else { return };
                self.fetches.spawn(recall(self.root.clone(), config, requests, self.bodies.clone()));
            }
        }
    }

    /// Says on `/readyz` that the content directory is missed: until it is there, nothing is published that could say so.
    fn report_missing_content(&self, changes: &[ReportChange]) {
        for change in changes {
            let (problem, is_new) = match change {
                ReportChange::Appeared(problem) => (problem, true),
                ReportChange::Cleared(problem) => (problem, false),
            };
            let is_root = problem.place.as_ref().is_some_and(|place| *place.file == *self.root.name);
            if problem.code != Code::FolderUnreadable || !is_root {
                continue;
            }
            let missing = Diagnostic { code: Code::ContentUnreachable, ..problem.clone() };
            self.snapshot.rcu(|snapshot| {
                if snapshot.generation > 0 {
                    return Arc::clone(snapshot);
                }
                let mut report = Report::clone(&snapshot.report);
                // What saved documents say of an empty directory stays.
                report.problems.retain(|known| known.code != missing.code || known.message != missing.message);
                report.problems.extend(is_new.then(|| missing.clone()));
                Arc::new(Snapshot { report: Arc::new(report), ..Snapshot::clone(snapshot) })
            });
        }
    }

    /// Takes what the last run published from readers, where nothing else is published yet.
    pub(super) fn forget_last_run(&self) {
        let snapshot = self.snapshot.load();
        if snapshot.generation == 0 && !snapshot.documents.is_empty() {
            tracing::info!("saved documents are no longer served: a change may withhold part of them");
            self.snapshot.store(Arc::new(Snapshot { documents: imbl::HashMap::new(), ..Snapshot::clone(&snapshot) }));
        }
    }

    pub(super) fn swap(&mut self, mut snapshot: Arc<Snapshot>) {
        let is_alarm = |problem: &Diagnostic| problem.code == Code::StateUnwritable;
        if self.alarm.is_some() || snapshot.report.problems.iter().any(is_alarm) {
            let mut report = Report::clone(&snapshot.report);
            report.problems.retain(|problem| !is_alarm(problem));
            report.problems.extend(self.alarm.clone());
            report.problems.sort();
            snapshot = Arc::new(Snapshot { report: Arc::new(report), ..Snapshot::clone(&snapshot) });
        }
        let report = Arc::clone(&snapshot.report);
        let before = self.snapshot.swap(Arc::clone(&snapshot));
        if let Some(config) = self.checked.config.as_ref().filter(|_| snapshot.generation > 0) {
            let minted = format!("tag:{}:", config.site.tag_authority);
            let origin = Origin { config: config.origin(), record: self.memory.shown, device: None, minted };
            self.printed.send_replace(Some(Published { snapshot, origin }));
        }
        if let Some(since) = self.changing.take() {
            self.meters.publish_seconds.observe(since.elapsed().as_secs_f64());
        }
        if before.generation == 0 && self.snapshot.load().generation > 0 {
            self.published.send_replace(true);
            self.saved.finish();
            self.meters.ready.set(1);
            self.activity.is_first = true;
            super::tell_systemd(&[sd_notify::NotifyState::Ready]);
            tracing::info!(
                articles = report.articles,
                published = report.published,
                feeds = report.feeds,
                problems = report.problems.len(),
                took_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX),
                "ready"
            );
        }
    }
}

/// The most problems of one publication that are logged.
const MAX_LOGGED: usize = 1_000;

/// Logs a line when a problem appears, and one when it is resolved.
fn log(change: &ReportChange) {
    let (ReportChange::Appeared(diagnostic) | ReportChange::Cleared(diagnostic)) = change;
    let (code, message, help) = (diagnostic.code.name(), &diagnostic.message, diagnostic.help.as_deref());
    let place = diagnostic.place.as_ref().map(|place| tracing::field::display(place.to_string()));
    match (change, diagnostic.severity) {
        (ReportChange::Appeared(_), Severity::Error) => tracing::error!(code, place, help, "{message}"),
        (ReportChange::Appeared(_), Severity::Warning) => tracing::warn!(code, place, help, "{message}"),
        (ReportChange::Cleared(_), _) => tracing::info!(code, place, "resolved: {message}"),
    }
}
