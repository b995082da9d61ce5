//! The workbench without a terminal; settings, keys, themes and schemas.

use super::*;

#[test]
fn the_workbench_needs_a_terminal() {
    let home = Home::new();
    home.fails(2, &[], &["terminal", "generate"]);
}

/// The workbench without a screen: keys in lines, the lines that changed out, and no escape among them.
#[test]
fn plain_lines_for_those_who_hear_the_screen() {
    let home = Home::new();
    let mut command = home.command(&["--plain", "--size", "70x24"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut keys = child.stdin.take().unwrap();
    keys.write_all(b"2\n:go to the overview\n<nokey>\n\nq\n").unwrap();
    drop(keys);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    for words in ["Generate samples", "next", "no key", "nothing changed"] {
        assert!(said.contains(words), "`{words}` is not said:\n{said}");
    }
    assert!(!said.contains('\u{1b}'));
}

#[test]
fn settings_keys_and_themes_are_listed_and_what_is_wrong_with_them_is_said() {
    let home = Home::new();
    let said = |arguments: &[&str]| {
        let output = home.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    // What is printed to begin from is right as it is.
    let config = home.path("config");
    std::fs::create_dir_all(config.join("themes")).unwrap();
    std::fs::write(config.join("config.toml"), said(&["config", "print-default"])).unwrap();
    std::fs::write(config.join("keymap.toml"), said(&["keys", "print-default"])).unwrap();
    assert!(said(&["config", "check"]).contains("right"));
    assert!(said(&["config", "path"]).trim_end().ends_with("config.toml"));
    assert!(said(&["keys", "list"]).contains("review.accept"));
    let first: Value = serde_json::from_str(said(&["keys", "list", "--json"]).lines().next().unwrap()).unwrap();
    assert!(first["action"].as_str().unwrap().starts_with("app."));
    // Themes: those that come with the program can be read, one of a person's own may not.
    assert!(said(&["theme", "list"]).contains("colourblind"));
    assert!(said(&["theme", "scopes"]).contains("chain.fault"));
    assert!(said(&["theme", "check"]).contains("high-contrast: can be read everywhere"));
    assert!(
        said(&["theme", "preview", "dark", "--colours", "true"]).contains("\u{1b}[1;38;2;242;244;248;48;2;22;25;31m")
    );
    assert!(!said(&["theme", "preview", "dark", "--colours", "none"]).contains("38;2"));
    let pale = config.join("themes/pale.toml");
    std::fs::write(&pale, "inherits = \"light\"\n[palette]\ntext = \"#dddddd\"\n").unwrap();
    home.fails(2, &["theme", "check", "pale"], &["to look at"]);
    std::fs::write(&pale, "inherits = \"light\"\n[scopes]\n\"chain.falt\" = \"red\"\n").unwrap();
    home.fails(2, &["--keys", "q", "--print", "--theme", "pale"], &["pale.toml:3", "did you mean `chain.fault`?"]);
    std::fs::write(config.join("config.toml"), "[screen]\nthem = \"dark\"\nfps = 0\n").unwrap();
    let says = ["config.toml:2", "did you mean `theme`?", "config.toml:3", "0.1 to 240"];
    home.fails(2, &["config", "check"], &says);
    home.fails(2, &["--keys", "q", "--print"], &says);
}

#[test]
fn a_frame_is_printed_as_text_with_its_colours_or_as_a_picture() {
    let home = Home::new();
    let printed = |how: &str| {
        let replay = ["--keys", "3<until:undecided>", "--print", "--print-as", how, "--size", "100x30"];
        let output = home.run(&[&replay[..], &["--theme", "dark", "--colours", "true"]].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let (text, ansi, svg) = (printed("text"), printed("ansi"), printed("svg"));
    assert!(text.contains("[3 Review]") && text.lines().count() == 30 && !text.contains('\u{1b}'), "{text}");
    assert!(ansi.contains("\u{1b}[1;38;2;242;244;248;48;2;22;25;31m") && ansi.lines().count() == 30, "{ansi}");
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("fill=\"#16191f\""), "{svg}");
    assert!(svg.contains("Review") && !svg.chars().any(|letter| letter.is_control() && letter != '\n'), "{svg}");
}

#[test]
fn editors_get_schemas_of_the_files_that_a_person_writes() {
    let home = Home::new();
    // What a person has written, right or wrong, is no matter.
    std::fs::create_dir_all(home.path("config")).unwrap();
    std::fs::write(home.path("config").join("config.toml"), "them = 1\n").unwrap();
    let [config, keys, theme] = ["config", "keys", "theme"].map(|file| home.json(&[file, "schema"]));
    for schema in [&config, &keys, &theme] {
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema["additionalProperties"], false);
    }
    let fps = &config["properties"]["screen"]["properties"]["fps"];
    assert_eq!((&fps["minimum"], &fps["maximum"]), (&Value::from(0.1), &Value::from(240.0)));
    let actions = &keys["properties"]["review"]["items"]["properties"]["run"]["anyOf"];
    let accept = actions.as_array().unwrap().iter().find(|action| action["const"] == "review.accept").unwrap();
    assert!(accept["description"].as_str().unwrap().starts_with("Accept"));
    assert!(theme["properties"]["scopes"]["properties"]["chain.fault"]["description"].is_string());
    // The line with which a file names its schema is none of the file's settings.
    let own = "#:schema ./config.schema.json\n[screen]\nfps = 5\n";
    std::fs::write(home.path("config").join("config.toml"), own).unwrap();
    assert!(home.run(&["config", "check"]).status.success());
}
