use super::*;

const SHAPE: Shape = Shape {
    inputs: 2,
    hidden: 9,
    outputs: 3,
};

fn noise(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| 2.0 * rng.f32() - 1.0).collect()
}

/// Half the squared distance of the outputs from a few numbers.
fn squares(step: usize, said: &[f32], gradient: &mut [f32]) -> f32 {
    let wanted = |place: usize| (step as f32 * 0.7 + place as f32).sin();
    for (place, (gradient, said)) in gradient.iter_mut().zip(said).enumerate() {
        *gradient = said - wanted(place);
    }
    gradient.iter().map(|off| off * off / 2.0).sum()
}

#[test]
fn its_gradient_is_how_the_loss_changes_with_each_weight() {
    let gru = Gru::new(SHAPE, 1);
    let sequence = noise(2 * 7, 2);
    let mut trainer = Trainer::new();
    let loss = |gru: &Gru| Trainer::new().learn(gru, &sequence, 3, &mut squares).unwrap();
    trainer.learn(&gru, &sequence, 3, &mut squares).unwrap();
    let (mut most, mut worst) = (0.0_f32, 0.0_f32);
    for place in 0..gru.weights.len() {
        let moved = |by: f32| {
            let mut gru = gru.clone();
            gru.weights[place] += by;
            loss(&gru)
        };
        let found = (moved(4e-3) - moved(-4e-3)) / 8e-3;
        most = most.max(found.abs());
        worst = worst.max((found - trainer.gradient[place]).abs());
    }
    assert!(most > 0.1 && worst < 4e-3 * most, "{worst} of {most}");
}

#[test]
fn it_learns_to_go_on_with_a_sine() {
    let shape = Shape {
        inputs: 1,
        hidden: 8,
        outputs: 3,
    };
    let (mut gru, mut trainer) = (Gru::new(shape, 3), Trainer::new());
    let wave = |phase: f32, step: usize| (phase + step as f32 * 0.5).sin();
    let sequence = |phase: f32| (0..12).map(|step| wave(phase, step)).collect::<Vec<f32>>();
    let mut rng = fastrand::Rng::with_seed(4);
    for update in 0..600 {
        for _ in 0..8 {
            let phase = 6.3 * rng.f32();
            let mut loss = |step: usize, said: &[f32], gradient: &mut [f32]| {
                let came = wave(phase, step + 1);
                let mut all = 0.0;
                for (place, level) in [0.1, 0.5, 0.9].into_iter().enumerate() {
                    let (loss, slope) = pinball(level, said[place], came);
                    gradient[place] = slope;
                    all += loss;
                }
                all
            };
            trainer.learn(&gru, &sequence(phase), 4, &mut loss).unwrap();
        }
        trainer.update(&mut gru, if update < 400 { 0.01 } else { 0.002 });
    }
    for phase in [0.3, 2.0, 4.4] {
        let said = gru.run(&sequence(phase), 11).unwrap();
        assert!((said[1] - wave(phase, 12)).abs() < 0.1, "{said:?} {}", wave(phase, 12));
    }
}

#[test]
fn it_learns_what_only_two_steps_together_tell() {
    let shape = Shape {
        inputs: 1,
        hidden: 8,
        outputs: 1,
    };
    let (mut gru, mut trainer) = (Gru::new(shape, 5), Trainer::new());
    // Whether just one of the first two steps was on, asked three steps later.
    let cases = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]];
    let sequence = |case: [f32; 2]| [case[0], case[1], 0.0, 0.0, 0.0];
    for _ in 0..800 {
        for case in cases {
            let mut loss = |_: usize, said: &[f32], gradient: &mut [f32]| {
                let (loss, slope) = logistic(said[0], case[0] != case[1]);
                gradient[0] = slope;
                loss
            };
            trainer.learn(&gru, &sequence(case), 4, &mut loss).unwrap();
        }
        trainer.update(&mut gru, 0.01);
    }
    for case in cases {
        let said = gru.run(&sequence(case), 4).unwrap()[0];
        assert!(
            if case[0] == case[1] { said < -2.0 } else { said > 2.0 },
            "{case:?} {said}"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_bits_and_stored_learning_goes_on_as_if_it_had_not_stopped() {
    let run = |stored: bool| {
        let (mut gru, mut trainer) = (Gru::new(SHAPE, 6), Trainer::new());
        for round in 0..20 {
            if stored && round == 10 {
                gru = Gru::from_bytes(&gru.to_bytes()).unwrap();
                trainer = packed::unpack(&packed::pack(&trainer).unwrap()).unwrap();
            }
            trainer.learn(&gru, &noise(2 * 9, round), 0, &mut squares).unwrap();
            trainer.update(&mut gru, 0.01);
        }
        gru.to_bytes()
    };
    assert_eq!(run(false), run(true));
    assert_ne!(Gru::new(SHAPE, 6), Gru::new(SHAPE, 7));
}

#[test]
fn what_is_no_number_teaches_nothing() {
    let (mut gru, mut trainer) = (Gru::new(SHAPE, 8), Trainer::new());
    let before = gru.to_bytes();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut sequence = noise(2 * 4, 9);
        assert_eq!(trainer.learn(&gru, &sequence, 0, &mut |_, _, _| bad), None);
        let mut slope = |_: usize, _: &[f32], gradient: &mut [f32]| {
            gradient[1] = bad;
            0.0
        };
        assert_eq!(trainer.learn(&gru, &sequence, 0, &mut slope), None);
        sequence[5] = bad;
        assert_eq!(trainer.learn(&gru, &sequence, 0, &mut squares), None);
        assert_eq!(gru.run(&sequence, 0), None);
    }
    assert_eq!(gru.run(&noise(5, 9), 0), None);
    assert_eq!(gru.run(&noise(4, 9), 2), None);
    trainer.update(&mut gru, 0.1);
    assert_eq!(gru.to_bytes(), before);
}

#[test]
fn huge_inputs_and_steps_leave_it_finite() {
    let (mut gru, mut trainer) = (Gru::new(SHAPE, 10), Trainer::new());
    for round in 0..20 {
        let sequence: Vec<f32> = noise(2 * 6, round).iter().map(|input| input * 1e30).collect();
        trainer.learn(&gru, &sequence, 0, &mut squares);
        trainer.update(&mut gru, 0.1);
    }
    assert!(gru.weights.iter().all(|weight| weight.is_finite()));
}

#[test]
fn damaged_bytes_are_no_network() {
    let bytes = Gru::new(SHAPE, 11).to_bytes();
    assert!(Gru::from_bytes(&bytes).is_some());
    assert!(Gru::from_bytes(&bytes[..bytes.len() - 1]).is_none());
    let other = Stored {
        shape: Shape { hidden: 10, ..SHAPE },
        ..Gru::new(SHAPE, 11).into()
    };
    assert!(Gru::from_bytes(&packed::pack(&other).unwrap()).is_none());
}

#[test]
fn the_tangent_is_the_tangent() {
    for place in -1_000..=1_000 {
        let x = place as f32 * 0.01;
        assert!((tanh(x) - x.tanh()).abs() < 1.1e-4, "{x}");
    }
}
