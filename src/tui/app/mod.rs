//! The whole screen as one state: which pane has the focus, what lies over it, what is said at its foot. Holds no
//! terminal, no thread and no clock: keys, messages and the time come in, effects go out.

mod find;
mod help;
mod layout;
mod log;
mod models;
mod notices;
mod palette;
mod problems;
mod told;
mod update;
mod view;

#[cfg(test)]
mod tests;

pub use view::view;

use std::path::PathBuf;

use find::Find;
use help::Help;
use layout::Split;
use notices::Notices;

use super::action::Scope;
use super::boards::Boards;
use super::keymap::{Key, Keymap};
use super::load::MachineLoad;
use super::panes::chat::ChatState;
use super::panes::difficulty::DifficultyState;
use super::panes::eval::EvalState;
use super::panes::generate::GenerateState;
use super::panes::overview::OverviewState;
use super::panes::review::ReviewState;
use super::panes::run::RunState;
use super::panes::start::StartState;
use super::panes::train::TrainState;
use super::panes::watch::WatchState;
use super::theme::Theme;
use super::widgets::plot::Dots;
use crate::records::{EVALUATION, FORECAST, Heavy, LiveBoard, PASS, TRAINING, UnixMillis};
use crate::session::Counts;

/// Smallest screen that the workbench draws on, columns and rows.
pub const SMALLEST: (u16, u16) = (60, 16);

/// The pane that has the keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pane {
    #[default]
    Start,
    Overview,
    Generate,
    Review,
    Train,
    Difficulty,
    Eval,
    Run,
    Chat,
    Watch,
}

impl Pane {
    /// As the tabs show them; the last one is of no session, and shown where anything is watched.
    pub const TABS: [Pane; 9] = [
        Pane::Overview,
        Pane::Generate,
        Pane::Review,
        Pane::Train,
        Pane::Difficulty,
        Pane::Eval,
        Pane::Run,
        Pane::Chat,
        Pane::Watch,
    ];

    pub fn scope(self) -> Scope {
        match self {
            Pane::Start => Scope::Start,
            Pane::Overview => Scope::Overview,
            Pane::Generate => Scope::Generate,
            Pane::Review => Scope::Review,
            Pane::Train => Scope::Train,
            Pane::Difficulty => Scope::Difficulty,
            Pane::Eval => Scope::Eval,
            Pane::Run => Scope::Run,
            Pane::Chat => Scope::Chat,
            Pane::Watch => Scope::Watch,
        }
    }
}

/// What the split of the large screen is kept as.
const SPLIT: &str = "screen.split";

/// What lies over the pane and takes the keys.
#[derive(Debug, Clone, Default)]
enum Overlay {
    #[default]
    None,
    Help(Help),
    Find(Find),
    /// Leaving would end or lose something.
    ConfirmQuit,
}

/// The session that is open.
#[derive(Debug, Clone, Default)]
struct OpenSession {
    dir: PathBuf,
    read_only: Option<String>,
    counts: Counts,
}

/// The state of the screen.
#[derive(Debug, Clone)]
pub struct App {
    keymap: Keymap,
    theme: Theme,
    dots: Dots,
    width: u16,
    height: u16,
    pane: Pane,
    start: StartState,
    generate: GenerateState,
    overview: OverviewState,
    review: ReviewState,
    train: TrainState,
    difficulty: DifficultyState,
    eval: EvalState,
    run: RunState,
    chat: ChatState,
    watch: WatchState,
    overlay: Overlay,
    notices: Notices,
    /// Keys of a sequence that is not yet whole.
    pending: Vec<Key>,
    session: Option<OpenSession>,
    boards: Boards,
    /// What the jobs of this process are heavy with.
    own: Vec<Heavy>,
    /// The pane in front has the whole screen, however large it is.
    zoomed: bool,
    split: Split,
    /// The mouse is listened to.
    mouse: bool,
    /// Jobs that wait for the one at work.
    line: Vec<String>,
    /// They wait for a person.
    held: bool,
    /// What the machine did when it was asked last.
    machine: Option<MachineLoad>,
    /// The filter runs in this process.
    filtering: bool,
    /// The person leaves, and what runs is given time to end.
    quitting: bool,
    /// A session was asked for and is not there yet.
    opening: bool,
    /// The pane asked for while the session was being opened.
    wanted: Option<Pane>,
}

impl App {
    pub fn new(keymap: Keymap, theme: Theme, dots: Dots) -> Self {
        let mut app = Self {
            keymap,
            theme,
            dots,
            width: 80,
            height: 24,
            pane: Pane::Start,
            start: StartState::default(),
            generate: GenerateState::default(),
            overview: OverviewState::default(),
            review: ReviewState::default(),
            train: TrainState::default(),
            difficulty: DifficultyState::default(),
            eval: EvalState::default(),
            run: RunState::default(),
            chat: ChatState::default(),
            watch: WatchState::default(),
            zoomed: false,
            split: Split::default(),
            mouse: false,
            overlay: Overlay::None,
            notices: Notices::default(),
            pending: Vec::new(),
            session: None,
            boards: Boards::default(),
            own: Vec::new(),
            line: Vec::new(),
            held: false,
            machine: None,
            filtering: false,
            quitting: false,
            opening: false,
            wanted: None,
        };
        app.set_dots(dots);
        app
    }

