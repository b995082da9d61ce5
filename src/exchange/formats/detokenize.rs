//! Tokens back into the chat that they were made of. What a chat template writes around the turns is found with stand-ins and taken
//! off; what is left counts only if the very same tokens come of it again.

use crate::model::{ChatTemplate, ModelError, TextFiles, Tokenizer};
use crate::records::{Message, Role};

/// What every special token's name is written between, so that none is taken for text that looks like it.
const FENCE: char = '\u{10fffd}';
/// Stand for what was said.
const STAND_INS: [char; 3] = ['\u{e000}', '\u{e001}', '\u{e002}'];
/// The chats that are known.
const WITHOUT_SYSTEM: &[Role] = &[Role::User, Role::Assistant];
const WITH_SYSTEM: &[Role] = &[Role::System, Role::User, Role::Assistant];
/// Places that are tried for each border between two turns. Where special tokens mark them there is one.
const MOST_PLACES: usize = 4;

/// What makes text of tokens: a model's vocabulary and its chat template.
#[derive(Debug, Clone)]
pub struct Detokenizer {
    name: String,
    identity: String,
    tokenizer: Tokenizer,
    template: ChatTemplate,
    frames: Vec<Frame>,
}

/// What the template writes around the turns of a chat.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    roles: &'static [Role],
    /// Before each of them; behind the first something is.
    before: Vec<String>,
    /// Behind the last.
    after: String,
}

/// A system message, and turns.
type Chat = (Option<String>, Vec<(Role, String)>);

impl Detokenizer {
    /// # Errors
    /// If the chat template cannot be run, or what it writes around the turns cannot be told from them.
    pub fn of(files: impl Into<TextFiles>) -> Result<Self, ModelError> {
        let TextFiles { name, tokenizer, template, .. } = files.into();
        let identity = format!("{} {}", tokenizer.hash(), template.hash());
        let mut detokenizer = Self { name, identity, tokenizer, template, frames: Vec::new() };
        detokenizer.frames = detokenizer.frames_of(WITHOUT_SYSTEM)?;
        // Some templates refuse a system message: then no row has one.
        let with_system = detokenizer.frames_of(WITH_SYSTEM).unwrap_or_default();
        detokenizer.frames.extend(with_system);
        if detokenizer.frames.is_empty() {
            let reason = "what it makes of a chat does not show where a question ends and its answer begins, so that tokens \
                          cannot be read back; import the texts";
            return Err(ModelError::Template {
                name: detokenizer.template.name().to_owned(),
                reason: reason.to_owned(),
            });
        }
        Ok(detokenizer)
    }

    /// Names what decides which text comes of tokens.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// The chat of these tokens. The answer has begun at token `begin`.
    ///
    /// # Errors
    /// If no chat of a question and an answer becomes just these tokens.
    pub fn chat(&self, tokens: &[u32], begin: usize) -> Result<Chat, String> {
        if begin == 0 {
            return Err("the first token has a loss already: nothing says where the answer begins".into());
        }
        if let Some(strange) = tokens.iter().find(|token| **token as usize >= self.tokenizer.vocab_size()) {
            return Err(format!("{} has no token {strange}; give the model that the tokens are of", self.name));
        }
        let text = self.marked(tokens);
        let begin = self.marked(tokens.get(..begin).unwrap_or(tokens)).len();
        for frame in &self.frames {
            for said in frame.places(&text, begin) {
                let chat: Vec<Message> =
                    frame.roles.iter().zip(said).map(|(role, text)| Message::new(*role, text)).collect();
                let again = self.tokenizer.encode_chat_with(&self.template, &chat, false);
                if again.is_ok_and(|again| again == tokens) {
                    return Ok(parted(chat));
                }
            }
        }
        // What such a template made on another day can be right and yet not be made again.
        let dated =
            if self.template.source().contains("strftime_now") { " (its template writes today's date)" } else { "" };
        Err(format!(
            "the tokens are not what {}{dated} makes of a question and its answer, with a loss on that alone; give the model that \
             they were made for, or leave the row out",
            self.name
        ))
    }

