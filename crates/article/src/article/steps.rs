//! Counts the steps of parsers, so tests can check without a clock that parsing takes linear time. A call to a library counts one step for
//! each byte of its input. Steps are counted only in tests.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
mod tests;

#[cfg(test)]
thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// Counts steps, such as bytes that were examined.
#[inline]
#[cfg_attr(not(test), expect(unused_variables, reason = "only tests count"))]
pub(crate) fn add(steps: usize) {
    #[cfg(test)]
    COUNT.with(|count| count.set(count.get() + steps));
}

/// Runs `work` and returns the number of its steps.
#[cfg(test)]
pub(crate) fn of(work: impl FnOnce()) -> usize {
    COUNT.with(|count| count.set(0));
    work();
    COUNT.with(Cell::get)
}
