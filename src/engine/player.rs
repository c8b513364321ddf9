//! Plays a recording into the engine, as fast as it is asked to.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use tokio::sync::mpsc::Sender;

use super::{Read, ReplayRow, SourceRow, clock};
use crate::{
    domain::{Batch, Span, Timestamp, text::visible},
    observe::recording::{Header, Recording},
};

/// How fast a recording is played; shared by who sets it and who plays.
#[derive(Clone, Debug)]
pub struct Pace(Arc<(Mutex<Tempo>, Condvar)>);

#[derive(Clone, Copy, Debug)]
struct Tempo {
    /// Times as fast as it happened; 0 holds it, an infinity plays all at once.
    speed: f64,
    /// Nobody listens any more.
    over: bool,
}

impl Pace {
    /// `speed` times as fast as it happened; 0 holds it, an infinity plays all at once.
    #[must_use]
    pub fn new(speed: f64) -> Self {
        Self(Arc::new((
            Mutex::new(Tempo {
                speed: Self::sane(speed),
                over: false,
            }),
            Condvar::new(),
        )))
    }

    fn sane(speed: f64) -> f64 {
        if speed > 0.0 { speed } else { 0.0 }
    }

    fn change(&self, change: impl FnOnce(&mut Tempo)) {
        let (tempo, changed) = &*self.0;
        change(&mut tempo.lock().unwrap_or_else(PoisonError::into_inner));
        changed.notify_all();
    }

    /// Plays on at another speed.
    pub fn set(&self, speed: f64) {
        self.change(|tempo| tempo.speed = Self::sane(speed));
    }

    /// A speed as people write it: `10`, `10x`, `x10`, `max`, or `hold`, which is 0.
    ///
    /// # Errors
    /// A line that says what can be written.
    pub fn parse(text: &str) -> Result<f64, String> {
        match text {
            "max" => Ok(f64::INFINITY),
            "hold" => Ok(0.0),
            number => (number.trim_matches('x').parse().ok())
                .filter(|speed: &f64| (0.001..=1e6).contains(speed))
                .ok_or_else(|| format!("{} is no speed: 0.001 to 1000000, max, hold", visible(text))),
        }
    }

    /// The speed now.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).speed
    }

    /// Ends the playing.
    pub(super) fn end(&self) {
        self.change(|tempo| tempo.over = true);
    }

    /// Waits until `span` of recorded time has passed at the speed that is set meanwhile; `false` when it is over.
    fn wait(&self, span: Span) -> bool {
        let (tempo, changed) = &*self.0;
        let mut left = span.secs_f64().max(0.0);
        let mut tempo = tempo.lock().unwrap_or_else(PoisonError::into_inner);
        while !tempo.over && (left > 0.0 || tempo.speed == 0.0) {
            let (speed, watch) = (tempo.speed, clock::Stopwatch::start());
            if speed == f64::INFINITY {
                break;
            }
            tempo = if speed == 0.0 {
                changed.wait(tempo).unwrap_or_else(PoisonError::into_inner)
            } else {
                let most = Duration::from_secs_f64((left / speed).min(3_600.0));
                changed
                    .wait_timeout(tempo, most)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            };
            left -= watch.elapsed().as_secs_f64() * speed;
        }
        !tempo.over
    }
}

/// A recording with the pace it is played at.
pub struct Player {
    recording: Recording,
    pace: Pace,
    /// When it is held next.
    scenes: VecDeque<Timestamp>,
    /// Whether it runs to the first scene, as fast as it can.
    ahead: bool,
}

impl Player {
    /// The name of the source that a recording is.
    const NAME: &'static str = "recording";
    /// What its source says of a recording that has all its steps.
    const WHOLE: &'static str = "played to its end";

    /// Plays `recording` at `pace`.
    #[must_use]
    pub fn new(recording: Recording, pace: Pace) -> Self {
        Self {
            recording,
            pace,
            scenes: VecDeque::new(),
            ahead: false,
        }
    }

    /// Plays as fast as it can to the first of `scenes`, times from its beginning in their order, and is held at each of them.
    #[must_use]
    pub fn with_scenes(mut self, scenes: impl IntoIterator<Item = Span>) -> Self {
        let from = self.header().from;
        self.scenes = scenes.into_iter().map(|after| from + after).collect();
        self.ahead = !self.scenes.is_empty();
        self
    }

    /// Whether a scene begins with the step of `now`.
    fn reaches_scene(&mut self, now: Timestamp) -> bool {
        let before = self.scenes.len();
        while self.scenes.front().is_some_and(|scene| *scene <= now) {
            self.scenes.pop_front();
        }
        self.scenes.len() < before
    }

    /// What there is to say of a recording in `snapshot` that was played so far as it goes, but is not whole: one line.
    #[must_use]
    pub fn remark(snapshot: &super::Snapshot) -> Option<String> {
        let replay = snapshot.replay.as_ref().filter(|replay| replay.ended)?;
        let row = snapshot.sources.iter().find(|row| &*row.name == Self::NAME)?;
        (row.ok && !row.says.is_empty() && &*row.says != Self::WHOLE).then(|| format!("{} {}", replay.file, row.says))
    }

