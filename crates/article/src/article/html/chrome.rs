//! Detects chrome, the parts of a page that aren't the article's text: navigation, comment threads, share buttons, sign-up boxes, and
//! hidden elements.
//!
//! Names of classes and ids must match as a whole: `newsletter-history` isn't `newsletter`. The lists contain names that publishing systems
//! and widgets use only for chrome.

use scraper::{ElementRef, Node};

use crate::article::sanitise::{is_hidden, visible_inside};
use crate::article::steps;
use crate::article::summary::is_wider;

/// Elements that are never part of an article's text.
const ELEMENTS: &[&str] = &[
    "nav", "header", "aside", "footer", "style", "form", "template", "base", "link", "meta", "button", "input",
    "select", "textarea", "menu",
];

/// Elements of comment widgets.
const WIDGETS: &[&str] = &["giscus-widget", "hyvor-talk-comments", "commento-comments", "fb:comments", "g:plusone"];

/// ARIA roles of chrome.
const ROLES: &[&str] = &["navigation", "banner", "complementary", "contentinfo", "search", "dialog", "alert"];

/// Class names of chrome in page templates.
const CLASSES: &[&str] = &[
    "ad",
    "advert",
    "advertisement",
    "article-meta",
    "breadcrumb",
    "breadcrumbs",
    "byline",
    "comments",
    "dateline-meta",
    "entry-meta",
    "nav",
    "navigation",
    "newsletter",
    "pagination",
    "post-meta",
    "recommended",
    "related",
    "related-articles",
    "related-posts",
    "screen-reader-text",
    "share",
    "sharing",
    "social",
    "social-share",
    "sr-only",
    "tags",
    "visually-hidden",
];

/// Class names and ids of comment threads: WordPress core and its default themes, Drupal, Ghost, Blogger, Substack, and Disqus,
/// Facebook, utterances, giscus, Isso, Remark42, Cusdis, Coral, Hyvor Talk, Commento, GraphComment, OpenWeb.
const COMMENTS: &[&str] = &[
    "article-comments",
    "comment-form",
    "comment-list",
    "comment-respond",
    "comment-section",
    "comment-thread",
    "comment-wrapper",
    "comment__list",
    "commentform",
    "commentlist",
    "commento",
    "comments",
    "comments-area",
    "comments-container",
    "comments-list",
    "comments-page",
    "comments-section",
    "comments-wrapper",
    "comments__container",
    "comments__list",
    "comments_area",
    "coral-stream",
    "coral_thread",
    "cusdis_thread",
    "disqus-comments",
    "disqus_thread",
    "fb-comments",
    "field--name-comment",
    "gh-comments",
    "ghost-comments",
    "giscus",
    "graphcomment",
    "hyvor-talk-view",
    "isso-thread",
    "livefyre-comments",
    "post-comments",
    "post__comments",
    "reader-comments",
    "remark42",
    "respond",
    "spotim-conversation",
    "user-comments",
    "utterances",
    "waline",
    "wp-block-comments",
    "wp-block-post-comments",
    "wp-block-post-comments-form",
];

/// Class names and ids of share buttons: Jetpack, AddToAny, AddThis, ShareThis, Shareaholic, Grow, Essential and Simple Social
/// Buttons, Social Warfare, Sassy Social Share, and what themes call them.
const SHARING: &[&str] = &[
    "a2a_kit",
    "addthis_inline_share_toolbox",
    "addthis_toolbox",
    "addtoany_content",
    "addtoany_share_save_container",
    "article-share",
    "dpsp-content-wrapper",
    "entry-share",
    "essb_links",
    "fb-share-button",
    "gh-share",
    "heateor_sss_sharing_container",
    "jp-sharing-input-touch",
    "mashsb-container",
    "post-share",
    "post-sharing",
    "post-ufi",
    "sd-like",
    "sd-sharing",
    "share-bar",
    "share-button",
    "share-buttons",
    "share-buttons-container",
    "share-buttons-wrapper",
    "share-dialog",
    "share-icons",
    "share-links",
    "share-this",
    "share-tools",
    "share__buttons",
    "share_buttons",
    "shareaholic-canvas",
    "sharebar",
    "sharebuttons",
    "sharedaddy",
    "sharethis-inline-share-buttons",
    "sharing-buttons",
    "simplesocialbuttons",
    "social-buttons",
    "social-icons",
    "social-links",
    "social-media-share",
    "social-share",
    "social-share-buttons",
    "social-share-row",
    "social-sharing",
    "social-sharing-buttons",
    "social_share",
    "ssba",
    "ssba-wrap",
    "swp_social_panel",
];

