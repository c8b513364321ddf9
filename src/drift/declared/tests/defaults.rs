//! What a server fills in.

use serde_json::{Value as Json, json};

use super::{departures, in_sync, paths};

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
            "volumes": [{"name": "kube-api-access-x7k2p", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
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
            json!({"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"podFailurePolicy": {"rules": [{"action": "Ignore",
                "onPodConditions": [{"type": "DisruptionTarget"}]}]}, "template": {"spec": {"restartPolicy": "OnFailure", "containers": []}}}}}}),
            json!({"spec": {"schedule": "@daily", "concurrencyPolicy": "Allow", "suspend": false, "successfulJobsHistoryLimit": 3,
                "failedJobsHistoryLimit": 1, "jobTemplate": {"metadata": {"creationTimestamp": null}, "spec": {"podFailurePolicy": {"rules": [
                {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}]}, "podReplacementPolicy": "Failed", "template": {
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
fn what_an_annotation_lists_as_injected_is_none_of_the_users() {
    let pod = |annotations: Json, more: &[Json], init: &[Json]| {
        let mut containers = vec![json!({"name": "web", "image": "web:1"})];
        containers.extend_from_slice(more);
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "annotations": annotations},
            "spec": {"containers": containers, "initContainers": init}})
    };
    let status = r#"{"initContainers":["istio-init"],"containers":["istio-proxy","shell"],"volumes":["istio-envoy"],"imagePullSecrets":null}"#;
    let proxy = |privileged: bool| json!({"name": "istio-proxy", "image": "proxyv2:1", "securityContext": {"privileged": privileged}});
    let init = json!({"name": "istio-init", "image": "proxyv2:1", "securityContext": {"runAsUser": 0}});
    let told = |more: &[Json], status: &str| -> Vec<String> {
        let annotations = json!({"sidecar.istio.io/status": status, "prometheus.io/port": "15020"});
        let live = pod(annotations, more, std::slice::from_ref(&init));
        let told = departures(pod(json!({}), &[], &[]), live);
        told.iter().map(|one| one.path.to_string()).collect()
    };
    assert_eq!(told(&[proxy(false)], status), Vec::<String>::new());
    // An annotation is no leave for a container of another name, or for the host.
    assert_eq!(told(&[proxy(true)], status), ["/spec/containers/[name=istio-proxy]"]);
    let shell = json!({"name": "shell", "image": "sh"});
    assert_eq!(told(&[shell], status), ["/spec/containers/[name=shell]"]);
    assert!(told(&[proxy(false)], "{}").contains(&"/spec/containers/[name=istio-proxy]".to_owned()));
    let mounted = |mut volume: Json| {
        volume["name"] = json!("istio-envoy");
        let mut live = pod(json!({"sidecar.istio.io/status": status}), &[], &[]);
        live["spec"]["volumes"] = json!([volume]);
        departures(pod(json!({}), &[], &[]), live).len()
    };
    assert_eq!(mounted(json!({"emptyDir": {}})), 0);
    assert_eq!(
        mounted(json!({"projected": {"sources": [{"serviceAccountToken": {}}]}})),
        0
    );
    assert_eq!(
        mounted(json!({"projected": {"sources": [{"secret": {"name": "db"}}]}})),
        1
    );
    assert_eq!(mounted(json!({"csi": {"driver": "secrets-store.csi.k8s.io"}})), 1);
}

#[test]
fn on_the_network_of_the_host_a_port_is_one_of_the_host() {
    let agent = |host: bool, port: Json| {
        json!({"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}},
            "spec": {"hostNetwork": host, "containers": [{"name": "a", "image": "a:1", "ports": [port]}]}}}})
    };
    let set = |host: bool, live: Json| {
        paths(
            "apps/v1",
            "DaemonSet",
            agent(host, json!({"containerPort": 9100})),
            agent(host, live),
        )
        .len()
    };
    assert_eq!(set(true, json!({"containerPort": 9100, "hostPort": 9100})), 0);
    assert_eq!(set(true, json!({"containerPort": 9100, "hostPort": 9101})), 1);
    assert_eq!(set(false, json!({"containerPort": 9100, "hostPort": 9100})), 1);
}

#[test]
fn limits_are_filled_in_key_by_key() {
    let range = |item: Json| json!({"spec": {"limits": [item]}});
    let declared = json!({"type": "Container", "default": {"cpu": "500m"}, "max": {"memory": "1Gi"}, "min": {"memory": "1Mi", "disk": "1Gi"}});
    let live = |default: Json, request: Json| {
        let mut item = declared.clone();
        (item["default"], item["defaultRequest"]) = (default, request);
        paths("v1", "LimitRange", range(declared.clone()), range(item))
    };
    let default = json!({"cpu": "0.5", "memory": "1Gi"});
    let told = live(default.clone(), json!({"cpu": "500m", "memory": "1Gi", "disk": "1Gi"}));
    assert_eq!(told, [] as [&str; 0]);
    // The least comes only where no default does.
    assert_eq!(
        live(default, json!({"cpu": "500m", "memory": "1Mi", "disk": "1Gi"})),
        ["/spec/limits/[type=Container]/defaultRequest"]
    );
    assert_eq!(
        live(
            json!({"cpu": "500m", "memory": "2Gi"}),
            json!({"cpu": "500m", "memory": "2Gi", "disk": "1Gi"})
        ),
        ["/spec/limits/[type=Container]/default/memory"]
    );
}
