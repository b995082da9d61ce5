//! A pass whose samples servers write: which model is asked for under which name, and when their end is asked for.

use serde_json::{Value, json};

use super::*;

const SERVED: &str = "model = \"micro\"\nproblems = \"micro\"\ntest = \"micro-test\"\n[stage1]\nproblems = 3\n[stage2]\n\
                      problems = 3\nrounds = 2\nretry = 1\n[eval]\nproblems = 3\n[external]\ntrainer = \"axolotl\"\n[servers]\n\
                      endpoints = [\"http://localhost:1/v1\"]\n";

/// Writes down what is asked of it; serves nothing.
#[derive(Default)]
struct Asked {
    told: Vec<String>,
    fails: bool,
}

unwatched!(Asked, |_host| false);

impl Host for Asked {
    fn train(&mut self, _order: &TrainOrder, _prepared: &mut Prepared) -> Result<TrainOutcome> {
        unreachable!("another program trains")
    }
    fn train_elsewhere(&mut self, _: &Session, order: &TrainOrder, _: &External) -> Result<TrainOutcome> {
        self.told.push(format!("train {} from {}", order.run, order.settings.model));
        Ok(serde_json::from_value(trained(&order.run, false)).unwrap())
    }
    fn serve(&mut self, _: &Session, served: &Served<'_>) -> Result<Option<Box<dyn Backend>>> {
        assert_eq!(served.servers.endpoints, ["http://localhost:1/v1"]);
        self.told.push(format!("serve {} as {}", served.model, served.name));
        if self.fails { Err(color_eyre::eyre::eyre!("no room")) } else { Ok(None) }
    }
    fn end_servers(&mut self, _: &Session) -> Result<()> {
        self.told.push("end".into());
        Ok(())
    }
    fn begins(&mut self, _step: &str, _place: (usize, usize)) {}
    fn waits(&mut self, _decided: usize, _wanted: usize) {
        unreachable!("nobody is waited for")
    }
}

fn order() -> RunOrder {
    let recipe = Recipe::read("small", "small.toml", SERVED).unwrap();
    RunOrder { recipe, slots: None, wait: false, ablations: false }
}

fn trained(run: &str, done: bool) -> Value {
    json!({
        "done": done, "off": null, "step": 1, "checkpoint": format!("/made/{run}"), "validation_loss": null, "chains": 1,
        "held_out": 0, "too_long": 0,
    })
}

/// What a step may have come to.
fn outcome(step: &str) -> Value {
    let words = |end: &str| step.ends_with(end);
    if let Some(run) = step.strip_prefix("train ") {
        let mut made = trained(run, true);
        made["model"] = json!(format!("/made/{run}"));
        made
    } else if step.starts_with("eval ") {
        json!({ "settings": "s", "greedy": null, "compute": "http" })
    } else if words(" dialogues") || words(" retry") {
        json!({
            "session": "", "problems": 0, "samples": 0, "existing": 0, "tokens": 0, "tokens_per_second": 0.0,
            "wall_seconds": 0.0, "compute": "http", "correct": 0, "failed": 0, "stopped": false, "settings": "s",
        })
    } else if words(" samples") {
        json!({
            "problems": 0, "draws": 0, "existing": 0, "solved": 0, "given_up": 0, "filled": 0, "spent": 0, "no_tokens": 0,
            "tokens": 0, "rounds": 0, "stopped": false, "settings": "s",
        })
    } else if words(" filter") {
        json!({
            "judged": 0, "accepted": 0, "rejected": 0, "funnel": [], "measured": 0, "changed": 0, "to_review": [],
            "overruled": [0, 0], "settings": "h",
        })
    } else {
        json!({
            "name": "n", "hash": "h", "samples": 1, "problems": 1, "target": "uniform", "k": 1.0, "fill_rate": 1.0,
            "accepted": 1, "tokens": 1, "effective": 1.0, "settings": "s",
        })
    }
}