/// Class names and ids of boxes that ask readers to subscribe: Ghost, Substack, Jetpack, Mailchimp, MailPoet, Kit, The Newsletter
/// Plugin, Brevo, MailerLite, Revue, and what themes call them.
const SIGN_UPS: &[&str] = &[
    "convertkit-form",
    "email-signup",
    "formkit-form",
    "gh-post-upgrade-cta",
    "gh-signup",
    "gh-subscribe",
    "jetpack_subscription_widget",
    "kg-signup-card",
    "mailpoet_form",
    "mc4wp-form",
    "mc_embed_signup",
    "ml-embedded",
    "newsletter-box",
    "newsletter-cta",
    "newsletter-form",
    "newsletter-form-container",
    "newsletter-sign-up",
    "newsletter-signup",
    "newsletter-signup-form",
    "newsletter-subscribe",
    "newsletter-subscription",
    "newsletter-widget",
    "newsletter__signup",
    "newsletter_signup",
    "revue-embed",
    "sib_signup_form",
    "sign-up-form",
    "signup-box",
    "signup-form",
    "subscribe-box",
    "subscribe-dialog",
    "subscribe-form",
    "subscribe-widget",
    "subscription-form",
    "subscription-widget",
    "subscription-widget-wrap",
    "subscription-widget-wrap-editor",
    "tnp-subscription",
    "wp-block-jetpack-subscriptions",
];

/// Whether an element isn't part of the article's text.
pub(super) fn is_chrome(element: ElementRef<'_>) -> bool {
    // Classes of the root and the body describe the page, or hide it until scripts have run.
    if matches!(element.value().name(), "html" | "body") {
        return false;
    }
    (ELEMENTS.contains(&element.value().name()) && !is_part_of_text(element))
        || element.attr("role").is_some_and(|role| ROLES.contains(&role))
        || is_marked(element)
}

/// Whether classes, ids, roles or microdata mark an element as chrome.
fn is_marked(element: ElementRef<'_>) -> bool {
    let value = element.value();
    let is = |list: &[&str], name: &str| list.iter().any(|known| known.eq_ignore_ascii_case(name));
    let is_widget_name = |name: &str| is(COMMENTS, name) || is(SHARING, name) || is(SIGN_UPS, name);
    // Generators make a heading's id from its text: `<h2 id="comments">`.
    let is_heading = matches!(value.name(), "h1" | "h2" | "h3" | "h4" | "h5" | "h6");
    (value.name() == "script" && !is_formula(element))
        || is_comment(element)
        || WIDGETS.contains(&value.name())
        || (is_hidden(value) && visible_inside(element).is_empty())
        || (!is_heading && value.id().is_some_and(|id| is_widget_name(id.trim())))
        || value.classes().any(|class| is(CLASSES, class) || is_widget_name(class))
        || (value.name() == "p"
            && element.descendent_elements().any(is_author_link)
            && text_of(element).chars().count() < 100)
}

/// Whether an element is left out only because it's an `<aside>` or a `<form>`. A form with a field for an address, a password or a search
/// is certainly chrome.
fn is_box(element: ElementRef<'_>) -> bool {
    let role = element.attr("role");
    let asks_for_input = |inner: ElementRef<'_>| {
        let kind = inner.attr("type").unwrap_or_default().trim().to_ascii_lowercase();
        inner.value().name() == "input" && matches!(kind.as_str(), "email" | "password" | "search")
    };
    let is_box = match element.value().name() {
        "aside" => role.is_none_or(|role| role == "complementary"),
        "form" => role.is_none() && !element.descendent_elements().any(asks_for_input),
        _ => false,
    };
    is_box && !is_part_of_text(element) && !is_marked(element)
}

