//! Labels and other words of wire text. Newsrooms add labels of their own in `[content.wire]`. Labels for embargo, expiry and status are in
//! [`lifecycle`].

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::article::keys::normalised;
use crate::article::lifecycle;
use crate::article::options::WireField;
use crate::article::steps;
use crate::types::Text;

/// Built-in labels. Letter case, blanks and punctuation don't matter: `作　者` is `作者`.
const LABELS: &[(WireField, &[&str])] = &[
    (
        WireField::Breadcrumb,
        &[
            "position",
            "current position",
            "your position",
            "location path",
            "you are here",
            "breadcrumb",
            "channel",
            "位置",
            "当前位置",
            "现在位置",
            "您的位置",
            "你的位置",
            "所在位置",
            "您现在的位置",
            "您当前的位置",
            "您所在的位置",
            "栏目",
            "频道",
        ],
    ),
    (WireField::Title, &["title", "headline", "标题", "题目"]),
    (
        WireField::Source,
        &[
            "source",
            "sources",
            "来源",
            "稿源",
            "文章来源",
            "新闻来源",
            "稿件来源",
            "信息来源",
            "消息来源",
            "来源媒体",
            "出处",
        ],
    ),
    (
        WireField::Date,
        &[
            "date",
            "time",
            "published",
            "published at",
            "published on",
            "publish time",
            "publish date",
            "publication date",
            "release time",
            "release date",
            "posted",
            "posted on",
            "时间",
            "日期",
            "发布时间",
            "发布日期",
            "发布于",
            "发表时间",
            "发表于",
            "刊发时间",
        ],
    ),
    (
        WireField::Updated,
        &[
            "updated",
            "updated at",
            "last updated",
            "update time",
            "last modified",
            "更新",
            "更新时间",
            "更新于",
            "修改时间",
        ],
    ),
    (
        WireField::Author,
        &[
            "author",
            "authors",
            "by",
            "byline",
            "writer",
            "writers",
            "written by",
            "reporter",
            "reporters",
            "correspondent",
            "作者",
            "记者",
            "本报记者",
            "本网记者",
            "撰文",
            "撰稿",
            "文",
            "通讯员",
            "本报通讯员",
            "文字",
        ],
    ),
    (
        WireField::Editor,
        &[
            "editor",
            "editors",
            "edited by",
            "editor in charge",
            "responsible editor",
            "web editor",
            "copy editor",
            "编辑",
            "责任编辑",
            "责编",
            "网络编辑",
            "网站编辑",
            "值班编辑",
            "本文编辑",
            "本期编辑",
            "编审",
        ],
    ),
    (WireField::Tags, &["keywords", "keyword", "tags", "tag", "topics", "关键词", "关键字", "标签", "主题词"]),
    (WireField::Summary, &["summary", "abstract", "摘要", "提要", "内容提要", "内容摘要", "核心提示", "导语"]),
    (WireField::Caption, &["caption", "photo caption", "图片说明", "图说"]),
    (
        WireField::Related,
        &[
            "top news",
            "top stories",
            "related",
            "related news",
            "related stories",
            "related articles",
            "related reading",
            "related links",
            "read more",
            "read also",
            "also read",
            "see also",
            "more news",
            "more stories",
            "more on this",
            "most read",
            "most popular",
            "hot news",
            "latest news",
            "recommended",
            "recommended reading",
            "you may also like",
            "editor's picks",
            "相关新闻",
            "相关阅读",
            "相关报道",
            "相关文章",
            "相关链接",
            "相关推荐",
            "相关稿件",
            "热门",
            "热门新闻",
            "热门文章",
            "热门推荐",
            "热点新闻",
            "热点推荐",
            "热文推荐",
            "推荐阅读",
            "延伸阅读",
            "更多新闻",
            "更多阅读",
            "最新新闻",
            "最新消息",
            "要闻",
            "今日要闻",
            "头条新闻",
            "精彩推荐",
            "为您推荐",
            "猜你喜欢",
            "编辑推荐",
            "新闻排行",
            "点击排行",
            "阅读排行",
        ],
    ),
    (WireField::Slugline, &["slugline", "slug"]),
    (WireField::Id, &["id", "article id", "story id", "稿件编号", "文章编号"]),
];

/// Openings of a byline without a colon, including the character that must follow.
pub(super) const BYLINES: &[&str] = &[
    "By ",
    "BY ",
    "by ",
    "Written by ",
    "Reported by ",
    "文/",
    "文／",
    "文|",
    "文｜",
    "文丨",
    "撰文/",
    "撰文 ",
    "作者 ",
    "本报记者 ",
    "本网记者 ",
    "本报通讯员 ",
    "本刊记者 ",
    "实习记者 ",
    "特约记者 ",
    "记者 ",
    "通讯员 ",
    "□",
];

/// Openings of an editor's line without a colon.
pub(super) const EDITOR_OPENINGS: &[&str] = &["Edited by ", "EDITED BY "];

/// Job titles between `By` and the names: `By staff reporters Ann Lee and Bo Chen`.
pub(super) const JOB_TITLES: &[&str] =
    &["writer", "writers", "reporter", "reporters", "correspondent", "correspondents"];

