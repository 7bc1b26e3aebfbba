//! Options of parsing, and the fields that labels of wire text stand for.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::types::Text;

/// The options of parsing. A change makes dateline parse every article again.
#[derive(Clone, PartialEq, Debug)]
pub struct ParseOptions {
    /// The content directory as diagnostics spell it, without a trailing slash: `content`.
    pub root: Arc<str>,
    /// The time zone of dates without an offset.
    pub timezone: TimeZone,
    /// The charset of files that are neither UTF-8 nor marked otherwise, as a WHATWG label; `None`: detect.
    pub charset: Option<&'static encoding_rs::Encoding>,
    /// Labels of wire text besides the built-in ones: (label, field).
    pub wire_labels: Vec<(Text, WireField)>,
    /// The size of the largest file that is parsed (bytes).
    pub max_size: u64,
}

/// The field that a labelled line of wire text sets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WireField {
    /// The breadcrumb: `position`, `位置`.
    Breadcrumb,
    /// The headline: `Title`, `标题`.
    Title,
    /// The agency: `Source`, `来源`.
    Source,
    /// The date and time: `Date`, `时间`.
    Date,
    /// The date and time of the last change: `Updated`, `更新时间`.
    Updated,
    /// The byline: `Author`, `作者`.
    Author,
    /// The editor: `Editor`, `责任编辑`.
    Editor,
    /// Tags: `Keywords`, `关键词`.
    Tags,
    /// A summary: `Summary`, `摘要`.
    Summary,
    /// The caption of the lead picture: `图片说明`.
    Caption,
    /// The heading of links to other stories: `Top News`, `相关新闻`. The text below it isn't part of the article.
    Related,
    /// The permanent id.
    Id,
    /// The instant before which the article isn't public: `Embargo`, `发布限制`.
    Embargo,
    /// The instant from which the article isn't public any more: `Expires`, `有效期至`.
    Expires,
    /// Published, draft or retracted: `Status`, `状态`.
    Status,
    /// Whether the text is a draft: `Draft: yes`, `草稿`.
    Draft,
    /// A correction, with or without a date: `Correction`, `更正`.
    Correction,
    /// The people who may read the text: `Visibility`, `可见性`.
    Access,
}
