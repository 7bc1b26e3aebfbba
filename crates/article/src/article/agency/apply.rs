//! Makes an article of an agency's item. Words such as statuses and signals are interpreted here, whatever the format.
//!
//! # What can block a story?
//!
//! A statement about publication that can't be read, an unusable date if there is no other, and a missing headline. Any other mistake is a
//! warning, and the story is published without the value.

use super::item::{Field, Item, Kind, Markup, Reference, Statement, Subject, set};
use super::{media, notices, text};
use crate::article::draft::Draft;
use crate::article::draft::lines::{Line, MAX_LAST_LINES};
use crate::article::fields::names;
use crate::article::ignored::IgnoredKind;
use crate::article::keys::{self, parse_bool};
use crate::article::meaning::{Certainty, Meaning};
use crate::article::model::Body;
use crate::article::parsed::Parsed;
use crate::article::sanitise::excess;
use crate::article::{access, byline, date, html, lifecycle};
use crate::diagnostics::Code;
use crate::types::Text;

/// Makes an article of an item.
pub(super) fn apply(mut draft: Draft<'_>, item: &Item) -> Parsed {
    apply_version(&mut draft, item);
    apply_publication(&mut draft, item);
    apply_notes(&mut draft, item);
    let kind = match item.kind {
        Kind::Text => None,
        Kind::Package => Some(IgnoredKind::Package),
        Kind::Picture | Kind::Other => Some(IgnoredKind::Media),
    };
    if let Some(kind) = kind {
        let media_terms = if kind == IgnoredKind::Media { media::terms(&draft, item) } else { Vec::new() };
        return Parsed { ignored: Some(kind), media_terms, ..draft.refuse(false) };
    }
    let (kills_itself, notice) = notices::of(item);
    if let Some((notice, place)) = notice {
        draft.optionally(|draft| apply_dates(draft, item));
        return crate::article::agency_notices::refuse(draft, notice, place.span);
    }
    if kills_itself {
        let signal = item.signals.first().cloned().unwrap_or_default();
        draft.set_status("killed", signal.span, signal.origin);
    }
    apply_dates(&mut draft, item);
    apply_texts(&mut draft, item);
    apply_people(&mut draft, item);
    apply_rights(&mut draft, item);
    apply_tags(&mut draft, item);
    media::apply(&mut draft, item);
    apply_body(&mut draft, item);
    apply_correction(&mut draft, item);
    Parsed { gets_pictures: item.pictures.is_empty(), ..draft.finish() }
}

fn apply_version(draft: &mut Draft<'_>, item: &Item) {
    set(item.id.as_ref(), |id, span, origin| draft.set_item_key(id, span, origin));
    set(item.version.as_ref(), |number, span, origin| draft.set_item_number(number, span, origin));
    set(item.version_created.as_ref(), |time, span, origin| {
        draft.optionally(|draft| draft.set_item_time(&text::extended_date(time), span, origin));
    });
}

/// Applies status, embargo, expiry and restrictions.
fn apply_publication(draft: &mut Draft<'_>, item: &Item) {
    for status in item.status.iter().chain(&item.further_statuses) {
        set(Some(status), |status, span, origin| draft.set_status(status, span, origin));
    }
    item.embargo.iter().chain(&item.further_embargoes).for_each(|embargo| apply_embargo(draft, embargo));
    for expires in item.expires.iter().chain(&item.further_expiries).filter(|expires| !expires.text.trim().is_empty()) {
        set(Some(expires), |expires, span, origin| draft.set_expires(&text::extended_date(expires), span, origin));
    }
    item.statements.iter().for_each(|statement| apply_statement(draft, statement));
}

/// The field, unless it is blank.
fn filled(field: &Option<Field>) -> Option<&Field> {
    field.as_ref().filter(|field| !field.text.trim().is_empty())
}

