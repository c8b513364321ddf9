//! `doctor rules`: whether the rules make sense, and which known issues there are here.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;

use crate::{
    cli::{Columns, Context, Exit, Need, Out, Runtime, Setup, exit::one_line},
    domain::{Level, Rule, Rules},
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
    /// Where it matches here; `None` when no engine could be asked, or the one that runs has not read it as it stands.
    matches: Option<Vec<Here<'a>>>,
}

#[derive(Serialize)]
struct Here<'a> {
    resource: &'a str,
    says: &'a [Arc<str>],
}

/// What the engine finds by its rules, and what tells those from others.
type Found = (Vec<Match>, BTreeMap<Arc<str>, u64>);

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
    let found = here(setup, runtime, json, out).await;
    let unread = found
        .as_ref()
        .map_or_else(Vec::new, |(_, theirs)| unread(rules, theirs));
    let matches = found.map(|(matches, _)| matches);
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
            matches: (matches.as_deref())
                .filter(|_| !unread.contains(&&*rule.id))
                .map(|all| of(rule, all)),
        })
        .collect();
    if !unread.is_empty() {
        let first = unread.iter().take(3).copied().collect::<Vec<_>>().join(", ");
        let more = unread.len().saturating_sub(3);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        out.note(&format!(
            "foreshadow: the engine that runs has not read {first}{more} as written; restart it to see where such match"
        ));
    }
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
async fn here<R: Runtime>(setup: &Setup, runtime: &R, json: bool, out: &mut Out) -> Option<Found> {
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
        Answer::Issues(matches, rules) => Some((matches, rules)),
        _ => None,
    });
    match asked.await {
        Ok(found) => Some(found),
        Err(error) => {
            out.note(&format!("foreshadow: {}", one_line(&error)));
            None
        }
    }
}

/// The rules that an engine with `theirs` has not read, or not as they are.
fn unread<'a>(rules: &'a Rules, theirs: &BTreeMap<Arc<str>, u64>) -> Vec<&'a str> {
    let ours = rules.marks();
    let other = |rule: &&Rule| ours.get(&rule.id) != theirs.get(&rule.id);
    rules.rules.iter().filter(other).map(|rule| &*rule.id).collect()
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
fn examples(rules: &Rules, rule: &Rule) -> Option<&'static str> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::rules;

    #[test]
    fn a_rule_the_engine_has_not_read_as_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let written = |value: u32| {
            let text = format!(
                "[[rule]]\nid = \"own-swap\"\nseverity = \"low\"\ntitle = \"t\"\nwhy = \"w\"\narticle = \"https://example.com/a\"\n\
                 when = [{{ setting = \"sysctl.vm.swappiness\", above = {value} }}]\nfires = {{ \"sysctl.vm.swappiness\" = 99 }}\nquiet = {{ \"sysctl.vm.swappiness\" = 0 }}\n"
            );
            std::fs::write(folder.path().join("own.toml"), text).unwrap();
            let (rules, faults) = rules(folder.path());
            assert!(faults.is_empty(), "{faults:?}");
            rules
        };
        let (before, after) = (written(60), written(70));
        assert_eq!(unread(&before, &before.marks()), [] as [&str; 0]);
        assert_eq!(unread(&after, &before.marks()), ["own-swap"]);
        assert_eq!(unread(&after, &BTreeMap::new()).len(), after.rules.len());
    }
}
