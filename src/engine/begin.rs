//! How the loop begins: the store is opened, what it held is taken, and the readers are started.

use std::sync::{Arc, mpsc};

use tokio::time::Duration;

use super::{
    Opened, Reader, Sources, answer, clock,
    run::{Loop, OPENS},
};
use crate::{
    domain::{Batch, Timestamp},
    observe::{Group, Host, METRICS, PROMETHEUS, metric_groups, past_groups, prometheus_group, setting_groups},
    shadow::{Metric, MetricShadow},
    store::Write,
};

impl Loop {
    pub(super) fn host(&self, secret_key: [u8; 32]) -> Host {
        Host {
            root: self.setup.root.clone(),
            resource: self.setup.resource.clone(),
            secret_key,
            interval: self.options.interval,
            settings_interval: self.options.settings_interval,
            paths: self.options.files.iter().map(|path| path.as_ref().into()).collect(),
            keep_lines: self.options.keep_lines,
            dns: self.options.dns.to_string(),
            memory: self.setup.store.as_ref().map(|store| store.with_extension("files")),
            known: Arc::default(),
        }
    }

    /// `host` with the settings that were told of it before.
    fn knowing(&self, host: Host) -> Host {
        let all = self.state.shadows.settings.all().iter();
        let own = all.filter(|(id, _)| id.resource == host.resource);
        let known = own.map(|(id, setting)| (id.name.clone(), setting.value.clone()));
        Host {
            known: Arc::new(known.collect()),
            ..host
        }
    }

    /// The server that is read as a source, if one is. What was learnt from too few of its values is learnt anew, with the past
    /// that lies before them.
    fn prometheus(&mut self, once: bool) -> Option<Group> {
        let ours = |metric: &Metric| &*metric.meta.source == PROMETHEUS;
        let metrics = &mut self.state.shadows.metrics;
        metrics.retain(|_, metric| !ours(metric) || metric.shadow.points() >= MetricShadow::WARM);
        let known = metrics.iter().filter(|(_, metric)| ours(metric));
        let known = known.filter_map(|(id, metric)| Some((id.clone(), metric.newest()?.at)));
        prometheus_group(&self.options.prometheus, &known.collect(), once)
    }

    /// Opens the store and reads what is not read yet, the first time it is called.
    pub(super) fn begin(&mut self) {
        if let Some(groups) = self.late.take() {
            self.keeper.open();
            self.start_readers(groups);
        }
    }

    pub(super) fn start_readers(&mut self, groups: impl IntoIterator<Item = Group>) {
        for group in groups {
            let name = group.name;
            let reader = Reader::new(group, &self.options.sources_off, clock::now());
            // What is read a moment before the metrics is stepped together with them: half as many steps, and half as many frames.
            let reader = if name == METRICS {
                reader
            } else {
                reader.ahead_of(self.options.interval)
            };
            // A recording ends no sooner than all was looked at once.
            if self.setup.recorder.is_some() {
                self.sources
                    .extend(reader.rows().map(|row| (row.name.clone(), row.clone())));
            }
            let (order, orders) = mpsc::channel();
            self.orders.push(order);
            reader.run(name, self.into.clone(), self.quiet.clone(), orders);
        }
    }

    /// One full cycle of every source; the metrics twice, a second apart, because rates need two readings.
    async fn cycle(&mut self, secret_key: [u8; 32]) {
        let host = self.host(secret_key);
        let groups = setting_groups(&self.knowing(host.clone()));
        let others: Vec<Group> = groups.into_iter().chain(self.prometheus(true)).collect();
        let readers = |groups: Vec<Group>| -> Vec<Reader> {
            groups
                .into_iter()
                .map(|group| Reader::new(group, &self.options.sources_off, clock::now()))
                .collect()
        };
        let (mut metrics, mut settings) = (readers(metric_groups(&host)), readers(others));
        let began = clock::Stopwatch::start();
        for reader in metrics.iter_mut().chain(&mut settings) {
            let read = reader.read(clock::now());
            self.take(read);
        }
        tokio::time::sleep(Duration::from_secs(1).saturating_sub(began.elapsed())).await;
        for reader in &mut metrics {
            let read = reader.read_all(clock::now());
            self.take(read);
        }
        while !self.waiting.is_empty() {
            self.advance(Batch::default(), clock::now());
        }
    }

    /// Waits for a store that is not open yet when all ends, so that what was seen until then is written too.
    pub(super) async fn keep_early(&mut self) {
        if self.early.is_empty() {
            return;
        }
        let Some(opened) = &mut self.opened else { return };
        if self.late.take().is_some() {
            self.keeper.open();
        }
        match tokio::time::timeout(OPENS, opened).await {
            Ok(found) => self.restore(found.unwrap_or_default()),
            Err(_) => tracing::warn!("the store was not open in time: what was seen until then is lost"),
        }
    }

    /// Takes what the store held, and steps what was seen meanwhile on it.
    fn restore(&mut self, found: Opened) {
        self.opened = None;
        // Known issues were read before the store was opened, on its thread.
        self.options = self.full.clone();
        if let Some(failed) = &found.failed {
            tracing::warn!("{failed}");
        }
        let restored = found.state.is_some();
        if let Some(state) = found.state {
            self.state = *state;
        }
        self.state.numbers.after(found.numbered);
        let early = std::mem::take(&mut self.early);
        if restored {
            self.write = Write::default();
            self.apply_limits();
            // A step a second: what came while a long past was stepped through must not hold up what comes now.
            let mut seconds: Vec<(Batch, Timestamp)> = Vec::new();
            for (batch, at) in early {
                match seconds.last_mut() {
                    Some((last, newest)) if newest.secs() == at.secs() => {
                        last.append(batch);
                        *newest = at;
                    }
                    _ => seconds.push((batch, at)),
                }
            }
            for (batch, at) in seconds {
                self.step(&batch, at);
            }
        }
        let now = self.now();
        if self.setup.sources == Sources::Live {
            self.audit(now, &self.setup.who.clone(), "session", "", "engine started");
        }
    }

    pub(super) async fn take_opened(&mut self, found: Opened) {
        let key = found.key;
        self.restore(found);
        // Without the store's key, secrets are hashed under one that lives as long as this process.
        let key = key.unwrap_or_else(|| *blake3::hash(&self.now().0.to_le_bytes()).as_bytes());
        self.key = key;
        match self.setup.sources {
            Sources::Live => {
                let host = self.host(key);
                let groups = setting_groups(&self.knowing(host.clone()))
                    .into_iter()
                    .chain(past_groups(&host));
                let prometheus = self.prometheus(false);
                self.start_readers(groups.chain(prometheus));
            }
            Sources::Once => self.cycle(key).await,
            Sources::None | Sources::OnlyRead => {}
        }
        if let Some(player) = self.setup.play.take() {
            player.run(self.into.clone());
        }
        // Whoever waits for one cycle waits for this.
        self.ready = true;
        for asked in std::mem::take(&mut self.decided) {
            answer::answer(self, asked);
        }
        self.publish(self.now());
    }

    /// Limits follow the options of today, not those of the day the state was saved.
    fn apply_limits(&mut self) {
        let bounds = self.state.bounds();
        let limits: Vec<_> = self
            .state
            .shadows
            .metrics
            .iter()
            .map(|(id, metric)| {
                (
                    id.clone(),
                    self.state
                        .limit_of(id, metric.meta.limit.as_ref(), &bounds, &self.options),
                )
            })
            .collect();
        for (id, limit) in limits {
            if let Some(metric) = self.state.shadows.metrics.get_mut(&id) {
                metric.limit = limit;
            }
        }
    }
}
