//! The access restrictions of an article.

use std::fmt;

/// A restriction that a file states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Restriction {
    /// The article has a page that search engines don't index, and no entry in any feed.
    Unlisted,
    /// The article is for members or subscribers. Others get its free part.
    Paid,
    /// The article has neither a page nor an entry.
    Private,
}

/// All restrictions of an article. The default is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Access {
    unlisted: bool,
    paid: bool,
    private: bool,
}

impl Access {
    /// Adds a restriction. Restrictions are never removed.
    pub fn restrict(&mut self, restriction: Restriction) {
        match restriction {
            Restriction::Unlisted => self.unlisted = true,
            Restriction::Paid => self.paid = true,
            Restriction::Private => self.private = true,
        }
    }

    /// Whether feeds may list the article.
    pub fn is_listed(self) -> bool {
        !self.unlisted
    }

    /// Whether the article is for members or subscribers.
    pub fn is_paid(self) -> bool {
        self.paid
    }

    /// Whether nobody may read the article.
    pub fn is_private(self) -> bool {
        self.private
    }

    /// Whether these restrictions include one that `other` lacks.
    pub fn forbids_more_than(self, other: Access) -> bool {
        (self.unlisted && !other.unlisted) || (self.paid && !other.paid) || (self.private && !other.private)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(self.private, "private"), (self.paid, "paid"), (self.unlisted, "unlisted")];
        let stated: Vec<&str> = words.iter().filter(|(is_stated, _)| *is_stated).map(|(_, word)| *word).collect();
        f.write_str(if stated.is_empty() { "public".to_owned() } else { stated.join(", ") }.as_str())
    }
}
