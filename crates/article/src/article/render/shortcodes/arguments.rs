//! The arguments of shortcodes: `src="a.jpg" alt=x`, `("a", n=1)`, `ruby linenos`.

/// The arguments of a shortcode in their order. Positional arguments have no name.
#[derive(Clone, Debug, Default)]
pub(super) struct Arguments<'t> {
    all: Vec<(Option<&'t str>, &'t str)>,
}

/// How many arguments are parsed. No shortcode has more.
const MAX_ARGUMENTS: usize = 40;

impl<'t> Arguments<'t> {
    pub(super) fn parse(text: &'t str) -> Arguments<'t> {
        let mut all = Vec::new();
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')'));
            if rest.is_empty() || all.len() == MAX_ARGUMENTS {
                return Arguments { all };
            }
            let name_end = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(rest.len());
            let (name, after) = rest.split_at_checked(name_end).unwrap_or((rest, ""));
            let value = after.trim_start().strip_prefix('=').filter(|_| !name.is_empty());
            let (name, written) = value.map_or((None, rest), |value| (Some(name), value.trim_start()));
            let (value, after) = value_of(written);
            all.push((name, value));
            rest = after;
        }
    }

    /// The argument with this name.
    pub(super) fn named(&self, name: &str) -> Option<&'t str> {
        let found = self.all.iter().find(|(known, _)| known.is_some_and(|known| known.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| *value).filter(|value| !value.trim().is_empty())
    }

    /// A positional argument.
    pub(super) fn positional(&self, index: usize) -> Option<&'t str> {
        self.all.iter().filter(|(name, _)| name.is_none()).nth(index).map(|(_, value)| *value)
    }

    /// The argument with one of these names, else the first positional one.
    pub(super) fn named_or_first(&self, names: &[&str]) -> Option<&'t str> {
        names.iter().find_map(|name| self.named(name)).or_else(|| self.positional(0))
    }
}

/// Splits off a value: in quotation marks or backticks, or up to a blank or a comma.
fn value_of(text: &str) -> (&str, &str) {
    if let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) {
        let inner = text.get(1..).unwrap_or_default();
        let end = inner.char_indices().scan(false, |is_escaped, (at, character)| {
            let ends = character == quote && !*is_escaped;
            *is_escaped = character == '\\' && !*is_escaped && quote != '`';
            Some((at, ends))
        });
        if let Some((end, _)) = end.into_iter().find(|(_, ends)| *ends) {
            let (value, after) = inner.split_at_checked(end).unwrap_or((inner, ""));
            return (value, after.get(1..).unwrap_or_default());
        }
    }
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, ',' | ')')).unwrap_or(text.len()).max(1);
    text.split_at_checked(end).unwrap_or((text, ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_have_names_or_places() {
        for (text, expected) in [
            ("src=\"a b.jpg\" alt='x' w=3", "src=a b.jpg|alt=x|w=3"),
            ("(id=\"abc\", autoplay=true)", "id=abc|autoplay=true"),
            ("ruby linenos", "ruby|linenos"),
            ("\"post.md#a\"", "post.md#a"),
            ("src = `raw \"x\"`", "src=raw \"x\""),
            ("\"open", "\"open"),
            ("user/id file.rb", "user/id|file.rb"),
            ("caption=\"say \\\"hi\\\"\"", "caption=say \\\"hi\\\""),
            ("", ""),
        ] {
            let arguments = Arguments::parse(text);
            let shown = arguments.all.iter().map(|(name, value)| match name {
                Some(name) => format!("{name}={value}"),
                None => (*value).to_owned(),
            });
            assert_eq!(shown.collect::<Vec<_>>().join("|"), expected, "{text}");
        }
    }
}
