//! The typed difference of two trees.

use std::collections::BTreeSet;

use super::{
    known, managed,
    path::{Path, Step},
    scalar::{Likeness, same},
    schema::{Default, Field, Filled, Owner, Rule, Schema},
};
use crate::domain::Tree;

/// A place where two trees do not mean the same.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) path: Path,
    pub(super) desired: Option<Tree>,
    pub(super) live: Option<Tree>,
    /// Whether a table has the field: then it is known that no server fills it in.
    pub(super) tabled: bool,
}

/// Goes through two trees at once.
pub(super) struct Walk<'s> {
    pub(super) schema: &'s Schema,
    /// Whether a field that is only in the live tree, and is no default, was put there by somebody. Where no table says what a
    /// server fills in, it is taken to have filled in what was not declared.
    pub(super) strict: bool,
    /// How values that no table knows are compared.
    pub(super) likeness: Likeness,
    /// The version of the API that the declaration is written in (`apps/v1`); empty where there is none.
    version: &'s str,
    /// The live object, which may say who wrote what.
    whole: Option<&'s Tree>,
    /// Whether a table has the field that is looked at.
    tabled: bool,
    /// Whether it is of a pod that is on the network of its host.
    on_host: bool,
    /// Whether it is of settings that an object carries for a program.
    free: bool,
    pub(super) path: Vec<Step>,
    pub(super) found: Vec<Found>,
    /// What is only live where nothing says whether a server fills it in.
    pub(super) open: Vec<Found>,
}

/// The maps that two fields stand in.
#[derive(Clone, Copy)]
pub(super) struct Beside<'t> {
    pub(super) desired: Option<&'t Tree>,
    pub(super) live: Option<&'t Tree>,
}

impl<'t> Beside<'t> {
    pub(super) const NOTHING: Self = Self {
        desired: None,
        live: None,
    };

    fn get(self, name: &str) -> [Option<&'t Tree>; 2] {
        [self.desired, self.live].map(|tree| tree.and_then(|tree| tree.get(name)))
    }
}

impl<'s> Walk<'s> {
    pub(super) fn new(schema: &'s Schema, strict: bool, likeness: Likeness) -> Self {
        Self {
            schema,
            strict,
            likeness,
            version: "",
            whole: None,
            tabled: false,
            on_host: false,
            free: false,
            path: Vec::new(),
            found: Vec::new(),
            open: Vec::new(),
        }
    }

    /// Two states of an object: the declaration says by its version what a server fills in, the live one who wrote what.
    pub(super) fn of_objects(self, desired: &'s Tree, live: &'s Tree) -> Self {
        Self {
            version: desired.get("apiVersion").and_then(Tree::as_str).unwrap_or_default(),
            whole: Some(live),
            ..self
        }
    }

    /// Whether what only the live tree has may be left open.
    pub(super) fn is_open(&self) -> bool {
        !self.strict && self.whole.is_some()
    }

    /// Whether two values say the same under `rule`.
    pub(super) fn agree(&self, desired: Option<&Tree>, live: Option<&Tree>, field: &Field, beside: Beside<'_>) -> bool {
        let mut quiet = Walk {
            path: self.path.last().cloned().into_iter().collect(),
            version: self.version,
            on_host: self.on_host,
            free: self.free,
            ..Walk::new(self.schema, self.strict, self.likeness)
        };
        quiet.field(desired, live, field, beside);
        quiet.found.is_empty()
    }

    /// Compares what stands at one key on both sides.
    pub(super) fn field(&mut self, desired: Option<&Tree>, live: Option<&Tree>, field: &Field, beside: Beside<'_>) {
        if field.owner == Owner::State {
            return;
        }
        let said = |tree: Option<&'_ Tree>| tree.is_some_and(|tree| !matches!(tree, Tree::Null));
        // An empty list that a controller is to fill declares nothing.
        let left_open = |tree: &&Tree| tree.is_blank() && field.owner != Owner::User;
        let desired = desired.filter(|tree| said(desired) && !left_open(tree));
        match (desired, live.filter(|_| said(live))) {
            (None, None) => {}
            (Some(desired), Some(live)) => {
                let filled = filled_entries(desired, live, field, beside);
                self.value(filled.as_ref().unwrap_or(desired), live, field);
            }
            (None, Some(live)) => self.live_only(live, field, beside),
            (Some(desired), None) => self.desired_only(desired, field, beside),
        }
    }

