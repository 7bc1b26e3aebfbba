//! Access restrictions: the keys and words with which publishing tools say who may read an article.
//!
//! If a file has several such keys, all restrictions apply. Letter case, `_`, `-` and blanks don't matter.
//! Sources: Ghost (`visibility`, `email_only`), WordPress and Jetpack (`post_password`, `_jetpack_newsletter_access`), Hugo and Zola
//! (`build`, `headless`, `render`), Eleventy (`permalink: false`, `eleventyExcludeFromCollections`), Docusaurus and Quartz
//! (`unlisted`), Hexo (`hidden`, `password`), Halo (`visible`), Substack (`audience`), Facebook (`content_tier`), schema.org
//! (`isAccessibleForFree`).
//!
//! Long because of the tables, which have one key per line.

use std::fmt;

use super::keys::{normalised, parse_bool, without_prefix};
use super::values::{Node, Value};

/// A restriction that a file states.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Restriction {
    /// The article has a page that search engines don't index, and no entry in any feed.
    Unlisted,
    /// The article is for members or subscribers. Others get its free part.
    Paid,
    /// The article has neither a page nor an entry.
    Private,
}

/// All restrictions of an article. The default is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Access {
    unlisted: bool,
    paid: bool,
    private: bool,
}

impl Access {
    /// Adds a restriction. Restrictions are never removed.
    pub fn restrict(&mut self, restriction: Restriction) {
        match restriction {
            Restriction::Unlisted => self.unlisted = true,
            Restriction::Paid => self.paid = true,
            Restriction::Private => self.private = true,
        }
    }

    /// Whether feeds may list the article.
    pub fn is_listed(self) -> bool {
        !self.unlisted
    }

    /// Whether the article is for members or subscribers.
    pub fn is_paid(self) -> bool {
        self.paid
    }

    /// Whether nobody may read the article.
    pub fn is_private(self) -> bool {
        self.private
    }

    /// Whether it has a restriction that `other` lacks.
    pub fn forbids_more_than(self, other: Access) -> bool {
        (self.unlisted && !other.unlisted) || (self.paid && !other.paid) || (self.private && !other.private)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(self.private, "private"), (self.paid, "paid"), (self.unlisted, "unlisted")];
        let stated: Vec<&str> = words.iter().filter(|(is_stated, _)| *is_stated).map(|(_, word)| *word).collect();
        f.write_str(if stated.is_empty() { "public".to_owned() } else { stated.join(", ") }.as_str())
    }
}

/// How the value of a key is interpreted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ValueKind {
    /// The value is one of [`WORDS`]. `true` means public, `false` private.
    Word,
    /// `true` restricts. A word of [`WORDS`] has its own meaning.
    On(Restriction),
    /// `false` restricts. A word of [`WORDS`] has its own meaning.
    Off(Restriction),
    /// `false` restricts. Other values are unrelated to access.
    OnlyFalse(Restriction),
    /// `false`, `never` and `link` restrict. Other values are unrelated to access.
    Rendering,
    /// Every value but `false` restricts, such as a password.
    Secret,
}

/// The consequence of an unknown value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fallback {
    /// The file is refused and the article withheld.
    Withhold,
    /// The key restricts.
    Restrict,
    /// None: other tools use this key for something else.
    Ignore,
}

use Fallback::{Ignore, Restrict, Withhold};
use Restriction::{Paid, Private, Unlisted};
use ValueKind::{Off, On, OnlyFalse, Rendering, Secret, Word};

