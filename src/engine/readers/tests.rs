use super::*;

struct Scripted(Vec<Result<(), ObserveError>>);

impl Source for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn every(&self) -> Span {
        Span::from_secs(2)
    }

    fn read(&mut self, _: Timestamp, _: &mut Batch) -> Result<(), ObserveError> {
        self.0.remove(0)
    }
}

#[test]
fn an_order_changes_when_a_source_is_read_and_what_its_metrics_say() {
    struct Meter;
    impl Source for Meter {
        fn name(&self) -> &'static str {
            "meter"
        }
        fn every(&self) -> Span {
            Span::from_secs(2)
        }
        fn read(&mut self, _: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
            out.metrics.push(crate::domain::MetricMeta {
                id: "host:a/b".parse().unwrap(),
                unit: crate::domain::Unit::None,
                kind: crate::domain::MetricKind::Gauge,
                cadence: self.every(),
                source: "meter".into(),
                limit: None,
            });
            Ok(())
        }
    }
    let group = Group {
        name: "meters",
        sources: vec![Box::new(Meter)],
    };
    let at = Timestamp::from_secs;
    let mut reader = Reader::new(group, &[], at(0));
    let first = reader.read(at(0));
    assert_eq!((first.rows[0].next, first.measured.len()), (Some(at(2)), 1));
    let pace = Pace::new(2, "rarer");
    reader.follow(&Arc::new([("meter".into(), pace)].into()), at(1));
    assert_eq!(reader.due(), Some(at(8)));
    let read = reader.read(at(8));
    assert_eq!(read.batch.metrics[0].cadence, Span::from_secs(8));
    assert_eq!((read.rows[0].every, &*read.rows[0].why), (Span::from_secs(8), "rarer"));
}

#[test]
fn what_a_piece_of_the_past_costs_is_not_measured() {
    struct Past(u64);
    impl Source for Past {
        fn name(&self) -> &'static str {
            "past"
        }
        fn every(&self) -> Span {
            Span::from_secs(if self.0 < 2 { 1 } else { 15 })
        }
        fn stepped(&self) -> bool {
            true
        }
        fn progress(&self) -> Option<(u64, u64)> {
            (self.0 < 2).then_some((self.0, 2))
        }
        fn read(&mut self, _: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
            self.0 += 1;
            out.metrics.push(crate::domain::MetricMeta {
                id: "host:a/b".parse().unwrap(),
                unit: crate::domain::Unit::None,
                kind: crate::domain::MetricKind::Gauge,
                cadence: Span::from_secs(15),
                source: "past".into(),
                limit: None,
            });
            Ok(())
        }
    }
    let group = Group {
        name: "past",
        sources: vec![Box::new(Past(0))],
    };
    let at = Timestamp::from_secs;
    let mut reader = Reader::new(group, &[], at(0));
    assert!(reader.read(at(0)).measured.is_empty());
    let measured = reader.read(at(1)).measured;
    assert_eq!((measured[0].every, measured[0].stepped), (Span::from_secs(15), true));
}

#[test]
fn what_waits_to_be_told_is_read_at_its_own_pace_however_slow_the_tempo() {
    struct Settings(u8);
    impl Source for Settings {
        fn name(&self) -> &'static str {
            "settings"
        }
        fn every(&self) -> Span {
            Span::from_secs(60)
        }
        fn soon(&self) -> Option<Span> {
            (self.0 == 1).then_some(Span::from_secs(5))
        }
        fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
            self.0 += 1;
            out.snapshots.push(crate::domain::SettingSnapshot {
                reach: None,
                resource: crate::domain::ResourceId::new("host", "a"),
                scope: "settings".into(),
                at: now,
                settings: None,
            });
            Ok(())
        }
    }
    let group = Group {
        name: "settings",
        sources: vec![Box::new(Settings(0))],
    };
    let at = Timestamp::from_secs;
    let mut reader = Reader::new(group, &[], at(0));
    reader.follow(&Arc::new([("settings".into(), Pace::new(2, "rarer"))].into()), at(0));
    let first = reader.read(at(240));
    assert_eq!(reader.due(), Some(at(245)));
    // What it is asked for, and so what it costs, is not what waits.
    assert_eq!(first.measured[0].every, Span::from_secs(60));
    reader.read(at(245));
    assert_eq!(reader.due(), Some(at(480)));
}

