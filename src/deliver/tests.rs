//! Tests of the tasks that carry deliveries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tokio::sync::mpsc;

use super::*;

/// A target that says when a delivery begins, and ends it when it may.
struct Blocking {
    began: mpsc::UnboundedSender<u64>,
    go_on: Receiver<()>,
}

impl Target for Blocking {
    fn deliver(&mut self, delivery: &Delivery) -> Outcome {
        self.began.send(delivery.generation).unwrap();
        self.go_on.recv().unwrap();
        Outcome { target: "blocking", written: 0, unchanged: 0, removed: 0, problems: Vec::new() }
    }
}

fn blocking() -> (Box<dyn Target>, mpsc::UnboundedReceiver<u64>, SyncSender<()>) {
    let ((began, begins), (may_end, go_on)) = (mpsc::unbounded_channel(), sync_channel(8));
    (Box::new(Blocking { began, go_on }), begins, may_end)
}

fn delivery(generation: u64) -> Delivery {
    let (documents, withheld, recorded) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
    Delivery { generation, documents, complete: true, withheld, recorded, archives: imbl::HashMap::new() }
}

#[tokio::test]
async fn slow_target_delays_no_other() {
    let (slow, mut slow_begins, slow_may_end) = blocking();
    let (fast, mut fast_begins, fast_may_end) = blocking();
    let (outcomes, mut inbox) = mpsc::channel(8);
    let metrics = Arc::new(Metrics::default());
    let (deliveries, tasks) = start(vec![slow, fast], &outcomes, &metrics);
    let mut tasks: tokio::task::JoinSet<()> = tasks.into_iter().collect();
    deliveries.send(&delivery(1));
    assert_eq!((slow_begins.recv().await, fast_begins.recv().await), (Some(1), Some(1)));
    for generation in 2..5 {
        fast_may_end.send(()).unwrap();
        assert!(inbox.recv().await.is_some(), "the fast target ends its delivery");
        deliveries.send(&delivery(generation));
        assert_eq!(fast_begins.recv().await, Some(generation));
    }
    assert!(slow_begins.try_recv().is_err(), "the slow target has its first delivery still");
    // The slow target gets the missed deliveries as one. Tasks end when their queues are closed and empty.
    drop(deliveries);
    fast_may_end.send(()).unwrap();
    (0..2).for_each(|_| slow_may_end.send(()).unwrap());
    assert_eq!(slow_begins.recv().await, Some(4));
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(metrics.delivery_queue.get(), 0);
}
