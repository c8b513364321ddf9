//! `drift`: what is not as declared, from files alone.

pub(super) mod files;
mod ignore;
pub(super) mod show;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use serde::Serialize;

use self::{
    files::{Faults, Wanted},
    ignore::Rules,
};
use crate::{
    cli::{Exit, FailOn, Out},
    config::Fault,
    domain::{self, Document, Level, Severity, Timestamp, Tree},
    drift::{Compared, Departure, Issue, ToolReport, compare, issues, rank},
    observe::import::{Format, Item},
    store::random_key,
};

/// Arguments of `drift`.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// What was declared: manifests, rendered charts, .env, YAML or JSON settings, a state. Folders are gone through; `-` is stdin.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "live", required_unless_present = "import")]
    desired: Vec<PathBuf>,
    /// What is: the same formats, such as `kubectl get -o yaml` prints.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "desired")]
    live: Vec<PathBuf>,
    /// What a tool found drifted: a Terraform plan as JSON, an Ansible run or Foreman report, a Puppet report; or live objects of
    /// Kubernetes against what was last applied.
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["desired", "live"])]
    import: Vec<PathBuf>,
    /// Rules for what may differ, each with a reason: TOML tables `[[ignore]]` of resource, path, reason and until.
    #[arg(long, value_name = "FILE")]
    ignore: Option<PathBuf>,
    /// Take the two sides as in sync: write what differs into the rules of `--ignore`.
    #[arg(long, requires = "ignore")]
    learn: bool,
    /// Tell known issues of what is live too.
    #[arg(long)]
    issues: bool,
    /// End with 1 when a departure is at or above this.
    #[arg(long, value_name = "LEVEL")]
    fail_on: Option<FailOn>,
}

/// A departure as JSON.
#[derive(Serialize)]
pub(super) struct View<'a> {
    resource: &'a str,
    path: String,
    desired: Option<&'a Tree>,
    live: Option<&'a Tree>,
    level: Level,
    /// Who wrote it last.
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    /// What a tool is about to do with all of the resource, when it does not only change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<&'a str>,
    /// The known issue that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    article: Option<&'a str>,
    /// How many keys of the resource are only live and were not judged, as nothing says whether a server filled them in.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_judged: Option<usize>,
    /// How many resources of the kind have it alike: taken as the cluster's doing, and no drift.
    #[serde(skip_serializing_if = "Option::is_none")]
    alike: Option<usize>,
}

/// What the files say besides what drifted.
#[derive(Debug, Default)]
struct Account {
    compared: Compared,
    /// Changes that a plan is about to make.
    pending: usize,
    /// Whether a tool's own account was read.
    told: bool,
    /// Settings that a tool could not set right.
    failed: usize,
    /// Departures that rules let pass.
    ignored: usize,
    /// Known issues of what is live.
    issues: Vec<Issue>,
    /// Declared resources that may stand in what could not be read of the live side.
    unjudged: usize,
    faults: Faults,
}

/// Compares or imports the files and prints what is not as declared.
///
/// # Errors
/// On rules that make no sense, and when nothing can be written. What is wrong with a file is told, and the others go on.
pub(super) fn run(args: &Args, known: &Known, now: Timestamp, json: bool, out: &mut Out) -> anyhow::Result<Exit> {
    let key = random_key()?;
    for fault in &known.1 {
        out.note(&format!("foreshadow: {fault}"));
    }
    let mut rules = args
        .ignore
        .as_deref()
        .map_or_else(|| Ok(Rules::default()), |file| Rules::read(file, args.learn))?;
    for expired in rules.expired(now) {
        out.note(&format!("foreshadow: {expired}"));
    }
    let mut account = if args.import.is_empty() {
        pair(args, &known.0, &key, out)
    } else {
        import(&args.import, &known.0, &key, out)
    };
    for doubt in &account.compared.doubts {
        out.note(&format!("foreshadow: {doubt}"));
    }
    worsen(&mut account);
    let departures = &mut account.compared.departures;
    let before = departures.len();
    departures.retain(|departure| !rules.let_pass(departure, now));
    account.ignored = before - departures.len();
    rank(departures);
    account.issues.retain(|issue| {
        let departure = told_of(issue);
        issue.level.is_some() && !rules.let_pass(&departure, now)
    });
    account
        .issues
        .sort_by(|a, b| b.level.cmp(&a.level).then_with(|| a.resource.cmp(&b.resource)));
    if args.learn {
        let learnt = rules.learn(departures, now)?;
        out.note(&format!(
            "{learnt} rules written; these differences are taken as in sync"
        ));
        departures.clear();
    }
    if let Some(idle) = rules.idle(now).filter(|_| account.faults.told == 0) {
        out.note(&format!("foreshadow: {idle}"));
    }
    if json {
        let mut views: Vec<View<'_>> = (account.compared.departures.iter())
            .map(|departure| View {
                rule: account.rule_of(departure),
                not_judged: account.compared.not_judged.get(&departure.resource).copied(),
                ..view(departure)
            })
            .collect();
        views.extend(account.compared.learnt.iter().map(|learnt| View {
            resource: &learnt.kind,
            path: learnt.path.clone(),
            desired: None,
            live: Some(&learnt.live),
            level: Level::Low,
            by: None,
            action: None,
            rule: None,
            why: None,
            article: None,
            not_judged: None,
            alike: Some(learnt.count),
        }));
        let told: Vec<Departure> = account.issues.iter().map(told_of).collect();
        if args.issues {
            let issues = told.iter().zip(&account.issues);
            views.extend(issues.map(|(departure, issue)| View {
                rule: Some(&issue.rule),
                why: Some(&issue.why),
                article: Some(&issue.article),
                ..view(departure)
            }));
        }
        out.json(&views)?;
        for line in show::not_judged(&account.compared) {
            out.note(&line);
        }
    } else {
        show::page(&account, args.issues, out)?;
    }
    let met = |least: FailOn| {
        account
            .compared
            .departures
            .iter()
            .any(|one| least.is_met(one.level, severity(one.level)))
    };
    Ok(if account.faults.told > 0 {
        Exit::Faults
    } else if args.fail_on.is_some_and(met) {
        Exit::Findings
    } else {
        Exit::Done
    })
}

