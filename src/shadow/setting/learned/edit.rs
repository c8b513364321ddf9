//! What the models learn from: edits of settings.

use serde::{Deserialize, Serialize};

/// The sort of value a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// A version, alone or at the end of an image's name.
    Version,
    /// A number.
    Number,
    /// On or off.
    Bool,
    /// A short text.
    String,
    /// A secret's hash.
    Secret,
    /// A digest.
    Hash,
    /// A long text, known by its hash.
    Text,
    /// No value.
    Null,
    /// A list of scalars without order, known by its hash.
    List,
}

/// What an edit does to its setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Op {
    /// It was there when watching began.
    Init,
    /// It came.
    Add,
    /// Its value changed.
    Change,
    /// It went.
    Remove,
}

/// Which setting an edit is of, in words.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The resource: `FILE#Kind/namespace/name`, or any other text.
    pub resource: &'a str,
    /// The path in it, parts behind slashes: `/spec/containers/[name=app]/image`.
    pub path: &'a str,
    /// The sort of value.
    pub class: Class,
}

/// One edit of one setting.
#[derive(Clone, Copy, Debug)]
pub struct Edit<'a> {
    /// When, days since 1970.
    pub at: f64,
    /// The commit (or snapshot) it came with; edits of one commit come one after another.
    pub commit: Option<&'a str>,
    /// Who did it, where known.
    pub who: Option<&'a str>,
    /// What it does.
    pub op: Op,
    /// The value after; `None` when it is gone.
    pub new: Option<&'a str>,
    /// Members that came to a list.
    pub added: usize,
    /// Members that left a list.
    pub removed: usize,
    /// Members a list has after it.
    pub length: usize,
}
