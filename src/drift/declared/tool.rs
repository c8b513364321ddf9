//! What other tools found drifted, and objects that carry their own declaration.

use super::{Compared, Departure, Path, Step, compare, compare_states, told};
use crate::{
    domain::{Document, Level, Tree, text::visible},
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
            actions,
            because,
            states,
            pending,
        } => {
            let (desired, live) = match states.hidden() {
                (before, after) if pending => (after, before),
                states => states,
            };
            match action(&actions, &because) {
                Some(action) => done(&resource, &kind, desired, live, &action),
                None => changed(&resource, &kind, desired, live),
            }
        }
        Item::Event(found) => {
            let path = Path(found.path.into_iter().map(Step::Key).collect());
            vec![told(&found.resource, &found.kind, path, found.desired, found.live)]
        }
    }
}

/// What is done with all of a resource, and why, in words.
fn action(actions: &[Box<str>], because: &[Box<str>]) -> Option<String> {
    let actions: Vec<&str> = actions.iter().map(|action| &**action).collect();
    let because = match because.join(", ") {
        none if none.is_empty() => String::new(),
        because => format!(" because of {because}"),
    };
    match actions[..] {
        ["delete", "create"] => Some(format!("destroyed and made anew{because}")),
        ["create", "delete"] => Some(format!("made anew{because}, then the old one destroyed")),
        ["create", "forget"] | ["forget", "create"] => {
            Some(format!("made anew{because}; the old one no longer managed"))
        }
        ["forget"] => Some("no longer managed".into()),
        _ => None,
    }
}

/// The departures of a resource with which more is done than changing it: that, and what else it is then.
fn done(resource: &str, kind: &str, desired: Option<Tree>, live: Option<Tree>, action: &str) -> Vec<Departure> {
    let changes = match (&desired, &live) {
        (Some(desired), Some(live)) => compare_states(resource, kind, desired, live),
        _ => Vec::new(),
    };
    // A resource that is only no longer looked after stays as it is.
    let level = match desired {
        Some(_) => Level::High,
        None => Level::Moderate,
    };
    let whole = Departure {
        level,
        action: Some(visible(action).into()),
        ..told(
            resource,
            kind,
            Path::default(),
            None,
            live.filter(|_| desired.is_none()),
        )
    };
    std::iter::once(whole).chain(changes).collect()
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
