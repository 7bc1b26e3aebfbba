//! Who wants which id, and by what right. Nearly every id is wanted by one article.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::article::Metadata;
use crate::ledger::Ledger;
use crate::types::{ArticlePath, EntryId};

/// Who wants an id, best right first: who has it, explicit ids, minted ones; then the earlier publication, then the path.
pub(super) type Claim = (Right, Timestamp, ArticlePath);

/// By what right an article wants an id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Right {
    /// Readers know it under this id.
    Held,
    /// Its author says so.
    Explicit,
    /// It follows from date, section and slug.
    Minted,
}

/// All claims, each id's best first.
#[derive(Debug, Default)]
pub(super) struct Claims(HashMap<EntryId, Vec<Claim>>);

impl Claims {
    /// An article wants an id since it was first published.
    pub(super) fn add(
        &mut self,
        path: &ArticlePath,
        metadata: &Metadata,
        since: Timestamp,
        id: &EntryId,
        ledger: &Ledger,
    ) {
        let right = match &metadata.id {
            _ if ledger.holds(path, id) => Right::Held,
            Some(_) => Right::Explicit,
            None => Right::Minted,
        };
        self.insert(id, (right, since, path.clone()));
    }

    /// Takes back what an article wanted.
    pub(super) fn remove(&mut self, id: &EntryId, path: &ArticlePath) -> Option<Claim> {
        let claims = self.0.get_mut(id)?;
        let claim = claims.iter().position(|(_, _, claimant)| claimant == path).map(|place| claims.remove(place));
        if claims.is_empty() {
            self.0.remove(id);
        }
        claim
    }

    /// Readers know an article under this id from now on; it wanted another, perhaps.
    pub(super) fn hold(&mut self, wish: &EntryId, id: &EntryId, path: &ArticlePath) {
        if wish != id {
            if let Some((_, since, path)) = self.remove(wish, path) {
                self.insert(id, (Right::Held, since, path));
            }
        } else if let Some(claims) = self.0.get_mut(id) {
            claims.iter_mut().filter(|(_, _, claimant)| claimant == path).for_each(|(right, ..)| *right = Right::Held);
            claims.sort_unstable();
        }
    }

    /// Who wants an id, best right first.
    pub(super) fn of(&self, id: &EntryId) -> &[Claim] {
        self.0.get(id).map(Vec::as_slice).unwrap_or_default()
    }

    fn insert(&mut self, id: &EntryId, claim: Claim) {
        let claims = self.0.entry(id.clone()).or_insert_with(|| Vec::with_capacity(1));
        if let Err(place) = claims.binary_search(&claim) {
            claims.insert(place, claim);
        }
    }
}