/// An embargo without a time lasts until a later version ends it.
fn apply_embargo(draft: &mut Draft<'_>, embargo: &Field) {
    let (span, origin) = (embargo.span.clone(), embargo.origin);
    if embargo.text.trim().is_empty() {
        draft.record_only("embargo", "until a later version", span.clone(), origin);
        return draft.set_draft(true, span, origin);
    }
    draft.set_embargo(&text::extended_date(&embargo.text), span, origin);
}

/// Applies a key that the format doesn't define.
fn apply_statement(draft: &mut Draft<'_>, Statement { key, value }: &Statement) {
    let (text, span, origin) = (value.text.as_str(), value.span.clone(), value.origin);
    if access::is_key(key) {
        return draft.set_access(key, text, span, origin);
    }
    let Some((meaning, certainty)) = lifecycle::lookup(key) else {
        let name = keys::normalised(key);
        if let Some(meant) = names::nearest_withholding_key(&name)
            && names::verdict(&name, Some(text)) > names::Verdict::Public
        {
            let message = format!("`{}` may say that the item is not public", key.escape_debug());
            let help = format!("did you mean `{meant}`? Until the key is right, nothing of the item is public");
            draft.refuse_key(Meaning::Embargo, span, message, help);
        }
        return;
    };
    let is_certain = certainty == Certainty::Certain;
    match meaning {
        Meaning::Embargo if is_certain && text.trim().is_empty() => apply_embargo(draft, value),
        Meaning::Embargo if is_certain || draft.is_labelled_instant(key, text) => {
            draft.set_labelled_embargo(key, text, span, origin);
        }
        Meaning::Expires if text.trim().is_empty() => {}
        Meaning::Expires if is_certain || draft.is_labelled_instant(key, text) => {
            draft.set_labelled_expires(key, text, span, origin);
        }
        Meaning::Status if is_certain || lifecycle::parse_status(text).is_some() => {
            draft.set_status(text, span, origin)
        }
        Meaning::Draft if is_certain || parse_bool(text).is_some() => draft.set_draft_word(text, span, origin),
        Meaning::Public if let Some(public) = parse_bool(text) => draft.set_draft(!public, span, origin),
        Meaning::Public | Meaning::Published if lifecycle::is_not_public(text) => draft.set_status(text, span, origin),
        // Beside the dates of the format, another tool's date schedules the item.
        Meaning::Public | Meaning::Published if draft.is_instant(text) => draft.set_embargo(text, span, origin),
        _ => {}
    }
}

/// Records editors' notes for `dateline explain`. A note may contain a line about an embargo.
fn apply_notes(draft: &mut Draft<'_>, item: &Item) {
    for note in &item.editor_notes {
        draft.apply_top_lines(&lines_of(note), note.origin);
        draft.record_only("editor's note", &note.text, note.span.clone(), note.origin);
    }
    let others = [("urgency", &item.urgency), ("place", &item.place)];
    for (name, field) in others {
        set(field.as_ref(), |text, span, origin| draft.record_only(name, text, span, origin));
    }
    for signal in &item.signals {
        set(Some(signal), |text, span, origin| draft.record_only("signal", text, span, origin));
    }
    for related in &item.related {
        set(Some(related), |text, span, origin| draft.record_related(text, span, origin));
    }
    for Reference { id, relation } in &item.references {
        let relation = relation.as_ref().map_or("", |relation| relation.text.as_str());
        draft.record_related(&format!("{} {relation}", id.text), id.span.clone(), id.origin);
    }
}

/// The lines of a plain text. All lines have the place of the text.
fn lines_of(field: &Field) -> Vec<Line> {
    let mut begins_paragraph = true;
    let mut lines = Vec::new();
    for line in field.text.lines().map(str::trim) {
        if !line.is_empty() {
            let text = line.to_owned();
            lines.push(Line { text, span: field.span.clone(), is_heading: false, begins_paragraph });
        }
        begins_paragraph = line.is_empty();
    }
    lines
}

