//! Known issues: patterns of settings, metrics and facts that are known to do harm.

use std::{
    collections::BTreeMap,
    fmt,
    ops::Deref,
    sync::{Arc, LazyLock},
};

use super::{Level, Span, Tree, Value};

/// All rules in force, with the facts they rest on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    /// Facts by the order in which they may rest on each other.
    pub facts: Vec<Fact>,
    /// Rules, in the order of their files.
    pub rules: Vec<Rule>,
}

impl Rules {
    /// By id a number that tells each rule, with the facts it may rest on, from one of another meaning; where it stands and its examples
    /// make no difference.
    #[must_use]
    pub fn marks(&self) -> BTreeMap<Arc<str>, u64> {
        let facts = format!("{:?}", self.facts);
        let mark = |rule: &Rule| {
            let bare = Rule {
                fires: Tree::Null,
                quiet: Tree::Null,
                from: "".into(),
                ..rule.clone()
            };
            let hash = blake3::hash(format!("{facts}{bare:?}").as_bytes());
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&hash.as_bytes()[..8]);
            (rule.id.clone(), u64::from_le_bytes(bytes))
        };
        self.rules.iter().map(mark).collect()
    }
}

/// Rules that are read when they are first looked at: a console draws before it looks for known issues.
#[derive(Clone)]
pub struct LazyRules(Arc<LazyLock<Rules, Box<dyn FnOnce() -> Rules + Send>>>);

impl LazyRules {
    /// The rules that `read` gives, which is called at most once.
    pub fn new(read: impl FnOnce() -> Rules + Send + 'static) -> Self {
        Self(Arc::new(LazyLock::new(Box::new(read))))
    }

    /// Reads them on this thread, if nobody did: whoever looks at them from now on does not wait for files.
    pub fn read(&self) {
        LazyLock::force(&self.0);
    }
}

impl Default for LazyRules {
    fn default() -> Self {
        Self::new(Rules::default)
    }
}

impl Deref for LazyRules {
    type Target = Rules;

    fn deref(&self) -> &Rules {
        &self.0
    }
}

impl PartialEq for LazyRules {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || **self == **other
    }
}

impl fmt::Debug for LazyRules {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "LazyRules")
    }
}

/// Something that is so on a resource, such as `postgresql` runs here.
#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Its name.
    pub name: Arc<str>,
    /// It is so when any of these holds.
    pub any: Vec<Condition>,
}

/// A known issue: what it looks like, why it matters, what to do.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, unique; `rule.ID` is what a mute names.
    pub id: Arc<str>,
    /// How much it matters; `None` for a note, which is no finding.
    pub level: Option<Level>,
    /// What is so, in a few words.
    pub title: Arc<str>,
    /// Why it matters, one sentence.
    pub why: Arc<str>,
    /// The primary documentation.
    pub article: Arc<str>,
    /// What it is about.
    pub about: About,
    /// Facts that must hold of the resource.
    pub runs: Vec<Arc<str>>,
    /// What must all hold, in this order; never empty.
    pub when: Vec<Condition>,
    /// The settings that put it right; names may hold `{…}` as bound by the conditions.
    pub fix: Vec<(Arc<str>, Value)>,
    /// What it matches: values by name (lists are minutes of a metric), or an object.
    pub fires: Tree,
    /// What it does not match.
    pub quiet: Tree,
    /// The file and line it stands at.
    pub from: Arc<str>,
}

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// A resource with its settings and metrics.
    Resource,
    /// An object of Kubernetes, of these kinds; all kinds where none is named.
    Object {
        /// What of it is looked at, one by one.
        each: Each,
        /// Its kinds.
        kinds: Vec<Arc<str>>,
    },
}

/// The part of an object that is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Each {
    /// The whole.
    Object,
    /// The pod, or the pod template within.
    Pod,
    /// Every container of it that stays.
    Container,
}

/// One condition: what is looked at, and what must be so of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub what: What,
    /// Names that its name with holes does not stand for; they may have holes too.
    pub except: Vec<Arc<str>>,
    /// The word of the value that counts, from 1; `None` for the whole.
    pub word: Option<usize>,
    /// The value where nothing is set.
    pub default: Option<Value>,
    /// All of these; that it is there where this is empty.
    pub tests: Vec<Test>,
    /// For how long, of a metric.
    pub lasts: Span,
}

/// What a condition looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A setting by name; `*` is any run of characters, `{name}` the same run wherever it stands in the rule.
    Setting(Arc<str>),
    /// A metric by name.
    Metric(Arc<str>),
    /// A field of an object: `pod.` and `object.` begin further out than the part looked at.
    Field(Arc<str>),
    /// A fact.
    Fact(Arc<str>),
}

/// What must be so of a value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It means one of these.
    Is(Vec<Value>),
    /// It means none of these.
    Not(Vec<Value>),
    /// It is more.
    Above(Operand),
    /// It is less.
    Below(Operand),
    /// It is as much or more.
    Least(Operand),
    /// Its text is like one of these, `*` for any run of characters; of a list, one of its items.
    Like(Vec<Arc<str>>),
    /// Its text is like none of these.
    Unlike(Vec<Arc<str>>),
    /// It is not there (or, with `false`, is).
    Absent(bool),
    /// A metric rose by this much or more within the time.
    Rising(f64),
    /// A metric surprised by this many bits or more within the time.
    Surprising(f64),
}

/// What a value is held against.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// A value.
    Value(Value),
    /// Another setting, times a factor.
    Setting {
        /// Its name.
        name: Arc<str>,
        /// The factor.
        times: f64,
    },
}

impl Rules {
    /// The rule named `id`.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Rule> {
        self.rules.iter().find(|rule| *rule.id == *id)
    }
}
