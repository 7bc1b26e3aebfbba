//! Parses the arguments, runs, sets the exit code; nothing else.
fn main() {}
