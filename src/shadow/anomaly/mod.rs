//! How surprising a value is after all that its own series has done, in bits that mean the same on every series.
//!
//! Three steps. [`View`]s: the value is looked at in twelve ways (level, season, jump, shifts over 4 to 144 values, roughness, record), each in
//! standard deviations of its own past, less where it often cries on this series ([`heights`]); their mean is the score, so what all of them
//! find odd counts for more than what one does, and twelve views are paid for. Peaks: how often the series' own scores came that high, as a posterior rate in time. Bits: −log2 of the
//! probability that an hour holds such a peak. A threshold of log2(168 ÷ n) is n false alarms a week, on any series at any cadence.

mod heights;
mod moments;
mod peaks;
mod profile;
mod silence;
mod stuck;
#[cfg(test)]
mod tests;
mod view;

use serde::{Deserialize, Serialize};

use crate::domain::{Span, Timestamp};
use peaks::Peaks;
use silence::Silence;
pub use stuck::Still;
use stuck::Stuck;
use view::Views;
pub use view::{By, Usual, View};

/// What is known of one series to judge its next value: some four kilobytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Detector {
    watched: Option<Box<Watched>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Watched {
    newest: Timestamp,
    views: Views,
    peaks: Peaks,
    stuck: Stuck,
    silence: Silence,
    /// The bits told of the score, of being stuck and of silence, as they have faded since they were last reached.
    told: [f64; 3],
    /// When that was.
    asked: Timestamp,
}

/// How a value was judged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// −log2 of the probability that an hour holds a score this high; 0 or more, finite.
    pub bits: f64,
    /// The same where it says more than what was told already; else 0. This is what alarms go by.
    pub news: f64,
    /// The view that finds it farthest out.
    pub view: View,
    /// How far, in that view's standard deviations, signed.
    pub z: f64,
    /// What was usual when the value came.
    pub usual: Usual,
}

impl Verdict {
    /// Nothing to say.
    const NONE: Self = Self {
        bits: 0.0,
        news: 0.0,
        view: View::Level,
        z: 0.0,
        usual: Usual {
            value: 0.0,
            by: By::Level,
            spread: 0.0,
            moves: 0.0,
            usual_moves: 0.0,
            moves_spread: 0.0,
        },
    };
}

impl Detector {
    /// The most a value is taken for: beyond it is no quantity.
    const LARGEST: f64 = 1e30;
    /// The time in which what was told fades to 1/e.
    const FADE: f64 = 24.0 * 3_600.0;
    /// Bits by which more must be said than was told, to be news.
    const MORE: f64 = 0.15;
    /// A value this much older than the newest says that the clock was set back; a younger one is late.
    pub(super) const SET_BACK: Span = Span::from_days(1);

    /// The news, bits, that `budget` false alarms a week ask for among `series` of them.
    #[must_use]
    pub fn threshold(budget: f64, series: usize) -> f64 {
        (168.0 * series.max(1) as f64 / budget.max(f64::MIN_POSITIVE))
            .log2()
            .max(0.0)
    }

    /// How the newest value stands still; `None` before the first.
    #[must_use]
    pub fn still(&self) -> Option<Still> {
        self.watched.as_ref().map(|watched| watched.stuck.still())
    }

    /// Judges the value at `at` by those before it, and learns it. One that is no number says that none came by then: that is judged as
    /// silence, and not learnt. Late values are neither judged nor learnt; several of one time are.
    pub fn observe(&mut self, at: Timestamp, value: f64) -> Verdict {
        if self.watched.is_none() && !value.is_finite() {
            return Verdict::NONE;
        }
        let watched = self.watched.get_or_insert_with(|| Box::new(Watched::new(at, value)));
        let since = at - watched.newest;
        if !value.is_finite() {
            if since < Span::ZERO {
                return Verdict::NONE;
            }
            let bits = watched.silence.bits(at, since);
            if bits == 0.0 {
                return Verdict::NONE;
            }
            return Verdict {
                bits,
                news: watched.news(at, [0.0, 0.0, bits]),
                view: View::Silence,
                ..Verdict::NONE
            };
        }
        if since < Span::ZERO {
            if since.0 > -Self::SET_BACK.0 {
                return Verdict::NONE;
            }
            watched.set_back(Span(since.0.saturating_neg()));
        }
        let value = value.clamp(-Self::LARGEST, Self::LARGEST);
        watched.newest = at;
        watched.silence.ended(at, since);
        let score = watched.views.observe(at, value);
        let bits = hourly_bits(watched.peaks.observe(at, score.mean, Peaks::OWN));
        let stuck = watched.stuck.observe(at, value);
        let news = watched.news(at, [bits, stuck, 0.0]);
        if stuck > bits {
            return Verdict {
                bits: stuck,
                news,
                view: View::Stuck,
                z: 0.0,
                usual: score.usual,
            };
        }
        Verdict {
            bits,
            news,
            view: score.view,
            z: score.z,
            usual: score.usual,
        }
    }
}

impl Watched {
    fn new(at: Timestamp, value: f64) -> Self {
        Self {
            newest: at,
            views: Views::new(at, value.clamp(-Detector::LARGEST, Detector::LARGEST)),
            peaks: Peaks::new(at),
            stuck: Stuck::new(at, value),
            silence: Silence::new(at),
            told: [0.0; 3],
            asked: at,
        }
    }

    /// The clock went back by `back`.
    fn set_back(&mut self, back: Span) {
        self.views.set_back(back);
        self.peaks.set_back(back);
        self.stuck.set_back(back);
        self.silence.set_back(back);
        self.asked = Timestamp(self.asked.0.saturating_sub(back.0));
    }

    /// The most that `bits` say beyond what was told of each, which fades; then that is told.
    fn news(&mut self, at: Timestamp, bits: [f64; 3]) -> f64 {
        let faded = (-(at - self.asked).secs_f64().max(0.0) / Detector::FADE).exp();
        self.asked = at;
        let mut news: f64 = 0.0;
        for (told, bits) in self.told.iter_mut().zip(bits) {
            if bits > *told + Detector::MORE {
                news = news.max(bits);
            }
            // What goes on, or grows little by little, is kept in mind and not told again, however rarely values come.
            let left = *told * faded;
            *told = if bits > left { told.max(bits) } else { left };
        }
        news
    }
}

/// −log2 of the probability that an hour holds what comes `daily` times a day, bits; 0 or more.
fn hourly_bits(daily: f64) -> f64 {
    let probability = -(-daily / 24.0).exp_m1();
    (-probability.max(f64::MIN_POSITIVE).log2()).max(0.0)
}
