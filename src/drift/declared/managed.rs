//! Who wrote a field of a live object, by its `metadata.managedFields` (Kubernetes, server-side apply: field management).

use crate::domain::Tree;

use super::{known, path::Step};

/// Managers that are part of the cluster itself. A name is typed by whoever writes, so it counts only for what such a manager writes of
/// objects that others declare ([`is_state`]).
const CONTROLLERS: [&str; 9] = [
    "kube-controller-manager",
    "kube-scheduler",
    "kube-apiserver",
    "kubelet",
    "cloud-controller-manager",
    "kube-proxy",
    "vpa-updater",
    "vpa-admission-controller",
    "cluster-autoscaler",
];

/// Managers by which people change an object that is there. What `kubectl apply` or `kubectl create` is said to have written may be what
/// the server filled in as it took the object; these write what they were told to.
const BY_HAND: [&str; 15] = [
    "kubectl-edit",
    "kubectl-patch",
    "kubectl-set",
    "kubectl-label",
    "kubectl-annotate",
    "kubectl-scale",
    "kubectl-replace",
    "kubectl-rollout",
    "kubectl-taint",
    "flux",
    "argocd-server",
    "node-fetch",
    "k9s",
    "curl",
    "Mozilla",
];

/// Managers that bring what people declared. A server-side apply owns just what it was told to write, and no default.
const APPLIERS: [&str; 5] = [
    "kubectl",
    "argocd-controller",
    "kustomize-controller",
    "helm-controller",
    "helm",
];

/// Who wrote a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    /// The name it goes by: `kubectl-edit`, `argocd-controller`.
    pub manager: Box<str>,
    /// When it wrote last.
    pub time: Option<Box<str>>,
    /// Whether it is a controller that writes just this.
    pub controller: bool,
    /// Whether it is a tool by which people write just this.
    pub person: bool,
}

/// The writers of the field at `path` of the live object, the last one first; empty where the object does not say.
pub(super) fn writers(live: &Tree, path: &[Step]) -> Vec<Writer> {
    let entries = live.at(&["metadata", "managedFields"]).map_or(&[][..], Tree::items);
    let text = |entry: &Tree, key: &str| entry.get(key).and_then(Tree::as_str).map(Box::from);
    let mut writers: Vec<Writer> = entries
        .iter()
        .filter_map(|entry| {
            let named = held(entry.get("fieldsV1")?, path)?;
            // A list that is owned as a whole may hold what the server filled into its items.
            let just_this = path[named..].iter().all(|step| matches!(step, Step::Key(_)));
            let manager: Box<str> = text(entry, "manager")?;
            let applied = text(entry, "operation").as_deref() == Some("Apply");
            let status = text(entry, "subresource").as_deref() == Some("status");
            let person = BY_HAND.contains(&&*manager) || applied && APPLIERS.contains(&&*manager);
            Some(Writer {
                controller: (status || CONTROLLERS.contains(&&*manager) && !applied) && is_state(&manager, path),
                person: person && just_this,
                time: text(entry, "time"),
                manager,
            })
        })
        .collect();
    // Times are RFC 3339 in UTC, so their order is that of their texts.
    writers.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.manager.cmp(&b.manager)));
    writers
}

/// Whether `manager` writes the field at `path` of objects that others declare, to tell or keep their state: what their kinds' controllers
/// note in labels and annotations, how many replicas an autoscaler chose, what pods may have by the vertical one.
fn is_state(manager: &str, path: &[Step]) -> bool {
    let names: Vec<&str> = (path.iter())
        .filter_map(|step| match step {
            Step::Key(key) => Some(&**key),
            _ => None,
        })
        .collect();
    match names[..] {
        ["status", ..] => true,
        ["metadata", "labels", key] => known::is_label(key),
        ["metadata", "annotations", key] => known::is_annotation(key),
        ["metadata", field, ..] => field != "labels" && field != "annotations",
        ["spec", "replicas"] => manager == "kube-controller-manager",
        ["spec", "containers" | "initContainers", "resources", ..] => manager.starts_with("vpa-"),
        _ => false,
    }
}

