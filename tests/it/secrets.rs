//! No secret of any fixture in any output, in the store, or in the log.

use std::{fs, path::Path, process::Command};

use crate::support::{Home, files};

/// What must never be seen again: one for each way to hold a secret, none a part of another word.
const SECRETS: [&str; 43] = [
    "marked-sensitive-1",
    "state-marked-2",
    "wordpass-3",
    "wordpass-4",
    "run-before-5",
    "run-after-6",
    "object-string-7",
    "b2JqZWN0LWRhdGEtOA==",
    "object-data-8",
    "connection-9",
    "environment-10",
    "AGE-SECRET-KEY-1QQPZ7XRS6T2M3DCF8V4W9KJ5NHG0LAEUYQZ7XRS6T2M3DCF8V4W",
    "ENC[AES256_GCM,data:c29wcy0xMg==",
    "62313365396662613933373733",
    "MIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "AKIAIOSFODNN7EXAMPLE",
    "report-old-17",
    "report-new-18",
    "git-old-19",
    "git-new-20",
    "line-21",
    "Pl4ntEnv",
    "Pl4ntPair",
    "Pl4ntJson",
    "Pl4ntDir",
    "Pl4ntXml",
    "Pl4ntNetrc",
    "Pl4ntBlock",
    "UGw0bnRCaW4=",
    "UGw0bnREb2NrZXI=",
    "SG.Pl4ntT0k",
    "dckr_pat_Pl4nt",
    "pypi-AgPl4nt",
    "Pl4ntAuth",
    "Pl4ntDsn",
    "Pl4ntConn",
    "Pl4ntJwt",
    "Pl4ntSalt",
    "Pl4ntSsh",
    "Pl4ntHook",
    "Pl4ntEtc",
    "Pl4ntSeed",
];

