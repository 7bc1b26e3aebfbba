//! Access to an article: one table of the keys and words by which publishing tools restrict it, and the result of all that a file says.
//!
//! A key is read by its value. Where several keys speak, every restriction counts. Letter case, `_`, `-` and blanks do not count.
//! Sources: Ghost (`visibility`, `email_only`), WordPress and Jetpack (`post_password`, `_jetpack_newsletter_access`), Hugo and Zola
//! (`build`, `headless`, `render`), Eleventy (`permalink: false`, `eleventyExcludeFromCollections`), Docusaurus and Quartz
//! (`unlisted`), Hexo (`hidden`, `password`), Halo (`visible`), Substack (`audience`), Facebook (`content_tier`), schema.org
//! (`isAccessibleForFree`). Long because of the tables.

use std::fmt;

use super::front_matter::{Node, Value};
use super::lifecycle::{self, bare, normal};

/// A restriction that a file states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Restriction {
    /// A page, which search engines do not index, and no entry in any feed.
    Unlisted,
    /// For members or subscribers: others get a teaser.
    Paid,
    /// Neither a page nor an entry.
    Private,
}

/// Everything that a file says about who may read its article. The default is everybody.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Access {
    unlisted: bool,
    paid: bool,
    private: bool,
}

impl Access {
    /// Adds a restriction; none is ever taken back.
    pub fn restrict(&mut self, restriction: Restriction) {
        match restriction {
            Restriction::Unlisted => self.unlisted = true,
            Restriction::Paid => self.paid = true,
            Restriction::Private => self.private = true,
        }
    }

    /// Whether feeds may list it.
    pub fn is_listed(self) -> bool {
        !self.unlisted
    }

    /// Whether it is for members or subscribers.
    pub fn is_paid(self) -> bool {
        self.paid
    }

    /// Whether nobody may read it.
    pub fn is_private(self) -> bool {
        self.private
    }

    /// Whether this forbids something that `other` allows.
    pub fn forbids_more_than(self, other: Access) -> bool {
        (self.unlisted && !other.unlisted) || (self.paid && !other.paid) || (self.private && !other.private)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(self.private, "private"), (self.paid, "paid"), (self.unlisted, "unlisted")];
        let said: Vec<&str> = words.iter().filter(|(is_said, _)| *is_said).map(|(_, word)| *word).collect();
        f.write_str(if said.is_empty() { "public".to_owned() } else { said.join(", ") }.as_str())
    }
}

/// How the value of a key is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    /// The value is one of [`WORDS`]; `true` stands for public, `false` for private.
    Word,
    /// `true` restricts; so does a word, as [`WORDS`] says.
    On(Restriction),
    /// `false` restricts; so does a word.
    Off(Restriction),
    /// `false` restricts, and any other value is about something else.
    OnlyFalse(Restriction),
    /// `false`, `never` and `link` restrict, and any other value is about something else.
    Rendering,
    /// Any value but nothing and `false` restricts.
    Secret,
}

/// The consequence of a value that can't be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Otherwise {
    /// The file is refused and withheld: it says something about access, and nobody knows what.
    Withhold,
    /// The key restricts whatever its value is, unless that says that it does not.
    Restrict,
    /// Nothing: other tools mean something else by this key.
    Ignore,
}

use Otherwise::{Ignore, Restrict, Withhold};
use Reading::{Off, On, OnlyFalse, Rendering, Secret, Word};
use Restriction::{Paid, Private, Unlisted};

