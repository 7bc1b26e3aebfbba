//! Folders of articles, as text: `news/chips` in the content directory, `wire://news` in the source `wire`.
//!
//! The content directory itself is `""`, the directory of the source `wire` is `wire:/`. No relative path has two slashes in a row, so a
//! folder of the content directory is never mistaken for one of a source.

/// The directory of a source. `None`: the content directory.
pub fn top(source: Option<&str>) -> String {
    source.map_or_else(String::new, |name| format!("{name}:/"))
}

/// The name of the source that a path or a folder belongs to. `None` for the content directory.
pub fn source(path: &str) -> Option<&str> {
    let (first, rest) = path.split_once('/')?;
    first.strip_suffix(':').filter(|_| rest.is_empty() || rest.starts_with('/'))
}

/// A path or a folder relative to the directory of its source.
pub fn relative(path: &str) -> &str {
    let below = source(path).and_then(|name| path.get(name.len() + ":/".len()..));
    below.map_or(path, |below| below.strip_prefix('/').unwrap_or(below))
}

/// Whether a folder is the directory of a source.
pub fn is_top(folder: &str) -> bool {
    relative(folder).is_empty()
}

/// The folder above a folder. `None` for the directory of a source.
pub fn parent(folder: &str) -> Option<&str> {
    match is_top(folder) {
        true => None,
        false => Some(folder.rsplit_once('/').map_or("", |(parent, _)| parent)),
    }
}

/// The path of an entry of a folder.
pub fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}

/// Whether a path is below a folder. The content directory doesn't contain other sources.
pub fn contains(folder: &str, path: &str) -> bool {
    match folder.is_empty() {
        true => source(path).is_none(),
        false => path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_belong_to_their_source() {
        for (path, expected) in [
            ("", "None '' top None"),
            ("news", "None 'news' Some(\"\")"),
            ("news/chips", "None 'news/chips' Some(\"news\")"),
            ("wire:/", "Some(\"wire\") '' top None"),
            ("wire://news", "Some(\"wire\") 'news' Some(\"wire:/\")"),
            ("wire://news/chips", "Some(\"wire\") 'news/chips' Some(\"wire://news\")"),
            // Folders of the content directory that look like sources.
            ("wire:", "None 'wire:' Some(\"\")"),
            ("wire:/news", "None 'wire:/news' Some(\"wire:\")"),
            ("re:invent", "None 're:invent' Some(\"\")"),
            ("news/wire:/x", "None 'news/wire:/x' Some(\"news/wire:\")"),
        ] {
            let mark = if is_top(path) { " top" } else { "" };
            let found = format!("{:?} '{}'{mark} {:?}", source(path), relative(path), parent(path));
            assert_eq!(found, expected, "{path}");
        }
    }

    #[test]
    fn folder_contains_paths_of_its_source_only() {
        for (folder, inside, outside) in [
            ("", "a.md news/a.md wire:a.md wire:/a.md", "wire://a.txt wire://news/a.txt"),
            ("news", "news/a.md news/chips/a.md", "a.md newsroom/a.md wire://news/a.txt"),
            ("wire:/", "wire://a.txt wire://news/a.txt", "a.md wire:a.md wire:/a.md wires://a.txt"),
            ("wire://news", "wire://news/a.txt", "wire://a.txt wire://newsroom/a.txt news/a.txt"),
        ] {
            for (paths, is_inside) in [(inside, true), (outside, false)] {
                for path in paths.split(' ') {
                    assert_eq!(contains(folder, path), is_inside, "{folder} {path}");
                }
            }
        }
    }
}