/// Files of tools, by how they are asked about.
const TOOLS: [(&str, &str, &str); 8] = [
    (
        "terraform-plan",
        "plan.json",
        r#"{"format_version":"1.2","terraform_version":"1.9.0","resource_drift":[{"address":"aws_db_instance.a","type":"aws_db_instance",
"change":{"actions":["update"],"before":{"password":"wordpass-3","hidden":"x","url":"postgres://app:connection-9@db/x"},
"after":{"password":"wordpass-4","hidden":"marked-sensitive-1","url":"postgres://app:connection-9@db/y"},
"after_unknown":{},"before_sensitive":{"hidden":true},"after_sensitive":{"hidden":true}}}],"resource_changes":[]}"#,
    ),
    (
        "terraform-state",
        "state.json",
        r#"{"version":4,"terraform_version":"1.9.0","serial":1,"lineage":"x","resources":[{"mode":"managed","type":"t","name":"n",
"instances":[{"attributes":{"secret_key":"wordpass-3","s":"state-marked-2"},"sensitive_attributes":[[{"type":"get_attr","value":"s"}]]}]}]}"#,
    ),
    (
        "ansible",
        "run.json",
        r#"{"plays":[{"tasks":[{"task":{"name":"t"},"hosts":{"h":{"changed":true,"path":"/a","diff":[
{"before":"password = run-before-5\n","after":"password = run-after-6\n"}]}}}]}],"stats":{}}"#,
    ),
    (
        "kubernetes",
        "objects.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {k: object-string-7}\ndata: {j: b2JqZWN0LWRhdGEtOA==}\n---\n\
apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: b}\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        \
image: nginx\n        env:\n        - {name: API_TOKEN, value: environment-10}\n        - {name: PLAIN, value: \
ghp_16C7e42F292c6912E7710c838347Ae178B4a}\n",
    ),
    (
        "puppet",
        "report.yaml",
        "--- !ruby/object:Puppet::Transaction::Report\nreport_format: 10\nhost: h\nlogs: []\nmetrics: {}\nresource_statuses:\n  \
\"User[a]\":\n    resource_type: User\n    title: a\n    events:\n    - property: password\n      previous_value: report-old-17\n      \
desired_value: report-new-18\n      status: success\n      name: password_changed\n      message: changed\n",
    ),
    (
        "kubernetes",
        "names.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: c}\nspec:\n  template:\n    spec:\n      containers:\n      - name: c\n        \
env:\n        - {name: DB_PASS, value: Pl4ntEnv}\n        - {name: SMTP_PWD, value: Pl4ntEnv}\n        - {name: LDAP_BINDPW, value: Pl4ntEnv}\n        - {name: PASS, value: Pl4ntEnv}\n        - {name: PWD, value: Pl4ntEnv}\n        - {name: DB_PWD, value: Pl4ntEnv}\n        - {name: MASTER_KEY, value: Pl4ntEnv}\n        - {name: AccountKey, value: Pl4ntEnv}\n        - {name: bindpw, value: Pl4ntEnv}\n        - {name: ldap_bind_pw, value: Pl4ntEnv}\n        - {name: psk, value: Pl4ntEnv}\n        - {name: snmp_community, value: Pl4ntEnv}\n        - {name: keystorePass, value: Pl4ntEnv}\n        - {name: requirepass, value: Pl4ntEnv}\n        - {name: masterauth, value: Pl4ntEnv}\n        - {name: rootpw, value: Pl4ntEnv}\n        - {name: ENCRYPTION_KEY, value: Pl4ntEnv}\n",
    ),
    (
        "kubernetes",
        "places.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: d}\nbinaryData: {a: UGw0bnRCaW4=}\ndata:\n  redis.conf: |\n    port 1\n    requirepass \
Pl4ntDir\n  a.xml: <a><password>Pl4ntXml</password></a>\n  netrc: machine h login u password Pl4ntNetrc\n  a.yaml: |\n    a: 1\n    password: >-\n      \
Pl4ntBlock\n  docker: '{\"auths\":{\"r\":{\"auth\":\"UGw0bnREb2NrZXI=\"}}}'\n  t1: SG.Pl4ntT0k\n  t2: dckr_pat_Pl4nt\n  t3: pypi-AgPl4nt\n  \
AUTH: Pl4ntAuth\n  BASIC_AUTH: Pl4ntAuth\n  DSN: Pl4ntDsn\n  SENTRY_DSN: https://Pl4ntDsn@s.example/1\n  CONN_STRING: Pl4ntConn\n  JWT_SIGNING: \
Pl4ntJwt\n  SALT: Pl4ntSalt\n  sshKey: Pl4ntSsh\n  consumerKey: Pl4ntSsh\n  license_key: Pl4ntSsh\n  otp_seed: Pl4ntSeed\n  pin: Pl4ntSeed1\n  \
SLACK_WEBHOOK: https://hooks.slack.com/services/Pl4ntHook\n",
    ),
    (
        "terraform-plan",
        "pairs.json",
        r#"{"format_version":"1.2","terraform_version":"1.9.0","resource_drift":[{"address":"x.a","type":"x","change":{"actions":["update"],
"before":{"n":1,"env":[]},"after":{"n":2,"env":[{"name":"DB_PASS","value":"Pl4ntPair"},{"name":"SMTP_PWD","value":"Pl4ntPair"},{"name":"LDAP_BINDPW","value":"Pl4ntPair"},{"name":"PASS","value":"Pl4ntPair"},{"name":"PWD","value":"Pl4ntPair"},{"name":"DB_PWD","value":"Pl4ntPair"},{"name":"MASTER_KEY","value":"Pl4ntPair"},{"name":"AccountKey","value":"Pl4ntPair"},{"name":"bindpw","value":"Pl4ntPair"},{"name":"ldap_bind_pw","value":"Pl4ntPair"},{"name":"psk","value":"Pl4ntPair"},{"name":"snmp_community","value":"Pl4ntPair"},{"name":"keystorePass","value":"Pl4ntPair"},{"name":"requirepass","value":"Pl4ntPair"},{"name":"masterauth","value":"Pl4ntPair"},{"name":"rootpw","value":"Pl4ntPair"},{"name":"ENCRYPTION_KEY","value":"Pl4ntPair"}],
"container_definitions":"[{\"environment\":[{\"name\":\"DB_PASS\",\"value\":\"Pl4ntJson\"},{\"name\":\"SMTP_PWD\",\"value\":\"Pl4ntJson\"},{\"name\":\"LDAP_BINDPW\",\"value\":\"Pl4ntJson\"},{\"name\":\"PASS\",\"value\":\"Pl4ntJson\"},{\"name\":\"PWD\",\"value\":\"Pl4ntJson\"},{\"name\":\"DB_PWD\",\"value\":\"Pl4ntJson\"},{\"name\":\"MASTER_KEY\",\"value\":\"Pl4ntJson\"},{\"name\":\"AccountKey\",\"value\":\"Pl4ntJson\"},{\"name\":\"bindpw\",\"value\":\"Pl4ntJson\"},{\"name\":\"ldap_bind_pw\",\"value\":\"Pl4ntJson\"},{\"name\":\"psk\",\"value\":\"Pl4ntJson\"},{\"name\":\"snmp_community\",\"value\":\"Pl4ntJson\"},{\"name\":\"keystorePass\",\"value\":\"Pl4ntJson\"},{\"name\":\"requirepass\",\"value\":\"Pl4ntJson\"},{\"name\":\"masterauth\",\"value\":\"Pl4ntJson\"},{\"name\":\"rootpw\",\"value\":\"Pl4ntJson\"},{\"name\":\"ENCRYPTION_KEY\",\"value\":\"Pl4ntJson\"}]}]"},"after_unknown":{}}}],"resource_changes":[]}"#,
    ),
];

