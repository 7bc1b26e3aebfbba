//! The same work for many things, on all cores, and work that may end in a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, mpsc};

/// How many are taken at once: enough that taking costs nothing, few enough that no core waits long for another at the end.
const SHARE: usize = 32;

/// Asked for once: the system's limits are in files, and reading them takes longer than making a feed.
static CORES: LazyLock<usize> = LazyLock::new(|| std::thread::available_parallelism().map_or(1, usize::from));

/// How many there are.
pub fn count() -> usize {
    *CORES
}

/// The results of `work`, in the order of the items.
pub fn on_all_cores<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    in_shares(items, SHARE, work)
}

/// The same for items of which a few are worth another core: so many are taken at once.
pub fn in_shares<T: Sync, R: Send>(items: &[T], share: usize, work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let size = share.max(1);
    let threads = items.len().div_ceil(size).min(*CORES);
    if threads <= 1 {
        return items.iter().map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Vec<R>)>> = Mutex::new(Vec::new());
    let share = || {
        let mut mine = Vec::new();
        loop {
            let start = next.fetch_add(size, Ordering::Relaxed);
            let Some(items) = items.get(start..items.len().min(start + size)).filter(|items| !items.is_empty()) else {
                break;
            };
            mine.push((start, items.iter().map(&work).collect()));
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).append(&mut mine);
    };
    std::thread::scope(|scope| {
        (1..threads).for_each(|_| drop(scope.spawn(share)));
        share();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(start, _)| *start);
    done.into_iter().flat_map(|(_, results)| results).collect()
}

/// The result of work, or none where it ends in a panic.
pub fn catch_panic<R>(work: impl FnOnce() -> R) -> Option<R> {
    // What was half done is dropped with the work: callers hand in nothing that is used afterwards.
    catch_unwind(AssertUnwindSafe(work)).ok()
}

/// Works on things while others are still being found, so many at once, and takes the results, in no order, while others are still
/// being made. Says what finding and taking gave.
pub fn in_passing<T: Send, R: Send, F: Send, S>(
    size: usize,
    find: impl FnOnce(&mut dyn FnMut(T)) -> F + Send,
    work: impl Fn(Vec<T>) -> Vec<R> + Sync,
    take: impl FnOnce(&mut dyn Iterator<Item = Vec<R>>) -> S,
) -> (F, S) {
    /// How many shares of results wait to be taken before cores do.
    const WAITING: usize = 64;
    /// How many shares of things wait to be worked on before finding does.
    const FOUND: usize = 256;
    let cores = *CORES;
    let (found, inbox) = mpsc::sync_channel::<Vec<T>>(FOUND);
    let (made, results) = mpsc::sync_channel::<Vec<R>>(WAITING);
    // Gone once no core works any more, so that finding does not wait for ever.
    let inbox = Arc::new(Mutex::new(inbox));
    std::thread::scope(|scope| {
        let finder = scope.spawn(move || {
            let mut share = Vec::with_capacity(size);
            let told = find(&mut |thing| {
                share.push(thing);
                if share.len() >= size {
                    // Where nobody works any more, a panic is on its way.
                    found.send(std::mem::replace(&mut share, Vec::with_capacity(size))).unwrap_or_default();
                }
            });
            found.send(share).unwrap_or_default();
            told
        });
        for _ in 0..cores {
            let (made, inbox, work) = (made.clone(), Arc::clone(&inbox), &work);
            scope.spawn(move || {
                let next = || inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok(share) = next()
                    && made.send(work(share)).is_ok()
                {}
            });
        }
        drop((made, inbox));
        let mut results = results.into_iter();
        let taken = take(&mut results);
        drop(results);
        let told = finder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (told, taken)
    })
}

#[cfg(test)]
mod tests {
    use super::{AtomicUsize, Ordering, in_passing, on_all_cores};

    #[test]
    fn what_is_found_is_worked_on_once() {
        for count in [0, 1, 31, 32, 33, 5_000] {
            let mut taken = Vec::new();
            let find = |found: &mut dyn FnMut(usize)| {
                (0..count).for_each(found);
                count
            };
            let (told, ()) = in_passing(
                32,
                find,
                |share| share.into_iter().map(|item| item * 2).collect(),
                |results| taken.extend(results.flatten()),
            );
            assert_eq!(told, count);
            taken.sort_unstable();
            assert_eq!(taken, (0..count).map(|item| item * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn finding_waits_for_cores() {
        let (found, worked, most) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        let find = |tell: &mut dyn FnMut(usize)| {
            for item in 0..20_000 {
                let ahead = found.fetch_add(1, Ordering::Relaxed) - worked.load(Ordering::Relaxed).min(item);
                most.fetch_max(ahead, Ordering::Relaxed);
                tell(item);
            }
        };
        // Much more to do than to find.
        let work = |share: Vec<usize>| {
            let sum: Vec<u64> = share
                .iter()
                .map(|item| (0..20_000).fold(*item as u64, |sum: u64, n| sum.wrapping_mul(31) ^ n))
                .collect();
            worked.fetch_add(share.len(), Ordering::Relaxed);
            sum
        };
        in_passing(1, find, work, |results| results.flatten().fold(0, u64::wrapping_add));
        let most = most.load(Ordering::Relaxed);
        assert!(most < 1_000, "{most} wait");
    }

    #[test]
    fn finding_ends_when_nobody_takes_results() {
        let find = |tell: &mut dyn FnMut(usize)| (0..20_000).for_each(tell);
        in_passing(1, find, |share| share, |results| drop(results.next()));
    }

    #[test]
    fn results_are_in_order() {
        for count in [0, 1, 31, 32, 33, 1_000] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(on_all_cores(&items, |item| item * 2), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
