//! The list of single problems.

use super::super::problems::Order;
use super::*;

/// The problems as they are listed, with pass rate and what is selected of each.
fn listed(state: &DifficultyState) -> Vec<(f64, u32)> {
    let (survey, plan) = state.known().unwrap();
    let mut state = state.clone();
    update(&mut state, DifficultyAction::First);
    let mut found = Vec::new();
    for _ in 0..state.problems.len() {
        let at = state.problems.selected().unwrap();
        found.push((survey.pool[at].tally().pass_rate(), plan.selection.chosen[at]));
        update(&mut state, DifficultyAction::Next);
    }
    found
}

#[test]
fn single_problems_are_listed_in_three_orders() {
    let mut state = watched(uneven(), (80, 21));
    let bar = state.bar;
    update(&mut state, DifficultyAction::Order);
    assert!(drawn(&state, (80, 21), true).contains("only the list of problems has an order"));
    update(&mut state, DifficultyAction::Problems);
    assert_eq!((state.tab, state.problems.order, state.bar), (Tab::Problems, Order::Hardest, bar));
    let hardest = listed(&state);
    assert!(hardest.len() == 300 && hardest.windows(2).all(|pair| pair[0].0 <= pair[1].0), "{hardest:?}");
    update(&mut state, DifficultyAction::Last);
    update(&mut state, DifficultyAction::Order);
    assert_eq!(state.problems.window.selected, 0, "another order is seen from its beginning");
    assert!(listed(&state).windows(2).all(|pair| pair[0].0 >= pair[1].0));
    update(&mut state, DifficultyAction::Order);
    // The list follows the rule.
    for rule in [state.rule, Rule { k: 2.0, shape: ShapeName::Uniform, ..state.rule }] {
        set(&mut state, rule);
        let found = listed(&state);
        assert!(found.windows(2).all(|pair| pair[0].1 >= pair[1].1), "{found:?}");
        let chosen: u32 = select(&uneven().pool, &rule).chosen.iter().sum();
        assert_eq!(found.iter().map(|(_, selected)| *selected).sum::<u32>(), chosen);
    }
    update(&mut state, DifficultyAction::Back);
    assert_eq!(state.tab, Tab::Histogram);
}

#[test]
fn a_problem_shows_its_rate_its_interval_and_its_samples() {
    let survey = made_up(60, 8);
    let mut state = watched(survey.clone(), (80, 21));
    update(&mut state, DifficultyAction::Problems);
    update(&mut state, DifficultyAction::Last);
    let at = state.problems.selected().unwrap();
    assert_eq!(survey.pool[at].tally().correct, 8);
    let text = drawn(&state, (80, 21), true);
    let row = text.lines().find(|line| line.starts_with('>') && line.contains("made-up")).unwrap();
    let selection = select(&survey.pool, &state.rule);
    let (wanted, chosen) = (selection.wanted[at].to_string(), selection.chosen[at].to_string());
    let cells: Vec<&str> = row.split_whitespace().take(7).collect();
    assert_eq!(cells, [">", survey.pool[at].id(), "8/8", "100.0%", "[68-100]", &wanted, &chosen]);
    assert!(row.contains(&format!("What is {at}")), "{row}");
    let opened = update(&mut state, DifficultyAction::Open);
    let [Effect::Show { samples, beside: None, what }] = opened.as_slice() else { panic!("{opened:?}") };
    let mut samples = samples.clone();
    samples.sort_unstable();
    let all: Vec<i64> = survey.problems[at].samples.iter().map(|drawn| drawn.id).collect();
    assert_eq!((samples, what.as_str()), (all, format!("{}, 8/8 right", survey.pool[at].id()).as_str()));
}

/// With more problems in the pool the selected one stays selected, wherever it stands by then.
#[test]
fn the_selected_problem_stays_when_samples_come() {
    let all = made_up(60, 8);
    let mut fewer = all.clone();
    (fewer.pool, fewer.problems) = (all.pool[30..].to_vec(), all.problems[30..].to_vec());
    fewer.groups.clear();
    let mut state = watched(fewer, (80, 21));
    update(&mut state, DifficultyAction::Problems);
    (0..7).for_each(|_| drop(update(&mut state, DifficultyAction::Next)));
    let id = |state: &DifficultyState| {
        state.survey.as_ref().unwrap().pool[state.problems.selected().unwrap()].id().to_owned()
    };
    let before = id(&state);
    receive(&mut state, &told(all, None));
    assert_eq!((id(&state), state.problems.len()), (before, 60));
}

/// However many there are, a frame has the rows in sight and no other.
#[test]
fn a_long_list_is_drawn_by_its_window() {
    let mut state = watched(made_up(400, 2), (80, 21));
    update(&mut state, DifficultyAction::Problems);
    for action in [DifficultyAction::PageDown, DifficultyAction::Last, DifficultyAction::PageUp] {
        update(&mut state, action);
        let rows = state.problems.window.rows(state.problems.len());
        let drawn = drawn(&state, (80, 21), true).lines().filter(|line| line.contains("made-up/")).count();
        assert!(rows.contains(&state.problems.window.selected) && rows.len() == drawn, "{rows:?}: {drawn}");
        assert_eq!(drawn, usize::from(state.layout().body.height) - 1);
    }
}
