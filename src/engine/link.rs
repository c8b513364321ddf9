//! What a console can ask of an engine, the same in-process and over the socket.

use std::{collections::BTreeMap, future::Future, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::{
    domain::{
        Batch, ChangeSet, Crossing, Event, Finding, Forecast, Limit, ProposalId, Quantiles, SeriesId, SettingChange,
        Span, Timestamp,
    },
    drift::{Difference, Match},
    engine::{Ahead, Snapshot},
    shadow::Outlook,
    simulate::Outcome,
    store::{AuditEntry, Format, StoreInfo, Table},
};

/// What is said of a what-if that ended because someone stopped it.
pub const STOPPED: &str = "stopped";

/// A question to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Query {
    /// A metric's history in buckets of `step`, from the bucket that holds `from` to the one that holds `to`.
    Chart {
        /// Which metric.
        id: SeriesId,
        /// First time wanted.
        from: Timestamp,
        /// Last time wanted.
        to: Timestamp,
        /// Length of a bucket (a column); buckets start at multiples of it since the epoch.
        step: Span,
    },
    /// A metric's forecast from now, or from `at` with what was known then.
    Forecast {
        /// Which metric.
        id: SeriesId,
        /// How far.
        horizon: Span,
        /// How many steps at most.
        steps: u32,
        /// Another limit than the one in force.
        limit: Option<Limit>,
        /// From then, learnt again from what was known at that time; `None` is now.
        at: Option<Timestamp>,
    },
    /// What-if; the answer comes when it has run.
    WhatIf {
        /// The changes.
        changes: ChangeSet,
        /// How far.
        horizon: Span,
        /// Seed of the draws.
        seed: u64,
        /// As of then, learnt again from what was known at that time; `None` is now.
        at: Option<Timestamp>,
        /// The asker's number for it, by which [`Query::Progress`] and [`Query::Stop`] name it; `None` when it is only drawn beside
        /// something: it stands in no audit then, and makes no proposal count as tried.
        job: Option<u64>,
    },
    /// Plays the recording at this many times the speed it happened at; 0 holds it, an infinity plays all at once.
    Play(f64),
    /// How far the asker's what-if of that number is.
    Progress(u64),
    /// Ends the asker's what-if of that number.
    Stop(u64),
    /// The world as it was known at a time.
    AsOf(Timestamp),
    /// What happened in a range.
    Timeline {
        /// From when.
        from: Timestamp,
        /// To when.
        to: Timestamp,
    },
    /// What the sources told in a range.
    Recorded {
        /// From when.
        from: Timestamp,
        /// To when, exclusive.
        to: Timestamp,
        /// Whether a recording begins there: then with all settings as they were.
        begin: bool,
    },
    /// What is expected of the metrics that matter most, so far ahead each.
    Ahead(Vec<Span>),
    /// The newest entries of the audit, at most this many.
    Audit(u32),
    /// Everything behind one number of a series, as lines of text.
    Explain(SeriesId),
    /// Everything that was behind one number of a series at a time.
    ExplainAt(SeriesId, Timestamp),
    /// What differs from the baseline.
    BaselineDiff,
    /// The known issues that there are, notes and muted ones too.
    Issues,
    /// What is to be said of these settings: a snapshot has it of each only in its turn.
    Outlooks(Vec<SeriesId>),
    /// The key under which the secrets of such changes are hashed, so that one stays equal from import to import.
    ImportKey,
    /// Remember changes of before watching began, oldest first; who made them is kept as a hash. None are said behind the last: what was remembered is
    /// learnt at once.
    Remember(Vec<SettingChange>),
    /// Accept the values now of these settings (all when empty) as good, and where these metrics went.
    BaselineAccept(Vec<SeriesId>),
    /// Dismiss a proposal, with a reason.
    Dismiss(ProposalId, String),
    /// Keep a note on the timeline.
    Note(String),
    /// Set a metric's limit (`None` removes it) for as long as this store lives.
    SetLimit(SeriesId, Option<Limit>),
    /// Tell nothing about series that match, until a time.
    Mute(String, Timestamp),
    /// Try the store again.
    StoreRetry,
    /// Write the store anew without holes.
    Compact,
    /// Write a table to a file as the one who asks: over the socket it is fetched in pieces.
    Export {
        /// `metrics`, `settings`, `changes`, `events`, `findings`, `proposals`, `ledger`, `audit`.
        what: String,
        /// How.
        format: Format,
        /// Where; must not exist.
        file: PathBuf,
    },
    /// Make an export of a table that is fetched with [`Query::Piece`].
    Hand {
        /// As for [`Query::Export`].
        what: String,
        /// How.
        format: Format,
    },
    /// A piece of an export.
    Piece {
        /// Which, by its number in [`Answer::Handed`].
        number: u64,
        /// From which byte on.
        from: u64,
    },
    /// Run a statement that only reads.
    Sql(String),
    /// How the store is.
    StoreInfo,
    /// Keep in the audit that the asker's console is about to run commands on a resource, or how they ended. The engine runs nothing.
    Apply {
        /// The resource's name.
        resource: String,
        /// The commands and the way back, or how they ended.
        told: String,
    },
}

