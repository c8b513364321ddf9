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
    // KEDA's says no kind where it is a deployment.
    let scaler = document(
        json!({"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "metadata": {"name": "w"},
        "spec": {"maxReplicaCount": 6, "scaleTargetRef": {"name": "web"}}}),
    );
    let told = |live: i64| {
        let compared = compare(&[deployment(2), scaler.clone()], &[deployment(live), scaler.clone()]);
        compared.departures.len()
    };
    assert_eq!((told(0), told(9)), (0, 1));
}

#[test]
fn a_field_that_no_table_knows_and_all_have_alike_is_the_clusters_doing() {
    let service = |n: usize, spec: Json| {
        document(json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("s{n}")}, "spec": spec}))
    };
    let desired: Vec<Document> = (0..6).map(|n| service(n, json!({"type": "NodePort"}))).collect();
    let with = |mode: &str| json!({"type": "NodePort", "newMode": mode});
    let mut live: Vec<Document> = (0..6).map(|n| service(n, with("fast"))).collect();
    let compared = compare(&desired, &live);
    assert_eq!((compared.departures.len(), compared.learnt.len()), (0, 1));
    live[3] = service(3, with("slow"));
    assert_eq!(compare(&desired, &live).departures.len(), 6);
}

#[test]
fn an_edit_of_all_resources_of_a_kind_is_drift() {
    let deployment = |n: usize, paused: bool, more: Json| {
        let mut pod = json!({"containers": [{"name": "a", "image": "a:1"}]});
        for (key, value) in more.as_object().unwrap() {
            pod[key] = value.clone();
        }
        let mut spec = json!({"template": {"spec": pod}});
        if paused {
            spec["paused"] = true.into();
        }
        document(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": format!("d{n}")}, "spec": spec}),
        )
    };
    let desired: Vec<Document> = (0..5).map(|n| deployment(n, false, json!({}))).collect();
    for (paused, more) in [
        (true, json!({})),
        (false, json!({"serviceAccountName": "cluster-admin"})),
        (false, json!({"nodeSelector": {"disk": "slow"}})),
        (
            false,
            json!({"containers": [{"name": "a", "image": "a:1", "command": ["sh"]}]}),
        ),
        (
            false,
            json!({"containers": [{"name": "a", "image": "a:1", "env": [{"name": "LD_PRELOAD", "value": "x"}]}]}),
        ),
        (
            false,
            json!({"containers": [{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]}),
        ),
    ] {
        let live: Vec<Document> = (0..5).map(|n| deployment(n, paused, more.clone())).collect();
        let compared = compare(&desired, &live);
        assert_eq!((compared.departures.len(), compared.learnt.len()), (5, 0), "{more}");
    }
    // No server fills in a plain file.
    let file = |n: usize, json: Json| Document {
        name: format!("f{n}").into(),
        ..document(json)
    };
    let files = |json: &Json| (0..5).map(|n| file(n, json.clone())).collect::<Vec<_>>();
    let compared = compare(
        &files(&json!({"A": "1"})),
        &files(&json!({"A": "1", "LD_PRELOAD": "x"})),
    );
    assert_eq!(compared.departures.len(), 5);
}

#[test]
fn resources_of_a_state_are_compared_as_states() {
    let state = |json: Json| Document {
        group: "aws_security_group".into(),
        kind: "".into(),
        namespace: None,
        name: "aws_security_group.n".into(),
        tree: json.into(),
    };
    let rule = |port: i64, cidr: &str| json!({"from_port": port, "cidr_blocks": [cidr, "11.0.0.0/8"]});
    let (a, b) = (rule(80, "10.0.0.0/8"), rule(443, "0.0.0.0/0"));
    let told =
        |live: Json| compare(&[state(json!({"ingress": [a, b]}))], &[state(json!({"ingress": live}))]).departures;
    assert_eq!(told(json!([b, a])), []);
    let told = told(json!([b, rule(22, "0.0.0.0/0"), a]));
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].level, Level::High);
}

#[test]
fn documents_of_two_files_are_paired_by_their_place() {
    let settings = |file: &str, json: Json| Document {
        group: "".into(),
        kind: "".into(),
        namespace: None,
        name: file.into(),
        tree: json.into(),
    };
    let told = |desired: &[Document], live: &[Document]| -> Vec<String> {
        let told = compare(desired, live).departures;
        told.iter()
            .map(|one| format!("{} {}", one.resource, one.path))
            .collect()
    };
    for other in ["a.yaml", "b.yaml"] {
        let (one, two) = (settings("a.yaml", json!({"a": 1})), settings("a.yaml", json!({"b": 2})));
        let live = [settings(other, json!({"a": 1})), settings(other, json!({"b": 3}))];
        assert_eq!(told(&[one.clone(), two.clone()], &live), [format!("{other} /b")]);
        // What has no other on the live side is gone, and is not held against one that has.
        assert_eq!(told(&[one, two], &live[..1]), ["a.yaml /"]);
    }
    let desired = [settings("a.yaml", json!({"a": 1})), settings("b.yaml", json!({"a": 2}))];
    let live = [settings("b.yaml", json!({"a": 2})), settings("a.yaml", json!({"a": 1}))];
    assert_eq!(told(&desired, &live), Vec::<String>::new());
}

#[test]
fn in_a_plain_file_a_switch_that_is_off_says_something() {
    let file = |json: Json| Document {
        group: "".into(),
        kind: "".into(),
        namespace: None,
        name: "app".into(),
        tree: json.into(),
    };
    let told = |desired: Json, live: Json| -> Vec<String> {
        let told = compare(&[file(desired)], &[file(live)]).departures;
        told.iter().map(|one| one.path.to_string()).collect()
    };
    let more = json!({"a": 1, "tls": {"verify": false}, "auth": false, "retries": 0, "name": "", "hosts": [], "x": null, "y": {}});
    let odd = ["/auth", "/hosts", "/name", "/retries", "/tls"];
    for told in [told(json!({"a": 1}), more.clone()), told(more, json!({"a": 1}))] {
        let mut told = told;
        told.sort();
        assert_eq!(
            told.iter().map(|path| &path[..path.len().min(8)]).collect::<Vec<_>>(),
            odd
        );
    }
    let list = |names: [&str; 2]| json!({"from": names.map(|name| json!({"to": {"label": name}}))});
    assert_eq!(
        told(list(["a", "b"]), list(["b", "a"])),
        [""; 0],
        "what no name says to be in order"
    );
}
