//! The worker on a real session.

use super::*;
use crate::pipeline::chat::{End, News, Question, Side};
use crate::records::{
    Chain, FinishReason, Message as Said, ModelIdentity, Problem, Role, Sample, SampleSettings, Sampling, Standing,
    UnixMillis,
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
fn a_talk_goes_on_beside_the_session_and_writes_nothing_to_it() {
    use super::super::super::effect::{ChatTold, ChatWish};
    let mut home = home(1);
    let asked = |id: u64, max_tokens: usize| {
        let messages = vec![Said::new(Role::User, "What is 12 + 30?")];
        let sampling = Sampling { temperature: 8.0, top_p: 1.0, max_tokens, ..Sampling::default() };
        let sides = vec![Side { model: "micro".into(), messages: messages.clone() }; 2];
        ChatWish::Ask(Box::new(Question { id, sides, sampling, seed: 3, turn: 0, problem: None }))
    };
    let ended = |id: u64, message: &Message| match message {
        Message::Chat(ChatTold::News(News::Ended { question, side: 1, end, .. })) if *question == id => {
            Some(end.clone())
        }
        _ => None,
    };
    let version = |home: &Home| Session::peek(&home.session).unwrap().last_change().unwrap();
    let before = version(&home);
    home.worker.ask(Effect::Chat(ChatWish::Models));
    home.until(|message| matches!(message, Message::Chat(ChatTold::Models(known)) if known[0].model == "micro"));
    home.worker.ask(Effect::Chat(ChatWish::Problems("1 + 1".into())));
    home.until(|message| matches!(message, Message::Chat(ChatTold::Problems { found, .. }) if found[0].id == "p"));
    home.worker.ask(Effect::Chat(ChatWish::Pose("p".into())));
    home.until(|message| matches!(message, Message::Chat(ChatTold::Posed(posed)) if posed.gold == "2"));
    home.worker.ask(Effect::Chat(asked(1, 20)));
    let seen = home.until(|message| ended(1, message).is_some());
    assert!(seen.iter().any(|message| matches!(message, Message::Chat(ChatTold::News(News::Text { .. })))), "{seen:?}");
    // Asked for at once, the stop comes before the end, which is far away.
    home.worker.ask(Effect::Chat(asked(2, 900)));
    home.worker.ask(Effect::Chat(ChatWish::Stop));
    let seen = home.until(|message| ended(2, message).is_some());
    assert_eq!(seen.last().and_then(|message| ended(2, message)), Some(End::Stopped));
    home.worker.ask(Effect::Chat(ChatWish::Free));
    home.until(|message| matches!(message, Message::Chat(ChatTold::News(News::Loaded(ready))) if ready.is_empty()));
    assert_eq!(version(&home), before);
    assert_eq!(Session::peek(&home.session).unwrap().counts().unwrap().samples, 1);
}
