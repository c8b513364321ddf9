//! What is not as it was declared, and how much that matters.

use std::{cmp::Reverse, sync::Arc};

use super::{known, path::Path};
use crate::domain::{Level, Tree};

/// A setting of a resource that is not as it was declared.
#[derive(Clone, Debug, PartialEq)]
pub struct Departure {
    /// The resource: `kind/namespace/name`, or its address.
    pub resource: Arc<str>,
    /// Where in it.
    pub path: Path,
    /// What was declared; `None` where nothing was.
    pub desired: Option<Tree>,
    /// What is; `None` where it is gone.
    pub live: Option<Tree>,
    /// How much it matters.
    pub level: Level,
    /// Who wrote it last, and when, where the live side says: `kubectl-edit 2026-03-12T14:00:00Z`.
    pub by: Option<Arc<str>>,
    /// What a tool is about to do with all of the resource, when it does not only change it: `destroyed and made anew because of ami`.
    pub action: Option<Arc<str>>,
}

/// Words in a kind or path that stand for who may do what, or reach what.
const POWERS: [&str; 40] = [
    "securityContext",
    "hostNetwork",
    "hostPID",
    "hostIPC",
    "privileged",
    "capabilities",
    "serviceAccountName",
    "rules",
    "roleRef",
    "subjects",
    "verbs",
    "webhooks",
    "caBundle",
    "hostPath",
    "automountServiceAccountToken",
    "imagePullSecrets",
    "policy",
    "acl",
    "ingress",
    "egress",
    "cidr_blocks",
    "source_ranges",
    "publicly_accessible",
    "encrypted",
    "kms_key_id",
    "assume_role_policy",
    "security_groups",
    "vpc_security_group_ids",
    "versioning",
    "public_access_block",
    "mode",
    "owner",
    "group",
    "sudoers",
    "authorized_keys",
    "loadBalancerSourceRanges",
    "externalIPs",
    "validations",
    "seccompProfile",
    "runAsUser",
];
const POWERFUL_KINDS: [&str; 13] = [
    "Secret",
    "Role",
    "ClusterRole",
    "RoleBinding",
    "ClusterRoleBinding",
    "NetworkPolicy",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "PodSecurityPolicy",
    "CertificateSigningRequest",
    "APIService",
    "ServiceAccount",
];
/// Words in a path of what describes and does nothing.
const DESCRIPTIONS: [&str; 12] = [
    "annotations",
    "description",
    "tags",
    "tags_all",
    "etag",
    "comment",
    "displayName",
    "timeouts",
    "last_modified",
    "arn",
    "labels",
    "effective_labels",
];

/// How much it matters that something is not as declared: powers and whole resources first, descriptions last.
pub(super) fn level(kind: &str, path: &Path, desired: Option<&Tree>, live: Option<&Tree>) -> Level {
    let gone = path.0.is_empty() && desired.is_some() != live.is_some();
    let dangerous = live.is_some_and(|live| known::is_dangerous(path.names().last().unwrap_or_default(), live));
    let secret = [desired, live]
        .into_iter()
        .flatten()
        .any(|tree| matches!(tree, Tree::Secret(_)));
    if path.names().last().is_some_and(known::is_power) {
        return Level::High;
    }
    if path.names().any(|name| DESCRIPTIONS.contains(&name)) && !path.names().any(|name| name == "template") {
        return Level::Low;
    }
    let power = path.names().any(|name| POWERS.contains(&name)) || POWERFUL_KINDS.contains(&kind) || {
        let kind = kind.to_ascii_lowercase();
        [
            "iam",
            "security_group",
            "firewall",
            "kms",
            "policy",
            "secret",
            "user",
            "sudo",
        ]
        .iter()
        .any(|word| kind.contains(word))
    };
    if gone || dangerous || secret || power {
        Level::High
    } else {
        Level::Moderate
    }
}

/// Puts the resources with the worst departures first, and in a resource the worst first.
pub fn rank(departures: &mut [Departure]) {
    let mut worst: std::collections::BTreeMap<Arc<str>, (Level, usize)> = std::collections::BTreeMap::new();
    for departure in departures.iter() {
        let of = worst.entry(departure.resource.clone()).or_insert((departure.level, 0));
        of.0 = of.0.max(departure.level);
        of.1 += usize::from(departure.level == Level::High);
    }
    departures.sort_by_cached_key(|one| {
        let of = Reverse(worst[&one.resource]);
        (of, one.resource.clone(), Reverse(one.level), one.path.clone())
    });
}
