//! The queue of deliveries. Holds at most one delivery, into which newer ones are merged. Sending never blocks, and the queue never
//! holds two versions of a document, however slow the target is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::archive_files::is_archive;
use crate::event::Delivery;
use crate::snapshot::{FeedArchives, Resource};
use crate::types::ContentHash;

/// The sending end. Dropping it closes the queue.
#[derive(Debug)]
pub(super) struct DeliverySender(Arc<Shared>);

/// The receiving end.
#[derive(Debug)]
pub(super) struct DeliveryReceiver(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Option<MergedDelivery>,
    is_closed: bool,
}

/// A delivery into which newer ones are merged.
#[derive(Debug)]
struct MergedDelivery {
    generation: u64,
    documents: BTreeMap<Arc<str>, Option<Arc<Resource>>>,
    complete: bool,
    withheld: BTreeSet<Arc<str>>,
    recorded: BTreeMap<Arc<str>, ContentHash>,
    archives: imbl::HashMap<Arc<str>, Arc<FeedArchives>>,
    /// How many deliveries were merged.
    count: usize,
}

/// Merges two deliveries. Newer documents replace older ones.
pub(crate) fn merge(older: Delivery, newer: Delivery) -> Delivery {
    let mut waiting = MergedDelivery::new(older);
    waiting.add(newer);
    waiting.into_delivery()
}

/// Creates an empty queue.
pub(super) fn queue() -> (DeliverySender, DeliveryReceiver) {
    let shared = Arc::new(Shared::default());
    (DeliverySender(Arc::clone(&shared)), DeliveryReceiver(shared))
}

impl DeliverySender {
    /// Adds a delivery.
    pub(super) fn send(&self, delivery: Delivery) {
        let mut state = self.0.lock();
        match &mut state.waiting {
            Some(waiting) => waiting.add(delivery),
            None => state.waiting = Some(MergedDelivery::new(delivery)),
        }
        drop(state);
        self.0.changed.notify_one();
    }
}

impl Drop for DeliverySender {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.changed.notify_one();
    }
}

impl DeliveryReceiver {
    /// Waits for a delivery. `false`: the queue is empty and closed.
    pub(super) async fn wait(&self) -> bool {
        loop {
            {
                let state = self.0.lock();
                if state.waiting.is_some() || state.is_closed {
                    return state.waiting.is_some();
                }
            }
            self.0.changed.notified().await;
        }
    }

    /// Waits for another delivery besides those in the queue. `false`: the queue is closed.
    pub(super) async fn wait_for_more(&self) -> bool {
        let before = self.len();
        loop {
            {
                let state = self.0.lock();
                let count = state.waiting.as_ref().map_or(0, |waiting| waiting.count);
                if count > before || state.is_closed {
                    return count > before;
                }
            }
            self.0.changed.notified().await;
        }
    }

    /// Takes everything in the queue as one delivery.
    pub(super) fn take(&self) -> Option<Delivery> {
        self.0.lock().waiting.take().map(MergedDelivery::into_delivery)
    }

    /// The number of documents in the queue. `None`: the queue is empty or has a complete delivery.
    pub(super) fn changed_documents(&self) -> Option<usize> {
        let state = self.0.lock();
        state.waiting.as_ref().filter(|waiting| !waiting.complete).map(|waiting| waiting.documents.len())
    }

    /// Puts back a delivery that failed. Newer documents in the queue replace its own. Returns whether the queue was empty.
    pub(super) fn put_back(&self, delivery: Delivery) -> bool {
        let mut state = self.0.lock();
        let mut older = MergedDelivery::new(delivery);
        let newer = state.waiting.take();
        let was_empty = newer.is_none();
        if let Some(newer) = newer {
            let count = newer.count + 1;
            older.add(newer.into_delivery());
            older.count = count;
        }
        state.waiting = Some(older);
        was_empty
    }

