//! The command as a user meets it.

mod rules;
mod sides;

use std::{fs, path::Path};

use clap::Parser;

use super::{Args, run};
use crate::{
    cli::{Out, code, out::tests::Page},
    config::rules,
    domain::Timestamp,
};

#[derive(Parser)]
struct Typed {
    #[command(flatten)]
    args: Args,
}

/// The words that compare both sides of [`folder`].
const PAIR: [&str; 4] = ["--desired", "desired.yaml", "--live", "live.yaml"];

struct Ran {
    code: u8,
    data: String,
    notes: String,
}

fn drift(folder: &Path, json: bool, words: &[&str]) -> Ran {
    let words = words.iter().map(|word| {
        let path = folder.join(word);
        if word.starts_with('-') || !path.exists() && !word.contains('.') {
            (*word).into()
        } else {
            path.into_os_string()
        }
    });
    let typed = Typed::try_parse_from(std::iter::once("drift".into()).chain(words)).unwrap();
    let (data, notes) = (Page::default(), Page::default());
    let mut out = Out::new(data.clone(), notes.clone());
    let now = Timestamp::from_secs(1_790_000_000);
    let code = code(
        run(&typed.args, &rules(&folder.join("none")), now, json, &mut out),
        &mut out,
    );
    let name = folder.display().to_string() + "/";
    Ran {
        code,
        data: data.text(),
        notes: notes.text().replace(&name, ""),
    }
}

const DESIRED: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    spec:
      containers:
      - name: web
        image: web:1.14.2
        args: [--listen, ':8080']
        env:
        - {name: API_TOKEN, value: tok-9f8e7d}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: web, namespace: shop}
data:
  app.conf: |
    level=info
    pool=20
---
apiVersion: v1
kind: Secret
metadata: {name: web}
stringData: {password: correct-horse}
";

fn live() -> String {
    DESIRED
        .replace("replicas: 3", "replicas: 5")
        .replace("1.14.2", "1.15.0")
        .replace("tok-9f8e7d", "tok-changed")
        .replace("pool=20", "pool=40")
        .replace("correct-horse", "battery-staple")
        .replace(
            "    spec:\n",
            "    spec:\n      hostNetwork: true\n      dnsPolicy: ClusterFirst\n",
        )
        .replace("app: web}}\nspec", "app: web, team: x}}\nspec")
}

/// A folder with both sides, in and out of sync.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("desired.yaml"), DESIRED).unwrap();
    fs::write(folder.path().join("live.yaml"), live()).unwrap();
    folder
}

#[test]
fn the_page_people_read() {
    let folder = folder();
    let ran = drift(folder.path(), false, &PAIR);
    // The key is another one each time.
    let hash = |text: &str| {
        let mut parts = text.split("secret#");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |page, part| page + "secret#xxxxxxxx" + &part[8..])
    };
    insta::assert_snapshot!(format!("{}{}= {}", hash(&ran.data), ran.notes, ran.code));
    for secret in ["tok-", "correct-horse", "battery-staple"] {
        assert!(!ran.data.contains(secret), "{secret}");
    }
}

#[test]
fn json_has_resource_path_and_both_values() {
    let folder = folder();
    let ran = drift(folder.path(), true, &[&PAIR[..], &["--fail-on", "moderate"]].concat());
    let found: Vec<serde_json::Value> = serde_json::from_str(&ran.data).unwrap();
    assert_eq!((ran.code, found.len(), ran.notes.as_str()), (1, 7, ""));
    let replicas = found.iter().find(|one| one["path"] == "/spec/replicas").unwrap();
    assert_eq!(
        (&replicas["resource"], &replicas["desired"], &replicas["live"]),
        (&"Deployment/shop/web".into(), &3.into(), &5.into())
    );
    let same = drift(
        folder.path(),
        true,
        &[
            "--desired",
            "desired.yaml",
            "--live",
            "desired.yaml",
            "--fail-on",
            "low",
        ],
    );
    assert_eq!((same.code, same.data.as_str()), (0, "[]\n"));
}

#[test]
fn a_bad_file_is_one_line_and_the_others_go_on() {
    let folder = folder();
    fs::write(folder.path().join("broken.json"), "{\"a\": ").unwrap();
    let ran = drift(
        folder.path(),
        true,
        &["--desired", "broken.json", "desired.yaml", "--live", "live.yaml"],
    );
    let found: Vec<serde_json::Value> = serde_json::from_str(&ran.data).unwrap();
    assert_eq!((ran.code, found.len()), (2, 7));
    assert_eq!(
        ran.notes,
        "foreshadow: broken.json:1:6: cut off in the middle of JSON\n"
    );
}

