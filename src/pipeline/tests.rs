//! Steps on settings alone.

use super::*;
use crate::domain::{ResourceId, SettingSnapshot, Value};

const LINE: &str = "etc.sysctl.d/50-x.conf:vm.swappiness";
const SETTING: &str = "sysctl.vm.swappiness";

fn at(minute: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + 60 * minute)
}

/// The file says 10, the kernel has `value` in minute `minute`.
fn read(state: &mut State, minute: i64, value: i64) {
    let snapshot = |name: &str, value| SettingSnapshot {
        reach: None,
        resource: ResourceId::new("host", "a"),
        scope: name.split('.').next().unwrap_or_default().into(),
        at: at(minute),
        settings: Some([(Arc::from(name), Value::Int(value))].into()),
    };
    let batch = Batch {
        snapshots: vec![snapshot(LINE, 10), snapshot(SETTING, value)],
        ..Batch::default()
    };
    step(state, &batch, &Options::default(), at(minute), 0);
}

#[test]
fn a_finding_that_says_what_is_not_in_force_has_its_commands_at_once() {
    let mut state = State::default();
    read(&mut state, 0, 10);
    state.accept(&[], at(0));
    read(&mut state, 1, 60);
    let says = |state: &State| state.findings[0].summary.contains("until the next start");
    assert!(!says(&state), "{:?}", state.findings);
    // Nothing changed since; it has stood long enough to be told.
    read(&mut state, 2, 60);
    assert!(says(&state), "{:?}", state.findings);
    let texts: Vec<&str> = state.proposals.iter().map(|one| &*one.artefact.text).collect();
    assert!(texts.iter().any(|text| text.contains("50-x.conf")), "{texts:?}");
}
