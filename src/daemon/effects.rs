//! Executes the engine's effects in order. While the state can't be written, readers keep the published documents, except those that
//! show a withheld article.

use std::sync::Arc;

use tokio::task::{block_in_place, spawn_blocking};

use super::context::{Daemon, Waiting};
use super::document_store::Published;
use super::fetching::{Fetch, find_dormant, load_stored};
use super::systemd;
use crate::control::CommandOutcome;
use crate::diagnostics::{Code, Diagnostic, Place, Severity};
use crate::event::{Answer, Effect, ReportChange};
use crate::ledger::Record;
use crate::snapshot::{Report, Snapshot};
use crate::store::{self, NOT_RESPONDING, Origin};

impl Daemon {
    /// Executes effects in order. Effects that readers see are postponed until all records before them are durable.
    pub(super) fn execute_all(&mut self, effects: Vec<Effect>) {
        let withholds = effects.iter().any(|effect| matches!(effect, Effect::Withhold));
        for effect in effects {
            match effect {
                Effect::Persist(records) => self.persist(records),
                Effect::Swap(_) | Effect::Deliver(_) | Effect::Log(_)
                    if self.persistence.is_blocked() || self.persistence.has_postponed() =>
                {
                    self.persistence.is_withholding |= withholds;
                    self.persistence.postpone(effect);
                }
                // The answer is sent after the other effects.
                Effect::Answer(..) => self.answers.push(effect),
                other => self.execute(other),
            }
        }
        // Last, because the disk may be slow, and readers don't wait for it.
        if self.document_store.has_excess() {
            block_in_place(|| self.document_store.limit_evicted());
        }
    }

    /// Publishes a postponed snapshot that withholds an article. The engine knows that records can't be written, so the snapshot
    /// contains nothing new.
    pub(super) fn withhold(&mut self) {
        // Saved documents are verified before readers get them, so they need no new snapshot.
        if self.persistence.is_withholding
            && self.persistence.is_reported_blocked
            && self.snapshot.load().generation > 0
        {
            tracing::warn!("withholding an article although the state cannot be written");
            let state = self.config.state.clone();
            // The disk may hang, so the event loop doesn't wait for this.
            spawn_blocking(move || {
                if let Err(error) = store::remove_published_list(&state) {
                    tracing::error!(%error, "cannot remove the list of saved documents; the next start compares it with the articles");
                }
            });
            self.persistence.take_postponed().into_iter().for_each(|effect| self.execute(effect));
        }
    }

    /// Writes records to the ledger, or queues them if it can't be written.
    pub(super) fn persist(&mut self, records: Vec<Record>) {
        let is_blocked = self.persistence.is_blocked();
        if !self.saved_documents.withhold(&records) {
            self.drop_saved_documents();
        }
        for record in &records {
            match record {
                Record::Journal { rows, .. } => self.changes.add(rows),
                Record::Hub { url, is_withdrawn: true, .. } => {
                    tracing::warn!(hub = &**url, "hub withdrawn: feeds don't name it until it delivers again");
                }
                Record::Hub { url, .. } => tracing::info!(hub = &**url, "hub named by feeds again"),
                _ => {}
            }
        }
        self.persistence.enqueue(records);
        if !is_blocked {
            match self.persistence.write() {
                Ok(()) => self.changes.note_durable(),
                Err(why) => self.raise_alarm(&why),
            }
        }
    }

    /// Retries to write the queued records. An operator who was told that the disk doesn't answer is told the cause as soon as it is known.
    pub(super) fn retry_write(&mut self) {
        match self.persistence.write() {
            Ok(()) => {
                tracing::info!("state writable again");
                self.changes.note_durable();
                self.alarm = None;
                self.swap(self.snapshot.load_full());
            }
            Err(why)
                if why != NOT_RESPONDING
                    && self.alarm.as_ref().is_some_and(|alarm| alarm.message == NOT_RESPONDING) =>
            {
                self.raise_alarm(&why);
            }
            Err(_) => {}
        }
    }

    /// Executes the postponed effects if all records are written.
    pub(super) fn publish_postponed(&mut self) {
        if !self.persistence.is_blocked() && self.persistence.has_postponed() {
            self.persistence.take_postponed().into_iter().for_each(|effect| self.execute(effect));
        }
    }

