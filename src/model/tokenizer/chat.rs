//! A chat as ids: the template's special tokens are tokens, those inside of messages are text.

use std::collections::HashMap;
use std::ops::Range;

use super::{Engine, Tokenizer, encode_with};
use crate::model::error::one_line;
use crate::model::{ChatTemplate, ModelError};
use crate::records::{Message, Role};

/// An id and the bytes of a text that it stands for.
pub type Placed = (u32, Range<usize>);

/// How a chat becomes text.
type Render<'a> = &'a dyn Fn(&[Message]) -> Result<String, ModelError>;

/// Where stand-in characters are looked for: a private-use plane.
const STAND_INS: std::ops::RangeInclusive<u32> = 0xF_0000..=0xF_FFFD;

impl Tokenizer {
    /// The ids of a chat, ending where the assistant's turn begins.
    ///
    /// Ordinarily these are the ids of the rendered text with special tokens parsed. Where a message contains a special
    /// token's text, or an end of one at its edge, those characters are replaced by stand-ins before the template runs and
    /// put back after the special tokens have been found: whatever a message says, its text stays text.
    ///
    /// # Errors
    /// The template raised, looped or wrote too much.
    pub fn encode_chat(&self, template: &ChatTemplate, messages: &[Message]) -> Result<Vec<u32>, ModelError> {
        self.encode_chat_with(template, messages, true)
    }

    /// As [`Tokenizer::encode_chat`], with or without the opening of an assistant's turn at the end.
    pub fn encode_chat_with(
        &self,
        template: &ChatTemplate,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<Vec<u32>, ModelError> {
        self.encode_rendered(messages, &|messages| template.render_with(messages, add_generation_prompt))
    }

    /// The ids of a chat whose last message is the beginning of an answer, ending where it does
    /// ([`ChatTemplate::render_continued`]).
    ///
    /// # Errors
    /// As [`Tokenizer::encode_chat`]; and where there is no beginning.
    pub fn encode_continued(&self, template: &ChatTemplate, messages: &[Message]) -> Result<Vec<u32>, ModelError> {
        self.encode_rendered(messages, &|messages| template.render_continued(messages))
    }

    fn encode_rendered(&self, messages: &[Message], render: Render) -> Result<Vec<u32>, ModelError> {
        let ids = if messages.iter().any(|message| self.touches_structure(&message.content)) {
            self.encode_masked(messages, render)?
        } else {
            encode_with(&self.inner.structured, &render(messages)?)?
        };
        Ok(self.with_bos(ids))
    }

    /// A chat as text, and its ids with the bytes of that text which each stands for. The ids are those of
    /// [`Tokenizer::encode_chat_with`]; an opening token that the template does not write stands for none.
    ///
    /// # Errors
    /// As [`Tokenizer::encode_chat`].
    pub fn encode_chat_offsets(
        &self,
        template: &ChatTemplate,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<(String, Vec<Placed>), ModelError> {
        let mut mask = Mask::new(messages);
        let masked: Vec<Message> = if messages.iter().any(|message| self.touches_structure(&message.content)) {
            let cover = |message: &Message| {
                Ok(Message::new(message.role, mask.cover(&message.content, &self.inner.special_texts)?))
            };
            messages.iter().map(cover).collect::<Result<_, ModelError>>()?
        } else {
            messages.to_vec()
        };
        let rendered = template.render_with(&masked, add_generation_prompt)?;
        let mut ids: Vec<Placed> = Vec::new();
        if mask.stand_in.is_empty() {
            ids.extend(offsets(&self.inner.structured, &rendered, 0)?);
            return Ok((rendered, self.with_bos_offsets(ids)));
        }
        let mut text = String::with_capacity(rendered.len());
        let mut reached = 0;
        let between = |text: &mut String, ids: &mut Vec<Placed>, part: &str| -> Result<(), ModelError> {
            let part = mask.uncover(part);
            ids.extend(offsets(&self.inner.plain, &part, text.len())?);
            text.push_str(&part);
            Ok(())
        };
        for (id, place) in offsets(&self.inner.structured, &rendered, 0)? {
            if self.is_special(id) {
                between(&mut text, &mut ids, rendered.get(reached..place.start).unwrap_or_default())?;
                let begin = text.len();
                text.push_str(rendered.get(place.clone()).unwrap_or_default());
                ids.push((id, begin..text.len()));
                reached = place.end;
            }
        }
        between(&mut text, &mut ids, rendered.get(reached..).unwrap_or_default())?;
        Ok((text, self.with_bos_offsets(ids)))
    }

    fn with_bos_offsets(&self, mut ids: Vec<Placed>) -> Vec<Placed> {
        if let Some(bos) = self.bos_id()
            && self.adds_bos()
            && ids.first().map(|(id, _)| *id) != Some(bos)
        {
            ids.insert(0, (bos, 0..0));
        }
        ids
    }

    /// The token that this template writes when an assistant's turn ends; the model's end of text where it writes none.
    pub fn turn_end(&self, template: &ChatTemplate) -> Result<Option<u32>, ModelError> {
        let chat = [Message::new(Role::User, "a"), Message::new(Role::Assistant, "b")];
        let ids = self.encode_chat_with(template, &chat, false)?;
        let after = ids.iter().rposition(|id| !self.is_special(*id) && self.id_to_text(*id).contains('b'));
        let written = after.and_then(|at| ids[at..].iter().find(|id| self.stop_ids().contains(id)));
        Ok(written.copied().or(self.eos_id()))
    }

    /// Whether a special token could come about with the help of this text: inside it, or across its edge.
    fn touches_structure(&self, content: &str) -> bool {
        self.inner.special_texts.iter().any(|special| {
            content.contains(special.as_str())
                || special.contains(content) && !content.is_empty()
                || cuts(special).any(|(left, right)| content.starts_with(right) || content.ends_with(left))
        })
    }

    fn encode_masked(&self, messages: &[Message], render: Render) -> Result<Vec<u32>, ModelError> {
        let mut mask = Mask::new(messages);
        let masked: Vec<Message> = messages
            .iter()
            .map(|message| Ok(Message::new(message.role, mask.cover(&message.content, &self.inner.special_texts)?)))
            .collect::<Result<_, ModelError>>()?;
        let rendered = render(&masked)?;
        let encoding = self
            .inner
            .structured
            .encode(rendered.as_str(), false)
            .map_err(|error| ModelError::Encode { reason: one_line(&error.to_string()) })?;
        let mut ids = Vec::with_capacity(encoding.len());
        let mut reached = 0;
        for (id, (begin, end)) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
            if !self.is_special(*id) {
                continue;
            }
            let between = rendered.get(reached..*begin).unwrap_or_default();
            ids.extend(self.encode(&mask.uncover(between))?);
            ids.push(*id);
            reached = *end;
        }
        ids.extend(self.encode(&mask.uncover(rendered.get(reached..).unwrap_or_default()))?);
        Ok(ids)
    }

    fn with_bos(&self, mut ids: Vec<u32>) -> Vec<u32> {
        if let Some(bos) = self.bos_id()
            && self.adds_bos()
            && ids.first() != Some(&bos)
        {
            ids.insert(0, bos);
        }
        ids
    }
}

/// Ids and the bytes that each stands for, `base` added.
fn offsets(engine: &Engine, text: &str, base: usize) -> Result<Vec<Placed>, ModelError> {
    let encoding =
        engine.encode(text, false).map_err(|error| ModelError::Encode { reason: one_line(&error.to_string()) })?;
    let places = encoding.get_offsets().iter().map(|(begin, end)| base + begin..base + end);
    Ok(encoding.get_ids().iter().copied().zip(places).collect())
}

/// Every way to cut a text in two parts that are not empty.
fn cuts(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.char_indices().skip(1).map(|(at, _)| text.split_at(at))
}

/// Characters that stand in for others; none of them is in any message.
struct Mask {
    free: Box<dyn Iterator<Item = char>>,
    stand_in: HashMap<char, char>,
}

impl Mask {
    fn new(messages: &[Message]) -> Self {
        let used: std::collections::HashSet<char> = messages
            .iter()
            .flat_map(|message| message.content.chars())
            .filter(|c| STAND_INS.contains(&u32::from(*c)))
            .collect();
        let free = STAND_INS.filter_map(char::from_u32).filter(move |c| !used.contains(c));
        Self { free: Box::new(free), stand_in: HashMap::new() }
    }

