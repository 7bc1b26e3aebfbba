//! Copies of the pictures of agencies' stories, in the folder `media` of the state directory, each under its path in the content directory.
//!
//! # Why are copies kept?
//!
//! Agencies' folders are cleaned up. A story stays as it was while files of its item exist, and its pictures stay with it.
//!
//! # Which copies are kept?
//!
//! Those of the pictures of stories that feeds show, up to `state.max_kept` bytes: the pictures that changed last. Copies of pictures that
//! were killed, or whose story left, are removed at once.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::beneath::{Root, Roots};
use crate::types::ArticlePath;

const FOLDER: &str = "media";

/// The copies of a source's pictures, as a root directory.
pub fn kept_media(state: &Path, source: Option<&str>) -> Root {
    Root::new(&folder_of(state, source), "state").of_source(source.map(Into::into))
}

/// The folder of a source's copies.
fn folder_of(state: &Path, source: Option<&str>) -> PathBuf {
    let folder = state.join(FOLDER);
    match source {
        Some(name) => folder.join(format!("~{name}")),
        None => folder,
    }
}

/// A picture in the content directory, or its copy.
struct Picture {
    path: ArticlePath,
    bytes: u64,
    modified: SystemTime,
    /// `None`: only the copy is there.
    original: Option<File>,
}

/// Copies pictures that are new or changed, and removes copies that aren't wanted or exceed `max_bytes`. Returns how many pictures exceed
/// it.
///
/// # Errors
/// If a copy can't be written or removed.
pub fn keep_media<'p>(
    state: &Path,
    content: &Roots,
    wanted: impl Iterator<Item = &'p ArticlePath>,
    max_bytes: u64,
) -> io::Result<usize> {
    let folder = state.join(FOLDER);
    let mut copies = copies(&folder)?;
    let mut pictures: Vec<Picture> = Vec::new();
    for path in wanted {
        let file = folder_of(state, path.source()).join(path.relative());
        let picture = match content.of(path).and_then(|root| root.open_file(path)) {
            Ok((original, metadata)) => {
                Some((metadata.len(), metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), Some(original)))
            }
            Err(_) => copies.get(&file).map(|(bytes, modified)| (*bytes, *modified, None)),
        };
        let path = path.clone();
        pictures.extend(picture.map(|(bytes, modified, original)| Picture { path, bytes, modified, original }));
    }
    // The pictures that changed last stay.
    pictures.sort_by(|one, other| (other.modified, &one.path).cmp(&(one.modified, &other.path)));
    let (mut total, mut excess) = (0_u64, 0);
    for Picture { path, bytes, modified, original } in pictures {
        total = total.saturating_add(bytes);
        if total > max_bytes {
            excess += 1;
            continue;
        }
        let file = folder_of(state, path.source()).join(path.relative());
        let is_current = copies.remove(&file) == Some((bytes, modified));
        if let Some(original) = original.filter(|_| !is_current) {
            copy(original, &file, modified)?;
        }
    }
    for file in copies.into_keys() {
        fs::remove_file(&file)?;
        // Folders that still have files stay.
        let folders = file.ancestors().skip(1).take_while(|parent| parent.starts_with(&folder));
        folders.map(fs::remove_dir).take_while(Result::is_ok).for_each(drop);
    }
    Ok(excess)
}

/// Writes a copy with the modification time of the original.
fn copy(mut original: File, file: &Path, modified: SystemTime) -> io::Result<()> {
    if let Some(parent) = file.parent() {
        fs::create_dir_all(parent)?;
    }
    let mut name = file.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let copied = File::create(&new).and_then(|mut to| {
        io::copy(&mut original, &mut to)?;
        to.set_modified(modified)
    });
    let copied = copied.and_then(|()| fs::rename(&new, file));
    copied.inspect_err(|_| drop(fs::remove_file(&new)))
}

/// The size and the modification time of each copy. Includes what a killed process left.
fn copies(folder: &Path) -> io::Result<HashMap<PathBuf, (u64, SystemTime)>> {
    let mut copies = HashMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let entries = match fs::read_dir(&next) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                copies.insert(entry.path(), (metadata.len(), modified));
            }
        }
    }
    Ok(copies)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn newest_wanted_pictures_are_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let (state, content) = (folder.path().join("state"), folder.path().join("content"));
        fs::create_dir_all(content.join("news")).expect("made");
        for (age, name) in ["news/a.jpg", "news/b.jpg", "c.jpg"].iter().enumerate() {
            fs::write(content.join(name), name).expect("written");
            let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 - age as u64);
            File::options()
                .write(true)
                .open(content.join(name))
                .and_then(|file| file.set_modified(modified))
                .expect("set");
        }
        let root = Root::new(&content, "content");
        let keep = |wanted: &str, max_bytes: u64| {
            let wanted: Vec<ArticlePath> = wanted.split_whitespace().map(ArticlePath::new).collect();
            let excess =
                keep_media(&state, &Roots::new(root.clone(), Vec::new()), wanted.iter(), max_bytes).expect("writable");
            let mut kept: Vec<String> = copies(&state.join(FOLDER))
                .expect("readable")
                .into_keys()
                .map(|file| {
                    let name = file.strip_prefix(state.join(FOLDER)).expect("below").display().to_string();
                    assert_eq!(fs::read_to_string(file).expect("readable"), name);
                    name
                })
                .collect();
            kept.sort();
            (kept.join(" "), excess)
        };
        let expect = |kept: &str, excess: usize| (kept.to_owned(), excess);
        assert_eq!(keep("news/a.jpg news/b.jpg c.jpg missing.jpg", 100), expect("c.jpg news/a.jpg news/b.jpg", 0));
        assert_eq!(keep("news/a.jpg news/b.jpg c.jpg", 20), expect("news/a.jpg news/b.jpg", 1));
        fs::remove_file(content.join("news/a.jpg")).expect("removed");
        assert_eq!(keep("news/a.jpg c.jpg", 100), expect("c.jpg news/a.jpg", 0));
        assert_eq!(keep("c.jpg", 100), expect("c.jpg", 0));
        assert!(!state.join(FOLDER).join("news").exists());
        assert_eq!(keep("", 100), expect("", 0));
    }
}