    /// What is written around chats of these roles: before the answer either what is written before one that is there already,
    /// or what opens the model's own turn. Templates for models that think aloud tell them apart.
    fn frames_of(&self, roles: &'static [Role]) -> Result<Vec<Frame>, ModelError> {
        let chat: Vec<Message> = roles.iter().zip(STAND_INS).map(|(role, text)| Message::new(*role, text)).collect();
        let asked = &chat[..chat.len() - 1];
        let closed = self.marked(&self.tokenizer.encode_chat_with(&self.template, &chat, false)?);
        let opened = self.marked(&self.tokenizer.encode_chat_with(&self.template, asked, true)?);
        let Some((before, after)) = around(&closed, roles.len()) else { return Ok(Vec::new()) };
        let mut frames = vec![Frame { roles, before, after }];
        if let Some((mut before, opening)) = around(&opened, asked.len()) {
            before.push(opening);
            let own = Frame { before, ..frames[0].clone() };
            if own != frames[0] {
                frames.push(own);
            }
        }
        // With nothing between two turns nobody knows where one ends.
        frames.retain(|frame| frame.before.iter().skip(1).all(|between| !between.is_empty()));
        Ok(frames)
    }

    /// All of it as text, with special tokens marked.
    fn marked(&self, tokens: &[u32]) -> String {
        let mut text = String::new();
        let mut stream = self.tokenizer.stream();
        for token in tokens {
            if self.tokenizer.is_special(*token) {
                text.push(FENCE);
                text.push_str(&self.tokenizer.id_to_text(*token));
                text.push(FENCE);
            } else {
                text.extend(stream.push(*token));
            }
        }
        text.extend(stream.finish());
        text
    }
}

/// What stands before each stand-in, and behind the last. `None` where one is not there just once.
fn around(text: &str, stand_ins: usize) -> Option<(Vec<String>, String)> {
    let (mut before, mut rest) = (Vec::new(), text);
    for stand_in in &STAND_INS[..stand_ins] {
        let (one, other) = rest.split_once(*stand_in)?;
        before.push(one.to_owned());
        rest = other;
    }
    let left = before.iter().map(String::as_str).chain([rest]).any(|part| part.contains(STAND_INS));
    (!left).then(|| (before, rest.to_owned()))
}

fn parted(chat: Vec<Message>) -> Chat {
    let (mut system, mut turns) = (None, Vec::new());
    for Message { role, content } in chat {
        match role {
            Role::System => system = Some(content),
            role => turns.push((role, content)),
        }
    }
    (system, turns)
}

impl Frame {
    /// What may have been said for a text to be this frame around it, the likeliest first. The answer begins before byte `begin`.
    fn places<'t>(&self, text: &'t str, begin: usize) -> Vec<Vec<&'t str>> {
        let [first, joints @ .., opening] = self.before.as_slice() else { return Vec::new() };
        let inner = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(self.after.as_str()));
        let Some(inner) = inner else { return Vec::new() };
        let mut places = Vec::new();
        // The last before what has a loss: an answer without one at its beginning may say what opens a turn.
        let openings = inner.rmatch_indices(opening.as_str()).filter(|(at, _)| first.len() + at < begin);
        for (at, _) in openings.take(MOST_PLACES) {
            let (asked, answer) = (&inner[..at], &inner[at + opening.len()..]);
            match joints {
                [] => places.push(vec![asked, answer]),
                [joint, ..] => {
                    let both = asked.match_indices(joint.as_str()).take(MOST_PLACES);
                    places.extend(both.map(|(at, _)| vec![&asked[..at], &asked[at + joint.len()..], answer]));
                }
            }
        }
        // A special token that is left is no text of anybody.
        places.retain(|said| said.iter().all(|part| !part.contains(FENCE)));
        places
    }
}