    /// The number of deliveries in the queue.
    pub(super) fn len(&self) -> usize {
        self.0.lock().waiting.as_ref().map_or(0, |waiting| waiting.count)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MergedDelivery {
    fn new(delivery: Delivery) -> MergedDelivery {
        let Delivery { generation, documents, complete, withheld, recorded, archives } = delivery;
        MergedDelivery {
            generation,
            documents: documents.into_iter().collect(),
            complete,
            withheld,
            recorded,
            archives,
            count: 1,
        }
    }

    fn add(&mut self, newer: Delivery) {
        self.generation = newer.generation;
        self.archives = newer.archives;
        self.withheld.extend(newer.withheld);
        for (path, version) in newer.recorded {
            // The first delivery has the versions from the start of the daemon.
            self.recorded.entry(path).or_insert(version);
        }
        self.count += 1;
        if newer.complete {
            self.documents.clear();
            self.complete = true;
        }
        for (path, document) in newer.documents {
            match document {
                // A complete delivery implies the removal of every document that it doesn't list.
                None if self.complete && !is_archive(&path) => drop(self.documents.remove(&path)),
                document => drop(self.documents.insert(path, document)),
            }
        }
    }

    fn into_delivery(self) -> Delivery {
        let MergedDelivery { generation, documents, complete, withheld, recorded, archives, .. } = self;
        Delivery { generation, documents: documents.into_iter().collect(), complete, withheld, recorded, archives }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{BuiltDocument, ResourceKind};
    use crate::types::Text;

    /// `+a1` is version 1 of document a, `-a` its removal, `*` a complete delivery.
    fn delivery(words: &str) -> Delivery {
        let documents = words.split_whitespace().filter(|word| *word != "*").map(|word| {
            let name = word.get(1..2).expect("a name");
            // Readers don't see the links of a delivered document, so they name its version.
            let resource = || {
                let mut document = BuiltDocument::new(ResourceKind::Opml, word.into(), None, 900);
                document.resource_mut().links = Some(Text::new(word));
                document.resource
            };
            (Arc::from(name), word.starts_with('+').then(resource))
        });
        let withheld = words.split_whitespace().filter_map(|word| word.strip_prefix('-')).map(Arc::from).collect();
        let documents = documents.collect();
        Delivery {
            generation: 1,
            documents,
            complete: words.contains('*'),
            withheld,
            recorded: BTreeMap::new(),
            archives: imbl::HashMap::new(),
        }
    }

    fn words(delivery: &Delivery) -> String {
        let documents = delivery.documents.iter().map(|(path, document)| match document {
            Some(document) => document.links.as_ref().map(ToString::to_string).unwrap_or_default(),
            None => format!("-{path}"),
        });
        let all = delivery.complete.then(|| "*".to_owned());
        all.into_iter().chain(documents).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn newer_documents_replace_waiting_ones() {
        for (sent, expected) in [
            (&["+a1", "+b1", "+a2"][..], "+a2 +b1"),
            (&["+a1", "-a"], "-a"),
            (&["-a", "+a1"], "+a1"),
            (&["* +a1 +b1", "-a", "+c1"], "* +b1 +c1"),
            (&["+a1 -z", "* +b1"], "* +b1"),
            (&["* +a1", "* +a2"], "* +a2"),
        ] {
            let (deliveries, queue) = queue();
            sent.iter().for_each(|sent| deliveries.send(delivery(sent)));
            assert_eq!(queue.len(), sent.len());
            assert_eq!(queue.take().as_ref().map(words).as_deref(), Some(expected), "{sent:?}");
            // The first delivery fails, and the others arrive meanwhile.
            deliveries.send(delivery(sent[0]));
            let failed = queue.take().expect("a delivery");
            sent[1..].iter().for_each(|sent| deliveries.send(delivery(sent)));
            queue.put_back(failed);
            let delivery = queue.take().expect("a delivery");
            assert_eq!(words(&delivery), expected, "{sent:?} failed first");
            let withheld = sent.join(" ").matches('-').count();
            assert_eq!(delivery.withheld.len(), withheld, "{sent:?}");
        }
    }

    #[test]
    fn slow_target_holds_one_version_per_document() {
        let (deliveries, queue) = queue();
        let sent = delivery("+a1").documents;
        let first = Arc::downgrade(sent[0].1.as_ref().expect("a document"));
        deliveries.send(Delivery { documents: sent, ..delivery("") });
        (0..1_000).for_each(|_| deliveries.send(delivery("+a2 +b1")));
        assert!(first.upgrade().is_none(), "a newer version waits");
        assert_eq!(queue.take().map(|delivery| delivery.documents.len()), Some(2));
    }
}
