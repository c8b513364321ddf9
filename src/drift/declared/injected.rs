//! What a webhook put into a pod as it came, by the account it left there.

use std::{borrow::Cow, collections::BTreeSet};

use crate::domain::Tree;

/// The annotation in which the injector of Istio lists what it added to a pod.
const STATUS: &str = "sidecar.istio.io/status";
/// Lists of a pod's spec that it adds to.
const LISTS: [&str; 4] = ["containers", "initContainers", "volumes", "imagePullSecrets"];
/// Annotations that it sets besides: by these the pod's metrics are asked of the proxy.
const SCRAPED: [&str; 3] = ["prometheus.io/scrape", "prometheus.io/port", "prometheus.io/path"];

/// The live object without what its own annotation lists as injected and nobody declared. Who can write the annotation could hide a
/// container of his own behind it: only what is called as the injector calls it is left out, and no power over the host.
pub(super) fn without<'t>(desired: &Tree, live: &'t Tree) -> Cow<'t, Tree> {
    let listed = live.at(&["metadata", "annotations", STATUS]).and_then(Tree::as_str);
    let listed = listed.filter(|_| desired.at(&["metadata", "annotations", STATUS]).is_none());
    let Some(listed) = listed.and_then(|text| serde_json::from_str::<serde_json::Value>(text).ok()) else {
        return Cow::Borrowed(live);
    };
    let listed = Tree::from(listed);
    let mut tree = live.clone();
    let Tree::Map(object) = &mut tree else {
        return Cow::Borrowed(live);
    };
    if let Some(Tree::Map(spec)) = object.get_mut("spec") {
        for list in LISTS {
            let names = |tree: Option<&Tree>| -> BTreeSet<String> {
                let items = tree.map(Tree::items).unwrap_or_default().iter();
                items
                    .filter_map(|item| item.get("name").unwrap_or(item).scalar())
                    .collect()
            };
            let (added, declared) = (names(listed.get(list)), names(desired.at(&["spec", list])));
            let injected = |item: &Tree| {
                let name = item.get("name").and_then(Tree::as_str).unwrap_or_default();
                let own = list == "volumes" || list == "imagePullSecrets" || name.starts_with("istio-");
                own && added.contains(name) && !declared.contains(name) && !is_powerful(item)
            };
            if let Some(Tree::List(items)) = spec.get_mut(list) {
                items.retain(|item| !injected(item));
            }
        }
    }
    if let Some(Tree::Map(metadata)) = object.get_mut("metadata")
        && let Some(Tree::Map(annotations)) = metadata.get_mut("annotations")
    {
        annotations.remove(STATUS);
        let declared = |name: &str| desired.at(&["metadata", "annotations", name]).is_some();
        annotations.retain(|name, _| !SCRAPED.contains(&&**name) || declared(name));
    }
    Cow::Owned(tree)
}

/// Whether a container or volume reaches its host, or a volume a secret, also as one of several sources or by a driver.
fn is_powerful(item: &Tree) -> bool {
    let added = item.at(&["securityContext", "capabilities", "add"]);
    let added = added.map(Tree::items).unwrap_or_default();
    // What its init container redirects traffic by.
    let own = |capability: &Tree| matches!(capability.as_str(), Some("NET_ADMIN" | "NET_RAW"));
    let sources = item.at(&["projected", "sources"]).map(Tree::items).unwrap_or_default();
    item.at(&["securityContext", "privileged"]) == Some(&Tree::Bool(true))
        || !added.iter().all(own)
        || sources.iter().any(|source| source.get("secret").is_some())
        || ["hostPath", "secret", "csi", "volumeDevices"]
            .iter()
            .any(|key| item.get(key).is_some())
}
