//! How often systemd had to start services again.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::{
    domain::{Batch, Timestamp},
    observe::{
        Host, ObserveError,
        child::ask,
        file::{Mark, mark},
        meter::{COUNT, Channel, Origin},
    },
};

/// systemd keeps a link for every unit that runs in it, and makes it anew at each start.
const STARTS: &str = "run/systemd/units";
/// Most services with a metric of their own.
const MOST: usize = 100;

/// Restarts of all services, and of each that ever was restarted, since it was last started by someone.
pub(super) struct Restarts {
    folder: PathBuf,
    root: PathBuf,
    origin: Origin,
    total: Channel,
    each: BTreeMap<String, (Channel, u64)>,
    /// The folder when systemd was last asked.
    asked: Option<Mark>,
}

impl Restarts {
    pub(super) fn new(host: &Host) -> Self {
        let origin = Origin::new(host, "unit", host.settings_interval);
        Self {
            folder: host.root.join(STARTS),
            root: host.root.clone(),
            total: origin.channel("unit.restarts", COUNT),
            origin,
            each: BTreeMap::new(),
            asked: None,
        }
    }

    /// Tells the counts; systemd is asked for them only when a unit was started since it was last asked.
    pub(super) fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
        let there = fs::metadata(&self.folder).ok().map(|meta| mark(&meta));
        if self.root == Path::new("/") && (there.is_none() || there != self.asked) {
            let args = ["show", "--no-pager", "--property=Id,NRestarts", "*.service"];
            let output = ask("systemctl", &args)?;
            self.take(&String::from_utf8_lossy(&output));
            self.asked = there;
        }
        if self.asked.is_some() {
            self.tell(now, out);
        }
        Ok(())
    }

    /// A paragraph a unit: `Id=ssh.service` and `NRestarts=0`, in any order.
    fn take(&mut self, text: &str) {
        self.each.values_mut().for_each(|(_, count)| *count = 0);
        for unit in text.split("\n\n") {
            let field = |key: &str| unit.lines().find_map(|line| line.strip_prefix(key));
            let (Some(name), Some(count)) = (field("Id="), field("NRestarts=")) else {
                continue;
            };
            let count = count.parse().unwrap_or(0);
            if let Some((_, known)) = self.each.get_mut(name) {
                *known = count;
            } else if count > 0 && self.each.len() < MOST {
                let short = name.strip_suffix(".service").unwrap_or(name);
                let channel = self.origin.channel(&format!("unit.{short}.restarts"), COUNT);
                self.each.insert(name.to_owned(), (channel, count));
            }
        }
    }

    fn tell(&mut self, now: Timestamp, out: &mut Batch) {
        let all: u64 = self.each.values().map(|(_, count)| count).sum();
        self.total.tell(now, all as f64, out);
        for (channel, count) in self.each.values_mut() {
            channel.tell(now, *count as f64, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::fixture::{Tree, value};

    #[test]
    fn services_that_were_restarted_have_counts_of_their_own() {
        let mut restarts = Restarts::new(&Tree::new().host());
        let mut told = |text: &str, at: i64| {
            restarts.take(text);
            let mut out = Batch::default();
            restarts.tell(Timestamp::from_secs(at), &mut out);
            out
        };
        // As systemd 252 says it.
        let text = "NRestarts=0\nId=cron.service\n\nNRestarts=3\nId=flap.service\n\nId=odd.service\nNRestarts=x\n\nNRestarts=1\n";
        let first = told(text, 0);
        assert_eq!(value(&first, "unit.restarts"), Some(3.0));
        assert_eq!(value(&first, "unit.flap.restarts"), Some(3.0));
        assert_eq!(value(&first, "unit.cron.restarts"), None);
        // It was started by hand and counts anew, or is gone.
        let second = told("NRestarts=1\nId=flap.service\n", 60);
        assert_eq!(value(&second, "unit.flap.restarts"), Some(1.0));
        let third = told("", 120);
        assert_eq!(
            (value(&third, "unit.restarts"), third.observations.len()),
            (Some(0.0), 2)
        );
        let many: String = (0..1_000)
            .map(|n| format!("Id=s{n}.service\nNRestarts=1\n\n"))
            .collect();
        assert_eq!(told(&many, 180).observations.len(), MOST + 1);
    }

    #[test]
    fn another_tree_has_no_systemd_to_ask() {
        let mut restarts = Restarts::new(&Tree::new().host());
        let mut out = Batch::default();
        restarts.read(Timestamp(0), &mut out).unwrap();
        assert!(out.is_empty());
    }
}
