//! Documents that were declared against those that are.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    departure::{Departure, level},
    injected, known, managed,
    path::Path,
    peers::{self, Learnt, Open, learn},
    scalar::Likeness,
    schema::{Field, KUBERNETES, UNKNOWN},
    walk::{Beside, Found, Walk},
};
use crate::domain::{Document, Level, Tree, text::visible};

/// Namespaces that are named.
const NAMED: usize = 5;

/// What came of comparing documents.
#[derive(Clone, Debug, Default)]
pub struct Compared {
    /// What is not as declared, the worst first.
    pub departures: Vec<Departure>,
    /// How many resources were found on both sides.
    pub matched: usize,
    /// How many are only live.
    pub only_live: usize,
    /// What all resources of a kind have alike, none declares, and no table knows.
    pub learnt: Vec<Learnt>,
    /// How many keys of which resource are only live, where nothing says whether a server filled them in.
    pub not_judged: BTreeMap<Arc<str>, usize>,
    /// What is not certain of which is compared with which: a line each.
    pub doubts: Vec<String>,
}

/// Compares what was declared with what is.
///
/// Resources are matched by kind, namespace and name; a declaration without a namespace fits any. Of what is declared more often than it
/// is live the last declaration counts. One that only is, is counted and not told.
#[must_use]
pub fn compare(desired: &[Document], live: &[Document]) -> Compared {
    let mut compared = Compared::default();
    let mut by_name: BTreeMap<(&str, &str), Vec<usize>> = BTreeMap::new();
    for (place, document) in live.iter().enumerate() {
        by_name.entry((&document.kind, &document.name)).or_default().push(place);
    }
    let plain = |document: &&Document| document.kind.is_empty() && document.group.is_empty();
    let names = |documents: &[Document]| {
        documents
            .iter()
            .filter(plain)
            .map(|one| one.name.clone())
            .collect::<BTreeSet<_>>()
    };
    // Two files of settings are each other's whatever they are called, and the documents in them by their place.
    let twins = names(desired).len() == 1 && names(live).len() == 1;
    let mut places = (0..live.len()).filter(|place| plain(&&live[*place]));
    let mut seen: BTreeSet<usize> = BTreeSet::new();
    // Who says its namespace has a right to what is there; then who comes first.
    let mut order: Vec<usize> = (0..desired.len()).collect();
    order.sort_by_key(|place| desired[*place].namespace.is_none());
    // What is live, or the resource that is missing, and the declarations of it.
    let mut pairs: BTreeMap<(Option<usize>, String), Vec<usize>> = BTreeMap::new();
    for number in order {
        let document = &desired[number];
        let place = if twins && plain(&document) {
            places.next()
        } else {
            let candidates = by_name.get(&(&*document.kind, &*document.name)).into_iter().flatten();
            let mut candidates: Vec<usize> = candidates
                .copied()
                .filter(|place| is_one(document, &live[*place]) && !(plain(&document) && seen.contains(place)))
                .collect();
            candidates.sort_by_key(|place| {
                let other = &live[*place];
                (
                    seen.contains(place),
                    other.namespace != document.namespace,
                    other.group != document.group,
                    *place,
                )
            });
            let free = candidates.iter().filter(|place| !seen.contains(*place));
            compared
                .doubts
                .extend(namesakes(document, free.map(|place| &live[*place])));
            candidates.first().copied()
        };
        let missing = match place {
            Some(_) => String::new(),
            None if is_of_the_moment(document) => continue,
            // Every file of settings is one of its own.
            None if plain(&document) => format!("{number} {}", document.name),
            None => document.resource(),
        };
        seen.extend(place);
        pairs.entry((place, missing)).or_default().push(number);
    }
    let mut found: Vec<(&Document, Found)> = Vec::new();
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut peers: BTreeMap<&str, usize> = BTreeMap::new();
    for ((place, _), declared) in pairs {
        let Some(document) = declared.iter().max().map(|last| &desired[*last]) else {
            continue;
        };
        if declared.len() > 1 {
            let resource = document.resource();
            let times = declared.len();
            let told = format!("{} is declared {times} times: the last one counts", visible(&resource));
            compared.doubts.push(told);
        }
        match place {
            Some(place) => {
                compared.matched += 1;
                *peers.entry(&document.kind).or_default() += 1;
                let walk = differences(document, &live[place]);
                found.extend(walk.found.into_iter().map(|found| (&live[place], found)));
                open.push(Open {
                    desired: document,
                    live: &live[place],
                    keys: walk.open,
                });
            }
            None => found.push((
                document,
                Found {
                    path: Path::default(),
                    desired: Some(document.tree.clone()),
                    live: None,
                    tabled: true,
                },
            )),
        }
    }
    compared.only_live = live.len() - seen.len();
    found.extend(peers::judge(&mut open));
    let scaled = scalers(desired.iter().chain(live));
    found.retain(|(document, found)| !is_scaled(document, found, &scaled) && !is_the_clusters(document, found));
    learn(&mut found, &peers, &mut compared.learnt);
    for one in open.iter().filter(|one| !one.keys.is_empty()) {
        *compared.not_judged.entry(one.live.resource().into()).or_default() += one.keys.len();
    }
    compared.departures = found
        .into_iter()
        .map(|(document, found)| Departure {
            level: level(
                kind_of(document),
                &found.path,
                found.desired.as_ref(),
                found.live.as_ref(),
            ),
            resource: document.resource().into(),
            by: writer(document, &found),
            path: found.path,
            desired: found.desired,
            live: found.live,
            action: None,
        })
        .collect();
    super::departure::rank(&mut compared.departures);
    compared
}

