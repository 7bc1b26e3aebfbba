//! dateline watches a directory of articles and serves them as RSS, Atom and JSON feeds, a feed per section.
//!
//! This page is the map: how data flows, which module may import which, what always holds, and why things are as they are.
//!
//! # What flows
//!
//! ```text
//! file on disk
//!  └ watch     ParsedFile { path, Present(Parsed) | Known(card) | Absent ... }    hints and scans; reads, parses, recalls
//!    └ article   Parsed { article or none, diagnostics, origins }               never fails, never panics
//!      └ build::catalog   the last good card per path
//!        └ build::index   every feed's (published, id) in order; ids; what is still to come
//!          └ build::render_cache   Body -> sanitised HTML, by content hash
//!            └ build::assemble   Feed { entries: Vec<Arc<Entry>>, .. }            neutral
//!              └ feed::encode      bytes                                          a Result, never an empty document
//!                └ Resource        hash, length, Last-Modified; bytes and codings while they are in memory
//!                  └ Snapshot      immutable; swapped whole
//!                    └ serve::routes    the response to a request
//! ```
//!
//! `engine` owns the middle: it takes an [`event::Event`] and the time, and gives [`event::Effect`]s. `daemon` carries events
//! to it and its effects out. Start-up, one changed file, a rescan and a reload of the configuration are this one path.
//!
//! # Who may import whom
//!
//! Each module imports only what stands to its right (a test reads the `use` lines):
//!
//! ```text
//! main > cli > daemon > control > serve > deliver > watch > store > beneath > engine > build > event > snapshot > ledger >
//! config > feed > article > diagnostics > metrics > types > encoding > slab > parallel
//! ```
//!
//! `serve`, `deliver`, `watch` and `store` import neither each other nor `engine` nor `build`: they meet the core through `event` and
//! `snapshot`.
//!
//! | room | what is in it |
//! |---|---|
//! | `cli` | The command line: one file per command, `progress` for long work. Only this module prints. |
//! | `daemon` | the loop, supervision, the order of shutdown, the clock; `listeners` opens what faces the world, `effects` carries effects out, `fetching` reads bodies for as long as any arrive, `persistence` writes records, `metadata_cache` hands the store's cache to the watcher, `activity` logs what happened, `document_store` fetches documents that are not in memory, `saved_documents` verifies those of the last run before readers get them, `quarantine` leaves out files that the engine ends over, `builder` builds once, and pages of articles |
//! | `control` | commands for a running daemon, over a socket in the state directory |
//! | `serve` | The HTTP server. `listener`, `stream` and `tls` accept connections, `connection` speaks HTTP/1 and HTTP/2, `timeouts` ends slow clients. `handler` handles a request, `disk` is what it needs from the disk, `workers` run blocking work, `pages` builds and caches article pages, `coding` and `media` produce bodies, `access_log` logs. `admin` shows status and metrics. Pure inside: `routes`, `responses`, `representation`, `preconditions`, `negotiation`, `range`, `forwarded`, `budget`, `target`. |
//! | `deliver` | The `Target` trait, retries and pauses. `queue` merges waiting deliveries, `disk` writes `feeds/`, `file_names` turns routes into file names, `feed_address` recognises dateline's own feeds, `manifest` lists the files that dateline wrote, `directory_lock` keeps other processes out |
//! | `watch` | Finds changes by events and scans, and reads files. `os_watcher` translates events to hints, `hints` is their channel, `worker` the thread that handles them, `handle` its controls, `messages` what daemon and watcher exchange. `scan` walks, `listing` lists folders, `links` resolves links, `stat` checks files, `read` reads and parses them, `known_files` has their last versions, `cache` those of earlier runs, `full_read` reads everything once. Pure inside: `coalesce` decides when files are complete or removed, `mode` between events and scans, `batches` which files are read together. `active_tools` recognises tools that are changing files, `mounts` mounted file systems, `unreported` changes without events. `page_sources` says whether a page is current, `verify` compares files with published versions |
//! | `store` | the state directory: durable records in SQLite, one writer; `presence` sees whether there is a ledger, `opening` reads it where nothing can be written, `rows` spells its records, `copies` backs up, `compaction` removes records that were overridden long ago, `dormant` has what is remembered of articles that are not in memory, `cache` has what was read for the next start and `renderings` the bodies that were rendered, `documents` has the bytes of documents that are not in memory, `saved` lists what was published last |
//! | `beneath` | Opens files and folders beneath a root directory, and nothing outside it. `root` is the path, `open_root` resolves paths from a descriptor, `folder` lists a folder, `stamp` tells versions of a file apart |
//! | `engine` | events in, effects out; `removal` decides about missing files, `folder_pages` about pages of folders and of sections, `commands` obeys operators, `publishing` makes what readers see, `entries` what feeds show, `feed_set` which tags have feeds and which feeds are written, `fetching` asks for bodies until they are there, `entry_cache` keeps entries, `pages` makes those of articles, `quarantine` leaves out versions that dateline fails over, `recording` what is never forgotten, `dormancy` which articles the store alone remembers, `source_retention` what the store keeps, `withholding` what goes and what waits while records cannot be written, `problems` what operators see, `activity` what the log says of articles |
//! | `build` | Turns articles into feed documents. `catalog` keeps the last good version of each article, `placement` decides which section it belongs to, `membership` which feeds include it. `index` keeps each feed in `order` and assigns ids, `window` says what a feed shows, `feed_limits` how many tags and authors have feeds, `address` where a feed is. `render_cache` keeps rendered bodies, `assemble` builds neutral feeds, `encode` the documents, `gone_feeds` the final documents of retired feeds. |
//! | `event` | every message in the program, on one page |
//! | `metrics` | Counters, gauges and histograms. The shell updates them, `serve::admin` exposes them. |
//! | `snapshot` | What readers see: plain immutable data. `document` is one document and the memory that its bytes take. |
//! | `ledger` | what must never be forgotten, as the fold of records: ids, first sights, retractions, prints of texts, documents' dates; `dormant` has fingerprints of what only the store remembers |
//! | `config` | `raw` reads TOML and keeps spans, `validate` turns it into a configuration or reports all mistakes at once. `content`, `feeds`, `sections`, `addresses`, `server` and `ignore` read their tables, `values` checks values that several have. `difference` describes what a new configuration changes, `relocation` adapts links to a daemon that listens elsewhere. |
//! | `feed` | The neutral feed, and a table of how each format encodes each field; a file per format and per partner. `page` has the HTML pages, `import` reads the feed that dateline replaces and matches its items with articles. |
//! | `article` | Parses articles. `markdown`, `html` and `wire` parse one input format each into the same `Article`; `draft` is the article under construction, `front_matter` and `fields` parse and apply its keys. `model`, `parsed` and `options` contain the shared types, `card` the fields that the catalog keeps. `lifecycle` and `access` interpret keys about publication, `gates` and `free_part` find the parts for members, `hidden_text` removes hidden elements from fields. `render` and `sanitise` make HTML for feeds: `sanitise::style_sheets` detects hidden elements, `tangled` limits the cost of parsing. `bundle` names pages of folders, `pin` writes ids into files, `steps` counts parser steps in tests |
//! | `diagnostics` | Mistakes of operators and authors as data: codes, locations (`lines`), rendering, suggestions for misspelt names, and escapes for terminals and logs. |
//! | `types` | Values that are valid by construction: text, URLs, paths, ids, hashes, languages, instants. |
//! | `encoding` | Percent-encoding of URL segments, and escapes for HTML and XML. |
//! | `parallel` | Data parallelism on all cores, and work that may panic. |
//! | `slab` | Values in numbered slots, and indices that find slots by keys inside the values: for what there is a million of. |
//!
//! # What always holds
//!
//! - From `engine` rightwards everything is pure: no async, disk, network, environment, clock, logging or randomness. What the
//!   core needs of the world is passed in.
//! - Same articles, same configuration, same last instant passed: same bytes, same ETags, on any machine, after any history.
//!   Nothing to the right of `daemon` knows what time it is. No hash map's order reaches a document.
//! - `Effect::Persist` comes before `Effect::Swap`: no id, date or Last-Modified is ever served that a crash can forget.
//! - Last good wins: a version that cannot be used raises a diagnostic, and the one before stays published.
//! - What only members may read of a teaser, and all of a private article, is in no document, page, route, file, log or diagnostic. The
//!   engine decides by the configuration in force, and [`article::render`] leaves the paid part out.
//! - What is under embargo is in no document, page, route, file, log or diagnostic before its instant.
//! - Unreadable is not absent: absence counts only where the nearest folder was listed completely, and after a grace.
//! - A request loads the snapshot once and needs nothing else, except an article's page outside all windows, media files and
//!   documents that are not in memory, which it gets from the one function that `serve::run` is given. A 304 or HEAD needs none.
//! - Bytes that were read from the disk are served only if they have the hash that their ETag states.
//! - Every text in a document is a [`types::Text`], every URL a [`types::WebUrl`]; an encoder's error keeps the old document.
//! - A mistake in the input is a [`diagnostics::Diagnostic`], never an `Err` that stops anything; what the machine got wrong is
//!   retried and reported, or is `daemon::Fatal`.
//!
//! # Why ...?
//!
//! **Why does the engine travel?** It moves into a blocking task with each event and back, so it needs no lock, and a long
//! build never holds up HTTP. If it panics, what is published stays, and a new engine is built from configuration and scan.
//!
//! **Why are articles not kept?** An archive has a million of them and its windows a few thousand. The catalog keeps a card of each, some
//! sixty bytes that say where and when readers see it, and neither title nor text; a window that needs an article asks for it with
//! `Effect::Fetch` and is published when it arrives. Removals never wait for that. While an archive is read for the first time, whoever
//! reads is told from when on windows show articles ([`watch::ScanProgress`]), and of older ones hands on the card alone.
//!
//! **Why may the cache of what was read be wrong?** It is never believed: a row counts only under the hash of the rules by which its file was
//! read, of the file's path, size, times and number, and of what it says. So it is written without waiting for a disk, and anybody may
//! delete it. Files that changed less than a second before they were read are not cached, since they may change again without looking
//! different. A rendered body is found by the hash of all that it is a function of.
//!
//! **Why slabs and slot indices instead of maps?** A map takes several dozen bytes for each of a million paths, besides the values, and
//! there are six such maps. A slot index takes ten, since it finds keys inside the values ([`slab`]).
//!
//! **Why are entries packed in memory?** Three thousand feeds of whole articles have two gigabytes of text. What is needed to make a feed
//! anew has to be there within milliseconds, which no disk promises, and text takes a third of its space packed (`engine::entry_cache`).
//!
//! **Why do requests have threads of their own?** Publication runs on the runtime's blocking threads. Requests that fill these, by asking for
//! pages and leaving, would hold up every story. So what requests need is done by a few other threads with bounded queues
//! (`serve::workers`), and work that nobody waits for any more is not begun.
//!
//! **Why may pages be kept although articles are withheld at any moment?** A page is kept with the very [`snapshot::PublishedArticle`] that it
//! was made of, and is an answer only while the snapshot has that one and the files behind it look the same. What is kept never
//! decides what is public (`serve::pages`).
//!
//! **Why does a panic not end the process?** Nobody expects any; a newsroom still wants its other stories published. One while an article is
//! rendered or encoded costs this version (`engine::quarantine`). After any other the engine is built again and the files of the batch are
//! tried one by one (`daemon::quarantine`); only what nobody knows the cause of ends the process, after a few.
//!
//! **Why are hints not trusted?** `notify` loses what happens in a folder before it is watched, and the kernel's queue
//! overflows. A hint says where to look; the look decides. A scan every five minutes finds what nobody said. Watches come before the
//! first scan, but for archives that take seconds to watch, or whose reading would be an event for each file: there a second scan follows.
//!
//! **Why are events kept where they do not tell everything?** What this machine writes to a network file system is told at once; only what
//! others write there has to wait for a look (`watch::mode`).
//!
//! **Why no debounce?** A closed or renamed file is complete and is read at once. Silence is no sign that a writer is done, so a file that was
//! written waits for its close. Only where nobody tells of a close does a file have to stay as it is for `content.settle`. What arrives
//! while a batch is being read is published with it, unless that has waited for 5 ms already.
//!
//! **Why are paths opened from a descriptor of the root?** A path that is checked by name and opened by name can be another file in between, and a
//! link anywhere on the way leads out of the content directory. `beneath` resolves each component from the root, and what was checked is
//! what is read.
//!
//! **Why does the index skip unchanged articles at start-up?** After a start nearly all articles match the ledger, which is cheap to see
//! while an article is put (`Index::put_initial`). Finding out later takes eight look-ups for each article in tables larger than any
//! cache, and all cores, as after a reload (`Engine::leave_out_quiet`).
//!
//! **Why is a deletion slower than a publication?** Many editors, rsync and git save by removing the file and writing it anew. What
//! is gone has to stay gone for a grace, or every save would be a retraction and a restoration. Version control and transfers take longer:
//! while their locks and temporary files are there, the grace is extended.
//!
//! **Why is a swapped content directory one event?** Its files were deployed together. If they were published one by one, readers would get stories
//! of the new tree with pictures of the old one.
//!
//! **Why do many deletions at once wait for an operator?** They are a disk that is not mounted far more often than they are meant, and
//! most readers drop what left a feed. What was deleted within the ten seconds before comes back with the rest. Files that go within
//! milliseconds of one another go together, or the first of a folder would be deletions before the last makes them many.
//!
//! **Why are the files of entries kept in the store?** The last good version of an article is in no file any more once a bad edit was
//! saved. Without a copy of it a restart would lose a story that readers could see.
//!
//! **Why do articles fall asleep?** A newsroom that deletes what is old would otherwise remember every article in memory for ever. One
//! whose file is gone and of which no feed tells is some fifty bytes of fingerprints there ([`ledger::dormant`]); a file with its path, id
//! or bytes waits until the store has said the rest (`Effect::Recollect`), so that no second id is minted. All records stay in the log, and
//! a program that replays all of it knows everything.
//!
//! **Why does an article's text have a print?** `updated` must move when a reader would see a change and not for a re-save, and a
//! restart must not forget what the text was. A print of another renderer's version begins anew in silence.
//!
//! **Why does a retraction go over a socket and not over HTTP?** A port takes commands from whoever reaches it; a socket in a private
//! directory only from whoever may write the state anyway.
//!
//! **Why does withholding not wait for the disk?** Every other change can be published later without harm. While records cannot be
//! written, the engine postpones what readers have not seen (`engine::withholding`), so that its snapshots only ever take away or edit,
//! and the shell may show them at once. Of what is taken away the file itself remembers; of a retraction by command nobody does, and the
//! operator is told that a restart would forget it.
//!
//! **Why has no request a timer?** A timer for each would cost more than the rest of a 304. A connection notes where it stands, and the loop
//! that accepted it looks at all of them once a second (`serve::timeouts`).
//!
//! **Why do documents leave memory?** Three thousand sections in three formats are more than a gigabyte, of which readers want a
//! few dozen megabytes whole; what most of them ask is whether anything changed, and the hash answers that. So bytes that nobody
//! asks for are in files named by their hashes, and a lost file is a document that is made again. A request sets a flag and takes no
//! lock; a hand that goes round lets go of what has none, shortly after a publication, so that the next finds room and writes no others.
//!
//! **Why is what the last run published shown before the articles are known?** A restart of a large newsroom takes a minute, and
//! readers that are refused may come back in an hour. But only what is still so for all that is recorded: these were the last bytes,
//! under this configuration, nothing in them has expired, and nothing was taken from readers since (`store::saved`). And only after the
//! files of a document's entries were compared with the versions that it shows, on first request and with a deadline
//! (`daemon::saved_documents`): somebody may have embargoed or deleted a story while no daemon ran.
//!
//! **Why are files compared by content and not by recorded stamps?** The cache of what was read says which version a stamp belongs to, and
//! is right also about a file that changed between the last publication and the end of the process. So the list of what was published
//! needs only versions, and a file that was touched but not changed withholds nothing.
//!
//! **Why are header fields made before they are asked for?** A document is asked for thousands of times and changes once: a request
//! clones a map and puts Date in. `snapshot` knows header maps for this; they are plain nouns.
//!
//! **Why are only whole answers counted that a client had before?** Whoever asks whether a feed changed costs nothing. A refusal stops some
//! readers for the whole host, so it has to be deserved, and is for one feed and with a time (`serve::budget`).
//!
//! **Why are ids assigned by (explicit, published, path)?** Of two articles that would have the same id one must give way, and
//! the order in which files were seen must not matter. A story published later never takes the id of an earlier one.
//!
//! **Why an own walk over TOML instead of serde?** serde stops at the first mistake; operators want all of them at once, each
//! with its place.
//!
//! **Why an own YAML tree?** So that a title `1.10` and a language `no` stay what they are, with the place of each value.
//! Aliases are refused: no article needs them, and bombs are made of them.
//!
//! **Why does a copied file wait for some seconds?** A moved file first looks like a copy: its old path is gone only when it has
//! stayed gone for a while. Published at once it would get an id of its own, and readers the story twice.
//!
//! **Why does an embargo that cannot be read withhold even what is public?** To publish what somebody wanted withheld is worse than
//! not to publish, so that here "last good wins" does not hold: [`article::Parsed::withhold`] says so. For the same reason a
//! slip of the pen in `date`, `embargo` or `expires` refuses the file, where another key is only warned about.
//!
//! **Why is there sometimes `dc:source` and not `source`?** RSS and Atom want the URL of the feed that a story came from. Wire
//! text has a name only; `[content.sources]` says which feed belongs to a name.
//!
//! **Why does a window end at an instant and not at a count?** What is behind in the order never stays longer than what is before
//! it, so a window is a prefix of the order and changes when its last article leaves. `build::window` says when that is, and
//! the engine asks to be woken then. No document says what time it is.
//!
//! **Why are files measured where articles are read?** A feed must state the length of a sound, and the core sees no disk. So
//! `watch` fills in what it finds when it reads an article, and reads the article again when the file comes, changes or
//! goes; to the core that is one more version of the article.
//!
//! **Why does `pin` edit bytes?** Decoding a file and writing it anew would change what is unusual in it. It inserts a line, parses
//! the result, and leaves the file alone unless the article is the same but for its id: trying is surer than knowing every format.
//!
//! **Why is HTML parsed again before it is sanitised?** What feed readers can't show becomes what they can only where elements have parents
//! and siblings: a `noscript` replaces the picture beside it. Ammonia then makes safe whatever was written, so that no conversion has to
//! be right for that. Markdown without raw HTML skips it (`article::sanitise`).
//!
//! **Why do ids have suffixes in feeds?** In a reader many articles stand on one page, and two targets `setup` are one too many. So feeds keep
//! only ids that a link in the article leads to, and they end in a hash of the article's address. Links name the article's page, where
//! ids are as they were written. Footnotes alone have the same ids in both: readers that show them as pop-ups look for the link's fragment in
//! the feed. Classes go, since feeds have no style sheets.
//!
//! **Why does `import-ids` rather match too little?** An article without its old id is shown once more. One with the id of
//! another story takes that story's place in every reader, and nobody can call it back.
//!
//! **Why are partners data?** Each is a set of limits and a handful of elements. A [`feed::partner::Rules`] says which; the
//! public feed never changes for a partner's sake.

pub mod article;
pub mod beneath;
pub mod build;
pub mod cli;
pub mod config;
pub mod control;
pub mod daemon;
pub mod deliver;
pub mod diagnostics;
pub mod encoding;
pub mod engine;
pub mod event;
pub mod feed;
pub mod ledger;
pub mod metrics;
pub mod parallel;
pub mod serve;
pub mod slab;
pub mod snapshot;
pub mod store;
pub mod types;
pub mod watch;