fn done(session: &Session, step: &str) {
    let outcome = outcome(step).to_string();
    session.put_step(&StoredStep { name: step.into(), outcome, seconds: 1.0 }).unwrap();
}

#[test]
fn every_step_is_written_by_the_model_that_it_is_about() {
    let root = tempfile::tempdir().unwrap();
    let session = Session::create(root.path()).unwrap();
    let order = order();
    for stage in ["stage 1", "stage 2.1", "stage 2.2"] {
        done(&session, &format!("{stage} filter"));
        done(&session, &format!("{stage} select"));
    }
    let base = "serve micro as base";
    let sft = "serve /made/pi_sft as pi_sft-3f2a";
    let first = "serve /made/pi_rej-1 as pi_rej-1-3f2a";
    for (step, told) in [
        ("eval base", vec![base]),
        ("stage 1 dialogues", vec![base]),
        ("train pi_sft", vec!["end", "train pi_sft from micro"]),
        ("eval pi_sft", vec![sft]),
        ("stage 2.1 samples", vec![sft]),
        ("stage 2.1 retry", vec![sft]),
        ("train pi_rej-1", vec!["end", "train pi_rej-1 from /made/pi_sft"]),
        ("eval pi_rej-1", vec![first]),
        ("stage 2.2 samples", vec![first]),
        ("stage 2.2 retry", vec![first]),
        ("train pi_rej", vec!["end", "train pi_rej from /made/pi_rej-1"]),
        ("eval pi_rej", vec!["serve /made/pi_rej as pi_rej-3f2a"]),
    ] {
        let mut host = Asked::default();
        let halt = pass(&session, &order, &mut host).both_stages().unwrap_err();
        assert_eq!(halt.downcast_ref::<Halt>(), Some(&Halt::Stopped { step: step.into() }));
        assert_eq!(host.told, told, "{step}");
        done(&session, step);
    }
}

#[test]
fn however_a_pass_ends_its_servers_do() {
    let policy = crate::dialogue::Library::load(None).unwrap().policy(None).unwrap();
    for fails in [false, true] {
        let root = tempfile::tempdir().unwrap();
        let session = Session::create(root.path()).unwrap();
        let mut host = Asked { fails, ..Asked::default() };
        let error = run(&session, &order(), (policy.clone(), policy.clone()), &mut host).unwrap_err();
        assert_eq!((error.is::<Halt>(), error.to_string() == "no room"), (!fails, fails), "{error}");
        assert_eq!(host.told, ["serve micro as base", "end"]);
    }
}

#[test]
fn nothing_is_served_while_a_person_is_waited_for() {
    let (_root, session, mut recipe) = judged(9);
    recipe.servers = order().recipe.servers;
    let mut host = Asked::default();
    let halt = review(&session, &recipe, false, &mut host).unwrap_err();
    assert!(matches!(halt.downcast_ref::<Halt>(), Some(Halt::Waiting { count: 3, .. })));
    assert_eq!(host.told, ["end"]);
}

#[test]
fn what_servers_write_is_not_forecast_and_is_counted() {
    let order = order();
    let policy = crate::dialogue::Library::load(None).unwrap().policy(None).unwrap();
    let mut host = Asked::default();
    let (probe, steps) = forecast(&order, &(policy.clone(), policy), &mut host).unwrap();
    assert_eq!((probe, host.told.len()), (Probe::default(), 0));
    for Forecast { step, tokens, seconds } in steps {
        let judges = step.name.ends_with(" filter") || step.name.ends_with(" select");
        assert_eq!((tokens, seconds), (0.0, judges.then_some(1.0)), "{}", step.name);
        assert_eq!(step.about.ends_with(", by servers"), !judges && !step.name.starts_with("train "), "{}", step.about);
    }
    let writer = order.generation(ComputeChoice::F32, 1, 1, Sampling::default()).writer;
    assert!(matches!(writer, Writer::Servers(servers) if servers.endpoints == ["http://localhost:1/v1"]));
}
