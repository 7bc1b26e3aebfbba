//! dateline watches a directory of articles and serves them as RSS, Atom and JSON feeds, a feed per section.
//!
//! This page is the map. The docs of each module say how it works and why.
//!
//! # How data flows
//!
//! ```text
//! file on disk
//!  └ watch            finds changes, reads and parses       ParsedFile { path, Present | Known | Absent }
//!    └ article        parses; never fails, never panics     Parsed { article, diagnostics }
//!      └ build::catalog    last good version per path       Card
//!        └ build::index    feeds in order, ids, wake times
//!          └ build::render_cache   rendered bodies          sanitised HTML by content hash
//!            └ build::assemble     neutral feed             Feed { entries }
//!              └ feed::encode      one format               bytes, or an error that keeps the old document
//!                └ snapshot        what readers see         immutable, swapped whole
//!                  └ serve::respond   one answer
//! ```
//!
//! `engine` owns the middle: it takes an [`event::Event`] and the time, and returns [`event::Effect`]s. `daemon` brings events in and
//! executes effects. Start-up, one changed file, a full scan and a reload are the same path with different inputs.
//!
//! # Who may import whom
//!
//! A module imports only modules to its right (a test reads the `use` lines):
//!
//! ```text
//! main > cli > daemon > control > serve > deliver > push > watch > store > beneath > engine > build > event > snapshot > ledger >
//! websub > config > feed > article > diagnostics > metrics > types > encoding > slab > parallel
//! ```
//!
//! The modules from `engine` rightwards are in crates of their own: `crates/core` (`engine` to `feed`), `crates/article` and `crates/base`
//! (`diagnostics` to `parallel`). After a change, Cargo builds only the crates that it concerns.
//!
//! `serve`, `deliver`, `push`, `watch` and `store` import neither each other nor `engine` nor `build`; they meet the engine through `event` and
//! `snapshot`. From `engine` rightwards everything is pure: no async, disk, network, environment, clock, logging or randomness.
//!
//! | module | contents |
//! |---|---|
//! | `cli` | one file per command; the only code that prints |
//! | `daemon` | event loop, supervision, shutdown order, clock; executes effects, fetches bodies, writes records, verifies saved documents |
//! | `control` | commands for a running daemon, over a socket in the state directory |
//! | `serve` | listeners, connections, TLS, access log, admin pages, caches of documents and pages; routing and negotiation are pure |
//! | `deliver` | delivery targets with queues and retries; writes the output directory and its manifest |
//! | `push` | sends changed feeds to subscribers of the built-in WebSub hub, and pings other hubs, on a thread of its own |
//! | `watch` | change events, scans, reading; `coalesce` decides which files are complete and which are gone |
//! | `store` | the state directory: ledger records in SQLite, caches, documents, backup; one thread owns the databases and accepts messages |
//! | `beneath` | opens files and folders beneath a root directory, and nothing outside it |
//! | `engine` | the pure state machine: events in, effects out |
//! | `build` | catalog, placement, index, windows, render cache, assembly, encoding |
//! | `event` | every message in the program, on one page |
//! | `snapshot` | what readers see, as plain data: documents without their bytes, routes, report |
//! | `ledger` | durable facts, computed as a fold over records: ids, first-seen times, retractions, fingerprints, documents' dates |
//! | `websub` | the state machines of the hub and of pings: who gets what and when; which callbacks are refused |
//! | `config` | reads and validates TOML, reporting all mistakes at once; compares configurations |
//! | `feed` | the neutral feed, a table of how each format spells each field, a file per format and partner, import of foreign feeds |
//! | `article` | a file per input format, all ending in the same `Article`; words that withhold, paid parts, rendering, sanitising |
//! | `diagnostics` | mistakes as data: code, place, message, help; how they are printed and escaped |
//! | `metrics` | counters and gauges of the running daemon |
//! | `types` | values that are valid by construction |
//! | `encoding` | percent-encoding of URLs, escapes of HTML and XML |
//! | `slab` | compact storage for a million items |
//! | `parallel` | work on all cores, and work that may panic |
//!
//! # Invariants
//!
//! - Same articles, configuration, ledger and last instant passed: same bytes and ETags, on any machine, after any history.
//! - `Effect::Persist` comes before `Effect::Swap`: no reader sees an id or date that a crash can forget. Withholding is the exception.
//! - Nothing that is withheld, embargoed, private or paid is in a document, page, route, file, log line or diagnostic.
//! - The last good version stays published while a newer one can't be used, unless the newer one withholds.
//! - Unreadable isn't absent: a removal needs a complete listing, a grace period and a second look.
//! - A request loads the snapshot once, and finds bytes only by the hash that the snapshot states. Bytes read from disk are served only if
//!   they have the hash that their ETag states.
//! - The bytes of a document are stored (`Effect::Store`) before readers see it, and stay in memory until a file has them.
//! - Every text in a document is a [`types::Text`], every address a [`types::WebUrl`].
//! - A mistake in the input is a [`diagnostics::Diagnostic`], never an `Err` that stops anything. A failure of the machine is retried and
//!   reported, or is `daemon::Fatal`.
//!
//! # Glossary
//!
//! - **article**: one file in the content directory, parsed. **card**: the few facts that are kept of every article.
//! - **section**: a configured subject with its own feeds. **placement**: which sections and feeds an article belongs to, and why.
//! - **feed**: the neutral form. **entry**: one article in a feed. **window**: the newest entries that a feed shows.
//! - **document**: a feed in one format, as bytes with validators. **route**: the path under which a document is served.
//! - **archive**: a document with entries that have left the window. **chain**: all archives of a feed, each with a link to the one before.
//! - **record**: one durable fact in the ledger. **notice** or **tombstone**: tells readers that an entry was removed.
//! - **agency notice**: a kill, correction or advisory of a news agency about another item. It is never published itself.
//! - **journal**: the rows that say which entries were added to feeds, changed and removed. **position**: a subscriber's last row.
//! - **withheld**: not public, or not public yet or any more. **retracted**: withdrawn for good, with a notice to readers.
//! - **dormant**: said of an article that is gone for good and whose notices have ended. Its facts are only in the store.
//! - **diagnostic**: one mistake in the input, with its place and a fix.

pub use dateline_article::article;
pub use dateline_base::{diagnostics, encoding, metrics, parallel, slab, types};
pub use dateline_core::{build, config, engine, event, feed, ledger, snapshot, websub};

pub mod beneath;
pub mod cli;
pub mod control;
pub mod daemon;
pub mod deliver;
pub mod push;
pub mod serve;
pub mod store;
pub mod watch;
