//! `[feeds.words]`: sentences for readers, in the language of the section.

use std::collections::BTreeMap;

use super::raw::{Sink, Table};
use super::values::language_tag;
use crate::diagnostics::Code;
use crate::types::{Language, Text};

/// The sentences of a language.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Sentences {
    withdrawn: Option<Text>,
    corrected: Option<Text>,
}

/// The sentences that the configuration states, by language in lower case.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Words(BTreeMap<String, Sentences>);

/// The built-in sentences: language, "Withdrawn by the agency", "Corrected by the agency". Most news agencies write in one of these.
const BUILT_IN: &[(&str, &str, &str)] = &[
    ("en", "Withdrawn by the agency", "Corrected by the agency"),
    ("ar", "سحبته الوكالة", "صححته الوكالة"),
    ("da", "Trukket tilbage af nyhedsbureauet", "Rettet af nyhedsbureauet"),
    ("de", "Von der Agentur zurückgezogen", "Von der Agentur berichtigt"),
    ("es", "Retirado por la agencia", "Corregido por la agencia"),
    ("fi", "Uutistoimisto on vetänyt jutun pois", "Uutistoimisto on korjannut juttua"),
    ("fr", "Retiré par l’agence", "Corrigé par l’agence"),
    ("it", "Ritirato dall’agenzia", "Corretto dall’agenzia"),
    ("ja", "通信社が配信を取り消しました", "通信社が訂正しました"),
    ("ko", "통신사가 기사를 취소했습니다", "통신사가 기사를 정정했습니다"),
    ("nb", "Trukket av nyhetsbyrået", "Rettet av nyhetsbyrået"),
    ("nl", "Ingetrokken door het persbureau", "Gecorrigeerd door het persbureau"),
    ("nn", "Trekt av nyhendebyrået", "Retta av nyhendebyrået"),
    ("no", "Trukket av nyhetsbyrået", "Rettet av nyhetsbyrået"),
    ("pl", "Wycofane przez agencję", "Poprawione przez agencję"),
    ("pt", "Retirado pela agência", "Corrigido pela agência"),
    ("ru", "Отозвано агентством", "Исправлено агентством"),
    ("sv", "Tillbakadragen av nyhetsbyrån", "Rättad av nyhetsbyrån"),
    ("zh", "通讯社已撤稿", "通讯社已更正"),
    ("zh-hant", "通訊社已撤稿", "通訊社已更正"),
    ("zh-hk", "通訊社已撤稿", "通訊社已更正"),
    ("zh-tw", "通訊社已撤稿", "通訊社已更正"),
];

impl Words {
    /// What readers of a story learn that its agency withdrew.
    pub fn withdrawn(&self, language: &Language) -> Text {
        self.find(language, |stated| stated.withdrawn.as_ref(), |(_, withdrawn, _)| withdrawn)
    }

    /// What readers of a story learn that its agency corrected.
    pub fn corrected(&self, language: &Language) -> Text {
        self.find(language, |stated| stated.corrected.as_ref(), |(_, _, corrected)| corrected)
    }

    /// The sentence in a language, in its nearest relative (RFC 4647, section 3.4), or in English.
    fn find(
        &self,
        language: &Language,
        stated: impl Fn(&Sentences) -> Option<&Text>,
        built_in: impl Fn(&(&'static str, &'static str, &'static str)) -> &'static str,
    ) -> Text {
        let tag = language.as_str().to_ascii_lowercase();
        let tags = std::iter::successors(Some(&*tag), |tag| Some(tag.rsplit_once('-')?.0)).chain(["en"]);
        let sentence = |tag: &str| {
            let known = || BUILT_IN.iter().find(|(known, ..)| *known == tag).map(&built_in);
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
        let sentences = Sentences { withdrawn: sentence(sink, "withdrawn"), corrected: sentence(sink, "corrected") };
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
        let stated = Sentences { withdrawn: Some(Text::new("Retiré")), corrected: None };
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
