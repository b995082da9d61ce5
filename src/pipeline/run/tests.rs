//! Waiting for a person and training by another program, over a session with made-up samples. The whole pass is tested from the
//! outside.

use super::*;
use crate::records::{
    Chain, DecisionVerb, FinishReason, LiveBoard, LiveState, ModelIdentity, Problem, Sample, SampleSettings, Sampling,
};
use crate::session::StoredVerdict;
use std::time::Duration;

/// A host that nobody looks at or steers, but for when it stops.
macro_rules! unwatched {
    ($host:ty, |$it:ident| $stops:expr $(, $($generic:tt)+)?) => {
        impl$(<$($generic)+>)? Watcher for $host {
            fn stopping(&self) -> bool {
                let $it = self;
                $stops
            }
            fn stopping_now(&self) -> bool {
                false
            }
            fn looked_at(&self) -> Option<u64> {
                None
            }
            fn paused(&self) -> bool {
                false
            }
            fn wait_while_paused(&self, _limit: Duration) {}
            fn due(&self, _state: LiveState) -> bool {
                false
            }
            fn publish(&mut self, _board: LiveBoard) {}
        }
    };
}

mod served;

const RECIPE: &str =
    "model = \"micro\"\nproblems = \"micro\"\ntest = \"micro-test\"\n[stage1]\nreview = \"sample(3)\"\n";

/// A session in which stage 1 was drawn and judged: so many samples of two problems, every third one rejected.
fn judged(samples: u32) -> (tempfile::TempDir, Session, Recipe) {
    let root = tempfile::tempdir().unwrap();
    let session = Session::create(root.path()).unwrap();
    let recipe = Recipe::read("small", "small.toml", RECIPE).unwrap();
    recipe.own(&session).unwrap();
    let problem = |id: &str| Problem {
        id: id.into(),
        text: format!("What is {id}?"),
        answer: "2".into(),
        source: "own".into(),
        split: None,
        level: None,
        subject: None,
        solution: None,
        extra: Default::default(),
    };
    session.add_problems(&[problem("p"), problem("q")]).unwrap();
    let model = ModelIdentity {
        name: "m".into(),
        content: "c".into(),
        template: "t".into(),
        compute: "f32".into(),
        context_length: 64,
    };
    let settings =
        SampleSettings { model, turns: 2, sampling: Sampling::default(), seed: 0, dialogue: serde_json::Value::Null };
    let settings = session.put_settings(&settings, &serde_json::Value::Null).unwrap();
    for draw in 0..samples {
        let sample = Sample {
            problem_id: if draw % 2 == 0 { "p" } else { "q" }.into(),
            draw,
            settings: settings.clone(),
            turns: Vec::new(),
            chain: Chain { text: "\\boxed{2}".into(), ..Chain::default() },
            tags: Vec::new(),
            finish: FinishReason::Stop,
            answer: Some("2".into()),
            correct: Some(true),
            tokens: 10,
            seconds: 1.0,
            created_at: 0,
        };
        session.add_sample(&sample).unwrap();
    }
    let verdict = |row: crate::session::SampleRow| StoredVerdict {
        id: row.id,
        accepted: row.id % 3 != 0,
        failed: "[]".into(),
        across: "[]".into(),
    };
    let verdicts: Vec<StoredVerdict> = session.sample_rows().unwrap().into_iter().map(verdict).collect();
    session.put_filtering("h", "", "{}", &verdicts).unwrap();
    let drawn = serde_json::json!({
        "session": "", "problems": 2, "samples": samples, "existing": 0, "tokens": 0, "tokens_per_second": 0.0,
        "wall_seconds": 0.0, "compute": "f32", "correct": samples, "failed": 0, "stopped": false, "settings": settings,
    });
    for (name, outcome) in [("eval base", "{}".into()), ("stage 1 dialogues", drawn.to_string())] {
        session.put_step(&StoredStep { name: name.into(), outcome, seconds: 1.0 }).unwrap();
    }
    assert_eq!(waiting(&session, &recipe).unwrap(), None, "the filter comes first");
    let judged = serde_json::json!({
        "judged": samples, "accepted": samples / 2, "rejected": 1, "funnel": [], "measured": 0, "changed": 0,
        "to_review": [], "overruled": [0, 0], "settings": "h",
    });
    session.put_step(&StoredStep { name: "stage 1 filter".into(), outcome: judged.to_string(), seconds: 1.0 }).unwrap();
    (root, session, recipe)
}

/// Does not work; counts how often it was asked to wait.
struct Idle<F: FnMut(usize)> {
    waits: Vec<(usize, usize)>,
    stop_after: usize,
    each: F,
}

unwatched!(Idle<F>, |idle| idle.waits.len() >= idle.stop_after, F: FnMut(usize));

