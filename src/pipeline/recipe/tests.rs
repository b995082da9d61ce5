use super::*;

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
    std::fs::write(at("other.toml"), "model = \"micro\"\nproblems = \"micro\"\n").unwrap();
    let recipe = Recipe::open(&at("other.toml").to_string_lossy()).unwrap();
    assert_eq!((recipe.model.as_str(), recipe.problems.as_path()), ("micro", Path::new("micro")));
}
