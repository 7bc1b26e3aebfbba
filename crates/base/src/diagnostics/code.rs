//! Every kind of mistake, on one page. Codes are stable: operators search for them, `docs/src/diagnostics.md` lists them.

use std::fmt;

use super::Severity;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident $name:literal $severity:ident,)+) => {
        /// The kind of a mistake.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// Every code, in the order of this page.
            pub const ALL: &[Code] = &[$(Code::$variant,)+];

            /// The name that is printed, searched for and documented.
            pub fn name(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ }
            }

            /// The meaning in one line.
            pub fn explanation(self) -> &'static str {
                match self { $(Code::$variant => concat!($($doc),+).trim_ascii_start(),)+ }
            }

            /// Whether somebody has to act before all is well for readers again.
            pub fn is_alarm(self) -> bool {
                self.keeps_configuration()
                    || matches!(
                        self,
                        Code::MassRemoval
                            | Code::MassUndated
                            | Code::StateUnwritable
                            | Code::StateUnreadable
                            | Code::ContentUnreachable
                            | Code::LedgerRecord
                            | Code::AgencyNotice
                            | Code::HubSilent
                    )
            }

            /// Whether a running daemon does not use its configuration file as it is now.
            pub fn keeps_configuration(self) -> bool {
                let is_config = self.name().starts_with("config-");
                matches!(self, Code::ReloadRefused | Code::ConfigFrozen)
                    || (is_config && self.severity() == Severity::Error)
            }

            /// Whether the input is refused.
            pub fn severity(self) -> Severity {
                match self { $(Code::$variant => Severity::$severity,)+ }
            }
        }
    };
}