    /// What nobody declared: a default, a server's, or somebody's.
    fn live_only(&mut self, live: &Tree, field: &Field, beside: Beside<'_>) {
        let servers = match &field.owner {
            Owner::Server | Owner::State => true,
            Owner::ServerIf(name) => beside.get(name).iter().any(Option::is_some),
            Owner::User => false,
        };
        if servers || self.is_nothing(live, field) || self.is_default(live, field, beside) {
            return;
        }
        match (&field.rule, live) {
            (Rule::Labels | Rule::Annotations, Tree::Map(_)) => {
                return self.value(&Tree::Map(std::collections::BTreeMap::new()), live, field);
            }
            (Rule::Items { .. } | Rule::Set(_), Tree::List(_)) if !field.skip.is_empty() => {
                return self.value(&Tree::List(Vec::new()), live, field);
            }
            (Rule::Map(_), Tree::Map(_)) => {
                let nothing = Tree::Map(std::collections::BTreeMap::new());
                if filled_entries(&nothing, live, field, beside)
                    .is_some_and(|filled| self.agree(Some(&filled), Some(live), field, Beside::NOTHING))
                {
                    return;
                }
            }
            (Rule::Type(_), Tree::Map(_)) if !field.empty => {
                let nothing = Tree::Map(std::collections::BTreeMap::new());
                if self.agree(Some(&nothing), Some(live), field, Beside::NOTHING) {
                    return;
                }
            }
            _ => {}
        }
        let key = self.path.last().and_then(|step| match step {
            Step::Key(key) => Some(&**key),
            _ => None,
        });
        if self.strict || key.is_some_and(|key| known::is_dangerous(key, live)) {
            self.note(None, Some(live));
        } else if !self.by_hand(live) {
            self.leave_open(live);
        }
    }

    /// Notes what of a live value somebody wrote by hand, by the object's own account; whether that is all of it.
    fn by_hand(&mut self, live: &Tree) -> bool {
        let Some(whole) = self.whole else { return false };
        match live {
            Tree::Map(fields) if !fields.is_empty() => {
                let mut all = true;
                for (key, value) in fields {
                    self.path.push(Step::Key(key.clone()));
                    all &= self.by_hand(value);
                    self.path.pop();
                }
                all
            }
            _ if managed::by_hand(whole, &self.path) => {
                self.note(None, Some(live));
                true
            }
            _ => false,
        }
    }

    fn leave_open(&mut self, live: &Tree) {
        if self.is_open() {
            self.open.push(Found {
                path: Path(self.path.clone()),
                desired: None,
                live: Some(live.clone()),
                tabled: false,
            });
        }
    }

    /// What was declared and is not there: dropped because it says nothing beyond the default, or gone.
    fn desired_only(&mut self, desired: &Tree, field: &Field, beside: Beside<'_>) {
        if self.is_nothing(desired, field) || self.is_default(desired, field, beside) {
            return;
        }
        match (&field.rule, desired) {
            (Rule::Labels | Rule::Annotations, Tree::Map(_)) => {
                return self.value(desired, &Tree::Map(std::collections::BTreeMap::new()), field);
            }
            (Rule::Type(_), Tree::Map(_)) if !field.empty => {
                let nothing = Tree::Map(std::collections::BTreeMap::new());
                if self.agree(Some(desired), Some(&nothing), field, Beside::NOTHING) {
                    return;
                }
            }
            _ => {}
        }
        self.note(Some(desired), None);
    }

    /// Whether a value says no more than its absence.
    fn is_nothing(&self, value: &Tree, field: &Field) -> bool {
        let list = matches!(value, Tree::List(_)) && self.is_plain();
        value.is_blank() && !field.empty && !list
    }