/// The keys, normalised.
const KEYS: &[(&str, Reading, Otherwise)] = &[
    ("visibility", Word, Withhold),
    ("postvisibility", Word, Withhold),
    ("access", Word, Withhold),
    ("accesslevel", Word, Withhold),
    ("contentaccess", Word, Withhold),
    ("contentvisibility", Word, Withhold),
    ("contenttier", Word, Withhold),
    ("newsletteraccess", Word, Withhold),
    ("jetpacknewsletteraccess", Word, Withhold),
    ("可见性", Word, Withhold),
    ("可見性", Word, Withhold),
    ("可见范围", Word, Withhold),
    ("可見範圍", Word, Withhold),
    ("访问权限", Word, Withhold),
    ("訪問權限", Word, Withhold),
    ("阅读权限", Word, Withhold),
    ("閱讀權限", Word, Withhold),
    ("权限", Word, Withhold),
    ("權限", Word, Withhold),
    ("sichtbarkeit", Word, Withhold),
    ("visibilité", Word, Withhold),
    ("visibilidad", Word, Withhold),
    ("zugang", Word, Ignore),
    ("zugriff", Word, Ignore),
    ("accès", Word, Ignore),
    ("acceso", Word, Ignore),
    ("audience", Word, Ignore),
    ("private", On(Private), Withhold),
    ("isprivate", On(Private), Withhold),
    ("confidential", On(Private), Withhold),
    ("私密", On(Private), Withhold),
    ("是否私密", On(Private), Withhold),
    ("私有", On(Private), Withhold),
    ("保密", On(Private), Withhold),
    ("privat", On(Private), Withhold),
    ("vertraulich", On(Private), Withhold),
    ("internal", On(Private), Ignore),
    ("protected", On(Private), Ignore),
    ("encrypt", On(Private), Ignore),
    ("encrypted", On(Private), Ignore),
    ("restricted", On(Private), Withhold),
    ("emailonly", On(Private), Withhold),
    ("headless", On(Private), Ignore),
    ("public", Off(Private), Withhold),
    ("ispublic", Off(Private), Withhold),
    ("公开", Off(Private), Withhold),
    ("公開", Off(Private), Withhold),
    ("是否公开", Off(Private), Withhold),
    ("是否公開", Off(Private), Withhold),
    ("öffentlich", Off(Private), Withhold),
    ("permalink", OnlyFalse(Private), Ignore),
    ("routable", OnlyFalse(Private), Ignore),
    ("render", Rendering, Ignore),
    ("password", Secret, Restrict),
    ("postpassword", Secret, Restrict),
    ("passwd", Secret, Restrict),
    ("passwort", Secret, Restrict),
    ("访问密码", Secret, Restrict),
    ("訪問密碼", Secret, Restrict),
    ("密码", Secret, Restrict),
    ("密碼", Secret, Restrict),
    ("hidden", On(Unlisted), Withhold),
    ("ishidden", On(Unlisted), Withhold),
    ("hide", On(Unlisted), Ignore),
    ("隐藏", On(Unlisted), Withhold),
    ("隱藏", On(Unlisted), Withhold),
    ("unlisted", On(Unlisted), Withhold),
    ("isunlisted", On(Unlisted), Withhold),
    ("listed", Off(Unlisted), Withhold),
    ("islisted", Off(Unlisted), Withhold),
    ("visible", Off(Unlisted), Ignore),
    ("isvisible", Off(Unlisted), Ignore),
    ("eleventyexcludefromcollections", On(Unlisted), Restrict),
    ("paid", On(Paid), Withhold),
    ("ispaid", On(Paid), Withhold),
    ("paidonly", On(Paid), Withhold),
    ("付费", On(Paid), Withhold),
    ("付費", On(Paid), Withhold),
    ("是否付费", On(Paid), Withhold),
    ("是否付費", On(Paid), Withhold),
    ("收费", On(Paid), Withhold),
    ("收費", On(Paid), Withhold),
    ("会员专享", On(Paid), Withhold),
    ("會員專享", On(Paid), Withhold),
    ("仅会员", On(Paid), Withhold),
    ("僅會員", On(Paid), Withhold),
    ("kostenpflichtig", On(Paid), Withhold),
    ("bezahlschranke", On(Paid), Restrict),
    ("premium", On(Paid), Withhold),
    ("ispremium", On(Paid), Withhold),
    ("premiumonly", On(Paid), Withhold),
    ("premiumcontent", On(Paid), Withhold),
    ("members", On(Paid), Ignore),
    ("memberonly", On(Paid), Withhold),
    ("membersonly", On(Paid), Withhold),
    ("ismembersonly", On(Paid), Withhold),
    ("ismemberonly", On(Paid), Withhold),
    ("forsubscribers", On(Paid), Withhold),
    ("formembers", On(Paid), Withhold),
    ("subscriberonly", On(Paid), Withhold),
    ("subscribersonly", On(Paid), Withhold),
    ("issubscriberonly", On(Paid), Withhold),
    ("issubscribersonly", On(Paid), Withhold),
    ("subscriptionrequired", On(Paid), Withhold),
    ("requiressubscription", On(Paid), Withhold),
    ("requiresmembership", On(Paid), Withhold),
    ("requireslogin", On(Paid), Withhold),
    ("loginrequired", On(Paid), Withhold),
    ("requireauth", On(Paid), Withhold),
    ("gated", On(Paid), Withhold),
    ("isgated", On(Paid), Withhold),
    ("paywall", On(Paid), Restrict),
    ("paywalled", On(Paid), Restrict),
    ("ispaywalled", On(Paid), Restrict),
    ("jetpackmembershipscontainspaidcontent", On(Paid), Restrict),
    ("jetpackmembershipscontainspaywalledcontent", On(Paid), Restrict),
    ("free", Off(Paid), Ignore),
    ("isfree", Off(Paid), Withhold),
    ("accessibleforfree", Off(Paid), Restrict),
    ("isaccessibleforfree", Off(Paid), Restrict),
];