codes! {
    // -- configuration ------------------------------------------------------------------------------------------------
    /// The configuration file cannot be read.
    ConfigUnreadable "config-unreadable" Error,
    /// The configuration is not TOML, or not UTF-8.
    ConfigSyntax "config-syntax" Error,
    /// A key that does not exist.
    ConfigUnknownKey "config-unknown-key" Error,
    /// A value of the wrong type.
    ConfigType "config-type" Error,
    /// A number out of range.
    ConfigNumber "config-number" Error,
    /// Not a length of time.
    ConfigDuration "config-duration" Error,
    /// A required key is missing or empty.
    ConfigMissing "config-missing" Error,
    /// Not a URL that readers can load, or not one of the required shape.
    ConfigUrl "config-url" Error,
    /// Not a language tag of BCP 47.
    ConfigLanguage "config-language" Error,
    /// Not a time zone of the IANA database.
    ConfigTimezone "config-timezone" Error,
    /// Not a host and date that can mint tag URIs (RFC 4151).
    ConfigTagAuthority "config-tag-authority" Error,
    /// Not an address to listen on.
    ConfigListen "config-listen" Error,
    /// The operators' pages can be reached from other machines.
    ConfigExposed "config-exposed" Warning,
    /// Not an address or network of a proxy.
    ConfigProxy "config-proxy" Error,
    /// Not a directory that can be used for this.
    ConfigDirectory "config-directory" Error,
    /// Not a charset label.
    ConfigCharset "config-charset" Error,
    /// Not a field of wire text.
    ConfigWireLabel "config-wire-label" Error,
    /// Not one of the words that the key takes.
    ConfigChoice "config-choice" Error,
    /// Not a section path.
    ConfigSectionPath "config-section-path" Error,
    /// Two sections have the same path, breadcrumb or patterns, or two sources the same name or directory.
    ConfigDuplicate "config-duplicate" Error,
    /// Not a name that the paths of a source's articles can begin with.
    ConfigSourceName "config-source-name" Error,
    /// The directory of a source contains that of another one.
    ConfigNested "config-nested" Warning,
    /// A section takes a path that dateline needs itself.
    ConfigReserved "config-reserved" Error,
    /// Not a pattern.
    ConfigGlob "config-glob" Error,
    /// A section that no article can ever be in.
    ConfigMatchesNothing "config-matches-nothing" Warning,
    /// Readers elsewhere would be sent to their own machine.
    ConfigLoopback "config-loopback" Warning,
    /// A change that needs a restart.
    ConfigFrozen "config-frozen" Warning,
    /// The running daemon uses another configuration than this file.
    ConfigInactive "config-inactive" Error,
    /// `dateline init --from` cannot take over a setting of another tool.
    InitSetting "init-setting" Warning,

    // -- articles: all formats ----------------------------------------------------------------------------------------
    /// The article's file cannot be read.
    ArticleUnreadable "article-unreadable" Error,
    /// The file is larger than `content.max_size`.
    ArticleTooLarge "article-too-large" Error,
    /// The file is empty: it may still be being written.
    ArticleEmpty "article-empty" Error,
    /// The file is not text.
    ArticleBinary "article-binary" Error,
    /// The charset was guessed, or some bytes are not of it.
    ArticleCharset "article-charset" Warning,
    /// Bytes that are not of the charset that the file declares.
    ArticleEncoding "article-encoding" Error,
    /// There is no usable title.
    ArticleTitle "article-title" Error,
    /// Not a date, or not one that exists.
    ArticleDate "article-date" Error,
    /// A local time that a clock change skips or repeats; the later one is used.
    ArticleDateAmbiguous "article-date-ambiguous" Warning,
    /// No date, so it is published under the date on which it was first seen.
    ArticleUndated "article-undated" Warning,
    /// Updated before it was published.
    ArticleUpdated "article-updated" Warning,
    /// Not an id. In front matter, it's ignored.
    ArticleId "article-id" Error,
    /// Not a slug.
    ArticleSlug "article-slug" Error,
    /// Not a section; the folder decides instead.
    ArticleSection "article-section" Warning,
    /// Not an image that readers can load; the article is published without it.
    ArticleImage "article-image" Warning,
    /// Not a media file that readers can load; the article is published without it.
    ArticleMedia "article-media" Warning,
    /// A reference to a footnote that does not exist, or a footnote that nothing refers to.
    ArticleFootnote "article-footnote" Warning,
    /// A value of a picture or media file that cannot be used; the file is published without it.
    ArticleMediaValue "article-media-value" Warning,
    /// Something in the text that feeds can't contain: a picture in its own address, a drawing, a player without an address, text in an `<aside>` or a `<form>`.
    ArticleLoss "article-loss" Warning,
    /// A shortcode, a template tag or a component that dateline doesn't run; the text inside it is published.
    ArticleShortcode "article-shortcode" Warning,
    /// Not a link; dateline's own page is linked instead.
    ArticleLink "article-link" Warning,
    /// Not a language.
    ArticleLanguage "article-language" Warning,
    /// Not a tag.
    ArticleTag "article-tag" Warning,
    /// More of something than is published.
    ArticleTooMany "article-too-many" Warning,
    /// More mistakes in a file than are listed.
    ArticleUnlisted "article-unlisted" Warning,
    /// A wire text has so many lines and fields that reading it would take too long.
    ArticleTooComplex "article-too-complex" Error,
    /// A statement of when or whether the article is public cannot be read, or a key is nearly the name of one.
    ArticleLifecycle "article-lifecycle" Error,
    /// A statement of who may read the article cannot be read, or a key is nearly the name of one.
    ArticleAccess "article-access" Error,
    /// It expires before it is published, so it is never public.
    ArticleExpires "article-expires" Warning,
    /// A correction without text, or without a date that can be read; it is left out.
    ArticleCorrection "article-correction" Warning,

    // -- articles: front matter and Markdown --------------------------------------------------------------------------
    /// The front matter is damaged: without proper fences, or neither YAML nor TOML nor JSON.
    FrontMatter "front-matter" Error,
    /// A key that is nearly one that dateline knows.
    FrontMatterNearMiss "front-matter-near-miss" Warning,
    /// A value of the wrong kind; the article is published without it.
    FrontMatterValue "front-matter-value" Warning,

    // -- articles: HTML -----------------------------------------------------------------------------------------------
    /// The page has so many nested elements, tags or attributes that reading it would take too long.
    HtmlTangled "html-tangled" Error,
    /// The page has no text that could be the article.
    HtmlBody "html-body" Error,
    /// The page's `<base href>` is not a web address; relative addresses are resolved without it.
    HtmlBase "html-base" Warning,
    /// The address of the page's picture cannot be completed.
    HtmlImage "html-image" Warning,
    /// A JSON-LD block of the page is not valid JSON; the other metadata of the page is used.
    HtmlJsonLd "html-json-ld" Warning,

    // -- articles: wire text ------------------------------------------------------------------------------------------
    /// A labelled line has no value, an unknown label, or a place where labels do not count.
    WireLabel "wire-label" Warning,
    /// It is doubtful which line is the headline.
    WireHeadline "wire-headline" Warning,
    /// It is doubtful whether a line is a caption.
    WireCaption "wire-caption" Warning,
    /// It is doubtful whether a line is a byline.
    WireByline "wire-byline" Warning,
    /// A field is given twice, with different values.
    WireConflict "wire-conflict" Warning,
    /// The text has no paragraph.
    WireBody "wire-body" Warning,
    /// Text after the end of the article was left out.
    WireTrailing "wire-trailing" Warning,

    // -- articles: agency formats --------------------------------------------------------------------------------------
    /// An agency's file is damaged, was cut off, or exceeds a limit.
    AgencySyntax "agency-syntax" Error,
    /// An agency's item has no text.
    AgencyText "agency-text" Warning,
    /// An agency withdraws or corrects an item that isn't known, or not known for certain.
    AgencyNotice "agency-notice" Error,
    /// An item is an agency's advice to editors; it is not published.
    AgencyAdvice "agency-advice" Warning,

    // -- publishing ---------------------------------------------------------------------------------------------------
    /// A breadcrumb matches no section; the folder decides instead.
    BreadcrumbUnknown "breadcrumb-unknown" Warning,
    /// An article names a section that is not configured.
    SectionUnknown "section-unknown" Warning,
    /// An article or a folder uses the old name of a section that `[[moved]]` renamed; it is in the section anyway.
    SectionRenamed "section-renamed" Warning,
    /// A tag, an author, a page or a file would have the address of a section; the section has it.
    AddressTaken "address-taken" Warning,
    /// Two articles would have the same id; they are told apart by their paths.
    IdCollision "id-collision" Warning,
    /// Another article already has this explicit id, so this one is not published.
    IdTaken "id-taken" Error,
    /// Another file with the same id withholds this article, so it is not public.
    IdWithheld "id-withheld" Error,
    /// Many articles vanished at once, which looks like an accident; their feeds stay as they are.
    MassRemoval "mass-removal" Error,
    /// Many articles without a date arrived at once; they wait until `content.undated` says which date they get.
    MassUndated "mass-undated" Warning,
    /// All articles without a date got the same one, because their files were modified at the same time.
    DoubtfulDates "doubtful-dates" Warning,
    /// The state cannot be written; readers keep what they have until it can.
    StateUnwritable "state-unwritable" Error,
    /// Stored facts about articles whose files were gone cannot be read; files that may belong to these articles wait.
    StateUnreadable "state-unreadable" Error,
    /// A record of the ledger that withholds an article cannot be read; the article stays withheld.
    LedgerRecord "ledger-record" Warning,
    /// A changed configuration would give other ids, or empty or shrink feeds, so it is rejected.
    ReloadRefused "reload-refused" Error,
    /// A file that an article names does not exist; the article is published without it.
    MediaMissing "media-missing" Warning,
    /// A caption whose picture has not been delivered; feeds leave the caption out.
    LoneCaption "lone-caption" Warning,
    /// Two articles of a feed have the same sound or film, so players show only one.
    MediaShared "media-shared" Warning,
    /// A partner would refuse an article, or a whole feed.
    PartnerRefuses "partner-refuses" Warning,
    /// `max_bytes` kept older articles out of a feed.
    WindowCut "window-cut" Warning,
    /// More tags or authors than `taxonomies.max_tags`; the rest have no feeds.
    TooManyTags "too-many-tags" Warning,
    /// An encoder refused a document; the previous version of it stays served.
    DocumentRefused "document-refused" Error,

    // -- watching and writing -----------------------------------------------------------------------------------------
    /// A folder of the content directory cannot be read; its articles stay as they are.
    FolderUnreadable "folder-unreadable" Error,
    /// After a start the content directory cannot be read, or seems unmounted; documents of the last run stay served.
    ContentUnreachable "content-unreachable" Error,
    /// A link that is not followed, because its target is outside the content directory or is read at its own path.
    FolderLink "folder-link" Warning,
    /// A link to a file outside the content directory.
    ArticleOutside "article-outside" Error,
    /// A file name that is not UTF-8.
    ArticleName "article-name" Error,
    /// Files in a folder that are not articles, such as JSON that is not ninjs, and pages about the site.
    ContentIgnored "content-ignored" Warning,
    /// Two names in a folder differ only in case or Unicode normalisation; other systems treat them as the same name.
    NameCollision "name-collision" Warning,
    /// A file has been open for writing for a minute; it is published as it is.
    ArticleOpen "article-open" Warning,
    /// Not a regular file.
    ArticleSpecial "article-special" Error,
    /// The system does not report all changes; dateline finds them by scans, which takes longer.
    WatchLimited "watch-limited" Warning,
    /// A WebSub hub that feeds name has not delivered a change to dateline's own subscription in time.
    HubSilent "hub-silent" Error,
    /// A feed document cannot be written.
    OutputUnwritable "output-unwritable" Error,
    /// Something that dateline did not write, or not with these bytes, is in the way of a feed document.
    OutputForeign "output-foreign" Error,
    /// Another process writes to the output directory.
    OutputClaimed "output-claimed" Error,
    /// The folders of two feeds are one where a file system ignores case, so only one of the feeds is written.
    OutputCollision "output-collision" Warning,
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