impl<F: FnMut(usize)> Host for Idle<F> {
    fn train(&mut self, _order: &TrainOrder, _prepared: &mut Prepared) -> Result<TrainOutcome> {
        unreachable!("nothing is trained here")
    }
    fn train_elsewhere(&mut self, _: &Session, _: &TrainOrder, _: &External) -> Result<TrainOutcome> {
        unreachable!("nothing is trained here")
    }
    fn serve(&mut self, _: &Session, _: &Served<'_>) -> Result<Option<Box<dyn Backend>>> {
        unreachable!("no servers are here")
    }
    fn end_servers(&mut self, _: &Session) -> Result<()> {
        unreachable!("no servers are here")
    }
    fn begins(&mut self, _step: &str, _place: (usize, usize)) {}
    fn waits(&mut self, decided: usize, wanted: usize) {
        self.waits.push((decided, wanted));
        (self.each)(self.waits.len());
    }
}

/// A pass at work in this session.
fn pass<'a>(session: &'a Session, order: &'a RunOrder, host: &'a mut dyn Host) -> Pass<'a> {
    let policy = crate::dialogue::Library::load(None).unwrap().policy(None).unwrap();
    Pass {
        session,
        order,
        host,
        policies: (policy.clone(), policy),
        compute: ComputeChoice::F32,
        pool: Vec::new(),
        test: Vec::new(),
        planned: plan(&order.recipe, Some(session)).unwrap(),
        mark: "3f2a".into(),
    }
}

/// The review step of a pass in this session.
fn review(session: &Session, recipe: &Recipe, wait: bool, host: &mut dyn Host) -> Result<usize> {
    let order = RunOrder { recipe: recipe.clone(), slots: None, wait, ablations: false };
    let settings = session.sample_rows()?[0].settings.clone();
    pass(session, &order, host).step("stage 1 review", |pass| {
        pass.review("stage 1 review", std::slice::from_ref(&settings), recipe.stage1.review)
    })
}

#[test]
fn what_is_to_be_reviewed_stays_the_same_and_is_spread() {
    let (_root, session, recipe) = judged(60);
    let first = waiting(&session, &recipe).unwrap().unwrap();
    assert_eq!((first.step.as_str(), first.decided, first.wanted), ("stage 1 review", 0, 3));
    assert_eq!(first.samples.len(), 3);
    assert!(first.samples.iter().any(|id| *id > 10), "not the first ones: {:?}", first.samples);
    session.decide(first.samples[0], DecisionVerb::Accept, None, None).unwrap();
    // One that was not asked for counts as well.
    let other = (1..=60).find(|id| !first.samples.contains(id)).unwrap();
    session.decide(other, DecisionVerb::Reject, None, None).unwrap();
    let then = waiting(&session, &recipe).unwrap().unwrap();
    assert_eq!((then.decided, then.samples), (2, first.samples));
}

#[test]
fn a_pass_that_waits_goes_on_with_the_last_decision() {
    let (root, session, recipe) = judged(9);
    let person = Session::open(root.path()).unwrap();
    let mut host = Idle {
        waits: Vec::new(),
        stop_after: 50,
        each: |count| {
            person.decide(count as i64, DecisionVerb::Accept, None, None).unwrap();
        },
    };
    assert_eq!(review(&session, &recipe, true, &mut host).unwrap(), 3);
    assert_eq!(host.waits, [(0, 3), (1, 3), (2, 3)]);
    assert_eq!(waiting(&session, &recipe).unwrap(), None);
}

/// One word, whoever says it: it ends the waiting of a process that waits, and is found by one that begins later.
#[test]
fn a_word_lets_the_pass_go_on_wherever_it_runs() {
    let (root, session, recipe) = judged(9);
    let person = Session::open(root.path()).unwrap();
    person.decide(1, DecisionVerb::Reject, None, None).unwrap();
    let mut host = Idle {
        waits: Vec::new(),
        stop_after: 50,
        each: |count| {
            if count == 2 {
                let released = release(&person, &recipe).unwrap().unwrap();
                assert_eq!((released.decided, released.wanted), (1, 3));
            }
        },
    };
    assert_eq!(review(&session, &recipe, true, &mut host).unwrap(), 1);
    assert_eq!(host.waits.len(), 2);
    assert_eq!(release(&session, &recipe).unwrap(), None, "nothing waits any more");

    let (_root, session, recipe) = judged(9);
    let mut host = Idle { waits: Vec::new(), stop_after: 1, each: |_| {} };
    let halt = review(&session, &recipe, false, &mut host).unwrap_err();
    let wanted = Halt::Waiting { step: "stage 1 review".into(), count: 3 };
    assert_eq!(halt.downcast_ref::<Halt>(), Some(&wanted));
    let halt = review(&session, &recipe, true, &mut host).unwrap_err();
    assert!(matches!(halt.downcast_ref::<Halt>(), Some(Halt::Stopped { .. })), "a pass that waits can be stopped");
    release(&session, &recipe).unwrap();
    assert_eq!(review(&session, &recipe, false, &mut host).unwrap(), 0);
}

