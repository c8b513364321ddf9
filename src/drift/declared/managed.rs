//! Who wrote a field of a live object, by its `metadata.managedFields` (Kubernetes, server-side apply: field management).

use crate::domain::Tree;

use super::path::Step;

/// Managers that are part of the cluster itself: what they alone write is state, whoever declared something there.
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
const BY_HAND: [&str; 12] = [
    "kubectl-edit",
    "kubectl-patch",
    "kubectl-set",
    "kubectl-label",
    "kubectl-annotate",
    "kubectl-scale",
    "kubectl-replace",
    "kubectl-rollout",
    "kubectl-taint",
    "k9s",
    "curl",
    "Mozilla",
];

/// Who wrote a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    /// The name it goes by: `kubectl-edit`, `argocd-controller`.
    pub manager: Box<str>,
    /// When it wrote last.
    pub time: Option<Box<str>>,
    /// Whether it is a controller, or wrote through a subresource such as `status`; to `scale` people write, too.
    pub controller: bool,
    /// Whether it is a tool by which people write just this.
    pub person: bool,
}

/// The writers of the field at `path` of the live object, the last one first; empty where the object does not say.
pub(super) fn writers(live: &Tree, path: &[Step]) -> Vec<Writer> {
    let entries = live.at(&["metadata", "managedFields"]).map_or(&[][..], Tree::items);
    let owns = |entry: &&Tree| entry.get("fieldsV1").is_some_and(|fields| holds(fields, path));
    let text = |entry: &Tree, key: &str| entry.get(key).and_then(Tree::as_str).map(Box::from);
    let mut writers: Vec<Writer> = entries
        .iter()
        .filter(owns)
        .filter_map(|entry| {
            let manager: Box<str> = text(entry, "manager")?;
            let through = text(entry, "subresource").is_some_and(|name| !name.is_empty() && &*name != "scale");
            Some(Writer {
                controller: through || CONTROLLERS.contains(&&*manager),
                person: BY_HAND.contains(&&*manager)
                    || &*manager == "kubectl" && text(entry, "operation").as_deref() == Some("Apply"),
                time: text(entry, "time"),
                manager,
            })
        })
        .collect();
    // Times are RFC 3339 in UTC, so their order is that of their texts.
    writers.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| a.manager.cmp(&b.manager)));
    writers
}

/// Whether somebody wrote the field at `path` of the live object by hand.
pub(super) fn by_hand(live: &Tree, path: &[Step]) -> bool {
    writers(live, path).iter().any(|writer| writer.person)
}

/// Whether a set of fields holds the one that the steps lead to, or what stands below it, or all of what it is a part of.
fn holds(fields: &Tree, steps: &[Step]) -> bool {
    let Tree::Map(own) = fields else { return false };
    let Some((step, rest)) = steps.split_first() else {
        return true;
    };
    // `{}` is all that is there; `.` alone says that the thing itself is there, and nothing of what is in it.
    if own.is_empty() {
        return true;
    }
    match step {
        Step::Key(key) => own.get(&*format!("f:{key}")).is_some_and(|inner| holds(inner, rest)),
        Step::Item { key, value } => own
            .iter()
            .filter(|(name, _)| is_item(name, key, value))
            .any(|(_, inner)| holds(inner, rest)),
        Step::Index(place) => own.get(&*format!("i:{place}")).is_some_and(|inner| holds(inner, rest)),
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
            {"manager": "operator", "subresource": "status", "time": "2026-03-01T00:00:00Z", "fieldsV1": {"f:spec": {"f:paused": {}}}}]}})
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
        assert!(writers(&live(), &Path::keys(&["spec", "paused"]).0)[0].controller);
        assert!(!writers(&live(), &Path::keys(&["spec", "replicas"]).0)[0].controller);
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

    proptest! {
        #[test]
        fn any_account_of_writers_is_read(name in ".{0,20}", key in ".{0,8}", value in ".{0,8}") {
            let tree: Tree = json!({"metadata": {"managedFields": [{"manager": name, "fieldsV1": {name.clone(): {}}}]}}).into();
            let path = Path(vec![Step::Item { key: key.into(), value: value.into() }]);
            let _ = writers(&tree, &path.0);
        }
    }
}
