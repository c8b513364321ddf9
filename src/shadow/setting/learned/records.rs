//! What is kept of each setting, group, author, value and commit.

use serde::{Deserialize, Serialize};

use super::{
    edit::{Class, Op},
    fading::Fading,
};

/// The sorts of groups, in the order of [`Setting::groups`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// The resource.
    Resource,
    /// The folder of the resource's file.
    Folder,
    /// The kind of resource.
    Kind,
    /// One path in all resources.
    Path,
    /// One path in all resources whatever its selectors are.
    Template,
    /// The last name in the path.
    Leaf,
    /// The neighbours: one resource, one parent path.
    Section,
    /// One class of values.
    Class,
}

/// All sorts of groups.
pub const SORTS: usize = 8;

/// A setting.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Setting {
    /// The key it is known by outside.
    pub key: u64,
    /// Its groups, by [`Sort`].
    pub groups: [u32; SORTS],
    /// Its path, as a name.
    pub path: u32,
    /// The sort of its values.
    pub class: Class,
    /// Whether it is there.
    pub alive: bool,
    /// Its value, as a name; the last one when it is gone.
    pub value: u32,
    /// Its value without an image's digest, as a name.
    pub bare: u32,
    /// When it came, days.
    pub born: f64,
    /// When it last changed, came or went, days.
    pub touched: f64,
    /// When its value last changed, days.
    pub changed: Option<f64>,
    /// Its value before the last change.
    pub before: Option<u32>,
    /// Changes in all.
    pub changes: u32,
    /// Changes, fading.
    pub rate: Fading,
    /// Mean of the logarithm of the days between changes, and how many that is of.
    pub gap: (f32, f32),
    /// Bare values before this one, newest last, and when each was left.
    pub history: Vec<(u32, f64)>,
    /// Who touched it last.
    pub by: u32,
    /// Changes whose time to be undone has passed or that were undone, and those that were.
    pub undone: (f32, f32),
    /// Changes that let a list grow, shrink, or do both.
    pub ways: [f32; 3],
    /// The way a list went last: 0 grew, 1 shrank, 2 both.
    pub last_way: Option<u8>,
    /// Members of a list.
    pub length: u32,
}

/// What settings of one group have in common.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Group {
    /// Settings alive.
    pub alive: u32,
    /// When the first of them came, days.
    pub born: f64,
    /// Values held, and by how many: at most a few, the commonest first.
    pub held: Vec<(u32, i32)>,
    /// What happened in it; most groups of most systems never change.
    happened: Option<Box<Happened>>,
}

/// What happened in a group.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Happened {
    /// Changes, fading.
    pub changes: Fading,
    /// Commits that changed any of them, fading.
    pub commits: Fading,
    /// Settings that came and went, fading.
    pub churn: Fading,
    /// When any of them was last changed, came or went, days.
    pub touched: Option<f64>,
    /// The commit that touched it last, by its number.
    pub commit: u64,
    /// Changes whose time to be undone has passed or that were undone, and those that were.
    pub undone: (f32, f32),
    /// Changes that let a list grow, shrink, or do both.
    pub ways: [f32; 3],
    /// The newest changes: from, to (bare), when; newest last.
    pub moves: Vec<(u32, u32, f64)>,
}

/// What happened in a group in which nothing did.
static NOTHING: Happened = Happened {
    changes: Fading::NONE,
    commits: Fading::NONE,
    churn: Fading::NONE,
    touched: None,
    commit: 0,
    undone: (0.0, 0.0),
    ways: [0.0; 3],
    moves: Vec::new(),
};

impl Group {
    /// A group whose first setting comes at `born`, days.
    #[must_use]
    pub fn new(born: f64) -> Self {
        Self {
            born,
            ..Self::default()
        }
    }

    /// What happened in it.
    #[must_use]
    pub fn past(&self) -> &Happened {
        self.happened.as_deref().unwrap_or(&NOTHING)
    }

    /// What happened in it, to be added to.
    pub fn past_mut(&mut self) -> &mut Happened {
        self.happened.get_or_insert_default()
    }
}

/// Who changes settings.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Author {
    /// Edits, fading.
    pub edits: Fading,
    /// Commits, fading.
    pub commits: Fading,
    /// When they last did anything, days.
    pub touched: Option<f64>,
    /// Changes whose time to be undone has passed or that were undone, and those that were.
    pub undone: (f32, f32),
    /// When a change of theirs was last undone, days.
    pub undid: Option<f64>,
}

/// What became of a value.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Holders {
    /// Settings that have it now.
    pub count: u32,
    /// Settings that left it for another, fading.
    pub left: Fading,
    /// When one last left it, days.
    pub left_at: Option<f64>,
    /// Changes to it whose time to be undone has passed or that were undone, and those that were.
    pub undone: (f32, f32),
    /// What they left it for, how often, and when last.
    pub to: Vec<(u32, f32, f64)>,
}

/// One edit of the running commit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Which setting.
    pub setting: u32,
    /// What was done.
    pub op: Op,
    /// The bare value before.
    pub from: Option<u32>,
    /// The bare value after.
    pub to: Option<u32>,
}

/// The running commit.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Commit {
    /// Counts commits.
    pub number: u64,
    /// Its name, where it has one.
    pub name: Option<String>,
    /// When, days.
    pub at: f64,
    /// When the one before was, days.
    pub before: f64,
    /// Who, as a name.
    pub by: u32,
    /// Its first edits so far.
    pub edits: Vec<Done>,
    /// Settings so far that came, changed and went.
    pub counts: [u32; 3],
    /// Members of lists that came and went so far.
    pub members: [u32; 2],
}
