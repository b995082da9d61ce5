use std::time::Duration;

use super::*;
use crate::session::Session;
use crate::train::external::Trainer;

fn error(text: &str) -> String {
    Recipe::read("mine", "mine.toml", text).unwrap_err().to_string()
}

#[test]
fn the_recipes_that_come_with_the_program_are_sound() {
    for (name, _) in EMBEDDED {
        let recipe = Recipe::open(name).unwrap();
        assert_eq!(recipe.name, name);
        assert!(!recipe.about.is_empty());
        let again: Recipe = toml::from_str(&recipe.to_toml()).unwrap();
        assert_eq!(again.to_toml(), recipe.to_toml());
    }
    assert_eq!(Recipe::open("micro").unwrap().complete(), Ok(()));
    assert!(Recipe::open("gsm8k-small").unwrap().complete().unwrap_err().to_string().contains("give --"));
    assert!(Recipe::open("no-such").unwrap_err().to_string().contains("micro"));
}

#[test]
fn what_is_wrong_is_said_with_its_line() {
    assert!(error("seed = 1\nsead = 2\n").starts_with("mine.toml:2: unknown field `sead`"));
    assert!(error("[stage2]\nround = 2\n").starts_with("mine.toml:2: unknown field `round`"));
    assert_eq!(
        error("[stage2.select]\nk = 4\nmost = 0\n"),
        "mine.toml:3: stage2.select.most: must be 1 or more, and no less than `least`"
    );
    assert!(error("[stage2.budget]\nfirst = 8\nmost = 4\n").starts_with("mine.toml:3: stage2.budget.most"));
    assert!(error("\n[stage1.train]\nlr = 7\n").starts_with("mine.toml:3: stage1.train.lr"));
    assert!(error("[stage1]\nreview = \"some\"\n").starts_with("mine.toml:2: "));
    assert!(error("[filter.rules.length]\nmax_token = 5").starts_with("mine.toml:2: unknown setting of rules.length"));
    assert!(error("filter = { rules = { length = { max_tokens = 5 } } }").contains("as tables"));
    assert!(error("[stage2.sampling]\nmax_tokens = 0").starts_with("mine.toml:2: stage2.sampling.max_tokens"));
    assert!(error("[stage2.train]\nmodel = \"x\"").contains("which model is trained"));
    assert!(error("[bins]\nhard = 0.9").contains("hard below medium"));
}

#[test]
fn contradictions_are_found() {
    assert!(error("problems = \"a\"\ntest = \"a\"").starts_with("mine.toml:2: test: is the pool"));
    assert!(error("[stage2.sampling]\ntemperature = 0").starts_with("mine.toml:2: stage2.sampling.temperature"));
    assert!(error("[eval.sampling]\ntemperature = 0").contains("eval.samples = 1"));
}

#[test]
fn reviews_are_read() {
    for (text, wanted) in [("none", Review::None), ("all", Review::All), ("sample(20)", Review::Sample(20))] {
        let recipe = Recipe::read("r", "r", &format!("[stage1]\nreview = \"{text}\"")).unwrap();
        assert_eq!(recipe.stage1.review, wanted);
        assert_eq!(String::from(recipe.stage1.review), text);
    }
}

