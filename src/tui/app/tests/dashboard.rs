//! Four panes on a large screen, and what leads from one to another.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use super::*;
use crate::tui::action::Scope;
use crate::tui::panes::review::tests::row;

const LARGE: (u16, u16) = (160, 48);

/// A session of four samples, Review in front.
fn reviewing() -> App {
    let mut app = app();
    let counts = Counts { samples: 4, problems: 1, ..Counts::default() };
    let rows = (1..=4).map(row).collect();
    app.message(&Message::Opened { dir: "/s/a".into(), read_only: None, counts, problems: 1, rows }, NOW);
    app
}

fn large(app: &mut App) -> String {
    screen(app, LARGE.0, LARGE.1)
}

fn click(app: &mut App, column: u16, row: u16) {
    let kind = MouseEventKind::Down(MouseButton::Left);
    app.event(&Event::Mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE }), NOW);
}

fn alt(app: &mut App, code: KeyCode) -> Vec<Effect> {
    app.event(&Event::Key(KeyEvent::new(code, KeyModifiers::ALT)), NOW)
}

#[test]
fn four_panes_are_seen_where_there_is_room_and_one_where_the_person_wants_it() {
    let mut app = reviewing();
    let shown = large(&mut app);
    for title in ["2 Generate", "[3 Review]", "5 Difficulty", "4 Train"] {
        assert!(shown.lines().skip(2).any(|line| line.contains(title)), "{title}: {shown}");
    }
    insta::assert_snapshot!("dashboard_160x48", shown);
    press(&mut app, KeyCode::Char('z'));
    assert!(!large(&mut app).lines().skip(2).any(|line| line.contains("4 Train")), "zoomed");
    press(&mut app, KeyCode::Char('z'));
    // A pane that is none of the four has the screen for itself.
    press(&mut app, KeyCode::Char('6'));
    assert!(!large(&mut app).lines().skip(2).any(|line| line.contains("[3 Review]")));
    press(&mut app, KeyCode::Char('4'));
    assert!(large(&mut app).lines().skip(2).any(|line| line.contains("[4 Train]")));
    // On a small screen there is one, and a key that would change nothing says so.
    screen(&mut app, 80, 24);
    press(&mut app, KeyCode::Char('z'));
    assert!(screen(&mut app, 80, 24).contains("there is room for one pane here"));
}

#[test]
fn the_lines_between_them_move_and_are_kept() {
    let mut app = reviewing();
    large(&mut app);
    let before = app.room_of(Pane::Generate).width;
    alt(&mut app, KeyCode::Right);
    alt(&mut app, KeyCode::Down);
    assert_eq!(app.room_of(Pane::Generate).width, before + 8);
    let kept: Vec<(String, String)> =
        app.form_values().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let mut again = reviewing();
    again.set_form_values(&kept);
    large(&mut again);
    assert_eq!(again.room_of(Pane::Train), app.room_of(Pane::Train));
}

#[test]
fn a_click_brings_a_pane_to_the_front_and_the_wheel_stays_in_it() {
    let mut app = reviewing();
    large(&mut app);
    click(&mut app, 120, 40);
    assert_eq!(app.pane, Pane::Train);
    click(&mut app, 10, 40);
    assert_eq!(app.pane, Pane::Difficulty);
    // Outside every pane nothing happens.
    click(&mut app, 10, 0);
    assert_eq!(app.pane, Pane::Difficulty);
}

#[test]
fn an_action_by_its_name_and_a_pane_by_its_scope() {
    let mut app = reviewing();
    screen(&mut app, 80, 24);
    typed(&mut app, ":rdraw");
    assert!(screen(&mut app, 80, 24).contains("Draw the whole screen again."));
    assert_eq!(press(&mut app, KeyCode::Enter), [Effect::Redraw]);
    assert_eq!(app.between_panes(vec![Effect::GoTo { scope: Scope::Chat, action: None }], NOW).len(), 1);
    assert_eq!(app.pane, Pane::Chat);
    let judged = app.between_panes(vec![Effect::GoTo { scope: Scope::Review, action: Some("review.judge") }], NOW);
    assert_eq!((app.pane, judged), (Pane::Review, vec![Effect::Filter]));
}