/// What is said where a declaration without a namespace fits what is live in several.
fn namesakes<'d>(desired: &Document, free: impl Iterator<Item = &'d Document>) -> Option<String> {
    if desired.namespace.is_some() || desired.kind.is_empty() {
        return None;
    }
    let free: Vec<&Document> = free.collect();
    let first = free.first()?.namespace.as_deref()?;
    let spaces: BTreeSet<&str> = free.iter().filter_map(|one| one.namespace.as_deref()).collect();
    (spaces.len() > 1).then(|| {
        format!(
            "{} is declared without a namespace and is live in {}: compared with the one in {}",
            visible(&desired.resource()),
            visible(&listed(&spaces)),
            visible(first)
        )
    })
}

/// A few names, and how many more there are.
fn listed(names: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = names.iter().take(NAMED).copied().collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// Compares two states of one thing that is no document of Kubernetes, `before` as it was recorded, `after` as it is.
#[must_use]
pub fn compare_states(resource: &str, kind: &str, before: &Tree, after: &Tree) -> Vec<Departure> {
    departures(resource, kind, states(before, after))
}

fn states(before: &Tree, after: &Tree) -> Vec<Found> {
    let mut walk = Walk::new(&KUBERNETES, true, Likeness::State);
    walk.value(before, after, &UNKNOWN);
    walk.found
}

fn departures(resource: &str, kind: &str, found: Vec<Found>) -> Vec<Departure> {
    let of = |found: Found| Departure {
        level: level(kind, &found.path, found.desired.as_ref(), found.live.as_ref()),
        resource: resource.into(),
        path: found.path,
        desired: found.desired,
        live: found.live,
        by: None,
        action: None,
    };
    found.into_iter().map(of).collect()
}

/// One departure, told by a tool that compared for itself.
#[must_use]
pub fn told(resource: &str, kind: &str, path: Path, desired: Option<Tree>, live: Option<Tree>) -> Departure {
    let level = match level(kind, &path, desired.as_ref(), live.as_ref()) {
        Level::Low => Level::Moderate,
        other => other,
    };
    Departure {
        resource: resource.into(),
        path,
        desired,
        live,
        level,
        by: None,
        action: None,
    }
}

/// Whether controllers of the cluster alone wrote a field of the live object: then it is state, unless it gives powers over the host.
fn is_the_clusters(live: &Document, found: &Found) -> bool {
    if found.path.0.is_empty() {
        return false;
    }
    let writers = managed::writers(&live.tree, &found.path.0);
    let power = (found.live.as_ref())
        .is_some_and(|value| known::is_dangerous(found.path.names().last().unwrap_or_default(), value));
    !writers.is_empty() && !power && writers.iter().all(|writer| writer.controller)
}

/// Who wrote a field of the live object last, and when.
fn writer(live: &Document, found: &Found) -> Option<Arc<str>> {
    // Of a resource that is missing only the declaration is here.
    found.path.0.first()?;
    let last = managed::writers(&live.tree, &found.path.0).into_iter().next()?;
    let time = last.time.map_or_else(String::new, |time| format!(" {time}"));
    Some(visible(&format!("{}{time}", last.manager)).into())
}

/// Whether both are the same resource; kind and name are.
fn is_one(desired: &Document, live: &Document) -> bool {
    // Kinds that moved from one group to another.
    let moved = |group: &str| {
        matches!(
            group,
            "" | "extensions" | "apps" | "networking.k8s.io" | "policy" | "events.k8s.io"
        )
    };
    let groups = desired.group == live.group || moved(&desired.group) && moved(&live.group);
    let spaces = match (&desired.namespace, &live.namespace) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => true,
    };
    groups && spaces
}

