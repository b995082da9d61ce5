//! Against what transformers renders (`tests/fixtures/make/chat_templates.py`), and the limits.

use serde::Deserialize;

use super::real_models;
use crate::model::{ChatTemplate, Folder};
use crate::records::{Message, Role};

#[derive(Deserialize)]
struct Golden {
    name: String,
    template: Option<String>,
    bos_token: Option<String>,
    eos_token: Option<String>,
    rendered: Vec<Rendered>,
}

#[derive(Deserialize)]
struct Rendered {
    messages: Vec<Message>,
    add_generation_prompt: bool,
    text: String,
}

#[test]
fn renders_what_transformers_renders() {
    let golden: Vec<Golden> =
        serde_json::from_str(include_str!("../../../tests/fixtures/templates/golden.json")).unwrap();
    assert_eq!(golden.len(), 4);
    for case in golden {
        let template = match (&case.template, case.name.as_str()) {
            (Some(source), name) => ChatTemplate::new(name, source).unwrap(),
            (None, name) => {
                let file = if name == "smollm2" { real_models::SMOLLM2 } else { real_models::QWEN };
                let Some(files) = real_models::model(file) else { continue };
                files.template
            }
        };
        let template = template.with_tokens(case.bos_token, case.eos_token);
        for rendered in case.rendered {
            let text = template.render_with(&rendered.messages, rendered.add_generation_prompt).unwrap();
            assert_eq!(text, rendered.text, "{}", case.name);
        }
    }
}

fn error(source: &str) -> String {
    let chat = [Message::new(Role::User, "Hello")];
    match ChatTemplate::new("test", source) {
        Ok(template) => template.render(&chat).unwrap_err().to_string(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_template_that_raises_loops_or_floods_is_one_clear_line() {
    assert_eq!(
        error("\n{{ raise_exception('roles must\nalternate') }}"),
        "chat template `test`: roles must alternate (line 2)"
    );
    for source in [
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "{% set ns = namespace(x='x' * 1000) %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "{% for i in range(100000) %}{{ 'x' * 100000 }}{% endfor %}",
        "{% set ns = namespace(x=[1]) %}{% for i in range(9999) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ 'x' * 100000000000 }}",
        "{{ messages | tojson(indent=100000000) }}",
        "{% include '/etc/hosts' %}",
        "{% for message in messages %}",
        "{{ messages[0].content.nothing() }}",
    ] {
        let line = error(source);
        assert!(line.starts_with("chat template `test`: ") && !line.contains('\n') && line.len() < 400, "{line}");
    }
}

#[test]
fn the_plain_template_says_what_it_is() {
    let template = ChatTemplate::plain();
    assert!(template.name() == "plain" && template.hash().starts_with("plain-"));
    let chat = [Message::new(Role::System, "Be brief."), Message::new(Role::User, "Hello")];
    assert_eq!(template.render(&chat).unwrap(), "System: Be brief.\n\nUser: Hello\n\nAssistant:");
    let chat = [Message::new(Role::User, "Hello"), Message::new(Role::Assistant, "Good day")];
    let text = |template: &ChatTemplate| template.render_with(&chat, false).unwrap();
    assert_eq!(text(&template), "User: Hello\n\nAssistant: Good day\n\n");
    assert_eq!(
        text(&template.with_tokens(None, Some("</s>".to_owned()))),
        "User: Hello\n\nAssistant: Good day</s>\n\n"
    );
    let other = ChatTemplate::new("gguf", "{{ messages[0].content }}").unwrap();
    assert_eq!(other.hash().len(), 16);
    assert!(!other.is_plain());
}

#[test]
fn looked_up_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let list = serde_json::json!({"chat_template": [
        {"name": "tool_use", "template": "tools"}, {"name": "default", "template": "from the list"}]});
    let source = |config: &serde_json::Value| {
        ChatTemplate::from_directory(&Folder::Disk(directory.path().to_path_buf()), config).unwrap()
    };
    assert!(source(&serde_json::json!({})).is_plain());
    assert_eq!(source(&serde_json::json!({"chat_template": "a string"})).source(), "a string");
    assert_eq!(source(&list).source(), "from the list");
    std::fs::write(directory.path().join("chat_template.jinja"), "a file").unwrap();
    assert_eq!((source(&list).source(), source(&list).name()), ("a file", "chat_template.jinja"));
}

#[test]
fn the_clock_is_there() {
    let template = ChatTemplate::new("test", "{{ strftime_now('%d %b %Y') }}").unwrap();
    let text = template.render(&[]).unwrap();
    assert_eq!(text.split(' ').count(), 3, "{text}");
    assert!(error("{{ strftime_now('%!') }}").contains("line 1"));
}
