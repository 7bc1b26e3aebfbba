//! Wire text.
mod labels;
mod lines;
mod story;