/// The kind of a document; a resource of a state has a type.
fn kind_of(document: &Document) -> &str {
    if document.kind.is_empty() {
        &document.group
    } else {
        &document.kind
    }
}

/// What differs between a declared and a live document, and what that leaves open.
fn differences(desired: &Document, live: &Document) -> Differences {
    let plain = desired.kind.is_empty();
    if plain && !desired.group.is_empty() {
        return Differences {
            found: states(&desired.tree, &live.tree),
            open: Vec::new(),
        };
    }
    let table = KUBERNETES.kind(&desired.group, &desired.kind);
    let likeness = if plain { Likeness::Setting } else { Likeness::Meant };
    let own = injected::without(&desired.tree, &live.tree);
    let mut walk = Walk::new(&KUBERNETES, plain || table.is_some(), likeness).of_objects(&desired.tree, &live.tree);
    let rule = match table {
        Some(rule) => Field::plain(rule),
        None if plain => UNKNOWN.clone(),
        None => Field::plain(
            KUBERNETES
                .named("Object")
                .expect("the table has the fields of every object"),
        ),
    };
    walk.field(Some(&desired.tree), Some(&own), &rule, Beside::NOTHING);
    Differences {
        found: walk.found,
        open: walk.open,
    }
}

struct Differences {
    found: Vec<Found>,
    open: Vec<Found>,
}

/// Whether a resource is made for a moment and then gone: a Helm hook, or one that the server names.
fn is_of_the_moment(document: &Document) -> bool {
    let metadata = document.tree.get("metadata");
    let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
    let hook = |annotations: &Tree| {
        annotations
            .get("helm.sh/hook")
            .or(annotations.get("argocd.argoproj.io/hook"))
            .is_some()
    };
    annotations.is_some_and(hook) || document.name.is_empty()
}

/// What horizontal autoscalers set, KEDA's among them: by kind and name of what they scale, from and to how many replicas.
fn scalers<'d>(documents: impl Iterator<Item = &'d Document>) -> BTreeMap<(&'d str, &'d str), (i64, i64)> {
    let mut scaled = BTreeMap::new();
    for document in documents {
        let (keys, kind, bounds) = match &*document.kind {
            "HorizontalPodAutoscaler" => (["minReplicas", "maxReplicas"], None, (1, None)),
            "ScaledObject" => (
                ["minReplicaCount", "maxReplicaCount"],
                Some("Deployment"),
                (0, Some(100)),
            ),
            _ => continue,
        };
        let Some(spec) = document.tree.get("spec") else {
            continue;
        };
        let text = |key: &str| spec.at(&["scaleTargetRef", key]).and_then(Tree::as_str);
        let [least, most] = keys.map(|key| match spec.get(key) {
            Some(Tree::Int(count)) => Some(*count),
            _ => None,
        });
        if let (Some(kind), Some(name), Some(most)) = (text("kind").or(kind), text("name"), most.or(bounds.1)) {
            let own = (least.unwrap_or(bounds.0), most);
            let all: &mut (i64, i64) = scaled.entry((kind, name)).or_insert(own);
            *all = (all.0.min(own.0), all.1.max(own.1));
        }
    }
    scaled
}

/// Whether a number of replicas is within what an autoscaler may choose.
fn is_scaled(document: &Document, found: &Found, scaled: &BTreeMap<(&str, &str), (i64, i64)>) -> bool {
    let range = scaled.get(&(&*document.kind, &*document.name));
    let at_replicas = found.path == Path::keys(&["spec", "replicas"]);
    match (range, &found.live) {
        (Some((least, most)), Some(Tree::Int(count))) => at_replicas && (least..=most).contains(&count),
        _ => false,
    }
}
