//! `whatif`: what a change would do.

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Report, Usage, series, span},
    domain::{Change, ChangeSet, Evidence, ResourceId, Span, Step, ends_change},
    engine::{Answer, Link, Query, Snapshot},
    simulate::{Outcome, view},
};

/// Arguments of `whatif`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// SETTING=VALUE, "SETTING OLD -> NEW", "cpu x2" (memory, disk, network), "disk /srv x1.25", "traffic x1.5"; several are made together.
    #[arg(required = true)]
    changes: Vec<String>,
    /// How far ahead (default: the option `horizon`).
    #[arg(long, value_name = "SPAN", value_parser = span)]
    horizon: Option<Span>,
    /// Seed of the draws: the same seed on the same data gives the same figures.
    #[arg(long, default_value_t = 7)]
    seed: u64,
}

impl Report for Args {
    const NEED: Need = Need::Fresh;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let snapshot = context.snapshot();
        let query = Query::WhatIf {
            changes: ChangeSet {
                steps: self.read(&snapshot)?,
            },
            horizon: self.horizon.unwrap_or(snapshot.options.horizon),
            seed: self.seed,
            at: None,
            job: Some(0),
        };
        let outcome = context
            .ask(query, |answer| match answer {
                Answer::WhatIf(outcome) => Some(outcome),
                _ => None,
            })
            .await?;
        if context.json {
            out.json(&view(&outcome))?;
        } else {
            page(&outcome, out)?;
        }
        Ok(Exit::Done)
    }
}

impl Args {
    /// Every argument is a change, or several words are one: `whatif cpu x2 traffic x1.5`.
    fn read(&self, snapshot: &Snapshot) -> anyhow::Result<Vec<Step>> {
        let mut steps = Vec::new();
        for text in together(&self.changes) {
            steps.push(Step {
                change: one(&text, snapshot)?,
                at: None,
                on: true,
            });
        }
        for (place, step) in steps.iter().enumerate() {
            if let Some(twice) = steps[..place]
                .iter()
                .find(|other| other.change.same_setting(&step.change))
            {
                return Err(Usage(format!(
                    "one setting has one value: {} and {}",
                    twice.change, step.change
                ))
                .into());
            }
        }
        Ok(steps)
    }
}

/// The words of each change: one ends with its factor or its value. What comes behind the last is of that one, as the further words of a value.
fn together(words: &[String]) -> Vec<String> {
    let mut changes: Vec<String> = Vec::new();
    let mut open = String::new();
    for word in words {
        open = if open.is_empty() {
            word.clone()
        } else {
            format!("{open} {word}")
        };
        if ends_change(&open) {
            changes.push(std::mem::take(&mut open));
        }
    }
    match changes.last_mut() {
        _ if open.is_empty() => {}
        Some(last) => *last = format!("{last} {open}"),
        None => changes.push(open),
    }
    changes
}

/// Reads one change; a setting gets its whole name and its value now.
fn one(text: &str, snapshot: &Snapshot) -> anyhow::Result<Change> {
    let hosts: Vec<&ResourceId> = snapshot
        .resources
        .iter()
        .map(|row| &row.id)
        .filter(|id| id.kind() == "host")
        .collect();
    let Some(here) = hosts.first() else {
        return Err(Usage("nothing is watched yet: start `foreshadow engine`, or try again in a minute".into()).into());
    };
    let mut change = Change::parse(text, here)?;
    let named = text.trim_start().starts_with(&format!("{}/", change.resource()));
    if let Change::Setting { id, .. } = &mut change {
        let wanted = if named { id.to_string() } else { id.name.to_string() };
        *id = series::find(&wanted, "setting", snapshot.settings.iter().map(|row| &row.id))?;
        let wanted = id.clone();
        let row = snapshot.settings.iter().find(|row| row.id == wanted);
        if let Some(why) = change.set_out_from(row.and_then(|row| row.value.as_ref())) {
            return Err(Usage(why).into());
        }
    } else if !named && hosts.len() > 1 {
        return Err(Usage(format!(
            "`{text}` names no host, and there are {}: write {here}/{}",
            hosts.len(),
            text.trim()
        ))
        .into());
    }
    if let Some(why) = change.nowhere(snapshot.metrics.iter().map(|row| &row.id)) {
        return Err(Usage(why).into());
    }
    Ok(change)
}

fn page(outcome: &Outcome, out: &mut Out) -> anyhow::Result<()> {
    for change in outcome.changes.active() {
        out.line(&format!("{}: {change}", change.resource()))?;
    }
    out.line(&format!(
        "over {}, {} runs, seed {}; inside what was seen: {}",
        outcome.horizon,
        outcome.runs,
        outcome.seed,
        if outcome.inside_seen { "yes" } else { "no" }
    ))?;
    if !outcome.effects.is_empty() {
        out.line("")?;
        let mut columns = Columns::headed(&["metric", "without", "with (80 %)", "difference", "limit passed", "from"]);
        for effect in &outcome.effects {
            let show = |value| effect.unit.show(value);
            let [low, middle, high] = effect.after;
            columns.row(&[
                effect.series.to_string(),
                show(effect.before[1]),
                format!("{} ({}..{})", show(middle), show(low), show(high)),
                effect.unit.signed(effect.difference[1]),
                effect.crossing.map_or_else(
                    || "-".into(),
                    |(before, after)| format!("{:.0} -> {:.0} %", before * 100.0, after * 100.0),
                ),
                match (effect.evidence, effect.cases) {
                    (Evidence::Identity, _) => "identity".into(),
                    (Evidence::PastChange, 0 | 1) => "one past change".into(),
                    (Evidence::PastChange, cases) => format!("{cases} past changes"),
                    (Evidence::Network, _) => "network".into(),
                    (Evidence::None, _) => "no evidence: prior".into(),
                },
            ]);
        }
        columns.print(out)?;
    }
    for note in &outcome.notes {
        out.line(note)?;
    }
    Ok(())
}
