//! Format knowledge as a table: what a server fills in, and what identifies the items of lists.

use std::{collections::BTreeMap, sync::LazyLock};

use super::known;
use crate::domain::Tree;

/// The built-in kinds of Kubernetes, and widely used custom ones.
pub(super) static KUBERNETES: LazyLock<Schema> = LazyLock::new(|| {
    Schema::read(concat!(
        include_str!("kubernetes.schema"),
        include_str!("custom.schema")
    ))
});

/// The types of a format, and which kind has which.
#[derive(Debug, Default)]
pub(super) struct Schema {
    types: Vec<BTreeMap<&'static str, Field>>,
    names: BTreeMap<&'static str, usize>,
    kinds: BTreeMap<(&'static str, &'static str), usize>,
}

/// A field of a type.
#[derive(Clone, Debug)]
pub(super) struct Field {
    pub(super) rule: Rule,
    /// What a server may fill in.
    pub(super) defaults: Vec<Filled>,
    /// Whether `false`, 0 and "" differ from nothing.
    pub(super) zero: bool,
    /// Whether `{}` and `[]` differ from nothing.
    pub(super) empty: bool,
    pub(super) owner: Owner,
    /// Items that a server adds.
    pub(super) skip: Vec<Added>,
}

/// Items that a server adds to a list.
#[derive(Clone, Debug)]
pub(super) enum Added {
    /// By what identifies them, with `*` and `?`.
    Called(&'static str),
    /// By all they say.
    Like(Tree),
}

impl Added {
    /// Whether this is such an item, by what identifies it and what it says.
    pub(super) fn is(&self, identity: Option<&str>, item: &Tree) -> bool {
        match self {
            Self::Called(pattern) => identity.is_some_and(|text| known::fits(pattern, text)),
            Self::Like(shape) => is_like(shape, Some(item)),
        }
    }
}

/// Whether an item says what a shape does and nothing more: the same keys, texts that fit its patterns, and in lists only items like one
/// of its own. `"*"` is anything, or nothing.
fn is_like(shape: &Tree, item: Option<&Tree>) -> bool {
    match (shape, item) {
        (Tree::Text(pattern), None) => &**pattern == "*",
        (_, None) => false,
        (Tree::Map(fields), Some(Tree::Map(said))) => {
            said.keys().all(|key| fields.contains_key(key))
                && fields.iter().all(|(key, shape)| is_like(shape, said.get(key)))
        }
        (Tree::List(shapes), Some(Tree::List(items))) => {
            (items.iter()).all(|item| shapes.iter().any(|shape| is_like(shape, Some(item))))
        }
        (Tree::Text(pattern), Some(Tree::Text(text))) => known::fits(pattern, text),
        (Tree::Text(pattern), Some(_)) => &**pattern == "*",
        (shape, Some(item)) => shape == item,
    }
}

/// A field that nothing is known of.
pub(super) static UNKNOWN: Field = Field::plain(Rule::Any);

/// Who writes a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Owner {
    /// Who declares the resource.
    User,
    /// A server or controller, where nothing was declared.
    Server,
    /// The same, as long as this field beside it is set.
    ServerIf(&'static str),
    /// Always a server: it tells the state.
    State,
}

/// What a server fills in, and when.
#[derive(Clone, Debug)]
pub(super) struct Filled {
    pub(super) value: Default,
    /// The versions of the API that do so, with or without their group; none are all.
    versions: Vec<&'static str>,
    /// The field beside it that must be set.
    pub(super) beside: Option<&'static str>,
}

impl Filled {
    /// Whether it is filled into what is declared in `version` (`apps/v1`); an unknown version may be any.
    pub(super) fn of(&self, version: &str) -> bool {
        let bare = version.rsplit('/').next().unwrap_or_default();
        version.is_empty()
            || self.versions.is_empty()
            || self.versions.iter().any(|one| *one == version || *one == bare)
    }
}

/// What is filled in.
#[derive(Clone, Debug)]
pub(super) enum Default {
    Literal(Tree),
    /// What the field beside it says.
    Sibling(&'static str),
    /// `Always` for an image tagged `latest` or not at all, else `IfNotPresent`.
    PullPolicy,
    /// `Ingress`, and `Egress` where there are such rules.
    PolicyTypes,
    /// The container's port, in a pod on the network of its host.
    HostPort,
    /// The field `kind` in small letters.
    LowercaseKind,
    /// The field `kind` and `List`.
    ListKind,
}

/// How values are compared.
#[derive(Clone, Debug)]
pub(super) enum Rule {
    /// By structure alone.
    Any,
    /// Settings that an object carries for a program: by structure, and `false`, 0, "" and empty lists are not the same as nothing.
    Free,
    /// As written.
    Text,
    /// By what it means.
    Value,
    /// As a quantity.
    Amount,
    /// As the image of a container.
    Image,
    Labels,
    Annotations,
    Type(usize),
    Map(Box<Rule>),
    Set(Box<Rule>),
    Sequence(Box<Rule>),
    Items {
        item: Box<Rule>,
        keys: Vec<&'static str>,
        /// Whether a name goes before the keys, where all items have one.
        named: bool,
        ordered: bool,
    },
}

impl Field {
    pub(super) const fn plain(rule: Rule) -> Self {
        Self {
            rule,
            defaults: Vec::new(),
            zero: false,
            empty: false,
            owner: Owner::User,
            skip: Vec::new(),
        }
    }
}

impl Schema {
    /// The type of a kind.
    pub(super) fn kind(&self, group: &str, kind: &str) -> Option<Rule> {
        self.kinds.get(&(group, kind)).map(|place| Rule::Type(*place))
    }

