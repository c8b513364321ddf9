//! What belongs together: metrics that went off for one cause are one finding.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    MetricWatch,
    cause::{self, Effect},
    family::{STALE, detail, family, telling},
    lasting::Lasting,
    slow::{SlowDeparture, What},
    surprise::STAYING,
};
use crate::{
    domain::{Cause, Comparison, Crossing, FindingId, Mark, ResourceId, SeriesId, Side, Span, Timestamp},
    shadow::{Metric, Seen, Shadows, anomaly::By},
};

/// The most that is said of what stays, bits.
const MOST: f64 = 40.0;

/// What the slow scale tells, and the newest mean that it is told of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Slow {
    pub what: What,
    pub value: f64,
}

/// A metric that is off now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Departed {
    pub id: SeriesId,
    pub mark: Mark,
    pub since: Timestamp,
    /// When it was last so.
    pub last: Timestamp,
    pub bits: f64,
    /// Bits held against the level of the false-alarm budget, and that level.
    pub evidence: f64,
    pub from: f64,
    /// What days before say of it, where it is the slow scale that tells it.
    pub slow: Option<Slow>,
    /// Whether it stays worse than on any other day.
    pub lasting: bool,
    /// The 80 % band that was expected when it left, where it left one.
    pub band: Option<(f64, f64)>,
    pub crossing: Option<Crossing>,
}

impl Departed {
    pub fn stale(id: &SeriesId, since: Timestamp) -> Self {
        Self {
            id: id.clone(),
            mark: Mark::Stale,
            since,
            last: since,
            bits: 0.0,
            evidence: 0.0,
            from: 0.0,
            slow: None,
            lasting: false,
            band: None,
            crossing: None,
        }
    }

    /// The worst that is said of one metric: breach, cross, odd, drift; of what both scales tell the fast one says it, and of hours and minutes the
    /// hours. `level` and `slow` are what the fast and the slow scale tell from.
    pub fn worst(
        metric: &Metric,
        watch: &MetricWatch,
        level: f64,
        slow: impl Fn() -> f64,
        now: Timestamp,
    ) -> Option<Self> {
        let (limit, departure) = (&watch.limit, watch.surprise.told());
        let lasting = watch.lasting.told();
        let (mark, since) = match (&limit.breach, &limit.cross, departure) {
            (Some(breach), ..) => (Mark::Breach, breach.since),
            (None, Some((since, _)), _) => (Mark::Cross, *since),
            (None, None, Some(departure)) if departure.drifted(now) => (Mark::Drift, departure.since),
            (None, None, Some(departure)) => (Mark::Odd, departure.since),
            (None, None, None) => {
                let lasting = lasting.map(|lasting| Self::lasting(metric, lasting, slow()));
                return lasting.or_else(|| Some(Self::slow(metric, watch.slow.told()?)));
            }
        };
        // A value may be surprising without being a departure yet.
        // Nor does it get worse by coming back.
        let side = metric.limit.as_ref().map(|limit| limit.side);
        let towards = |seen: &&Seen| {
            side.zip(seen.band)
                .is_none_or(|(side, band)| side.upright(seen.value) >= side.upright(f64::from(band[2])))
        };
        let seen = metric.recent.iter().rev().take_while(|seen| seen.at >= since);
        let seen = seen.filter(towards);
        let strongest = seen.map(|seen| f64::from(seen.bits)).fold(0.0, f64::max);
        Some(Self {
            id: metric.meta.id.clone(),
            mark,
            since,
            last: departure.map_or(now, |departure| departure.last),
            bits: departure.map_or(strongest.max(limit.bits), |departure| departure.bits),
            evidence: departure.map_or(0.0, |departure| departure.evidence),
            from: level,
            slow: None,
            lasting: lasting.is_some(),
            band: departure.map(|departure| departure.band),
            crossing: limit
                .cross
                .map(|(_, crossing)| crossing)
                .filter(|_| mark == Mark::Cross),
        })
    }

