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
    let parts = "[stage1.train.data]\nloss_on = \"all_but_wrong_attempts\"";
    assert!(error(&external(parts)).starts_with("mine.toml:4: stage1.train.data.loss_on: another trainer"));
    assert!(Recipe::read("r", "r", parts).is_ok(), "cribble itself can");
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
    first.own(&session).unwrap();
    let mended = read("[external]\nlauncher = \"accelerate launch\"\n");
    assert!(mended.may_run(&session).unwrap());
    mended.own(&session).unwrap();
    assert_eq!(Recipe::of_session(&session).unwrap().unwrap().external, mended.external);
    read("[external]\n").own(&session).unwrap();
    for other in ["", "[external]\ntrainer = \"axolotl\"\n", "seed = 1\n[external]\n"] {
        let error = read(other).own(&session).unwrap_err().to_string();
        assert!(error.contains("another recipe's pass is here"), "{other}: {error}");
    }
}
