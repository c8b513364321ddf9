//! Recorded incidents that come with the program: a folder each, with a recording and what is told about it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::parse;
use crate::domain::{Options, Span, text::visible};

/// The recording and the story of a scenario's folder.
const STREAM: &str = "stream.jsonl.gz";
const STORY: &str = "scenario.toml";

/// A recorded incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name: that of its folder.
    pub name: String,
    /// What it is about, a few words.
    pub title: String,
    /// What happened, one sentence.
    pub about: String,
    /// Its place among the others.
    pub order: u32,
    /// Its recording.
    pub stream: PathBuf,
    /// How many times as fast as it happened it is played between two scenes.
    pub speed: f64,
    /// The options it is judged with.
    pub options: Options,
    /// What to look at, in order; never empty.
    pub steps: Vec<Step>,
}

/// One step of a guided walk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When it is told, from the beginning of the recording. Steps of the same time are one scene, in which the recording is held.
    #[serde(deserialize_with = "span")]
    pub at: Span,
    /// The key that does what it says: a character, `Enter` or `Esc`.
    pub press: String,
    /// One sentence.
    pub says: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Story {
    title: String,
    about: String,
    order: u32,
    speed: f64,
    /// A settings file.
    #[serde(default)]
    config: String,
    step: Vec<Step>,
}

fn span<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Span, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

impl Scenario {
    /// Reads the scenario in `folder`.
    ///
    /// # Errors
    /// One line: what cannot be read, or is wrong.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let story = folder.join(STORY);
        let at_fault = |why: String| format!("{}: {}", story.display(), visible(&why).replace('\n', "; "));
        let text = std::fs::read_to_string(&story).map_err(|error| at_fault(error.to_string()))?;
        let read: Story = toml::from_str(&text).map_err(|error| at_fault(error.to_string()))?;
        let (options, _) = parse(read.config.as_bytes(), "config", &[])
            .map_err(|faults| at_fault(faults.first().map(ToString::to_string).unwrap_or_default()))?;
        let in_order = read.step.is_sorted_by_key(|step| step.at);
        if read.step.is_empty() || !in_order || !(read.speed.is_finite() && read.speed > 0.0) {
            return Err(at_fault(
                "a walk needs a speed above 0 and steps in the order of their times".into(),
            ));
        }
        Ok(Self {
            name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            title: read.title,
            about: read.about,
            order: read.order,
            stream: folder.join(STREAM),
            speed: read.speed,
            options,
            steps: read.step,
        })
    }

    /// All scenarios in the first of `folders` that holds any, in their order.
    ///
    /// # Errors
    /// One line about the first that is at fault.
    pub fn all(folders: &[PathBuf]) -> Result<Vec<Self>, String> {
        for folder in folders {
            let inside = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let mut found = BTreeMap::new();
            for one in inside
                .map(|entry| entry.path())
                .filter(|path| path.join(STORY).is_file())
            {
                let scenario = Self::read(&one)?;
                found.insert((scenario.order, scenario.name.clone()), scenario);
            }
            if !found.is_empty() {
                return Ok(found.into_values().collect());
            }
        }
        Ok(Vec::new())
    }
}

/// Where scenarios may lie, for a program at `program`: where `make install` puts them, else in the source tree it was built in.
#[must_use]
pub fn sample_data(program: &Path) -> Vec<PathBuf> {
    let above: Vec<&Path> = program.ancestors().skip(1).take(4).collect();
    let installed = above.iter().map(|folder| folder.join("share/foreshadow/sample-data"));
    let built = above.iter().map(|folder| folder.join("sample-data"));
    installed.chain(built).chain(["sample-data".into()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<Scenario, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(STORY), text).unwrap();
        Scenario::read(folder.path())
    }

    const HEAD: &str = "title = \"t\"\nabout = \"a\"\norder = 1\nspeed = 20\n";
    const STEP: &str = "[[step]]\nat = \"40m\"\npress = \"P\"\nsays = \"s\"\n";

    #[test]
    fn a_story_brings_its_own_settings() {
        let text = format!("{HEAD}config = '''\n[[limit]]\npattern = \"tcp.established\"\nabove = 360\n'''\n{STEP}");
        let scenario = written(&text).unwrap();
        assert_eq!(&*scenario.options.limits[0].pattern, "tcp.established");
        assert_eq!(scenario.steps[0].at, Span::from_mins(40));
    }

    #[test]
    fn what_is_wrong_is_one_line() {
        for text in [
            HEAD.to_owned(),
            format!("{HEAD}step = []\n"),
            format!("{HEAD}config = \"interval = 3\"\n{STEP}"),
            format!("{HEAD}{STEP}{}", STEP.replace("40m", "30m")),
            format!("{HEAD}{}", STEP.replace("40m", "soon")),
            format!("{HEAD}{STEP}").replace("20", "-1"),
        ] {
            let why = written(&text).unwrap_err();
            assert!(why.contains(STORY) && why.lines().count() == 1, "{why}");
        }
    }

    #[test]
    fn an_installed_program_and_one_in_its_source_tree_find_them() {
        let folders = sample_data(Path::new("/usr/bin/foreshadow"));
        assert!(folders.contains(&"/usr/share/foreshadow/sample-data".into()));
        let folders = sample_data(Path::new("/src/foreshadow/target/debug/foreshadow"));
        assert!(folders.contains(&"/src/foreshadow/sample-data".into()));
        assert_eq!(Scenario::all(&["/nowhere".into()]), Ok(Vec::new()));
    }
}
