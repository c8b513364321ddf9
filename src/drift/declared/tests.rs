//! Documents in, departures out.

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::{Departure, compare, compare_states};
use crate::domain::{Document, Level, Tree};

fn document(json: Json) -> Document {
    let text = |path: &[&str]| {
        path.iter()
            .try_fold(&json, |at, key| at.get(key))
            .and_then(Json::as_str)
            .map(str::to_owned)
    };
    let group = text(&["apiVersion"]).unwrap_or_default();
    Document {
        group: group.split_once('/').map_or("", |(group, _)| group).into(),
        kind: text(&["kind"]).unwrap_or_default().into(),
        namespace: text(&["metadata", "namespace"]).map(Into::into),
        name: text(&["metadata", "name"]).unwrap_or_default().into(),
        tree: json.into(),
    }
}

fn departures(desired: Json, live: Json) -> Vec<Departure> {
    compare(&[document(desired)], &[document(live)]).departures
}

/// The paths of what differs between two bodies of one object, sorted.
fn paths(version: &str, kind: &str, desired: Json, live: Json) -> Vec<String> {
    let object = |body: Json| {
        let mut object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}});
        for (key, value) in body.as_object().unwrap() {
            object[key] = value.clone();
        }
        object
    };
    let mut paths: Vec<String> = departures(object(desired), object(live))
        .iter()
        .map(|one| one.path.to_string())
        .collect();
    paths.sort();
    paths
}

fn in_sync(version: &str, kind: &str, desired: Json, live: Json) {
    assert_eq!(paths(version, kind, desired, live), Vec::<String>::new(), "{kind}");
}

#[test]
fn what_the_server_fills_in_is_no_drift() {
    in_sync(
        "apps/v1",
        "StatefulSet",
        json!({"spec": {"serviceName": "q", "selector": {"matchLabels": {"a": "b"}}, "template": {"spec": {"containers": [
            {"name": "q", "image": "q:1", "ports": [{"containerPort": 53, "protocol": "UDP"}, {"containerPort": 53}],
             "readinessProbe": {"grpc": {"port": 1}}}], "volumes": [{"name": "t"}]}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "10Gi"}}}}]}}),
        json!({"spec": {"serviceName": "q", "replicas": 1, "podManagementPolicy": "OrderedReady", "revisionHistoryLimit": 10,
            "selector": {"matchLabels": {"a": "b"}}, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
            "template": {"metadata": {"creationTimestamp": null}, "spec": {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always",
              "schedulerName": "default-scheduler", "securityContext": {}, "terminationGracePeriodSeconds": 30,
              "volumes": [{"name": "t", "emptyDir": {}}], "containers": [
            {"name": "q", "image": "q:1", "imagePullPolicy": "IfNotPresent", "resources": {},
             "ports": [{"containerPort": 53, "protocol": "TCP"}, {"containerPort": 53, "protocol": "UDP"}],
             "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
             "readinessProbe": {"grpc": {"port": 1, "service": ""}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1,
                "failureThreshold": 3}}]}},
            "volumeClaimTemplates": [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data"},
                "spec": {"accessModes": ["ReadWriteOnce"], "volumeMode": "Filesystem", "resources": {"requests": {"storage": "10240Mi"}}},
                "status": {"phase": "Pending"}}]},
            "status": {"replicas": 1}}),
    );
    in_sync(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        json!({"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"}, "maxReplicas": 4, "metrics": [
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}},
            {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1Gi"}}}]}}),
        json!({"spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "w"}, "maxReplicas": 4,
            "minReplicas": 1, "metrics": [
            {"type": "Resource", "resource": {"name": "memory", "target": {"type": "AverageValue", "averageValue": "1024Mi"}}},
            {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]},
            "status": {"currentReplicas": 2}}),
    );
    in_sync(
        "networking.k8s.io/v1",
        "NetworkPolicy",
        json!({"spec": {"podSelector": {"matchLabels": {"a": "b"}}, "ingress": [{"from": [{"namespaceSelector": {}},
            {"podSelector": {"matchLabels": {"c": "d"}}}], "ports": [{"port": 80}, {"port": 443}]}]}}),
        json!({"spec": {"podSelector": {"matchLabels": {"a": "b"}}, "policyTypes": ["Ingress"], "ingress": [{"from": [
            {"podSelector": {"matchLabels": {"c": "d"}}}, {"namespaceSelector": {}}],
            "ports": [{"protocol": "TCP", "port": 443}, {"protocol": "TCP", "port": 80}]}]}}),
    );
    in_sync(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        json!({"spec": {"group": "a.io", "scope": "Namespaced", "names": {"kind": "Foo", "plural": "foos"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]}}),
        json!({"spec": {"group": "a.io", "scope": "Namespaced", "conversion": {"strategy": "None"},
            "names": {"kind": "Foo", "plural": "foos", "singular": "foo", "listKind": "FooList"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object"}}}]},
            "status": {"conditions": []}}),
    );
    in_sync(
        "batch/v1",
        "Job",
        json!({"spec": {"template": {"spec": {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}}}}),
        json!({"spec": {"backoffLimit": 6, "completions": 1, "parallelism": 1, "completionMode": "NonIndexed", "suspend": false,
            "selector": {"matchLabels": {"controller-uid": "1"}}, "template": {"metadata": {"labels": {"controller-uid": "1",
            "job-name": "x", "batch.kubernetes.io/job-name": "x"}}, "spec": {"restartPolicy": "Never", "containers": [
            {"name": "a", "image": "a", "imagePullPolicy": "Always"}]}}}}),
    );
    in_sync(
        "v1",
        "Pod",
        json!({"spec": {"containers": [{"name": "a", "image": "a:1", "resources": {"limits": {"cpu": "1"}}}]}}),
        json!({"spec": {"nodeName": "n1", "serviceAccountName": "default", "serviceAccount": "default", "priority": 0,
            "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}],
            "volumes": [{"name": "kube-api-access-x7k2p", "projected": {"sources": []}}],
            "containers": [{"name": "a", "image": "a:1", "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1000m"}},
              "volumeMounts": [{"name": "kube-api-access-x7k2p", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}]}]}}),
    );
}

