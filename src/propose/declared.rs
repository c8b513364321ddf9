//! What answers a declaration that is not in force: loading it, or making the file say what is.

use super::{
    Candidate, PLAINLY,
    artefact::{self, Look, Wanted},
    known,
    shell::quote,
    stake,
};
use crate::{
    domain::{Change, ChangeSet, Factors, Finding, ProposalKind, SeriesId, Step, Subject, Value},
    drift::Unmet,
};

/// P(what a file of the host declares is what is wanted).
const WANTED: f64 = 0.8;

/// The two ways for the declarations that the finding tells of; none where it tells of none.
pub(super) fn brought(finding: &Finding, all: &[Unmet], look: Look<'_>) -> Vec<Candidate> {
    let told: Vec<&Unmet> = all
        .iter()
        .filter(|one| finding.series.contains(&one.by) || finding.series.contains(&one.of))
        .collect();
    if told.is_empty() {
        return Vec::new();
    }
    load(finding, &told, look)
        .into_iter()
        .chain(written(finding, &told, look))
        .collect()
}

fn changes(all: impl Iterator<Item = Change>) -> ChangeSet {
    let step = |change| Step {
        change,
        at: None,
        on: true,
    };
    ChangeSet {
        steps: all.map(step).collect(),
    }
}

/// What is, made what is declared.
fn load(finding: &Finding, told: &[&Unmet], look: Look<'_>) -> Option<Candidate> {
    let wanted: Vec<Wanted<'_>> = told
        .iter()
        .map(|one| Wanted {
            id: &one.of,
            was: one.actual.as_ref(),
            value: Some(&one.declared),
        })
        .collect();
    let way = artefact::set(&wanted, look)?;
    let commands: Option<Vec<String>> = told.iter().map(|one| command(one)).collect();
    let mut commands = commands?;
    commands.dedup();
    let back: Vec<Wanted<'_>> = wanted
        .iter()
        .map(|wanted| Wanted {
            was: wanted.value,
            value: wanted.was,
            ..*wanted
        })
        .collect();
    let set = changes(told.iter().map(|one| Change::Setting {
        id: one.of.clone(),
        from: one.actual.clone(),
        to: Some(one.declared.clone()),
    }));
    let risk = told.iter().find_map(|one| match Subject::of(&one.of.name) {
        Subject::Sysctl(name) => known::sysctl(name)
            .map(|known| known.risk)
            .filter(|risk| !risk.is_empty()),
        _ => None,
    });
    Some(Candidate {
        kind: ProposalKind::Adjust,
        key: "as declared".into(),
        title: commands.join(" && "),
        factors: Factors {
            success: WANTED,
            impact: stake(finding),
            disruption: way.disruption,
            effort: way.effort,
        },
        why: vec![finding.summary.to_string()],
        cost: way.cost.into(),
        sure: "it is what the host gets at its next start".into(),
        risk: risk.unwrap_or("someone may have left it out on purpose").into(),
        undo: artefact::in_a_line(&back, look).unwrap_or_else(|| "by hand".into()),
        artefact: artefact::shell(&commands),
        changes: set,
    })
}

/// The command that brings one about; `None` where it cannot be written for a shell.
fn command(one: &Unmet) -> Option<String> {
    match Subject::of(&one.of.name) {
        // Not `sysctl -p FILE`: other lines of the file may be overruled by later files.
        Subject::Sysctl(name) => Some(format!("sysctl -w {}", quote(&format!("{name}={}", one.declared))?)),
        Subject::Mount { point, part: "device" } => Some(format!("mount {}", quote(point)?)),
        // The kernel may have made it read-only after an error: who writes on may lose what is left.
        Subject::Mount { part: "options", .. } if one.declared.to_string() == "rw" => None,
        // It takes its options from fstab.
        Subject::Mount { point, .. } => Some(format!("mount -o remount {}", quote(point)?)),
        Subject::Unit { name, .. } => Some(format!("systemctl start {}", quote(name)?)),
        _ => None,
    }
}

/// What is declared, made what is: the next start changes nothing.
fn written(finding: &Finding, told: &[&Unmet], look: Look<'_>) -> Option<Candidate> {
    let disabled = Value::Enum("disabled".into());
    let line = |one: &&Unmet| match Subject::of(&one.of.name) {
        Subject::Sysctl(_) => Some((one.by.clone(), one.declared.clone(), one.actual.clone()?)),
        Subject::Unit { .. } => Some((one.by.clone(), Value::Enum("enabled".into()), disabled.clone())),
        // Which of a line's words is to go, a person decides.
        _ => None,
    };
    let lines: Vec<(SeriesId, Value, Value)> = told.iter().map(line).collect::<Option<_>>()?;
    let there: Vec<Wanted<'_>> = lines
        .iter()
        .map(|(id, from, to)| Wanted {
            id,
            was: Some(from),
            value: Some(to),
        })
        .collect();
    let back: Vec<Wanted<'_>> = lines
        .iter()
        .map(|(id, from, to)| Wanted {
            id,
            was: Some(to),
            value: Some(from),
        })
        .collect();
    let way = artefact::set(&there, look)?;
    let set = changes(lines.iter().map(|(id, from, to)| Change::Setting {
        id: id.clone(),
        from: Some(from.clone()),
        to: Some(to.clone()),
    }));
    let title: Vec<String> = set.active().map(ToString::to_string).collect();
    Some(Candidate {
        kind: ProposalKind::Adjust,
        key: "as it is".into(),
        title: title.join(", "),
        factors: Factors {
            success: 1.0 - WANTED,
            impact: stake(finding) / PLAINLY,
            disruption: way.disruption,
            effort: way.effort,
        },
        why: vec![finding.summary.to_string()],
        cost: "nothing changes now; the next start keeps what is".into(),
        sure: "whoever set it otherwise may want it to stay so".into(),
        risk: "what was declared is given up".into(),
        undo: artefact::in_a_line(&back, look).unwrap_or_else(|| "by hand".into()),
        artefact: way.artefact,
        changes: set,
    })
}

