//! Settings that are about to change because others did.

use std::collections::BTreeMap;

use super::{group::finding_id, muted, report, score};
use crate::{
    domain::{Comparison, Finding, Mark, Options, Seen, SeriesId, Timestamp},
    shadow::{Ground, Impending, Shadows},
};

/// A finding for each change that others are expected to follow.
pub(super) fn findings(shadows: &Shadows, options: &Options, now: Timestamp) -> Vec<Finding> {
    let mut groups: BTreeMap<(Ground, &SeriesId), Vec<&Impending>> = BTreeMap::new();
    for one in shadows.settings.impending().filter(|one| !muted(&one.id, options)) {
        groups.entry((one.ground, &one.other)).or_default().push(one);
    }
    groups
        .into_values()
        .map(|members| finding(members, options, now))
        .collect()
}

fn finding(mut members: Vec<&Impending>, options: &Options, now: Timestamp) -> Finding {
    members.sort_by(|a, b| b.probability.total_cmp(&a.probability).then_with(|| a.id.cmp(&b.id)));
    let head = members[0];
    let score = score::of_settings(0.0, members.len());
    let level = score::level(score, &options.drift);
    let (percent, left) = (head.probability * 100.0, head.due - now);
    let (times, of) = head.times;
    let because = match head.ground {
        Ground::Along => format!("it followed {} {times} of {of} times", head.other.name),
        Ground::Half => format!("it changed at once with {} {times} of {of} times", head.other.name),
        Ground::Peers => format!("{times} of {of} peers have moved"),
        Ground::Upgrade => format!("an upgrade is pending; {times} of {of} such came within 7 days"),
        Ground::Security => format!("a security upgrade is pending; {times} of {of} such came within 7 days"),
    };
    let to = head
        .expected
        .as_ref()
        .map_or_else(String::new, |value| format!(" to {}", report::value(Some(value))));
    let more = match members.len() {
        1 => String::new(),
        more => format!(" and {} more", more - 1),
    };
    let told = members.iter().take(6).map(|one| {
        let now = report::value(one.now.as_ref());
        report::line(format!(
            "{} is {now}: {:.0} % to change by {}",
            one.id.name,
            one.probability * 100.0,
            one.due
        ))
    });
    Finding {
        id: finding_id(&head.id, Comparison::FutureLimit, head.since),
        mark: Mark::Cross,
        level,
        severity: score::severity(Mark::Cross, level),
        comparison: Comparison::FutureLimit,
        resource: head.id.resource.clone(),
        series: members.iter().map(|one| one.id.clone()).collect(),
        seen: Seen::Setting {
            now: head.now.clone(),
            expected: head.expected.clone(),
        },
        since: members.iter().map(|one| one.since).min().unwrap_or(head.since),
        earliest: None,
        last: now,
        ended: None,
        bits: 0.0,
        score,
        confidence: head.probability,
        crossing: None,
        rule: None,
        over: false,
        began: None,
        summary: report::line(format!(
            "{}{more} will change{to} within {left} ({percent:.0} %): {because}",
            head.id.name
        )),
        evidence: told.collect(),
        causes: Vec::new(),
    }
}
