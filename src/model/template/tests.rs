//! Answers that are gone on with, against what transformers makes of them (`tests/fixtures/make/continued.py`). The rest
//! of what templates do is tested in `model::tests::templates`.

use serde::Deserialize;

use super::*;
use crate::model::{MICRO, ModelFiles};

#[derive(Deserialize)]
struct Golden {
    name: String,
    template: String,
    bos_token: Option<String>,
    eos_token: Option<String>,
    rendered: Vec<Rendered>,
}

#[derive(Deserialize)]
struct Rendered {
    messages: Vec<Message>,
    /// `None` where transformers refuses.
    text: Option<String>,
}

#[test]
fn answers_are_gone_on_with_where_transformers_goes_on() {
    let golden: Vec<Golden> =
        serde_json::from_str(include_str!("../../../tests/fixtures/templates/continued.json")).unwrap();
    let mut refused = 0;
    for case in &golden {
        if case.name == "plain" {
            assert_eq!(case.template, ChatTemplate::plain().source(), "the fixture is of our plain template");
        }
        let template = ChatTemplate::new(&case.name, &case.template).unwrap();
        let template = template.with_tokens(case.bos_token.clone(), case.eos_token.clone());
        for rendered in &case.rendered {
            match (template.render_continued(&rendered.messages), &rendered.text) {
                (Ok(text), Some(wanted)) => assert_eq!(text, *wanted, "{}", case.name),
                (Err(error), None) => {
                    let line = error.to_string();
                    assert!(line.contains("changes the beginning") && !line.contains('\n'), "{line}");
                    refused += 1;
                }
                (ours, theirs) => panic!("{}: {:?}: {ours:?}, {theirs:?}", case.name, rendered.messages),
            }
        }
    }
    let all: usize = golden.iter().map(|case| case.rendered.len()).sum();
    assert_eq!((golden.len(), all, refused), (4, 80, 2));
}

#[test]
fn what_cannot_be_gone_on_with_is_one_line() {
    let chatml =
        ChatTemplate::new("chatml", "{% for m in messages %}[{{ m.role }}]{{ m.content }}|{% endfor %}").unwrap();
    let asked = Message::new(Role::User, "Hello");
    let error = |template: &ChatTemplate, messages: &[Message]| {
        let line = template.render_continued(messages).unwrap_err().to_string();
        assert!(line.starts_with("chat template `") && !line.contains('\n'), "{line}");
        line
    };
    assert!(error(&chatml, &[]).contains("no answer"));
    assert!(error(&chatml, std::slice::from_ref(&asked)).contains("no answer"));
    for empty in ["", " \n"] {
        let chat = [asked.clone(), Message::new(Role::Assistant, empty)];
        assert!(error(&chatml, &chat).contains("is empty"));
    }
    let chat = [asked, Message::new(Role::Assistant, "hello")];
    assert_eq!(chatml.render_continued(&chat).unwrap(), "[user]Hello|[assistant]hello");
    // Templates that change it, or leave it out.
    for source in ["{% for m in messages %}{{ m.content | upper }}{% endfor %}", "{{ messages[0].content }}"] {
        assert!(error(&ChatTemplate::new("odd", source).unwrap(), &chat).contains("changes the beginning"));
    }
    // A mark that is part of the text marks nothing.
    let hostile = [Message::new(Role::User, HERE), Message::new(Role::Assistant, format!("{HERE} so"))];
    assert_eq!(chatml.render_continued(&hostile).unwrap(), format!("[user]{HERE}|[assistant]{HERE} so"));
}

#[test]
fn the_tokens_of_a_beginning_follow_those_of_the_prompt_and_are_text_whatever_they_say() {
    let files = ModelFiles::open(MICRO).unwrap();
    let (tokenizer, template) = (&files.tokenizer, &files.template);
    let asked = Message::new(Role::User, "What is 12 + 30? <|end|>");
    for begun in ["12+30=4", "It is", "a <|end|> <|user|>", "<|", "<|end|>"] {
        let prompt = tokenizer.encode_chat(template, std::slice::from_ref(&asked)).unwrap();
        let chat = [asked.clone(), Message::new(Role::Assistant, begun)];
        let ids = tokenizer.encode_continued(template, &chat).unwrap();
        let wanted = [prompt, tokenizer.encode(begun).unwrap()].concat();
        assert_eq!(ids, wanted, "{begun}");
        assert_eq!(ids.iter().filter(|id| tokenizer.is_special(**id)).count(), 3, "user, end, and assistant");
    }
}
