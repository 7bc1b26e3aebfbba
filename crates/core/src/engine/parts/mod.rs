//! The parts of the engine's state. Each file defines one part, and the changes that concern only that part.
//!
//! Parts import neither the engine nor its steps. The steps are in the files of the parent folder, and change several parts together.
//!
//! - `activities`: what happened to articles, for the log
//! - `archives`: the entries of feeds that aren't in an archive yet
//! - `bodies`: bodies that arrived, were requested, or couldn't be read
//! - `dormancy`: what waits for the store's answer, and what decides when articles become dormant
//! - `entry_cache`: the entries that feeds show, packed, and quarantined versions
//! - `held_stories`: versions that wait for an editor
//! - `hubs`: which WebSub hubs deliver
//! - `ignored_files`: files that aren't articles, by folder and kind
//! - `item_files`: files that contain several items of an agency
//! - `media_items`: agencies' items that are pictures, which may withhold their files
//! - `missing_files`: missing files and possible moves, until they are decided
//! - `problems`: the current diagnostics by source
//! - `publication`: a publication under way
//! - `publisher`: what readers see, and what has to be published next
//! - `recorder`: the ledger, and the records that the store hasn't written yet
//! - `section_pages`: the pages of sections
//! - `source_retention`: which versions of files the store keeps
//! - `waiting_files`: files that wait until the store has said whether they are dormant articles
//! - `withholding`: what takes effect at once, and which articles wait until records can be written

pub(super) mod activities;
pub(super) mod archives;
pub(super) mod article_links;
pub(super) mod bodies;
pub(super) mod dormancy;
pub(super) mod entry_cache;
pub(super) mod held_stories;
pub(super) mod hubs;
pub(super) mod ignored_files;
pub(super) mod item_files;
pub(super) mod media_items;
pub(super) mod missing_files;
pub(super) mod problems;
pub(super) mod publication;
pub(super) mod publisher;
pub(super) mod recorder;
pub(super) mod section_pages;
pub(super) mod source_retention;
pub(super) mod undated_articles;
pub(super) mod waiting_files;
pub(super) mod withholding;
