//! `demo`: recorded incidents that come with the program, with a guided walk.

use std::sync::Arc;

use serde::Serialize;

use crate::{
    cli::{Columns, Exit, Out, Replay, Usage},
    config::Scenario,
};

/// Arguments of `demo`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Which one (default: the first).
    pub name: Option<String>,
    /// Print which there are.
    #[arg(long, conflicts_with = "name")]
    pub list: bool,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    title: &'a str,
    about: &'a str,
}

impl Args {
    /// The recording to play; `None` when they are to be listed.
    pub(super) fn find(&self, scenarios: &[Scenario], on_screen: bool) -> Result<Option<Replay>, Usage> {
        if self.list || (self.name.is_none() && !on_screen) {
            return Ok(None);
        }
        let found = match &self.name {
            Some(name) => scenarios.iter().find(|scenario| scenario.name == *name),
            None => scenarios.first(),
        };
        let names: Vec<&str> = scenarios.iter().map(|scenario| &*scenario.name).collect();
        let scenario = found.ok_or_else(|| {
            Usage(match &self.name {
                Some(name) if !names.is_empty() => format!("there is no demo {name}; there are {}", names.join(", ")),
                _ => "no recorded incident was installed with this program".into(),
            })
        })?;
        Ok(Some(Replay {
            file: scenario.stream.clone(),
            speed: scenario.speed,
            scenario: Some(Arc::new(scenario.clone())),
        }))
    }

    /// Prints which there are.
    pub(super) fn list(&self, scenarios: &[Scenario], json: bool, out: &mut Out) -> anyhow::Result<Exit> {
        let rows = scenarios.iter().map(|scenario| Row {
            name: &scenario.name,
            title: &scenario.title,
            about: &scenario.about,
        });
        if json {
            out.json(&rows.collect::<Vec<_>>())?;
        } else {
            let mut table = Columns::headed(&["demo", "title", "what happened"]);
            for row in rows {
                table.row(&[row.name, row.title, row.about]);
            }
            table.print(out)?;
        }
        Ok(Exit::Done)
    }
}