impl Query {
    /// Asks for everything behind one number of a series: now, or as of `at`.
    #[must_use]
    pub fn explain(id: SeriesId, at: Option<Timestamp>) -> Self {
        match at {
            Some(at) => Self::ExplainAt(id, at),
            None => Self::Explain(id),
        }
    }
}

/// An answer to a [`Query`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// To [`Query::Chart`].
    Chart(Chart),
    /// To [`Query::Forecast`].
    Forecast(Box<ForecastView>),
    /// To [`Query::WhatIf`].
    WhatIf(Box<Outcome>),
    /// To [`Query::Progress`]: metrics learnt again, and all of them; `None` when it has run, or was never asked.
    Progress(Option<(u32, u32)>),
    /// To [`Query::AsOf`].
    AsOf(Arc<Snapshot>),
    /// To [`Query::Timeline`].
    Timeline(Timeline),
    /// To [`Query::Ahead`].
    Ahead(Vec<Ahead>),
    /// To [`Query::Recorded`].
    Recorded(Box<Batch>),
    /// To [`Query::Audit`].
    Audit {
        /// Newest first.
        entries: Vec<AuditEntry>,
        /// How many there are in all.
        total: u64,
        /// The first entry at which the chain does not hold.
        broken: Option<AuditEntry>,
    },
    /// To [`Query::Explain`] and commands that have something to tell.
    Text(Vec<String>),
    /// To [`Query::Hand`].
    Handed {
        /// By which [`Query::Piece`] names it.
        number: u64,
        /// Rows in it.
        rows: u64,
    },
    /// To [`Query::Piece`]; empty behind the last byte.
    Piece(#[serde(with = "serde_bytes")] Vec<u8>),
    /// To [`Query::BaselineDiff`].
    Differences(Vec<Difference>),
    /// To [`Query::Issues`]: what matches, and the engine's rules by id, as [`crate::domain::Rules::marks`] tells them apart.
    Issues(Vec<Match>, BTreeMap<Arc<str>, u64>),
    /// To [`Query::Outlooks`], in the order asked; `None` of a setting that is not there.
    Outlooks(Vec<Option<Outlook>>),
    /// To [`Query::ImportKey`].
    ImportKey([u8; 32]),
    /// To [`Query::Remember`]: how many were not known yet.
    Remembered(u64),
    /// To [`Query::Sql`].
    Table(Table),
    /// To [`Query::StoreInfo`].
    StoreInfo(StoreInfo),
    /// A command was done.
    Done,
}

/// One column of a chart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Newest, least and greatest value in the bucket; `None` is a gap.
    pub value: Option<(f64, f64, f64)>,
    /// What had been expected then (as forecast then, never refitted).
    pub expected: Option<Quantiles>,
    /// Greatest surprise, bits; `None` is a gap.
    pub bits: Option<f32>,
}

/// A metric's history, a column a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chart {
    /// Which metric.
    pub id: SeriesId,
    /// Start of the first column; a multiple of `step` since the epoch.
    pub from: Timestamp,
    /// Length of a column.
    pub step: Span,
    /// Columns, oldest first, without holes in the list.
    pub columns: Vec<Column>,
    /// Changes of settings of the same resource in that time, oldest first, at most 50.
    pub changes: Vec<SettingChange>,
}

/// A forecast with all the Forecast screen says of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastView {
    /// Which metric.
    pub id: SeriesId,
    /// The forecast; `None` while learning.
    pub forecast: Option<Forecast>,
    /// The limit looked at.
    pub limit: Option<Limit>,
    /// When it is passed.
    pub crossing: Option<Crossing>,
    /// Since when the newest value is beyond the limit without a break, as far as values are held (three hours); `None` where it is not.
    #[serde(default)]
    pub passed: Option<Timestamp>,
    /// Members and weights.
    pub members: Vec<(Arc<str>, f64)>,
    /// Seasons found.
    pub seasons: Vec<Span>,
    /// How the bands held.
    pub held: crate::shadow::metric::Held,
    /// Crossings that came inside their 80 % interval, and all that came due.
    pub hits: (u64, u64),
}

/// What happened in a range.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// First time asked for.
    pub from: Timestamp,
    /// Last time asked for.
    pub to: Timestamp,
    /// Changes of settings, oldest first.
    pub changes: Vec<SettingChange>,
    /// Events, oldest first.
    pub events: Vec<Event>,
    /// Findings, by when they began.
    pub findings: Vec<Finding>,
    /// Audit entries of people (notes, what-ifs, dismissals), oldest first.
    pub notes: Vec<AuditEntry>,
}

/// Why an engine did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum LinkError {
    /// The engine is gone.
    #[error("the engine is gone")]
    Gone,
    /// The question cannot be answered; the text says why and what to do.
    #[error("{0}")]
    Refused(String),
}

/// A way to an engine.
pub trait Link: Send + Sync + 'static {
    /// The newest snapshot, and word of each new one. Slow readers miss snapshots, never data.
    fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>>;

    /// Asks; answers come in any order.
    fn ask(&self, query: Query) -> impl Future<Output = Result<Answer, LinkError>> + Send;
}
