//! `doctor rules`: whether the rules make sense, and which known issues there are here.

use serde::Serialize;

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Runtime, Setup, exit::one_line},
    domain::{Level, Rule},
    drift::{Match, tried},
    engine::{Answer, Query},
};

/// A rule as JSON.
#[derive(Serialize)]
struct View<'a> {
    id: &'a str,
    /// `None` of a note.
    level: Option<Level>,
    title: &'a str,
    why: &'a str,
    article: &'a str,
    from: &'a str,
    /// What is wrong with its examples.
    says: Option<&'static str>,
    /// Where it matches here; `None` when no engine could be asked.
    matches: Option<Vec<Here<'a>>>,
}

#[derive(Serialize)]
struct Here<'a> {
    resource: &'a str,
    says: &'a [std::sync::Arc<str>],
}

/// Tries every rule on its examples, and tells which match here. Ends with 2 when a rule makes no sense.
pub(in crate::cli) async fn run<R: Runtime>(
    setup: &Setup,
    runtime: &R,
    json: bool,
    out: &mut Out,
) -> anyhow::Result<Exit> {
    for fault in &setup.rule_faults {
        out.note(&format!("foreshadow: {fault}"));
    }
    let rules = &setup.options.rules;
    let matches = here(setup, runtime, json, out).await;
    let mut wrong = setup.rule_faults.len();
    let views: Vec<View<'_>> = rules
        .rules
        .iter()
        .map(|rule| View {
            id: &rule.id,
            level: rule.level,
            title: &rule.title,
            why: &rule.why,
            article: &rule.article,
            from: &rule.from,
            says: examples(rules, rule).inspect(|_| wrong += 1),
            matches: matches.as_deref().map(|all| of(rule, all)),
        })
        .collect();
    if json {
        out.json(&views)?;
    } else {
        page(&views, out)?;
        let matching = views
            .iter()
            .filter(|view| view.matches.as_ref().is_some_and(|all| !all.is_empty()));
        let here = match &matches {
            Some(_) => format!("{} match here", matching.count()),
            None => "what is here is not known".into(),
        };
        out.note(&format!("{} rules, {wrong} with faults; {here}", views.len()));
    }
    Ok(if wrong > 0 { Exit::Faults } else { Exit::Done })
}

/// What the engine finds; `None` when there is none to ask, which is told.
async fn here<R: Runtime>(setup: &Setup, runtime: &R, json: bool, out: &mut Out) -> Option<Vec<Match>> {
    let link = match runtime.connect(setup, Need::Fresh).await {
        Ok(link) => link,
        Err(error) => {
            out.note(&format!("foreshadow: {}", one_line(&error)));
            return None;
        }
    };
    let context = Context {
        link: &link,
        when: &runtime.when(),
        json,
    };
    let asked = context.ask(Query::Issues, |answer| match answer {
        Answer::Issues(matches) => Some(matches),
        _ => None,
    });
    match asked.await {
        Ok(matches) => Some(matches),
        Err(error) => {
            out.note(&format!("foreshadow: {}", one_line(&error)));
            None
        }
    }
}

fn of<'a>(rule: &Rule, all: &'a [Match]) -> Vec<Here<'a>> {
    let own = all.iter().filter(|found| found.rule == rule.id);
    own.map(|found| Here {
        resource: found.resource.as_str(),
        says: &found.says,
    })
    .collect()
}

/// What the examples of a rule show to be wrong with it.
fn examples(rules: &crate::domain::Rules, rule: &Rule) -> Option<&'static str> {
    match (tried(rules, rule, &rule.fires), tried(rules, rule, &rule.quiet)) {
        (None, _) | (_, None) => Some("an example is no table of values"),
        (Some(false), _) => Some("does not match its example `fires`"),
        (_, Some(true)) => Some("matches its example `quiet`"),
        (Some(true), Some(false)) => None,
    }
}

/// What is wrong, and what matches.
fn page(views: &[View<'_>], out: &mut Out) -> anyhow::Result<()> {
    let mut page = Columns::default();
    for view in views {
        if let Some(says) = view.says {
            page.row(&["!!", view.id, "", &format!("{}: {says}", view.from)]);
        }
    }
    for view in views {
        for here in view.matches.iter().flatten() {
            let level = match view.level {
                None => "note",
                Some(Level::Low) => "LOW",
                Some(Level::Moderate) => "MODERATE",
                Some(Level::High) => "HIGH",
            };
            let says = format!("{}: {}: {}", here.resource, view.title, here.says.join(", "));
            page.row(&["~", view.id, level, &says]);
        }
    }
    page.print(out)?;
    Ok(())
}
