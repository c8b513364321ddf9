//! What is off, or will be.

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{Crossing, ResourceId, SeriesId, Span, Timestamp, Value};

/// The state of a row, worst first. Always shown as mark and word, never by colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// A limit is passed now.
    Breach,
    /// A limit will be passed within the horizon.
    Cross,
    /// The value is surprising now.
    Odd,
    /// It left its shadow or its declaration some time ago.
    Drift,
    /// No data although there should be.
    Stale,
    /// Too little history for a shadow.
    Learning,
    /// As it should be.
    Ok,
    /// Someone said not to tell.
    Muted,
    /// It is no longer there: a file system that was unmounted, an interface taken down, a process that ended.
    Removed,
}

impl Mark {
    /// One ASCII character.
    #[must_use]
    pub const fn glyph(self) -> char {
        match self {
            Self::Breach => 'X',
            Self::Cross => '>',
            Self::Odd => '!',
            Self::Drift => '~',
            Self::Stale => '-',
            Self::Learning => '?',
            Self::Ok => '.',
            Self::Muted => '/',
            Self::Removed => '_',
        }
    }

    /// One word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Breach => "breach",
            Self::Cross => "cross",
            Self::Odd => "odd",
            Self::Drift => "drift",
            Self::Stale => "stale",
            Self::Learning => "learning",
            Self::Ok => "ok",
            Self::Muted => "muted",
            Self::Removed => "removed",
        }
    }
}

/// `X breach`.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.glyph(), self.word())
    }
}

/// How far something drifted, by the thresholds of the options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    /// Worth a line.
    Low,
    /// Worth a look.
    Moderate,
    /// Worth acting on.
    High,
}

/// How urgent a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// For the record.
    Notice,
    /// Someone should look today.
    Warning,
    /// Someone should look now: a limit is passed, or drift coincides with a metric's surprise.
    Critical,
}

/// Which of the three comparisons found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// A declaration or the baseline says otherwise.
    DeclaredActual,
    /// The shadow expected otherwise.
    ShadowActual,
    /// The shadow's future passes a limit.
    FutureLimit,
}

/// A stable number of a finding: the same cause at the same time keeps its number over restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FindingId(pub u64);

/// A likely cause of a finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The setting that changed, or the metric that left its shadow first; `None` for an event.
    pub series: Option<SeriesId>,
    /// What it was, in words: `sysctl.vm.swappiness 60 -> 1 by root`.
    pub what: Arc<str>,
    /// When, at the latest; never after the finding began.
    pub at: Timestamp,
    /// When, at the earliest; `None` where `at` is exact.
    #[serde(default)]
    pub earliest: Option<Timestamp>,
    /// How long before the finding began.
    pub lead: Span,
    /// Relative weight among the causes named, 0 to 1; they sum to at most 1.
    pub weight: f64,
}

impl Cause {
    /// `cause`, or `possible cause` of one that is less likely than not.
    #[must_use]
    pub fn word(&self) -> &'static str {
        if self.weight < 0.5 { "possible cause" } else { "cause" }
    }

    /// How it lies before what it is a cause of: `3 min before`, or, where no order is known, `at the same time`.
    #[must_use]
    pub fn ahead(&self) -> String {
        match self.lead {
            Span::ZERO => "at the same time".into(),
            lead => format!("{lead} before"),
        }
    }
}

/// What is compared on a finding's row: the value now and what it should be.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// A metric: value now (none when stale) and the 80 % band.
    Metric {
        /// Value now, in the metric's unit.
        now: Option<f64>,
        /// 80 % band, if there is a shadow yet.
        band: Option<(f64, f64)>,
    },
    /// A setting: value now and the value expected (declared, or likeliest).
    Setting {
        /// Value now; `None` when it is gone.
        now: Option<Value>,
        /// Value expected; `None` when it should not be there.
        expected: Option<Value>,
    },
}

/// Something that is off, or will be; everything of one cause on one resource is one finding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Its number.
    pub id: FindingId,
    /// Its state.
    pub mark: Mark,
    /// How far.
    pub level: Level,
    /// How urgent.
    pub severity: Severity,
    /// How it was found.
    pub comparison: Comparison,
    /// The resource.
    pub resource: ResourceId,
    /// The series concerned, the telling one first; never empty.
    pub series: Vec<SeriesId>,
    /// Value and expectation of the first series.
    pub seen: Seen,
    /// When it began, at the latest: when it was first seen so.
    pub since: Timestamp,
    /// When it was last seen otherwise: it began after this; `None` where `since` is exact.
    #[serde(default)]
    pub earliest: Option<Timestamp>,
    /// When it was last so.
    pub last: Timestamp,
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
    /// Surprise, bits; 0 where no shadow was asked.
    pub bits: f64,
    /// The drift score that the thresholds are held against.
    pub score: f64,
    /// P(it is real), 0 to 1.
    pub confidence: f64,
    /// Where and when the limit is passed, for [`Comparison::FutureLimit`] and breaches.
    pub crossing: Option<Crossing>,
    /// One line for people.
    pub summary: Arc<str>,
    /// What it rests on, a line each.
    pub evidence: Vec<Arc<str>>,
    /// Likely causes, likeliest first.
    pub causes: Vec<Cause>,
    /// The known issue it is, or has become by its settings.
    #[serde(default)]
    pub rule: Option<Arc<str>>,
    /// Whether what it tells is back where it should be, and only its calm time is waited for before it ends.
    #[serde(default)]
    pub over: bool,
    /// When it was first told as anything, where it has got worse or better since (odd before it passed its limit); `None` where that is `since`.
    #[serde(default)]
    pub began: Option<Timestamp>,
}

impl Finding {
    /// When it was first told, as whatever.
    #[must_use]
    pub fn told_since(&self) -> Timestamp {
        self.began.unwrap_or(self.since)
    }

    /// Its mark and word: `! odd`; of what is over `! over`.
    #[must_use]
    pub fn says(&self) -> String {
        match self.over {
            true => format!("{} over", self.mark.glyph()),
            false => self.mark.to_string(),
        }
    }

    /// Whether it is a known issue and nothing else: it stands, and nothing happened.
    #[must_use]
    pub fn stands(&self) -> bool {
        self.rule.is_some() && self.bits == 0.0 && self.comparison == Comparison::DeclaredActual
    }

    /// The order of lists: the worst first, what is over behind all that is so still.
    #[must_use]
    pub fn worst_first(&self, other: &Self) -> std::cmp::Ordering {
        self.over.cmp(&other.over).then_with(|| self.graver(other))
    }

    /// The graver first: by mark, crossings by the time left, then by urgency, level and bits.
    #[must_use]
    pub fn graver(&self, other: &Self) -> std::cmp::Ordering {
        let left = |finding: &Self| {
            finding
                .crossing
                .and_then(|crossing| crossing.at[1])
                .unwrap_or(Timestamp(i64::MAX))
        };
        self.mark
            .cmp(&other.mark)
            .then_with(|| left(self).cmp(&left(other)))
            .then_with(|| (other.severity, other.level).cmp(&(self.severity, self.level)))
            .then_with(|| other.bits.total_cmp(&self.bits))
            .then_with(|| self.id.cmp(&other.id))
    }
}
