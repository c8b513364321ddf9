//! What a file is found to be, and what it holds.

use std::fmt;

use super::hide::{hide, hide_both};
use crate::domain::{Document, Tree};

/// A format of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `terraform show -json` of a plan.
    TerraformPlan,
    /// A state file, or `terraform show -json` of one.
    TerraformState,
    /// The JSON callback's account of a run, or a Foreman report of one.
    Ansible,
    /// Objects, YAML or JSON.
    Kubernetes,
    /// A report.
    Puppet,
    /// `.env`.
    Env,
    /// A document of settings in YAML or JSON that is nothing of the above.
    Settings,
}

impl Format {
    /// Its name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TerraformPlan => "Terraform plan",
            Self::TerraformState => "Terraform state",
            Self::Ansible => "Ansible run",
            Self::Kubernetes => "Kubernetes objects",
            Self::Puppet => "Puppet report",
            Self::Env => ".env file",
            Self::Settings => "settings",
        }
    }

    /// `a Terraform plan`, `an Ansible run`, `Kubernetes objects`.
    #[must_use]
    pub fn one(self) -> String {
        match self.name() {
            many if many.ends_with('s') => many.into(),
            name if name.starts_with('A') => format!("an {name}"),
            name => format!("a {name}"),
        }
    }
}

/// What a file holds, a piece at a time. No secret can be got out of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A resource as declared or as it is, and the declaration it says was applied last.
    Document(Document, Option<Document>),
    /// A resource before and after: a tool compared for itself.
    Change {
        /// Its address.
        resource: Box<str>,
        /// Its type.
        kind: Box<str>,
        /// What the tool calls it: `update`, `delete`, `create`, `forget`; of what is made anew two, in their order.
        actions: Vec<Box<str>>,
        /// Why it has to be made anew: the attributes that cannot be changed in place, or what else the tool says.
        because: Vec<Box<str>>,
        /// As it was recorded, and as it is or will be.
        states: States,
        /// Whether it is still to come.
        pending: bool,
    },
    /// A setting that a tool found to be otherwise than declared.
    Event(Found),
}

impl Item {
    /// Where reports of several machines are told beside each other each resource says which it is on.
    pub fn name_host(&mut self) {
        if let Self::Event(found) = self
            && let Some(host) = found.host.take()
        {
            found.resource = format!("{host}/{}", found.resource).into();
        }
    }
}

/// A resource before and after a change. Its secrets are searched for, and hidden, when it is asked for: of changes that are only
/// counted nobody asks.
#[derive(Clone, PartialEq)]
pub struct States {
    before: Option<Tree>,
    after: Option<Tree>,
    key: [u8; 32],
}

impl States {
    pub(super) fn new(before: Option<Tree>, after: Option<Tree>, key: &[u8; 32]) -> Self {
        let key = *key;
        Self { before, after, key }
    }

    /// The state before, `None` when it was not there, and the one after, `None` when it is gone.
    #[must_use]
    pub fn hidden(self) -> (Option<Tree>, Option<Tree>) {
        let (mut before, mut after) = (self.before, self.after);
        match (&mut before, &mut after) {
            (Some(before), Some(after)) => hide_both(before, after, "", &self.key),
            (Some(one), None) | (None, Some(one)) => hide(one, "", &self.key),
            (None, None) => {}
        }
        (before, after)
    }
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.clone().hidden();
        f.debug_struct("States")
            .field("before", &before)
            .field("after", &after)
            .finish()
    }
}

/// A setting that a tool found to be otherwise than declared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The resource, as the tool calls it.
    pub resource: Box<str>,
    /// Its type.
    pub kind: Box<str>,
    /// The machine it is on, where the name of the resource does not say so.
    pub host: Option<Box<str>>,
    /// Where in it; empty for all of it.
    pub path: Vec<Box<str>>,
    /// What was declared.
    pub desired: Option<Tree>,
    /// What was found.
    pub live: Option<Tree>,
    /// Whether the tool failed to set it right.
    pub failed: bool,
}