/// The words, normalised; `None` for those that restrict nothing.
const WORDS: &[(&str, Option<Restriction>)] = &[
    ("public", None),
    ("everyone", None),
    ("everybody", None),
    ("anyone", None),
    ("all", None),
    ("open", None),
    ("free", None),
    ("world", None),
    ("visible", None),
    ("listed", None),
    ("unrestricted", None),
    ("公开", None),
    ("公開", None),
    ("所有人", None),
    ("全部", None),
    ("免费", None),
    ("免費", None),
    ("öffentlich", None),
    ("frei", None),
    ("alle", None),
    ("unlisted", Some(Unlisted)),
    ("hidden", Some(Unlisted)),
    ("hide", Some(Unlisted)),
    ("link", Some(Unlisted)),
    ("linkonly", Some(Unlisted)),
    ("directlink", Some(Unlisted)),
    ("隐藏", Some(Unlisted)),
    ("隱藏", Some(Unlisted)),
    ("paid", Some(Paid)),
    ("paidonly", Some(Paid)),
    ("onlypaid", Some(Paid)),
    ("onlyfree", Some(Paid)),
    ("paying", Some(Paid)),
    ("paidmembers", Some(Paid)),
    ("paidmembersonly", Some(Paid)),
    ("freemembers", Some(Paid)),
    ("paidsubscribers", Some(Paid)),
    ("premium", Some(Paid)),
    ("plus", Some(Paid)),
    ("founding", Some(Paid)),
    ("member", Some(Paid)),
    ("members", Some(Paid)),
    ("memberonly", Some(Paid)),
    ("membersonly", Some(Paid)),
    ("membership", Some(Paid)),
    ("tier", Some(Paid)),
    ("tiers", Some(Paid)),
    ("subscriber", Some(Paid)),
    ("subscribers", Some(Paid)),
    ("subscriberonly", Some(Paid)),
    ("subscribersonly", Some(Paid)),
    ("subscription", Some(Paid)),
    ("patrons", Some(Paid)),
    ("supporters", Some(Paid)),
    ("registered", Some(Paid)),
    ("registration", Some(Paid)),
    ("loggedin", Some(Paid)),
    ("login", Some(Paid)),
    ("authenticated", Some(Paid)),
    ("locked", Some(Paid)),
    ("metered", Some(Paid)),
    ("gated", Some(Paid)),
    ("paywall", Some(Paid)),
    ("paywalled", Some(Paid)),
    ("会员", Some(Paid)),
    ("會員", Some(Paid)),
    ("仅会员", Some(Paid)),
    ("僅會員", Some(Paid)),
    ("会员可见", Some(Paid)),
    ("會員可見", Some(Paid)),
    ("会员专享", Some(Paid)),
    ("會員專享", Some(Paid)),
    ("付费", Some(Paid)),
    ("付費", Some(Paid)),
    ("付费会员", Some(Paid)),
    ("付費會員", Some(Paid)),
    ("收费", Some(Paid)),
    ("收費", Some(Paid)),
    ("订阅", Some(Paid)),
    ("訂閱", Some(Paid)),
    ("订阅用户", Some(Paid)),
    ("訂閱用戶", Some(Paid)),
    ("登录可见", Some(Paid)),
    ("登入可見", Some(Paid)),
    ("abonnenten", Some(Paid)),
    ("mitglieder", Some(Paid)),
    ("kostenpflichtig", Some(Paid)),
    ("abonnés", Some(Paid)),
    ("payant", Some(Paid)),
    ("suscriptores", Some(Paid)),
    ("private", Some(Private)),
    ("none", Some(Private)),
    ("nobody", Some(Private)),
    ("me", Some(Private)),
    ("self", Some(Private)),
    ("author", Some(Private)),
    ("owner", Some(Private)),
    ("internal", Some(Private)),
    ("staff", Some(Private)),
    ("team", Some(Private)),
    ("editor", Some(Private)),
    ("editors", Some(Private)),
    ("admin", Some(Private)),
    ("admins", Some(Private)),
    ("administrator", Some(Private)),
    ("restricted", Some(Private)),
    ("confidential", Some(Private)),
    ("secret", Some(Private)),
    ("password", Some(Private)),
    ("passwordprotected", Some(Private)),
    ("protected", Some(Private)),
    ("draft", Some(Private)),
    ("私密", Some(Private)),
    ("私有", Some(Private)),
    ("私人", Some(Private)),
    ("不公开", Some(Private)),
    ("不公開", Some(Private)),
    ("仅自己", Some(Private)),
    ("僅自己", Some(Private)),
    ("仅自己可见", Some(Private)),
    ("僅自己可見", Some(Private)),
    ("保密", Some(Private)),
    ("内部", Some(Private)),
    ("內部", Some(Private)),
    ("密码", Some(Private)),
    ("密碼", Some(Private)),
    ("privat", Some(Private)),
    ("intern", Some(Private)),
    ("vertraulich", Some(Private)),
    ("privé", Some(Private)),
    ("privado", Some(Private)),
];

