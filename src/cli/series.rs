//! Which series is meant.

use crate::{
    cli::Usage,
    domain::{SeriesId, matches},
};

/// Whether a pattern chooses a series: with `*` it matches the name or `resource/name`, without it is a part of that.
#[must_use]
pub fn chosen(pattern: Option<&str>, id: &SeriesId) -> bool {
    let Some(pattern) = pattern else { return true };
    let whole = id.to_string();
    if pattern.contains('*') {
        matches(pattern, &id.name) || matches(pattern, &whole)
    } else {
        whole.contains(pattern)
    }
}

/// Finds the one series meant by `name`: `resource/name`, the name alone, its end after a dot (`vm.swappiness`), or a part of it that
/// no other has (`max_conn`).
///
/// # Errors
/// None or several are meant; names the nearest, or the several. `sort` is the word for them (`metric`).
pub fn find<'a>(name: &str, sort: &str, ids: impl Iterator<Item = &'a SeriesId> + Clone) -> Result<SeriesId, Usage> {
    if let Some(id) = ids.clone().find(|id| id.to_string() == name) {
        return Ok(id.clone());
    }
    let ends = |id: &SeriesId| id.name.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    let mut meant: Vec<&SeriesId> = ids.clone().filter(|id| *id.name == *name).collect();
    if meant.is_empty() {
        meant = ids.clone().filter(|id| ends(id)).collect();
    }
    let part = |id: &SeriesId| {
        let of = format!("{}/", id.resource);
        let part = name.strip_prefix(&of).unwrap_or(name);
        !part.is_empty() && id.name.contains(part)
    };
    let whole = !meant.is_empty();
    if !whole {
        meant = ids.clone().filter(|id| part(id)).collect();
    }
    match meant.as_slice() {
        [id] => Ok((*id).clone()),
        [] => {
            let near = |id: &SeriesId| {
                // A mistyped name is compared with the whole one and with every end of it that could have been meant.
                let ends = id.name.match_indices('.').map(|(at, _)| &id.name[at + 1..]);
                ends.chain([&*id.name, &*id.to_string()])
                    .map(|end| strsim::jaro_winkler(name, end))
                    .fold(0.0, f64::max)
            };
            let nearest = ids
                .map(|id| (near(id), id))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(near, _)| *near > 0.85)
                .map_or_else(String::new, |(_, id)| format!("did you mean {id}? "));
            Err(Usage(format!(
                "no {sort} `{name}` is watched; {nearest}`foreshadow {sort}s` lists them"
            )))
        }
        several => {
            let names: Vec<String> = several.iter().take(3).map(|id| id.to_string()).collect();
            let is = if whole { "is the name" } else { "is part of the name" };
            Err(Usage(format!(
                "`{name}` {is} of {} {sort}s; write one of {}",
                several.len(),
                names.join(", ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> Vec<SeriesId> {
        [
            "host:a/cpu.busy_pct",
            "host:b/cpu.busy_pct",
            "host:a/sysctl.vm.swappiness",
        ]
        .map(|id| id.parse().unwrap())
        .to_vec()
    }

    #[test]
    fn a_series_is_found_by_as_much_as_is_needed() {
        let find = |name| find(name, "metric", ids().iter()).map(|id| id.to_string());
        assert_eq!(find("vm.swappiness").unwrap(), "host:a/sysctl.vm.swappiness");
        assert_eq!(find("host:b/cpu.busy_pct").unwrap(), "host:b/cpu.busy_pct");
        assert!(
            find("cpu.busy_pct")
                .unwrap_err()
                .0
                .contains("host:a/cpu.busy_pct, host:b")
        );
        assert_eq!(
            find("vm.swapiness").unwrap_err().0,
            "no metric `vm.swapiness` is watched; did you mean host:a/sysctl.vm.swappiness? `foreshadow metrics` lists them"
        );
        // A part is enough where no other name has it.
        assert_eq!(find("swapp").unwrap(), "host:a/sysctl.vm.swappiness");
        assert_eq!(find("host:b/busy").unwrap(), "host:b/cpu.busy_pct");
        assert!(
            find("busy")
                .unwrap_err()
                .0
                .starts_with("`busy` is part of the name of 2 metrics; write one of host:a/cpu.busy_pct, host:b")
        );
        assert!(!find("zzz").unwrap_err().0.contains("did you mean"));
        assert!(find("").is_err());
    }

    #[test]
    fn patterns_choose_by_part_or_by_star() {
        let id = &ids()[0];
        assert!(chosen(None, id) && chosen(Some("cpu"), id) && chosen(Some("cpu.*_pct"), id));
        assert!(chosen(Some("host:a/*"), id));
        assert!(!chosen(Some("cpu*x"), id) && !chosen(Some("mem"), id));
    }
}