/// Files of settings, before and after: all of their values are secrets or stand beside one.
const SETTINGS: [(&str, &str, &str); 7] = [
    (
        "app.env",
        "DB_PASSWORD=wordpass-3\nURL=postgres://app:connection-9@db/x\nMODE=a\n",
        "DB_PASSWORD=wordpass-4\nURL=postgres://app:connection-9@db/x\nMODE=b\n",
    ),
    (
        "sops.yaml",
        "title: ENC[AES256_GCM,data:c29wcy0xMg==,iv:aXY=,tag:dGFn,type:str]\nmode: a\n",
        "key: AGE-SECRET-KEY-1QQPZ7XRS6T2M3DCF8V4W9KJ5NHG0LAEUYQZ7XRS6T2M3DCF8V4W\nmode: b\n",
    ),
    (
        "vault.yaml",
        "mode: a\n",
        "mode: b\nvalue: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  62313365396662613933373733\n",
    ),
    (
        "key.conf",
        "mode = a\n",
        "-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBgkqhkiG9w0BAQEFAASCAUAwggE8\n-----END PRIVATE KEY-----\n",
    ),
    (
        "aws.ini",
        "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\nmode = a\n",
        "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\npassword = git-new-20\nmode = b\n",
    ),
    (
        "lines.of-no-format",
        "listen 80\nrequirepass git-old-19\n",
        "listen 81\nrequirepass line-21\n",
    ),
    (
        "places.of-no-format",
        "<a>\n<mode>a</mode>\n<password>Pl4ntEtc4</password>\n</a>\n",
        "<a>\n<mode>b</mode>\n<password>Pl4ntEtc5</password>\n</a>\n",
    ),
];

fn git(folder: &Path, arguments: &[&str]) {
    let ran = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args([
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@b",
            "-c",
            "init.defaultBranch=main",
        ])
        .args(arguments)
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
}

/// The secrets that were seen, and where.
#[derive(Default)]
struct Leaks(Vec<String>);