/// The keys in normalised form.
const KEYS: &[(&str, ValueKind, Fallback)] = &[
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

/// The words in normalised form. `None`: the word doesn't restrict access.
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

/// Keys whose typos withhold the file. Other keys are too rare, or too similar to other words.
const UNMISTAKABLE_KEYS: &[&str] = &[
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

/// Names of `meta` elements about access in lower case, with their keys. Facebook defines the first two.
const META_KEYS: &[(&str, &str)] = &[
    ("article:content_tier", "content_tier"),
    ("og:article:content_tier", "content_tier"),
    ("content_tier", "content_tier"),
    ("isaccessibleforfree", "isAccessibleForFree"),
    ("article:paywall", "paywall"),
    ("paywall", "paywall"),
    ("premium", "premium"),
    ("members-only", "members_only"),
];

/// The restriction that a key and its value state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Statement {
    /// Nothing about access.
    Unrelated,
    /// Everybody may read the article.
    Public,
    /// Access is restricted.
    Restricted(Restriction),
    /// The value is unknown.
    Unreadable,
}

/// Whether a key is about access.
pub(super) fn is_key(name: &str) -> bool {
    entry(name).is_some()
}

/// The row of a key in [`KEYS`], with or without a namespace: `article:content_tier`.
fn entry(name: &str) -> Option<(ValueKind, Fallback)> {
    let of = |name: &str| {
        let name = normalised(name);
        KEYS.iter().find(|(known, ..)| *known == name).map(|&(_, kind, fallback)| (kind, fallback))
    };
    of(name).or_else(|| Some(without_prefix(name)).filter(|bare| *bare != name).and_then(of))
}

/// The normalised key if it is unmistakable.
pub(super) fn unmistakable_key(name: &str) -> Option<&'static str> {
    let name = normalised(without_prefix(name));
    UNMISTAKABLE_KEYS.iter().copied().find(|known| *known == name)
}

/// Whether a line of text such as `Visibility: members` is about access. An unknown value counts only behind an unambiguous label, because
/// sentences begin like such a line: `Private: a life in letters`.
pub(super) fn is_access_line(label: &str, value: &str) -> bool {
    match statement(label, value) {
        Statement::Unrelated => false,
        Statement::Public => true,
        Statement::Restricted(_) => withholds(label, value),
        Statement::Unreadable => {
            let label = normalised(label);
            let is_clear = ["visib", "sichtbar", "可见", "可見"].iter().any(|word| label.contains(word));
            is_clear && !value.is_empty() && value.split_whitespace().count() <= 3
        }
    }
}

/// Whether a value keeps the article out of the feeds.
pub(super) fn hides(label: &str, value: &str) -> bool {
    matches!(statement(label, value), Statement::Restricted(Restriction::Private | Restriction::Unlisted))
}

/// The keys that are labels of wire text as well. [`is_access_line`] distinguishes them from sentences.
pub(super) fn labels() -> impl Iterator<Item = &'static str> {
    KEYS.iter().filter(|(_, kind, _)| matches!(kind, Word | On(_) | Off(_))).map(|(name, ..)| *name)
}

/// The key of a `meta` element. `name` is in lower case.
pub(super) fn meta_key(name: &str) -> Option<&'static str> {
    META_KEYS.iter().find(|(known, _)| *known == name).map(|(_, key)| *key)
}

/// Interprets a key with a plain value.
pub(super) fn statement(key: &str, value: &str) -> Statement {
    entry(key).map_or(Statement::Unrelated, |(kind, fallback)| interpret(kind, fallback, value))
}

/// Interprets a word without a key: `members`, `private`.
pub(super) fn word_statement(word: &str) -> Option<Statement> {
    let word = word.trim().trim_end_matches(['.', '。']);
    let word = normalised(word);
    let (_, restriction) = WORDS.iter().find(|(known, _)| *known == word)?;
    Some(restriction.map_or(Statement::Public, Statement::Restricted))
}

fn interpret(kind: ValueKind, fallback: Fallback, value: &str) -> Statement {
    let value = value.trim();
    let truth = match normalised(value).as_ref() {
        // JSON-LD spells Boolean values as addresses too.
        "httpschemaorgtrue" | "httpsschemaorgtrue" => Some(true),
        "httpschemaorgfalse" | "httpsschemaorgfalse" => Some(false),
        word => parse_bool(word),
    };
    let switched =
        |restricts: bool, restriction| if restricts { Statement::Restricted(restriction) } else { Statement::Public };
    let statement = match (kind, truth) {
        // Templates leave keys empty, so an empty value doesn't restrict access.
        _ if value.is_empty() => return Statement::Unrelated,
        (Secret, Some(false)) => return Statement::Unrelated,
        (Secret, _) => return Statement::Restricted(Private),
        (Word, Some(is_public)) => Some(switched(!is_public, Private)),
        (On(restriction), Some(truth)) => Some(switched(truth, restriction)),
        (Off(restriction), Some(truth)) => Some(switched(!truth, restriction)),
        (OnlyFalse(restriction), Some(false)) => Some(Statement::Restricted(restriction)),
        (Rendering, Some(false)) => Some(Statement::Restricted(Private)),
        (Rendering, None) if matches!(normalised(value).as_ref(), "never" | "link") => {
            Some(Statement::Restricted(Private))
        }
        (OnlyFalse(_) | Rendering, _) => None,
        (Word | On(_) | Off(_), None) => word_statement(value),
    };
    statement.unwrap_or(match (fallback, kind) {
        (Ignore, _) => Statement::Unrelated,
        (Restrict, On(restriction) | Off(restriction)) => Statement::Restricted(restriction),
        (Withhold | Restrict, _) => Statement::Unreadable,
    })
}

