//! The worker on a real session.

use super::*;
use crate::pipeline::chat::{End, News, Question, Side};
use crate::records::LiveState;
use crate::records::{
    Chain, FinishReason, Message as Said, ModelIdentity, Problem, Role, Sample, SampleSettings, Sampling, Standing,
    UnixMillis,
};

struct Home {
    root: tempfile::TempDir,
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

/// One that starts nothing.
fn idle() -> Launcher {
    Launcher {
        start_generate: Box::new(|_, _| color_eyre::eyre::bail!("no model here")),
        start_train: Box::new(|_, _| color_eyre::eyre::bail!("no model here")),
        start_external: Box::new(|_, _| color_eyre::eyre::bail!("no model here")),
        start_run: Box::new(|_, _| color_eyre::eyre::bail!("no model here")),
        start_forecast: Box::new(|_| color_eyre::eyre::bail!("no model here")),
        start_eval: Box::new(|_, _| color_eyre::eyre::bail!("no model here")),
    }
}

/// A worker with a session of so many samples of one problem open.
fn home(samples: u32) -> Home {
    home_with(samples, idle())
}

fn home_with(samples: u32, launcher: Launcher) -> Home {
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
    let (worker, told) = Worker::start(launcher, directories).unwrap();
    worker.ask(Effect::OpenSession(path.clone()));
    let mut home = Home { root, session: path, worker, told };
    home.until(|message| matches!(message, Message::Opened { .. }));
    home
}

impl Home {
    /// The board of the next job that begins.
    fn job(&mut self) -> watch::Receiver<Arc<LiveBoard>> {
        loop {
            match self.told.blocking_recv() {
                Some(Told::Job(board)) => return board,
                Some(Told::Message(Message::Error(error))) => panic!("{error}"),
                Some(_) => {}
                None => panic!("it ended"),
            }
        }
    }

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

/// A generation that goes on until it is told to end, and then fails; and who tells it.
fn until_told() -> (super::super::start::StartGenerate, std::sync::mpsc::Sender<()>) {
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = Arc::new(std::sync::Mutex::new(ended));
    let start = move |_, _| {
        let ended = Arc::clone(&ended);
        crate::jobs::Job::start("generate", move |_| {
            let _ = ended.lock().unwrap().recv();
            color_eyre::eyre::bail!("it ended")
        })
    };
    (Box::new(start), end)
}

fn generate() -> Effect {
    let order = crate::pipeline::GenerateOrder { model: "m".into(), ..Default::default() };
    Effect::StartGenerate(Box::new(order))
}

fn sft() -> Effect {
    let settings = crate::train::TrainSettings::default();
    Effect::StartTrain(Box::new(crate::pipeline::TrainOrder {
        run: "sft".into(),
        settings,
        compute: crate::model::ComputeChoice::Auto,
    }))
}

/// A training that goes on until it is asked to stop.
fn until_stopped() -> super::super::start::StartTrain {
    Box::new(|_, _| {
        crate::jobs::Job::start("train", move |context| {
            while !context.control().stopping() {
                std::thread::sleep(Duration::from_millis(5));
            }
            color_eyre::eyre::bail!("it was stopped")
        })
    })
}

/// A training begins beside a generation where a person allows it, another generation does not; each is steered on its own.
#[test]
fn two_jobs_stand_side_by_side_where_they_may() {
    let (start_generate, end) = until_told();
    let mut home = home_with(1, Launcher { start_generate, start_train: until_stopped(), ..idle() });
    home.worker.ask(generate());
    let generation = home.job();
    // What is allowed now changes nothing for a job that keeps all others out.
    let config = home.root.path().join("CRIBBLE_CONFIG_DIR");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("config.toml"), "[jobs]\nmax_heavy_jobs = 2\n").unwrap();
    home.worker.ask(sft());
    home.until(|message| matches!(message, Message::Line { jobs, held: false } if jobs.len() == 1));
    end.send(()).unwrap();
    home.until(|message| matches!(message, Message::Line { held: true, .. }));
    assert_eq!(generation.borrow().state, LiveState::Failed);
    home.worker.ask(Effect::LineOn);
    let training = home.job();
    home.worker.ask(generate());
    let generation = home.job();
    home.worker.ask(generate());
    home.until(|message| matches!(message, Message::Line { jobs, held: false } if jobs.len() == 1));
    let stop = |of| Effect::SteerJob { steer: Steer::Stop, of };
    home.worker.ask(stop(Heavy::Both));
    home.until(|message| matches!(message, Message::Error(error) if error == "no job runs"));
    home.worker.ask(stop(Heavy::Training));
    // It was stopped: those in line wait for a person, although the generation goes on.
    home.until(|message| matches!(message, Message::Line { held: true, .. }));
    assert_eq!((training.borrow().state, generation.borrow().state), (LiveState::Failed, LiveState::Starting));
    home.worker.ask(Effect::Unqueue);
    home.until(|message| matches!(message, Message::Line { jobs, held: false } if jobs.is_empty()));
    home.worker.ask(sft());
    home.job();
    // Both are asked to end; the one that does not listen is not waited for when it is left in a hurry.
    home.worker.hurry();
    home.worker.ask(Effect::Quit);
    while !matches!(home.told.blocking_recv(), Some(Told::Quit)) {}
    end.send(()).unwrap();
}

/// A job begins when the one before it has ended, unless it is taken out of the line.
#[test]
fn jobs_wait_in_line_for_each_other() {
    let (start_generate, end) = until_told();
    let mut home = home_with(1, Launcher { start_generate, ..idle() });
    home.worker.ask(generate());
    home.job();
    let line = |names: &[&str], held| {
        let jobs = names.iter().map(|name| (*name).to_owned()).collect();
        Message::Line { jobs, held }
    };
    home.worker.ask(sft());
    home.until(|message| *message == line(&["train sft"], false));
    home.worker.ask(Effect::Unqueue);
    home.until(|message| *message == line(&[], false));
    home.worker.ask(sft());
    home.until(|message| *message == line(&["train sft"], false));
    // What fails holds those behind it, until a person lets them go on.
    end.send(()).unwrap();
    home.until(|message| *message == line(&["train sft"], true));
    home.worker.ask(Effect::LineOn);
    home.until(|message| *message == line(&[], false));
    home.until(|message| matches!(message, Message::Error(error) if error.contains("no model here")));
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
fn a_recipe_is_planned_or_refused_with_its_line() {
    use crate::pipeline::recipe::Wanted;
    let mut home = home(0);
    let plan = |home: &mut Home, recipe: &str| {
        home.worker.ask(Effect::PlanPass(Box::new(Wanted { recipe: recipe.into(), ..Wanted::default() })));
        match home.until(|message| matches!(message, Message::Plan(_))).pop() {
            Some(Message::Plan(plan)) => plan,
            other => panic!("{other:?}"),
        }
    };
    let made = plan(&mut home, "micro").unwrap();
    assert_eq!((made.recipe.name.as_str(), made.pool, made.test), ("micro", 1600, 400));
    assert!(made.steps.len() > 8 && made.steps.iter().all(|step| !step.done));
    let file = home.session.join("mine.toml");
    std::fs::write(&file, "seed = 1\nsead = 2\n").unwrap();
    let refused = plan(&mut home, &file.to_string_lossy()).unwrap_err();
    assert!(refused.contains("mine.toml:2: unknown field `sead`"), "{refused}");
    let refused = plan(&mut home, "gsm8k-small").unwrap_err();
    assert!(refused.contains("is left open"), "{refused}");
}

#[test]
fn a_pass_is_told_as_it_comes_on_and_released() {
    use crate::pipeline::recipe::Recipe;
    use crate::session::StoredStep;
    let mut home = home(3);
    home.worker.ask(Effect::ReadReport);
    home.until(|message| matches!(message, Message::Error(error) if error.contains("report.md")));
    // Another process begins a pass here.
    let other = Session::open(&home.session).unwrap();
    let text = "model = \"micro\"\nproblems = \"micro\"\ntest = \"micro-test\"\n[stage1]\nreview = \"all\"\n";
    Recipe::read("small", "small.toml", text).unwrap().own(&other).unwrap();
    let told = |home: &mut Home| match home.until(|message| matches!(message, Message::Pass(_))).pop() {
        Some(Message::Pass(progress)) => progress,
        other => panic!("{other:?}"),
    };
    let progress = told(&mut home);
    assert_eq!((progress.recipe.name.as_str(), progress.done(), &progress.waiting), ("small", 0, &None));
    let rows = other.sample_rows().unwrap();
    let judged = rows.iter().map(|row| crate::session::StoredVerdict {
        id: row.id,
        accepted: true,
        failed: "[]".into(),
        across: "[]".into(),
    });
    other.put_filtering("h", "", "{}", &judged.collect::<Vec<_>>()).unwrap();
    let drawn = serde_json::json!({
        "session": "", "problems": 1, "samples": 3, "existing": 0, "tokens": 36, "tokens_per_second": 1.0,
        "wall_seconds": 1.0, "compute": "f32", "correct": 3, "failed": 0, "stopped": false, "settings": rows[0].settings,
    });
    let judged = serde_json::json!({
        "judged": 3, "accepted": 3, "rejected": 0, "funnel": [], "measured": 3, "changed": 3, "to_review": [],
        "overruled": [0, 0], "settings": "h",
    });
    let steps =
        [("eval base", "{}".into()), ("stage 1 dialogues", drawn.to_string()), ("stage 1 filter", judged.to_string())];
    for (name, outcome) in steps {
        other.put_step(&StoredStep { name: name.into(), outcome, seconds: 1.0 }).unwrap();
    }
    let mut progress = told(&mut home);
    while progress.waiting.is_none() {
        progress = told(&mut home);
    }
    assert_eq!(progress.waiting.as_ref().map(|waiting| (waiting.decided, waiting.wanted)), Some((0, 3)));
    home.worker.ask(Effect::Decide { sample: 2, verb: DecisionVerb::Accept, reason: None, note: None });
    let progress = told(&mut home);
    assert_eq!(progress.waiting.as_ref().map(|waiting| (waiting.decided, waiting.samples.len())), Some((1, 3)));
    home.worker.ask(Effect::ReleaseReview);
    let progress = told(&mut home);
    assert_eq!((progress.done(), &progress.waiting), (4, &None));
    assert!(other.step("stage 1 review").unwrap().is_some());
}

#[test]
fn a_talk_goes_on_beside_the_session_and_writes_nothing_to_it() {
    use super::super::super::effect::{ChatTold, ChatWish};
    let mut home = home(1);
    let asked = |id: u64, max_tokens: usize| {
        let messages = vec![Said::new(Role::User, "What is 12 + 30?")];
        let sampling = Sampling { temperature: 8.0, top_p: 1.0, max_tokens, ..Sampling::default() };
        let sides = vec![Side { model: "micro".into(), messages: messages.clone() }; 2];
        ChatWish::Ask(Box::new(Question { id, sides, sampling, seed: 3, turn: 0, part: 0, problem: None }))
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
