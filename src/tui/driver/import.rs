//! Reads a file of another tool for the console, and says what in it is not as declared. Nothing of it is kept.

use std::path::Path;

use crate::{
    domain::{Level, text::visible},
    drift::{ToolReport, rank},
    observe::import::{Format, read},
    store::random_key,
};

/// Departures listed at most.
const MOST: usize = 2_000;

/// A title and what is not as declared, worst first, a resource a heading.
pub type Listed = (String, Vec<String>);

/// What `path` says is not as declared.
///
/// # Errors
/// One line: what is wrong with the file, or why there is nothing to list.
pub fn listed(path: &Path) -> Result<Listed, String> {
    let shown = visible(&path.to_string_lossy()).into_owned();
    if path.is_dir() {
        return Err(format!(
            "{shown} is a folder: `foreshadow drift --import` goes through it"
        ));
    }
    let key = random_key().map_err(|error| error.to_string())?;
    let (mut report, mut faults) = (ToolReport::default(), Vec::new());
    let format = read(path, &key, &mut |item| report.take(item), &mut |fault| {
        faults.push(visible(&fault.to_string()).into_owned());
    });
    let Some(format) = format else {
        let fault = faults.first().map_or(" cannot be read", String::as_str);
        return Err(format!("{shown}:{fault}"));
    };
    if matches!(format, Format::Settings | Format::Env) {
        return Err(format!(
            "{shown}: only settings, which say nothing of drift; `foreshadow drift --desired {shown} --live FILE`"
        ));
    }
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
    let name = format.name();
    let count = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    if let (true, Some(fault)) = (departures.is_empty(), faults.first()) {
        return Err(format!("{shown}:{fault}"));
    }
    if departures.is_empty() {
        let alone = compared.matched == 0 && declared > 0;
        return Err(match alone {
            true => {
                let whose = path
                    .file_name()
                    .map_or(shown, |file| visible(&file.to_string_lossy()).into_owned());
                format!(
                    "{whose}: nothing to compare with, {} declared{to_come}",
                    count(declared, "resource")
                )
            }
            false => format!("{shown} ({name}): nothing drifted{to_come}"),
        });
    }
    let title = format!(
        "{} ({name}): {} of {} not as declared",
        // Of a long path its end tells more.
        path.file_name()
            .map_or_else(|| shown.clone(), |file| visible(&file.to_string_lossy()).into_owned()),
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
    lines.extend(faults.iter().map(|fault| format!("not read: {shown}:{fault}")));
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
        listed(&path).map(|(title, lines)| (cut(title), lines)).map_err(cut)
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
            "/plan.json (Terraform plan): nothing drifted"
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
        let missing = listed(Path::new("/nowhere/plan.json")).unwrap_err();
        assert!(missing.starts_with("/nowhere/plan.json: No such file"), "{missing}");
        assert!(listed(Path::new("/")).unwrap_err().contains("is a folder"));
    }
}