#[test]
fn what_a_file_names_lies_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("train.jsonl"), "").unwrap();
    std::fs::create_dir(at("model")).unwrap();
    std::fs::create_dir(at("micro")).unwrap();
    std::fs::write(at("mine.toml"), "model = \"model\"\nproblems = \"train.jsonl\"\ntest = \"micro-test\"\n").unwrap();
    let recipe = Recipe::open(&at("mine.toml").to_string_lossy()).unwrap();
    assert_eq!((recipe.model, recipe.problems), (at("model").to_string_lossy().into_owned(), at("train.jsonl")));
    assert_eq!(recipe.test, Path::new("micro-test"), "that comes with the program");
    std::fs::create_dir_all(at("venv/bin")).unwrap();
    std::fs::write(at("venv/bin/python"), "").unwrap();
    for (python, found) in [("venv/bin/python", at("venv/bin/python")), ("python3", "python3".into())] {
        std::fs::write(at("theirs.toml"), format!("[external]\npython = \"{python}\"\n")).unwrap();
        let recipe = Recipe::open(&at("theirs.toml").to_string_lossy()).unwrap();
        assert_eq!(Path::new(&recipe.external.unwrap().python), found);
    }
    std::fs::write(at("other.toml"), "model = \"micro\"\nproblems = \"micro\"\n").unwrap();
    let recipe = Recipe::open(&at("other.toml").to_string_lossy()).unwrap();
    assert_eq!((recipe.model.as_str(), recipe.problems.as_path()), ("micro", Path::new("micro")));
}

#[test]
fn another_trainer_is_checked_as_the_rest_is() {
    let external = |more: &str| format!("seed = 1\n[external]\n{more}\n");
    let recipe = Recipe::read("r", "r", &external("trainer = \"axolotl\"\nlauncher = \"ssh gpu\"")).unwrap();
    assert_eq!(recipe.external.as_ref().unwrap().trainer, Trainer::Axolotl);
    assert_eq!(Recipe::read("r", "r", &recipe.to_toml()).unwrap().external, recipe.external);
    assert_eq!(Recipe::read("r", "r", "").unwrap().trainer_of("pi_sft"), None);
    assert!(error(&external("launch = \"x\"")).starts_with("mine.toml:3: unknown field `launch`"));
    assert!(error(&external("trainer = \"axolot\"")).starts_with("mine.toml:3: external.trainer `axolot`"));
    assert!(error(&external("\nlauncher = \"a && b\"")).starts_with("mine.toml:4: external.launcher: `&`"));
    assert!(error(&external("environment = [\"A=b\"]")).starts_with("mine.toml:3: external.environment"));
    assert!(error(&external("directory = \"/w/external\"")).starts_with("mine.toml:3: external.directory: every"));
    let wandb = error("[stage2.train]\nlr = 1e-4\nwandb = true\n[external]\n");
    assert!(wandb.starts_with("mine.toml:3: stage2.train.wandb: another trainer reports itself"), "{wandb}");
    let parts = "[stage1.train.data]\nloss_on = \"all_but_wrong_attempts\"";
    assert!(Recipe::read("r", "r", &external(parts)).is_ok(), "parts are told by labels");
    let text = external("directory = \"/w/{run}/external\"") + "[filter.rules.contamination]\nenabled = false\n";
    let recipe = Recipe::read("r", "r", &text).unwrap();
    assert_eq!(recipe.trainer_of("pi_sft").unwrap().directory.as_deref(), Some("/w/pi_sft/external"));
    assert!(!recipe.filter.is_empty());
    let mut whole = Recipe { external: recipe.external, ..Recipe::open("micro").unwrap() };
    assert_eq!(whole.complete(), Ok(()));
    whole.model = "m.GGUF".into();
    assert!(whole.complete().unwrap_err().to_string().contains("export-model"));
}

#[test]
fn how_a_trainer_is_started_may_be_mended_and_which_one_it_is_may_not() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(&dir.path().join("s")).unwrap();
    let read = |external: &str| Recipe::read("r", "r", external).unwrap();
    let first = read("[external]\npython = \"python3x\"\n");
    let mark = first.own(&session).unwrap();
    assert!(mark.len() == 4 && mark.chars().all(|c| c.is_ascii_hexdigit()), "{mark}");
    assert_eq!(first.own(&session).unwrap(), mark);
    let mended = read("[external]\nlauncher = \"accelerate launch\"\n");
    assert!(mended.may_run(&session).unwrap());
    assert_eq!(mended.own(&session).unwrap(), mark, "the pass is the same");
    assert_eq!(Recipe::of_session(&session).unwrap().unwrap().external, mended.external);
    read("[external]\n").own(&session).unwrap();
    for other in ["", "[external]\ntrainer = \"axolotl\"\n", "seed = 1\n[external]\n"] {
        let error = read(other).own(&session).unwrap_err().to_string();
        assert!(error.contains("another recipe's pass is here"), "{other}: {error}");
    }
}