/// Whether somebody wrote the field at `path` of the live object by hand.
pub(super) fn by_hand(live: &Tree, path: &[Step]) -> bool {
    writers(live, path).iter().any(|writer| writer.person)
}

/// How many of the steps a set of fields names, where it holds what they lead to, or what stands below that, or all of what it is a part of.
fn held(fields: &Tree, steps: &[Step]) -> Option<usize> {
    let Tree::Map(own) = fields else { return None };
    // `{}` is all that is there; `.` alone says that the thing itself is there, and nothing of what is in it.
    let (step, rest) = match steps.split_first() {
        Some(split) if !own.is_empty() => split,
        _ => return Some(0),
    };
    let below = |inner: &Tree| Some(held(inner, rest)? + 1);
    match step {
        Step::Key(key) => own.get(&*format!("f:{key}")).and_then(below),
        Step::Item { key, value } => own
            .iter()
            .filter(|(name, _)| is_item(name, key, value))
            .find_map(|(_, inner)| below(inner)),
        Step::Index(place) => own.get(&*format!("i:{place}")).and_then(below),
    }
}

/// Whether `k:{"name":"web"}` is the item that `key` and `value` name; `v:"x"` is the item of a set.
fn is_item(name: &str, key: &str, value: &str) -> bool {
    if let Some(text) = name.strip_prefix("v:") {
        return text.trim_matches('"') == value;
    }
    let Some(keys) = name.strip_prefix("k:") else {
        return false;
    };
    let keys: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(keys).ok();
    keys.and_then(|keys| {
        let held = keys.get(key)?;
        Some(held.as_str().map_or_else(|| held.to_string(), str::to_owned) == value)
    })
    .unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::drift::declared::path::Path;
    use crate::{domain::Document, drift::compare};

    fn live() -> Tree {
        json!({"metadata": {"managedFields": [
            {"manager": "kubectl-client-side-apply", "time": "2026-01-01T00:00:00Z", "fieldsV1": {"f:spec": {
                "f:replicas": {}, "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}}}}},
            {"manager": "kubectl-edit", "time": "2026-02-01T00:00:00Z", "fieldsV1": {"f:spec": {
                "f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {"f:image": {}}}}}}}},
            {"manager": "kube-controller-manager", "operation": "Update", "time": "2026-03-01T00:00:00Z", "fieldsV1": {
                "f:metadata": {"f:annotations": {"f:pv.kubernetes.io/bound-by-controller": {}, "f:team": {}}},
                "f:spec": {"f:paused": {}}}}]}})
        .into()
    }

    #[test]
    fn a_field_has_its_writers_the_last_one_first() {
        let mut path = Path::keys(&["spec", "template", "spec", "containers"]);
        path.0.push(Step::Item {
            key: "name".into(),
            value: "web".into(),
        });
        let names = |path: &Path| {
            let all = writers(&live(), &path.0);
            all.iter().map(|one| one.manager.to_string()).collect::<Vec<_>>()
        };
        path.0.push(Step::Key("image".into()));
        assert_eq!(names(&path), ["kubectl-edit", "kubectl-client-side-apply"]);
        path.0.pop();
        path.0.push(Step::Key("args".into()));
        assert_eq!(names(&path), [] as [&str; 0]);
        let controller = |path: &[&str]| writers(&live(), &Path::keys(path).0)[0].controller;
        assert!(controller(&[
            "metadata",
            "annotations",
            "pv.kubernetes.io/bound-by-controller"
        ]));
        for path in [
            &["metadata", "annotations", "team"][..],
            &["spec", "paused"],
            &["spec", "replicas"],
        ] {
            assert!(!controller(path), "{path:?}");
        }
        assert_eq!(writers(&Tree::Null, &path.0), []);
    }

    #[test]
    fn what_the_clusters_controllers_wrote_is_state_and_what_others_wrote_says_who() {
        let object = |replicas: u32, image: &str, managed: bool| {
            let mut json = serde_json::json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "a", "image": image}]}}}});
            if managed {
                json["metadata"]["managedFields"] = serde_json::json!([
                    {"manager": "kube-controller-manager", "subresource": "scale", "operation": "Update", "time": "2026-03-01T00:00:00Z",
                     "fieldsV1": {"f:spec": {"f:replicas": {}}}},
                    {"manager": "kubectl-set", "operation": "Update", "time": "2026-03-02T00:00:00Z",
                     "fieldsV1": {"f:spec": {"f:template": {"f:spec": {"f:containers": {"k:{\"name\":\"a\"}": {"f:image": {}}}}}}}}]);
            }
            Document {
                group: "apps".into(),
                kind: "Deployment".into(),
                namespace: None,
                name: "web".into(),
                tree: json.into(),
            }
        };
        let told = compare(&[object(2, "a:1", false)], &[object(5, "a:2", true)]).departures;
        let told: Vec<(String, Option<&str>)> = told.iter().map(|one| (one.path.brief(), one.by.as_deref())).collect();
        let image = "spec.template.spec.containers[a].image".to_owned();
        assert_eq!(told, [(image, Some("kubectl-set 2026-03-02T00:00:00Z"))]);
        // Who types `kubectl scale` is no controller.
        let mut scaled = object(0, "a:1", true);
        let person = serde_json::to_string(&scaled.tree)
            .unwrap()
            .replace("kube-controller-manager", "kubectl");
        scaled.tree = serde_json::from_str::<serde_json::Value>(&person).unwrap().into();
        let told = compare(&[object(2, "a:1", false)], &[scaled]).departures;
        let told: Vec<String> = told.iter().map(|one| one.path.brief()).collect();
        assert_eq!(told, ["spec.replicas"]);
        assert_eq!(
            compare(&[object(2, "a:1", false)], &[object(5, "a:1", false)])
                .departures
                .len(),
            1,
            "nobody says so"
        );
    }

    #[test]
    fn a_name_alone_makes_nobody_a_controller() {
        let told = |entry: serde_json::Value, replicas: u32| {
            let object = |replicas: u32, image: &str| {
                json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                "spec": {"replicas": replicas, "template": {"spec": {"containers": [{"name": "a", "image": image}]}}}})
            };
            let mut live = object(replicas, "evil:1");
            live["metadata"]["managedFields"] = json!([entry]);
            let document = |json: serde_json::Value| Document {
                group: "apps".into(),
                kind: "Deployment".into(),
                namespace: None,
                name: "web".into(),
                tree: json.into(),
            };
            let told = compare(&[document(object(2, "a:1"))], &[document(live)]).departures;
            let mut told: Vec<String> = told.iter().map(|one| one.path.brief()).collect();
            told.sort();
            told
        };
        let image = "spec.template.spec.containers[a].image";
        let fields = json!({"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers":
            {"k:{\"name\":\"a\"}": {"f:image": {}}}}}}});
        for (manager, subresource) in [
            ("kubelet", ""),
            ("kube-controller-manager", ""),
            ("operator", "status"),
            ("kubelet", "status"),
        ] {
            let entry =
                json!({"manager": manager, "operation": "Update", "subresource": subresource, "fieldsV1": fields});
            assert_eq!(told(entry, 2), [image], "{manager} {subresource}");
        }
        // No controller of the cluster applies.
        for (operation, expected) in [("Update", &[image][..]), ("Apply", &["spec.replicas", image])] {
            let entry = json!({"manager": "kube-controller-manager", "operation": operation, "fieldsV1": fields});
            let mut told = told(entry, 5);
            told.sort();
            assert_eq!(told, expected);
        }
    }

    proptest! {
        #[test]
        fn any_account_of_writers_is_read(name in ".{0,20}", key in ".{0,8}", value in ".{0,8}") {
            let tree: Tree = json!({"metadata": {"managedFields": [{"manager": name, "fieldsV1": {name.clone(): {}}}]}}).into();
            let path = Path(vec![Step::Item { key: key.into(), value: value.into() }]);
            let _ = writers(&tree, &path.0);
        }
    }
}
