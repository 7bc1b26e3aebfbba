//! What is printed is true, and says what to do.