fn apply_dates(draft: &mut Draft<'_>, item: &Item) {
    let dates = || [&item.first_created, &item.version_created, &item.modified].into_iter().filter_map(filled);
    let zone = &draft.source().options.timezone;
    let instant = |field: &Field| date::parse(&text::extended_date(&field.text), zone).ok().map(|date| date.moment);
    let is_date = |field: &&Field| instant(field).is_some();
    // An unusable date counts only if there is no other.
    let published = dates().find(is_date).or_else(|| dates().next());
    let begin = published.and_then(instant);
    let updated = [&item.modified, &item.version_created].into_iter().filter_map(filled).find(is_date);
    let updated = updated.filter(|updated| instant(updated) > begin);
    set(published, |date, span, origin| draft.set_published(&text::extended_date(date), span, origin));
    set(updated, |date, span, origin| draft.set_updated(&text::extended_date(date), span, origin));
}

fn apply_texts(draft: &mut Draft<'_>, item: &Item) {
    set(item.title.as_ref(), |title, span, origin| draft.set_title(title, span, origin));
    for subhead in &item.subheads {
        set(Some(subhead), |text, span, origin| draft.record_only("subhead", text, span, origin));
    }
    for summary in filled(&item.summary).into_iter().chain(item.subheads.first()) {
        set(Some(summary), |text, span, origin| draft.set_summary(text, span, origin));
    }
    draft.optionally(|draft| {
        set(filled(&item.language), |language, span, origin| draft.set_language(language, span, origin));
        set(filled(&item.link), |link, span, origin| draft.set_link(link, span, origin));
    });
}

/// Adds the authors: those of the bylines, without the agency, or the stated creators.
fn apply_people(draft: &mut Draft<'_>, item: &Item) {
    let agencies = [&item.provider, &item.source, &item.copyright_holder];
    let agencies: Vec<_> =
        agencies.into_iter().flatten().map(|name| keys::normalised(&name.text).into_owned()).collect();
    let mut people = Vec::new();
    for line in &item.bylines {
        // Persons that are marked in the byline needn't be split.
        let is_inside = |author: &&Field| line.span.start <= author.span.start && author.span.end <= line.span.end;
        let marked = item.authors.iter().filter(is_inside).map(|author| (author.text.clone(), author));
        let before = people.len();
        people.extend(marked);
        if people.len() == before {
            let names = byline::names(&line.text).into_iter().filter_map(|name| name_after_by(&name));
            people.extend(names.map(|name| (name, line)));
        }
    }
    if people.is_empty() {
        people.extend(item.authors.iter().map(|author| (author.text.clone(), author)));
    }
    let is_agency = |name: &str| agencies.contains(&keys::normalised(name).into_owned());
    let has_person = people.iter().any(|(name, _)| !is_agency(name));
    for (name, field) in people.iter().filter(|(name, _)| !has_person || !is_agency(name)) {
        draft.add_author(name, field.span.clone(), field.origin);
    }
}

/// The name in `Additional reporting by Cy Dunn`. `None` if the name is that of an editor.
fn name_after_by(name: &str) -> Option<String> {
    match name.split_once(" by ") {
        Some((role, _)) if role.to_ascii_lowercase().contains("edit") => None,
        Some((_, name)) => Some(name.to_owned()),
        None => Some(name.to_owned()),
    }
}

