//! Findings close in time, told as one story.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{cause, family::family, report};
use crate::domain::{Finding, Mark, ResourceId, Seen, SeriesId, Span, Timestamp};

/// Surprise from which findings make an incident, bits.
const WORTH_TELLING: f64 = 8.0;
/// P(two departures stand so close by chance) below which they are taken to belong together.
const CHANCE: f64 = 0.05;
/// The least time that findings are taken to have been looked for.
const WATCHED: Span = Span::from_hours(1);

/// An incident: linked findings close in time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Counted from 1, oldest first; it stays what it was when others come before it, or go.
    pub number: u32,
    /// When the first finding began.
    pub from: Timestamp,
    /// When the last one ended; `None` while it goes on.
    pub to: Option<Timestamp>,
    /// Surprise of its worst finding, of which the title tells, bits.
    pub bits: f64,
    /// One line: the worst finding, and how many series there are beside it.
    pub title: Arc<str>,
    /// The findings' series in order of first departure.
    pub lanes: Vec<SeriesId>,
    /// Those of the lanes that nothing but their time joins to the worst of them.
    #[serde(default)]
    pub near: Vec<SeriesId>,
}

/// Groups findings (held and ended) into incidents, oldest first.
///
/// Findings are linked when they have something in common ([`Tie`]) and one begins while the other is active or within `coincide` after. Without
/// that, only metrics that leave their shadows so close to each other that it is hardly chance, as often as they do, and the same setting on
/// several resources: that a setting changed and a metric left its shadow at one time was weighed already when causes were looked for. A
/// breach or a surprise is active until it ends, whatever it became since; drift and a limit ahead only as they begin, or one setting left as it is would link
/// everything after it. What the calendar does coincides with nothing. Linked findings are an incident when one is a breach or carries at
/// least 8 bits. What was an incident `before` keeps its number.
#[must_use]
pub fn incidents(findings: &[Finding], coincide: Span, before: &[Incident]) -> Vec<Incident> {
    // What stands as it stood is no part of what happened.
    let happened = |finding: &&Finding| finding.mark != Mark::Muted && !finding.stands();
    let mut ordered: Vec<&Finding> = findings.iter().filter(happened).collect();
    ordered.sort_by_key(|finding| (finding.told_since(), finding.id));
    let apart = hardly_chance(&ordered, coincide);
    let mut groups: Vec<Group<'_>> = Vec::new();
    for finding in ordered {
        let belongs = |group: &mut Group<'_>| {
            let in_time = finding.told_since() <= group.until + coincide;
            // Those that began last are the likeliest to be near.
            in_time && (group.tied(finding) || group.members.iter().rev().any(|one| near(one, finding, apart)))
        };
        // What belongs to several makes one of them.
        let mut all = Group::default();
        groups.extract_if(.., belongs).for_each(|group| all.join(group));
        all.add(finding);
        groups.push(all);
    }
    let telling = |group: &Group<'_>| {
        let mut members = group.members.iter();
        members.any(|finding| finding.mark == Mark::Breach || finding.bits >= WORTH_TELLING)
    };
    let mut found: Vec<Incident> = groups.into_iter().filter(telling).map(incident).collect();
    found.sort_by_key(|one| one.from);
    numbered(found, before)
}

/// Gives each the number of the incident it was `before`: one that began with the same, else one that it shares time and a series with. All
/// others get new ones.
fn numbered(mut found: Vec<Incident>, before: &[Incident]) -> Vec<Incident> {
    let begins = |one: &Incident, old: &Incident| one.from == old.from && one.lanes.first() == old.lanes.first();
    let meets = |one: &Incident, old: &Incident| {
        let (ends, ended) = (
            one.to.unwrap_or(Timestamp(i64::MAX)),
            old.to.unwrap_or(Timestamp(i64::MAX)),
        );
        one.from <= ended && old.from <= ends && one.lanes.iter().any(|id| old.lanes.contains(id))
    };
    let mut left: Vec<&Incident> = before.iter().collect();
    for surely in [true, false] {
        for one in found.iter_mut().filter(|one| one.number == 0) {
            let same = |old: &&Incident| if surely { begins(one, old) } else { meets(one, old) };
            if let Some(place) = left.iter().position(same) {
                one.number = left.remove(place).number;
            }
        }
    }
    let mut last = before.iter().map(|old| old.number).max().unwrap_or(0);
    for one in found.iter_mut().filter(|one| one.number == 0) {
        last += 1;
        one.number = last;
    }
    found
}

