//! What other resources of a kind say of a field that no table knows.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    known, managed,
    path::{Path, Step},
    walk::Found,
};
use crate::domain::{Document, Tree};

/// From so many resources of a kind on, a field that no table knows, nobody declared and all of them have alike is a server's doing.
const ENOUGH_PEERS: usize = 5;

/// What is taken as the cluster's doing: a field that no table knows, and that all resources of a kind have alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Learnt {
    /// The kind.
    pub kind: String,
    /// Where in each of them.
    pub path: String,
    /// What they all have there.
    pub live: Tree,
    /// How many there are.
    pub count: usize,
}

/// A resource on both sides, with what is only live and may be a server's.
pub(super) struct Open<'d> {
    pub(super) desired: &'d Document,
    pub(super) live: &'d Document,
    pub(super) keys: Vec<Found>,
}

/// Takes out the keys that are somebody's: people declare them for another resource of the kind, and one that has no such declaration
/// lacks them, so that no server fills them in.
pub(super) fn judge<'d>(open: &mut [Open<'d>]) -> Vec<(&'d Document, Found)> {
    let mut kinds: BTreeMap<(&str, &str), Vec<(&Document, &Document)>> = BTreeMap::new();
    for one in open.iter() {
        let kind = (&*one.live.group, &*one.live.kind);
        kinds.entry(kind).or_default().push((one.desired, one.live));
    }
    let mut told = Vec::new();
    for one in open.iter_mut() {
        let peers = &kinds[&(&*one.live.group, &*one.live.kind)];
        let (peoples, open): (Vec<Found>, Vec<Found>) = std::mem::take(&mut one.keys)
            .into_iter()
            .partition(|found| is_peoples(&found.path, peers));
        one.keys = open;
        told.extend(peoples.into_iter().map(|found| (one.live, found)));
    }
    told
}

fn is_peoples(path: &Path, peers: &[(&Document, &Document)]) -> bool {
    let keys: Vec<&str> = path.names().collect();
    let Some((_, within)) = keys.split_last().filter(|_| keys.len() == path.0.len()) else {
        return false;
    };
    let declared = |(desired, _): &(&Document, &Document)| desired.tree.at(&keys).is_some();
    let lacks = |(_, live): &(&Document, &Document)| live.tree.at(within).is_some() && live.tree.at(&keys).is_none();
    peers.iter().any(declared) && peers.iter().any(|peer| !declared(peer) && lacks(peer))
}

/// Takes out the fields that no table knows, no resource of a kind declares and all of them have alike, where there are enough: the
/// default of a newer server, or a webhook's. What a table knows is somebody's to declare, however many have it, and so is all that
/// somebody wrote by hand; powers over the host are told all the same, and no server fills in a plain file.
pub(super) fn learn(found: &mut Vec<(&Document, Found)>, peers: &BTreeMap<&str, usize>, learnt: &mut Vec<Learnt>) {
    let key = |(document, found): &(&Document, Found)| {
        let live = found.live.as_ref().filter(|_| found.desired.is_none())?;
        let last = found.path.names().last()?;
        if found.tabled
            || document.kind.is_empty()
            || known::is_dangerous(last, live)
            || managed::by_hand(&document.tree, &found.path.0)
        {
            return None;
        }
        let steps = found.path.0.iter().map(|step| match step {
            Step::Index(_) => Step::Index(0),
            other => other.clone(),
        });
        let path = Path(steps.collect());
        let told = serde_json::to_string(live).ok()?;
        Some((document.kind.to_string(), path.to_string(), told))
    };
    let mut holders: BTreeMap<(String, String, String), (BTreeSet<String>, Tree)> = BTreeMap::new();
    for one in found.iter() {
        if let (Some(key), Some(live)) = (key(one), &one.1.live) {
            let of = holders.entry(key).or_insert_with(|| (BTreeSet::new(), live.clone()));
            of.0.insert(one.0.resource());
        }
    }
    holders.retain(|(kind, _, _), (holders, _)| {
        holders.len() >= ENOUGH_PEERS && peers.get(kind.as_str()).is_some_and(|peers| holders.len() == *peers)
    });
    found.retain(|one| !key(one).is_some_and(|key| holders.contains_key(&key)));
    learnt.extend(holders.into_iter().map(|((kind, path, _), (holders, live))| Learnt {
        kind,
        path,
        live,
        count: holders.len(),
    }));
}
