//! Pictures that agencies deliver beside a text.
//!
//! # Which picture belongs to which text?
//!
//! A wire text or an agency's file that names no picture itself gets the pictures of its folder that have its name, with or without a
//! number: `story.jpg`, `story_1.jpg` and `story-02.png` belong to `story.txt`. A picture whose name with the number is that of another
//! text belongs to that text only. Texts that differ only in their extension are the same story in two formats, so each gets the picture.
//! The picture without a number is the lead picture, otherwise the one with the lowest number. Markdown and HTML pages name their
//! pictures.

use std::collections::BTreeSet;

use super::file_names::is_article_name;
use super::media_terms::MediaReference;
use super::model::{Image, ImageFile, Media};
use super::parsed::{Article, Origin, Parsed};
use crate::types::ArticlePath;

/// The extensions of pictures. SVG isn't among them, because a drawing may contain scripts.
const PICTURES: &[&str] = &["jpg", "jpeg", "png", "gif", "webp", "avif"];
/// The extensions of texts that get pictures.
const TEXTS: &[&str] = &["txt", "json", "xml"];
/// The most digits of a picture's number. A year has more.
const MAX_DIGITS: usize = 3;

/// The names in a folder that decide which picture belongs to which text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FolderNames {
    /// Names of pictures.
    pictures: BTreeSet<Box<str>>,
    /// Names of texts, without extension, that end in a number.
    numbered_texts: BTreeSet<Box<str>>,
}

impl FolderNames {
    /// Adds the name of a file. Other names are ignored.
    pub fn add(&mut self, name: &str) {
        if is_picture_name(name) {
            self.pictures.insert(name.into());
        } else if let Some(stem) = stem_of_numbered_text(name) {
            self.numbered_texts.insert(stem.into());
        }
    }

    /// Whether [`FolderNames::add`] adds a name.
    pub fn needs(name: &str) -> bool {
        is_picture_name(name) || stem_of_numbered_text(name).is_some()
    }

    /// The pictures of a text in this folder, the lead picture first.
    pub fn pictures_of(&self, text: &ArticlePath) -> Vec<ArticlePath> {
        let stem = text.stem();
        if self.pictures.is_empty() || !gets_pictures(text) {
            return Vec::new();
        }
        let near = self.pictures.range::<str, _>((std::ops::Bound::Included(stem), std::ops::Bound::Unbounded));
        let near = near.take_while(|name| name.starts_with(stem));
        let mut found: Vec<(u32, &str)> = near.filter_map(|name| Some((self.number(stem, name)?, &**name))).collect();
        found.sort_unstable();
        let folder = text.folder();
        let path = |name: &str| match folder {
            "" => ArticlePath::new(name),
            _ => ArticlePath::new(&format!("{folder}/{name}")),
        };
        found.into_iter().map(|(_, name)| path(name)).collect()
    }

    /// The number of a picture that belongs to the texts with this stem; 0 without a number.
    fn number(&self, text: &str, picture: &str) -> Option<u32> {
        let stem = stem_with(picture, PICTURES)?;
        if stem == text {
            return Some(0);
        }
        let (base, number) = without_number(stem)?;
        (base == text && !self.numbered_texts.contains(stem)).then_some(number)
    }
}

/// Whether pictures beside a text of this name belong to it.
pub fn gets_pictures(text: &ArticlePath) -> bool {
    TEXTS.iter().any(|known| text.extension().eq_ignore_ascii_case(known))
}

/// Whether a file of this name may belong to a text.
pub fn is_picture_name(name: &str) -> bool {
    !name.starts_with(['.', '#', '~', '_']) && stem_with(name, PICTURES).is_some()
}

/// The names, without extension, of texts that may get a picture: its own, and that without its number.
pub fn names_of_texts(picture_stem: &str) -> impl Iterator<Item = &str> {
    std::iter::once(picture_stem).chain(without_number(picture_stem).map(|(base, _)| base))
}

fn stem_of_numbered_text(name: &str) -> Option<&str> {
    stem_with(name, TEXTS).filter(|stem| without_number(stem).is_some() && is_article_name(name))
}