/// Interprets a key of front matter. In lists and tables, every value counts.
pub(super) fn node_statements(key: &str, node: &Node<'_>) -> Vec<Statement> {
    match &node.value {
        Value::Null => vec![Statement::Unrelated],
        Value::Scalar(value) => vec![statement(key, value)],
        Value::List(items) => items.iter().flat_map(|item| node_statements(key, item)).collect(),
        Value::Map(entries) if normalised(key) == "build" => {
            entries.iter().map(|(key, node)| hugo_build(&key.name, node)).collect()
        }
        Value::Map(entries) if is_key(key) => entries
            .iter()
            .flat_map(|(inner, node)| node_statements(if is_key(&inner.name) { &inner.name } else { key }, node))
            .collect(),
        Value::Map(_) => Vec::new(),
    }
}

/// Interprets Hugo's build options. Before version 0.76 they were Boolean.
fn hugo_build(key: &str, node: &Node<'_>) -> Statement {
    let Value::Scalar(value) = &node.value else { return Statement::Unrelated };
    match (normalised(key).as_ref(), normalised(value).as_ref()) {
        ("list", "never" | "local" | "false") => Statement::Restricted(Unlisted),
        ("render", "never" | "link" | "false") => Statement::Restricted(Private),
        _ => Statement::Unrelated,
    }
}

/// Whether a key is Hugo's table of build options.
pub(super) fn is_hugo_build(key: &str) -> bool {
    normalised(key) == "build"
}

/// The normalised keys whose typos withhold the file.
pub(super) fn unmistakable_keys() -> impl Iterator<Item = &'static str> {
    UNMISTAKABLE_KEYS.iter().copied()
}

/// Whether a line of a file that can't be parsed restricts its article. A sentence that begins with `Password:` doesn't.
pub(super) fn withholds(key: &str, value: &str) -> bool {
    let is_sentence = || value.trim().contains(char::is_whitespace);
    let is_secret = || entry(key).is_some_and(|(kind, _)| kind == Secret);
    matches!(statement(key, value), Statement::Restricted(_)) && !(is_secret() && is_sentence())
}

/// Whether a page that can't be parsed restricts its article.
pub(super) fn page_withholds(page: &str) -> bool {
    /// The distance of a value from its name.
    const MAX_DISTANCE_CHARACTERS: usize = 40;
    let lower = page.to_ascii_lowercase();
    let says = |name: &str, words: &[&str]| {
        lower.split(name).skip(1).any(|after| {
            let end = after.char_indices().nth(MAX_DISTANCE_CHARACTERS).map_or(after.len(), |(end, _)| end);
            words.iter().any(|word| after.get(..end).is_some_and(|near| near.contains(word)))
        })
    };
    says("isaccessibleforfree", &["false"]) || says("content_tier", &["locked", "metered"])
}

/// Whether a key with this value may restrict the article. `None` stands for a list or a table.
pub(super) fn may_restrict(key: &str, value: Option<&str>) -> bool {
    let says = |value| matches!(statement(key, value), Statement::Restricted(_) | Statement::Unreadable);
    value.map_or_else(|| is_key(key), says)
}

/// Examples of values, for help.
pub(super) fn value_examples() -> &'static str {
    "`public`, `unlisted`, `members`, `paid` or `private`"
}
