//! The worker on a real session.

use super::*;
use crate::records::{
    Chain, FinishReason, ModelIdentity, Problem, Sample, SampleSettings, Sampling, Standing, UnixMillis,
};

struct Home {
    _root: tempfile::TempDir,
    session: PathBuf,
    worker: Worker,
    told: mpsc::UnboundedReceiver<Told>,
}

fn sample(problem: &str, draw: u32, settings: &str) -> Sample {
    Sample {
        problem_id: problem.into(),
        draw,
        settings: settings.into(),
        turns: Vec::new(),
        chain: Chain { text: format!("1 + 1 = 2, draw {draw}. \\boxed{{2}}"), ..Chain::default() },
        tags: Vec::new(),
        finish: FinishReason::Stop,
        answer: Some("2".into()),
        correct: Some(true),
        tokens: 12,
        seconds: 1.0,
        created_at: 0 as UnixMillis,
    }
}

/// A worker with a session of so many samples of one problem open.
fn home(samples: u32) -> Home {
    let root = tempfile::tempdir().unwrap();
    let directories = Directories::from_lookup(|name| Some(root.path().join(name).into_os_string())).unwrap();
    let path = directories.session_path("s").unwrap();
    let session = Session::create(&path).unwrap();
    let problem = Problem {
        id: "p".into(),
        text: "What is 1 + 1?".into(),
        answer: "2".into(),
        source: "own".into(),
        split: None,
        level: None,
        subject: None,
        solution: None,
        extra: Default::default(),
    };
    session.add_problems(&[problem]).unwrap();
    let settings = SampleSettings {
        model: ModelIdentity {
            name: "m".into(),
            content: "c".into(),
            template: "t".into(),
            compute: "f32".into(),
            context_length: 64,
        },
        turns: 1,
        sampling: Sampling::default(),
        seed: 0,
        dialogue: serde_json::Value::Null,
    };
    let hash = session.put_settings(&settings, &serde_json::Value::Null).unwrap();
    for draw in 0..samples {
        session.add_sample(&sample("p", draw, &hash)).unwrap();
    }
    drop(session);
    let launcher = Launcher {
        start_generate: Box::new(|_, _| color_eyre::eyre::bail!("no model here")),
        start_train: Box::new(|_, _| color_eyre::eyre::bail!("no model here")),
    };
    let (worker, told) = Worker::start(launcher, directories).unwrap();
    worker.ask(Effect::OpenSession(path.clone()));
    let mut home = Home { _root: root, session: path, worker, told };
    home.until(|message| matches!(message, Message::Opened { .. }));
    home
}

impl Home {
    /// The messages up to the one that is wanted, which is the last of them.
    fn until(&mut self, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let mut seen = Vec::new();
        loop {
            let Some(Told::Message(message)) = self.told.blocking_recv() else { panic!("it ended after {seen:?}") };
            let found = wanted(&message);
            seen.push(message);
            if found {
                return seen;
            }
        }
    }
}

#[test]
fn a_whole_list_that_is_decided_on_is_told_at_once() {
    let mut home = home(600);
    let samples: Vec<i64> = (1..=600).collect();
    home.worker.ask(Effect::DecideAll { samples, verb: DecisionVerb::Reject });
    let seen = home.until(|message| matches!(message, Message::Stood { .. }));
    let Some(Message::Stood { standings, counts }) = seen.last() else { unreachable!() };
    assert_eq!((standings.len(), counts.rejected), (600, 600));
    let rejected = |standing: &Standing| standing.verb == Some(DecisionVerb::Reject);
    assert!(standings.iter().all(|(_, standing)| rejected(standing)));
    // One that is decided on alone is told alone.
    home.worker.ask(Effect::Decide { sample: 7, verb: DecisionVerb::Accept, reason: None, note: None });
    let seen = home.until(|message| matches!(message, Message::Stood { .. }));
    let Some(Message::Stood { standings, .. }) = seen.last() else { unreachable!() };
    assert!(matches!(&standings[..], [(7, standing)] if standing.verb == Some(DecisionVerb::Accept)));
}