/// Chinese job titles before a name.
pub(super) const CHINESE_JOB_TITLES: &[&str] =
    &["本报记者", "本网记者", "本刊记者", "实习记者", "特约记者", "本报通讯员", "通讯员", "记者", "作者", "本报", "□"];

/// Words before the name of a photographer.
pub(super) const CREDITS: &[&str] = &[
    "photo by",
    "photos by",
    "photograph by",
    "photo courtesy of",
    "courtesy of",
    "photo credit",
    "photo credits",
    "image credit",
    "image by",
    "image courtesy of",
    "picture by",
    "photo source",
    "image source",
    "photo",
    "photos",
    "photograph",
    "image",
    "picture",
    "credit",
    "图片来源",
    "图片提供",
    "图片",
    "照片",
    "配图",
    "图源",
    "摄影",
    "供图",
    "摄",
    "图",
];

/// Words after the name of a photographer, inside brackets or at the end of a caption.
pub(super) const CREDIT_ENDINGS: &[&str] = &["供图", "摄影", "摄", "图"];

/// Agencies in credits with a slash: `(Xinhua/Ann Lee)`.
pub(super) const AGENCIES: &[&str] =
    &["Xinhua", "CNS", "VCG", "CFP", "IC", "China Daily", "Reuters", "AP", "AFP", "EPA", "dpa", "Getty Images", "TASS"];

/// Marks at the end of an article.
pub(super) const END_MARKS: &[&str] = &["（完）", "(完)", "■", "□", "###", "-30-", "(END)", "(End)", "(end)"];

/// Openings of captions.
pub(super) const CAPTION_OPENINGS: &[&str] = &["图为", "上图为", "下图为", "资料图"];

/// Last crumbs that are page kinds, not sections.
pub(super) const PAGE_KINDS: &[&str] =
    &["article", "content", "detail", "details", "text", "正文", "文章", "详情", "内容", "新闻正文"];

/// First crumbs that are the site's root.
pub(super) const SITE_ROOTS: &[&str] = &["home", "homepage", "index", "首页", "主页", "网站首页"];

/// The built-in labels in normalised form.
static BUILT_IN: LazyLock<Vec<Label>> = LazyLock::new(|| {
    let header = LABELS.iter().flat_map(|(field, labels)| labels.iter().map(|label| (*label, *field)));
    header.chain(lifecycle::labels()).map(|(label, field)| Label::new(label, field)).collect()
});
static FIELDS: LazyLock<HashMap<&'static str, WireField>> =
    LazyLock::new(|| BUILT_IN.iter().rev().map(|label| (label.name.as_str(), label.field)).collect());

/// A label in normalised form, with data for a cheap comparison.
struct Label {
    name: String,
    field: WireField,
    length: usize,
    character_bits: u64,
}

impl Label {
    fn new(label: &str, field: WireField) -> Label {
        let name = normalised(label).into_owned();
        Label { length: name.chars().count(), character_bits: character_bits(&name), name, field }
    }
}

/// A bit set of the characters of a word. Two words within `n` edits differ in at most `n` bits in each direction.
fn character_bits(word: &str) -> u64 {
    word.chars().fold(0, |character_bits, c| character_bits | 1 << (u32::from(c) % 64))
}

/// The labels of a newsroom: its own and the built-in ones.
pub(crate) struct Labels {
    own: Vec<Label>,
}

impl Labels {
    /// Combines configured and built-in labels. Configured ones take precedence.
    pub(crate) fn new(own: &[(Text, WireField)]) -> Labels {
        Labels { own: own.iter().map(|(label, field)| Label::new(label.as_str(), *field)).collect() }
    }

    /// The field of a label.
    pub(crate) fn field(&self, label: &str) -> Option<WireField> {
        let label = normalised(label);
        let own = self.own.iter().find(|known| known.name == label).map(|known| known.field);
        own.or_else(|| FIELDS.get(&*label).copied())
    }

    /// The known label of which a word may be a typo, and its field. Words may differ by one edit, long ones by two.
    pub(super) fn nearest(&self, label: &str) -> Option<(&str, WireField)> {
        let label = normalised(label);
        let length = label.chars().count();
        if length < 4 {
            return None;
        }
        let max_edits = if length >= 8 { 2 } else { 1 };
        let character_bits = character_bits(&label);
        // A cheap check first, because there may be many lines.
        let may_be_near = |known: &&Label| {
            let differing = (known.character_bits & !character_bits)
                .count_ones()
                .max((character_bits & !known.character_bits).count_ones());
            known.length.abs_diff(length) <= max_edits && usize::try_from(differing).unwrap_or(0) <= max_edits
        };
        self.own
            .iter()
            .chain(BUILT_IN.iter())
            .filter(may_be_near)
            .inspect(|known| steps::add(known.length))
            .map(|known| (strsim::osa_distance(&known.name, &label), known))
            .filter(|(distance, _)| (1..=max_edits).contains(distance))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, known)| (known.name.as_str(), known.field))
    }
}

/// Whether a list contains a word in normalised form.
pub(super) fn contains(words: &[&str], word: &str) -> bool {
    let word = normalised(word);
    words.iter().any(|known| normalised(known) == word)
}