    /// What the recording says of itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        self.recording.header()
    }

    /// The name of its file.
    pub(super) fn file(&self) -> Arc<str> {
        visible(&self.recording.file().file_name().unwrap_or_default().to_string_lossy()).into()
    }

    /// The pace it is played at.
    #[must_use]
    pub fn pace(&self) -> Pace {
        self.pace.clone()
    }

    /// Plays on a thread of its own. Each step of the recording is one read; the last one has no step, and says how it ended.
    pub(super) fn run(mut self, into: Sender<Read>) {
        let spawned = thread::Builder::new().name("player".into()).spawn(move || {
            let mut before: Option<Timestamp> = None;
            let ended = loop {
                match self.recording.next() {
                    Ok(Some((batch, now))) => {
                        let passed = before.map_or(Span::ZERO, |before| now - before);
                        // A clock set forward while it was recorded is not waited out.
                        let longest = Span::from_mins(1).max(self.header().interval);
                        if !self.ahead && !self.pace.wait(passed.min(longest)) {
                            return;
                        }
                        before = Some(now);
                        if self.reaches_scene(now) {
                            self.ahead = false;
                            // What plays all at once plays through.
                            if self.pace.speed().is_finite() {
                                self.pace.set(0.0);
                            }
                        }
                        if into.blocking_send(self.read(batch, now, None)).is_err() {
                            return;
                        }
                    }
                    Ok(None) => break Ok(self.recording.cut()),
                    Err(error) => break Err(error.to_string()),
                }
            };
            let now = before.unwrap_or(self.recording.header().from);
            let _ = into.blocking_send(self.read(Batch::default(), now, Some(ended)));
        });
        if let Err(error) = spawned {
            tracing::error!("the player cannot be started: {error}");
        }
    }

    fn read(&self, batch: Batch, now: Timestamp, ended: Option<Result<Option<u64>, String>>) -> Read {
        let row = SourceRow {
            ok: !matches!(ended, Some(Err(_))),
            says: match &ended {
                None => "".into(),
                Some(Ok(None)) => Self::WHOLE.into(),
                Some(Ok(Some(line))) => format!("ends in the middle of line {line}: cut off").into(),
                Some(Err(why)) => why.as_str().into(),
            },
            read: Some(now),
            ..SourceRow::new(Self::NAME, self.recording.header().interval)
        };
        Read {
            batch,
            rows: vec![row],
            measured: Vec::new(),
            scopes: Vec::new(),
            at: now,
            last: ended.is_some(),
            joins: false,
        }
    }
}

/// A recording that is being played, as the engine keeps it.
pub(super) struct Played {
    pub pace: Pace,
    /// The time of the newest step: the engine's clock.
    pub now: Timestamp,
    from: Timestamp,
    file: Arc<str>,
    /// Whether its last step was taken.
    ended: bool,
    /// When the last snapshot was published, and whether there has been a step since.
    published: clock::Stopwatch,
    dirty: bool,
}

/// Least time between two snapshots of a recording that is played fast.
const FRAME: Duration = Duration::from_millis(200);

impl Played {
    pub(super) fn new(player: &Player) -> Self {
        Self {
            pace: player.pace(),
            now: player.header().from,
            from: player.header().from,
            file: player.file(),
            ended: false,
            published: clock::Stopwatch::start(),
            dirty: false,
        }
    }

    /// It has come to `now`; `last` when there is no more.
    pub(super) fn at(&mut self, now: Timestamp, last: bool) {
        self.now = now;
        self.ended = last;
    }

    /// Whether what was just stepped is to be published now, and not with the next frame.
    pub(super) fn wants_frame(&mut self) -> bool {
        self.dirty = true;
        self.ended || self.published.elapsed() >= FRAME
    }

    /// A snapshot was published.
    pub(super) fn published(&mut self) {
        self.published = clock::Stopwatch::start();
        self.dirty = false;
    }

    /// How long until the next snapshot is due, if one is.
    pub(super) fn frame(&self) -> Option<Duration> {
        self.dirty.then(|| FRAME.saturating_sub(self.published.elapsed()))
    }

    pub(super) fn row(&self) -> ReplayRow {
        ReplayRow {
            file: self.file.clone(),
            from: self.from,
            now: self.now,
            speed: self.pace.speed(),
            ended: self.ended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pace_can_be_changed_while_it_is_waited_for() {
        let pace = Pace::new(0.0);
        let other = pace.clone();
        let waiting = thread::spawn(move || other.wait(Span::from_hours(9)));
        pace.set(f64::INFINITY);
        assert!(waiting.join().unwrap());
        pace.set(f64::NAN);
        assert_eq!(pace.speed(), 0.0);
        let other = pace.clone();
        let waiting = thread::spawn(move || other.wait(Span::ZERO));
        pace.end();
        assert!(!waiting.join().unwrap());
    }
}