#[cfg(test)]
mod tests {
    use crate::{
        domain::{Options, Proposal, ProposalKind, ResourceId, SettingSnapshot, Span, Timestamp, Value},
        drift::{Baseline, DriftState},
        propose::{Held, Numbers, propose},
        shadow::Shadows,
    };

    const T0: Timestamp = Timestamp::from_secs(1_700_000_040);
    const LINE: &str = "etc.sysctl.d/50-x.conf:vm.swappiness";

    fn read(shadows: &mut Shadows, minute: i64, settings: &[(&str, &str)]) {
        for scope in ["etc", "sysctl", "mount", "unit"] {
            let own = settings
                .iter()
                .filter(|(name, _)| name.split('.').next() == Some(scope));
            shadows.settings.snapshot(&SettingSnapshot {
                reach: None,
                resource: ResourceId::new("host", "a"),
                scope: scope.into(),
                at: T0 + Span::from_mins(minute),
                settings: Some(own.map(|(name, value)| ((*name).into(), Value::infer(value))).collect()),
            });
        }
        shadows.newest = Some(T0 + Span::from_mins(minute));
    }

    /// What is proposed when the settings were `first`, and were read as `then` two minutes and four minutes later.
    fn proposed(first: &[(&str, &str)], then: &[(&str, &str)]) -> Vec<Proposal> {
        let mut shadows = Shadows::default();
        read(&mut shadows, 0, first);
        let baseline = Baseline::take(&shadows, T0);
        read(&mut shadows, 2, then);
        read(&mut shadows, 4, then);
        let (options, now) = (Options::default(), T0 + Span::from_mins(4));
        let mut drift = DriftState::default();
        let findings = drift.judge(&shadows, &baseline, &options, now, 7);
        let held = Held {
            findings: &findings,
            not_in_force: drift.not_in_force().0,
        };
        propose(held, &shadows, &baseline, &options, &mut Numbers::default(), now, 7)
    }

    fn texts(proposals: &[Proposal]) -> Vec<&str> {
        proposals.iter().map(|proposal| proposal.artefact.text.trim()).collect()
    }

    #[test]
    fn what_is_declared_is_loaded_or_the_file_says_what_is() {
        let all = [(LINE, "1"), ("sysctl.vm.swappiness", "60")];
        let proposals = proposed(&all, &all);
        assert!(proposals.iter().all(|proposal| proposal.kind == ProposalKind::Adjust));
        let texts = texts(&proposals);
        assert_eq!((texts.len(), texts[0]), (2, "sysctl -w vm.swappiness=1"));
        assert!(
            texts[1].contains("/etc/sysctl.d/50-x.conf") && texts[1].contains("60"),
            "{texts:?}"
        );
    }

    #[test]
    fn the_way_back_to_what_is_declared_is_told_once() {
        let (first, then) = (
            [(LINE, "10"), ("sysctl.vm.swappiness", "10")],
            [(LINE, "10"), ("sysctl.vm.swappiness", "60")],
        );
        let proposals = proposed(&first, &then);
        let texts = texts(&proposals);
        let count = |text: &str| texts.iter().filter(|one| one.contains(text)).count();
        assert_eq!(count("sysctl -w vm.swappiness=10"), 1, "{texts:?}");
        assert_eq!(count("/etc/sysctl.d/50-x.conf"), 1, "{texts:?}");
    }

    #[test]
    fn mounts_and_units_get_their_own_commands() {
        let root = ("mount./:device", "/dev/vda1");
        let missing = [root, ("etc.fstab:/data", "UUID=1 ext4 defaults 0 2")];
        assert_eq!(texts(&proposed(&missing, &missing)), ["mount /data"]);
        let otherwise = [
            root,
            missing[1],
            ("mount./data:device", "/dev/vdb1"),
            ("mount./data:options", "ro"),
        ];
        // The kernel may have made it so after an error.
        assert_eq!(texts(&proposed(&otherwise, &otherwise)), [""; 0]);
        let open = [
            root,
            ("etc.fstab:/data", "UUID=1 ext4 nosuid 0 2"),
            ("mount./data:device", "/dev/vdb1"),
            ("mount./data:options", "rw"),
        ];
        assert_eq!(texts(&proposed(&open, &open)), ["mount -o remount /data"]);
    }
}
