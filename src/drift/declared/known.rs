//! What is known of names, where no table is.

use core::ops::Not;
use std::collections::BTreeSet;

use super::schema::{Field, Owner, Rule, Schema, UNKNOWN};
use crate::domain::Tree;

/// Fields that identify the items of a list, the most telling first.
const IDENTITIES: [&str; 26] = [
    "name",
    "id",
    "key",
    "metadata.name",
    "mountPath",
    "containerPort",
    "topologyKey",
    "alias",
    "host",
    "hostname",
    "username",
    "user",
    "domain",
    "fqdn",
    "path",
    "address",
    "ip",
    "cidr",
    "cidr_block",
    "port",
    "url",
    "uri",
    "arn",
    "device_name",
    "sid",
    "Sid",
];

/// Lists whose order means something, by name.
const SEQUENCES: [&str; 34] = [
    "args",
    "argv",
    "command",
    "commands",
    "cmd",
    "entrypoint",
    "entryPoint",
    "exec",
    "script",
    "steps",
    "stages",
    "initContainers",
    "init_containers",
    "http",
    "tcp",
    "tls",
    "routes",
    "match",
    "matches",
    "filters",
    "plugins",
    "middlewares",
    "transforms",
    "processors",
    "rewrites",
    "redirects",
    "nameservers",
    "searches",
    "priorities",
    "order",
    "precedence",
    "tasks",
    "rewrite_rules",
    "ciphers",
];

/// Labels and annotations that controllers and tools write, by the domain before the slash.
const SERVERS_DOMAINS: [&str; 34] = [
    "kubernetes.io",
    "k8s.io",
    "helm.sh",
    "argoproj.io",
    "fluxcd.io",
    "cattle.io",
    "rancher.io",
    "openshift.io",
    "coreos.com",
    "istio.io",
    "linkerd.io",
    "cert-manager.io",
    "projectcalico.org",
    "cilium.io",
    "gke.io",
    "cloud.google.com",
    "eks.amazonaws.com",
    "azure.com",
    "velero.io",
    "kyverno.io",
    "gatekeeper.sh",
    "karpenter.sh",
    "crossplane.io",
    "external-secrets.io",
    "cnpg.io",
    "banzaicloud.com",
    "stakater.com",
    "jetstack.io",
    "vmware.com",
    "datadoghq.com",
    "reloader.stakater.com",
    "x-k8s.io",
    "kots.io",
    "keda.sh",
];

/// Annotations of such domains by which people give orders.
const ORDERS: [&str; 17] = [
    "ingress.kubernetes.io/",
    "kubernetes.io/ingress.class",
    "service.beta.kubernetes.io/",
    "service.kubernetes.io/",
    "sidecar.istio.io/",
    "traffic.sidecar.istio.io/",
    "proxy.istio.io/",
    "cert-manager.io/cluster-issuer",
    "cert-manager.io/issuer",
    "storageclass.kubernetes.io/is-default-class",
    "ingressclass.kubernetes.io/is-default-class",
    "cluster-autoscaler.kubernetes.io/safe-to-evict",
    "external-dns.alpha.kubernetes.io/",
    "networking.gke.io/",
    "cloud.google.com/",
    "linkerd.io/inject",
    "autoscaling.keda.sh/",
];

/// Labels and annotations that give powers: what a namespace lets in, which profile confines a container, whose rights in the cloud an
/// account has.
const POWERS: [&str; 7] = [
    "pod-security.kubernetes.io/",
    "seccomp.security.alpha.kubernetes.io/",
    "container.apparmor.security.beta.kubernetes.io/",
    "eks.amazonaws.com/role-arn",
    "iam.amazonaws.com/role",
    "iam.gke.io/gcp-service-account",
    "azure.workload.identity/",
];

/// Labels and annotations without a domain, or below one in [`ORDERS`], that controllers write all the same.
const SERVERS_NAMES: [&str; 21] = [
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "controller-uid",
    "job-name",
    "rollouts-pod-template-hash",
    "deprecated.daemonset.template.generation",
    "cloud.google.com/neg",
    "cloud.google.com/neg-status",
    "cloud.google.com/load-balancer-type",
    "ingress.kubernetes.io/backends",
    "ingress.kubernetes.io/url-map",
    "ingress.kubernetes.io/forwarding-rule",
    "ingress.kubernetes.io/https-forwarding-rule",
    "ingress.kubernetes.io/target-proxy",
    "ingress.kubernetes.io/https-target-proxy",
    "ingress.kubernetes.io/static-ip",
    "ingress.kubernetes.io/ssl-cert",
    "service.kubernetes.io/load-balancer-cleanup",
    "objectset.rio.cattle.io/applied",
    "prometheus-operator-validated",
];

