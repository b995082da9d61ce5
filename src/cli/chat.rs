//! `cribble chat`: asks a model, or two the same, from the command line; the answer may be begun for them.

use std::io::IsTerminal;

use clap::Args;
use color_eyre::Result;
use color_eyre::eyre::eyre;

use super::failure::{BadInput, Interrupted};
use super::{out, signals};
use crate::jobs::Control;
use crate::pipeline::chat::{End, Listener, News, Question, Side, Talk};
use crate::records::{Message, Role, Sampling};
use crate::tui::text::clean;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory of a model, a .gguf file, or micro, which comes with the program
    model: String,
    /// A model that is asked the same
    #[arg(long, value_name = "MODEL")]
    against: Option<String>,
    /// What is asked; left out, it is read from standard input
    #[arg(long, short = 'p', value_name = "TEXT")]
    prompt: Option<String>,
    /// What is said before it
    #[arg(long, value_name = "TEXT")]
    system: Option<String>,
    /// The beginning of the answer, from which the model goes on: an answer that was cut off is continued so
    #[arg(long, value_name = "TEXT")]
    begin: Option<String>,
    /// Most new tokens of an answer
    #[arg(long, value_name = "N", default_value_t = Sampling::default().max_tokens)]
    max_tokens: usize,
    /// 0 is greedy
    #[arg(long, value_name = "T", default_value_t = Sampling::default().temperature)]
    temperature: f32,
    #[arg(long, value_name = "P", default_value_t = Sampling::default().top_p)]
    top_p: f32,
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Print a JSON line for each answer: {"model","text","tokens","tokens_per_second","end"}; the text has its beginning, the
    /// tokens are those written
    #[arg(long)]
    json: bool,
}

impl Arguments {
    fn question(&self) -> Result<Question> {
        let prompt = match &self.prompt {
            Some(prompt) => prompt.clone(),
            None if std::io::stdin().is_terminal() => {
                return Err(BadInput("--prompt TEXT is needed, or a prompt on standard input".into()).into());
            }
            None => std::io::read_to_string(std::io::stdin())?.trim().to_owned(),
        };
        if prompt.trim().is_empty() {
            return Err(BadInput("the prompt is empty".into()).into());
        }
        if self.begin.as_ref().is_some_and(|begin| begin.trim().is_empty()) {
            return Err(BadInput("--begin is empty: give it words, or leave it out".into()).into());
        }
        let system = self.system.iter().map(|text| Message::new(Role::System, text));
        let begin = self.begin.iter().map(|text| Message::new(Role::Assistant, text));
        let messages: Vec<Message> = system.chain([Message::new(Role::User, prompt)]).chain(begin).collect();
        let models = std::iter::once(&self.model).chain(&self.against);
        let (temperature, top_p, max_tokens) = (self.temperature, self.top_p, self.max_tokens);
        Ok(Question {
            id: 1,
            sides: models.map(|model| Side { model: model.clone(), messages: messages.clone() }).collect(),
            sampling: Sampling { temperature, top_p, max_tokens, ..Sampling::default() },
            seed: self.seed,
            turn: 0,
            part: 0,
            problem: None,
        })
    }
}

/// Gathers the answers. One model's is printed as it is written where somebody looks on.
struct Printer {
    models: Vec<String>,
    /// With what they were begun with.
    texts: Vec<String>,
    ends: Vec<Option<(End, usize, f64)>>,
    streams: bool,
    control: Control,
    broken: Option<color_eyre::Report>,
}

impl Printer {
    fn print(&mut self, text: &str) {
        if self.streams && self.broken.is_none() {
            self.broken = out::text(&clean(text)).err();
        }
    }
}

impl Listener for Printer {
    fn tell(&mut self, news: News) {
        match news {
            News::Started { side, .. } => {
                let begun = self.texts[side].clone();
                self.print(&begun);
            }
            News::Text { side, delta, .. } => {
                self.texts[side].push_str(&delta);
                self.print(&delta);
            }
            News::Ended { side, end, tokens, tokens_per_second, .. } => {
                self.ends[side] = Some((end, tokens, tokens_per_second));
            }
            News::Loading { .. } | News::Loaded(_) | News::Refused { .. } => {}
        }
    }

    fn stopping(&self, _question: u64) -> bool {
        self.control.stopping() || self.broken.is_some()
    }
}

fn word(end: &End) -> &'static str {
    match end {
        End::Ended => "ended",
        End::Length => "length",
        End::ContextFull => "context_full",
        End::Stopped => "stopped",
        End::Failed(_) => "failed",
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let question = arguments.question()?;
    let control = Control::new();
    let asked = signals::listen(control.clone())?;
    let terminal = std::io::stdout().is_terminal();
    let sides = question.sides.len();
    let mut printer = Printer {
        models: question.sides.iter().map(|side| side.model.clone()).collect(),
        texts: question.sides.iter().map(|side| side.begun().to_owned()).collect(),
        ends: vec![None; sides],
        streams: terminal && sides == 1 && !arguments.json,
        control,
        broken: None,
    };
    Talk::default().ask(&question, &mut printer)?;
    if let Some(broken) = printer.broken.take() {
        return Err(broken);
    }
    for side in 0..sides {
        let Some((end, tokens, rate)) = &printer.ends[side] else { continue };
        let (model, text) = (&printer.models[side], &printer.texts[side]);
        if arguments.json {
            out::line(serde_json::json!({
                "model": model, "text": text, "tokens": tokens, "tokens_per_second": rate, "end": word(end),
            }))?;
        } else if printer.streams {
            out::line("")?;
        } else {
            // To a file or a pipe the text goes as it is; a terminal is not given what could steer it.
            let text = if terminal { clean(text) } else { text.clone() };
            if sides > 1 {
                out::line(format_args!("== {}", clean(model)))?;
            }
            out::line(text)?;
        }
        if let End::Failed(why) = end {
            return Err(eyre!("{model}: {why}"));
        }
    }
    if asked.to_stop() {
        return Err(Interrupted("the answer is cut short".into()).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(begin: Option<&str>) -> Arguments {
        Arguments {
            model: "micro".into(),
            against: Some("other".into()),
            prompt: Some("Hi".into()),
            system: None,
            begin: begin.map(str::to_owned),
            max_tokens: 5,
            temperature: 0.0,
            top_p: 1.0,
            seed: 0,
            json: false,
        }
    }

    #[test]
    fn an_answer_is_begun_for_each_model_and_not_with_nothing() {
        let asked = arguments(None).question().unwrap();
        assert_eq!((asked.sides[0].messages.len(), asked.sides[0].begun()), (1, ""));
        let begun = arguments(Some("5*7= ")).question().unwrap();
        assert!(begun.sides.iter().all(|side| side.messages.len() == 2 && side.begun() == "5*7= "), "{begun:?}");
        let refused = arguments(Some(" ")).question().unwrap_err().to_string();
        assert!(refused.contains("--begin is empty"), "{refused}");
    }
}