#[test]
fn settings_of_files_agree_by_what_they_mean() {
    let folder = tempfile::tempdir().unwrap();
    let written = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    written(
        "a.env",
        "MEM=1024Mi\nTIMEOUT=90s\nLEVEL=INFO\nFLAG=true\nNET=10.1.2.3/8\nPORT=80\nNAME=Shop\n",
    );
    written(
        "b.env",
        "MEM=1Gi\nTIMEOUT=1m30s\nLEVEL=info\nFLAG=TRUE\nNET=10.0.0.0/8\nPORT=81\nNAME=shop\n",
    );
    let ran = drift(folder.path(), false, &["--desired", "a.env", "--live", "b.env"]);
    let told: Vec<&str> = ran
        .data
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .collect();
    assert_eq!(told, ["NAME", "PORT"], "{}", ran.data);
}

#[test]
fn what_is_taken_as_the_clusters_doing_is_told_in_json_too() {
    let folder = tempfile::tempdir().unwrap();
    let objects = |more: &str| {
        let of = |n: usize| {
            format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s{n}}}\nspec: {{type: ClusterIP{more}}}\n")
        };
        (0..5).map(of).collect::<Vec<_>>().join("---\n")
    };
    fs::write(folder.path().join("a.yaml"), objects("")).unwrap();
    fs::write(folder.path().join("b.yaml"), objects(", newOfThisRelease: fast")).unwrap();
    let words = ["--desired", "a.yaml", "--live", "b.yaml", "--fail-on", "low"];
    let ran = drift(folder.path(), true, &words);
    let found: Vec<serde_json::Value> = serde_json::from_str(&ran.data).unwrap();
    assert_eq!((ran.code, found.len(), &found[0]["alike"]), (0, 1, &5.into()));
    assert_eq!(found[0]["path"], "/spec/newOfThisRelease");
}

#[test]
fn what_differs_while_in_sync_is_learnt() {
    let folder = folder();
    let words = [&PAIR[..], &["--ignore", "new.toml"]].concat();
    let learnt = drift(folder.path(), true, &[&words[..], &["--learn"]].concat());
    assert_eq!((learnt.code, learnt.data.as_str()), (0, "[]\n"));
    assert_eq!(drift(folder.path(), true, &words).data, "[]\n");
    let rules = fs::read_to_string(folder.path().join("new.toml")).unwrap();
    assert!(
        rules.contains("differed while in sync, 2026-") && !rules.contains("tok-"),
        "{rules}"
    );
}

#[test]
fn live_objects_alone_are_held_against_what_was_applied() {
    let folder = tempfile::tempdir().unwrap();
    let live = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": {
        "kubectl.kubernetes.io/last-applied-configuration": "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"1\"}}"}},
        "data": {"k": "2"}}"#;
    fs::write(folder.path().join("live.json"), live).unwrap();
    let ran = drift(folder.path(), false, &["--import", "live.json"]);
    assert_eq!(ran.data, "ConfigMap/a\n  MODERATE  data.k  1 -> 2\n");
}

#[test]
fn a_plan_tells_what_drifted_and_counts_what_is_to_come() {
    let folder = tempfile::tempdir().unwrap();
    let plan = r#"{"format_version":"1.2","resource_drift":[
        {"address":"aws_iam_role.a","type":"aws_iam_role","change":{"actions":["delete"],"before":{"x":1},"after":null}},
        {"address":"b.b","type":"b","change":{"actions":["update"],"before":{"tags":null},"after":{"tags":{}}}},
        {"address":"c.c","type":"c","previous_address":"c.d","change":{"actions":["no-op"],"before":{},"after":{}}}],
        "resource_changes":[{"address":"d.d","type":"d","change":{"actions":["create"],"before":null,"after":{}}}]}"#;
    fs::write(folder.path().join("plan.json"), plan).unwrap();
    let ran = drift(folder.path(), false, &["--import", "plan.json"]);
    assert_eq!(
        ran.data,
        "aws_iam_role.a\n  HIGH      (all of it)  missing\n\nb.b\n  MODERATE  (all of it)  changed; the values are hidden or mean the same\n"
    );
    assert_eq!(
        ran.notes,
        "2 settings of 2 resources not as declared; 1 change pending\n"
    );
}

