//! Rules of what is passed over.

use super::*;

#[test]
fn rules_have_a_reason_and_an_end() {
    let folder = folder();
    let rules = |text: &str| fs::write(folder.path().join("rules.toml"), text).unwrap();
    let words = [&PAIR[..], &["--ignore", "rules.toml"]].concat();
    rules("[[ignore]]\nresource = \"Deployment/*\"\npath = \"/spec\"\nreason = \"moving\"\n");
    let ran = drift(folder.path(), true, &words);
    assert_eq!(
        serde_json::from_str::<Vec<serde_json::Value>>(&ran.data).unwrap().len(),
        3
    );
    rules("[[ignore]]\nresource = \"*\"\npath = \"*\"\nreason = \"holidays\"\nuntil = \"2026-01-01\"\n");
    let ran = drift(folder.path(), true, &words);
    assert_eq!(
        serde_json::from_str::<Vec<serde_json::Value>>(&ran.data).unwrap().len(),
        7
    );
    assert!(ran.notes.contains("ended on 2026-01-01 (holidays)"), "{}", ran.notes);
    for (text, told) in [
        (
            "[[ignore]]\nresource = \"*\"\npath = \"*\"\nreason = \"\"\n",
            "rule 1 has no reason",
        ),
        (
            "[[ignore]]\nresource = \"*\"\npath = \"*\"\nreason = \"x\"\nuntil = \"soon\"\n",
            "write until as",
        ),
        ("[[ignore]]\nresource = 1\n", "line 2"),
    ] {
        rules(text);
        let ran = drift(folder.path(), true, &words);
        assert_eq!((ran.code, ran.notes.lines().count()), (2, 1), "{}", ran.notes);
        assert!(ran.notes.contains(told), "{}", ran.notes);
    }
}

#[test]
fn rules_are_written_as_the_page_prints_paths_and_say_when_they_match_nothing() {
    let folder = folder();
    let told = |path: &str| {
        let rule = format!("[[ignore]]\nresource = \"*\"\npath = '{path}'\nreason = \"x\"\n");
        fs::write(folder.path().join("rules.toml"), rule).unwrap();
        let words = [&PAIR[..], &["--ignore", "rules.toml"]].concat();
        let ran = drift(folder.path(), true, &words);
        let found: Vec<serde_json::Value> = serde_json::from_str(&ran.data).unwrap();
        (7 - found.len(), ran.notes)
    };
    for path in [
        "spec.template.spec.containers[web].image",
        "/spec/template/spec/containers/[name=web]/image",
        "~containers[web].image",
        "spec.replicas",
        "spec.template.spec.containers[web].env[API_TOKEN]",
    ] {
        assert_eq!(told(path), (1, String::new()), "{path}");
    }
    assert_eq!(told("spec.template.spec.containers[web]").0, 2);
    assert_eq!(told("spec.template").0, 3);
    assert_eq!(
        told("spec.templat"),
        (
            0,
            "foreshadow: rules.toml: 1 rule matched nothing: * spec.templat\n".to_owned()
        )
    );
}
