//! What the two sides are, and which of the one belongs to which of the other.

use super::*;

fn map(place: &str, value: u8) -> String {
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{{place}}}\ndata: {{k: '{value}'}}\n---\n")
}

fn sides(desired: &str, live: &str) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("desired.yaml"), desired).unwrap();
    fs::write(folder.path().join("live.yaml"), live).unwrap();
    drift(folder.path(), false, &PAIR)
}

#[test]
fn a_report_or_an_empty_folder_is_no_live_side() {
    let folder = folder();
    let plan = r#"{"format_version":"1.2","resource_drift":[],"resource_changes":[]}"#;
    fs::write(folder.path().join("plan.json"), plan).unwrap();
    fs::write(folder.path().join("run.json"), r#"{"plays":[],"stats":{}}"#).unwrap();
    fs::create_dir(folder.path().join("none.d")).unwrap();
    for (live, told) in [
        (
            "plan.json",
            "a Terraform plan says what drifted, not what is: use --import",
        ),
        (
            "run.json",
            "an Ansible run says what drifted, not what is: use --import",
        ),
        ("none.d", "no file in it of a kind that is read"),
    ] {
        let ran = drift(folder.path(), false, &["--desired", "desired.yaml", "--live", live]);
        assert_eq!((ran.code, ran.data.as_str()), (2, ""), "{}", ran.notes);
        let first = ran.notes.lines().next().unwrap();
        assert_eq!(first, format!("foreshadow: {live}: {told}"));
        assert!(!ran.notes.contains("nothing is live"), "{}", ran.notes);
    }
}

#[test]
fn of_what_is_declared_twice_the_last_counts_and_is_told() {
    let (one, two) = (map("name: a, namespace: n", 2), map("name: a, namespace: n", 3));
    let ran = sides(&(one.clone() + &two), &map("name: a, namespace: n", 1));
    assert_eq!(ran.data, "ConfigMap/n/a\n  MODERATE  data.k  3 -> 1\n");
    let told = "foreshadow: ConfigMap/n/a is declared 2 times: the last one counts\n";
    assert!(ran.notes.starts_with(told) && ran.code == 0, "{}", ran.notes);
    // Of two clusters the one is the one's and the other the other's.
    let both = one + &two;
    let ran = sides(&both, &both);
    assert_eq!(
        (ran.data.as_str(), ran.notes.as_str()),
        ("", "nothing drifted; 2 resources compared\n")
    );
    let ran = sides(&both, &map("name: other", 1));
    assert_eq!(ran.data.matches("missing").count(), 1, "{}", ran.data);
    assert!(ran.notes.starts_with(told), "{}", ran.notes);
}

#[test]
fn a_declaration_without_a_namespace_says_which_of_several_it_was_held_against() {
    let live = map("name: a, namespace: n1", 1) + &map("name: a, namespace: n2", 2);
    let ran = sides(&map("name: a", 2), &live);
    assert_eq!(ran.data, "ConfigMap/n1/a\n  MODERATE  data.k  2 -> 1\n");
    let told =
        "foreshadow: ConfigMap/a is declared without a namespace and is live in n1, n2: compared with the one in n1\n";
    assert!(ran.notes.starts_with(told), "{}", ran.notes);
    // What says its namespace has a right to it.
    let ran = sides(&(map("name: a", 2) + &map("name: a, namespace: n1", 1)), &live);
    assert_eq!(
        (ran.data.as_str(), ran.notes.as_str()),
        ("", "nothing drifted; 2 resources compared\n")
    );
}
