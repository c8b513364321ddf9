use super::*;

struct Repo(tempfile::TempDir);

impl Repo {
    fn new() -> Self {
        let repo = Self(tempfile::tempdir().unwrap());
        repo.git(&["init", "-q"], 0);
        repo
    }

    fn git(&self, args: &[&str], day: i64) {
        let done = git(self.0.path())
            .args([
                "-c",
                "user.name=ana\u{1b}[2J",
                "-c",
                "user.email=ana@example.org",
                "-c",
                "commit.gpgsign=false",
            ])
            .args(args)
            .env("GIT_COMMITTER_DATE", format!("@{} +0000", 1_700_000_000 + day * 86_400))
            .output();
        assert!(done.unwrap().status.success(), "{args:?}");
    }

    fn commit(&self, file: &str, text: &str, day: i64) {
        let path = self.0.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self.git(&["add", "."], day);
        self.git(&["commit", "-q", "-m", "x"], day);
    }

    fn history(&self, globs: &[&str]) -> (Vec<SettingChange>, Told) {
        let globs: Vec<String> = globs.iter().map(|glob| (*glob).to_owned()).collect();
        let mut changes = Vec::new();
        let told = history(self.0.path(), &globs, &[7; 32], &mut |change| {
            changes.push(change);
            ControlFlow::Continue(())
        })
        .unwrap();
        (changes, told)
    }
}

#[test]
fn a_history_that_nobody_takes_is_read_no_further_and_one_that_breaks_off_is_an_error() {
    let repo = Repo::new();
    for workers in 0..6 {
        repo.commit("app.conf", &format!("workers = {workers}\n"), workers);
    }
    let mut taken = 0;
    let mut two = |_: SettingChange| {
        taken += 1;
        if taken < 2 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    };
    let told = history(repo.0.path(), &[], &[7; 32], &mut two).unwrap();
    assert_eq!((told.commits, taken), (3, 2));
    // A commit in the middle is lost.
    let lost = git(repo.0.path())
        .args(["rev-parse", "HEAD~3"])
        .output()
        .unwrap()
        .stdout;
    let lost = String::from_utf8(lost).unwrap();
    let (folder, file) = lost.trim().split_at(2);
    std::fs::remove_file(repo.0.path().join(".git/objects").join(folder).join(file)).unwrap();
    let read = history(repo.0.path(), &[], &[7; 32], &mut |_| ControlFlow::Continue(()));
    assert!(read.is_err(), "{read:?}");
}

#[test]
fn each_commit_tells_what_it_changed() {
    let repo = Repo::new();
    let manifest = |tag: &str, limit: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web, namespace: shop}}\nspec:\n  containers:\n  - name: a\n    image: 'a:{tag}'\n    \
             resources: {{limits: {{memory: {limit}}}}}\n"
        )
    };
    repo.commit("apps/web.yaml", &manifest("1", "64Mi"), 0);
    repo.commit("apps/web.yaml", &manifest("2", "0.0625Gi"), 1);
    repo.commit("etc/app.conf", "workers = 4\npassword = hunter2hunter2\n", 2);
    repo.commit("etc/app.conf", "workers = 8\npassword = hunter3hunter3\n", 3);
    let (changes, told) = repo.history(&[]);
    let said: Vec<String> = changes.iter().map(|one| one.id.name.to_string()).collect();
    assert_eq!(
        said,
        [
            "git.apps/web.yaml:Pod/shop/web/spec/containers/a/image",
            "git.etc/app.conf:password",
            "git.etc/app.conf:workers"
        ],
        "the same amount of memory in other words is no change"
    );
    assert_eq!((told.commits, told.changes, told.left_out), (4, 3, 0));
    assert_eq!(changes[0].at, Timestamp::from_secs(1_700_000_000 + 86_400));
    assert_eq!(
        (&changes[2].from, &changes[2].to),
        (&Some(Value::Int(4)), &Some(Value::Int(8)))
    );
    assert!(!format!("{changes:?}").contains("hunter"));
    let by = changes[0].by.as_deref().unwrap();
    assert!(by.contains("<ana@example.org>") && !by.contains('\u{1b}'), "{by:?}");
    assert_eq!(repo.history(&["etc/**"]).1.commits, 2);
    assert_eq!(repo.history(&["**/*.toml"]).1, Told::default());
}

#[test]
fn broken_files_and_odd_histories() {
    let repo = Repo::new();
    repo.commit("a.yaml", "a: 1\nb: 2\n", 0);
    repo.commit("a.yaml", "a: [1\n", 1);
    repo.commit("a.yaml", "a: 3\nb: 2\n", 2);
    repo.commit("big.json", &format!("{{\"a\":\"{}\"}}", "x".repeat(5 << 20)), 3);
    repo.commit("big.json", "{\"a\":1}", 4);
    repo.commit("b\u{e9} \"q\".yaml", "a: 1\n", 5);
    repo.commit("b\u{e9} \"q\".yaml", "a: 2\n", 6);
    let (changes, told) = repo.history(&[]);
    assert_eq!(changes, [], "half a file says nothing of what changed");
    assert_eq!((told.commits, told.left_out), (7, 3));
    let said: Vec<&str> = told
        .faults
        .iter()
        .filter_map(|fault| fault.rsplit_once(", in ").map(|(what, _)| what))
        .collect();
    assert_eq!(said.len(), 2, "each file once");
    assert!(
        said[0].starts_with("a.yaml:1:") || said[0].starts_with("a.yaml:2:"),
        "{said:?}"
    );
    assert_eq!(said[1], "big.json: larger than 4 MiB");
    let nowhere = tempfile::tempdir().unwrap();
    let wrong = history(nowhere.path(), &[], &[7; 32], &mut |_| ControlFlow::Continue(()))
        .unwrap_err()
        .to_string();
    assert!(
        wrong.contains("no repository of git") && wrong.lines().count() == 1,
        "{wrong}"
    );
}

#[test]
fn a_file_that_moves_keeps_its_name_and_one_that_goes_ends_its_settings() {
    let repo = Repo::new();
    let text = |workers: u8| format!("workers = {workers}\nroot = /srv/www\nlisten = 80\nlog = /var/log/a\n");
    repo.commit("old/app.conf", &text(1), 0);
    repo.commit("old/app.conf", &text(2), 1);
    repo.git(&["mv", "old", "new"], 2);
    repo.commit("new/app.conf", &text(3), 2);
    repo.commit("new/app.conf", &text(4), 3);
    repo.git(&["rm", "-q", "new/app.conf"], 4);
    repo.commit("other.conf", "a = 1\n", 4);
    let (changes, told) = repo.history(&[]);
    let said: Vec<String> = changes
        .iter()
        .map(|one| {
            let shown = |value: &Option<Value>| value.as_ref().map_or("-".into(), ToString::to_string);
            format!("{} {} {}", one.id.name, shown(&one.from), shown(&one.to))
        })
        .collect();
    let workers = |from: &str, to: &str| format!("git.old/app.conf:workers {from} {to}");
    assert_eq!(
        said,
        [
            workers("1", "2"),
            workers("2", "3"),
            workers("3", "4"),
            workers("4", "-")
        ],
        "what never changed was never told of, nor is its end"
    );
    assert_eq!((told.commits, told.left_out, told.faults.len()), (5, 0, 0));
}
