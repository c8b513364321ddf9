//! Rules held against objects of Kubernetes.

use std::sync::Arc;

use super::{Scene, glob::Bound, scene::Example, test::passes};
use crate::{
    domain::{About, Condition, Document, Each, Level, Rule, Rules, Tree, Value, What},
    drift::{Path, Step},
};

/// A known issue that an object has.
#[derive(Clone, Debug, PartialEq)]
pub struct Issue {
    /// The rule's name.
    pub rule: Arc<str>,
    /// How much it matters; `None` for a note.
    pub level: Option<Level>,
    /// The object: `Kind/namespace/name`.
    pub resource: Arc<str>,
    /// The field the rule tells of.
    pub path: Path,
    /// What it is; `None` where it is not set.
    pub live: Option<Tree>,
    /// What is so, in a few words.
    pub title: Arc<str>,
    /// Why it matters.
    pub why: Arc<str>,
    /// The primary documentation.
    pub article: Arc<str>,
}

/// The known issues of an object. What another object owns is told of that one.
#[must_use]
pub fn issues(rules: &Rules, document: &Document) -> Vec<Issue> {
    let owned = document.tree.at(&["metadata", "ownerReferences"]);
    if document.group.is_empty() && document.kind.is_empty() || owned.is_some_and(|owners| !owners.items().is_empty()) {
        return Vec::new();
    }
    let mut found = Vec::new();
    for rule in &rules.rules {
        let About::Object { each, kinds } = &rule.about else {
            continue;
        };
        if !kinds.is_empty() && !kinds.iter().any(|kind| **kind == *document.kind) {
            continue;
        }
        for part in parts(&document.tree, *each) {
            if rule.when.iter().all(|condition| part.is_so(condition)) {
                found.push(part.issue(rule, document));
            }
        }
    }
    found
}

/// Whether the rule matches an example, an object as a tree.
pub(super) fn of_example(rule: &Rule, tree: &Tree) -> bool {
    let kind = tree.get("kind").and_then(Tree::as_str).unwrap_or_default();
    let document = Document {
        group: "".into(),
        kind: kind.into(),
        namespace: None,
        name: "example".into(),
        tree: tree.clone(),
    };
    let rules = Rules {
        facts: Vec::new(),
        rules: vec![rule.clone()],
    };
    !issues(&rules, &document).is_empty()
}

/// A part that is looked at, with what is around it.
struct Part<'a> {
    object: &'a Tree,
    pod: Option<&'a Tree>,
    own: &'a Tree,
    path: Path,
}

/// Where the pod stands in the kinds that have one.
const PODS: [&[&str]; 3] = [
    &["spec", "template", "spec"],
    &["spec", "jobTemplate", "spec", "template", "spec"],
    &["spec"],
];

fn parts(object: &Tree, each: Each) -> Vec<Part<'_>> {
    if each == Each::Object {
        return vec![Part {
            object,
            pod: None,
            own: object,
            path: Path::default(),
        }];
    }
    let is_pod = |keys: &&&[&str]| {
        object
            .at(keys)
            .is_some_and(|pod| !pod.get("containers").is_none_or(|list| list.items().is_empty()))
    };
    let Some(keys) = PODS.iter().find(is_pod) else {
        return Vec::new();
    };
    let Some(pod) = object.at(keys) else { return Vec::new() };
    let whole = Part {
        object,
        pod: Some(pod),
        own: pod,
        path: Path::keys(keys),
    };
    if each == Each::Pod {
        return vec![whole];
    }
    let containers = pod.get("containers").map_or(&[][..], Tree::items);
    let part = |(place, own)| {
        let mut path = whole.path.clone();
        path.0.push(Step::Key("containers".into()));
        path.0.push(match Tree::get(own, "name").and_then(Tree::as_str) {
            Some(name) => Step::Item {
                key: "name".into(),
                value: name.into(),
            },
            None => Step::Index(place),
        });
        Part {
            object,
            pod: Some(pod),
            own,
            path,
        }
    };
    containers.iter().enumerate().map(part).collect()
}

impl Part<'_> {
    /// The field named, by keys with dots between them; `imageTag` is what follows the name of `image`.
    fn field(&self, name: &str) -> Option<Tree> {
        let (of, name) = match name.split_once('.') {
            Some(("pod", rest)) => (self.pod?, rest),
            Some(("object", rest)) => (self.object, rest),
            _ => (self.own, name),
        };
        if name == "imageTag" {
            return tag(of.get("image")?.as_str()?).map(Tree::text);
        }
        let keys: Vec<&str> = name.split('.').collect();
        of.at(&keys).filter(|tree| !tree.is_blank()).cloned()
    }

    fn is_so(&self, condition: &Condition) -> bool {
        let What::Field(name) = &condition.what else {
            return false;
        };
        let value = self.field(name).map(value);
        let nothing = Example::default();
        passes(condition, value.as_ref(), &nothing as &dyn Scene, &Bound::new())
    }

    fn issue(&self, rule: &Rule, document: &Document) -> Issue {
        let mut path = self.path.clone();
        let name = rule.when.iter().find_map(|condition| match &condition.what {
            What::Field(name) => Some(&**name),
            _ => None,
        });
        let name = match name.unwrap_or_default() {
            "imageTag" => "image",
            name => name,
        };
        let inner = name.strip_prefix("object.").or_else(|| name.strip_prefix("pod."));
        if let Some(inner) = inner {
            let keys = PODS
                .iter()
                .find(|keys| self.pod.is_some() && self.object.at(keys) == self.pod);
            path = match keys {
                Some(keys) if name.starts_with("pod.") => Path::keys(keys),
                _ => Path::default(),
            };
            path.0.extend(Path::keys(&inner.split('.').collect::<Vec<_>>()).0);
        } else {
            path.0.extend(Path::keys(&name.split('.').collect::<Vec<_>>()).0);
        }
        Issue {
            rule: rule.id.clone(),
            level: rule.level,
            resource: document.resource().into(),
            live: self.field(name),
            path,
            title: rule.title.clone(),
            why: rule.why.clone(),
            article: rule.article.clone(),
        }
    }
}

/// The tag of an image, `latest` where none is written; `None` where a digest says which it is, or a variable stands.
fn tag(image: &str) -> Option<&str> {
    if image.is_empty() || image.contains('@') || image.contains(['$', '{']) {
        return None;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    Some(name.split_once(':').map_or("latest", |(_, tag)| tag))
}

/// A tree as the value a condition looks at; of a list its items, of a map its keys.
fn value(tree: Tree) -> Value {
    match tree {
        Tree::Bool(on) => Value::Bool(on),
        Tree::Int(int) => Value::Int(int),
        Tree::Secret(hash) => Value::Secret(hash),
        Tree::List(items) => {
            let items = items.iter().filter_map(Tree::scalar);
            Value::list(items.map(|item| (item.into(), Value::Bool(true))).collect())
        }
        Tree::Map(fields) => Value::list(fields.into_keys().map(|key| (key.into(), Value::Bool(true))).collect()),
        scalar => Value::infer(&scalar.scalar().unwrap_or_default()),
    }
}
