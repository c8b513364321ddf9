//! Reads files of other tools for the console, and says what in them is not as declared. Nothing of it is kept.

use std::{collections::BTreeSet, path::Path};

use crate::{
    domain::{
        Level,
        text::{count, visible},
    },
    drift::{ToolReport, rank},
    observe::import::{Fault, Format, Item, meant, named, read},
    store::random_key,
};

/// Departures listed at most.
const MOST: usize = 2_000;

/// A title and what is not as declared, worst first, a resource a heading.
pub type Listed = (String, Vec<String>);

fn shown(path: &Path) -> String {
    visible(&path.to_string_lossy()).into_owned()
}

/// What the files that `line` names say is not as declared.
///
/// # Errors
/// One line: what is wrong with the files, or why there is nothing to list.
pub fn listed(line: &str) -> Result<Listed, String> {
    let key = random_key().map_err(|error| error.to_string())?;
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for path in named(line) {
        let meant = meant(&path);
        let told = meant.faults.iter();
        faults.extend(told.map(|(folder, error)| format!("{}: {error}", shown(folder))));
        files.extend(meant.files);
    }
    let many = files.len() > 1;
    let (mut report, mut kinds) = (ToolReport::default(), BTreeSet::new());
    for file in &files {
        let mut take = |mut item: Item| {
            if many {
                item.name_host();
            }
            report.take(item);
        };
        let mut broken = false;
        let mut fault = |fault: Fault| {
            broken = true;
            faults.push(format!("{}:{}", shown(file), visible(&fault.to_string())));
        };
        match read(file, None, &key, &mut take, &mut fault) {
            Some(Format::Settings | Format::Env) if broken => {}
            Some(Format::Settings | Format::Env) => {
                let file = shown(file);
                faults.push(format!(
                    "{file}: only settings, which say nothing of drift; `foreshadow drift --desired {file} --live FILE`"
                ));
            }
            Some(format) => {
                kinds.insert(format.name());
            }
            None => {}
        }
    }
    let line = visible(line).into_owned();
    if kinds.is_empty() {
        let none = format!("{line}: no file of a tool in it");
        return Err(faults.into_iter().next().unwrap_or(none));
    }
    // Of a long path its end tells more.
    let name = match &files[..] {
        [one] => one
            .file_name()
            .map(|file| visible(&file.to_string_lossy()).into_owned()),
        several => Some(format!("{} files", several.len())),
    };
    let (name, kinds) = (name.unwrap_or(line), Vec::from_iter(kinds).join(", "));
    let (pending, declared) = (report.pending, report.resources);
    let compared = report.compared();
    let mut departures = compared.departures;
    rank(&mut departures);
    let mut resources: Vec<&str> = departures.iter().map(|one| &*one.resource).collect();
    resources.dedup();
    let to_come = match pending {
        0 => String::new(),
        1 => ", 1 change pending".into(),
        more => format!(", {more} changes pending"),
    };
    if departures.is_empty() {
        let alone = compared.matched == 0 && declared > 0;
        return Err(match faults.into_iter().next() {
            Some(fault) => fault,
            None if alone => format!(
                "{name}: nothing to compare with, {} declared{to_come}",
                count(declared, "resource")
            ),
            None => format!("{name} ({kinds}): nothing drifted{to_come}"),
        });
    }
    let title = format!(
        "{name} ({kinds}): {} of {} not as declared",
        count(departures.len(), "setting"),
        count(resources.len(), "resource")
    );
    let mut lines = Vec::new();
    let mut resource = "";
    for one in departures.iter().take(MOST) {
        if *one.resource != *resource {
            if !lines.is_empty() {
                lines.push(String::new());
            }
            resource = &one.resource;
            lines.push(visible(resource).into_owned());
        }
        let level = match one.level {
            Level::High => "HIGH",
            Level::Moderate => "MODERATE",
            Level::Low => "LOW",
        };
        lines.push(format!("{level:<8}  {}  {}", one.place(), one.change(false)));
    }
    if departures.len() > MOST {
        lines.push(format!("and {} more", departures.len() - MOST));
    }
    if let Some(pending) = to_come.strip_prefix(", ") {
        lines.extend([String::new(), format!("and {pending}: not applied yet")]);
    }
    lines.extend(faults.iter().take(MOST).map(|fault| format!("not read: {fault}")));
    if faults.len() > MOST {
        lines.push(format!("and {} more not read", faults.len() - MOST));
    }
    Ok((title, lines))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> Result<Listed, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        let cut = |text: String| text.replace(&*folder.path().to_string_lossy(), "");
        listed(&path.to_string_lossy())
            .map(|(title, lines)| (cut(title), lines))
            .map_err(cut)
    }

    #[test]
    fn what_a_plan_found_drifted_is_listed_worst_first() {
        let plan = r#"{"format_version":"1.2","resource_drift":[
            {"address":"a.a","type":"a","change":{"actions":["update"],"before":{"tags":"x"},"after":{"tags":"y\u001b[2J"}}},
            {"address":"a.b","type":"a","change":{"actions":["delete"],"before":{"x":1},"after":null}}],
            "resource_changes":[]}"#;
        let (title, lines) = file("plan.json", plan).unwrap();
        assert_eq!(
            title,
            "plan.json (Terraform plan): 2 settings of 2 resources not as declared"
        );
        assert_eq!(lines[..4], ["a.b", "HIGH      (all of it)  missing", "", "a.a"]);
        assert!(
            lines[4].starts_with("LOW       tags  x -> y") && !lines[4].contains('\u{1b}'),
            "{lines:?}"
        );
    }

    #[test]
    fn what_is_wrong_is_one_line() {
        assert_eq!(
            file("a.env", "A=1\n").unwrap_err(),
            "/a.env: only settings, which say nothing of drift; `foreshadow drift --desired /a.env --live FILE`"
        );
        let calm = r#"{"format_version":"1.2","resource_drift":[],"resource_changes":[]}"#;
        assert_eq!(
            file("plan.json", calm).unwrap_err(),
            "plan.json (Terraform plan): nothing drifted"
        );
        let declared = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Service\nmetadata: {name: b}\n";
        assert_eq!(
            file("shop.yaml", declared).unwrap_err(),
            "shop.yaml: nothing to compare with, 2 resources declared"
        );
        let broken = file("plan.json", "{\"format_version\":").unwrap_err();
        assert!(
            broken.contains("cut off in the middle of JSON") && !broken.contains('\n'),
            "{broken}"
        );
        let missing = listed("/nowhere/plan.json").unwrap_err();
        assert!(missing.starts_with("/nowhere/plan.json: No such file"), "{missing}");
    }

    #[test]
    fn a_folder_several_files_and_stars_are_told_together() {
        let folder = tempfile::tempdir().unwrap();
        let plan = |name: &str| {
            format!(
                r#"{{"format_version":"1.2","resource_drift":[{{"address":"{name}","type":"a",
                "change":{{"actions":["update"],"before":{{"x":1}},"after":{{"x":2}}}}}}],"resource_changes":[]}}"#
            )
        };
        std::fs::write(folder.path().join("a.json"), plan("a.a")).unwrap();
        std::fs::write(folder.path().join("b.json"), plan("a.b")).unwrap();
        std::fs::write(folder.path().join("c.env"), "A=1\n").unwrap();
        let at = folder.path().to_string_lossy().into_owned();
        let both = "2 files (Terraform plan): 2 settings of 2 resources not as declared";
        assert_eq!(listed(&format!("{at}/*.json")).unwrap().0, both);
        assert_eq!(listed(&format!("{at}/a.json {at}/b.json")).unwrap().0, both);
        let (title, lines) = listed(&at).unwrap();
        assert_eq!(title, both.replace("2 files", "3 files"));
        assert!(lines.last().unwrap().contains("c.env: only settings"), "{lines:?}");
    }
}