    /// The type of this name.
    pub(super) fn named(&self, name: &str) -> Option<Rule> {
        self.names.get(name).map(|place| Rule::Type(*place))
    }

    /// A field of a type; `None` when the type has none of this name.
    pub(super) fn field(&self, place: usize, name: &str) -> Option<&Field> {
        self.types.get(place)?.get(name)
    }

    /// Reads the table. It is part of the program: a line that makes no sense is a fault of ours, found by the tests.
    fn read(text: &'static str) -> Self {
        let mut schema = Self::default();
        let lines = || {
            text.lines()
                .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        };
        let headings = lines().filter(|line| !line.starts_with([' ', '#']) && !line.starts_with("kind "));
        for (place, line) in headings.enumerate() {
            schema.names.insert(line.split(' ').next().unwrap_or_default(), place);
        }
        for line in lines() {
            if let Some(rest) = line.strip_prefix("kind ") {
                let (names, type_name) = rest.split_once(": ").expect("a kind has a type");
                let (kind, groups) = names.split_once(' ').expect("a kind has groups");
                for group in groups.split(',') {
                    let group = if group == "-" { "" } else { group };
                    schema.kinds.insert((group, kind), schema.names[type_name]);
                }
            } else if let Some(field) = line.strip_prefix("  ") {
                let (name, rest) = field.split_once(' ').expect("a field has a type");
                let field = schema.read_field(rest.trim());
                schema
                    .types
                    .last_mut()
                    .expect("a field is of a type")
                    .insert(name, field);
            } else {
                let base = line.split_once(" < ").map(|(_, base)| schema.names[base]);
                let fields = base.map_or_else(BTreeMap::new, |base| schema.types[base].clone());
                schema.types.push(fields);
            }
        }
        schema
    }

