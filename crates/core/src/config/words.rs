//! `[feeds.words]`: sentences for readers, in the language of the section.

use std::collections::BTreeMap;

use super::raw::{Sink, Table};
use super::values::language_tag;
use crate::diagnostics::Code;
use crate::types::{Language, Text};

/// The sentences of a language, in the order of [`KEYS`].
type Sentences = [Option<Text>; KEYS.len()];

/// The keys of a language's table.
const KEYS: [&str; 4] = ["withdrawn", "corrected", "retraction_title", "retracted"];

/// The sentences that the configuration states, by language in lower case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Words(BTreeMap<String, Sentences>);

/// The built-in sentences, by language. Most news agencies write in one of these.
const BUILT_IN: &[(&str, [&str; KEYS.len()])] = &[
    ("en", ["Withdrawn by the agency", "Corrected by the agency", "Story retracted", "This story was retracted."]),
    ("ar", ["سحبته الوكالة", "صححته الوكالة", "سُحب هذا الخبر", "سُحب هذا الخبر."]),
    (
        "da",
        [
            "Trukket tilbage af nyhedsbureauet",
            "Rettet af nyhedsbureauet",
            "Artikel trukket tilbage",
            "Denne artikel er trukket tilbage.",
        ],
    ),
    (
        "de",
        [
            "Von der Agentur zurückgezogen",
            "Von der Agentur berichtigt",
            "Beitrag zurückgezogen",
            "Dieser Beitrag wurde zurückgezogen.",
        ],
    ),
    (
        "es",
        ["Retirado por la agencia", "Corregido por la agencia", "Noticia retirada", "Esta noticia ha sido retirada."],
    ),
    (
        "fi",
        [
            "Uutistoimisto on vetänyt jutun pois",
            "Uutistoimisto on korjannut juttua",
            "Juttu on vedetty pois",
            "Tämä juttu on vedetty pois.",
        ],
    ),
    ("fr", ["Retiré par l’agence", "Corrigé par l’agence", "Article retiré", "Cet article a été retiré."]),
    (
        "it",
        ["Ritirato dall’agenzia", "Corretto dall’agenzia", "Articolo ritirato", "Questo articolo è stato ritirato."],
    ),
    (
        "ja",
        [
            "通信社が配信を取り消しました",
            "通信社が訂正しました",
            "記事を取り消しました",
            "この記事は取り消されました。",
        ],
    ),
    ("ko", ["통신사가 기사를 취소했습니다", "통신사가 기사를 정정했습니다", "기사 취소", "이 기사는 취소되었습니다."]),
    ("nb", ["Trukket av nyhetsbyrået", "Rettet av nyhetsbyrået", "Saken er trukket", "Denne saken er trukket."]),
    (
        "nl",
        [
            "Ingetrokken door het persbureau",
            "Gecorrigeerd door het persbureau",
            "Artikel ingetrokken",
            "Dit artikel is ingetrokken.",
        ],
    ),
    ("nn", ["Trekt av nyhendebyrået", "Retta av nyhendebyrået", "Saka er trekt", "Denne saka er trekt."]),
    ("no", ["Trukket av nyhetsbyrået", "Rettet av nyhetsbyrået", "Saken er trukket", "Denne saken er trukket."]),
    ("pl", ["Wycofane przez agencję", "Poprawione przez agencję", "Artykuł wycofany", "Ten artykuł został wycofany."]),
    ("pt", ["Retirado pela agência", "Corrigido pela agência", "Notícia retirada", "Esta notícia foi retirada."]),
    ("ru", ["Отозвано агентством", "Исправлено агентством", "Материал отозван", "Этот материал отозван."]),
    (
        "sv",
        [
            "Tillbakadragen av nyhetsbyrån",
            "Rättad av nyhetsbyrån",
            "Artikeln har dragits tillbaka",
            "Den här artikeln har dragits tillbaka.",
        ],
    ),
    ("zh", ["通讯社已撤稿", "通讯社已更正", "报道已撤回", "本报道已撤回。"]),
    ("zh-hant", ["通訊社已撤稿", "通訊社已更正", "報道已撤回", "本報道已撤回。"]),
    ("zh-hk", ["通訊社已撤稿", "通訊社已更正", "報道已撤回", "本報道已撤回。"]),
    ("zh-tw", ["通訊社已撤稿", "通訊社已更正", "報導已撤回", "本報導已撤回。"]),
];

