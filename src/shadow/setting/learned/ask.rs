//! What a console asks of the models, as known now: nothing is learnt by asking, and no time passes.

use super::{
    Class, Learner, Next, Regime, Should, Would,
    hazard::Hazard,
    records::{Setting, Sort},
    table,
    undone::Reason,
};

/// Settings and values in a row that are looked at in one step while the network of a host's settings is learnt: some milliseconds.
const SLICE: usize = 50_000;

/// Values that the settings like one hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// How many there are besides the one asked about.
    pub others: u32,
    /// The commonest values, and how many of the others hold each.
    pub values: Vec<(String, u32)>,
}

impl Learner {
    /// Fits what is due to be fitted anew.
    pub fn refit(&mut self) {
        self.hazard.fit();
        self.lists.fit();
        self.undone.fit();
    }

    /// Texts that are held: what grows with all that was ever seen.
    #[must_use]
    pub fn texts(&self) -> usize {
        self.table.names.len()
    }

    /// Whether the setting `key` was there and is gone.
    #[must_use]
    pub fn gone(&self, key: u64) -> bool {
        let number = self.table.find(key);
        number.is_some_and(|number| !self.table.settings[number as usize].alive)
    }

    /// The place of the setting `key` among all, in the order of coming.
    #[must_use]
    pub fn place(&self, key: u64) -> Option<u32> {
        self.table.find(key)
    }

    /// The key of the setting at a place.
    #[must_use]
    pub fn key(&self, place: u32) -> u64 {
        self.table.settings[place as usize].key
    }

    /// The number of the setting's bare value.
    #[must_use]
    pub fn value(&self, place: u32) -> u32 {
        self.table.settings[place as usize].bare
    }

    /// Settings there are now.
    #[must_use]
    pub fn alive_now(&self) -> usize {
        self.table.alive
    }

    fn alive(&self, key: u64) -> Option<u32> {
        let number = self.table.find(key)?;
        self.table.settings[number as usize].alive.then_some(number)
    }

    /// P(change within a day of `at`) and P(change within seven) of every setting there is, by key.
    #[must_use]
    pub fn chances(&self, at: f64) -> Vec<(u64, f64, f64)> {
        let all = self.hazard.all(&self.table, at);
        all.into_iter()
            .map(|(place, week)| {
                let setting = &self.table.settings[place as usize];
                (setting.key, Hazard::within(setting, week, at, 1.0), week)
            })
            .collect()
    }

    /// P(the setting `key` changes within seven days of `at`); `None` when there is none.
    #[must_use]
    pub fn week(&self, key: u64, at: f64) -> Option<f64> {
        let setting = &self.table.settings[self.alive(key)? as usize];
        Some(self.hazard.week(&self.table, setting, at))
    }

    /// P(it changes within `days` of `at`), where what changed lately may change again soon; `None` when there is none.
    #[must_use]
    pub fn within(&self, key: u64, at: f64, days: f64) -> Option<f64> {
        let setting = &self.table.settings[self.alive(key)? as usize];
        let week = self.hazard.week(&self.table, setting, at);
        Some(Hazard::within(setting, week, at, days))
    }

    /// P(a setting that is not there comes to `resource` within `days` of `at`).
    #[must_use]
    pub fn comes(&self, resource: &str, at: f64, days: f64) -> f64 {
        Hazard::comes(&self.table, self.table.resource(resource), at, days)
    }

    /// P(a value no likelier than `new` | the setting `key` changes at `at`); of a list, the members that come and go are given. 1 where
    /// nothing is known of values.
    #[must_use]
    pub fn no_likelier(&self, key: u64, new: Option<&str>, (added, removed): (usize, usize), at: f64) -> f64 {
        let (Some(number), Some(new)) = (self.alive(key), new) else {
            return 1.0;
        };
        match self.table.settings[number as usize].class {
            Class::List => {
                let ways = self.lists.ways(&self.table, number, at);
                let mine = ways[super::way(added, removed)];
                ways.iter().filter(|odds| **odds <= mine).sum()
            }
            Class::Text | Class::Secret | Class::Hash | Class::Null => 1.0,
            _ => {
                let known = self.next_values(number, at);
                let rest = (1.0 - known.iter().map(|(_, odds)| odds).sum::<f64>()).max(0.0);
                let new = table::bare(new);
                let mine = known.iter().find(|(value, _)| value == new);
                let mine = mine.map_or(rest, |(_, odds)| *odds);
                let all = known.iter().map(|(_, odds)| *odds).chain([rest]);
                all.filter(|odds| *odds <= mine).sum::<f64>().clamp(1e-6, 1.0)
            }
        }
    }

