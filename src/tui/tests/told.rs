//! What the screens say of one finding does not contradict itself.

use std::sync::Arc;

use crate::{
    domain::{Mark, Seen},
    engine::Snapshot,
    tui::{
        fixture,
        look::Charset,
        screens,
        state::{Msg, Screen, State},
        update, view_to_buffer,
    },
};

/// The metric that leads the list, of which `change` alters what is told.
fn opened(width: u16, height: u16, change: impl FnOnce(&mut Snapshot)) -> State {
    let mut state = fixture::state(Charset::Ascii, width, height);
    let mut snapshot = fixture::snapshot();
    change(&mut snapshot);
    let first = snapshot.findings[0].series[0].clone();
    update(&mut state, Msg::Snapshot(Arc::new(snapshot)));
    crate::tui::open(&mut state, Screen::Resource, first);
    state
}

fn drawn(state: &State) -> String {
    fixture::text(&view_to_buffer(state, state.size.0, state.size.1))
}

#[test]
fn the_page_of_a_metric_says_the_bits_of_its_finding_when_its_shadow_has_followed() {
    for (width, height) in [(40, 12), (80, 24), (160, 50)] {
        let state = opened(width, height, |snapshot| {
            let mut findings = snapshot.findings.to_vec();
            let finding = Arc::make_mut(&mut findings[0]);
            finding.mark = Mark::Odd;
            finding.bits = 7.6;
            let Seen::Metric { band, .. } = &mut finding.seen else {
                panic!("{finding:?}")
            };
            *band = Some((7.07, 8.93));
            let id = finding.series[0].clone();
            snapshot.findings = findings.into();
            let mut metrics = snapshot.metrics.to_vec();
            let row = metrics.iter_mut().find(|row| row.id == id).unwrap();
            (row.bits, row.mark) = (0.5, Mark::Odd);
            snapshot.metrics = metrics.into();
        });
        let text = drawn(&state);
        let status = text.lines().find(|line| line.contains("now ")).unwrap_or_default();
        assert!(status.contains("7.6 bits") && !status.contains("0.5 bits"), "{text}");
        if width > 40 {
            assert!(status.contains("left 7.07-8.93 %"), "{text}");
        }
        if width > 80 {
            assert!(status.contains("shadow now "), "{text}");
            assert!(text.contains("bits    7.6 from "), "{text}");
            assert!(text.contains("now     0.5: as most are"), "{text}");
        }
    }
}

#[test]
fn a_proposal_that_answers_comes_before_what_could_be_tried() {
    let state = opened(80, 24, |_| ());
    let next = screens::next(&state);
    assert!(next.starts_with("its limit is passed: 4 has 1 proposal; "), "{next}");
    // Where there is none the list of them is not named.
    let state = opened(80, 24, |snapshot| snapshot.proposals = [].into());
    let next = screens::next(&state);
    assert!(next.starts_with("its limit is passed") && !next.contains('4'), "{next}");
}

#[test]
fn what_is_over_is_marked_so() {
    let over = |snapshot: &mut Snapshot| {
        let mut findings = snapshot.findings.to_vec();
        let finding = Arc::make_mut(&mut findings[0]);
        (finding.over, finding.mark) = (true, Mark::Odd);
        snapshot.findings = findings.into();
    };
    let mut state = opened(80, 24, over);
    assert!(drawn(&state).contains(" since 13:58, over"), "{}", drawn(&state));
    crate::tui::enter(&mut state, Screen::Overview);
    for (width, height) in [(40, 12), (80, 24)] {
        state.size = (width, height);
        let text = drawn(&state);
        assert!(text.contains("! over "), "{text}");
    }
    assert!(
        screens::next(&state).contains("over, odd from 13:58"),
        "{}",
        screens::next(&state)
    );
}
