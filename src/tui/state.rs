//! The console's state, what can happen to it, and what it asks for. Plain data: no terminal, no clock, no engine.

use std::{collections::BTreeSet, path::PathBuf, sync::Arc};

use crossterm::event::KeyEvent;
use tui_input::Input;

use crate::{
    domain::{ResourceId, SeriesId, Span, Timestamp},
    engine::{Answer, LinkError, Query, Snapshot, StoreRow},
    tui::{
        look::{Charset, Look},
        order::Order,
        screens,
        text::fit,
        theme::Env,
        walk::Walk,
    },
};

/// The seven screens, in the order of their keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Screen {
    /// What is off now, what will be, and where to look first.
    #[default]
    Overview,
    /// One metric: is it doing what it should?
    Resource,
    /// When does it hit a limit?
    Forecast,
    /// What should be changed?
    Proposals,
    /// What would a change do?
    WhatIf,
    /// What happened, in which order?
    Timeline,
    /// Who did what, and can the shadow be trusted?
    Audit,
}

impl Screen {
    /// All, in the order of their keys 1 to 7.
    pub const ALL: [Self; 7] = [
        Self::Overview,
        Self::Resource,
        Self::Forecast,
        Self::Proposals,
        Self::WhatIf,
        Self::Timeline,
        Self::Audit,
    ];

    /// Its name in row 2.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Resource => "Resource",
            Self::Forecast => "Forecast",
            Self::Proposals => "Proposals",
            Self::WhatIf => "What-if",
            Self::Timeline => "Timeline",
            Self::Audit => "Audit",
        }
    }
}

/// Everything the console knows.
#[derive(Debug)]
pub struct State {
    /// The screen shown.
    pub screen: Screen,
    /// What is shown: the newest snapshot, the one frozen at, or one of the past.
    pub shown: Arc<Snapshot>,
    /// The order of its metrics in lists.
    pub order: Order,
    /// The newest snapshot.
    pub live: Arc<Snapshot>,
    /// Whether there is an engine.
    pub engine: Engine,
    /// Who turned this user away before the engine was found, and why; empty when nobody did.
    pub refused: String,
    /// What the console's own frames and keys cost lately; follows with each snapshot.
    pub cost: Cost,
    /// Whether `f` holds the screen still.
    pub frozen: bool,
    /// The speed at which a recording that is held plays on.
    pub speed: f64,
    /// The global time cursor; `None` is now. While set, `shown` is the world as of it.
    pub at: Option<Timestamp>,
    /// The as-of question that is on its way.
    pub as_of_asked: Option<Timestamp>,
    /// Where Esc leads: the screens and series that Enter came from, oldest first.
    pub back: Vec<(Screen, Option<SeriesId>)>,
    /// The series that screens 2 and 3 are about: a metric, or on screen 2 a setting.
    pub series: Option<SeriesId>,
    /// Rows marked with space, by series.
    pub marked: BTreeSet<SeriesId>,
    /// The filter in force (`/`), lower case; empty is none. It filters the lists of every screen.
    pub filter: String,
    /// The open input line, if any.
    pub input: Option<InputLine>,
    /// What lies over the screen, if anything.
    pub overlay: Option<Overlay>,
    /// A message in row 23 until the next key.
    pub message: Option<String>,
    /// What is said when the command of that name has been done.
    pub told: Option<(&'static str, String)>,
    /// The guided walk through what is replayed, if there is one.
    pub walk: Option<Walk>,
    /// Columns and rows.
    pub size: (u16, u16),
    /// Theme and characters.
    pub look: Look,
    /// What the environment says of the terminal, for `:theme auto`.
    pub env: Env,
    /// The user's own themes, name and text.
    pub themes: Vec<(String, String)>,
    /// Whether `--operate` was given.
    pub operate: bool,
    /// The host this console runs on, on which commands may be run; `None` when a recording is shown.
    pub here: Option<ResourceId>,
    /// This process; an engine of the same number is its own.
    pub pid: u32,
    /// Who sits here: user@tty, for the audit.
    pub who: String,
    /// The name of what is watched, first crumb (a host's name, a file replayed).
    pub place: String,
    /// Whether inside tmux (for what is said about copying).
    pub in_tmux: bool,
    /// A panic to raise on the next draw (the test aid `FORESHADOW_PANIC=ui`).
    pub panic_next: bool,
    /// Whether it is over.
    pub quit: bool,
    /// Screen 1.
    pub overview: screens::overview::Pane,
    /// Screen 2.
    pub resource: screens::resource::Pane,
    /// Screen 2 when it is about a setting.
    pub setting: screens::setting::Pane,
    /// Screen 3.
    pub forecast: screens::forecast::Pane,
    /// Screen 4.
    pub proposals: screens::proposals::Pane,
    /// Screen 5.
    pub whatif: screens::whatif::Pane,
    /// Screen 6.
    pub timeline: screens::timeline::Pane,
    /// Screen 7.
    pub audit: screens::audit::Pane,
}

/// What the console's own drawing costs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cost {
    /// Bytes of the last frame that a snapshot made; `None` before the first.
    pub frame_bytes: Option<usize>,
    /// From taking the last key to its frame being written, seconds; `None` before the first.
    pub key_secs: Option<f64>,
}

