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

#[test]
fn defaults_are_those_of_the_version_that_was_declared() {
    let webhook = |more: Json| {
        let mut webhook = json!({"name": "a", "sideEffects": "None", "admissionReviewVersions": ["v1"]});
        for (key, value) in more.as_object().unwrap() {
            webhook[key] = value.clone();
        }
        json!({"webhooks": [webhook]})
    };
    let (v1, beta) = (
        json!({"failurePolicy": "Fail", "matchPolicy": "Equivalent", "timeoutSeconds": 10}),
        json!({"failurePolicy": "Ignore", "matchPolicy": "Exact", "timeoutSeconds": 30}),
    );
    let told = |version: &str, live: &Json| {
        let version = format!("admissionregistration.k8s.io/{version}");
        paths(
            &version,
            "ValidatingWebhookConfiguration",
            webhook(json!({})),
            webhook(live.clone()),
        )
        .len()
    };
    assert_eq!((told("v1", &v1), told("v1", &beta)), (0, 3));
    assert_eq!((told("v1beta1", &v1), told("v1beta1", &beta)), (3, 0));
    for (version, kind, spec, told) in [
        ("apps/v1", "Deployment", json!({"revisionHistoryLimit": 2}), 1),
        ("apps/v1beta1", "Deployment", json!({"revisionHistoryLimit": 2}), 0),
        (
            "apps/v1",
            "Deployment",
            json!({"progressDeadlineSeconds": 2_147_483_647}),
            1,
        ),
        ("apps/v1", "Deployment", json!({"strategy": {"type": "OnDelete"}}), 1),
        (
            "apps/v1",
            "Deployment",
            json!({"strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}}),
            1,
        ),
        (
            "apps/v1",
            "DaemonSet",
            json!({"updateStrategy": {"type": "OnDelete"}}),
            1,
        ),
        (
            "extensions/v1beta1",
            "DaemonSet",
            json!({"updateStrategy": {"type": "OnDelete"}}),
            0,
        ),
        ("batch/v1", "Job", json!({"backoffLimit": 2_147_483_647}), 1),
        ("batch/v1", "Job", json!({"backoffLimit": 6}), 0),
    ] {
        let found = paths(version, kind, json!({"spec": {"minReadySeconds": 1}}), {
            let mut live = json!({"spec": spec});
            live["spec"]["minReadySeconds"] = 1.into();
            live
        });
        assert_eq!(found.len(), told, "{version} {kind} {found:?}");
    }
}

#[test]
fn what_somebody_wrote_by_hand_into_a_custom_resource_is_told() {
    let widget = |spec: Json, manager: &str| {
        let fields = json!({"f:spec": {"f:adminUsers": {}, "f:auth": {"f:level": {}}}});
        json!({"metadata": {"name": "x", "managedFields": [{"manager": manager, "operation": "Update",
            "time": "2026-03-01T00:00:00Z", "fieldsV1": fields}]}, "spec": spec})
    };
    let live = json!({"size": 1, "adminUsers": ["eve"], "auth": {"level": "low", "mode": "auto"}});
    let told = |manager: &str| {
        let desired = json!({"metadata": {"name": "x"}, "spec": {"size": 1}});
        paths("example.com/v1", "Widget", desired, widget(live.clone(), manager))
    };
    assert_eq!(told("kubectl-edit"), ["/spec/adminUsers", "/spec/auth/level"]);
    assert_eq!(told("widget-operator"), [] as [&str; 0]);
}

#[test]
fn a_label_that_gives_powers_is_one() {
    let namespace =
        |labels: Json| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop", "labels": labels}});
    let told = departures(
        namespace(json!({})),
        namespace(json!({"pod-security.kubernetes.io/enforce": "privileged"})),
    );
    assert_eq!((told.len(), told[0].level), (1, Level::High));
}

#[test]
fn an_image_is_the_same_however_much_of_its_name_is_left_out() {
    let pod = |image: &str| json!({"spec": {"containers": [{"name": "a", "image": image}]}});
    in_sync("v1", "Pod", pod("nginx"), pod("docker.io/library/nginx:latest"));
    assert_eq!(
        paths("v1", "Pod", pod("nginx:1"), pod("docker.io/library/nginx:2")).len(),
        1
    );
}