#[test]
fn progress_tells_what_is_done_and_reads_no_step_twice() {
    let (_root, session, recipe) = judged(9);
    let progress = Progress::read(&session, None).unwrap().unwrap();
    assert_eq!(
        (progress.done(), progress.steps.len(), progress.whole()),
        (3, plan(&recipe, None).unwrap().len(), false)
    );
    let came = |at: usize| progress.steps[at].done.as_ref().map(|(_, came)| came.as_str());
    assert_eq!(came(1), Some("9 dialogues, 9 right (100%), 90 tokens"));
    assert_eq!(came(2), Some("accepted 4 of 9 (44%)"));
    assert_eq!(came(3), None);
    assert_eq!(progress.waiting.as_ref().map(|waiting| waiting.wanted), Some(3));
    let flow = &progress.flow[0];
    assert_eq!((flow.stage.as_str(), flow.drawn, flow.accepted, flow.chosen), ("stage 1", Some(9), Some(4), None));
    let mut known = progress.clone();
    known.steps[1].done = Some((7.0, "as it was read".into()));
    let again = Progress::read(&session, Some(&known)).unwrap().unwrap();
    assert_eq!(again.steps[1].done, known.steps[1].done);
    release(&session, &recipe).unwrap();
    let after = Progress::read(&session, Some(&again)).unwrap().unwrap();
    assert_eq!((after.done(), after.waiting), (4, None));
}

/// Has programs train that end as it is told.
struct Trainers {
    done: bool,
    asked: Vec<(TrainOrder, External)>,
}

unwatched!(Trainers, |_host| false);

impl Host for Trainers {
    fn train(&mut self, _order: &TrainOrder, _prepared: &mut Prepared) -> Result<TrainOutcome> {
        unreachable!("another program trains")
    }
    fn train_elsewhere(&mut self, _: &Session, order: &TrainOrder, external: &External) -> Result<TrainOutcome> {
        self.asked.push((order.clone(), external.clone()));
        Ok(TrainOutcome {
            done: self.done,
            off: None,
            step: 7,
            checkpoint: "/made/model".into(),
            validation_loss: None,
            chains: 5,
            held_out: 0,
            too_long: 0,
        })
    }
    fn serve(&mut self, _: &Session, _: &Served<'_>) -> Result<Option<Box<dyn Backend>>> {
        unreachable!("no servers are here")
    }
    fn end_servers(&mut self, _: &Session) -> Result<()> {
        unreachable!("no servers are here")
    }
    fn begins(&mut self, _step: &str, _place: (usize, usize)) {}
    fn waits(&mut self, _decided: usize, _wanted: usize) {
        unreachable!("nobody is waited for")
    }
}

#[test]
fn what_another_program_trained_is_what_the_pass_goes_on_with() {
    let (_root, session, _) = judged(9);
    let text = format!("{RECIPE}[external]\ntrainer = \"axolotl\"\ndirectory = \"/w/{{run}}/external\"\n");
    let recipe = Recipe::read("small", "small.toml", &text).unwrap();
    let settings = recipe.stage1.train.clone();
    let order = RunOrder { recipe, slots: None, wait: false, ablations: false };
    let mut host = Trainers { done: false, asked: Vec::new() };
    let train = |host: &mut Trainers| pass(&session, &order, host).train("pi_sft", "micro", "stage 1", &settings);
    let halt = train(&mut host).unwrap_err();
    assert_eq!(halt.downcast_ref::<Halt>(), Some(&Halt::Stopped { step: "train pi_sft".into() }));
    assert_eq!(session.step("train pi_sft").unwrap(), None);
    host.done = true;
    assert_eq!(train(&mut host).unwrap(), "/made/model");
    assert_eq!(train(&mut host).unwrap(), "/made/model");
    assert_eq!(host.asked.len(), 2, "what is done is not done again");
    let (asked, external) = &host.asked[1];
    assert_eq!((asked.run.as_str(), asked.settings.data.selection.as_str()), ("pi_sft", "stage 1"));
    assert_eq!(external.directory.as_deref(), Some("/w/pi_sft/external"));
    let step = session.step("train pi_sft").unwrap().unwrap();
    assert_eq!(came(&session, &order.recipe, &step).unwrap(), "7 steps over 5 chains, by axolotl");
    let made: Made = serde_json::from_str(&step.outcome).unwrap();
    assert_eq!(made.elsewhere.map(|elsewhere| elsewhere.from).as_deref(), Some("micro"));
    let about =
        |name: &str| plan(&order.recipe, None).unwrap().into_iter().find(|step| step.name == name).unwrap().about;
    assert!(about("train pi_rej").ends_with(", by axolotl"));
}

#[test]
fn each_training_goes_on_from_the_model_of_the_one_before() {
    let of = |text: &str| -> Vec<(String, Option<String>)> {
        let recipe = Recipe::read("small", "small.toml", text).unwrap();
        trainings(&recipe).into_iter().map(|training| (training.run, training.after)).collect()
    };
    let name = |run: &str, after: Option<&str>| (run.to_owned(), after.map(str::to_owned));
    let rounds = [name("pi_sft", None), name("pi_rej-1", Some("pi_sft")), name("pi_rej", Some("pi_rej-1"))];
    assert_eq!(of("[stage2]\nrounds = 2"), rounds);
    assert_eq!(of("[stage2]\nfrom = \"base\""), [name("pi_sft", None), name("pi_rej", None)]);
}
