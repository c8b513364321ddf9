//! What other tools found drifted, and objects that carry their own declaration.

use super::{Compared, Departure, Path, Step, compare, compare_states, told};
use crate::{
    domain::{Document, Tree},
    observe::import::Item,
};

/// What the files of tools say, a piece at a time.
#[derive(Debug, Default)]
pub struct ToolReport {
    applied: Vec<Document>,
    live: Vec<Document>,
    found: Vec<Departure>,
    /// Resources told of in any way.
    pub resources: usize,
    /// Changes that a plan is about to make.
    pub pending: usize,
    /// Settings that a tool could not set right.
    pub failed: usize,
}

impl ToolReport {
    /// Takes a piece.
    pub fn take(&mut self, item: Item) {
        match item {
            Item::Document(document, Some(declared)) => {
                self.applied.push(declared);
                self.live.push(document);
            }
            Item::Document(_, None) => self.resources += 1,
            Item::Change { pending: true, .. } => self.pending += 1,
            item => {
                self.failed += usize::from(matches!(&item, Item::Event(found) if found.failed));
                self.found.extend(departures(item));
            }
        }
    }

    /// What is not as declared: by the comparison of objects with what was applied, and by the tools' own accounts.
    #[must_use]
    pub fn compared(mut self) -> Compared {
        let mut compared = compare(&self.applied, &self.live);
        compared.departures.append(&mut self.found);
        compared
    }
}

/// The departures that a tool tells of; of what is to come the later state is the declared one.
#[must_use]
pub fn departures(item: Item) -> Vec<Departure> {
    match item {
        Item::Document(..) => Vec::new(),
        Item::Change {
            resource,
            kind,
            states,
            pending,
            ..
        } => match states.hidden() {
            (before, after) if pending => changed(&resource, &kind, after, before),
            (before, after) => changed(&resource, &kind, before, after),
        },
        Item::Event(found) => {
            let path = Path(found.path.into_iter().map(Step::Key).collect());
            vec![told(&found.resource, &found.kind, path, found.desired, found.live)]
        }
    }
}

/// The departures of a resource whose state was recorded as `before` and is `after`; at least one, since the tool says so.
fn changed(resource: &str, kind: &str, before: Option<Tree>, after: Option<Tree>) -> Vec<Departure> {
    let whole = |desired: Option<Tree>, live: Option<Tree>| vec![told(resource, kind, Path::default(), desired, live)];
    match (before, after) {
        (Some(before), Some(after)) => {
            let departures = compare_states(resource, kind, &before, &after);
            if !departures.is_empty() {
                return departures;
            }
            // Written differently, meant the same: the tool took note of it all the same.
            whole(None, None)
        }
        (before, after) => whole(before, after),
    }
}