/// The time within which two departures hardly follow each other by chance, at most `coincide`: with metrics leaving their shadows as often
/// as they did, at random times, the next one comes so soon less than once in twenty times.
fn hardly_chance(ordered: &[&Finding], coincide: Span) -> Span {
    let metrics = || ordered.iter().filter(|finding| of_metrics(finding));
    let Some(first) = metrics().next() else {
        return coincide;
    };
    let last = metrics().map(|finding| finding.last.max(finding.told_since())).max();
    let watched = (last.unwrap_or(first.told_since()) - first.told_since())
        .max(WATCHED)
        .secs_f64();
    let mean = watched / metrics().count() as f64;
    Span((-(1.0 - CHANCE).ln() * mean * 1e6) as i64).min(coincide)
}

/// Whether it tells of metrics, and not of settings.
fn of_metrics(finding: &Finding) -> bool {
    matches!(finding.seen, Seen::Metric { .. })
}

/// Whether their time alone joins them: of metrics, or of one setting on several resources, and closer than `apart`, the later one begins
/// soon after the other began, or ended.
fn near(earlier: &Finding, later: &Finding, apart: Span) -> bool {
    let by_calendar = |finding: &Finding| finding.series.first().is_some_and(cause::by_calendar);
    let first = |finding: &Finding| finding.series.first().map(|id| id.name.clone());
    let alike = of_metrics(earlier) && of_metrics(later) || first(earlier) == first(later);
    let after_end = later.told_since() - active_until(earlier);
    let lead = if after_end >= Span::ZERO {
        after_end
    } else {
        later.told_since() - earlier.told_since()
    };
    alike && lead <= apart && !by_calendar(earlier) && !by_calendar(later)
}

/// Findings that are linked, with what they have in common.
#[derive(Default)]
struct Group<'a> {
    until: Timestamp,
    members: Vec<&'a Finding>,
    ties: BTreeSet<Tie<'a>>,
}

impl<'a> Group<'a> {
    fn tied(&self, finding: &Finding) -> bool {
        ties(finding).any(|tie| self.ties.contains(&tie))
    }

    fn add(&mut self, finding: &'a Finding) {
        self.join(Group {
            until: active_until(finding),
            members: vec![finding],
            ties: ties(finding).collect(),
        });
    }

    fn join(&mut self, other: Self) {
        self.until = if self.members.is_empty() {
            other.until
        } else {
            self.until.max(other.until)
        };
        self.members.extend(other.members);
        self.ties.extend(other.ties);
    }
}

fn goes_on(finding: &Finding) -> bool {
    match finding.mark {
        Mark::Breach | Mark::Odd | Mark::Stale => true,
        // It had left its shadow before it was told to run to its limit.
        Mark::Cross => finding.began.is_some(),
        _ => false,
    }
}

fn active_until(finding: &Finding) -> Timestamp {
    if goes_on(finding) {
        finding.ended.unwrap_or(finding.last).max(finding.since)
    } else {
        finding.since
    }
}

