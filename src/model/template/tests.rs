//! Answers that are gone on with, beside what transformers makes of them (`tests/fixtures/make/continued.py`). The rest of
//! what templates do is tested in `model::tests::templates`.

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
    /// All but the last message, with the opening of an answer.
    opened: String,
    /// All, as `continue_final_message` has it; `None` where transformers refuses.
    text: Option<String>,
}

#[test]
fn answers_are_gone_on_with_where_they_would_have_been_written() {
    let golden: Vec<Golden> =
        serde_json::from_str(include_str!("../../../tests/fixtures/templates/continued.json")).unwrap();
    let mut as_transformers = Vec::new();
    for case in &golden {
        if case.name == "plain" {
            assert_eq!(case.template, ChatTemplate::plain().source(), "the fixture is of our plain template");
        }
        let template = ChatTemplate::new(&case.name, &case.template).unwrap();
        let template = template.with_tokens(case.bos_token.clone(), case.eos_token.clone());
        let (mut same, mut other) = (0, 0);
        for Rendered { messages, opened, text: theirs } in &case.rendered {
            let ours = template.render_continued(messages).unwrap();
            if theirs.as_ref() == Some(&ours) {
                same += 1;
            } else {
                let begun = &messages.last().unwrap().content;
                assert_eq!(ours, format!("{opened}{begun}"), "{}", case.name);
                other += 1;
            }
        }
        as_transformers.push((case.name.as_str(), same, other));
    }
    // transformers trims where the template trims answers that are over (llama3), writes a second space before an answer that
    // begins with one (plain), and goes on behind a thought that the model never had (thinker), or refuses.
    assert_eq!(as_transformers, [("chatml", 20, 0), ("llama3", 14, 6), ("plain", 18, 2), ("thinker", 2, 18)]);
}

#[test]
fn an_answer_goes_on_in_the_thought_that_the_template_opens() {
    let source = "{% for m in messages %}[{{ m.role }}]{{ m.content.split('</think>')[-1] }}|{% endfor %}\
                  {% if add_generation_prompt %}[assistant]<think>\n{% endif %}";
    let template = ChatTemplate::new("thinks", source).unwrap();
    let chat = |begun: &str| [Message::new(Role::User, "Hello"), Message::new(Role::Assistant, begun)];
    for begun in ["hm", "hm</think> So it is ", "\nhm"] {
        assert_eq!(
            template.render_continued(&chat(begun)).unwrap(),
            format!("[user]Hello|[assistant]<think>\n{begun}")
        );
    }
}

#[test]
fn a_space_that_models_begin_their_answers_with_is_there_once() {
    // As Llama 2 and Mistral have it.
    let source = "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]{% else %} {{ m.content }}</s>\
                  {% endif %}{% endfor %}";
    let strict = format!(
        "{{% if messages[-1].role == 'assistant' %}}{{{{ raise_exception('ends with an answer') }}}}{{% endif %}}{source}"
    );
    let chat = |begun: &str| [Message::new(Role::User, "Hello"), Message::new(Role::Assistant, begun)];
    let of = |source: &str, begun: &str| {
        ChatTemplate::new("spaced", source).unwrap().render_continued(&chat(begun)).unwrap()
    };
    assert_eq!(of(source, "It is"), "[INST] Hello [/INST] It is");
    assert_eq!(of(source, " It is"), "[INST] Hello [/INST] It is");
    assert_eq!(of(&strict, "It is"), "[INST] Hello [/INST]It is", "nobody says where answers begin");
}

#[test]
fn what_cannot_be_gone_on_with_is_one_line() {
    let source = "{% for m in messages %}[{{ m.role }}]{{ m.content }}|{% endfor %}\
                  {% if add_generation_prompt %}[assistant]{% endif %}";
    let chatml = ChatTemplate::new("chatml", source).unwrap();
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
    assert!(error(&ChatTemplate::new("odd", "{{ raise_exception('not so') }}").unwrap(), &chat).contains("not so"));
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