/// The outermost `<aside>` and `<form>` elements of an article with more text than a label, not counting links and headings.
pub(super) fn boxes(article: ElementRef<'_>) -> Vec<ElementRef<'_>> {
    const MAX_LABEL: usize = 40;
    let mut boxes = Vec::new();
    let mut open: Vec<ElementRef<'_>> = article.child_elements().collect();
    open.reverse();
    while let Some(element) = open.pop() {
        steps::add(1);
        if is_box(element) {
            if is_wider(&own_text(element), MAX_LABEL) {
                boxes.push(element);
            }
        } else if !is_chrome(element) {
            let first = open.len();
            open.extend(element.child_elements());
            if let Some(children) = open.get_mut(first..) {
                children.reverse();
            }
        }
    }
    boxes
}

/// The text of a box without links, headings and chrome.
fn own_text(element: ElementRef<'_>) -> String {
    const EXCLUDED: &[&str] = &["a", "h1", "h2", "h3", "h4", "h5", "h6", "legend"];
    let mut text = String::new();
    let mut open = vec![*element];
    while let Some(node) = open.pop() {
        steps::add(1);
        match node.value() {
            Node::Text(part) => {
                text.extend(part.split_whitespace().flat_map(|word| [word, " "]));
                continue;
            }
            Node::Element(inner) if EXCLUDED.contains(&inner.name()) => continue,
            Node::Element(_) if node.id() != element.id() && ElementRef::wrap(node).is_some_and(is_chrome) => continue,
            _ => {}
        }
        let first = open.len();
        open.extend(node.children());
        if let Some(children) = open.get_mut(first..) {
            children.reverse();
        }
    }
    text
}

/// Whether an element of a kind that usually surrounds an article belongs to its text: the source of a quotation, a subheading, a footnote.
fn is_part_of_text(element: ElementRef<'_>) -> bool {
    const MAX_DEPTH: usize = 8;
    let within = |names: &[&str]| {
        let above = element.ancestors().filter_map(|node| node.value().as_element()).take(MAX_DEPTH);
        above.take_while(|above| above.name() != "article").any(|above| names.contains(&above.name()))
    };
    match element.value().name() {
        "footer" => within(&["blockquote", "figure"]),
        "header" => {
            within(&["blockquote", "figure"]) || (within(&["section"]) && element.child_elements().any(is_subheading))
        }
        "aside" => element.attr("role").is_some_and(|role| role.starts_with("doc-")),
        _ => false,
    }
}

fn is_subheading(element: ElementRef<'_>) -> bool {
    matches!(element.value().name(), "h2" | "h3" | "h4" | "h5" | "h6")
}

/// Whether a script is the source of a MathJax formula.
fn is_formula(script: ElementRef<'_>) -> bool {
    script.attr("type").is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("math/"))
}

/// Whether microdata marks an element as a reader's comment (schema.org).
fn is_comment(element: ElementRef<'_>) -> bool {
    let has_value =
        |name: &str, is: fn(&str) -> bool| element.attr(name).is_some_and(|value| value.split_whitespace().any(is));
    has_value("itemprop", |property| property == "comment")
        || has_value("itemtype", |kind| {
            kind.rsplit_once("schema.org/").is_some_and(|(_, kind)| matches!(kind, "Comment" | "UserComments"))
        })
}

/// Whether an element is `<a rel="author">`.
pub(super) fn is_author_link(element: ElementRef<'_>) -> bool {
    element.attr("rel").is_some_and(|rel| rel.split_whitespace().any(|rel| rel.eq_ignore_ascii_case("author")))
}

/// Whether an element is chrome or inside chrome.
pub(super) fn inside_chrome(element: ElementRef<'_>) -> bool {
    element.ancestors().filter_map(ElementRef::wrap).any(is_chrome)
}

/// The visible elements among an element and its descendants, in document order.
pub(super) fn shown(root: ElementRef<'_>) -> impl Iterator<Item = ElementRef<'_>> {
    let mut open = vec![*root];
    std::iter::from_fn(move || {
        loop {
            steps::add(1);
            let node = open.pop()?;
            let element = node.value().as_element();
            if element.is_some_and(|element| !matches!(element.name(), "html" | "body") && is_hidden(element)) {
                continue;
            }
            let first = open.len();
            open.extend(node.children());
            if let Some(children) = open.get_mut(first..) {
                children.reverse();
            }
            if let Some(element) = ElementRef::wrap(node) {
                return Some(element);
            }
        }
    })
}

/// The text of an element on one line.
pub(super) fn text_of(element: ElementRef<'_>) -> String {
    let mut text = String::new();
    for part in element.text() {
        text.push_str(part);
    }
    steps::add(text.len());
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