#[test]
fn more_kinds_with_their_defaults() {
    for (version, kind, desired, live) in [
        (
            "networking.k8s.io/v1",
            "Ingress",
            json!({"spec": {"rules": [{"host": "a", "http": {"paths": [{"path": "/", "backend": {"service": {"name": "s"}}}]}}, {"host": "b"}]}}),
            json!({"spec": {"ingressClassName": "nginx", "rules": [{"host": "b"}, {"host": "a", "http": {"paths": [
                {"path": "/", "pathType": "ImplementationSpecific", "backend": {"service": {"name": "s"}}}]}}]}}),
        ),
        (
            "admissionregistration.k8s.io/v1",
            "ValidatingWebhookConfiguration",
            json!({"webhooks": [{"name": "a", "clientConfig": {"service": {"name": "s", "namespace": "n"}}, "rules": [
                {"operations": ["CREATE", "UPDATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"]}]}]}),
            json!({"webhooks": [{"name": "a", "clientConfig": {"caBundle": "abc", "service": {"name": "s", "namespace": "n", "port": 443}},
                "failurePolicy": "Fail", "matchPolicy": "Equivalent", "namespaceSelector": {}, "objectSelector": {}, "timeoutSeconds": 10,
                "rules": [{"operations": ["UPDATE", "CREATE"], "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "scope": "*"}]}]}),
        ),
        (
            "v1",
            "PersistentVolume",
            json!({"spec": {"capacity": {"storage": "1Ti"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/d"}}}),
            json!({"spec": {"capacity": {"storage": "1024Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": "/d", "type": ""},
                "persistentVolumeReclaimPolicy": "Retain", "volumeMode": "Filesystem", "claimRef": {"name": "c"}}}),
        ),
        (
            "v1",
            "PersistentVolumeClaim",
            json!({"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}),
            json!({"metadata": {"name": "x", "finalizers": ["kubernetes.io/pvc-protection"],
                "annotations": {"pv.kubernetes.io/bind-completed": "yes", "volume.kubernetes.io/storage-provisioner": "p"}},
                "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}, "volumeName": "pv",
                "storageClassName": "standard", "volumeMode": "Filesystem"}}),
        ),
        (
            "v1",
            "ServiceAccount",
            json!({}),
            json!({"secrets": [{"name": "x-token-abcde"}], "imagePullSecrets": [{"name": "x-dockercfg-abcde"}]}),
        ),
        (
            "v1",
            "Service",
            json!({"spec": {"type": "LoadBalancer", "ports": [{"port": 80}]}}),
            json!({"spec": {"type": "LoadBalancer", "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "externalTrafficPolicy": "Cluster",
                "allocateLoadBalancerNodePorts": true, "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "sessionAffinity": "None",
                "internalTrafficPolicy": "Cluster", "ports": [{"port": 80, "targetPort": 80, "protocol": "TCP", "nodePort": 31234}]}}),
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            json!({"rules": [{"apiGroups": ["", "apps"], "resources": ["pods"], "verbs": ["get", "list"]},
                {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]}]}),
            json!({"rules": [{"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["create"]},
                {"apiGroups": ["apps", ""], "resources": ["pods"], "verbs": ["list", "get"]}]}),
        ),
        (
            "rbac.authorization.k8s.io/v1",
            "ClusterRole",
            json!({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}, "rules": []}),
            json!({"aggregationRule": {"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}, "rules": [{"verbs": ["get"]}]}),
        ),
        (
            "batch/v1",
            "CronJob",
            json!({"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": {"spec": {"restartPolicy": "OnFailure", "containers": []}}}}}}),
            json!({"spec": {"schedule": "@daily", "concurrencyPolicy": "Allow", "suspend": false, "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 1, "jobTemplate": {"metadata": {"creationTimestamp": null}, "spec": {"template": {
                "metadata": {"creationTimestamp": null}, "spec": {"restartPolicy": "OnFailure", "containers": [], "dnsPolicy": "ClusterFirst"}}}}}}),
        ),
        (
            "example.com/v1",
            "Widget",
            json!({"spec": {"size": 3, "timeout": "90m", "hosts": ["a", "b"], "cpu": "1000m"}}),
            json!({"spec": {"size": 3, "timeout": "1h30m0s", "hosts": ["b", "a"], "cpu": "1", "mode": "auto", "nested": {"x": 1}},
                "status": {"ready": true}}),
        ),
    ] {
        in_sync(version, kind, desired, live);
    }
}

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

#[test]
fn states_are_compared_without_regard_to_case_or_order_of_sets() {
    let told = |before: Json, after: Json| {
        let departures = compare_states("aws_x.a", "aws_x", &before.into(), &after.into());
        departures
            .into_iter()
            .map(|one| one.path.to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(
            json!({"protocol": "TCP", "tags": null, "cidrs": ["b", "a"]}),
            json!({"protocol": "tcp", "tags": {}, "cidrs": ["a", "b"]})
        ),
        Vec::<String>::new()
    );
    assert_eq!(
        told(json!({"size": 1, "gone": "x"}), json!({"size": 2, "new": "y"})),
        ["/gone", "/new", "/size"]
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

fn tree() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        (-5i64..5).prop_map(Json::from),
        "[a-c1-3m]{0,3}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 40, 4, |inner| {
        let key = prop_oneof![
            Just("name"),
            Just("spec"),
            Just("containers"),
            Just("image"),
            Just("ports"),
            Just("env"),
            Just("labels"),
            Just("metadata"),
            Just("args"),
            Just("rules"),
            Just("replicas"),
            Just("template")
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

/// The same, with a field that says nothing in every map.
fn blank_fields(json: &Json) -> Json {
    match json {
        Json::Object(fields) => {
            let mut fields: serde_json::Map<String, Json> = fields
                .iter()
                .map(|(key, value)| (key.clone(), blank_fields(value)))
                .collect();
            fields.entry("env").or_insert(Json::Null);
            Json::Object(fields)
        }
        Json::Array(items) => items.iter().map(blank_fields).collect(),
        other => other.clone(),
    }
}

proptest! {
    #[test]
    fn anything_is_in_sync_with_itself(spec in tree(), kind in prop_oneof![Just("Deployment"), Just("Role"), Just("Thing")]) {
        let object = json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "x"}, "spec": spec, "rules": spec});
        prop_assert_eq!(departures(object.clone(), object.clone()), vec![]);
        prop_assert_eq!(departures(object.clone(), blank_fields(&object)), vec![]);
    }

    #[test]
    fn any_two_trees_are_compared_without_panic(a in tree(), b in tree()) {
        let object = |spec: Json| json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "x"}, "spec": spec});
        let _ = departures(object(a.clone()), object(b.clone()));
        let _ = compare_states("a", "b", &Tree::from(a), &Tree::from(b));
    }
}
