//! The guided walk through a recorded incident: which of its sentences stands in row 23.

use crossterm::event::KeyCode;

use crate::{
    config::{Scenario, Step},
    domain::Span,
};

/// A walk, and how far it has come.
///
/// Steps of one time are a scene. The recording is held when a scene begins; within it each step waits for its key. Whoever plays on
/// before the last of them goes on with the next scene when its time has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Walk {
    steps: Vec<Step>,
    speed: f64,
    /// The step that is told.
    at: usize,
    /// Whether the recording has come to the first scene.
    begun: bool,
    /// Whether its key was pressed, and the next scene is not there yet.
    done: bool,
    /// Whether a key was pressed after the last step's: the screens speak for themselves.
    over: bool,
}

/// The longest that one waits from a scene to the next, seconds.
const LONGEST: f64 = 5.0;
/// What it says when the last step is done.
const END: &str = "the walk ends here: q quits, foreshadow demo --list names the others";

impl Walk {
    /// The walk of a scenario, before its first step.
    #[must_use]
    pub fn new(scenario: &Scenario) -> Self {
        Self {
            steps: scenario.steps.clone(),
            speed: scenario.speed,
            at: 0,
            begun: false,
            done: false,
            over: false,
        }
    }

    /// How many times as fast as it happened the recording plays on from here: as the scenario says, and faster where the next scene would
    /// be waited for too long. After the last scene it plays as fast as it came there.
    #[must_use]
    pub fn speed(&self) -> f64 {
        let Some(here) = self.steps.get(self.at).map(|step| step.at) else {
            return self.speed;
        };
        let times = || self.steps.iter().map(|step| step.at);
        let ahead = times().find(|at| *at > here).map(|next| Span(next.0 - here.0));
        let behind = times()
            .rev()
            .find(|at| *at < here)
            .map(|before| Span(here.0 - before.0));
        let gap = ahead.or(behind).unwrap_or(Span::ZERO);
        (gap.secs_f64() / LONGEST).ceil().max(self.speed)
    }

    /// The recording has come this far from its beginning. Whether a scene begins.
    pub fn reached(&mut self, after: Span) -> bool {
        let due = self.steps.partition_point(|step| step.at <= after);
        let Some(last) = due.checked_sub(1) else { return false };
        let scene = self.steps.partition_point(|step| step.at < self.steps[last].at);
        let begins = !self.begun || scene > self.at;
        if begins {
            (self.at, self.begun, self.done) = (scene, true, false);
        }
        begins
    }

    /// A key was pressed that was no part of a text.
    pub fn pressed(&mut self, key: KeyCode) {
        let Some(step) = self.steps.get(self.at).filter(|_| self.begun && !self.done) else {
            self.over = self.done && self.at + 1 == self.steps.len();
            return;
        };
        let meant = match &*step.press {
            "Enter" => key == KeyCode::Enter,
            "Esc" => key == KeyCode::Esc,
            press => key == KeyCode::Char(press.chars().next().unwrap_or_default()),
        };
        if !meant {
            return;
        }
        match self.steps.get(self.at + 1) {
            Some(next) if next.at == step.at => self.at += 1,
            _ => self.done = true,
        }
    }

    /// What it says now; `clock` writes a time of the recording. At its end that it is over; from the next key on `None`.
    #[must_use]
    pub fn says(&self, clock: impl Fn(Span) -> String) -> Option<String> {
        if !self.begun {
            let begins = clock(self.steps.first()?.at);
            return Some(format!(
                "the shadow learns what is usual here until {begins}; then the story begins"
            ));
        }
        if !self.done {
            return self.steps.get(self.at).map(|step| step.says.clone());
        }
        let Some(next) = self.steps.get(self.at + 1) else {
            return (!self.over).then(|| END.into());
        };
        Some(format!(
            "the story goes on at {}; P holds it and plays on",
            clock(next.at)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk() -> Walk {
        let step = |mins, press: &str, says: &str| Step {
            at: Span::from_mins(mins),
            press: press.into(),
            says: says.into(),
        };
        Walk {
            steps: vec![
                step(40, "6", "look"),
                step(40, "P", "play on"),
                step(50, "4", "what to do"),
            ],
            speed: 20.0,
            at: 0,
            begun: false,
            done: false,
            over: false,
        }
    }

    fn says(walk: &Walk) -> String {
        walk.says(|after| after.to_string()).unwrap_or_default()
    }

    #[test]
    fn it_steps_on_as_keys_are_pressed_and_time_passes() {
        let mut walk = walk();
        walk.reached(Span::from_mins(3));
        walk.pressed(KeyCode::Char('6'));
        assert!(says(&walk).contains("learns"), "nothing before its time");
        walk.reached(Span::from_mins(40));
        assert_eq!(says(&walk), "look");
        walk.pressed(KeyCode::Char('P'));
        assert_eq!(says(&walk), "look", "another key is another matter");
        walk.pressed(KeyCode::Char('6'));
        assert_eq!(says(&walk), "play on");
        walk.pressed(KeyCode::Char('P'));
        assert!(says(&walk).contains("goes on at 50"), "{}", says(&walk));
        walk.reached(Span::from_mins(49));
        assert!(says(&walk).contains("goes on"));
        walk.reached(Span::from_mins(51));
        assert_eq!(says(&walk), "what to do");
        walk.pressed(KeyCode::Char('4'));
        assert!(
            says(&walk).contains("q quits") && says(&walk).contains("demo --list"),
            "{}",
            says(&walk)
        );
        walk.pressed(KeyCode::Char('2'));
        assert_eq!(says(&walk), "", "then the screens speak for themselves");
    }

    #[test]
    fn nobody_waits_long_for_a_scene() {
        let mut walk = walk();
        assert!(walk.reached(Span::from_mins(40)) && !walk.reached(Span::from_mins(41)));
        assert_eq!(walk.speed(), 120.0, "ten minutes in five seconds");
        assert!(walk.reached(Span::from_mins(50)));
        assert_eq!(walk.speed(), 120.0, "to the end as fast as to the last scene");
        walk.speed = 3600.0;
        assert_eq!(walk.speed(), 3600.0, "never slower than it is told to be");
    }

    #[test]
    fn who_plays_on_misses_a_scene_and_not_the_walk() {
        let mut walk = walk();
        walk.reached(Span::from_mins(40));
        walk.reached(Span::from_mins(55));
        assert_eq!(says(&walk), "what to do");
    }
}