/// Kept before there were marks, and before something in it was refused.
#[test]
fn a_recipe_that_was_taken_once_is_read_and_may_be_mended() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(&dir.path().join("s")).unwrap();
    let kept = serde_json::json!({ "name": "r", "toml": "[stage1.train]\nwandb = true\n[external]\n" });
    let step = crate::session::StoredStep { name: "recipe".into(), outcome: kept.to_string(), seconds: 0.0 };
    session.put_step(&step).unwrap();
    assert!(Recipe::of_session(&session).unwrap().unwrap().stage1.train.wandb);
    let mended = Recipe::read("r", "r", "[external]\n").unwrap();
    let mark = mended.own(&session).unwrap();
    assert_eq!((mended.own(&session).unwrap(), mark.len()), (mark, 4));
}

const SERVERS: &str = "[servers]\nendpoints = [\"http://localhost:8000/v1\"]\n";

#[test]
fn servers_are_checked_as_the_rest_is() {
    let read = |more: &str| Recipe::read("r", "r", &format!("{SERVERS}{more}\n")).unwrap();
    let recipe = read(
        "start = \"serve {model} --name {name}\"\nlauncher = \"nice\"\nenvironment = [\"HF_TOKEN\"]\ntokenizer = true\n\
         most_in_flight = 8\n\
         request_timeout = 1800\nprice = \"0.1,0.4\"\nmax_cost = 2.5\n\
         extra = { chat_template_kwargs = { enable_thinking = false }, least = 0.5, list = [1, \"a\"] }",
    );
    let servers = recipe.servers.as_ref().unwrap();
    assert_eq!(Recipe::read("r", "r", &recipe.to_toml()).unwrap().servers, recipe.servers);
    let command = servers.command("/m o/d", "pi_sft").unwrap().unwrap();
    assert_eq!(command, ["nice", "serve", "/m o/d", "--name", "pi_sft"]);
    let asked = servers.asked("/m");
    assert_eq!((asked.most_in_flight, asked.tokenizer.as_deref()), (Some(8), Some("/m")));
    assert_eq!((asked.request_timeout, asked.budget.cost), (Some(Duration::from_secs(1800)), Some(2.5)));
    assert_eq!(asked.budget.price, "0.1,0.4".parse().ok());
    let extra =
        serde_json::json!({ "chat_template_kwargs": { "enable_thinking": false }, "least": 0.5, "list": [1, "a"] });
    assert_eq!(serde_json::Value::Object(asked.extra), extra);
    let plain = read("").servers.unwrap();
    assert_eq!((plain.command("m", "base"), plain.asked("m").tokenizer), (Ok(None), None));

    let wrong = |more: &str| error(&format!("seed = 1\n{SERVERS}{more}\n"));
    for (more, says) in [
        ("strat = \"x {model}\"", "mine.toml:4: unknown field `strat`"),
        ("start = \"serve it\"", "mine.toml:4: servers.start: `serve it`: a command with {model} and {name} is needed"),
        ("start = \"serve {model}\"", "mine.toml:4: servers.start: `serve {model}`: a command with {model} and {name}"),
        (
            "\nstart = \"serve {modle}\"",
            "mine.toml:5: servers.start: unknown placeholder {modle}; there are {model}, {name}",
        ),
        ("start = \"serve {model} > log\"", "mine.toml:4: servers.start: `>`"),
        ("start = \"serve '{model}\"", "mine.toml:4: servers.start: the quote ' is not closed"),
        ("launcher = \"nice\"", "mine.toml:4: servers.launcher: there is nothing to start"),
        ("start = \"s {model} {name}\"\nlauncher = \" \"", "mine.toml:5: servers.launcher: the program"),
        ("start = \"s {model} {name}\"\nlauncher = \"a && b\"", "mine.toml:5: servers.launcher: `&`"),
        ("environment = [\"A\"]", "mine.toml:4: servers.environment: there is nothing to start"),
        ("start = \"s {model} {name}\"\nenvironment = [\"A=b\"]", "mine.toml:5: servers.environment: `A=b`: the name"),
        ("most_in_flight = 0", "mine.toml:4: servers.most_in_flight: must be 1"),
        ("request_timeout = 0", "mine.toml:4: servers.request_timeout: must be 1"),
        ("price = \"cheap\"", "mine.toml:4: servers.price: price `cheap`"),
        ("max_cost = 1.0", "mine.toml:4: servers.max_cost: a most cost needs a price"),
        ("extra = { top_p = 1 }", "mine.toml:4: servers.extra: extra field `top_p`"),
        ("extra = { x = [nan] }", "mine.toml:4: servers.extra: a request holds no dates"),
        ("extra = { x = 2020-01-01 }", "mine.toml:4: servers.extra: a request holds no dates"),
    ] {
        let error = wrong(more);
        assert!(error.starts_with(says), "{more}: {error}");
    }
    assert!(error("[servers]\n").starts_with("mine.toml:1: servers.endpoints: no server is named"));
    let twice = error("[servers]\ntokenizer = true\nendpoints = [\"http://a\", \"http://a/v1\"]\n");
    assert!(twice.starts_with("mine.toml:3: servers.endpoints: http://a/v1: given twice"), "{twice}");
    assert!(error("[servers]\nendpoints = [\"gpu:8000\"]").contains("not an address of a server"));
    // A server opens what another trainer does not.
    let gguf = Recipe { servers: recipe.servers, model: "m.gguf".into(), ..Recipe::open("micro").unwrap() };
    assert_eq!(gguf.complete(), Ok(()));
}