    /// What days before say against: it was so for a while, or it were not told.
    fn slow(metric: &Metric, departure: &SlowDeparture) -> Self {
        Self {
            id: metric.meta.id.clone(),
            mark: Mark::Drift,
            since: departure.since,
            last: departure.last,
            bits: departure.bits,
            evidence: departure.evidence,
            from: departure.from,
            slow: Some(Slow {
                what: departure.what,
                value: departure.value,
            }),
            lasting: false,
            band: departure.band,
            crossing: None,
        }
    }

    /// What stays beyond all other days. The bits are those of a normal tail, and of no more than one such hour.
    fn lasting(metric: &Metric, departure: &Lasting, from: f64) -> Self {
        let bits = (departure.out.powi(2) / 2.0 * std::f64::consts::LOG2_E).min(MOST);
        Self {
            id: metric.meta.id.clone(),
            mark: Mark::Drift,
            since: departure.since,
            last: departure.last,
            bits,
            evidence: bits + STAYING,
            from,
            slow: Some(Slow {
                what: What::Level {
                    by: By::Day,
                    above: departure.side == Side::Above,
                },
                value: departure.value,
            }),
            lasting: true,
            band: Some(departure.usual),
            crossing: None,
        }
    }

    /// Whether it is worth a finding of its own, and not only a line beneath another.
    pub fn speaks(&self) -> bool {
        !matches!(self.mark, Mark::Odd | Mark::Drift) || !detail(&self.id.name)
    }

    pub fn comparison(&self) -> Comparison {
        match self.mark {
            Mark::Breach | Mark::Cross => Comparison::FutureLimit,
            _ => Comparison::ShadowActual,
        }
    }
}

/// The groups that hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Groups(BTreeMap<FindingId, Group>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Group {
    resource: ResourceId,
    family: Arc<str>,
    since: Timestamp,
    cause: Option<Cause>,
    members: BTreeSet<SeriesId>,
    /// What was said of its members so far, and since when: a departure is one for as long as the group holds, whoever leaves.
    #[serde(default)]
    said: Vec<Said>,
}

/// One thing that is said of metrics that are off together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    mark: Mark,
    since: Timestamp,
    /// The metric that began then.
    first: SeriesId,
    holds: bool,
}

/// Metrics that are off together.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Together {
    pub id: FindingId,
    /// Since when what is said of the first of them is so, and of which metric it was so then.
    pub since: Timestamp,
    /// Since when anything is said of any of them.
    pub began: Timestamp,
    pub first: SeriesId,
    /// Whether that had been so before and was over.
    pub again: bool,
    /// The telling one first; never empty.
    pub members: Vec<Departed>,
}

/// What is said as one thing: what is odd is drift after a while.
const fn said(mark: Mark) -> Mark {
    match mark {
        Mark::Drift => Mark::Odd,
        other => other,
    }
}

impl Group {
    /// Takes what is said of `members` now; since when that of the first is so, of which, and whether it was over before.
    fn say(&mut self, members: &[Departed]) -> (Timestamp, SeriesId, bool) {
        for old in &mut self.said {
            let now = members.iter().any(|member| said(member.mark) == old.mark);
            old.holds &= now || old.mark == Mark::Odd;
        }
        let mut again = false;
        for member in members {
            let mark = said(member.mark);
            let new = || Said {
                mark,
                since: member.since,
                first: member.id.clone(),
                holds: true,
            };
            match self.said.iter_mut().find(|old| old.mark == mark) {
                Some(old) if !old.holds => {
                    again |= mark == said(members[0].mark);
                    *old = new();
                }
                Some(old) if old.since <= member.since => {}
                Some(old) => *old = new(),
                None => self.said.push(new()),
            }
        }
        let head = self.said.iter().find(|one| one.mark == said(members[0].mark));
        let (since, first) = head.map_or((members[0].since, &members[0].id), |one| (one.since, &one.first));
        (since, first.clone(), again)
    }
}