/// Keys for which a slip of the pen withholds the file. The names of others are too rare, or too near to other words.
const MEANT: &[&str] = &[
    "visibility",
    "access",
    "private",
    "isprivate",
    "public",
    "ispublic",
    "hidden",
    "unlisted",
    "password",
    "premium",
    "membersonly",
    "subscribersonly",
    "paywall",
    "isaccessibleforfree",
];

/// `meta` elements of pages that are about access, in lower case, and the key that each stands for. Facebook defines the first two.
const METAS: &[(&str, &str)] = &[
    ("article:content_tier", "content_tier"),
    ("og:article:content_tier", "content_tier"),
    ("content_tier", "content_tier"),
    ("isaccessibleforfree", "isAccessibleForFree"),
    ("article:paywall", "paywall"),
    ("paywall", "paywall"),
    ("premium", "premium"),
    ("members-only", "members_only"),
];

/// The meaning of a key with its value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Said {
    /// Nothing about access.
    Nothing,
    /// That everybody may read the article.
    Public,
    /// That not everybody may.
    Restricted(Restriction),
    /// Something that cannot be read.
    Unreadable,
}

/// Whether a key is about access, whatever its value.
pub(super) fn is_key(name: &str) -> bool {
    entry(name).is_some()
}

/// The row of a key, whatever says in front of it whose it is: `article:content_tier`.
fn entry(name: &str) -> Option<(Reading, Otherwise)> {
    let of = |name: &str| {
        let name = normal(name);
        KEYS.iter().find(|(known, ..)| *known == name).map(|&(_, reading, otherwise)| (reading, otherwise))
    };
    of(name).or_else(|| Some(bare(name)).filter(|bare| *bare != name).and_then(of))
}

/// The name of a key that can hardly be about anything but the article.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    let name = normal(bare(name));
    MEANT.iter().copied().find(|known| *known == name)
}

/// Whether a line of text such as `Visibility: members` says who may read the article. A word that nobody knows counts behind a label that
/// can mean nothing else. A sentence may begin like one: `Private: a life in letters`.
pub(super) fn is_line(label: &str, value: &str) -> bool {
    match say(label, value) {
        Said::Nothing => false,
        Said::Public => true,
        Said::Restricted(_) => withholds(label, value),
        Said::Unreadable => {
            let label = normal(label);
            let is_clear = ["visib", "sichtbar", "可见", "可見"].iter().any(|word| label.contains(word));
            is_clear && !value.is_empty() && value.split_whitespace().count() <= 3
        }
    }
}

/// Whether a value keeps the article out of the feeds.
pub(super) fn hides(label: &str, value: &str) -> bool {
    matches!(say(label, value), Said::Restricted(Restriction::Private | Restriction::Unlisted))
}

/// The names of keys that are labels of wire text as well. Values tell them from sentences.
pub(super) fn labels() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(|(_, reading, _)| matches!(reading, Word | On(_) | Off(_))).map(|(name, ..)| *name)
}

/// The key that a `meta` element of this name stands for, in lower case.
pub(super) fn meta_key(name: &str) -> Option<&'static str> {
    METAS.iter().find(|(known, _)| *known == name).map(|(_, key)| *key)
}

/// Reads a key with a plain text value.
pub(super) fn say(key: &str, value: &str) -> Said {
    entry(key).map_or(Said::Nothing, |(reading, otherwise)| read(reading, otherwise, value))
}

/// Reads a word that stands alone: `members`, `private`.
pub(super) fn word(word: &str) -> Option<Said> {
    let word = word.trim().trim_end_matches(['.', '。']);
    let word = normal(word);
    let (_, restriction) = WORDS.iter().find(|(known, _)| *known == word)?;
    Some(restriction.map_or(Said::Public, Said::Restricted))
}