    fn read_field(&self, text: &'static str) -> Field {
        let end = text.find(' ').unwrap_or(text.len());
        let mut field = Field::plain(self.read_rule(&text[..end]));
        let mut rest = text[end..].trim();
        while !rest.is_empty() {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = after.trim();
            match word {
                "zero" => field.zero = true,
                "empty" => field.empty = true,
                "server" => field.owner = Owner::Server,
                "never" => field.owner = Owner::State,
                "server-if" => {
                    let (name, after) = rest.split_once(' ').unwrap_or((rest, ""));
                    field.owner = Owner::ServerIf(name.trim_start_matches('@'));
                    rest = after.trim();
                }
                "skip" => {
                    let (pattern, after) = rest.split_once(' ').unwrap_or((rest, ""));
                    let shape = serde_json::from_str::<serde_json::Value>(pattern);
                    field.skip.push(match shape {
                        Ok(shape) => Added::Like(shape.into()),
                        Err(_) => Added::Called(pattern),
                    });
                    rest = after.trim();
                }
                // Defaults are the last of a line.
                "=" => {
                    field.defaults = rest.split(" | ").map(|value| read_filled(value.trim())).collect();
                    rest = "";
                }
                other => panic!("the schema has no mark {other}"),
            }
        }
        field
    }

    fn read_rule(&self, text: &'static str) -> Rule {
        let inner = &text[1..text.len() - 1];
        match text.as_bytes()[0] {
            b'{' => Rule::Map(Box::new(self.read_rule(inner))),
            b'<' => Rule::Set(Box::new(self.read_rule(inner))),
            b'[' => match inner.split_once(':') {
                None => Rule::Sequence(Box::new(self.read_rule(inner))),
                Some((item, keys)) => {
                    let (keys, ordered) = keys.strip_suffix(";seq").map_or((keys, false), |keys| (keys, true));
                    let (keys, named) = keys.strip_prefix("name|").map_or((keys, false), |keys| (keys, true));
                    Rule::Items {
                        item: Box::new(self.read_rule(item)),
                        keys: keys.split(',').collect(),
                        named,
                        ordered,
                    }
                }
            },
            _ => match text {
                "any" => Rule::Any,
                "free" => Rule::Free,
                "text" => Rule::Text,
                "value" => Rule::Value,
                "amount" => Rule::Amount,
                "image" => Rule::Image,
                "Labels" => Rule::Labels,
                "Annotations" => Rule::Annotations,
                name => Rule::Type(self.names[name]),
            },
        }
    }
}

fn read_filled(text: &'static str) -> Filled {
    let (text, beside) = text
        .split_once(" if @")
        .map_or((text, None), |(text, name)| (text, Some(name)));
    let (text, versions) = text.split_once(" in ").unwrap_or((text, ""));
    Filled {
        value: read_default(text),
        versions: versions.split(',').filter(|version| !version.is_empty()).collect(),
        beside,
    }
}

fn read_default(text: &'static str) -> Default {
    match text.strip_prefix('@') {
        Some("pull-policy") => Default::PullPolicy,
        Some("policy-types") => Default::PolicyTypes,
        Some("host-port") => Default::HostPort,
        Some("lowercase-kind") => Default::LowercaseKind,
        Some("list-kind") => Default::ListKind,
        Some(sibling) => Default::Sibling(sibling),
        None => Default::Literal(
            serde_json::from_str::<serde_json::Value>(text).map_or_else(|_| Tree::text(text), Into::into),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_types_inherit() {
        let schema = &*KUBERNETES;
        let Some(Rule::Type(pod)) = schema.named("LivePodSpec") else {
            panic!("no such type")
        };
        assert!(matches!(schema.field(pod, "hostNetwork").unwrap().rule, Rule::Value));
        assert_eq!(schema.field(pod, "nodeName").unwrap().owner, Owner::Server);
        assert_eq!(schema.field(pod, "volumes").unwrap().skip.len(), 2);
        assert!(schema.field(pod, "nonsense").is_none());
        for (group, kind) in [
            ("", "Pod"),
            ("apps", "Deployment"),
            ("extensions", "Deployment"),
            ("batch", "CronJob"),
            ("rbac.authorization.k8s.io", "ClusterRole"),
        ] {
            assert!(schema.kind(group, kind).is_some(), "{kind}");
        }
        assert!(schema.kind("serving.knative.dev", "Service").is_none());
    }
}
