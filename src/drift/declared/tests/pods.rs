//! What the server adds to a pod as it comes, and what somebody does.

use serde_json::{Value as Json, json};

use super::{in_sync, paths};

fn declared() -> Json {
    json!({"spec": {"containers": [{"name": "c", "image": "x:1"}]}})
}

/// A pod as the server gives it back, changed by `change`.
fn live(change: impl FnOnce(&mut Json)) -> Json {
    let toleration =
        |key: &str| json!({"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300});
    let mut spec = json!({"containers": [{"name": "c", "image": "x:1", "imagePullPolicy": "IfNotPresent", "resources": {},
            "volumeMounts": [{"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}]}],
        "nodeName": "n1", "serviceAccountName": "default", "serviceAccount": "default",
        "tolerations": [toleration("node.kubernetes.io/not-ready"), toleration("node.kubernetes.io/unreachable")],
        "volumes": [{"name": "kube-api-access-x7k2p", "projected": {"defaultMode": 420, "sources": [
            {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}},
            {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}}]}}]});
    change(&mut spec);
    json!({"spec": spec, "status": {"phase": "Running"}})
}

#[test]
fn what_the_server_adds_to_a_pod_is_no_drift() {
    in_sync("v1", "Pod", declared(), live(|_| {}));
    // Before 1.22 a secret held the token.
    let secret =
        json!([{"name": "default-token-x7k2p", "secret": {"secretName": "default-token-x7k2p", "defaultMode": 420}}]);
    in_sync("v1", "Pod", declared(), live(|spec| spec["volumes"] = secret));
    // What was declared may be what the server would add.
    let mut own = declared();
    own["spec"]["tolerations"] = json!([{"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300}]);
    in_sync("v1", "Pod", own, live(|_| {}));
}

#[test]
fn what_somebody_adds_to_a_live_pod_is_told() {
    let added = |list: &'static str, item: Json| {
        let more = live(|spec| {
            let mut items = spec[list].as_array().cloned().unwrap_or_default();
            items.push(item);
            spec[list] = items.into();
        });
        paths("v1", "Pod", declared(), more).len()
    };
    let source = |source: Json| {
        let token = json!({"serviceAccountToken": {"path": "token"}});
        json!({"name": "kube-api-access-zzzzz", "projected": {"sources": [token, source]}})
    };
    for (list, item) in [
        ("tolerations", json!({"operator": "Exists"})),
        (
            "tolerations",
            json!({"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists"}),
        ),
        (
            "volumes",
            json!({"name": "kube-api-access-zzzzz", "hostPath": {"path": "/"}}),
        ),
        ("volumes", json!({"name": "web-token-zzzzz", "hostPath": {"path": "/"}})),
        ("volumes", source(json!({"secret": {"name": "db"}}))),
        (
            "volumes",
            source(json!({"serviceAccountToken": {"path": "token", "audience": "vault"}})),
        ),
        ("ephemeralContainers", json!({"name": "debugger", "image": "busybox"})),
    ] {
        assert_eq!(added(list, item.clone()), 1, "{item}");
    }
    let mounted = live(|spec| spec["containers"][0]["volumeMounts"][0]["name"] = "elsewhere".into());
    assert_eq!(
        paths("v1", "Pod", declared(), mounted),
        [
            "/spec/containers/[name=c]/volumeMounts/[mountPath=~1var~1run~1secrets~1kubernetes.io~1serviceaccount]"
                .replace("~1", "/")
        ]
    );
}
