//! Custom resources: those a table knows, and those none does.

use serde_json::{Value as Json, json};

use super::{compare, document, in_sync, paths};
use crate::domain::Document;

fn release(spec: Json) -> Json {
    let mut whole = json!({"interval": "30m", "chart": {"spec": {"chart": "c", "sourceRef": {"kind": "HelmRepository", "name": "r"}}}});
    for (key, value) in spec.as_object().unwrap() {
        whole[key] = value.clone();
    }
    json!({"spec": whole})
}

#[test]
fn what_is_only_live_is_drift_where_a_table_knows_the_defaults() {
    let told = |declared: Json, live: Json| {
        paths(
            "helm.toolkit.fluxcd.io/v2",
            "HelmRelease",
            release(declared),
            release(live),
        )
    };
    assert_eq!(
        told(
            json!({}),
            json!({"suspend": true, "uninstall": {"deletionPropagation": "background"}})
        ),
        ["/spec/suspend"]
    );
    let chart = json!({"spec": {"chart": "c", "version": "*", "reconcileStrategy": "ChartVersion",
        "sourceRef": {"kind": "HelmRepository", "name": "r"}}});
    assert_eq!(
        told(
            json!({}),
            json!({"chart": chart, "interval": "30m0s", "suspend": false})
        ),
        [] as [&str; 0]
    );
    // Values are a program's settings: what is off was switched off.
    let values = |values: Json| json!({"values": {"a": values}});
    assert_eq!(
        told(values(json!({"on": false, "list": []})), values(json!({"hack": true}))),
        ["/spec/values/a/hack", "/spec/values/a/list", "/spec/values/a/on"]
    );

    let route = |retries: Json| json!({"spec": {"hosts": ["a"], "http": [{"route": [{"destination": {"host": "s"}}], "retries": retries}]}});
    assert_eq!(
        paths(
            "networking.istio.io/v1",
            "VirtualService",
            route(Json::Null),
            route(json!({"attempts": 5}))
        ),
        ["/spec/http/0/retries"]
    );
    let weighed = |a: u32, b: u32| {
        let to = |subset: &str, weight: u32| json!({"destination": {"host": "s", "subset": subset}, "weight": weight});
        json!({"spec": {"hosts": ["a"], "http": [{"route": [to("v1", a), to("v2", b)]}]}})
    };
    assert_eq!(
        paths(
            "networking.istio.io/v1",
            "VirtualService",
            weighed(90, 10),
            weighed(10, 90)
        ),
        vec!["/spec/http/0/route/[destination.host=s]/weight"; 2]
    );
    let app = |source: Json, automated: Json| {
        json!({"spec": {"project": "default", "source": source, "syncPolicy": {"automated": automated}},
        "operation": {"sync": {}}})
    };
    let helm = json!({"repoURL": "r", "helm": {"parameters": [{"name": "x", "value": "y"}]}});
    assert_eq!(
        paths(
            "argoproj.io/v1alpha1",
            "Application",
            app(json!({"repoURL": "r"}), json!({"prune": true})),
            app(helm, json!({"prune": true, "enabled": false})),
        ),
        ["/spec/source/helm", "/spec/syncPolicy/automated/enabled"]
    );
}

#[test]
fn what_the_published_definitions_fill_in_is_no_drift() {
    in_sync(
        "gateway.networking.k8s.io/v1",
        "HTTPRoute",
        json!({"spec": {"parentRefs": [{"name": "gw"}], "hostnames": ["a", "b"], "rules": [{"backendRefs": [{"name": "s", "port": 80}]}]}}),
        json!({"spec": {"parentRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "gw"}], "hostnames": ["b", "a"],
            "rules": [{"matches": [{"path": {"type": "PathPrefix", "value": "/"}}],
                "backendRefs": [{"group": "", "kind": "Service", "name": "s", "port": 80, "weight": 1}]}]}}),
    );
    in_sync(
        "external-secrets.io/v1",
        "ExternalSecret",
        json!({"spec": {"secretStoreRef": {"name": "v"}, "data": [{"secretKey": "a", "remoteRef": {"key": "k"}}]}}),
        json!({"spec": {"refreshInterval": "1h0m0s", "secretStoreRef": {"name": "v", "kind": "SecretStore"},
            "target": {"creationPolicy": "Owner", "deletionPolicy": "Retain"},
            "data": [{"secretKey": "a", "remoteRef": {"key": "k", "conversionStrategy": "Default", "decodingStrategy": "None",
                "metadataPolicy": "None"}}]}}),
    );
    in_sync(
        "monitoring.coreos.com/v1",
        "ServiceMonitor",
        json!({"spec": {"endpoints": [{"port": "m", "relabelings": [{"sourceLabels": ["a"], "targetLabel": "b"}]}]}}),
        json!({"spec": {"endpoints": [{"port": "m", "relabelings": [{"action": "replace", "sourceLabels": ["a"], "targetLabel": "b"}]}]}}),
    );
    // Rules of a layer are alternatives: their order means nothing, wherever they stand.
    let policy = |a: Json, b: Json| json!({"spec": {"ingress": [{"toPorts": [{"ports": [{"port": "80"}], "rules": {"http": [a, b]}}]}]}});
    let (get, put) = (
        json!({"method": "GET", "path": "/a"}),
        json!({"method": "PUT", "path": "/b"}),
    );
    in_sync(
        "cilium.io/v2",
        "CiliumNetworkPolicy",
        policy(get.clone(), put.clone()),
        policy(put, get),
    );
}