    /// Writes the queued records at shutdown.
    pub(super) fn write_remaining(&mut self) {
        if let Err(why) = self.persistence.write_remaining() {
            tracing::error!(error = why, "cannot write the state before exit; changes since then are lost");
        }
    }

    /// Reports in the log, on the admin pages and in `/readyz` that the state can't be written.
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

    /// Executes one effect.
    pub(super) fn execute(&mut self, effect: Effect) {
        match effect {
            // `execute_all` handles these.
            Effect::Persist(_) | Effect::Withhold => {}
            // `supervision` handles this.
            Effect::Resume => {}
            Effect::Store(documents) => self.document_store.add(documents),
            Effect::Swap(snapshot) => {
                self.persistence.published_record = self.persistence.last_record;
                self.publish_roots();
                self.swap(snapshot);
            }
            Effect::Deliver(delivery) => {
                self.push.note_publication(&delivery);
                self.deliveries.send(&delivery);
            }
            Effect::Watch(content, named) => {
                self.roots = self.watchers.set_plans(*content, named, &self.roots);
                self.are_roots_pending = true;
            }
            Effect::Report(changes) => {
                changes.iter().take(MAX_LOGGED_PROBLEMS).for_each(log_change);
                if let Some(more) = changes.len().checked_sub(MAX_LOGGED_PROBLEMS).filter(|more| *more > 0) {
                    tracing::warn!(more, "too many problems changed to log them all; `dateline check` lists them");
                }
                self.report_missing_content(&changes);
            }
            Effect::Log(activity) => self.activity.add(activity, &self.live_config.load()),
            Effect::Answer(ticket, answer) => {
                let (client, answer) = match (self.tickets.remove(&ticket), answer) {
                    (Some(Waiting::Archive(request)), Answer::Archive(contents)) => {
                        // The client may have disconnected.
                        return drop(request.send(contents));
                    }
                    (Some(Waiting::Client(client)), answer) => (client, answer),
                    _ => return,
                };
                let is_recorded = !self.persistence.is_blocked();
                let message = match answer {
                    Answer::Command(outcome) => outcome,
                    Answer::Configuration(waiting) => waiting.map(|keys| keys.join(", ")),
                    // Commands with an engine of their own ask for these.
                    Answer::Problems(_) | Answer::Article(_) | Answer::StateDependents(_) | Answer::Archive(_) => {
                        return;
                    }
                };
                // The client may have disconnected.
                drop(client.send(message.map(|message| CommandOutcome { message, is_recorded })));
            }
            Effect::Fetch(requests) => {
                let Some(config) = self.checked.config.clone() else { return };
                let (roots, reads, bodies) = (self.roots.clone(), self.reads.clone(), self.bodies.clone());
                self.fetches.spawn(Fetch::run(roots, config, self.store.clone(), reads, requests, bodies));
            }
            Effect::FindDormant(query) => {
                let unwritten = self.persistence.unwritten_dormant(&query);
                let (store, permits) = (self.store.clone(), Arc::clone(&self.dormant_lookup));
                self.fetches.spawn(find_dormant(store, query, unwritten, permits, self.bodies.clone()));
            }
            Effect::LoadStored(requests) => {
                let Some(config) = self.checked.config.clone() else { return };
                let (roots, store) = (self.roots.clone(), self.store.clone());
                self.fetches.spawn(load_stored(roots, config, store, requests, self.bodies.clone()));
            }
        }
    }

    /// Reports a missing content directory on `/readyz` before the first publication. Later snapshots contain the problem themselves.
    fn report_missing_content(&self, changes: &[ReportChange]) {
        for change in changes {
            let (problem, is_new) = match change {
                ReportChange::Appeared(problem) => (problem, true),
                ReportChange::Cleared(problem) => (problem, false),
            };
            let is_root = problem.place.as_ref().is_some_and(|place| *place.file == *self.roots.content().name);
            if problem.code != Code::FolderUnreadable || !is_root {
                continue;
            }
            let missing = Diagnostic { code: Code::ContentUnreachable, ..problem.clone() };
            self.snapshot.rcu(|snapshot| {
                if snapshot.generation > 0 {
                    return Arc::clone(snapshot);
                }
                let mut report = Report::clone(&snapshot.report);
                // The report of `SavedDocuments::watch_root` about an empty directory stays.
                report.problems.retain(|known| known.code != missing.code || known.message != missing.message);
                report.problems.extend(is_new.then(|| missing.clone()));
                Arc::new(Snapshot { report: Arc::new(report), ..Snapshot::clone(snapshot) })
            });
        }
    }

