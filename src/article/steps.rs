//! Counts what parsers look at, so that a test can tell whether twice the input takes twice the work: on any machine, and without a clock.
//! What runs in a library counts as the bytes that it's given. Nothing is counted outside of tests.

#[cfg(test)]
use std::cell::Cell;

#[cfg(test)]
mod tests;

#[cfg(test)]
thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// Notes that so many bytes, or so many things, were looked at.
#[inline]
#[cfg_attr(not(test), expect(unused_variables, reason = "only tests count"))]
pub(crate) fn add(steps: usize) {
    #[cfg(test)]
    COUNT.with(|count| count.set(count.get() + steps));
}

/// How many steps some work takes.
#[cfg(test)]
pub(crate) fn of(work: impl FnOnce()) -> usize {
    COUNT.with(|count| count.set(0));
    work();
    COUNT.with(Cell::get)
}
