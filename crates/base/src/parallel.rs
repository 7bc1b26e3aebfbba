//! Data parallelism on all cores, and work that may panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, mpsc};

use rayon::prelude::*;

/// How many items a thread takes at once, at least: enough to make taking cheap, few enough that all threads finish together.
const BATCH_SIZE: usize = 32;

/// Cached, since the system reads cgroup files for each call.
static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// The number of cores.
pub fn core_count() -> usize {
    *CORES
}

/// Applies `work` to all items in parallel. The results are in the order of the items. `work` must not wait for a disk or a network:
/// all callers share the threads.
pub fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    in_batches(items, BATCH_SIZE, work)
}

/// Like [`on_all_cores`], with a batch size for items that are expensive to process.
pub fn in_batches<T: Sync, R: Send>(items: &[T], batch_size: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    if items.len() <= batch_size {
        return items.iter().map(work).collect();
    }
    items.par_iter().with_min_len(batch_size).map(&work).collect()
}

/// The result of the work. `None` if it panics.
pub fn catch_panic<R>(work: impl FnOnce() -> R) -> Option<R> {
    // Callers don't use anything that a panic may leave half-done.
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Processes items in batches while `find` produces more of them, and passes results to `take` while more are computed. The order of
/// results isn't defined. Returns the results of `find` and `take`.
pub fn pipeline<T: Send, R: Send, F: Send, S>(
    size: usize,
    find: impl FnOnce(&mut dyn FnMut(T)) -> F + Send,
    work: impl Fn(Vec<T>) -> Vec<R> + Sync,
    take: impl FnOnce(&mut dyn Iterator<Item = Vec<R>>) -> S,
) -> (F, S) {
    /// How many batches of results may wait before workers block.
    const MAX_WAITING_RESULTS: usize = 64;
    /// How many batches of items may wait before `find` blocks.
    const MAX_WAITING_ITEMS: usize = 256;
    let cores = *CORES;
    let (found, inbox) = mpsc::sync_channel::<Vec<T>>(MAX_WAITING_ITEMS);
    let (made, results) = mpsc::sync_channel::<Vec<R>>(MAX_WAITING_RESULTS);
    // Dropped with the last worker, so that `find` doesn't block forever.
    let inbox = Arc::new(Mutex::new(inbox));
    std::thread::scope(|scope| {
        let finder = scope.spawn(move || {
            let mut batch = Vec::with_capacity(size);
            let find_result = find(&mut |item| {
                batch.push(item);
                if batch.len() >= size {
                    // Fails once all workers have ended: after a panic, or because nobody takes results.
                    found.send(std::mem::replace(&mut batch, Vec::with_capacity(size))).unwrap_or_default();
                }
            });
            found.send(batch).unwrap_or_default();
            find_result
        });
        for _ in 0..cores {
            let (made, inbox, work) = (made.clone(), Arc::clone(&inbox), &work);
            scope.spawn(move || {
                let next = || inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok(batch) = next()
                    && made.send(work(batch)).is_ok()
                {}
            });
        }
        drop((made, inbox));
        let mut results = results.into_iter();
        let take_result = take(&mut results);
        drop(results);
        let find_result = finder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (find_result, take_result)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{on_all_cores, pipeline};

    #[test]
    fn each_item_is_processed_once() {
        for count in [0, 1, 31, 32, 33, 5_000] {
            let mut taken = Vec::new();
            let find = |found: &mut dyn FnMut(usize)| {
                (0..count).for_each(found);
                count
            };
            let (find_result, ()) = pipeline(
                32,
                find,
                |batch| batch.into_iter().map(|item| item * 2).collect(),
                |results| taken.extend(results.flatten()),
            );
            assert_eq!(find_result, count);
            taken.sort_unstable();
            assert_eq!(taken, (0..count).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn finding_waits_for_workers() {
        let (found, worked, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let find = |tell: &mut dyn FnMut(usize)| {
            for item in 0..20_000 {
                let ahead = found.fetch_add(1, Ordering::Relaxed) - worked.load(Ordering::Relaxed).min(item);
                most.fetch_max(ahead, Ordering::Relaxed);
                tell(item);
            }
        };
        // Work takes much longer than finding.
        let work = |batch: Vec<usize>| {
            let sum: Vec<u64> = batch
                .iter()
                .map(|item| (0..20_000).fold(*item as u64, |sum: u64, n| sum.wrapping_mul(31) ^ n))
                .collect();
            worked.fetch_add(batch.len(), Ordering::Relaxed);
            sum
        };
        pipeline(1, find, work, |results| results.flatten().fold(0, u64::wrapping_add));
        let most = most.load(Ordering::Relaxed);
        assert!(most < 1_000, "{most} wait");
    }

    #[test]
    fn finding_ends_when_results_are_dropped() {
        let find = |tell: &mut dyn FnMut(usize)| (0..20_000).for_each(tell);
        pipeline(1, find, |batch| batch, |results| drop(results.next()));
    }

    #[test]
    fn results_are_in_order() {
        for count in [0, 1, 31, 32, 33, 1_000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(on_all_cores(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