fn apply_rights(draft: &mut Draft<'_>, item: &Item) {
    let (source, provider) = (filled(&item.source), filled(&item.provider));
    set(source.or(provider), |source, span, origin| draft.set_source(source, span, origin));
    set(provider, |provider, span, origin| draft.record_only("provider", provider, span, origin));
    let codes = filled(&item.provider_code);
    let providers = provider.or(source).into_iter().chain(codes);
    providers.for_each(|provider| draft.add_provider(&provider.text));
    let holder = filled(&item.copyright_holder);
    let owner = filled(&item.copyright_notice).cloned();
    let owner =
        owner.or_else(|| holder.map(|holder| Field { text: format!("© {}", holder.text.trim()), ..holder.clone() }));
    let terms = filled(&item.usage_terms);
    let parts: Vec<&Field> = owner.iter().chain(terms).collect();
    if let Some(first) = parts.first() {
        let rights = parts.iter().fold(String::new(), |rights, part| {
            let separator = match rights.chars().next_back() {
                None => "",
                Some(last) if last.is_alphanumeric() => ". ",
                Some(_) => " ",
            };
            rights + separator + part.text.trim()
        });
        draft.set_copyright(&rights, first.span.clone(), first.origin);
    }
}

/// Adds names of subjects, or their codes, and keywords. The codes and the slugline can decide the section.
fn apply_tags(draft: &mut Draft<'_>, item: &Item) {
    draft.routing();
    set(item.slugline.as_ref(), |slugline, span, origin| draft.set_slugline(slugline, span, origin));
    for Subject { code, broader, .. } in &item.subjects {
        for code in code.iter().chain(broader) {
            draft.add_subject_code(&text::subject_code(&code.text), code.span.clone(), code.origin);
        }
    }
    draft.optionally(|draft| {
        for subject in &item.subjects {
            match (&subject.name, &subject.code) {
                (Some(name), _) => draft.add_tag(&name.text, name.span.clone(), name.origin),
                (None, Some(code)) => draft.add_tag(&text::subject_code(&code.text), code.span.clone(), code.origin),
                (None, None) => {}
            }
        }
        for keyword in &item.keywords {
            draft.add_tag(&keyword.text, keyword.span.clone(), keyword.origin);
        }
    });
}

/// Sets the body: the best text that can be read, with the dateline if the text doesn't begin with it.
fn apply_body(draft: &mut Draft<'_>, item: &Item) {
    let mut tangled = None;
    for body in &item.bodies {
        let content = body.field.text.as_str();
        let dateline = item.dateline.as_ref().map_or("", |dateline| dateline.text.as_str());
        match body.markup {
            Markup::Html => {
                if let Some(excess) = excess(content) {
                    tangled.get_or_insert((excess, &body.field));
                    continue;
                }
                html::apply_statements(draft, content);
                return draft.set_body(Body::Html(text::with_dateline(content, dateline)));
            }
            Markup::Plain => {
                let lines = lines_of(&body.field);
                draft.apply_top_lines(&lines, "text");
                let last = lines.len().saturating_sub(MAX_LAST_LINES);
                draft.apply_last_lines(lines.get(last..).unwrap_or_default(), "text");
                let mut paragraphs = text::paragraphs(content);
                if let Some(first) = paragraphs.first_mut() {
                    *first = Text::line(&text::after_dateline(dateline, first.as_str()));
                }
                return draft.set_body(Body::Paragraphs(paragraphs));
            }
        }
    }
    match tangled {
        Some((excess, field)) => {
            let markup = &field.text;
            draft.report(Code::HtmlTangled, field.span.clone(), excess.message("the text"), excess.help());
            if lifecycle::withholds(markup) || access::page_withholds(markup) {
                draft.withhold_earlier_versions();
            }
        }
        None if draft.is_retracted() || item.summary.is_some() => {}
        None => {
            let help = "if the story should have more than a headline, ask the agency for its text";
            draft.report(Code::AgencyText, 0..0, "the item has no text", help);
        }
    }
}

/// Marks a corrected story. Readers get a neutral sentence, because the agency's words are for editors.
fn apply_correction(draft: &mut Draft<'_>, item: &Item) {
    if let Some(signal) = item.signals.iter().find(|signal| notices::is_correction(&signal.text))
        && draft.has_date()
        && !draft.is_retracted()
    {
        draft.add_agency_correction(&signal.text, signal.span.clone(), signal.origin);
    }
}