    /// Stops serving the documents of the previous run. Does nothing after the first publication.
    pub(super) fn drop_saved_documents(&self) {
        let snapshot = self.snapshot.load();
        if snapshot.generation == 0 && !snapshot.documents.is_empty() {
            tracing::info!("saved documents are no longer served: a change may withhold part of them");
            self.snapshot.store(Arc::new(Snapshot { documents: imbl::HashMap::new(), ..Snapshot::clone(&snapshot) }));
        }
    }

    /// Lets requests read from the directories that the published articles are from.
    fn publish_roots(&mut self) {
        if std::mem::take(&mut self.are_roots_pending) {
            self.published_roots.store(Arc::new(self.roots.clone()));
        }
    }

    /// Publishes a new directory that leads to no publication: its articles may be the same, but its media may differ.
    pub(super) fn publish_roots_when_idle(&mut self) {
        let is_idle = self.fetches.is_empty() && !self.persistence.has_postponed();
        if is_idle || self.snapshot.load().generation == 0 {
            self.publish_roots();
        }
    }

    /// Publishes a snapshot, with the alarm if the state can't be written.
    pub(super) fn swap(&mut self, mut snapshot: Arc<Snapshot>) {
        let is_alarm = |problem: &Diagnostic| problem.code == Code::StateUnwritable;
        if self.alarm.is_some() || snapshot.report.problems.iter().any(is_alarm) {
            let mut report = Report::clone(&snapshot.report);
            report.problems.retain(|problem| !is_alarm(problem));
            report.problems.extend(self.alarm.clone());
            report.problems.sort();
            snapshot = Arc::new(Snapshot { report: Arc::new(report), ..Snapshot::clone(&snapshot) });
        }
        let (report, journaled) = (Arc::clone(&snapshot.report), snapshot.journaled);
        let before = self.snapshot.swap(Arc::clone(&snapshot));
        if let Some(config) = self.checked.config.as_ref().filter(|_| snapshot.generation > 0) {
            let minted = format!("tag:{}:", config.site.tag_authority);
            let origin =
                Origin { config: config.origin(), record: self.persistence.published_record, device: None, minted };
            self.publications.send_replace(Some(Published { snapshot, origin }));
        }
        self.changes.publish(journaled);
        if let Some(since) = self.change_began.take() {
            self.metrics.publish_seconds.observe(since.elapsed().as_secs_f64());
        }
        if before.generation == 0 && self.snapshot.load().generation > 0 {
            self.published.send_replace(true);
            self.saved_documents.finish();
            self.metrics.ready.set(1);
            self.activity.is_first_scan = true;
            systemd::notify(&[sd_notify::NotifyState::Ready]);
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

/// The most changes of problems that one publication logs.
const MAX_LOGGED_PROBLEMS: usize = 1_000;

/// Logs that a problem appeared or was resolved.
fn log_change(change: &ReportChange) {
    let (ReportChange::Appeared(diagnostic) | ReportChange::Cleared(diagnostic)) = change;
    let (code, message, help) = (diagnostic.code.name(), &diagnostic.message, diagnostic.help.as_deref());
    let place = diagnostic.place.as_ref().map(|place| tracing::field::display(place.to_string()));
    match (change, diagnostic.severity) {
        (ReportChange::Appeared(_), Severity::Error) => tracing::error!(code, place, help, "{message}"),
        (ReportChange::Appeared(_), Severity::Warning) => tracing::warn!(code, place, help, "{message}"),
        (ReportChange::Cleared(_), _) => tracing::info!(code, place, "resolved: {message}"),
    }
}