fn read(reading: Reading, otherwise: Otherwise, value: &str) -> Said {
    let value = value.trim();
    let truth = match normal(value).as_ref() {
        // JSON-LD spells Boolean values as addresses too.
        "httpschemaorgtrue" | "httpsschemaorgtrue" => Some(true),
        "httpschemaorgfalse" | "httpsschemaorgfalse" => Some(false),
        word => lifecycle::truth(word),
    };
    let switched = |restricts: bool, restriction| if restricts { Said::Restricted(restriction) } else { Said::Public };
    let said = match (reading, truth) {
        // An empty value restricts nothing: templates leave keys empty.
        _ if value.is_empty() => return Said::Nothing,
        (Secret, Some(false)) => return Said::Nothing,
        (Secret, _) => return Said::Restricted(Private),
        (Word, Some(is_public)) => Some(switched(!is_public, Private)),
        (On(restriction), Some(truth)) => Some(switched(truth, restriction)),
        (Off(restriction), Some(truth)) => Some(switched(!truth, restriction)),
        (OnlyFalse(restriction), Some(false)) => Some(Said::Restricted(restriction)),
        (Rendering, Some(false)) => Some(Said::Restricted(Private)),
        (Rendering, None) if matches!(normal(value).as_ref(), "never" | "link") => Some(Said::Restricted(Private)),
        (OnlyFalse(_) | Rendering, _) => None,
        (Word | On(_) | Off(_), None) => word(value),
    };
    said.unwrap_or(match (otherwise, reading) {
        (Ignore, _) => Said::Nothing,
        (Restrict, On(restriction) | Off(restriction)) => Said::Restricted(restriction),
        (Withhold | Restrict, _) => Said::Unreadable,
    })
}

/// What a key of front matter says, by its value of any shape. In lists and tables every value counts.
pub(super) fn say_node(key: &str, node: &Node<'_>) -> Vec<Said> {
    match &node.value {
        Value::Null => vec![Said::Nothing],
        Value::Scalar(value) => vec![say(key, value)],
        Value::List(items) => items.iter().flat_map(|item| say_node(key, item)).collect(),
        Value::Map(entries) if normal(key) == "build" => {
            entries.iter().map(|(key, node)| build(&key.name, node)).collect()
        }
        Value::Map(entries) if is_key(key) => entries
            .iter()
            .flat_map(|(inner, node)| say_node(if is_key(&inner.name) { &inner.name } else { key }, node))
            .collect(),
        Value::Map(_) => Vec::new(),
    }
}

/// Hugo's options of a page. Before version 0.76 they were Boolean.
fn build(key: &str, node: &Node<'_>) -> Said {
    let Value::Scalar(value) = &node.value else { return Said::Nothing };
    match (normal(key).as_ref(), normal(value).as_ref()) {
        ("list", "never" | "local" | "false") => Said::Restricted(Unlisted),
        ("render", "never" | "link" | "false") => Said::Restricted(Private),
        _ => Said::Nothing,
    }
}

/// Whether a key is Hugo's table of options.
pub(super) fn is_build(key: &str) -> bool {
    normal(key) == "build"
}

/// The keys for which a slip of the pen withholds the file, normalised.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    MEANT.iter().copied()
}

/// Whether a line of text that cannot be understood as a whole restricts its article. Of a sentence that begins with `Password:` it
/// does not.
pub(super) fn withholds(key: &str, value: &str) -> bool {
    let is_sentence = || value.trim().contains(char::is_whitespace);
    let is_secret = || entry(key).is_some_and(|(reading, _)| reading == Secret);
    matches!(say(key, value), Said::Restricted(_)) && !(is_secret() && is_sentence())
}

/// Whether a page that cannot be understood as a whole says that its article is not for everybody.
pub(super) fn page_withholds(page: &str) -> bool {
    /// So far behind its name a value stands (characters).
    const NEAR: usize = 40;
    let lower = page.to_ascii_lowercase();
    let says = |name: &str, words: &[&str]| {
        lower.split(name).skip(1).any(|after| {
            let end = after.char_indices().nth(NEAR).map_or(after.len(), |(end, _)| end);
            words.iter().any(|word| after.get(..end).is_some_and(|near| near.contains(word)))
        })
    };
    says("isaccessibleforfree", &["false"]) || says("content_tier", &["locked", "metered"])
}

/// Whether a key with this value may restrict the article; `None` is a list or a table.
pub(super) fn may_restrict(key: &str, value: Option<&str>) -> bool {
    let says = |value| matches!(say(key, value), Said::Restricted(_) | Said::Unreadable);
    value.map_or_else(|| is_key(key), says)
}

/// The words that a key of words takes, for help.
pub(super) fn words() -> &'static str {
    "`public`, `unlisted`, `members`, `paid` or `private`"
}