fn widget(name: &str, spec: Json, metadata: Json) -> Document {
    let mut object =
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": spec});
    for (key, value) in metadata.as_object().unwrap() {
        object["metadata"][key] = value.clone();
    }
    document(object)
}

#[test]
fn what_nothing_says_a_server_fills_in_is_counted() {
    let plain = |name: &str, spec: Json| widget(name, spec, json!({}));
    let told = |desired: &[Document], live: &[Document]| {
        let compared = compare(desired, live);
        let told: Vec<String> = compared
            .departures
            .iter()
            .map(|one| format!("{} {}", one.resource, one.path))
            .collect();
        (told, compared.not_judged.values().sum::<usize>())
    };
    let nothing: Vec<String> = Vec::new();
    let rules = |more: Json| json!({"rules": [{"from": ["a"], "to": [{"x": more}]}, {"from": ["b"]}]});
    for (desired, live, open) in [
        (json!({"size": 1}), json!({"size": 1}), 0),
        (
            json!({"size": 1}),
            json!({"size": 1, "mode": "auto", "more": {"a": 1, "b": 2}, "off": false}),
            3,
        ),
        (rules(Json::Null), rules(json!("y")), 1),
    ] {
        assert_eq!(
            told(&[plain("a", desired)], &[plain("a", live)]),
            (nothing.clone(), open)
        );
    }
    // Another declares it, and a third lacks it: no server fills it in.
    let desired = [
        plain("a", json!({"size": 1, "paused": false})),
        plain("b", json!({"size": 1})),
        plain("c", json!({"size": 1})),
    ];
    let live = |third: Json| {
        [
            plain("a", json!({"size": 1, "paused": false})),
            plain("b", json!({"size": 1, "paused": true})),
            plain("c", third),
        ]
    };
    assert_eq!(
        told(&desired, &live(json!({"size": 1}))),
        (vec!["Widget/b /spec/paused".to_owned()], 0)
    );
    assert_eq!(told(&desired, &live(json!({"size": 1, "paused": true}))), (nothing, 2));
}

#[test]
fn a_plain_label_is_somebodys_whatever_the_kind() {
    let told = |labels: Json| -> Vec<String> {
        let live = widget("a", json!({}), json!({"labels": labels}));
        let compared = compare(&[widget("a", json!({}), json!({}))], &[live]);
        compared.departures.iter().map(|one| one.path.to_string()).collect()
    };
    assert_eq!(told(json!({"team": "x"})), ["/metadata/labels/team"]);
    assert_eq!(told(json!({"parts.example.com/result": "x"})), [] as [&str; 0]);
}

#[test]
fn who_applied_a_key_meant_it_and_who_owns_a_whole_list_may_not() {
    let told = |manager: &str, operation: &str| -> Vec<String> {
        let fields = json!({"f:spec": {"f:mode": {}, "f:rules": {}}});
        let managed = json!({"managedFields": [{"manager": manager, "operation": operation, "fieldsV1": fields}]});
        let rules = |more: Json| json!([{"name": "a", "x": more}]);
        let desired = widget("a", json!({"rules": rules(Json::Null)}), json!({}));
        let live = widget("a", json!({"rules": rules(json!("filled")), "mode": "fast"}), managed);
        let compared = compare(&[desired], &[live]);
        compared.departures.iter().map(|one| one.path.to_string()).collect()
    };
    assert_eq!(told("kustomize-controller", "Apply"), ["/spec/mode"]);
    assert_eq!(told("flux", "Update"), ["/spec/mode"]);
    assert_eq!(told("widget-operator", "Apply"), [] as [&str; 0]);
}
