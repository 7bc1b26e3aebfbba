//! Applies the pictures, sounds and films of an item, and the agency's terms for them.

use super::item::{Field, Item, Limits, Picture, Rendition, set};
use super::{availability, text};
use crate::article::date;
use crate::article::draft::Draft;
use crate::article::media_terms::{Availability, MediaTerms};
use crate::article::model::MediaFacts;
use crate::types::Text;

/// When readers may see a file of the item. Rights that ended before the item was made were never there.
fn availability_of(limits: &Limits, item: &Item, draft: &Draft<'_>) -> Availability {
    let zone = &draft.source().options.timezone;
    let instant = |field: &Field| date::parse(&text::extended_date(&field.text), zone).ok().map(|date| date.moment);
    let made = item.version_created.as_ref().and_then(instant);
    match availability::of(limits, zone) {
        Availability::Period { until: Some(until), .. } if made.is_some_and(|made| until <= made) => {
            Availability::Withheld
        }
        availability => availability,
    }
}

/// The terms of all files of an item that is itself a picture, sound or film.
pub(super) fn terms(draft: &Draft<'_>, item: &Item) -> Vec<MediaTerms> {
    let own = availability_of(&item.limits(), item, draft);
    let id = item.id.as_ref().and_then(id_text);
    let pictures = item.pictures.iter().flat_map(|picture| {
        let limits = availability_of(&picture.limits, item, draft);
        picture.renditions.iter().map(move |rendition| (rendition, limits))
    });
    let files = pictures.chain(item.media.iter().map(|media| (media, Availability::ALWAYS)));
    let terms = files.filter_map(|(rendition, limits)| {
        let url = Some(draft.media_reference(&rendition.address.text).ok()?);
        let availability = own.and(limits).and(availability_of(&rendition.limits, item, draft));
        Some(MediaTerms { url, id: id.clone(), availability })
    });
    let mut terms: Vec<MediaTerms> = terms.collect();
    if terms.is_empty() {
        // A kill needn't repeat the addresses: its id names the picture.
        terms.extend(id.map(|id| MediaTerms { url: None, id: Some(id), availability: own }));
    }
    terms
}

/// The first picture is the lead picture, unless another one is public earlier. The others, and sound and film, are media of the article.
pub(super) fn apply(draft: &mut Draft<'_>, item: &Item) {
    let (mut pictures, mut withheld): (Vec<(&Picture, Availability)>, Vec<&Picture>) = Default::default();
    for picture in &item.pictures {
        let availability = availability_of(&picture.limits, item, draft);
        add_terms(draft, item, picture, availability);
        if matches!(availability, Availability::Withheld | Availability::Killed) {
            withheld.push(picture);
        } else {
            pictures.push((picture, availability));
        }
    }
    pictures.sort_by_key(|(_, availability)| matches!(availability, Availability::Period { from: Some(_), .. }));
    let mut is_first = true;
    for (picture, _) in pictures {
        let is_usable = |rendition: &&Rendition| {
            is_picture(rendition)
                && matches!(availability_of(&rendition.limits, item, draft), Availability::Period { .. })
        };
        let mut renditions: Vec<&Rendition> = picture.renditions.iter().filter(is_usable).collect();
        renditions.sort_by_key(|rendition| std::cmp::Reverse(number(rendition.width.as_ref())));
        if !is_first {
            // A feed shows one rendition of a further picture.
            draft.optionally(|draft| renditions.iter().take(1).for_each(|rendition| add_media(draft, rendition)));
            continue;
        }
        draft.optionally(|draft| {
            for rendition in renditions {
                let (address, facts) = (&rendition.address, facts(rendition));
                draft.add_image_file(&address.text, facts, address.span.clone(), address.origin);
            }
        });
        // A caption can't be published without its picture.
        if draft.has_image() {
            is_first = false;
            set(picture.caption.as_ref(), |text, span, origin| draft.set_image_caption(text, span, origin));
            set(picture.credit.as_ref(), |text, span, origin| draft.set_image_credit(text, span, origin));
            set(picture.alt.as_ref(), |text, span, origin| draft.set_image_alt(text, span, origin));
        }
    }
    for picture in withheld {
        let id = picture.id.as_ref().or(picture.caption.as_ref()).cloned().unwrap_or_default();
        draft.record_only("picture not public", &id.text, id.span, id.origin);
    }
    for media in &item.media {
        let availability = availability_of(&media.limits, item, draft);
        add_term(draft, media, media.id.as_ref().and_then(id_text), availability);
        if matches!(availability, Availability::Period { .. }) {
            draft.optionally(|draft| add_media(draft, media));
        }
    }
}

/// Adds the terms of a picture's files.
fn add_terms(draft: &mut Draft<'_>, item: &Item, picture: &Picture, of_picture: Availability) {
    for rendition in &picture.renditions {
        let id = rendition.id.as_ref().or(picture.id.as_ref());
        let availability = of_picture.and(availability_of(&rendition.limits, item, draft));
        add_term(draft, rendition, id.and_then(id_text), availability);
    }
}

fn id_text(id: &Field) -> Option<Text> {
    Some(Text::line(&id.text)).filter(|id| !id.is_empty())
}

fn add_term(draft: &mut Draft<'_>, rendition: &Rendition, id: Option<Text>, availability: Availability) {
    if let Ok(url) = draft.media_reference(&rendition.address.text)
        && (id.is_some() || availability != Availability::ALWAYS)
    {
        draft.add_terms(MediaTerms { url: Some(url), id, availability });
    }
}

fn is_picture(rendition: &Rendition) -> bool {
    rendition
        .media_type
        .as_ref()
        .is_none_or(|stated| !stated.text.contains('/') || stated.text.trim().starts_with("image/"))
}

fn add_media(draft: &mut Draft<'_>, rendition: &Rendition) {
    let address = &rendition.address;
    let kind = rendition.media_type.as_ref().map(|kind| kind.text.trim()).filter(|kind| kind.contains('/'));
    let duration = rendition.duration.as_ref().and_then(|seconds| seconds.text.trim().parse::<f64>().ok());
    let duration =
        duration.filter(|seconds| (1.0..=MAX_SECONDS).contains(seconds)).map(|seconds| seconds.round() as u64);
    draft.add_media(&address.text, kind, facts(rendition), duration, address.span.clone(), address.origin);
}

/// The longest duration that a feed states: a week.
const MAX_SECONDS: f64 = 604_800.0;

fn facts(rendition: &Rendition) -> Option<MediaFacts> {
    let pixels = |field: &Option<Field>| Some(number(field.as_ref())).filter(|pixels| *pixels > 0);
    let pixels = |field| pixels(field).and_then(|pixels| u32::try_from(pixels).ok());
    let facts = MediaFacts {
        length: number(rendition.size.as_ref()),
        width: pixels(&rendition.width),
        height: pixels(&rendition.height),
    };
    (facts != MediaFacts::default()).then_some(facts)
}

/// A whole number, which some agencies write with a fraction. 0: unknown.
fn number(field: Option<&Field>) -> u64 {
    let text = field.map(|field| field.text.trim()).unwrap_or_default();
    text.split_once('.').map_or(text, |(whole, _)| whole).parse().unwrap_or(0)
}