#[test]
fn known_issues_of_what_is_live_are_told_when_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = |privileged: bool| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: a, namespace: shop}}\nspec:\n  replicas: 2\n  template:\n    spec:\n      \
             containers:\n      - {{name: a, image: 'a:1', securityContext: {{privileged: {privileged}}}, \
             resources: {{requests: {{cpu: 10m}}, limits: {{memory: 64Mi}}}}}}\n"
        )
    };
    fs::write(folder.path().join("desired.yaml"), manifest(false)).unwrap();
    fs::write(folder.path().join("live.yaml"), manifest(true)).unwrap();
    let quiet = drift(folder.path(), false, &PAIR);
    assert!(!quiet.data.contains("Known issues"), "{}", quiet.data);
    assert!(
        quiet
            .notes
            .contains("1 known issue in what is live; --issues tells them"),
        "{}",
        quiet.notes
    );
    let told = drift(folder.path(), true, &[&["--issues"], &PAIR[..]].concat());
    let told: Vec<serde_json::Value> = serde_json::from_str(&told.data).unwrap();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter()
            .all(|one| one["rule"] == "k8s-privileged" && one["level"] == "HIGH"),
        "{told:?}"
    );
    assert!(
        told[1]["article"]
            .as_str()
            .unwrap()
            .starts_with("https://kubernetes.io/")
    );
    assert_eq!(
        told[1]["path"],
        "/spec/template/spec/containers/[name=a]/securityContext/privileged"
    );
}

#[test]
fn behind_a_fault_of_the_live_side_nothing_is_missing() {
    let folder = folder();
    let map = |name: &str, value: u8| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\ndata: {{k: '{value}'}}\n---\n")
    };
    fs::write(
        folder.path().join("want.yaml"),
        map("a", 1) + &map("b", 1) + &map("c", 1),
    )
    .unwrap();
    fs::write(
        folder.path().join("is.yaml"),
        map("a", 1) + "kind: [\n---\n" + &map("c", 2),
    )
    .unwrap();
    let words = ["--desired", "want.yaml", "--live", "is.yaml", "--fail-on", "low"];
    let ran = drift(folder.path(), false, &words);
    assert_eq!(
        (ran.code, ran.data.as_str()),
        (2, "ConfigMap/c\n  MODERATE  data.k  1 -> 2\n")
    );
    assert!(
        ran.notes
            .contains("1 resource not judged: what is live could not be read in full"),
        "{}",
        ran.notes
    );
    let json = drift(folder.path(), true, &words);
    assert!(
        json.code == 2 && json.data.contains("ConfigMap/c") && !json.data.contains("ConfigMap/b"),
        "{}",
        json.data
    );
}

#[test]
fn a_run_that_did_not_come_to_its_end_is_no_all_clear() {
    let folder = tempfile::tempdir().unwrap();
    let run = r#"{"plays":[{"tasks":[{"task":{"name":"t"},"hosts":{"db1":{"changed":false,"unreachable":true}}}]}],"stats":{}}"#;
    fs::write(folder.path().join("run.json"), run).unwrap();
    let ran = drift(folder.path(), false, &["--import", "run.json"]);
    assert_eq!(
        (ran.code, ran.notes.as_str()),
        (2, "foreshadow: run.json: 1 host unreachable (db1): not judged\n")
    );
}

#[test]
fn a_folder_is_gone_through_once_and_says_what_it_passed_over() {
    let folder = folder();
    let tree = folder.path().join("tree.d");
    fs::create_dir_all(tree.join("deep")).unwrap();
    fs::write(tree.join("deep/a.yaml"), DESIRED).unwrap();
    fs::write(tree.join("deep/b.toml"), "a = 1\n").unwrap();
    fs::write(tree.join("c.conf"), "a 1\n").unwrap();
    for (link, to) in [("one", "."), ("deep/two", ".."), ("deep/three", "../one")] {
        std::os::unix::fs::symlink(to, tree.join(link)).unwrap();
    }
    let ran = drift(
        folder.path(),
        true,
        &["--desired", "tree.d", "--live", "desired.yaml", "--fail-on", "low"],
    );
    assert_eq!((ran.code, ran.data.as_str()), (0, "[]\n"));
    assert_eq!(
        ran.notes,
        "foreshadow: tree.d: passed over: 2 files of other kinds (1 .conf, 1 .toml), 3 links to folders gone through already\n"
    );
}

