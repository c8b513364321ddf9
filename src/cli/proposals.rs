//! `proposals`: what to change.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value as Json;

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Report, Usage},
    domain::{Artefact, Factors, Proposal, ProposalKind, ProposalStatus, ResourceId, Timestamp},
    engine::Link,
    simulate::{EffectView, change},
};

/// Arguments of `proposals`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// Print this proposal whole, with the text to run.
    #[arg(value_name = "NUMBER")]
    number: Option<u64>,
    /// Print only the text to run of this proposal.
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["json", "number"])]
    artefact: Option<u64>,
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
        let chosen = |number: u64| {
            let found = proposals.iter().find(|proposal| proposal.id.0 == number);
            found.ok_or_else(|| {
                let known: Vec<String> = proposals.iter().map(|proposal| format!("#{}", proposal.id.0)).collect();
                Usage(match known.len() {
                    0 => format!("there is no proposal {number}: there are none"),
                    _ => format!("there is no proposal {number}, only {}", known.join(" ")),
                })
            })
        };
        if let Some(number) = self.artefact {
            out.lines(&chosen(number)?.artefact.text)?;
        } else if context.json {
            let all = proposals
                .iter()
                .filter(|proposal| self.number.is_none_or(|number| proposal.id.0 == number));
            let views: Vec<View<'_>> = all.map(|proposal| View::from(&**proposal)).collect();
            if let Some(number) = self.number.filter(|_| views.is_empty()) {
                chosen(number)?;
            }
            out.json(&views)?;
        } else if let Some(number) = self.number {
            whole(chosen(number)?, out)?;
        } else if proposals.is_empty() {
            out.note("no proposals");
        } else {
            let mut columns = Columns::headed(&["#", "score", "status", "kind", "resource", "change", "cost", "undo"]);
            for proposal in proposals.iter() {
                columns.row(&[
                    proposal.id.0.to_string(),
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

/// A proposal with all that is known of it.
fn whole(proposal: &Proposal, out: &mut Out) -> anyhow::Result<()> {
    let factors = proposal.factors;
    out.line(&format!(
        "#{} {}: {}",
        proposal.id.0,
        kind(proposal.kind),
        proposal.title
    ))?;
    out.line(&format!(
        "score {:.1} = success {:.2} x impact {:.1} / (disruption {:.1} + effort {:.1}); {}",
        factors.score(),
        factors.success,
        factors.impact,
        factors.disruption,
        factors.effort,
        status(proposal.status)
    ))?;
    for why in &proposal.why {
        out.line(&format!("why   {why}"))?;
    }
    for (word, text) in [
        ("cost", &proposal.cost),
        ("sure", &proposal.sure),
        ("risk", &proposal.risk),
        ("undo", &proposal.undo),
    ] {
        out.line(&format!("{word}  {text}"))?;
    }
    out.line("")?;
    out.lines(&proposal.artefact.text)?;
    Ok(())
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