pub(super) fn view(departure: &Departure) -> View<'_> {
    View {
        resource: &departure.resource,
        path: departure.path.to_string(),
        desired: departure.desired.as_ref(),
        live: departure.live.as_ref(),
        level: departure.level,
        by: departure.by.as_deref(),
        action: departure.action.as_deref(),
        rule: None,
        why: None,
        article: None,
        not_judged: None,
        alike: None,
    }
}

/// The rules in force, and what is wrong with the others.
pub(super) type Known = (domain::Rules, Vec<Fault>);

impl Account {
    /// The known issue that a departure is.
    fn rule_of(&self, departure: &Departure) -> Option<&str> {
        let of = |issue: &&Issue| issue.resource == departure.resource && issue.path.names().eq(departure.path.names());
        self.issues.iter().find(of).map(|issue| &*issue.rule)
    }
}

/// A departure that is a known issue too matters as much as that.
fn worsen(account: &mut Account) {
    for departure in &mut account.compared.departures {
        let of = |issue: &&Issue| issue.resource == departure.resource && issue.path.names().eq(departure.path.names());
        let worst = account.issues.iter().filter(of).filter_map(|issue| issue.level).max();
        departure.level = departure.level.max(worst.unwrap_or(Level::Low));
    }
}

/// A known issue as what is not as it should be.
fn told_of(issue: &Issue) -> Departure {
    Departure {
        resource: issue.resource.clone(),
        path: issue.path.clone(),
        desired: None,
        live: issue.live.clone(),
        level: issue.level.unwrap_or(Level::Low),
        by: None,
        action: None,
    }
}

/// What is declared nowhere else is for the record; all else asks for a look.
fn severity(level: Level) -> Severity {
    match level {
        Level::Low => Severity::Notice,
        Level::Moderate | Level::High => Severity::Warning,
    }
}

/// Compares what was declared with what is.
fn pair(args: &Args, known: &domain::Rules, key: &[u8; 32], out: &mut Out) -> Account {
    let mut account = Account::default();
    let mut side = |files: &[PathBuf]| {
        let (mut documents, mut faults): (Vec<Document>, Faults) = (Vec::new(), Faults::default());
        files::each(files, Wanted::State, key, out, &mut faults, &mut |item, _| {
            if let Item::Document(document, _) = item {
                documents.push(document);
            }
        });
        account.faults.told += faults.told;
        (documents, faults.lost)
    };
    let ((desired, _), (live, lost)) = (side(&args.desired), side(&args.live));
    account.issues = live.iter().flat_map(|document| issues(known, document)).collect();
    account.compared = compare(&desired, &live);
    // What is missing may stand in what could not be read.
    if lost {
        let departures = &mut account.compared.departures;
        let before = departures.len();
        departures.retain(|one| !(one.path.0.is_empty() && one.live.is_none()));
        account.unjudged = before - departures.len();
    }
    account
}

/// What the tools found for themselves.
fn import(files: &[PathBuf], known: &domain::Rules, key: &[u8; 32], out: &mut Out) -> Account {
    let mut account = Account::default();
    let (mut report, mut found_issues) = (ToolReport::default(), Vec::new());
    let mut faults = Faults::default();
    let formats = files::each(files, Wanted::Report, key, out, &mut faults, &mut |item, _| {
        if let Item::Document(document, _) = &item {
            found_issues.extend(issues(known, document));
        }
        report.take(item);
    });
    account.faults = faults;
    (account.pending, account.failed) = (report.pending, report.failed);
    account.compared = report.compared();
    account.issues = found_issues;
    account.told = formats
        .into_iter()
        .flatten()
        .any(|format| matches!(format, Format::TerraformPlan | Format::Ansible | Format::Puppet));
    account
}
