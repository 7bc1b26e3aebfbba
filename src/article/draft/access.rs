//! Who may read the article. What cannot be read here withholds it, also where an earlier version is public.

use std::ops::Range;

use super::Draft;
use crate::article::access::{self, Access, Restriction, Said};
use crate::article::front_matter::{Key, Node, Value};
use crate::article::model::Body;
use crate::article::{free_part, lifecycle};
use crate::diagnostics::Code;

/// How deep tables of tools' users may nest.
const MOST_DEPTH: usize = 4;

impl Draft<'_> {
    /// Whether the article is for members or subscribers, by what the file says so far.
    pub(crate) fn is_paid(&self) -> bool {
        self.access.is_paid()
    }

    /// What everybody may read of a paid article; without it, what stands above the mark of the paywall.
    pub(crate) fn set_free_body(&mut self, body: Body) {
        self.free_body = Some(body);
    }

    /// Adds a restriction that `key` states.
    pub(crate) fn restrict(&mut self, restriction: Restriction, key: &str, span: Range<usize>, how: &'static str) {
        let mut said = Access::default();
        said.restrict(restriction);
        // Without its value, which may be a password.
        self.origin("access", format_args!("{said} (`{}`)", key.escape_debug()), &span, how);
        self.access.restrict(restriction);
    }

    /// Takes what a key says by a plain value.
    pub(crate) fn set_access(&mut self, key: &str, value: &str, span: Range<usize>, how: &'static str) {
        let said = access::say(key, value);
        self.take_access(said, key, span, how);
    }

    /// A mark of a paywall in the text restricts an article of which nothing else is said. Tools that write such marks say elsewhere who may
    /// read it, and not all exports keep that.
    pub(crate) fn restrict_by_mark(&mut self) {
        if !self.access_stated {
            let at = free_part::mark(self.source.text).map_or(0..0, |at| at..at + 1);
            self.restrict(Restriction::Paid, "mark of a paywall", at, "text");
        }
    }

    /// Parts of the text that are for members alone are paid, whoever may read the rest.
    pub(crate) fn restrict_by_gate(&mut self) {
        self.restrict(Restriction::Paid, "a part for members", 0..0, "text");
    }

    fn take_access(&mut self, said: Said, key: &str, span: Range<usize>, how: &'static str) {
        self.access_stated |= matches!(said, Said::Public | Said::Restricted(_));
        match said {
            Said::Nothing => {}
            Said::Public => self.origin("access", format_args!("public (`{}`)", key.escape_debug()), &span, how),
            Said::Restricted(restriction) => self.restrict(restriction, key, span, how),
            Said::Unreadable => {
                let message =
                    format!("`{}` says who may read the article, and its value cannot be read", key.escape_debug());
                let help = format!("write {}, or `true` or `false` where the key is a switch", access::words());
                self.refuse_access(span, message, help);
            }
        }
    }

    /// Notes that something restricts the article and cannot be followed: the file is refused, and nothing older stays public.
    pub(crate) fn refuse_access(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.life.withhold = true;
        self.report(Code::ArticleAccess, span, message, help);
    }

    /// Takes what front matter says, at its top and in the tables that tools keep for keys of their users.
    pub(crate) fn take_access_keys(&mut self, keys: &[(Key<'_>, Node<'_>)]) {
        self.take_access_of(keys, 0);
    }

    fn take_access_of(&mut self, keys: &[(Key<'_>, Node<'_>)], depth: usize) {
        const HOW: &str = "front matter";
        for (key, node) in keys {
            let span = if node.span.is_empty() { key.span.clone() } else { node.span.clone() };
            if access::is_key(&key.name) || access::is_build(&key.name) {
                for said in access::say_node(&key.name, node) {
                    self.take_access(said, &key.name, span.clone(), HOW);
                }
                continue;
            }
            match &node.value {
                Value::Map(entries) if depth < MOST_DEPTH && lifecycle::is_table(&key.name) => {
                    self.take_access_of(entries, depth + 1);
                }
                _ => {}
            }
        }
    }
}