impl Groups {
    /// Puts each departed metric where it belongs: the group it is in already, else one of its family (or its likely cause)
    /// that began at about the same time, else a new one. Returns the groups, members with the telling one first.
    pub fn sort_in(&mut self, departed: Vec<Departed>, shadows: &Shadows, coincide: Span) -> Vec<Together> {
        let mut sorted: BTreeMap<FindingId, Vec<Departed>> = BTreeMap::new();
        let mut new = Vec::new();
        for one in departed {
            let family = family(&one.id, one.mark);
            let theirs = self
                .0
                .iter()
                .find(|(_, group)| (*group.family == *STALE) == (family == STALE) && group.members.contains(&one.id));
            match theirs {
                Some((id, _)) => sorted.entry(*id).or_default().push(one),
                None => new.push((family, one)),
            }
        }
        for (family, one) in new {
            let id = self.place(&family, &one, shadows, coincide);
            sorted.entry(id).or_default().push(one);
        }
        self.0.retain(|id, _| sorted.contains_key(id));
        let mut all = Vec::with_capacity(sorted.len());
        for (id, mut members) in sorted {
            members.sort_by(|a, b| {
                a.mark
                    .cmp(&b.mark)
                    .then_with(|| b.lasting.cmp(&a.lasting))
                    .then_with(|| telling(&b.id.name).cmp(&telling(&a.id.name)))
                    .then_with(|| detail(&a.id.name).cmp(&detail(&b.id.name)))
                    .then_with(|| b.bits.total_cmp(&a.bits))
                    .then_with(|| a.since.cmp(&b.since))
                    .then_with(|| a.id.cmp(&b.id))
            });
            let Some(group) = self.0.get_mut(&id) else { continue };
            group.members = members.iter().map(|member| member.id.clone()).collect();
            let (since, first, again) = group.say(&members);
            all.push(Together {
                id,
                since,
                began: group.since,
                first,
                again,
                members,
            });
        }
        all
    }

    fn place(&mut self, family: &str, one: &Departed, shadows: &Shadows, coincide: Span) -> FindingId {
        let near = |group: &Group| {
            let apart = group.since.max(one.since) - group.since.min(one.since);
            group.resource == one.id.resource && (apart <= coincide || family == STALE)
        };
        let cause = if family == STALE {
            None
        } else {
            let effect = Effect {
                resource: &one.id.resource,
                series: std::slice::from_ref(&one.id),
                since: one.since,
                earliest: None,
                declared: false,
            };
            cause::likeliest(shadows, effect, coincide)
        };
        let same_cause = |group: &Group| {
            let (Some(ours), Some(theirs)) = (&cause, &group.cause) else {
                return false;
            };
            ours.what == theirs.what && ours.at == theirs.at
        };
        let found = self
            .0
            .iter_mut()
            .find(|(_, group)| near(group) && (&*group.family == family || same_cause(group)));
        if let Some((id, group)) = found {
            group.members.insert(one.id.clone());
            return *id;
        }
        let id = finding_id(&one.id, one.comparison(), one.since);
        self.0.insert(
            id,
            Group {
                resource: one.id.resource.clone(),
                family: family.into(),
                since: one.since,
                cause,
                members: [one.id.clone()].into(),
                said: Vec::new(),
            },
        );
        id
    }
}

/// The number of a finding that began at `since` with `head`.
pub(super) fn finding_id(head: &SeriesId, comparison: Comparison, since: Timestamp) -> FindingId {
    let which = match comparison {
        Comparison::DeclaredActual => b"declared".as_slice(),
        Comparison::ShadowActual => b"shadow",
        Comparison::FutureLimit => b"limit",
    };
    let resource = head.resource.as_str().as_bytes();
    FindingId(stable_hash(&[
        resource,
        which,
        head.name.as_bytes(),
        &since.0.to_le_bytes(),
    ]))
}

/// 48 bits of BLAKE3 over `parts`: short to read, and exact where numbers are held as doubles.
pub(crate) fn stable_hash(parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let mut bytes = [0; 8];
    bytes[..6].copy_from_slice(&hasher.finalize().as_bytes()[..6]);
    u64::from_le_bytes(bytes)
}