/// Whether there is an engine behind what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// None yet: it is being looked for or started.
    #[default]
    Awaited,
    /// There is one, and its data come.
    Attached,
    /// It ended. What is shown stays, and another one is looked for.
    Gone,
}

/// An open line at the bottom.
#[derive(Debug)]
pub struct InputLine {
    /// What it is for.
    pub purpose: Purpose,
    /// What was typed.
    pub input: Input,
    /// From which byte on the text is only offered: the first character typed takes its place.
    pub offered: Option<usize>,
    /// The words that may follow, shown after Tab when there are several; or why what stands there cannot be.
    pub words: Vec<String>,
}

/// What an input line is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Purpose {
    /// `/`
    Filter,
    /// `:`
    Command,
    /// ctrl-p; the number is the row chosen.
    Palette(usize),
    /// A note for the timeline.
    Note,
    /// A change to add to the what-if, or to replace the one of that row.
    Change(Option<usize>),
    /// The reason for dismissing the proposal under the cursor.
    Dismiss,
    /// A file name for an export of what the screen shows.
    Export,
    /// Another limit for the Forecast screen's view.
    Limit,
    /// The resource's name, typed to apply the proposal under the cursor (`--operate`).
    Apply,
}

/// What lies over the screen.
#[derive(Clone, Debug, PartialEq)]
pub enum Overlay {
    /// Help for this screen; the number is the first line shown.
    Help(u16),
    /// Lines of text under a title (explanations, whole entries, SQL answers), from a line on.
    Text {
        /// First row.
        title: String,
        /// What it says.
        lines: Vec<String>,
        /// First line shown.
        from: u16,
    },
}

/// What can happen.
#[derive(Debug)]
pub enum Msg {
    /// A key.
    Key(KeyEvent),
    /// Pasted text.
    Paste(String),
    /// The terminal has another size (already joined).
    Resize(u16, u16),
    /// A new snapshot was published.
    Snapshot(Arc<Snapshot>),
    /// An engine was found; its data come next. The text says who turned this user away before; empty when nobody did.
    Attached(String),
    /// The engine ended.
    EngineGone,
    /// An answer to a query, with the tag the query was sent with.
    Answer(Tag, Result<Box<Answer>, LinkError>),
    /// An effect was done, or not (copy, export): a message for row 23.
    Said(String),
    /// A list to be shown over the whole screen: its title and its lines.
    Listed(String, Vec<String>),
    /// Time to move a playing timeline on.
    Tick,
    /// Time to ask how far what-ifs are.
    Poll,
    /// The cursor has rested for a moment since its so-manieth move.
    Rested(u64),
    /// The commands of a proposal wrote something, or ended.
    Ran(screens::proposals::Step),
    /// A worker of the program panicked; it says where.
    WorkerPanicked(String),
}

/// Says which screen (or the frame) a query belongs to, and tells its questions apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Who asked; `None` is the frame itself (as-of, explain, commands).
    pub screen: Option<Screen>,
    /// Which question of theirs.
    pub what: &'static str,
    /// About which series, if one.
    pub series: Option<SeriesId>,
}

/// What the driver should do.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask the engine.
    Ask(Tag, Query),
    /// Copy to the terminal's clipboard (OSC 52).
    Copy(String),
    /// Write text to a file of this host that must not exist.
    WriteFile(PathBuf, String),
    /// Run these commands on this host, as this user; [`Msg::Ran`] says how it goes.
    Run(String),
    /// End the commands that run.
    StopRun,
    /// Read the files of other tools that a line names and list what is not as declared.
    Import(String),
    /// Draw everything again.
    Redraw,
    /// Send [`Msg::Tick`] after this long.
    TickAfter(Span),
    /// Send [`Msg::Poll`] after this long.
    PollAfter(Span),
    /// Send [`Msg::Rested`] with this number after a quarter of a second.
    Rest(u64),
    /// Look for an engine now, and start one in this process when there is none.
    FindEngine,
    /// Stop, as ctrl-z does.
    Suspend,
    /// End.
    Quit,
}