    /// Whether these are settings for a program, of a plain file or carried by an object: no server fills in what is not said there, and a
    /// program may have another default.
    fn is_plain(&self) -> bool {
        self.free || self.likeness == Likeness::Setting
    }

    /// Whether a value is what a server fills in where nothing is said.
    fn is_default(&self, value: &Tree, field: &Field, beside: Beside<'_>) -> bool {
        if field.defaults.is_empty() {
            let nil = match value {
                Tree::Bool(on) => !on,
                Tree::Int(int) => *int == 0 && self.strict,
                Tree::Text(text) => text.is_empty(),
                _ => false,
            };
            return nil && !self.is_plain() && !field.zero && !matches!(field.rule, Rule::Any if !self.strict);
        }
        let plain = Field::plain(field.rule.clone());
        let fits = |filled: &&Filled| {
            let beside = (filled.beside).is_none_or(|name| beside.get(name).iter().any(Option::is_some));
            beside && filled.of(self.version)
        };
        field.defaults.iter().filter(fits).any(|filled| {
            let filled: Vec<Tree> = match &filled.value {
                Default::Literal(tree) => vec![tree.clone()],
                Default::Sibling(name) => beside.get(name).into_iter().flatten().cloned().collect(),
                Default::PullPolicy => [beside.desired, beside.live]
                    .into_iter()
                    .flatten()
                    .map(known::pull_policy)
                    .collect(),
                Default::PolicyTypes => [beside.desired, beside.live]
                    .into_iter()
                    .flatten()
                    .map(known::policy_types)
                    .collect(),
                Default::HostPort if !self.on_host => Vec::new(),
                Default::HostPort => beside.get("containerPort").into_iter().flatten().cloned().collect(),
                Default::LowercaseKind => text_of(beside.get("kind"), str::to_lowercase),
                Default::ListKind => text_of(beside.get("kind"), |kind| format!("{kind}List")),
            };
            filled
                .iter()
                .any(|filled| self.agree(Some(filled), Some(value), &plain, Beside::NOTHING))
        })
    }

    /// Compares two values that both say something.
    pub(super) fn value(&mut self, desired: &Tree, live: &Tree, field: &Field) {
        match (desired, live) {
            (Tree::Map(ours), Tree::Map(theirs)) => {
                let keys: BTreeSet<&str> = ours.keys().chain(theirs.keys()).map(|key| &**key).collect();
                let beside = Beside {
                    desired: Some(desired),
                    live: Some(live),
                };
                let before = self.on_host;
                self.on_host |= theirs.get("hostNetwork") == Some(&Tree::Bool(true));
                for key in keys {
                    self.path.push(Step::Key(key.into()));
                    let sides = [ours.get(key), theirs.get(key)];
                    self.key(key, sides, &field.rule, beside);
                    self.path.pop();
                }
                self.on_host = before;
            }
            (Tree::List(ours), Tree::List(theirs)) => self.list(ours, theirs, field),
            _ if desired.is_blank() && live.is_blank() => {}
            _ => {
                let likeness = match field.rule {
                    Rule::Text | Rule::Labels | Rule::Annotations => Likeness::Written,
                    Rule::Amount => Likeness::Amount,
                    Rule::Image if self.likeness != Likeness::State => Likeness::Image,
                    Rule::Value => Likeness::Meant,
                    _ => self.likeness,
                };
                let name = self.path.last().and_then(|step| match step {
                    Step::Key(key) => Some(&**key),
                    _ => None,
                });
                if !same(desired, live, likeness) && !name.is_some_and(|name| known::same_protocol(name, desired, live))
                {
                    self.note(Some(desired), Some(live));
                }
            }
        }
    }