#[test]
fn what_one_source_finds_may_be_reason_to_read_another_soon() {
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

    struct Finds(Arc<AtomicBool>);
    impl Source for Finds {
        fn name(&self) -> &'static str {
            "finds"
        }
        fn every(&self) -> Span {
            Span::from_secs(5)
        }
        fn read(&mut self, now: Timestamp, _: &mut Batch) -> Result<(), ObserveError> {
            self.0.store(now == Timestamp::from_secs(10), Relaxed);
            Ok(())
        }
    }
    struct Asked(Arc<AtomicBool>);
    impl Source for Asked {
        fn name(&self) -> &'static str {
            "asked"
        }
        fn every(&self) -> Span {
            Span::from_secs(600)
        }
        fn soon(&self) -> Option<Span> {
            self.0.load(Relaxed).then_some(Span::from_secs(1))
        }
        fn read(&mut self, _: Timestamp, _: &mut Batch) -> Result<(), ObserveError> {
            Ok(())
        }
    }
    let found = Arc::new(AtomicBool::new(false));
    let group = Group {
        name: "pair",
        sources: vec![Box::new(Asked(found.clone())), Box::new(Finds(found))],
    };
    let at = Timestamp::from_secs;
    let mut reader = Reader::new(group, &[], at(0));
    reader.read(at(0));
    reader.read(at(5));
    assert_eq!(reader.due(), Some(at(10)));
    reader.read(at(10));
    assert_eq!(reader.due(), Some(at(11)));
    let rows = reader.read(at(11)).rows;
    assert_eq!((rows.len(), &*rows[0].name), (1, "asked"));
}

#[test]
fn a_reading_without_news_lies_quiet_and_one_with_news_does_not() {
    let read = |events: usize| Read {
        batch: Batch {
            events: (0..events)
                .map(|_| crate::domain::Event {
                    at: Timestamp(0),
                    resource: crate::domain::ResourceId::new("host", "a"),
                    kind: crate::domain::EventKind::Log,
                    what: "x".into(),
                    who: None,
                    backfilled: false,
                })
                .collect(),
            ..Batch::default()
        },
        rows: Vec::new(),
        measured: Vec::new(),
        scopes: Vec::new(),
        at: Timestamp(0),
        last: false,
        joins: true,
    };
    let quiet = Quiet::default();
    assert!(quiet.lay(read(1)).is_some());
    assert!((0..Quiet::MOST).all(|_| quiet.lay(read(0)).is_none()));
    assert!(quiet.lay(read(0)).is_some(), "there is no more room");
    assert_eq!((quiet.take().len(), quiet.take().len()), (Quiet::MOST, 0));
}

#[test]
fn a_group_that_joins_is_read_a_moment_before_the_grid() {
    let group = Group {
        name: "scripted",
        sources: vec![Box::new(Scripted(vec![Ok(()), Ok(())]))],
    };
    let mut reader = Reader::new(group, &[], Timestamp::from_secs(100)).ahead_of(Span::from_secs(2));
    assert!(reader.read(Timestamp::from_secs(100)).joins);
    let next = Timestamp::from_secs(102) - AHEAD;
    assert_eq!(reader.due(), Some(next));
    reader.read(next);
    assert_eq!(reader.due(), Some(next + Span::from_secs(2)));
}

#[test]
fn what_is_absent_is_looked_for_every_minute_and_says_when() {
    let absent = || Err(ObserveError::Absent { what: "a log".into() });
    let group = Group {
        name: "scripted",
        sources: vec![Box::new(Scripted(vec![absent(), absent(), Ok(())]))],
    };
    let minute = |number| Timestamp(0) + Span::from_mins(number);
    let mut reader = Reader::new(group, &[], minute(5));
    for number in [5, 6] {
        let read = reader.read(minute(number));
        assert!(!read.rows[0].ok && read.rows[0].says.contains("a log"));
        assert_eq!(read.rows[0].next, Some(minute(number + 1)));
    }
    let read = reader.read(minute(7));
    assert_eq!(
        (read.rows[0].ok, read.rows[0].next),
        (true, Some(minute(7) + Span::from_secs(2)))
    );
}

#[test]
fn what_happened_before_it_began_is_told_later() {
    struct Log;
    impl Source for Log {
        fn name(&self) -> &'static str {
            "log"
        }
        fn every(&self) -> Span {
            Span::from_secs(2)
        }
        fn progress(&self) -> Option<(u64, u64)> {
            Some((1, 4))
        }
        fn read(&mut self, now: Timestamp, out: &mut Batch) -> Result<(), ObserveError> {
            for at in [now - Span::from_hours(1), now] {
                out.events.push(crate::domain::Event {
                    at,
                    resource: crate::domain::ResourceId::new("host", "a"),
                    kind: crate::domain::EventKind::Log,
                    what: "x".into(),
                    who: None,
                    backfilled: false,
                });
            }
            Ok(())
        }
    }
    let group = Group {
        name: "events",
        sources: vec![Box::new(Log)],
    };
    let mut reader = Reader::new(group, &[], Timestamp::from_secs(9_000));
    let read = reader.read(Timestamp::from_secs(9_000));
    let marks: Vec<bool> = read.batch.events.iter().map(|event| event.backfilled).collect();
    assert_eq!((marks, read.rows[0].progress), (vec![true, false], Some((1, 4))));
}