/// What a key of a screen does; shown in row 24 and in help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHint {
    /// The key as written (`Enter`, `[ ]`).
    pub key: &'static str,
    /// One or two words.
    pub does: &'static str,
    /// One line for help.
    pub help: &'static str,
}

/// How much room there is; every size draws something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Room {
    /// Below 40x12: counts and `q quit`.
    Tiny,
    /// One pane, no row of screens.
    Small,
    /// From 80x24: everything essential.
    Normal,
    /// From 120x40: side panes.
    Large,
}

impl State {
    /// The state before anything is known, on a screen of 80x24.
    #[must_use]
    pub fn new(look: Look, place: &str) -> Self {
        let nothing = Arc::new(nothing());
        Self {
            screen: Screen::Overview,
            shown: Arc::clone(&nothing),
            order: Order::default(),
            live: nothing,
            engine: Engine::default(),
            refused: String::new(),
            cost: Cost::default(),
            frozen: false,
            speed: 1.0,
            at: None,
            as_of_asked: None,
            back: Vec::new(),
            series: None,
            marked: BTreeSet::new(),
            filter: String::new(),
            input: None,
            overlay: None,
            message: None,
            told: None,
            walk: None,
            size: (80, 24),
            look,
            env: Env::default(),
            themes: Vec::new(),
            operate: false,
            here: None,
            pid: 0,
            who: String::new(),
            place: place.to_owned(),
            in_tmux: false,
            panic_next: false,
            quit: false,
            overview: Default::default(),
            resource: Default::default(),
            setting: Default::default(),
            forecast: Default::default(),
            proposals: Default::default(),
            whatif: Default::default(),
            timeline: Default::default(),
            audit: Default::default(),
        }
    }

    /// Begins a guided walk; the recording plays on at its speed.
    pub fn take_walk(&mut self, walk: Option<Walk>) {
        self.speed = walk.as_ref().map_or(self.speed, Walk::speed);
        self.walk = walk;
    }

    /// How much room the screen's size gives.
    #[must_use]
    pub fn room(&self) -> Room {
        match self.size {
            (..40, _) | (_, ..12) => Room::Tiny,
            (..80, _) | (_, ..24) => Room::Small,
            (..120, _) | (_, ..40) => Room::Normal,
            _ => Room::Large,
        }
    }

    /// When the newest data shown were seen; the epoch before the first.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.shown.at.unwrap_or_default()
    }

    /// The time gone back to, while what was known then is not there yet.
    #[must_use]
    pub fn awaited(&self) -> Option<Timestamp> {
        self.at.filter(|_| self.shown.live)
    }

    /// Takes another theme (`auto` or a name) with the characters in force.
    ///
    /// # Errors
    /// A sentence: the names there are, or the line at fault; nothing changes then.
    pub fn wear_theme(&mut self, theme: &str) -> Result<(), String> {
        let charset = match self.look.charset {
            Charset::Ascii => "ascii",
            Charset::Utf8 => "utf8",
        };
        self.look = self.env.look(theme, charset, &self.themes)?;
        Ok(())
    }

    /// The row of a metric.
    #[must_use]
    pub fn metric(&self, id: &SeriesId) -> Option<&crate::engine::MetricRow> {
        let rows = &self.shown.metrics;
        rows.binary_search_by(|row| row.id.cmp(id)).ok().map(|row| &rows[row])
    }

    /// Whether a row about that resource and name passes the filter.
    #[must_use]
    pub fn passes(&self, resource: &ResourceId, name: &str) -> bool {
        self.filter.is_empty()
            || self
                .filter
                .split_whitespace()
                .all(|word| resource.name().to_lowercase().contains(word) || name.to_lowercase().contains(word))
    }

    /// Cells that a host's name takes in a list, with the one behind it; none where there is only one host.
    #[must_use]
    pub fn host_cells(&self, cells: usize) -> usize {
        match self.shown.resources.len() {
            ..2 => 0,
            _ => cells + 1,
        }
    }

    /// A host's name for a row of a list, in as many cells as [`Self::host_cells`] gives.
    #[must_use]
    pub fn host(&self, host: &ResourceId, cells: usize) -> String {
        match self.host_cells(cells) {
            0 => String::new(),
            _ => fit(host.name(), cells) + " ",
        }
    }

    /// The resource of the series in focus, else the first resource.
    #[must_use]
    pub fn resource(&self) -> Option<&ResourceId> {
        self.series
            .as_ref()
            .map(|id| &id.resource)
            .or_else(|| self.shown.resources.first().map(|row| &row.id))
    }
}

/// The snapshot before the first one.
#[must_use]
pub fn nothing() -> Snapshot {
    let store = StoreRow {
        ok: true,
        ..StoreRow::default()
    };
    Snapshot::empty(Arc::default(), store)
}
