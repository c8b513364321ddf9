use super::*;
use crate::observe::{Host, metric_groups, past_groups, setting_groups};

#[test]
fn a_source_that_is_none_is_told_with_the_nearest() {
    let says = |text: &str| {
        crate::config::read::parse(text.as_bytes(), "f", &[]).unwrap_err()[0]
            .says
            .clone()
    };
    assert_eq!(
        says("sources.off = [\"sysctrl\"]"),
        "sources.off names \"sysctrl\", which is no source; did you mean sysctl?"
    );
    assert!(says("sources.off = [\"nosuchsource\"]").contains("which is no source"));
    assert!(crate::config::read::parse(b"sources.off = [\"sysctl\", \"fs-remote\"]", "f", &[]).is_ok());
}

#[test]
fn every_source_has_its_name_in_the_list() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host {
        root: folder.path().into(),
        resource: crate::domain::ResourceId::new("host", "a"),
        secret_key: [0; 32],
        interval: Span::from_secs(2),
        settings_interval: Span::from_mins(1),
        paths: vec!["/srv".into()],
        keep_lines: false,
        dns: "localhost".into(),
        memory: None,
        known: Default::default(),
    };
    let groups = [metric_groups(&host), setting_groups(&host), past_groups(&host)];
    for source in groups.iter().flatten().flat_map(|group| &group.sources) {
        assert!(SOURCES.contains(&source.name()), "{}", source.name());
    }
    assert!(SOURCES.is_sorted());
}
