//! Which resource is which.

use serde_json::{Value as Json, json};

use super::{compare, document};
use crate::domain::{Document, Level};

#[test]
fn resources_are_matched_by_what_they_are() {
    let object = |kind: &str, namespace: Option<&str>, name: &str, value: &str| {
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": {"k": value}});
        if let Some(namespace) = namespace {
            object["metadata"]["namespace"] = namespace.into();
        }
        document(object)
    };
    let desired = [
        object("ConfigMap", None, "a", "1"),
        object("ConfigMap", Some("n"), "b", "1"),
        object("ConfigMap", Some("n"), "c", "1"),
    ];
    let live = [
        object("ConfigMap", Some("n"), "b", "1"),
        object("ConfigMap", Some("m"), "a", "2"),
        object("ConfigMap", Some("m"), "b", "3"),
    ];
    let compared = compare(&desired, &live);
    let told: Vec<String> = compared
        .departures
        .iter()
        .map(|one| format!("{} {}", one.resource, one.path))
        .collect();
    assert_eq!(told, ["ConfigMap/n/c /", "ConfigMap/m/a /data/k"]);
    assert_eq!((compared.matched, compared.only_live), (2, 1));
    assert_eq!(compared.departures[0].level, Level::High);
    // A Helm hook has come and gone.
    let hook = document(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "test", "annotations": {"helm.sh/hook": "test"}}}),
    );
    assert!(compare(&[hook], &[]).departures.is_empty());
}

#[test]
fn an_autoscaler_may_choose_within_its_bounds() {
    let deployment = |replicas: i64| {
        document(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": replicas}}),
        )
    };
    let scaler = document(
        json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"},
        "spec": {"minReplicas": 2, "maxReplicas": 6, "scaleTargetRef": {"kind": "Deployment", "name": "web"}}}),
    );
    let told = |live: i64| {
        compare(&[deployment(2), scaler.clone()], &[deployment(live), scaler.clone()])
            .departures
            .len()
    };
    assert_eq!((told(5), told(9)), (0, 1));
}

#[test]
fn what_all_have_alike_is_the_clusters_doing() {
    let service = |n: usize, more: Json| {
        document(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("s{n}"), "labels": more}}))
    };
    let desired: Vec<Document> = (0..6).map(|n| service(n, json!({}))).collect();
    let mut live: Vec<Document> = (0..6).map(|n| service(n, json!({"cost": "shared"}))).collect();
    let compared = compare(&desired, &live);
    assert_eq!((compared.departures.len(), compared.learnt.len()), (0, 1));
    live[3] = service(3, json!({"cost": "mine"}));
    assert_eq!(compare(&desired, &live).departures.len(), 6);
}
