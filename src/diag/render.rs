//! A diagnostic as caret text, as one log line and as JSON, all from the same value.
