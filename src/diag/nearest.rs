//! The known name that a misspelt one most likely meant.

/// The nearest of the known names, if any is near enough to be meant.
pub fn nearest<'n>(written: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let written = written.to_lowercase();
    let allowed = match written.chars().count() {
        0..=3 => 1,
        4..=7 => 2,
        _ => 3,
    };
    let length = written.chars().count();
    // Most names are told apart by their length, which is cheaper than by their letters.
    let known = known.into_iter().filter(|name| name.chars().count().abs_diff(length) <= allowed);
    let distances = known.map(|name| (strsim::damerau_levenshtein(&written, &name.to_lowercase()), name));
    distances.filter(|(distance, _)| *distance <= allowed).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn names_that_were_meant() {
        for (written, meant) in
            [("tilte", Some("title")), ("LANGUAGE", Some("language")), ("x", None), ("weather", None)]
        {
            assert_eq!(nearest(written, ["title", "language", "timezone"]), meant, "{written}");
        }
    }
}