#[test]
fn an_edit_is_told_or_refused_and_the_filter_tells_its_end() {
    let mut home = home(2);
    home.worker.ask(Effect::Edit { sample: 1, text: sample("p", 0, "").chain.text });
    home.until(|message| matches!(message, Message::Error(error) if error.contains("nothing was changed")));
    home.worker.ask(Effect::Edit { sample: 1, text: "Another way to 2. \\boxed{2}".into() });
    home.until(|message| matches!(message, Message::Edited { sample: 1, .. }));
    home.worker.ask(Effect::Filter);
    let dir = home.session.clone();
    home.until(|message| matches!(message, Message::Judging { dir: judged, .. } if *judged == dir));
    let (mut over, mut rows) = (false, 0);
    while !over || rows == 0 {
        let seen = home.until(|message| matches!(message, Message::JudgingOver { .. } | Message::Judged { .. }));
        match seen.last() {
            Some(Message::JudgingOver { dir }) => over = *dir == home.session,
            Some(Message::Judged { rows: judged, .. }) => rows = judged.len(),
            _ => {}
        }
    }
    assert_eq!(rows, 3, "the edited one is judged with the others");
    home.worker.ask(Effect::LoadSample(3));
    let seen = home.until(|message| matches!(message, Message::Sample { .. }));
    assert!(matches!(seen.last(), Some(Message::Sample { id: 3, judged: Some(_), .. })));
}

#[test]
fn the_tour_is_looked_at_in_place_and_changed_as_a_copy() {
    let mut home = home(1);
    let own = home.session.parent().unwrap().join("tour");
    home.worker.ask(Effect::OpenTour);
    let seen = home.until(|message| matches!(message, Message::Opened { .. }));
    let Some(Message::Opened { rows, read_only, .. }) = seen.last() else { unreachable!() };
    let first = rows[0].id;
    assert!(rows.len() >= 50 && read_only.is_none());
    home.worker.ask(Effect::LoadSample(first));
    home.until(|message| matches!(message, Message::Sample { id, .. } if *id == first));
    assert!(!own.exists(), "looking makes no copy");
    home.worker.ask(Effect::Decide { sample: first, verb: DecisionVerb::Flag, reason: None, note: None });
    let seen = home.until(|message| matches!(message, Message::Stood { .. }));
    assert!(seen.contains(&Message::Adopted(own.clone())), "{seen:?}");
    let Some(Message::Stood { standings, .. }) = seen.last() else { unreachable!() };
    assert_eq!(standings.len(), 1);
    assert_eq!(standings[0].0, first);
    assert_eq!(Session::open(&own).unwrap().counts().unwrap().flagged, 1);
}

#[test]
fn a_session_is_surveyed_when_it_changed_and_a_selection_is_stored_in_a_copy_of_the_tour() {
    let mut home = home(3);
    let load = || Effect::LoadDifficulty { settings: None, rule: None };
    let is_survey = |message: &Message| matches!(message, Message::Difficulty { .. });
    let survey = |home: &mut Home| {
        home.worker.ask(load());
        let seen = home.until(is_survey);
        let Some(Message::Difficulty { dir, survey: Some(survey), .. }) = seen.last() else { panic!("{seen:?}") };
        (dir.clone(), survey.clone())
    };
    let (dir, first) = survey(&mut home);
    assert_eq!((dir, first.pool.len(), first.sources[0].samples), (home.session.clone(), 1, 3));
    // Nothing changed: nothing is told. Then something did.
    home.worker.ask(load());
    home.worker.ask(Effect::Decide { sample: 1, verb: DecisionVerb::Accept, reason: None, note: None });
    let seen = home.until(|message| matches!(message, Message::Stood { .. }));
    assert!(!seen.iter().any(is_survey), "{seen:?}");
    let (_, again) = survey(&mut home);
    assert_eq!(again.pool[0].candidates().len(), 1);
    // The tour is looked at in place.
    home.worker.ask(Effect::OpenTour);
    home.until(|message| matches!(message, Message::Opened { .. }));
    let (dir, of_tour) = survey(&mut home);
    assert_eq!(dir, PathBuf::from("tour"));
    let own = home.session.parent().unwrap().join("tour");
    assert!(!own.exists(), "looking makes no copy");
    let settings = of_tour.sources[of_tour.source].hash.clone();
    home.worker.ask(Effect::StoreSelection { name: "mine".into(), rule: crate::difficulty::Rule::default(), settings });
    let seen = home.until(|message| matches!(message, Message::SelectionStored(_)));
    assert!(seen.contains(&Message::Adopted(own.clone())), "{seen:?}");
    let Some(Message::SelectionStored(outcome)) = seen.last() else { unreachable!() };
    let selection = Session::open(&own).unwrap().selection("mine").unwrap();
    assert_eq!(selection.map(|selection| selection.hash), Some(outcome.hash.clone()));
    let (dir, stored) = survey(&mut home);
    assert_eq!((dir, stored.stored().map(|stored| stored.name.as_str())), (own, Some("mine")));
}
