//! What waits to be delivered: at most one delivery, into which newer ones are merged. However slow a target is, no document waits in two
//! versions, and nobody waits to hand one over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::event::Delivery;
use crate::snapshot::Resource;
use crate::types::ContentHash;

/// The end that deliveries come in by. The queue ends when it is dropped.
#[derive(Debug)]
pub struct Deliveries(Arc<Shared>);

/// The end that they are taken from.
#[derive(Debug)]
pub struct DeliveryQueue(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    has_news: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Option<Waiting>,
    is_closed: bool,
}

/// Deliveries as one.
#[derive(Debug)]
struct Waiting {
    generation: u64,
    documents: BTreeMap<Arc<str>, Option<Arc<Resource>>>,
    complete: bool,
    withheld: BTreeSet<Arc<str>>,
    recorded: BTreeMap<Arc<str>, ContentHash>,
    /// How many were merged.
    count: usize,
}

/// Two deliveries as one: newer documents replace older ones.
pub(crate) fn merged(older: Delivery, newer: Delivery) -> Delivery {
    let mut waiting = Waiting::new(older);
    waiting.add(newer);
    waiting.into_delivery()
}

/// A queue in which nothing waits.
pub fn queue() -> (Deliveries, DeliveryQueue) {
    let shared = Arc::new(Shared::default());
    (Deliveries(Arc::clone(&shared)), DeliveryQueue(shared))
}

impl Deliveries {
    /// Hands a delivery over.
    pub fn send(&self, delivery: Delivery) {
        let mut state = self.0.lock();
        match &mut state.waiting {
            Some(waiting) => waiting.add(delivery),
            None => state.waiting = Some(Waiting::new(delivery)),
        }
        drop(state);
        self.0.has_news.notify_one();
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.has_news.notify_one();
    }
}

impl DeliveryQueue {
    /// Waits until anything waits. `false`: nothing ever will.
    pub(super) async fn wait(&self) -> bool {
        loop {
            {
                let state = self.0.lock();
                if state.waiting.is_some() || state.is_closed {
                    return state.waiting.is_some();
                }
            }
            self.0.has_news.notified().await;
        }
    }

    /// Waits until more comes than waits already. `false`: nothing more ever will.
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
            self.0.has_news.notified().await;
        }
    }

    /// What waits, as one delivery.
    pub(super) fn take(&self) -> Option<Delivery> {
        self.0.lock().waiting.take().map(Waiting::into_delivery)
    }

    /// How many documents wait, where these are not all there are.
    pub(super) fn changed_documents(&self) -> Option<usize> {
        let state = self.0.lock();
        state.waiting.as_ref().filter(|waiting| !waiting.complete).map(|waiting| waiting.documents.len())
    }

    /// Puts back what could not be delivered, below what has come since. Says whether nothing has.
    pub(super) fn put_back(&self, delivery: Delivery) -> bool {
        let mut state = self.0.lock();
        let mut older = Waiting::new(delivery);
        let newer = state.waiting.take();
        let is_all = newer.is_none();
        if let Some(newer) = newer {
            let count = newer.count + 1;
            older.add(newer.into_delivery());
            older.count = count;
        }
        state.waiting = Some(older);
        is_all
    }

    /// How many deliveries wait.
    pub(super) fn len(&self) -> usize {
        self.0.lock().waiting.as_ref().map_or(0, |waiting| waiting.count)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn new(delivery: Delivery) -> Waiting {
        let Delivery { generation, documents, complete, withheld, recorded } = delivery;
        Waiting { generation, documents: documents.into_iter().collect(), complete, withheld, recorded, count: 1 }
    }

    /// Newer documents replace older ones.
    fn add(&mut self, newer: Delivery) {
        self.generation = newer.generation;
        self.withheld.extend(newer.withheld);
        for (path, version) in newer.recorded {
            // What was known first is of the start.
            self.recorded.entry(path).or_insert(version);
        }
        self.count += 1;
        if newer.complete {
            self.documents.clear();
            self.complete = true;
        }
        for (path, document) in newer.documents {
            match document {
                // In a complete delivery whatever is not named is stale already.
                None if self.complete => drop(self.documents.remove(&path)),
                document => drop(self.documents.insert(path, document)),
            }
        }
    }

    fn into_delivery(self) -> Delivery {
        let Waiting { generation, documents, complete, withheld, recorded, .. } = self;
        Delivery { generation, documents: documents.into_iter().collect(), complete, withheld, recorded }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::ResourceKind;

    /// `+a1` is document a in version 1, `-a` its removal, `*` all documents.
    fn delivery(words: &str) -> Delivery {
        let documents = words.split_whitespace().filter(|word| *word != "*").map(|word| {
            let name = word.get(1..2).expect("a name");
            let resource = || Arc::new(Resource::new(ResourceKind::Opml, word.into(), None, 900));
            (Arc::from(name), word.starts_with('+').then(resource))
        });
        let withheld = words.split_whitespace().filter_map(|word| word.strip_prefix('-')).map(Arc::from).collect();
        let documents = documents.collect();
        Delivery { generation: 1, documents, complete: words.contains('*'), withheld, recorded: BTreeMap::new() }
    }

    fn words(delivery: &Delivery) -> String {
        let documents = delivery.documents.iter().map(|(path, document)| match document {
            Some(document) => String::from_utf8(document.bytes().expect("warm").to_vec()).expect("UTF-8"),
            None => format!("-{path}"),
        });
        let all = delivery.complete.then(|| "*".to_owned());
        all.into_iter().chain(documents).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn newer_documents_replace_those_that_wait() {
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
            // The first could not be delivered, and the others came meanwhile.
            deliveries.send(delivery(sent[0]));
            let failed = queue.take().expect("it waits");
            sent[1..].iter().for_each(|sent| deliveries.send(delivery(sent)));
            queue.put_back(failed);
            let delivery = queue.take().expect("it waits");
            assert_eq!(words(&delivery), expected, "{sent:?} failed first");
            let withheld = sent.join(" ").matches('-').count();
            assert_eq!(delivery.withheld.len(), withheld, "{sent:?}");
        }
    }

    #[test]
    fn target_that_takes_nothing_holds_one_version_of_each_document() {
        let (deliveries, queue) = queue();
        let sent = delivery("+a1").documents;
        let first = Arc::downgrade(sent[0].1.as_ref().expect("a document"));
        deliveries.send(Delivery { documents: sent, ..delivery("") });
        (0..1_000).for_each(|_| deliveries.send(delivery("+a2 +b1")));
        assert!(first.upgrade().is_none(), "its successor waits");
        assert_eq!(queue.take().map(|delivery| delivery.documents.len()), Some(2));
    }
}
