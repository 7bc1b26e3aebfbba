//! The subscriptions of the built-in WebSub hub, and which versions other hubs were told of. In a file of its own: a lost file costs pushes
//! until subscribers renew their leases, and no article.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior, params};

use super::directory::PUSH_DATABASE;
use super::error::{StoreError, store_error};
use super::opening::{self, Access};
use super::schema::MAX_LOCK_WAIT;
use crate::types::ContentHash;
use crate::websub::{Callback, Change, Saved, Subscription};

/// The version of the tables.
const SCHEMA: i64 = 1;
const TABLES: &str = "
    CREATE TABLE subscription (
        number    INTEGER PRIMARY KEY,
        topic     TEXT NOT NULL,     -- the route of the feed
        topic_url TEXT NOT NULL,     -- as the subscriber wrote it
        callback  TEXT NOT NULL,
        secret    BLOB,
        expires   INTEGER NOT NULL,  -- milliseconds since 1970
        delivered BLOB               -- the hash of the version that the subscriber has
    ) STRICT;
    CREATE TABLE announced (
        hub     TEXT NOT NULL,
        topic   TEXT NOT NULL,
        version BLOB NOT NULL,
        PRIMARY KEY (hub, topic)
    ) STRICT, WITHOUT ROWID;
";

/// The open database.
#[derive(Debug)]
pub(super) struct PushDatabase {
    path: PathBuf,
    database: Connection,
}

impl PushDatabase {
    /// Opens the database of a state directory, and creates it if it is missing.
    ///
    /// # Errors
    /// If it can't be opened or is of a later version.
    pub(super) fn open(directory: &Path) -> Result<PushDatabase, StoreError> {
        let path = directory.join(PUSH_DATABASE);
        let open = || -> rusqlite::Result<(Connection, i64)> {
            let database = opening::open(&path, Access::Create, MAX_LOCK_WAIT)?;
            database.pragma_update(None, "journal_mode", "wal")?;
            database.pragma_update(None, "synchronous", "full")?;
            let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0))?;
            if version == 0 {
                database
                    .execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;"))?;
            }
            Ok((database, version))
        };
        let (database, version) = open().map_err(|error| store_error(&path, &error))?;
        match version {
            0..=SCHEMA => Ok(PushDatabase { path, database }),
            newer => Err(StoreError::Newer(path, usize::try_from(newer).unwrap_or(usize::MAX))),
        }
    }

    /// Reads everything. Rows that can't be used are left out: their subscribers subscribe again.
    ///
    /// # Errors
    /// If the database is damaged or can't be read.
    pub(super) fn load(&self) -> Result<Saved, StoreError> {
        let load = || -> rusqlite::Result<Saved> {
            let mut saved = Saved::default();
            let mut statement = self.database.prepare(
                "SELECT number, topic, topic_url, callback, secret, expires, delivered FROM subscription ORDER BY number",
            )?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let number = u64::try_from(row.get::<_, i64>(0)?).ok();
                let callback = Callback::stored(&row.get::<_, String>(3)?);
                let expires = Timestamp::from_millisecond(row.get(5)?).ok();
                let (Some(number), Some(callback), Some(expires)) = (number, callback, expires) else { continue };
                let subscription = Subscription {
                    topic: row.get::<_, String>(1)?.into(),
                    topic_url: row.get::<_, String>(2)?.into(),
                    callback,
                    secret: row.get::<_, Option<Vec<u8>>>(4)?.map(Arc::from),
                    expires,
                    delivered: row.get::<_, Option<[u8; 16]>>(6)?.map(ContentHash::from_bytes),
                };
                saved.subscriptions.push((number, subscription));
            }
            let mut statement = self.database.prepare("SELECT hub, topic, version FROM announced")?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let version = ContentHash::from_bytes(row.get(2)?);
                saved.announced.push((row.get::<_, String>(0)?.into(), row.get::<_, String>(1)?.into(), version));
            }
            Ok(saved)
        };
        load().map_err(|error| store_error(&self.path, &error))
    }

    /// Makes changes durable in one transaction.
    ///
    /// # Errors
    /// If they can't be written. Then none of them was.
    pub(super) fn save(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        let mut save = || -> rusqlite::Result<()> {
            let transaction = self.database.transaction_with_behavior(TransactionBehavior::Immediate)?;
            changes.iter().try_for_each(|change| write(&transaction, change))?;
            transaction.commit()
        };
        save().map_err(|error| store_error(&self.path, &error))
    }
}

fn write(database: &Connection, change: &Change) -> rusqlite::Result<()> {
    // SQLite has no unsigned numbers. There are never that many subscriptions.
    let key = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    match change {
        Change::Subscribed(number, subscription) => {
            let Subscription { topic, topic_url, callback, secret, expires, delivered } = subscription;
            database.prepare_cached("INSERT OR REPLACE INTO subscription VALUES (?, ?, ?, ?, ?, ?, ?)")?.execute(
                params![
                    key(*number),
                    &**topic,
                    &**topic_url,
                    callback.as_str(),
                    secret.as_deref(),
                    expires.as_millisecond(),
                    delivered.as_ref().map(|hash| hash.as_bytes().as_slice()),
                ],
            )
        }
        Change::Unsubscribed(number) => {
            database.prepare_cached("DELETE FROM subscription WHERE number = ?")?.execute([key(*number)])
        }
        Change::Announced { hub, topic, version: Some(version) } => database
            .prepare_cached("INSERT OR REPLACE INTO announced VALUES (?, ?, ?)")?
            .execute(params![&**hub, &**topic, version.as_bytes().as_slice()]),
        Change::Announced { hub, topic, version: None } => {
            database.prepare_cached("DELETE FROM announced WHERE hub = ? AND topic = ?")?.execute([&**hub, &**topic])
        }
        Change::Forgotten { hub } => database.prepare_cached("DELETE FROM announced WHERE hub = ?")?.execute([&**hub]),
    }
    .map(drop)
}
