//! Edits of files.

use super::*;
use crate::domain::SettingChange;

#[test]
fn one_command_over_several_files_is_one_finding_and_two_peoples_edits_are_two() {
    let edit = |world: &mut World, name: &str, to: &str, by: &str| {
        let at = at(world.second);
        world.shadows.settings.observe(&SettingChange {
            id: setting(name),
            at,
            after: None,
            from: world
                .shadows
                .settings
                .get(&setting(name))
                .map(|state| state.value.clone()),
            to: Some(Value::infer(to)),
            by: Some(by.into()),
            backfilled: false,
        });
    };
    let world = || {
        let mut world = World::new(&[]);
        for file in ["a", "b", "c/d"] {
            for (key, value) in [("timeout", "30"), ("version", "1.2.3"), ("level", "info")] {
                sample::add_settings(
                    &mut world.shadows,
                    &[(&format!("file./srv/shop/{file}.yaml:{key}"), value)],
                );
            }
        }
        world.baseline = Baseline::take(&world.shadows, at(world.second));
        world
    };
    let mut one = world();
    for file in ["a", "b", "c/d"] {
        edit(&mut one, &format!("file./srv/shop/{file}.yaml:timeout"), "60", "root");
        edit(
            &mut one,
            &format!("file./srv/shop/{file}.yaml:version"),
            "1.2.4",
            "root",
        );
    }
    let told = one.judge();
    assert_eq!((told.len(), told[0].series.len()), (1, 6), "{told:?}");

    let mut two = world();
    edit(&mut two, "file./srv/shop/a.yaml:timeout", "60", "ana");
    edit(&mut two, "file./srv/shop/b.yaml:level", "debug", "ben");
    edit(&mut two, "file./srv/shop/c/d.yaml:timeout", "60", "ben");
    assert_eq!(two.judge().len(), 3);
}