#[test]
fn how_servers_are_reached_may_be_mended_and_what_they_write_may_not() {
    let dir = tempfile::tempdir().unwrap();
    let session = Session::create(&dir.path().join("s")).unwrap();
    let read = |more: &str| Recipe::read("r", "r", &format!("{SERVERS}{more}\n")).unwrap();
    read("start = \"serve {model} {name}\"\nextra = { x = 1 }").own(&session).unwrap();
    let mended = "endpoints = [\"http://gpu:1\"]\nlauncher = \"srun\"\nstart = \"other {model} {name}\"\nkey_file = \"k\"\n\
                  environment = [\"HF_TOKEN\"]\nmost_in_flight = 2\nallow_plain_key = true\nprice = \"1\"\nmax_cost = 9.0\nextra = { x = 1 }\n";
    let mended = Recipe::read("r", "r", &format!("[servers]\n{mended}")).unwrap();
    assert!(mended.may_run(&session).unwrap());
    mended.own(&session).unwrap();
    assert_eq!(Recipe::of_session(&session).unwrap().unwrap().servers, mended.servers);
    let none = Recipe::read("r", "r", "").unwrap();
    for other in [none, read(""), read("extra = { x = 2 }"), read("tokenizer = true\nextra = { x = 1 }")] {
        let error = other.own(&session).unwrap_err().to_string();
        assert!(error.contains("another recipe's pass is here"), "{error}");
    }
}

#[test]
fn a_key_lies_beside_the_recipe() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("key"), "k").unwrap();
    std::fs::write(at("mine.toml"), format!("{SERVERS}key_file = \"key\"\n")).unwrap();
    let servers = Recipe::open(&at("mine.toml").to_string_lossy()).unwrap().servers.unwrap();
    assert_eq!(servers.key_file, Some(at("key")));
}
