//! The talk with models: the thread that holds them, and what the open session says to it.

use color_eyre::Result;

use super::super::super::effect::{ChatTold, ChatWish, Message};
use super::{Told, Work};
use crate::jobs::ChatJob;
use crate::pipeline::chat;

/// Problems that a talk lists at most.
const MOST_FOUND: usize = 200;

impl Work {
    pub(super) fn chat(&mut self, wish: ChatWish) -> Result<()> {
        match wish {
            ChatWish::Models => {
                let models = chat::known(&self.open_session()?.session)?;
                self.say(Message::Chat(ChatTold::Models(models)));
            }
            ChatWish::Problems(words) => {
                let found = chat::find(&self.open_session()?.session, &words, MOST_FOUND)?;
                self.say(Message::Chat(ChatTold::Problems { words, found }));
            }
            ChatWish::Pose(id) => {
                let posed = chat::pose(&self.open_session()?.session, self.directories.config(), &id)?;
                self.say(Message::Chat(ChatTold::Posed(Box::new(posed))));
            }
            ChatWish::Load(models) => self.talk()?.load(models),
            ChatWish::Ask(question) => {
                let busy = self.works();
                let talk = self.talk()?;
                talk.set_busy(busy);
                talk.ask(*question);
            }
            ChatWish::Stop => {
                if let Some(talk) = &self.chat {
                    talk.stop();
                }
            }
            ChatWish::Free => {
                if let Some(talk) = &self.chat {
                    talk.free();
                }
            }
        }
        Ok(())
    }

    /// Tells the talk whether a job of this process needs the machine.
    pub(super) fn tell_chat(&self) {
        if let Some(talk) = &self.chat {
            talk.set_busy(self.works());
        }
    }

    fn works(&self) -> bool {
        self.at_work().any(|job| job.board().state.is_busy())
    }

    /// The talk, begun if it was not.
    fn talk(&mut self) -> Result<&ChatJob> {
        if self.chat.is_none() {
            let told = self.told.clone();
            self.chat = Some(ChatJob::start(move |news| {
                let _ = told.send(Told::Message(Message::Chat(ChatTold::News(news))));
            })?);
        }
        self.chat.as_ref().ok_or_else(|| color_eyre::eyre::eyre!("no talk could be begun"))
    }
}