#[test]
fn reports_of_several_machines_say_which() {
    let folder = tempfile::tempdir().unwrap();
    for host in ["a", "b"] {
        let report = format!(
            "report_format: 10\nhost: {host}\nlogs: []\nmetrics: {{}}\nresource_statuses:\n  'File[/x]':\n    resource: 'File[/x]'\n    \
             events:\n    - {{property: mode, previous_value: '0600', desired_value: '0644', status: noop}}\n"
        );
        fs::write(folder.path().join(format!("{host}.yaml")), report).unwrap();
    }
    let one = drift(folder.path(), true, &["--import", "a.yaml"]);
    assert!(one.data.contains("\"File[/x]\""), "{}", one.data);
    let both = drift(folder.path(), false, &["--import", "a.yaml", "b.yaml"]);
    assert!(
        both.data.contains("a/File[/x]\n") && both.data.contains("b/File[/x]\n"),
        "{}",
        both.data
    );
}

#[test]
fn files_that_are_encrypted_are_compared_by_their_hash() {
    let folder = tempfile::tempdir().unwrap();
    let vault = |text: &str| format!("$ANSIBLE_VAULT;1.1;AES256\n{text}\n");
    for (side, text) in [
        ("want", "62313365396662613933373733"),
        ("same", "62313365396662613933373733"),
        ("other", "6231336539"),
    ] {
        fs::create_dir(folder.path().join(format!("{side}.d"))).unwrap();
        fs::write(folder.path().join(format!("{side}.d/vars.yml")), vault(text)).unwrap();
    }
    let same = drift(folder.path(), false, &["--desired", "want.d", "--live", "same.d"]);
    assert_eq!((same.code, same.data.as_str()), (0, ""), "{}", same.notes);
    let other = drift(folder.path(), false, &["--desired", "want.d", "--live", "other.d"]);
    assert!(
        other.data.contains("secret#") && !other.data.contains("6231"),
        "{}",
        other.data
    );
}

#[test]
fn states_of_both_versions_are_one() {
    let folder = tempfile::tempdir().unwrap();
    let old = r#"{"version":3,"serial":1,"lineage":"x","modules":[{"path":["root"],"resources":{"aws_instance.web.0":{"type":"aws_instance",
        "primary":{"id":"i","attributes":{"id":"i","cpus":"2","sg.#":"2","sg.99":"b","sg.1":"a","tags.%":"1","tags.Name":"web"}}}}}]}"#;
    let new = r#"{"version":4,"serial":1,"lineage":"x","resources":[{"mode":"managed","type":"aws_instance","name":"web","instances":[
        {"index_key":0,"attributes":{"id":"i","cpus":2,"sg":["a","b"],"tags":{"Name":"web"}}}]}]}"#;
    fs::write(folder.path().join("old.tfstate"), old).unwrap();
    fs::write(folder.path().join("new.tfstate"), new).unwrap();
    let ran = drift(
        folder.path(),
        true,
        &["--desired", "old.tfstate", "--live", "new.tfstate"],
    );
    assert_eq!((ran.code, ran.data.as_str()), (0, "[]\n"), "{}", ran.notes);
}

#[test]
fn keys_that_nothing_judges_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let widget = "apiVersion: example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: {size: 1}\n";
    fs::write(folder.path().join("desired.yaml"), widget).unwrap();
    let live = |spec: &str| {
        fs::write(folder.path().join("live.yaml"), widget.replace("{size: 1}", spec)).unwrap();
        let (page, json) = (drift(folder.path(), false, &PAIR), drift(folder.path(), true, &PAIR));
        (page.data, page.notes, json.data, json.notes, page.code)
    };
    let note = "2 live-only keys of Widget not judged: nothing says whether a server filled them in\n";
    let (page, notes, json, beside, code) = live("{size: 1, mode: auto, more: {x: 1}}");
    assert_eq!((&*page, &*json, &*beside, code), ("", "[]\n", note, 0));
    assert_eq!(notes, format!("nothing drifted; 1 resource compared\n{note}"));
    let (_, _, json, _, _) = live("{size: 2, mode: auto, more: {x: 1}}");
    assert!(json.contains("\"not_judged\": 2"), "{json}");
    let (_, notes, json, beside, _) = live("{size: 1}");
    assert_eq!(
        (&*notes, &*json, &*beside),
        ("nothing drifted; 1 resource compared\n", "[]\n", "")
    );
}
