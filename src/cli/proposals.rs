//! `proposals`: what to change.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Report, Usage, plain},
    domain::{
        Artefact, Change, Effect, Evidence, Factors, Proposal, ProposalKind, ProposalStatus, ResourceId, SeriesId,
        Timestamp, Unit,
    },
    engine::Link,
};

/// Arguments of `proposals`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Print only the text to run of the proposal at this place of the list (1 is the best).
    #[arg(long, value_name = "NUMBER", conflicts_with = "json")]
    artefact: Option<usize>,
}

#[derive(Serialize)]
struct View<'a> {
    id: String,
    finding: String,
    kind: ProposalKind,
    status: ProposalStatus,
    resource: &'a ResourceId,
    title: &'a str,
    changes: Vec<Json>,
    score: f64,
    factors: Factors,
    why: &'a [Arc<str>],
    effects: Vec<EffectView<'a>>,
    cost: &'a str,
    sure: &'a str,
    risk: &'a str,
    undo: &'a str,
    artefact: &'a Artefact,
    made_at: Timestamp,
}

/// An effect of a change on a metric, as JSON; the means are at 10, 50 and 90 %.
#[derive(Serialize)]
pub(super) struct EffectView<'a> {
    series: &'a SeriesId,
    unit: Unit,
    before: [f64; 3],
    after: [f64; 3],
    difference: [f64; 3],
    crossing_before: Option<f64>,
    crossing_after: Option<f64>,
    evidence: Evidence,
}

impl<'a> From<&'a Effect> for EffectView<'a> {
    fn from(effect: &'a Effect) -> Self {
        Self {
            series: &effect.series,
            unit: effect.unit,
            before: effect.before,
            after: effect.after,
            difference: effect.difference,
            crossing_before: effect.crossing.map(|(before, _)| before),
            crossing_after: effect.crossing.map(|(_, after)| after),
            evidence: effect.evidence,
        }
    }
}

/// A change as JSON.
pub(super) fn change(change: &Change) -> Json {
    match change {
        Change::Setting { id, from, to } => json!({
            "sort": "setting",
            "series": id,
            "from": plain::value(from.as_ref()),
            "to": plain::value(to.as_ref()),
        }),
        Change::Capacity { resource, what, factor } => json!({
            "sort": "capacity",
            "resource": resource,
            "what": what,
            "factor": factor,
        }),
        Change::Traffic { resource, factor } => json!({
            "sort": "traffic",
            "resource": resource,
            "factor": factor,
        }),
    }
}

impl<'a> From<&'a Proposal> for View<'a> {
    fn from(proposal: &'a Proposal) -> Self {
        Self {
            id: proposal.id.0.to_string(),
            finding: proposal.finding.0.to_string(),
            kind: proposal.kind,
            status: proposal.status,
            resource: &proposal.resource,
            title: &proposal.title,
            changes: proposal.changes.active().map(change).collect(),
            score: proposal.factors.score(),
            factors: proposal.factors,
            why: &proposal.why,
            effects: proposal.effects.iter().map(Into::into).collect(),
            cost: &proposal.cost,
            sure: &proposal.sure,
            risk: &proposal.risk,
            undo: &proposal.undo,
            artefact: &proposal.artefact,
            made_at: proposal.made_at,
        }
    }
}

impl Report for Args {
    const NEED: Need = Need::Fresh;

    async fn run<L: Link>(&self, context: &Context<'_, L>, out: &mut Out) -> anyhow::Result<Exit> {
        let snapshot = context.snapshot();
        let proposals = &snapshot.proposals;
        if let Some(place) = self.artefact {
            let chosen = place
                .checked_sub(1)
                .and_then(|place| proposals.get(place))
                .ok_or_else(|| Usage(format!("there is no proposal {place}: there are {}", proposals.len())))?;
            out.lines(&chosen.artefact.text)?;
        } else if context.json {
            let views: Vec<View<'_>> = proposals.iter().map(|proposal| View::from(&**proposal)).collect();
            out.json(&views)?;
        } else if proposals.is_empty() {
            out.note("no proposals");
        } else {
            let mut columns = Columns::headed(&["#", "score", "status", "kind", "resource", "change", "cost", "undo"]);
            for (place, proposal) in proposals.iter().enumerate() {
                columns.row(&[
                    (place + 1).to_string(),
                    format!("{:.1}", proposal.factors.score()),
                    status(proposal.status).into(),
                    kind(proposal.kind).into(),
                    proposal.resource.to_string(),
                    proposal.title.to_string(),
                    proposal.cost.to_string(),
                    proposal.undo.to_string(),
                ]);
            }
            columns.print(out)?;
        }
        Ok(Exit::Done)
    }
}

fn status(status: ProposalStatus) -> &'static str {
    match status {
        ProposalStatus::New => "new",
        ProposalStatus::Tried => "tried",
        ProposalStatus::Weak => "weak",
        ProposalStatus::Stale => "stale",
        ProposalStatus::Dismissed => "dismissed",
    }
}

fn kind(kind: ProposalKind) -> &'static str {
    match kind {
        ProposalKind::Revert => "revert",
        ProposalKind::Adopt => "adopt",
        ProposalKind::Adjust => "adjust",
    }
}
