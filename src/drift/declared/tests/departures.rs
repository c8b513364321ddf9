//! What somebody changed.

use serde_json::{Value as Json, json};

use super::{departures, in_sync, paths};
use crate::domain::Level;

#[test]
fn what_somebody_changed_is_told() {
    let pod = |spec: Json| json!({"spec": {"template": {"spec": spec}}});
    let container = |container: Json| pod(json!({"containers": [container]}));
    for (kind, desired, live, expected) in [
        (
            "Deployment",
            pod(json!({})),
            pod(json!({"hostNetwork": true})),
            vec!["/spec/template/spec/hostNetwork"],
        ),
        (
            "Deployment",
            container(json!({"name": "a", "securityContext": {"runAsNonRoot": true}})),
            container(json!({"name": "a", "securityContext": {"runAsNonRoot": true, "privileged": true}})),
            vec!["/spec/template/spec/containers/[name=a]/securityContext/privileged"],
        ),
        (
            "Deployment",
            container(json!({"name": "a", "args": ["-a", "-b"], "env": [{"name": "X", "value": "1"}]})),
            container(
                json!({"name": "a", "args": ["-b", "-a"], "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}),
            ),
            vec![
                "/spec/template/spec/containers/[name=a]/args",
                "/spec/template/spec/containers/[name=a]/env/[name=Y]",
            ],
        ),
        (
            "Deployment",
            container(json!({"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 81}]})),
            container(json!({"name": "a", "ports": [{"containerPort": 80}, {"containerPort": 85}]})),
            vec!["/spec/template/spec/containers/[name=a]/ports/[containerPort=81]/containerPort"],
        ),
        (
            "DaemonSet",
            pod(json!({"initContainers": [{"name": "a"}, {"name": "b"}]})),
            pod(json!({"initContainers": [{"name": "b"}, {"name": "a"}]})),
            vec!["/spec/template/spec/initContainers"],
        ),
        (
            "Deployment",
            container(json!({"name": "a", "image": "a", "resources": {"limits": {"memory": "1Gi"}}})),
            container(
                json!({"name": "a", "image": "a:2", "imagePullPolicy": "Always", "resources": {"limits": {"memory": "1G"}}}),
            ),
            vec![
                "/spec/template/spec/containers/[name=a]/image",
                "/spec/template/spec/containers/[name=a]/resources/limits/memory",
            ],
        ),
        (
            "Deployment",
            container(json!({"name": "a", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "$(A)"}]})),
            container(json!({"name": "a", "env": [{"name": "B", "value": "$(A)"}, {"name": "A", "value": "1"}]})),
            vec!["/spec/template/spec/containers/[name=a]/env"],
        ),
        (
            "Deployment",
            pod(json!({"automountServiceAccountToken": false, "terminationGracePeriodSeconds": 0})),
            pod(json!({"terminationGracePeriodSeconds": 30})),
            vec![
                "/spec/template/spec/automountServiceAccountToken",
                "/spec/template/spec/terminationGracePeriodSeconds",
            ],
        ),
    ] {
        assert_eq!(paths("apps/v1", kind, desired, live), expected);
    }
    assert_eq!(
        paths(
            "v1",
            "ConfigMap",
            json!({"data": {"a": "1.10"}}),
            json!({"data": {"a": "1.1", "b": ""}})
        ),
        ["/data/a", "/data/b"]
    );
    assert_eq!(
        paths(
            "rbac.authorization.k8s.io/v1",
            "Role",
            json!({"rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}, {"apiGroups": ["b"], "verbs": ["x"]}]}),
            json!({"rules": [{"apiGroups": ["b"], "verbs": ["x"]}, {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "delete"]}]}),
        ),
        ["/rules/0/verbs"]
    );
    assert_eq!(
        paths(
            "networking.k8s.io/v1",
            "NetworkPolicy",
            json!({"spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}}]}]}}),
            json!({"spec": {"podSelector": {}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"a": "b"}}, "namespaceSelector": {}}]}]}}),
        ),
        ["/spec/ingress/0/from/0/namespaceSelector"]
    );
    // A pod template is known wherever it stands.
    assert_eq!(
        paths(
            "argoproj.io/v1alpha1",
            "Rollout",
            json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "image": "a:1"}]}}}}),
            json!({"spec": {"template": {"spec": {"hostPID": true, "restartPolicy": "Always", "containers": [{"name": "a", "image": "a:1"}]}}}}),
        ),
        ["/spec/template/spec/hostPID"]
    );
    assert_eq!(
        paths(
            "example.com/v1",
            "Widget",
            json!({"spec": {"box": {}}}),
            json!({"spec": {"box": {"privileged": true}}})
        ),
        ["/spec/box/privileged"]
    );
}

#[test]
fn labels_and_annotations_tell_who_wrote_them() {
    let metadata = |labels: Json, annotations: Json| json!({"metadata": {"name": "x", "labels": labels, "annotations": annotations}});
    in_sync(
        "v1",
        "Service",
        metadata(json!({"a": "b"}), json!({"deployment.kubernetes.io/revision": "1"})),
        metadata(
            json!({"a": "b", "app.kubernetes.io/instance": "shop"}),
            json!({"deployment.kubernetes.io/revision": "4", "argocd.argoproj.io/tracking-id": "x"}),
        ),
    );
    let told = paths(
        "v1",
        "Service",
        metadata(json!({}), json!({})),
        metadata(
            json!({"team": "x"}),
            json!({"service.beta.kubernetes.io/aws-load-balancer-internal": "false"}),
        ),
    );
    assert_eq!(
        told,
        [
            "/metadata/annotations/service.beta.kubernetes.io~1aws-load-balancer-internal",
            "/metadata/labels/team"
        ]
    );
}

#[test]
fn the_worst_comes_first() {
    let told = departures(
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "labels": {"a": "1"}}, "spec": {"replicas": 2,
            "template": {"spec": {}}}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "w", "labels": {"a": "2"}}, "spec": {"replicas": 3,
            "template": {"spec": {"hostNetwork": true}}}}),
    );
    let levels: Vec<Level> = told.iter().map(|one| one.level).collect();
    assert_eq!(levels, [Level::High, Level::Moderate, Level::Low]);
}
