//! Which settings of a host and which regimes of its metrics belong together.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    SettingShadow,
    learned::{Regime, Which},
    stream,
};
use crate::{
    domain::{SeriesId, Span, Timestamp, Value},
    shadow::Metric,
};

/// What a setting should be by what it stands with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stands {
    /// The likeliest values and their probabilities, at most three.
    pub values: Vec<(Value, f32)>,
    /// P(the value it has).
    pub now: f32,
    /// What speaks for the likeliest, the loudest first: which setting or metric, what it is, and how many bits that adds.
    pub because: Vec<(Arc<str>, Arc<str>, f32)>,
    /// Cases like this one.
    pub cases: f32,
}

/// What goes with a value that a setting does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct Together {
    /// Which setting or metric.
    pub name: Arc<str>,
    /// The value it should have then, or the regime a metric is likely in.
    pub value: Arc<str>,
    /// P(that), as it is and then.
    pub odds: (f64, f64),
    /// Cases like it.
    pub cases: f64,
    /// Whether it is a metric.
    pub metric: bool,
}

/// Metrics are looked at once in this time, and judged by it.
const EVERY: Span = Span::from_hours(1);
/// Minutes of it that must be known.
const MINUTES: usize = 30;

/// The place of a host's metrics among those of its settings.
fn host(id: &SeriesId) -> String {
    id.resource.as_str().replace('#', "_")
}

impl SettingShadow {
    /// Notes once an hour in which regime each metric is: whether the median of the hour lies within the usual range of what its shadow
    /// remembers. Only what has been watched for a day has one.
    pub fn watch_metrics(&mut self, metrics: &BTreeMap<SeriesId, Metric>, now: Timestamp) {
        let looked = *self.looked.get_or_insert(now);
        if now >= looked && now - looked < EVERY {
            return;
        }
        self.looked = Some(now);
        for (id, metric) in metrics {
            let from = now - EVERY;
            let mut hour: Vec<f64> = metric
                .minutes
                .iter()
                .rev()
                .take_while(|minute| minute.at >= from)
                .map(|minute| minute.last)
                .collect();
            if hour.len() < MINUTES {
                continue;
            }
            let Some((low, high)) = metric.shadow.usual() else {
                continue;
            };
            hour.sort_by(f64::total_cmp);
            let regime = match hour[hour.len() / 2] {
                middle if middle < low => Regime::Low,
                middle if middle > high => Regime::High,
                _ => Regime::Normal,
            };
            self.learner.regime(&host(id), &id.name, regime, stream::days(from));
        }
        let there: HashSet<(String, &str)> = metrics.keys().map(|id| (host(id), &*id.name)).collect();
        self.learner
            .keep_metrics(|host, metric| there.contains(&(host.to_owned(), metric)));
    }

    /// Learns anew what stands together, where enough was seen since: a slice of it, at each step one.
    pub fn stand(&mut self, now: Timestamp) {
        if self.learner.stand(stream::days(now)) {
            let keys: HashSet<u64> = self.learner.bound().into_iter().collect();
            let known = if keys.is_empty() { None } else { Some(self.all.keys()) };
            let keyed = known.into_iter().flatten().map(|id| (stream::key(id), id));
            self.bound = keyed
                .filter(|(key, _)| keys.contains(key))
                .map(|(key, id)| (key, id.clone()))
                .collect();
        }
    }

    /// The name of a setting or metric, and the value `text` as it spells it.
    fn named(&self, which: &Which, text: &str) -> Option<(Arc<str>, Arc<str>)> {
        match which {
            Which::Setting(key) => {
                let id = self.bound.get(key)?;
                let spelled = stream::value(text, &self.all.get(id)?.value);
                let text = spelled.map_or_else(|| text.into(), |value| value.to_string().into());
                Some((id.name.clone(), text))
            }
            Which::Metric(name) => Some((name.as_str().into(), text.into())),
        }
    }

    /// What `id` should be by what it stands with; `None` where nothing speaks of it.
    #[must_use]
    pub fn stands(&self, id: &SeriesId) -> Option<Stands> {
        if self.bound.is_empty() {
            return None;
        }
        let state = self.all.get(id)?;
        let told = self.learner.should(stream::key(id))?;
        let values = told.values.iter().filter_map(|(text, odds)| {
            let value = stream::value(text, &state.value)?;
            Some((value, *odds as f32))
        });
        let because = told.because.iter().filter_map(|(which, value, bits)| {
            let (name, value) = self.named(which, value)?;
            Some((name, value, *bits as f32))
        });
        let stands = Stands {
            values: values.take(3).collect(),
            now: told.now as f32,
            because: because.collect(),
            cases: told.cases as f32,
        };
        (!stands.values.is_empty()).then_some(stands)
    }

    /// What else should be, were `id` set to `to`; `None` where that value was never seen among what it stands with.
    #[must_use]
    pub fn together(&self, id: &SeriesId, to: &Value) -> Option<Vec<Together>> {
        if self.bound.is_empty() {
            return None;
        }
        let (_, text) = stream::text(to);
        let told = self.learner.would(stream::key(id), &text)?;
        let told = told.into_iter().filter_map(|one| {
            let (name, value) = self.named(&one.which, &one.value)?;
            Some(Together {
                name,
                value,
                odds: one.odds,
                cases: one.cases,
                metric: matches!(one.which, Which::Metric(_)),
            })
        });
        Some(told.collect())
    }