    fn set_dots(&mut self, dots: Dots) {
        self.dots = dots;
        let ascii = dots == Dots::Signs;
        self.review.set_ascii(ascii);
        self.train.set_dots(dots);
        self.watch.set_dots(dots);
        self.chat.set_ascii(ascii);
    }

    /// Takes keys, colours and signs that were read again.
    pub fn set_look(&mut self, keymap: Keymap, theme: Theme, dots: Dots) {
        (self.keymap, self.theme) = (keymap, theme);
        self.pending.clear();
        self.set_dots(dots);
    }

    /// Tells that the mouse is listened to.
    pub fn set_mouse(&mut self, mouse: bool) {
        self.mouse = mouse;
    }

    /// Tells that a session is being opened: keys that need it are kept for it.
    pub fn set_opening(&mut self) {
        self.opening = true;
    }

    /// What the form of the Generate pane begins with.
    pub fn set_dialogue_defaults(&mut self, prompt: &str, policies: Vec<String>) {
        self.generate.set_default_prompt(prompt);
        self.generate.set_policies(policies);
    }

    /// The values of the forms by name, for keeping them over a restart.
    pub fn form_values(&self) -> Vec<(&'static str, String)> {
        let split = vec![(SPLIT, self.split.text())];
        let forms = [split, self.generate.values(), self.train.values(), self.run.values(), self.eval.values()];
        forms.into_iter().flatten().collect()
    }

    /// Takes values that were kept; names that are not known are passed over.
    pub fn set_form_values(&mut self, values: &[(String, String)]) {
        for (name, value) in values {
            if name == SPLIT {
                self.split = Split::read(value).unwrap_or(self.split);
                continue;
            }
            let others = self.train.set_value(name, value)
                || self.run.set_value(name, value)
                || self.eval.set_value(name, value);
            if !others {
                self.generate.set_value(name, value);
            }
        }
    }

    /// The process was asked to end: what runs is given time, and the screen says so.
    pub fn set_leaving(&mut self) {
        self.quitting = true;
    }

    /// Whether a job is at work as far as the screen knows.
    pub fn job_runs(&self) -> bool {
        self.boards.at_work().next().is_some()
    }

    /// Whether what the machine does is followed: while a job is at work. Where it is looked at it is asked once.
    pub fn watches_machine(&self) -> bool {
        self.job_runs() || (self.pane == Pane::Overview && self.machine.is_none())
    }

    /// How many jobs wait for the one at work.
    pub fn waiting(&self) -> usize {
        if self.held { 0 } else { self.line.len() }
    }

    /// Where the open session lies.
    pub fn session_dir(&self) -> Option<&std::path::Path> {
        self.session.as_ref().map(|session| session.dir.as_path())
    }

    /// When the screen changes by itself: the end of what is said at its foot, or a job that has been silent for a while.
    pub fn next_change(&self, now: UnixMillis) -> Option<UnixMillis> {
        let silence = self.generate.silence_changes(now).filter(|_| self.sees(Pane::Generate));
        let quiet = self.watch.quiet_changes(now).filter(|_| self.sees(Pane::Watch));
        [self.notices.until(), silence, quiet].into_iter().flatten().min()
    }

    /// What leaving would end or lose, a line each.
    fn doubts(&self) -> Vec<&'static str> {
        let doubts = [
            (!self.line.is_empty(), "Jobs wait in line: they are not started."),
            (self.filtering, "The filter runs here: it stops, what it measured is kept."),
            (self.review.unsaved(), "A text that you edited is not stored: it is lost."),
        ];
        let others = doubts.into_iter().filter(|(holds, _)| *holds).map(|(_, text)| text);
        self.own_at_work().map(ends).chain(others).collect()
    }

    /// The boards of jobs of this process.
    fn own_at_work(&self) -> impl Iterator<Item = &LiveBoard> {
        self.boards.at_work().filter(|board| self.own.contains(&board.heavy()))
    }

    /// Whether something is waited for before the screen goes.
    fn waits_to_leave(&self) -> bool {
        self.quitting && (self.filtering || self.own_at_work().next().is_some())
    }

    pub fn too_small(&self) -> bool {
        self.width < SMALLEST.0 || self.height < SMALLEST.1
    }
}

/// What becomes of a job of this process when it is left.
fn ends(board: &LiveBoard) -> &'static str {
    let passes = board.pass.is_some() || board.job == PASS;
    match board.job.as_str() {
        FORECAST => "A forecast is being measured here: it is given up.",
        TRAINING if passes => "A pass runs here: its training is saved, and it can go on.",
        _ if passes => "A pass runs here: what is done is kept, and it can go on.",
        TRAINING => "A training runs here: it stops after this step and is saved.",
        EVALUATION => "An evaluation runs here: it stops, answers that are written are kept.",
        _ => "A generation runs here: it stops, finished samples are kept.",
    }
}