    /// Compares what stands at `key` of two maps that follow `rule`.
    fn key(&mut self, key: &str, [desired, live]: [Option<&Tree>; 2], rule: &Rule, beside: Beside<'_>) {
        let said = |tree: Option<&Tree>| tree.is_some_and(|tree| !matches!(tree, Tree::Null));
        match rule {
            Rule::Type(place) => {
                let (schema, before) = (self.schema, self.tabled);
                let Some(field) = schema.field(*place, key) else {
                    self.tabled = false;
                    self.guessed(key, [desired, live], beside);
                    self.tabled = before;
                    return;
                };
                let free = self.free;
                self.tabled = true;
                self.free |= matches!(field.rule, Rule::Free);
                self.field(desired, live, field, beside);
                self.free = free;
                self.tabled = before;
            }
            Rule::Labels | Rule::Annotations => {
                let label = matches!(rule, Rule::Labels);
                let servers = if label {
                    known::is_label(key)
                } else {
                    known::is_annotation(key)
                };
                if servers && (!said(desired) || known::is_always_servers(key)) {
                    return;
                }
                let open = !self.strict && !self.is_peoples(key);
                if let Some(live) = live.filter(|_| said(live) && !said(desired) && open) {
                    if !self.by_hand(live) {
                        self.leave_open(live);
                    }
                    return;
                }
                self.entry(desired, live, &Rule::Text);
            }
            Rule::Map(rule) => self.entry(desired, live, rule),
            _ => self.guessed(key, [desired, live], beside),
        }
    }

    /// Whether a label or annotation of the object itself is for people to give, of whatever kind it is: by those with a domain the
    /// controllers of a custom kind leave notes.
    fn is_peoples(&self, key: &str) -> bool {
        let of_object = matches!(&*self.path, [Step::Key(first), _, _] if &**first == "metadata");
        of_object && (!key.contains('/') || known::is_order(key))
    }

    /// Compares what stands at a key that no table has.
    fn guessed(&mut self, key: &str, [desired, live]: [Option<&Tree>; 2], beside: Beside<'_>) {
        let (guessed, strict) = known::guess(self.schema, key, desired.or(live));
        let before = self.strict;
        self.strict |= strict;
        self.field(desired, live, &guessed, beside);
        self.strict = before;
    }

    /// An entry of a map with free keys: that it is there says something, whatever its value.
    fn entry(&mut self, desired: Option<&Tree>, live: Option<&Tree>, rule: &Rule) {
        let desired = desired.filter(|tree| !matches!(tree, Tree::Null));
        let live = live.filter(|tree| !matches!(tree, Tree::Null));
        match (desired, live) {
            (Some(desired), Some(live)) => self.value(desired, live, &Field::plain(rule.clone())),
            (None, None) => {}
            _ => self.note(desired, live),
        }
    }

    pub(super) fn note(&mut self, desired: Option<&Tree>, live: Option<&Tree>) {
        self.found.push(Found {
            path: Path(self.path.clone()),
            desired: desired.cloned(),
            live: live.cloned(),
            tabled: self.tabled,
        });
    }
}

/// A declared map with the entries that a server fills in key by key from maps beside it, as far as the live one has them; the first map
/// that has the key says its value.
fn filled_entries(desired: &Tree, live: &Tree, field: &Field, beside: Beside<'_>) -> Option<Tree> {
    let (Rule::Map(_), Tree::Map(ours), Tree::Map(theirs)) = (&field.rule, desired, live) else {
        return None;
    };
    let siblings: Vec<&Tree> = (field.defaults.iter())
        .filter_map(|filled| match filled.value {
            Default::Sibling(name) => Some(beside.get(name)),
            _ => None,
        })
        .flatten()
        .flatten()
        .collect();
    let mut filled = ours.clone();
    for key in theirs.keys().filter(|key| !ours.contains_key(*key)) {
        if let Some(value) = siblings.iter().find_map(|sibling| sibling.get(key)) {
            filled.insert(key.clone(), value.clone());
        }
    }
    (filled.len() > ours.len()).then_some(Tree::Map(filled))
}

fn text_of(sides: [Option<&Tree>; 2], of: impl Fn(&str) -> String) -> Vec<Tree> {
    let texts = sides.into_iter().flatten().filter_map(Tree::as_str);
    texts.map(|text| Tree::Text(of(text).into())).collect()
}