#[test]
fn what_may_follow_a_key_is_shown() {
    let mut app = reviewing();
    press(&mut app, KeyCode::Char('4'));
    press(&mut app, KeyCode::Char('X'));
    let shown = screen(&mut app, 80, 24);
    assert!(shown.contains("l ") && shown.contains("skip"), "{shown}");
    press(&mut app, KeyCode::Esc);
    assert!(!screen(&mut app, 80, 24).contains(" X ..."));
}

#[test]
fn jobs_in_line_are_told_and_held_ones_say_how_to_go_on() {
    let mut app = reviewing();
    app.message(&board(LiveState::Running), NOW);
    let line = |held| Message::Line { jobs: vec!["train sft".into()], held };
    app.message(&line(false), NOW);
    assert!(screen(&mut app, 80, 24).contains("+1 in line"));
    app.message(&board(LiveState::Failed), NOW);
    app.message(&line(true), NOW);
    let shown = screen(&mut app, 100, 24);
    assert!(shown.contains("1 held in line") && shown.contains("lets them go on"), "{shown}");
    assert_eq!(app.waiting(), 0, "nobody is there to let them go on when the terminal goes");
    assert_eq!(alt(&mut app, KeyCode::Char('l')), [Effect::LineOn]);
}

#[test]
fn a_model_is_chosen_into_the_form_in_front() {
    let known =
        |model: &str, unfit| crate::pipeline::chat::Known { model: model.into(), what: "run sft".into(), unfit };
    let told = |known| Message::Chat(crate::tui::effect::ChatTold::Models(known));
    let mut app = reviewing();
    screen(&mut app, 80, 24);
    control(&mut app, 'o');
    assert!(screen(&mut app, 80, 24).contains("models are named in the forms"));
    press(&mut app, KeyCode::Char('2'));
    assert_eq!(control(&mut app, 'o').len(), 1);
    app.message(
        &told(vec![known("micro", None), known("/runs/sft/checkpoint-9", None), known("/a", Some("adapters"))]),
        NOW,
    );
    typed(&mut app, "check");
    assert!(screen(&mut app, 80, 24).contains("1 of 3"));
    press(&mut app, KeyCode::Enter);
    assert!(app.form_values().contains(&("model", "/runs/sft/checkpoint-9".into())));
    // One that cannot be opened is not taken.
    control(&mut app, 'o');
    app.message(&told(vec![known("/a", Some("adapters alone"))]), NOW);
    press(&mut app, KeyCode::Enter);
    assert!(screen(&mut app, 80, 24).contains("adapters alone"));
    assert!(app.form_values().contains(&("model", "/runs/sft/checkpoint-9".into())));
}

#[test]
fn a_problem_leads_to_what_was_written_for_it() {
    let mut app = reviewing();
    screen(&mut app, 100, 24);
    assert_eq!(control(&mut app, 'f'), [Effect::ListProblems]);
    let found =
        |id: &str| crate::pipeline::chat::Found { id: id.into(), text: format!("text of {id}"), held_out: false };
    let id = row(1).problem_id;
    app.message(&Message::Problems(vec![found("other"), found(&id)]), NOW);
    let shown = screen(&mut app, 100, 24);
    assert!(shown.contains("no sample") && shown.contains("4 right"), "{shown}");
    typed(&mut app, "other");
    press(&mut app, KeyCode::Enter);
    assert!(screen(&mut app, 100, 24).contains("no sample yet: text of other"));
    control(&mut app, 'f');
    app.message(&Message::Problems(vec![found(&id)]), NOW);
    press(&mut app, KeyCode::Enter);
    assert_eq!(app.pane, Pane::Review);
    assert!(screen(&mut app, 100, 24).contains(&id));
}
