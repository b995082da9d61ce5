//! What keys and messages do to the screen.

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::super::action::{Action, AppAction, Scope, actions};
use super::super::effect::{ChatTold, ChatWish, Effect, Message};
use super::super::keymap::{Key, Lookup};
use super::super::panes::{chat, difficulty, eval, generate, overview, review, run, start, train, watch};
use super::super::widgets::Pressed;
use super::find::Find;
use super::help::Help;
use super::log::Log;
use super::models::Models;
use super::palette::Palette;
use super::problems::Problems;
use super::{App, Overlay, Pane, view};
use crate::pipeline::chat::{Found, Known};
use crate::records::{Heavy, UnixMillis};

/// A paste beyond this is cut: no field takes more.
const LONGEST_PASTE: usize = 1 << 20;

impl App {
    /// Takes an event of the terminal.
    pub fn event(&mut self, event: &Event, now: UnixMillis) -> Vec<Effect> {
        let effects = match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(*key, now),
            Event::Paste(text) => self.paste(text),
            Event::Resize(width, height) => {
                let seen = self.shows_dashboard();
                self.resize(*width, *height);
                // Panes that come into sight ask for what they show.
                if self.shows_dashboard() && !seen { self.entered() } else { Vec::new() }
            }
            Event::Mouse(mouse) => self.at_mouse(*mouse),
            _ => Vec::new(),
        };
        let effects = self.between_panes(effects, now);
        self.opening |= effects
            .iter()
            .any(|effect| matches!(effect, Effect::OpenSession(_) | Effect::OpenTour | Effect::NewSession(_)));
        effects
    }

    /// What a pane asks of another one is done here: panes know nothing of each other.
    pub(super) fn between_panes(&mut self, effects: Vec<Effect>, now: UnixMillis) -> Vec<Effect> {
        let mut outside = Vec::with_capacity(effects.len());
        for effect in effects {
            match effect {
                Effect::Show { samples, beside, what } => {
                    self.pane = Pane::Review;
                    outside.extend(review::show_only(&mut self.review, &samples, beside, &what));
                }
                Effect::GoTo { scope, action } => {
                    if let Some(pane) = Pane::TABS.into_iter().find(|pane| pane.scope() == scope) {
                        self.pane = pane;
                        outside.extend(self.entered());
                    }
                    let found = actions(scope).into_iter().find(|(_, spec)| Some(spec.name) == action);
                    if let Some((action, _)) = found {
                        let asked = self.run(action, now);
                        outside.extend(self.between_panes(asked, now));
                    }
                }
                Effect::TalkWith(models) => {
                    self.pane = Pane::Chat;
                    chat::offer(&mut self.chat, &models);
                    outside.extend(self.entered());
                }
                effect => outside.push(effect),
            }
        }
        outside
    }

    /// The mouse, at a place of the screen; it is never needed.
    fn at_mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        if self.quitting || self.too_small() || !matches!(self.overlay, Overlay::None) {
            return Vec::new();
        }
        let at = Position::new(mouse.column, mouse.row);
        // What was begun in a pane is ended there, wherever the hand is by then.
        let held = matches!(mouse.kind, MouseEventKind::Drag(_) | MouseEventKind::Up(_));
        if !held && !self.room_of(self.pane).contains(at) {
            let other = Pane::TABS.into_iter().find(|pane| self.sees(*pane) && self.room_of(*pane).contains(at));
            if let (MouseEventKind::Down(_), Some(other)) = (mouse.kind, other) {
                self.pane = other;
            }
            return Vec::new();
        }
        let room = self.room_of(self.pane);
        let inside = |at: u16, from: u16, size: u16| at.saturating_sub(from).min(size.saturating_sub(1));
        let row = inside(mouse.row, room.y, room.height);
        let column = inside(mouse.column, room.x, room.width);
        let mouse = MouseEvent { row, column, ..mouse };
        match self.pane {
            Pane::Train => train::mouse(&mut self.train, mouse),
            Pane::Difficulty => difficulty::mouse(&mut self.difficulty, mouse),
            Pane::Watch => watch::mouse(&mut self.watch, mouse),
            Pane::Start | Pane::Overview | Pane::Generate | Pane::Review | Pane::Eval | Pane::Run | Pane::Chat => {
                Vec::new()
            }
        }
    }

    /// Tells every pane how large it will be drawn.
    pub fn resize(&mut self, width: u16, height: u16) {
        (self.width, self.height) = (width, height);
        let rows = usize::from(view::finder_height(height));
        if let Overlay::Find(find) = &mut self.overlay {
            find.finder().resize(rows);
        }
        self.lay_out();
    }

    /// Tells every pane the room that it has.
    fn lay_out(&mut self) {
        for pane in Pane::TABS.into_iter().chain([Pane::Start]) {
            let Rect { width, height, .. } = self.room_of(pane);
            match pane {
                Pane::Start => start::resize(&mut self.start, width, height),
                Pane::Overview => {}
                Pane::Generate => generate::resize(&mut self.generate, width, height),
                Pane::Review => review::resize(&mut self.review, width, height),
                Pane::Train => train::resize(&mut self.train, width, height),
                Pane::Difficulty => difficulty::resize(&mut self.difficulty, width, height),
                Pane::Eval => eval::resize(&mut self.eval, width, height),
                Pane::Run => run::resize(&mut self.run, width, height),
                Pane::Chat => chat::resize(&mut self.chat, width, height),
                Pane::Watch => watch::resize(&mut self.watch, width, height),
            }
        }
    }

    /// Takes a message of the worker.
    pub fn message(&mut self, message: &Message, now: UnixMillis) -> Vec<Effect> {
        match (message, &mut self.overlay) {
            (Message::Chat(ChatTold::Models(known)), Overlay::Find(Find::Model(models))) => models.set(known),
            (Message::Problems(found), Overlay::Find(Find::Problem(problems))) => {
                problems.set(found, &review::tallies(&self.review));
            }
            _ => {}
        }
        self.note(message, now);
        let mut effects = start::receive(&mut self.start, message);
        overview::receive(&mut self.overview, message);
        effects.extend(generate::receive(&mut self.generate, message));
        effects.extend(review::receive(&mut self.review, message));
        effects.extend(train::receive(&mut self.train, message));
        effects.extend(difficulty::receive(&mut self.difficulty, message));
        effects.extend(eval::receive(&mut self.eval, message));
        effects.extend(run::receive(&mut self.run, message));
        effects.extend(chat::receive(&mut self.chat, message));
        effects.extend(watch::receive(&mut self.watch, message));
        // Who knows the rows tells the others what there is to learn from.
        let learnt = review::learnt(&self.review);
        overview::learns(&mut self.overview, learnt);
        train::learns(&mut self.train, learnt);
        if matches!(message, Message::Opened { .. }) {
            effects.extend(self.entered());
        }
        // The overview shows what was scored, too.
        if matches!(self.pane, Pane::Eval | Pane::Overview) {
            effects.extend(eval::refresh(&mut self.eval));
        }
        if self.sees(Pane::Difficulty) {
            effects.extend(difficulty::refresh(&mut self.difficulty));
        }
        effects
    }

    /// Time passes; whether the screen changed by it.
    pub fn tick(&mut self, now: UnixMillis) -> bool {
        let silent = self.sees(Pane::Generate) && self.generate.is_silent(now);
        let quiet = self.sees(Pane::Watch) && self.watch.went_quiet(now);
        self.notices.expire(now) || silent || quiet
    }

    /// Tells whether a job of this process is heavy with this.
    pub fn set_own_job(&mut self, heavy: Heavy, own: bool) {
        self.own.retain(|known| *known != heavy);
        if own {
            self.own.push(heavy);
        }
    }

    fn key(&mut self, key: KeyEvent, now: UnixMillis) -> Vec<Effect> {
        if self.quitting {
            return self.while_leaving(key);
        }
        if self.too_small() && !matches!(self.overlay, Overlay::ConfirmQuit) {
            return self.without_a_screen(key, now);
        }
        let interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
        match &mut self.overlay {
            Overlay::None => {}
            Overlay::Help(help) => {
                let lines = help.lines(&self.keymap, self.pane.scope()).len();
                let height = usize::from(view::help_height(self.height));
                if interrupt || !help.key(key, lines, height) {
                    self.overlay = Overlay::None;
                }
                return Vec::new();
            }
            Overlay::Find(find) => {
                let pressed = find.finder().key(key);
                if pressed == Pressed::Nothing {
                    return Vec::new();
                }
                return match (std::mem::take(&mut self.overlay), pressed) {
                    (Overlay::Find(find), Pressed::Chosen(row)) => self.chosen(&find, row, now),
                    _ => Vec::new(),
                };
            }
            Overlay::ConfirmQuit => {
                self.overlay = Overlay::None;
                // Nothing else: a key that is pressed twice must not end what runs.
                let yes =
                    matches!(key.code, KeyCode::Char('y' | 'Y')) && !key.modifiers.contains(KeyModifiers::CONTROL);
                return if yes { self.leave() } else { Vec::new() };
            }
        }
        if self.capturing() {
            if let Some(action) = self.leads_away(key) {
                return self.app_action(action, now);
            }
            // What is being written must not go with the program: Ctrl-C leaves the field, and only that.
            let key = if interrupt { KeyEvent::new(KeyCode::Esc, KeyModifiers::NONE) } else { key };
            return match self.pane {
                Pane::Start => start::key(&mut self.start, key),
                Pane::Overview => Vec::new(),
                Pane::Generate => generate::key(&mut self.generate, key),
                Pane::Review => review::key(&mut self.review, key),
                Pane::Train => train::key(&mut self.train, key),
                Pane::Difficulty => difficulty::key(&mut self.difficulty, key),
                Pane::Eval => eval::key(&mut self.eval, key),
                Pane::Run => run::key(&mut self.run, key),
                Pane::Chat => chat::key(&mut self.chat, key),
                Pane::Watch => watch::key(&mut self.watch, key),
            };
        }
        self.bound(key, now)
    }

    /// The pane that a key leads to while a view lies over the one in front that takes keys and no text.
    fn leads_away(&self, key: KeyEvent) -> Option<AppAction> {
        use AppAction::{Chat, Difficulty, Eval, Generate, Overview, Review, Run, Start, Train, Watch};
        if self.pane != Pane::Review || !review::passes_on(&self.review, key) {
            return None;
        }
        match self.keymap.lookup(Scope::Global, &[Key::from(key)]) {
            Lookup::Run(Action::App(
                action @ (Start | Overview | Generate | Review | Train | Difficulty | Eval | Run | Chat | Watch),
            )) => Some(action),
            _ => None,
        }
    }

    /// A screen on which nothing is to be seen takes only keys that do nothing to what is on it.
    fn without_a_screen(&mut self, key: KeyEvent, now: UnixMillis) -> Vec<Effect> {
        self.pending.push(Key::from(key));
        let found = self.keymap.lookup(Scope::Global, &self.pending);
        if found != Lookup::More {
            self.pending.clear();
        }
        match found {
            Lookup::Run(Action::App(action @ (AppAction::Quit | AppAction::Suspend | AppAction::Redraw))) => {
                self.app_action(action, now)
            }
            _ => Vec::new(),
        }
    }

    /// The screen is being left: asked once more, it does not wait for what runs.
    fn while_leaving(&mut self, key: KeyEvent) -> Vec<Effect> {
        match self.keymap.lookup(Scope::Global, &[Key::from(key)]) {
            Lookup::Run(Action::App(AppAction::Quit)) => vec![Effect::Quit],
            _ => Vec::new(),
        }
    }

    /// Looks the key up, with those typed before it that are not yet a whole sequence.
    fn bound(&mut self, key: KeyEvent, now: UnixMillis) -> Vec<Effect> {
        if key.code == KeyCode::Esc && !self.pending.is_empty() {
            self.pending.clear();
            return Vec::new();
        }
        self.pending.push(Key::from(key));
        match self.keymap.lookup(self.pane.scope(), &self.pending) {
            Lookup::More => Vec::new(),
            Lookup::Nothing => {
                self.pending.clear();
                Vec::new()
            }
            Lookup::Run(action) => {
                self.pending.clear();
                self.run(action, now)
            }
        }
    }

    fn run(&mut self, action: Action, now: UnixMillis) -> Vec<Effect> {
        match action {
            Action::Start(action) => start::update(&mut self.start, action),
            Action::Overview(action) => overview::update(&mut self.overview, action),
            Action::Generate(action) => generate::update(&mut self.generate, action),
            Action::Review(action) => review::update(&mut self.review, action),
            Action::Train(action) => train::update(&mut self.train, action),
            Action::Difficulty(action) => difficulty::update(&mut self.difficulty, action),
            Action::Eval(action) => eval::update(&mut self.eval, action),
            Action::Run(action) => run::update(&mut self.run, action),
            Action::Chat(action) => chat::update(&mut self.chat, action),
            Action::Watch(action) => watch::update(&mut self.watch, action),
            Action::App(action) => self.app_action(action, now),
        }
    }

    fn app_action(&mut self, action: AppAction, now: UnixMillis) -> Vec<Effect> {
        match action {
            AppAction::Start => {
                self.pane = Pane::Start;
                return vec![Effect::ListSessions];
            }
            AppAction::Overview => return self.show(Pane::Overview, now),
            AppAction::Generate => return self.show(Pane::Generate, now),
            AppAction::Review => return self.show(Pane::Review, now),
            AppAction::Train => return self.show(Pane::Train, now),
            AppAction::Difficulty => return self.show(Pane::Difficulty, now),
            AppAction::Eval => return self.show(Pane::Eval, now),
            AppAction::Run => return self.show(Pane::Run, now),
            AppAction::Chat => return self.show(Pane::Chat, now),
            // It needs no session.
            AppAction::Watch => self.pane = Pane::Watch,
            AppAction::Help => self.overlay = Overlay::Help(Help::default()),
            AppAction::Palette => {
                let height = usize::from(view::finder_height(self.height));
                let palette = Palette::new(&self.keymap, self.pane.scope(), height);
                self.overlay = Overlay::Find(Find::Command(palette));
            }
            AppAction::Problems if self.session.is_none() => {
                self.notices.say("open a session first, or make a new one", false, now);
            }
            AppAction::Problems => {
                let height = usize::from(view::finder_height(self.height));
                self.overlay = Overlay::Find(Find::Problem(Problems::new(height)));
                return vec![Effect::ListProblems];
            }
            AppAction::Models => return self.choose_model(now),
            AppAction::Log => {
                let height = usize::from(view::finder_height(self.height));
                self.overlay = Overlay::Find(Find::Said(Log::new(&self.notices, now, height)));
            }
            AppAction::Mouse => {
                self.mouse = !self.mouse;
                let said = if self.mouse { "the mouse is used here" } else { "the mouse is the terminal's" };
                self.notices.say(said, false, now);
                return vec![Effect::Mouse(self.mouse)];
            }
            AppAction::Unqueue => return vec![Effect::Unqueue],
            AppAction::LineOn => return vec![Effect::LineOn],
            AppAction::Zoom | AppAction::Wider | AppAction::Narrower | AppAction::Taller | AppAction::Shorter
                if !self.has_room_for_four() =>
            {
                self.notices.say("there is room for one pane here; a larger terminal shows four", false, now);
            }
            AppAction::Zoom => {
                self.zoomed = !self.zoomed;
                self.lay_out();
                return self.entered();
            }
            AppAction::Wider => self.resplit(1, 0),
            AppAction::Narrower => self.resplit(-1, 0),
            AppAction::Taller => self.resplit(0, 1),
            AppAction::Shorter => self.resplit(0, -1),
            AppAction::Suspend => return vec![Effect::Suspend],
            AppAction::Redraw => return vec![Effect::Redraw],
            AppAction::Reload => return vec![Effect::Reload],
            AppAction::Quit if !self.doubts().is_empty() => self.overlay = Overlay::ConfirmQuit,
            AppAction::Quit => return self.leave(),
        }
        Vec::new()
    }

    fn resplit(&mut self, across: i16, down: i16) {
        self.split = self.split.moved(across, down);
        self.lay_out();
    }

    /// Does what the row of a finder stands for.
    fn chosen(&mut self, find: &Find, row: usize, now: UnixMillis) -> Vec<Effect> {
        match find {
            Find::Command(palette) => palette.action(row).map_or(Vec::new(), |action| self.run(action, now)),
            Find::Problem(found) => found.chosen(row).map_or(Vec::new(), |chosen| self.samples_of(chosen, now)),
            Find::Model(models) => {
                if let Some(chosen) = models.chosen(row) {
                    self.name_model(chosen, now);
                }
                Vec::new()
            }
            Find::Said(log) => log.text(row).map_or(Vec::new(), |text| vec![Effect::Copy(text.to_owned())]),
        }
    }

    /// Shows the models that the form of the pane in front can name.
    fn choose_model(&mut self, now: UnixMillis) -> Vec<Effect> {
        if self.session.is_none() || !matches!(self.pane, Pane::Generate | Pane::Train | Pane::Eval | Pane::Run) {
            self.notices.say("models are named in the forms of Generate, Train, Eval and Run", false, now);
            return Vec::new();
        }
        let height = usize::from(view::finder_height(self.height));
        self.overlay = Overlay::Find(Find::Model(Models::new(height)));
        vec![Effect::Chat(ChatWish::Models)]
    }

    /// Lists in Review what was written for a problem.
    fn samples_of(&mut self, problem: &Found, now: UnixMillis) -> Vec<Effect> {
        let samples = review::samples_of(&self.review, &problem.id);
        if samples.is_empty() {
            self.notices.say(format!("{}: no sample yet: {}", problem.id, problem.text), false, now);
            return Vec::new();
        }
        let what = problem.id.clone();
        self.between_panes(vec![Effect::Show { samples, beside: None, what }], now)
    }

    /// Puts a model into the form of the pane in front.
    fn name_model(&mut self, known: &Known, now: UnixMillis) {
        if let Some(why) = known.unfit {
            self.notices.say(format!("{}: {why}", known.what), true, now);
            return;
        }
        match self.pane {
            Pane::Generate => self.generate.set_value("model", &known.model),
            Pane::Train => _ = self.train.set_value("train.model", &known.model),
            Pane::Eval => _ = self.eval.set_value("eval.model", &known.model),
            Pane::Run => _ = self.run.set_value("run.model", &known.model),
            Pane::Start | Pane::Overview | Pane::Review | Pane::Difficulty | Pane::Chat | Pane::Watch => {}
        }
    }

    /// Goes to a pane that shows a session, as soon as there is one.
    fn show(&mut self, pane: Pane, now: UnixMillis) -> Vec<Effect> {
        if self.opening {
            self.wanted = Some(pane);
            return Vec::new();
        }
        if self.session.is_none() {
            self.notices.say("open a session first, or make a new one", false, now);
            return Vec::new();
        }
        self.pane = pane;
        self.entered()
    }

    /// What the panes that are seen ask for when they come to the front.
    fn entered(&mut self) -> Vec<Effect> {
        let seen = Pane::TABS.into_iter().filter(|pane| self.sees(*pane)).collect::<Vec<_>>();
        let mut effects = Vec::new();
        for pane in seen {
            match pane {
                Pane::Train => train::offer_model(&mut self.train, self.generate.model()),
                Pane::Overview => effects.extend(overview::enter(&self.overview)),
                Pane::Difficulty => effects.extend(difficulty::enter(&mut self.difficulty)),
                Pane::Eval => effects.extend(eval::enter(&mut self.eval)),
                Pane::Run => effects.extend(run::enter(&mut self.run)),
                Pane::Chat => effects.extend(chat::enter(&mut self.chat)),
                Pane::Start | Pane::Generate | Pane::Review | Pane::Watch => {}
            }
        }
        effects
    }

    fn leave(&mut self) -> Vec<Effect> {
        self.quitting = true;
        vec![Effect::Quit]
    }

    fn paste(&mut self, text: &str) -> Vec<Effect> {
        if self.quitting || self.too_small() {
            return Vec::new();
        }
        let mut end = text.len().min(LONGEST_PASTE);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let text = text[..end].replace("\r\n", "\n").replace('\r', "\n");
        match &mut self.overlay {
            Overlay::Help(help) => {
                help.filter.insert(&text);
                return Vec::new();
            }
            Overlay::Find(find) => {
                find.finder().paste(&text);
                return Vec::new();
            }
            Overlay::ConfirmQuit => return Vec::new(),
            Overlay::None => {}
        }
        // Outside a field a paste is no command: keys that were not meant must not decide anything.
        if !self.capturing() {
            return Vec::new();
        }
        match self.pane {
            Pane::Start => start::paste(&mut self.start, &text),
            Pane::Overview => Vec::new(),
            Pane::Generate => generate::paste(&mut self.generate, &text),
            Pane::Review => review::paste(&mut self.review, &text),
            Pane::Train => train::paste(&mut self.train, &text),
            Pane::Difficulty => difficulty::paste(&mut self.difficulty, &text),
            Pane::Eval => eval::paste(&mut self.eval, &text),
            Pane::Run => run::paste(&mut self.run, &text),
            Pane::Chat => chat::paste(&mut self.chat, &text),
            Pane::Watch => watch::paste(&mut self.watch, &text),
        }
    }

    pub(super) fn capturing(&self) -> bool {
        match self.pane {
            Pane::Start => self.start.capturing(),
            Pane::Overview => false,
            Pane::Generate => self.generate.capturing(),
            Pane::Review => self.review.capturing(),
            Pane::Train => self.train.capturing(),
            Pane::Difficulty => self.difficulty.capturing(),
            Pane::Eval => self.eval.capturing(),
            Pane::Run => self.run.capturing(),
            Pane::Chat => self.chat.capturing(),
            Pane::Watch => self.watch.capturing(),
        }
    }
}