    /// Replaces the first character of every special token's text in `content`, and characters at its edges that could be
    /// part of one together with what the template writes beside them.
    fn cover(&mut self, content: &str, special_texts: &[String]) -> Result<String, ModelError> {
        let mut text = content.to_owned();
        let first = text.chars().next();
        let last = text.char_indices().next_back().map(|(at, _)| at);
        let mut places: Vec<usize> = Vec::new();
        for special in special_texts {
            if first.is_some()
                && (special.contains(content) || cuts(special).any(|(_, right)| content.starts_with(right)))
            {
                places.push(0);
            }
            if let Some(last) = last
                && cuts(special).any(|(left, _)| content.ends_with(left))
            {
                places.push(last);
            }
        }
        // Covering one text may leave another that overlapped it: look again until there is none.
        loop {
            for special in special_texts {
                places.extend(text.match_indices(special.as_str()).map(|(at, _)| at));
            }
            if places.is_empty() {
                return Ok(text);
            }
            places.sort_unstable();
            places.dedup();
            text = self.replace(&text, &places)?;
            places.clear();
        }
    }

    fn replace(&mut self, text: &str, places: &[usize]) -> Result<String, ModelError> {
        let mut out = String::with_capacity(text.len() + 4 * places.len());
        let mut places = places.iter().copied().peekable();
        for (at, c) in text.char_indices() {
            if places.next_if_eq(&at).is_some() {
                out.push(self.stand_in(c)?);
            } else {
                out.push(c);
            }
        }
        Ok(out)
    }

    fn stand_in(&mut self, c: char) -> Result<char, ModelError> {
        if let Some(found) = self.stand_in.get(&c) {
            return Ok(*found);
        }
        let free = self
            .free
            .next()
            .ok_or_else(|| ModelError::Encode { reason: "the messages use every private-use character".to_owned() })?;
        self.stand_in.insert(c, free);
        Ok(free)
    }

    fn uncover(&self, text: &str) -> String {
        let back: HashMap<char, char> = self.stand_in.iter().map(|(c, stand_in)| (*stand_in, *c)).collect();
        text.chars().map(|c| back.get(&c).copied().unwrap_or(c)).collect()
    }
}