/// What two findings that belong together have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Tie<'a> {
    /// A metric or setting, or a cause that is likelier than all else.
    Series(&'a SeriesId),
    /// An event that is likelier than all else to be the cause.
    Event(&'a str, Timestamp),
    /// A family of metrics of one resource.
    Family(&'a ResourceId, String),
}

fn ties(finding: &Finding) -> impl Iterator<Item = Tie<'_>> {
    let likely = finding.causes.iter().filter(|cause| cause.word() == "cause");
    let likely = likely.filter_map(|cause| match &cause.series {
        Some(id) => Some(Tie::Series(id)),
        // Of a setting it tells who did it, and one person does many things.
        None => of_metrics(finding).then(|| Tie::Event(&cause.what, cause.at)),
    });
    let families = finding.series.iter().filter(|_| of_metrics(finding));
    let families = families.map(|id| Tie::Family(&id.resource, family(id, Mark::Odd)));
    finding.series.iter().map(Tie::Series).chain(likely).chain(families)
}

/// The series of those of `members` that more than their time joins to `head`, over any number of steps, its own among them.
fn linked<'a>(head: &'a Finding, members: &[&'a Finding]) -> BTreeSet<&'a SeriesId> {
    let mut tied: BTreeMap<Tie<'a>, Vec<&'a Finding>> = BTreeMap::new();
    for member in members {
        for tie in ties(member) {
            tied.entry(tie).or_default().push(member);
        }
    }
    let (mut found, mut left) = (BTreeSet::new(), vec![head]);
    while let Some(one) = left.pop() {
        found.extend(&one.series);
        // What a tie joins is joined once.
        left.extend(ties(one).filter_map(|tie| tied.remove(&tie)).flatten());
    }
    found
}

/// The incident of findings that are linked, which has no number yet.
fn incident(Group { until, mut members, .. }: Group<'_>) -> Incident {
    members.sort_by_key(|finding| (finding.told_since(), finding.id));
    let mut seen = BTreeSet::new();
    let lanes: Vec<SeriesId> = members
        .iter()
        .flat_map(|finding| &finding.series)
        .filter(|id| seen.insert((*id).clone()))
        .cloned()
        .collect();
    let open = members
        .iter()
        .any(|finding| goes_on(finding) && finding.ended.is_none());
    let head = members.iter().copied().min_by(|a, b| a.graver(b));
    let linked = head.map_or_else(BTreeSet::new, |head| linked(head, &members));
    let near: Vec<SeriesId> = lanes.iter().filter(|id| !linked.contains(id)).cloned().collect();
    let title = head.map_or_else(String::new, |head| {
        let more = match lanes.len() - near.len() - head.series.len() {
            0 => String::new(),
            more => format!("; {more} more series"),
        };
        let beside = match near.len() {
            0 => String::new(),
            near => format!("; {near} only near in time"),
        };
        format!("{}{more}{beside}", head.summary)
    });
    Incident {
        number: 0,
        from: members.first().map_or(until, |first| first.told_since()),
        to: (!open).then_some(until),
        bits: head.map_or(0.0, |head| head.bits),
        title: report::line(title),
        near,
        lanes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Cause, Comparison},
        drift::sample::{T0, finding},
    };

    fn because(finding: &Finding, weight: f64) -> Vec<Cause> {
        vec![Cause {
            series: Some(finding.series[0].clone()),
            what: format!("{} went", finding.series[0].name).into(),
            at: finding.since,
            earliest: None,
            lead: Span::from_mins(2),
            weight,
        }]
    }

    /// A finding of a setting.
    fn changed(name: &str, since: Timestamp, bits: f64) -> Finding {
        Finding {
            comparison: Comparison::DeclaredActual,
            seen: Seen::Setting {
                now: None,
                expected: None,
            },
            ..finding(name, Mark::Drift, since, None, bits)
        }
    }

    #[test]
    fn findings_close_in_time_are_one_incident() {
        let ten = Span::from_mins(10);
        let at = |minutes| T0 + Span::from_mins(minutes);
        let mut found = [
            finding("cpu.busy_pct", Mark::Odd, at(0), Some(at(20)), 30.0),
            changed("sysctl.vm.swappiness", at(-3), 9.0),
            finding("mem.available_pct", Mark::Breach, at(22), Some(at(40)), 12.0),
            finding("net.eth0.rx_bytes_per_s", Mark::Odd, at(120), None, 31.0),
            finding("fs./.used_pct", Mark::Cross, at(300), None, 0.0),
        ];
        found[0].causes = because(&found[1], 0.7);
        let incidents = incidents(&found, ten, &[]);
        assert_eq!(incidents.len(), 2, "{incidents:?}");
        let names: Vec<_> = incidents[0].lanes.iter().map(|id| &*id.name).collect();
        assert_eq!(names, ["sysctl.vm.swappiness", "cpu.busy_pct", "mem.available_pct"]);
        assert_eq!((incidents[0].from, incidents[0].to), (at(-3), Some(at(40))));
        // Told is the worst with its own bits, and what only its time joins to it.
        assert_eq!(incidents[0].bits, 12.0);
        assert_eq!(&*incidents[0].title, "mem.available_pct; 2 only near in time");
        assert_eq!((incidents[1].number, incidents[1].to), (2, None));
    }

    #[test]
    fn what_was_done_in_the_same_minutes_is_each_its_own_incident() {
        let at = |seconds| T0 + Span::from_secs(seconds);
        let mut found = [
            changed("sysctl.vm.swappiness", at(0), 11.5),
            changed("etc.ssh/sshd_config:PermitRootLogin", at(40), 9.0),
            finding("psi.cpu.some_pct", Mark::Odd, at(148), None, 8.6),
            finding("fs./srv/small.used_pct", Mark::Breach, at(314), None, 12.0),
        ];
        // Possible is not likely.
        found[2].causes = because(&found[0], 0.3);
        let told = incidents(&found, Span::from_mins(10), &[]);
        let told: Vec<_> = told.iter().map(|one| (&*one.title, one.from, one.bits)).collect();
        let own = |finding: &Finding| (finding.since, finding.bits);
        let wanted: Vec<_> = found.iter().map(own).collect();
        assert_eq!(
            told.iter().map(|(_, from, bits)| (*from, *bits)).collect::<Vec<_>>(),
            wanted
        );
        assert_eq!(told[2].0, "psi.cpu.some_pct");
    }

    #[test]
    fn what_two_have_in_common_joins_them_to_one() {
        let at = |minutes| T0 + Span::from_mins(minutes);
        let mut found = [
            finding("psi.cpu.some_pct", Mark::Odd, at(0), None, 9.0),
            finding("fs./srv.used_pct", Mark::Odd, at(8), None, 9.0),
            finding("load.1", Mark::Odd, at(16), None, 9.0),
            finding("net.eth0.rx_bytes_per_s", Mark::Odd, at(24), None, 9.0),
        ];
        found[0].last = at(20);
        let ten = Span::from_mins(10);
        let sizes = |found: &[Finding]| {
            let sizes = incidents(found, ten, &[]).into_iter().map(|one| one.lanes.len());
            sizes.collect::<Vec<_>>()
        };
        // The load is of the family of processors.
        assert_eq!(sizes(&found), [2, 1, 1]);
        let rolled = Cause {
            series: None,
            what: "web 7 rolled out".into(),
            at: at(-1),
            earliest: None,
            lead: Span::from_mins(1),
            weight: 0.8,
        };
        (found[0].causes, found[1].causes) = (vec![rolled.clone()], vec![rolled]);
        assert_eq!(sizes(&found), [3, 1]);
        // What stands between two makes one of them.
        found[3].causes = because(&found[2], 0.8);
        found[2].causes = because(&found[1], 0.8);
        found[0].causes.clear();
        assert_eq!(sizes(&found), [4]);
        // One deed on several hosts.
        let on = |host: &str| {
            let resource = ResourceId::new("host", host);
            let change = changed("sysctl.vm.swappiness", at(0), 9.0);
            Finding {
                series: vec![SeriesId::new(&resource, "sysctl.vm.swappiness")],
                resource,
                ..change
            }
        };
        assert_eq!(sizes(&[on("a"), on("b")]), [2]);
    }

    #[test]
    fn what_is_often_off_is_no_chain_unless_one_is_the_cause_of_the_next() {
        let at = |minutes| T0 + Span::from_mins(minutes);
        let mut found: Vec<Finding> = ["psi.io.some_pct", "fs./run/lock.used_pct", "cert./a.pem.left_secs"]
            .into_iter()
            .zip([0, 15, 17])
            .map(|(name, minutes)| finding(name, Mark::Breach, at(minutes), None, 20.0))
            .collect();
        let ten = Span::from_mins(10);
        assert_eq!(incidents(&found, ten, &[]).len(), 3);
        found[1].causes = vec![Cause {
            series: Some(found[0].series[0].clone()),
            what: "psi.io.some_pct left its shadow".into(),
            at: at(0),
            earliest: None,
            lead: Span::from_mins(15),
            weight: 0.6,
        }];
        found[0].ended = Some(at(20));
        assert_eq!(incidents(&found, ten, &[]).len(), 2);
    }

    #[test]
    fn an_incident_keeps_its_number() {
        let (at, ten) = (|minutes| T0 + Span::from_mins(minutes), Span::from_mins(10));
        let odd = |name: &str, from, to: Option<i64>| finding(name, Mark::Odd, at(from), to.map(at), 30.0);
        let first = [
            odd("a.x", 0, Some(5)),
            odd("b.x", 200, Some(260)),
            odd("c.x", 600, None),
        ];
        let before = incidents(&first, ten, &[]);
        let numbers = |found: &[Incident]| {
            let number = |one: &Incident| (one.lanes[0].name.to_string(), one.number);
            found.iter().map(number).collect::<Vec<_>>()
        };
        let named = |all: &[(&str, u32)]| all.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect::<Vec<_>>();
        assert_eq!(numbers(&before), named(&[("a.x", 1), ("b.x", 2), ("c.x", 3)]));
        // The oldest is forgotten, one is known late that was before the others, one begins earlier than was thought, and one is new.
        let mut later = vec![odd("d.x", 100, Some(110)), odd("e.x", 900, None)];
        later.extend([odd("c.x", 598, None), first[1].clone()]);
        let after = incidents(&later, ten, &before);
        let expected = [("d.x", 4), ("b.x", 2), ("c.x", 3), ("e.x", 5)];
        assert_eq!(numbers(&after), named(&expected));
    }

    #[test]
    fn what_only_its_time_joins_to_the_worst_is_near_and_not_linked() {
        let at = |place| T0 + Span::from_secs(30) * place;
        let mut found: Vec<Finding> = [
            ("tcp.established", Mark::Breach),
            ("sock.used", Mark::Odd),
            ("mem.available_pct", Mark::Odd),
            ("top.pgbench.cpu_pct", Mark::Odd),
            ("disk.sda.util_pct", Mark::Odd),
        ]
        .into_iter()
        .zip(0..)
        .map(|((name, mark), place)| finding(name, mark, at(place), None, 20.0))
        .collect();
        let cause = |weight| Cause {
            series: Some(found[0].series[0].clone()),
            what: "tcp.established left its shadow".into(),
            at: at(0),
            earliest: None,
            lead: Span::from_mins(2),
            weight,
        };
        let (likely, possible) = (cause(0.7), cause(0.2));
        found[2].causes = vec![likely];
        found[3].causes = vec![possible];
        let told = incidents(&found, Span::from_mins(10), &[]);
        assert_eq!((told.len(), told[0].lanes.len()), (1, 5), "{told:?}");
        let near: Vec<&str> = told[0].near.iter().map(|id| &*id.name).collect();
        assert_eq!(near, ["top.pgbench.cpu_pct", "disk.sda.util_pct"]);
    }

    #[test]
    fn what_gets_worse_is_the_incident_it_was() {
        let at = |minutes| T0 + Span::from_mins(minutes);
        let ten = Span::from_mins(10);
        let stage = |mark, since| Finding {
            began: (since > 0).then_some(T0),
            last: at(since + 6),
            ..finding("tcp.established", mark, at(since), None, 20.0)
        };
        let mut before = Vec::new();
        for (mark, since) in [(Mark::Odd, 0), (Mark::Cross, 7), (Mark::Breach, 13)] {
            let mut found = vec![finding("mem.used_pct", Mark::Odd, at(-90), Some(at(-80)), 9.0)];
            found.push(stage(mark, since));
            before = incidents(&found, ten, &before);
            let told: Vec<_> = before.iter().map(|one| (one.number, one.from, one.to)).collect();
            assert_eq!(told, [(1, at(-90), Some(at(-80))), (2, T0, None)], "{mark:?}");
        }
    }

    #[test]
    fn small_surprises_make_no_incident() {
        let found = [finding("cpu.busy_pct", Mark::Odd, T0, None, 5.0)];
        assert!(incidents(&found, Span::from_mins(10), &[]).is_empty());
    }
}