/// Annotations that a server writes anew whatever was declared.
const ALWAYS_SERVERS: [&str; 8] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "rollout.argoproj.io/revision",
    "deprecated.daemonset.template.generation",
    "control-plane.alpha.kubernetes.io/leader",
    "autoscaling.alpha.kubernetes.io/conditions",
];

/// Whether a label of this name comes from controllers and tools.
pub(super) fn is_label(key: &str) -> bool {
    // People give these, and tools mark by them what they manage.
    let peoples = key.starts_with("app.kubernetes.io/")
        && !matches!(key, "app.kubernetes.io/instance" | "app.kubernetes.io/managed-by");
    !peoples && is_servers(key)
}

/// Whether an annotation of this name comes from controllers and tools.
pub(super) fn is_annotation(key: &str) -> bool {
    is_servers(key)
}

fn is_servers(key: &str) -> bool {
    if SERVERS_NAMES.contains(&key) {
        return true;
    }
    if is_order(key) {
        return false;
    }
    let domain = key.split_once('/').map_or("", |(domain, _)| domain);
    SERVERS_DOMAINS.iter().any(|known| {
        domain
            .strip_suffix(known)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// Whether people give orders or powers by a label or annotation of this name.
pub(super) fn is_order(key: &str) -> bool {
    is_power(key) || ORDERS.iter().any(|order| key.contains(order))
}

/// Whether a label or annotation of this name gives powers.
pub(super) fn is_power(key: &str) -> bool {
    POWERS.iter().any(|power| key.starts_with(power))
}

/// Whether an annotation of this name tells the state, whatever was declared.
pub(super) fn is_always_servers(key: &str) -> bool {
    ALWAYS_SERVERS.contains(&key)
}

/// Whether a field gives a container powers over its host; nobody's default does.
pub(super) fn is_dangerous(key: &str, value: &Tree) -> bool {
    match value {
        Tree::Bool(true) => {
            matches!(
                key,
                "privileged" | "hostNetwork" | "hostPID" | "hostIPC" | "allowPrivilegeEscalation"
            )
        }
        Tree::Int(0) => key == "runAsUser",
        Tree::Map(fields) => fields.iter().any(|(key, value)| is_dangerous(key, value)),
        Tree::List(items) => items.iter().any(|item| is_dangerous("", item)),
        _ => false,
    }
}

/// Whether the order of a list of this name means something.
pub(super) fn is_sequence(name: &str) -> bool {
    SEQUENCES.contains(&name)
}

/// The field that identifies the items of two lists: a usual one, else learnt from them, that all have, each with another value,
/// and by which at least half find their other.
pub(super) fn identity(desired: &[Tree], live: &[Tree]) -> Option<String> {
    let values = |items: &[Tree], key: &str| -> Option<BTreeSet<String>> {
        let path: Vec<&str> = key.split('.').collect();
        let values: Option<BTreeSet<String>> = items.iter().map(|item| item.at(&path).and_then(Tree::scalar)).collect();
        values.filter(|values| values.len() == items.len())
    };
    let usual = IDENTITIES
        .iter()
        .find(|key| values(desired, key).is_some() && values(live, key).is_some())
        .map(|key| (*key).to_owned());
    if usual.is_some() || desired.len().min(live.len()) < 2 {
        return usual;
    }
    let Tree::Map(fields) = &desired[0] else { return None };
    fields.keys().map(|key| key.to_string()).find(|key| {
        let (Some(ours), Some(theirs)) = (values(desired, key), values(live, key)) else {
            return false;
        };
        // Numbers and switches that happen to be all different identify nothing.
        let words = |value: &String| value.parse::<f64>().is_err();
        ours.iter().all(words) && ours.intersection(&theirs).count() * 2 >= ours.len().max(theirs.len())
    })
}

/// How a field that no table has is read, by its name and what it holds, and whether it is then known what a server fills in.
pub(super) fn guess(schema: &Schema, key: &str, value: Option<&Tree>) -> (Field, bool) {
    let named = |name: &str, strict: bool| {
        let rule = schema.named(name).unwrap_or(Rule::Any);
        (Field::plain(rule), strict)
    };
    let unknown = || (UNKNOWN.clone(), false);
    let Some(value) = value else { return unknown() };
    // A pod template may be part of anything.
    let containers = value.get("containers").map(Tree::items).unwrap_or_default();
    let of_pod = |item: &Tree| item.get("name").is_some() && item.get("image").is_some();
    if containers.is_empty().not() && containers.iter().all(of_pod) {
        return named("PodSpec", true);
    }
    match key {
        "labels" | "matchLabels" | "nodeSelector" | "annotations" if matches!(value, Tree::Map(_)) => {
            let rule = match key {
                "labels" => Rule::Labels,
                "annotations" => Rule::Annotations,
                _ => Rule::Map(Box::new(Rule::Text)),
            };
            (Field::plain(rule), false)
        }
        "resources" if value.get("limits").or(value.get("requests")).is_some() => named("Resources", false),
        "creationTimestamp" | "managedFields" | "resourceVersion" if !matches!(value, Tree::Map(_)) => {
            let mut field = UNKNOWN.clone();
            field.owner = Owner::Server;
            (field, false)
        }
        // `automated: {}` says that something is on.
        "automated" | "selfSigned" | "emptyDir" => {
            let mut field = UNKNOWN.clone();
            field.empty = true;
            (field, false)
        }
        "image" if matches!(value, Tree::Text(_)) => (Field::plain(Rule::Image), false),
        _ => unknown(),
    }
}

/// `Always` for an image tagged `latest` or not at all, else `IfNotPresent`.
pub(super) fn pull_policy(container: &Tree) -> Tree {
    let image = container.get("image").and_then(Tree::as_str).unwrap_or_default();
    let last = image.rsplit('/').next().unwrap_or_default();
    let newest = !last.contains([':', '@']) || last.ends_with(":latest");
    Tree::text(if newest { "Always" } else { "IfNotPresent" })
}

/// `Ingress`, and `Egress` where the policy has rules for it.
pub(super) fn policy_types(spec: &Tree) -> Tree {
    let mut types = vec![Tree::text("Ingress")];
    if spec.get("egress").is_some_and(|rules| !rules.is_blank()) {
        types.push(Tree::text("Egress"));
    }
    Tree::List(types)
}

/// Whether `text` fits a pattern in which `*` stands for any run of characters and `?` for one.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => (0..=text.len())
            .filter(|at| text.is_char_boundary(*at))
            .any(|at| fits(&pattern[1..], &text[at..])),
        Some(c) => text
            .chars()
            .next()
            .is_some_and(|first| (c == '?' || c == first) && fits(&pattern[c.len_utf8()..], &text[first.len_utf8()..])),
    }
}

/// Whether two values of the field `name` are one protocol: clouds take and tell `tcp` and `TCP` alike.
pub(super) fn same_protocol(name: &str, a: &Tree, b: &Tree) -> bool {
    let both = a.as_str().zip(b.as_str());
    matches!(name, "protocol" | "ip_protocol") && both.is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_tell_who_writes_them() {
        for key in [
            "pod-template-hash",
            "app.kubernetes.io/instance",
            "deployment.kubernetes.io/revision",
            "argocd.argoproj.io/tracking-id",
            "volume.beta.kubernetes.io/storage-provisioner",
            "kubernetes.io/metadata.name",
        ] {
            assert!(is_label(key), "{key}");
        }
        for key in [
            "app.kubernetes.io/name",
            "team",
            "nginx.ingress.kubernetes.io/whitelist-source-range",
            "notkubernetes.io/x",
            "service.beta.kubernetes.io/aws-load-balancer-internal",
        ] {
            assert!(!is_label(key), "{key}");
        }
        assert!(fits("*-token-?????", "default-token-x7k2p") && !fits("*-token-?????", "my-token"));
        assert!(fits("/var/*", "/var/run") && !fits("/var/*", "/srv"));
    }

    #[test]
    fn what_identifies_items_is_learnt_from_them() {
        let list = |json: serde_json::Value| Tree::from(json).items().to_vec();
        let a = list(json!([{"zone": "a", "n": 1}, {"zone": "b", "n": 2}]));
        let b = list(json!([{"zone": "b", "n": 1}, {"zone": "a", "n": 3}]));
        assert_eq!(identity(&a, &b).as_deref(), Some("zone"));
        let c = list(json!([{"n": 1}, {"n": 2}]));
        assert_eq!(identity(&c, &c), None);
        assert_eq!(identity(&list(json!([{"name": "x"}])), &[]).as_deref(), Some("name"));
    }
}
