//! The statements of a section's page about the articles below it, as in Hugo's `cascade`. Only statements about publication and access count.

use super::access::Access;
use crate::types::{Moment, Text};

/// A statement about the articles below a section's page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cascade {
    /// The pattern of the paths that the statement is about, such as `/blog/**`. `None`: all below the page's folder.
    pub path: Option<Text>,
    /// Whether the articles are drafts, in no feed, or otherwise withheld.
    pub is_withheld: bool,
    /// The access restrictions.
    pub access: Access,
    /// The end of the embargo.
    pub embargo: Option<Moment>,
    /// The time of expiry.
    pub expires: Option<Moment>,
}