    /// Whether anything is known of what `id` stands with.
    #[must_use]
    pub fn is_bound(&self, id: &SeriesId) -> bool {
        !self.bound.is_empty() && self.bound.contains_key(&stream::key(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ResourceId, SettingSnapshot};

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_secs(1_790_000_000 + hour * 3_600)
    }

    fn host(number: usize) -> ResourceId {
        ResourceId::new("host", &format!("web-{number:02}"))
    }

    /// Forty hosts, of which every second one is a database; one of these still has the ratio of the others.
    fn two_kinds() -> SettingShadow {
        let mut shadow = SettingShadow::default();
        for number in 0..40 {
            let base = number % 2 == 1;
            let ratio = if base && number != 5 { "5" } else { "20" };
            let settings = [
                ("sysctl.vm.dirty_ratio", ratio),
                ("sysctl.vm.overcommit_memory", if base { "2" } else { "0" }),
                (
                    "sysctl.net.core.somaxconn",
                    if number % 3 == 0 { "4096" } else { "1024" },
                ),
            ];
            shadow.snapshot(&SettingSnapshot {
                reach: None,
                resource: host(number),
                scope: "sysctl".into(),
                at: at(0),
                settings: Some(
                    settings
                        .map(|(name, value)| (name.into(), Value::infer(value)))
                        .into_iter()
                        .collect(),
                ),
            });
        }
        shadow.settle(at(1));
        shadow.stand(at(1));
        shadow
    }

    fn id(number: usize, name: &str) -> SeriesId {
        SeriesId::new(&host(number), name)
    }

    #[test]
    fn the_host_that_is_unlike_its_kind_is_told_what_it_should_be() {
        let shadow = two_kinds();
        let stands = shadow.stands(&id(5, "sysctl.vm.dirty_ratio")).unwrap();
        assert_eq!(stands.values[0].0, Value::infer("5"), "{stands:?}");
        assert!(
            stands.values[0].1 > 0.9 && stands.now < 0.1 && stands.cases >= 10.0,
            "{stands:?}"
        );
        assert_eq!(
            (&*stands.because[0].0, &*stands.because[0].1),
            ("sysctl.vm.overcommit_memory", "2")
        );
        assert_eq!(
            shadow.outlook(&id(5, "sysctl.vm.dirty_ratio"), at(1)).unwrap().should,
            Some(stands)
        );
        assert_eq!(shadow.stands(&id(5, "sysctl.net.core.somaxconn")), None);
    }

    #[test]
    fn a_value_that_belongs_to_another_kind_says_what_goes_with_it() {
        let shadow = two_kinds();
        let told = shadow
            .together(&id(2, "sysctl.vm.overcommit_memory"), &Value::infer("2"))
            .unwrap();
        let names: Vec<(&str, &str)> = told.iter().map(|one| (&*one.name, &*one.value)).collect();
        assert_eq!(names, [("sysctl.vm.dirty_ratio", "5")]);
        assert!(told[0].odds.1 > 0.8 && told[0].odds.0 < 0.2, "{told:?}");
        assert_eq!(
            shadow.together(&id(2, "sysctl.vm.overcommit_memory"), &Value::infer("1")),
            None
        );
    }

    #[test]
    fn what_is_kept_says_the_same_after_a_restart() {
        let shadow = two_kinds();
        let mut bytes = Vec::new();
        ciborium::into_writer(&shadow, &mut bytes).unwrap();
        let mut again: SettingShadow = ciborium::from_reader(&bytes[..]).unwrap();
        again.stand(at(1));
        let asked = id(5, "sysctl.vm.dirty_ratio");
        assert_eq!(again.stands(&asked), shadow.stands(&asked));
    }

    /// As [`two_kinds`], memory being used up where there is a database.
    fn with_a_metric() -> SettingShadow {
        let mut shadow = two_kinds();
        for number in 0..40 {
            let host = format!("host:web-{number:02}");
            let base = number % 2 == 1;
            shadow
                .learner
                .regime(&host, "mem.used_pct", Regime::Normal, stream::days(at(0)));
            let then = if base { Regime::High } else { Regime::Normal };
            shadow
                .learner
                .regime(&host, "mem.used_pct", then, stream::days(at(0)) + 1e-3);
        }
        shadow
    }

    #[test]
    fn a_metric_that_is_gone_is_forgotten() {
        let mut shadow = with_a_metric();
        for hour in [0, 2] {
            shadow.watch_metrics(&BTreeMap::new(), at(hour));
        }
        shadow.stand(at(300));
        let told = shadow.together(&id(2, "sysctl.vm.overcommit_memory"), &Value::infer("2"));
        assert!(told.unwrap().iter().all(|one| !one.metric));
    }

    #[test]
    fn a_metric_that_is_high_where_a_setting_is_so_is_likely_high_once_it_is_set() {
        let mut shadow = with_a_metric();
        shadow.stand(at(300));
        let told = shadow
            .together(&id(2, "sysctl.vm.overcommit_memory"), &Value::infer("2"))
            .unwrap();
        let metric = told.iter().find(|one| one.metric).unwrap();
        assert_eq!((&*metric.name, &*metric.value), ("mem.used_pct", "high"));
        assert!(metric.odds.1 > 0.8, "{told:?}");
    }
}