impl Leaks {
    /// Runs with everything logged, and looks at all that was written.
    fn run(&mut self, home: &Home, arguments: &[&str]) -> String {
        let ran = home.command(arguments).env("FORESHADOW_LOG", "trace").output().unwrap();
        let [data, log] = [ran.stdout, ran.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert!(ran.status.code().is_some_and(|code| code < 3), "{arguments:?}: {log}");
        self.look(&format!("{arguments:?}"), &data);
        self.look(&format!("the log of {arguments:?}"), &log);
        data
    }

    fn look(&mut self, whose: &str, text: &str) {
        let found = SECRETS.iter().filter(|secret| text.contains(**secret));
        self.0.extend(found.map(|secret| format!("{secret} in {whose}")));
    }
}

#[test]
fn no_secret_of_any_fixture_is_told_stored_or_logged() {
    let (home, mut leaks) = (Home::new(), Leaks::default());
    let (tools, live, repository) = (home.path("tools"), home.path("live"), home.path("repository"));
    for folder in [&tools, &live, &repository] {
        fs::create_dir_all(folder).unwrap();
    }
    let path = |folder: &Path, name: &str| folder.join(name).to_str().unwrap().to_owned();
    // Every one of them stands in a fixture.
    let all = TOOLS.map(|(_, _, text)| text).concat() + &SETTINGS.map(|(_, old, new)| [old, new].concat()).concat();
    let decoded = "object-data-8";
    for secret in SECRETS.iter().filter(|secret| **secret != decoded) {
        assert!(all.contains(secret), "{secret}");
    }

    for (tool, name, text) in TOOLS {
        let file = path(&tools, name);
        fs::write(&file, text).unwrap();
        for json in [&["--json"][..], &[]] {
            assert!(
                !leaks.run(&home, &[&["import", tool, &file], json].concat()).is_empty(),
                "{tool}"
            );
            leaks.run(&home, &[&["drift", "--import", &file], json].concat());
            leaks.run(
                &home,
                &[&["drift", "--issues", "--desired", &file, "--live", &file], json].concat(),
            );
        }
    }

    // Files that change while they are watched, and in the history of a repository.
    home.config(&format!("sources.files = [{live:?}]\nsources.keep_lines = true\n"));
    git(&repository, &["init", "-q"]);
    for later in [false, true] {
        for (name, old, new) in SETTINGS {
            let text = if later { new } else { old };
            fs::write(live.join(name), text).unwrap();
            fs::write(repository.join(name), text).unwrap();
            if later {
                let (old_file, new_file) = (path(&tools, name), path(&live, name));
                fs::write(&old_file, old).unwrap();
                for json in [&["--json"][..], &[]] {
                    leaks.run(
                        &home,
                        &[&["drift", "--desired", &old_file, "--live", &new_file], json].concat(),
                    );
                }
            }
        }
        git(&repository, &["add", "-A"]);
        git(&repository, &["commit", "-q", "-m", "password=git-old-19"]);
        leaks.run(&home, &["engine", "--once"]);
    }
    let repository = repository.to_str().unwrap();
    leaks.run(&home, &["import", "git", repository, "--dry-run", "--json"]);
    leaks.run(&home, &["import", "git", repository]);

    for page in [
        &["status"][..],
        &["findings"],
        &["proposals"],
        &["settings"],
        &["timeline", "--from", "-1h"],
        &["baseline", "show"],
        &["baseline", "diff"],
        &["doctor"],
        &["doctor", "rules"],
    ] {
        leaks.run(&home, &[page, &["--json"]].concat());
        leaks.run(&home, page);
    }
    let settings = leaks.run(&home, &["settings", "--json"]);
    assert!(
        settings.contains("secret#") || settings.contains("\"secret\""),
        "{settings}"
    );
    let changes = leaks.run(&home, &["sql", "SELECT * FROM changes", "--json"]);
    assert!(
        changes.contains("requirepass") || changes.contains("of-no-format"),
        "{changes}"
    );
    for table in foreshadow::store::TABLES {
        let file = home.path(&format!("{table}.csv"));
        leaks.run(&home, &["export", table, file.to_str().unwrap()]);
        leaks.look(table, &fs::read_to_string(file).unwrap());
    }
    // And in no byte of what is left on the disk.
    for folder in ["data", "run", "cache"]
        .map(|name| home.path(name))
        .iter()
        .filter(|folder| folder.is_dir())
    {
        for (file, bytes) in files(folder) {
            leaks.look(&file.display().to_string(), &String::from_utf8_lossy(&bytes));
        }
    }
    assert!(leaks.0.is_empty(), "{:#?}", leaks.0);
}

#[test]
fn a_secret_of_a_repository_is_the_same_in_every_import() {
    let home = Home::new();
    let repository = home.path("repository");
    fs::create_dir_all(&repository).unwrap();
    git(&repository, &["init", "-q"]);
    let commit = |at: u32, password: &str| {
        fs::write(repository.join("app.env"), format!("A=1\nDB_PASSWORD={password}\n")).unwrap();
        git(&repository, &["add", "-A"]);
        let ran = Command::new("git")
            .arg("-C")
            .arg(&repository)
            .args(["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "x"])
            .env("GIT_COMMITTER_DATE", format!("2026-01-01T00:00:{at:02}Z"))
            .output()
            .unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    };
    commit(1, "git-old-19");
    commit(2, "git-new-20");
    for (at, password) in [(3, "git-old-19"), (4, "git-new-20")] {
        let (code, _, err) = home.run(&["import", "git", repository.to_str().unwrap()]);
        assert_eq!(code, Some(0), "{err}");
        commit(at, password);
    }
    let (_, text, err) = home.run(&[
        "sql",
        "--json",
        "SELECT previous, value FROM changes WHERE setting LIKE '%DB_PASSWORD' ORDER BY changed_at",
    ]);
    let answer: serde_json::Value = serde_json::from_str(&text).expect(&err);
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2, "{text}");
    // There and back: what it was before is what it is again, though each was imported by itself.
    assert_eq!((&rows[0][0], &rows[0][1]), (&rows[1][1], &rows[1][0]), "{text}");
    assert!(text.contains("secret#") && !text.contains("git-"), "{text}");
}
