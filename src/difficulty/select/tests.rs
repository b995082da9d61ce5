use super::*;
use crate::difficulty::ShapeName;

fn candidate(draw: u32, tokens: u32) -> Candidate {
    Candidate {
        sample: i64::from(draw),
        draw,
        settings: "s".into(),
        tokens,
        confirms: draw.is_multiple_of(2),
        by_person: false,
    }
}

fn problem(id: &str, (correct, samples): (u32, u32), candidates: Vec<Candidate>) -> PoolProblem {
    let tally = Tally { samples, correct, ..Tally::default() };
    PoolProblem::new(id.into(), tally, candidates, &Rule::default(), |_, _| 0.0)
}

fn pool() -> Vec<PoolProblem> {
    (0..=8)
        .map(|correct| {
            let candidates = (0..correct).map(|draw| candidate(draw, 10 + draw)).collect();
            problem(&format!("p{correct}"), (correct, 8), candidates)
        })
        .collect()
}

#[test]
fn what_is_wanted_is_chosen_as_far_as_it_is_there() {
    let pool = pool();
    let rule = Rule { k: 4.0, most: 8, ..Rule::default() };
    let found = select(&pool, &rule);
    assert_eq!(found.wanted, [0, 4, 3, 3, 2, 2, 1, 1, 1]);
    assert_eq!(found.chosen, [0, 1, 2, 3, 2, 2, 1, 1, 1]);
    assert_eq!((found.samples.len(), found.problems()), (13, 8));
    assert!((found.fill_rate() - 13.0 / 17.0).abs() < 1e-12);
    assert_eq!(found.effective(), 13.0);
    let weighted = select(&pool, &Rule { most_weight: 3.0, ..rule });
    assert_eq!(weighted.samples[0].weight, 3.0, "4 wanted, 1 there, 3 at most");
    assert!(weighted.effective() < 13.0);
    assert_ne!(weighted.hash(&pool), found.hash(&pool));
    assert_eq!(found.hash(&pool), select(&pool, &rule).hash(&pool));
}

#[test]
fn limits_over_all_thin_and_do_not_empty() {
    let pool = pool();
    for shape in [ShapeName::Vanilla, ShapeName::Uniform, ShapeName::Prop2diff] {
        for samples in [8, 13, 20, 36, 50] {
            let rule = Rule { shape, samples, ..Rule::default() };
            let found = select(&pool, &rule);
            // Prop2Diff never asks for more than the least of a problem that is always solved.
            let there = if shape == ShapeName::Prop2diff { 29 } else { 36 };
            assert_eq!(found.samples.len() as u32, samples.min(there), "{shape:?} {samples}");
            assert_eq!(found.problems(), 8, "each solved problem keeps one");
            let next = Rule { k: found.k - 1.0, samples: 0, ..rule };
            assert!(found.k <= 1.0 || select(&pool, &next).samples.len() < samples as usize, "the smallest K");
        }
    }
    let rule = Rule { shape: ShapeName::Uniform, tokens: 150, ..Rule::default() };
    let found = select(&pool, &rule);
    assert!(found.tokens <= 150 && found.tokens > 130, "{}", found.tokens);
}

#[test]
fn chains_that_only_confirm_have_their_share() {
    let pool = pool();
    let rule = Rule { shape: ShapeName::Uniform, most_confirming: 0.25, ..Rule::default() };
    let found = select(&pool, &rule);
    let confirming = |found: &Selection| {
        found.samples.iter().filter(|chosen| pool[chosen.problem].candidates()[chosen.candidate].confirms).count()
    };
    // 16 of the 36 mend, so that 5 others make a quarter at most.
    assert_eq!((confirming(&found), found.samples.len()), (5, 21));
    let none = select(&pool, &Rule { most_confirming: 0.0, ..rule });
    assert_eq!((confirming(&none), none.samples.len()), (0, 16));
    let limited = select(&pool, &Rule { samples: 12, most_confirming: 0.5, ..rule });
    assert_eq!(limited.samples.len(), 12);
}

#[test]
fn what_a_person_accepted_is_in_whatever_the_rule_says() {
    let mut candidates = vec![candidate(0, 10), candidate(1, 10), candidate(2, 10)];
    candidates[2].by_person = true;
    let wrong = Candidate { by_person: true, ..candidate(5, 999) };
    let pool = vec![problem("a", (3, 8), candidates), problem("never right", (0, 8), vec![wrong])];
    let rule = Rule { k: 1.0, samples: 1, most_confirming: 0.0, ..Rule::default() };
    let found = select(&pool, &rule);
    let draws: Vec<u32> = found.samples.iter().map(|one| pool[one.problem].candidates()[one.candidate].draw).collect();
    assert_eq!(draws, [2, 5]);
}

#[test]
fn the_order_of_choice() {
    let draws = |rule: Rule, likeness: fn(usize, usize) -> f64| {
        let candidates = vec![candidate(2, 30), candidate(0, 90), candidate(1, 31), candidate(3, 500)];
        let problem = PoolProblem::new("p".into(), Tally::default(), candidates, &rule, likeness);
        problem.candidates().iter().map(|candidate| candidate.draw).collect::<Vec<_>>()
    };
    let rule = |pick| Rule { pick, length: (20, 40), ..Rule::default() };
    assert_eq!(draws(rule(Pick::First), |_, _| unreachable!()), [0, 1, 2, 3]);
    assert_eq!(draws(rule(Pick::Length), |_, _| unreachable!()), [1, 2, 0, 3]);
    // By index: draw 0 is index 1. It is like index 2 (draw 1), unlike index 3 (draw 3).
    let likeness = |a: usize, b: usize| match (a.min(b), a.max(b)) {
        (1, 2) => 0.9,
        (1, 3) => 0.1,
        (0, 1) => 0.5,
        _ => 0.3,
    };
    assert_eq!(draws(rule(Pick::MostDiverse), likeness), [0, 3, 2, 1]);
}
