//! Setters of access. An unreadable statement withholds the article, including its earlier versions.

use std::ops::Range;

use super::Draft;
use crate::article::access::{self, Access, Restriction, Statement};
use crate::article::model::Body;
use crate::article::values::{Key, Node, Value};
use crate::article::{free_part, lifecycle};
use crate::diagnostics::Code;

/// The depth of nested tables such as `extra` that are searched.
const MAX_DEPTH: usize = 4;

impl Draft<'_> {
    /// Whether the article is for members or subscribers, according to the statements so far.
    pub(crate) fn is_paid(&self) -> bool {
        self.access.is_paid()
    }

    /// Sets the free part of a paid article. The default is the text above the paywall mark.
    pub(crate) fn set_free_body(&mut self, body: Body) {
        self.free_body = Some(body);
    }

    /// Adds a restriction that `key` states.
    pub(crate) fn restrict(&mut self, restriction: Restriction, key: &str, span: Range<usize>, origin: &'static str) {
        let mut stated = Access::default();
        stated.restrict(restriction);
        // The value may be a password, so only the key is recorded.
        self.record_origin("access", format_args!("{stated} (`{}`)", key.escape_debug()), &span, origin);
        self.access.restrict(restriction);
    }

    /// Applies the statement of a key with a plain value.
    pub(crate) fn set_access(&mut self, key: &str, value: &str, span: Range<usize>, origin: &'static str) {
        let statement = access::statement(key, value);
        self.apply_access(statement, key, span, origin);
    }

    /// Restricts an article whose text contains a paywall mark, unless the file states its access. Tools that write such marks keep the
    /// access elsewhere, and some exports omit it.
    pub(crate) fn restrict_by_mark(&mut self) {
        if !self.has_stated_access {
            let at = free_part::first_mark(self.source.text).map_or(0..0, |at| at..at + 1);
            self.restrict(Restriction::Paid, "mark of a paywall", at, "text");
        }
    }

    /// Restricts an article with gated parts, whatever else the file states.
    pub(crate) fn restrict_by_gate(&mut self) {
        self.restrict(Restriction::Paid, "a part for members", 0..0, "text");
    }

    fn apply_access(&mut self, statement: Statement, key: &str, span: Range<usize>, origin: &'static str) {
        self.has_stated_access |= matches!(statement, Statement::Public | Statement::Restricted(_));
        match statement {
            Statement::Unrelated => {}
            Statement::Public => {
                self.record_origin("access", format_args!("public (`{}`)", key.escape_debug()), &span, origin)
            }
            Statement::Restricted(restriction) => self.restrict(restriction, key, span, origin),
            Statement::Unreadable => {
                let message =
                    format!("`{}` says who may read the article, and its value cannot be read", key.escape_debug());
                let help = format!("write {}, or `true` or `false` if the key is a switch", access::value_examples());
                self.refuse_access(span, message, help);
            }
        }
    }

    /// Refuses the file because a restriction is unreadable, and withholds earlier versions.
    pub(crate) fn refuse_access(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.lifecycle.withhold = true;
        self.report(Code::ArticleAccess, span, message, help);
    }

    /// Applies the access keys of front matter, at the top level and in tables for custom keys such as `extra`.
    pub(crate) fn apply_access_keys(&mut self, keys: &[(Key<'_>, Node<'_>)]) {
        self.apply_access_entries(keys, 0);
    }

    fn apply_access_entries(&mut self, keys: &[(Key<'_>, Node<'_>)], depth: usize) {
        const ORIGIN: &str = "front matter";
        for (key, node) in keys {
            let span = if node.span.is_empty() { key.span.clone() } else { node.span.clone() };
            if access::is_key(&key.name) || access::is_hugo_build(&key.name) {
                for statement in access::node_statements(&key.name, node) {
                    self.apply_access(statement, &key.name, span.clone(), ORIGIN);
                }
                continue;
            }
            match &node.value {
                Value::Map(entries) if depth < MAX_DEPTH && lifecycle::is_custom_table(&key.name) => {
                    self.apply_access_entries(entries, depth + 1);
                }
                _ => {}
            }
        }
    }
}
