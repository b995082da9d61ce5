//! A person's way through the workbench. They know nothing but what the screen says, and each key waits for what it
//! brings.

use cribble::records::DecisionVerb;
use cribble::session::Session;
use cribble::train::checkpoint;

use crate::pty::{Home, Shown};

/// Keys, what the screen says then, and what the person makes of it.
type Way = [(&'static str, &'static str, &'static str)];

const FIRST_DAY: &Way = &[
    ("", "user: problem", "There is a session already, a tour: problems, and what a model wrote for them."),
    ("2", "the session has ", "Here more is written. The form names a model, micro, and takes the session's problems."),
    ("jjjjjjjjjjj\r3\r", "limit        3", "All problems would take a while: the first three will do."),
    ("\u{13}", "a copy of your own", "It begins, and says that this is my own session from now on."),
    ("", "12 new samples", "Done: four for each of three problems. I am to decide on them in Review."),
    ("3R", "judged ", "Review can judge them by rules first."),
    ("Fverdict:rejected\r", "[verdict:rejected]", "Which ones do the rules reject?"),
    ("v", "filter: rejected by", "And why this one? The rules are listed, what fails first."),
    ("a", "you accept 1, reject 0", "I think that it is good all the same: accepted, and on to the next."),
    ("k", "you accept  rules", "Back to it: it has my mark, and the one of the rules beside it."),
    ("u", "undone: accept", "Or is it not good? I take that back."),
    ("", "you accept 0, reject 0", "Nothing is decided again."),
    ("a", "you accept 1, reject 0", "It is good."),
    ("5", "[Histogram]", "How hard are the problems for this model?"),
    ("\t\t\t", "level, subject", "There are levels."),
    ("\r", "[level ", "What was written for problems of this one?"),
    ("c", "chain: attempt", "The problem, an attempt, and how it goes on: this is what a training sees."),
    ("4", "No training yet.", "Then let us train. n sets one up."),
    ("n", "New training", "The model is filled in, and it takes what is accepted."),
    ("jjjjjjjjj\r4\r\r4\r", "batch        4", "Four steps of four chains, to see it move."),
    ("\u{13}", "4/4  loss", "It has gone through all four, each with a loss."),
    ("", "Done", "And it is saved."),
    ("n", "New training", "Now a long one."),
    ("jjjjjjjj\r400\r\r4000\r", "max steps    4000", "As long as it likes."),
    ("\u{13}", "Running", "It runs."),
    ("q", "A training runs here", "I have to go. It asks first, and says that what is learnt is saved."),
];

const SECOND_DAY: &Way = &[
    ("", "you accept 1, reject 0", "It is where I left it, with my decision."),
    ("4", "sft-2", "Both trainings are there, the long one as far as it came."),
    ("0", "you accept you reject", "It is in the list of sessions: tour, which is mine now."),
];

/// Goes all of a way; the last screen of it.
fn walk(shown: &mut Shown, way: &Way) -> String {
    let mut screen = String::new();
    for (keys, says, thought) in way {
        // What is printed is seen where it goes wrong.
        println!("{keys:?} -> {says:?}: {thought}");
        shown.send(keys);
        screen = shown.until(says);
    }
    screen
}

#[test]
fn a_newcomer_finds_the_way_from_the_tour_to_a_training_and_back() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&[]), 80, 24);
    walk(&mut shown, FIRST_DAY);
    shown.send("y");
    assert_eq!(shown.wait(), 0);
    shown.was_given_back();

    let mut again = Shown::start(home.cribble(&[]), 80, 24);
    let screen = walk(&mut again, SECOND_DAY);
    let open = |line: &str| line.starts_with("▸tour ") && line.trim_end().ends_with("open");
    assert!(screen.lines().any(open), "{screen}");
    again.send("q");
    assert_eq!(again.wait(), 0);

    let dir = home.path("DATA/sessions/tour");
    let own = Session::open(&dir).unwrap();
    let verbs: Vec<DecisionVerb> = own.decisions().unwrap().iter().map(|decision| decision.verb).collect();
    assert_eq!(verbs, [DecisionVerb::Accept, DecisionVerb::Undo, DecisionVerb::Accept]);
    assert_eq!(std::fs::read_to_string(dir.join("decisions.jsonl")).unwrap().lines().count(), 3);
    assert_eq!(own.sample_rows().unwrap().iter().filter(|row| row.overruled()).count(), 1);
    assert_eq!(checkpoint::newest(&dir.join("runs/sft")), Some(4));
    assert!(checkpoint::newest(&dir.join("runs/sft-2")).is_some(), "the long training is lost");
}

/// The values of the Generate form are there again.
#[test]
fn the_form_is_kept_over_a_restart() {
    let home = Home::new();
    let mut shown = Shown::start(home.cribble(&["new", "kept"]), 80, 24);
    shown.until("[2 Generate]");
    shown.send("\rsome-model.gguf\r");
    shown.until("some-model.gguf");
    shown.send("q");
    assert_eq!(shown.wait(), 0);
    let mut again = Shown::start(home.cribble(&["open", "kept"]), 80, 24);
    again.until("some-model.gguf");
    again.send("q");
    again.wait();
}