/// The name without its extension, if that is one of these.
fn stem_with<'n>(name: &'n str, extensions: &[&str]) -> Option<&'n str> {
    let (stem, extension) = name.rsplit_once('.')?;
    (!stem.is_empty() && extensions.iter().any(|known| extension.eq_ignore_ascii_case(known))).then_some(stem)
}

/// Splits `story_1` into `story` and 1.
fn without_number(stem: &str) -> Option<(&str, u32)> {
    let (base, digits) = stem.rsplit_once(['_', '-'])?;
    let is_number = (1..=MAX_DIGITS).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && !base.is_empty()).then_some(())?;
    Some((base, digits.parse().ok()?))
}

impl Article {
    /// Adds pictures that belong to the article by their names: the lead picture, then further ones. They aren't measured yet.
    fn add_pictures(&mut self, pictures: &[ArticlePath]) {
        let metadata = std::sync::Arc::make_mut(&mut self.metadata);
        let mut pictures = pictures.iter().cloned().map(MediaReference::Local);
        let Some(url) = pictures.next() else { return };
        let image =
            metadata.image.get_or_insert_with(|| Image { files: Vec::new(), alt: None, caption: None, credit: None });
        image.files.push(ImageFile { url, facts: None });
        metadata.media.extend(pictures.map(|url| Media { url, media_type: None, facts: None, duration: None }));
    }
}

impl Parsed {
    /// Adds the pictures that belong to the article by their names, if it names none itself. They have to be measured then.
    pub fn add_pictures(&mut self, pictures: &[ArticlePath]) {
        let Some(article) = self.article.as_mut().filter(|_| self.gets_pictures) else { return };
        article.add_pictures(pictures);
        if !self.origins.is_empty() {
            self.origins.extend(pictures.iter().enumerate().map(|(number, picture)| Origin {
                field: if number == 0 { "image" } else { "media" },
                value: picture.to_string(),
                line: 0,
                source: "file beside",
            }));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pictures of a text among these files.
    fn pictures(files: &str, text: &str) -> String {
        let mut names = FolderNames::default();
        files.split(' ').for_each(|name| names.add(name));
        let found = names.pictures_of(&ArticlePath::new(text));
        found.iter().map(ArticlePath::as_str).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn pictures_belong_to_texts_by_name() {
        for (files, text, expected) in [
            ("story.jpg", "story.txt", "story.jpg"),
            ("story.jpg", "wire/story.txt", "wire/story.jpg"),
            ("story.JPG story.txt", "story.TXT", "story.JPG"),
            (
                "story.jpeg story.png story.gif story.webp story.avif",
                "story.json",
                "story.avif story.gif story.jpeg story.png story.webp",
            ),
            ("story.svg story.mp4 story.pdf story.jpg.part .story.jpg _story.jpg", "story.xml", ""),
            // Markdown and HTML pages name their pictures.
            ("story.jpg", "story.md", ""),
            ("story.jpg", "story.html", ""),
            // Numbers.
            (
                "story_2.jpg story-1.png story_10.jpg story.jpg",
                "story.txt",
                "story.jpg story-1.png story_2.jpg story_10.jpg",
            ),
            ("story-02.jpg story_001.jpg", "story.txt", "story_001.jpg story-02.jpg"),
            ("story_2026.jpg story_.jpg story_a.jpg story1.jpg story_1_2.jpg story 1.jpg", "story.txt", ""),
            ("story.1.jpg stor.jpg storyline.jpg", "story.txt", ""),
            ("_1.jpg", ".txt", ""),
            // The longest name decides.
            ("story.jpg story_1.jpg story_1_2.jpg story_1.txt", "story.txt", "story.jpg"),
            ("story.jpg story_1.jpg story_1_2.jpg story_1.txt", "story_1.txt", "story_1.jpg story_1_2.jpg"),
            ("story.jpg story_1.jpg story_1.md", "story.txt", "story.jpg story_1.jpg"),
            // One story in two formats.
            ("story.jpg story.txt story.xml", "story.txt", "story.jpg"),
            ("story.jpg story.txt story.xml", "story.xml", "story.jpg"),
            ("潮汐_1.jpg", "潮汐.txt", "潮汐_1.jpg"),
            ("story.jpg", "story.xml#urn:a", "story.jpg"),
        ] {
            assert_eq!(pictures(files, text), expected, "{text} with {files}");
        }
    }
}