impl Words {
    /// The reason that readers of a story get if its agency withdrew it.
    pub fn withdrawn(&self, language: &Language) -> Text {
        self.find(language, |[withdrawn, ..]| withdrawn.as_ref(), |[withdrawn, ..]| withdrawn)
    }

    /// The note that readers of a story get if its agency corrected it.
    pub fn corrected(&self, language: &Language) -> Text {
        self.find(language, |[_, corrected, ..]| corrected.as_ref(), |[_, corrected, ..]| corrected)
    }

    /// The title of the notice in the place of a retracted story.
    pub fn retraction_title(&self, language: &Language) -> Text {
        self.find(language, |[.., title, _]| title.as_ref(), |[.., title, _]| title)
    }

    /// The text of a notice.
    pub fn retracted(&self, language: &Language) -> Text {
        self.find(language, |[.., retracted]| retracted.as_ref(), |[.., retracted]| retracted)
    }

    /// The sentence in a language, in its nearest relative (RFC 4647, section 3.4), or in English.
    fn find(
        &self,
        language: &Language,
        stated: impl Fn(&Sentences) -> Option<&Text>,
        built_in: impl Fn(&[&'static str; KEYS.len()]) -> &'static str,
    ) -> Text {
        let tag = language.as_str().to_ascii_lowercase();
        let tags = std::iter::successors(Some(&*tag), |tag| Some(tag.rsplit_once('-')?.0)).chain(["en"]);
        let sentence = |tag: &str| {
            let known = || BUILT_IN.iter().find(|(known, _)| *known == tag).map(|(_, known)| built_in(known));
            self.0.get(tag).and_then(&stated).cloned().or_else(|| known().map(Text::new))
        };
        tags.into_iter().find_map(sentence).unwrap_or_else(|| Text::new(""))
    }
}

/// Reads `[feeds.words]`.
pub(super) fn validate(feeds: &mut Table<'_>, sink: &mut Sink<'_>) -> Words {
    let mut words = BTreeMap::new();
    for (name, mut table) in feeds.table(sink, "words").named_tables(sink) {
        let language = language_tag(sink, &name);
        let mut sentence = |sink: &mut Sink<'_>, key| {
            let text = table.text(sink, key)?;
            let sentence = Text::line(&text.value);
            if sentence.is_empty() {
                let help = "write a sentence for readers, or leave the key out";
                sink.report(Code::ConfigMissing, &text.span, format!("`{key}` is empty"), help);
            }
            Some(sentence)
        };
        let sentences = KEYS.map(|key| sentence(sink, key));
        table.finish(sink);
        words.extend(language.map(|language| (language.as_str().to_ascii_lowercase(), sentences)));
    }
    Words(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentence_is_in_nearest_language() {
        let stated = [Some(Text::new("Retiré")), None, None, None];
        let words = Words(BTreeMap::from([("fr-ca".to_owned(), stated)]));
        for (language, withdrawn, corrected) in [
            ("fr-CA", "Retiré", "Corrigé par l’agence"),
            ("fr", "Retiré par l’agence", "Corrigé par l’agence"),
            ("de-CH", "Von der Agentur zurückgezogen", "Von der Agentur berichtigt"),
            ("zh-Hans", "通讯社已撤稿", "通讯社已更正"),
            ("zh-Hant-HK", "通訊社已撤稿", "通訊社已更正"),
            ("mt", "Withdrawn by the agency", "Corrected by the agency"),
        ] {
            let language = Language::parse(language).expect(language);
            assert_eq!(words.withdrawn(&language).as_str(), withdrawn, "{language}");
            assert_eq!(words.corrected(&language).as_str(), corrected, "{language}");
        }
    }
}