    /// The values the setting `key` may take if it changes at `at`, likeliest first, with their probabilities; none of a list, or of what
    /// only a hash is known.
    #[must_use]
    pub fn candidates(&self, key: u64, at: f64) -> Vec<(String, f64)> {
        let told = self.alive(key).filter(|number| {
            let class = self.table.settings[*number as usize].class;
            !matches!(
                class,
                Class::Text | Class::Secret | Class::Hash | Class::Null | Class::List
            )
        });
        told.map_or_else(Vec::new, |number| {
            let stands = self.belongs.speaks_for(&self.table, number);
            self.values.next_of_its_own(&self.table, number, at, &stands)
        })
    }

    /// The 80 % interval of a number, or which way a list goes, if it changes at `at`; `None` of anything else.
    #[must_use]
    pub fn range(&self, key: u64, at: f64) -> Option<Next> {
        let number = self.alive(key)?;
        let class = self.table.settings[number as usize].class;
        matches!(class, Class::Number | Class::List).then(|| self.next_of(number, class, at))
    }

    /// What the same setting holds elsewhere; of one that is nowhere else, what its likes hold (the same parameter of another interface),
    /// but not of a version: those beside it are versions of other things.
    #[must_use]
    pub fn held(&self, key: u64) -> Held {
        let Some(number) = self.alive(key) else {
            return Held::default();
        };
        let setting = &self.table.settings[number as usize];
        let group = self.table.group(setting, self.sort_of_peers(setting));
        let values = group.held.iter().map(|(value, count)| {
            let count = count.unsigned_abs() - u32::from(*value == setting.bare);
            (self.table.names.text(*value).to_owned(), count)
        });
        Held {
            others: group.alive.saturating_sub(1),
            values: values.filter(|(_, count)| *count > 0).collect(),
        }
    }

    /// Whether the setting `other` is, or was, one of those that [`Self::held`] looks at for the setting `key`.
    #[must_use]
    pub fn are_peers(&self, key: u64, other: u64) -> bool {
        let (Some(number), Some(other)) = (self.alive(key), self.table.find(other)) else {
            return false;
        };
        let [setting, other] = [number, other].map(|number| &self.table.settings[number as usize]);
        let sort = self.sort_of_peers(setting) as usize;
        setting.groups[sort] == other.groups[sort]
    }

    fn sort_of_peers(&self, setting: &Setting) -> Sort {
        match self.table.group(setting, Sort::Path).alive > 1 || setting.class == Class::Version {
            true => Sort::Path,
            false => Sort::Template,
        }
    }

    /// P(the newest change is undone within 14 days), and what speaks for and against it.
    pub fn newest_change(&mut self) -> (f64, Vec<Reason>) {
        let back = self.comes_back();
        let own = self.undone.newest();
        let mut reasons = self.undone.reasons();
        if back - own >= 0.01 {
            let what = "how soon it changes again, and then back";
            reasons.push(Reason { what, by: back - own });
            reasons.sort_by(|a, b| b.by.abs().total_cmp(&a.by.abs()));
            reasons.truncate(3);
        }
        (self.undone.tell(back), reasons)
    }

    /// The share of changes that are undone, as known before a setting's own is.
    #[must_use]
    pub fn usually_undone(&self) -> f64 {
        let (seen, undone) = self.table.undone;
        f64::from((undone + 0.08 * 20.0) / (seen + 20.0))
    }

    /// For how many days to watch a change that is undone with probability `p`.
    #[must_use]
    pub fn watch(&self, p: f64) -> f64 {
        self.undone.watch(p)
    }

    /// The share of the changes undone within 14 days that are undone within `days`.
    #[must_use]
    pub fn undone_by(&self, days: f64) -> f64 {
        self.undone.by(days)
    }

    /// Learns which settings of a host stand together, where enough was seen since, a slice of it at a time; tells whether it is learnt
    /// now.
    pub fn stand(&mut self, at: f64) -> bool {
        self.belongs.fit(&self.table, true, at, SLICE)
    }

    /// Forgets the metrics that are no longer `there`, asked by host and name.
    pub fn keep_metrics(&mut self, there: impl Fn(&str, &str) -> bool) {
        self.belongs.keep_metrics(there);
    }

    /// Takes the regime of a metric of a host from `at` (days) on.
    pub fn regime(&mut self, host: &str, metric: &str, regime: Regime, at: f64) {
        self.belongs.regime(host, metric, regime, at);
    }

    /// Takes over from one that learnt before what no edit tells.
    pub fn carry(&mut self, before: &mut Self) {
        self.belongs.carry(&mut before.belongs);
    }

    /// The keys of the settings that stand with any other.
    #[must_use]
    pub fn bound(&self) -> Vec<u64> {
        self.belongs.keys(&self.table)
    }

    /// What the setting `key` should be by what it stands with; `None` where nothing speaks of it.
    #[must_use]
    pub fn should(&self, key: u64) -> Option<Should> {
        self.belongs.should(&self.table, self.alive(key)?)
    }

    /// What else should be, were the setting `key` set to `new`; `None` where that was never seen among what it stands with.
    #[must_use]
    pub fn would(&self, key: u64, new: &str) -> Option<Vec<Would>> {
        self.belongs.would(&self.table, self.alive(key)?, table::bare(new))
    }
}
