//! Reads the formats of news agencies.
#![allow(dead_code, reason = "the readers have no caller yet")]

mod item;
mod newsml;
mod nitf;
mod xhtml;
mod xml;
