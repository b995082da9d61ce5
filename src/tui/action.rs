//! Everything a person can do on the screen, as one list of named actions.

use super::panes::chat::ChatAction;
use super::panes::difficulty::DifficultyAction;
use super::panes::eval::EvalAction;
use super::panes::generate::GenerateAction;
use super::panes::overview::OverviewAction;
use super::panes::review::ReviewAction;
use super::panes::run::RunAction;
use super::panes::start::StartAction;
use super::panes::train::TrainAction;
use super::panes::watch::WatchAction;
use super::panes::{chat, difficulty, eval, generate, overview, review, run, start, train, watch};

/// A named action with a line of help. The keymap binds keys to names; help and footer read the descriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionSpec {
    /// `scope.verb`, such as `review.accept`.
    pub name: &'static str,
    /// Two or three words for the footer.
    pub hint: &'static str,
    /// A sentence for the help.
    pub desc: &'static str,
}

/// Which keys apply: the pane in focus, or everywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    Global,
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

impl Scope {
    pub const ALL: [Scope; 11] = [
        Scope::Global,
        Scope::Start,
        Scope::Overview,
        Scope::Generate,
        Scope::Review,
        Scope::Train,
        Scope::Difficulty,
        Scope::Eval,
        Scope::Run,
        Scope::Chat,
        Scope::Watch,
    ];

    /// As the keymap file names it.
    pub fn name(self) -> &'static str {
        match self {
            Scope::Global => "global",
            Scope::Start => "start",
            Scope::Overview => "overview",
            Scope::Generate => "generate",
            Scope::Review => "review",
            Scope::Train => "train",
            Scope::Difficulty => "difficulty",
            Scope::Eval => "eval",
            Scope::Run => "run",
            Scope::Chat => "chat",
            Scope::Watch => "watch",
        }
    }

    /// As the help and the tabs name it.
    pub fn title(self) -> &'static str {
        match self {
            Scope::Global => "Everywhere",
            Scope::Start => "Start",
            Scope::Overview => "Overview",
            Scope::Generate => "Generate",
            Scope::Review => "Review",
            Scope::Train => "Train",
            Scope::Difficulty => "Difficulty",
            Scope::Eval => "Eval",
            Scope::Run => "Run",
            Scope::Chat => "Chat",
            Scope::Watch => "Watch",
        }
    }
}

/// What can be done whatever has the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AppAction {
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
    Help,
    Palette,
    Models,
    Problems,
    Log,
    Unqueue,
    LineOn,
    Zoom,
    Wider,
    Narrower,
    Taller,
    Shorter,
    Mouse,
    Suspend,
    Redraw,
    Reload,
    Quit,
}

/// A description, for the tables of actions.
pub const fn spec(name: &'static str, hint: &'static str, desc: &'static str) -> ActionSpec {
    ActionSpec { name, hint, desc }
}

/// The actions of no pane, in the order in which the help shows them.
pub const APP_ACTIONS: &[(AppAction, ActionSpec)] = &[
    (AppAction::Start, spec("app.start", "start", "Go to the list of sessions.")),
    (
        AppAction::Overview,
        spec("app.overview", "overview", "Go to the Overview pane: what is done and what comes next."),
    ),
    (AppAction::Generate, spec("app.generate", "generate", "Go to the Generate pane.")),
    (AppAction::Review, spec("app.review", "review", "Go to the Review pane.")),
    (AppAction::Train, spec("app.train", "train", "Go to the Train pane.")),
    (AppAction::Difficulty, spec("app.difficulty", "difficulty", "Go to the Difficulty pane.")),
    (AppAction::Eval, spec("app.eval", "eval", "Go to the Eval pane.")),
    (AppAction::Run, spec("app.run", "run", "Go to the Run pane: the whole pass of a recipe.")),
    (AppAction::Chat, spec("app.chat", "chat", "Go to the Chat pane: talk with a model, or with two.")),
    (
        AppAction::Watch,
        spec("app.watch", "watch", "Go to the Watch pane: trainings that other programs run, by their records."),
    ),
    (AppAction::Help, spec("app.help", "help", "Show all keys; type to filter them.")),
    (
        AppAction::Palette,
        spec("app.palette", "commands", "Find anything that can be done here by a few letters of it."),
    ),
    (
        AppAction::Models,
        spec(
            "app.models",
            "models",
            "Choose a model for the form: of a run, of the samples, or the one that comes with the program.",
        ),
    ),
    (
        AppAction::Problems,
        spec("app.problems", "problems", "Find a problem of the session, and see in Review what was written for it."),
    ),
    (AppAction::Log, spec("app.log", "log", "Show what was said before and what jobs did; Enter copies a line.")),
    (AppAction::Unqueue, spec("app.unqueue", "unqueue", "Take the last job out of the line of those that wait.")),
    (
        AppAction::Zoom,
        spec("app.zoom", "zoom", "Give the pane the whole of a large screen, or the others their room back."),
    ),
    (
        AppAction::LineOn,
        spec("app.line_on", "line on", "Let the line of jobs go on after one that failed or was stopped."),
    ),
    (AppAction::Wider, spec("app.wider", "wider", "Move the line between left and right to the right.")),
    (AppAction::Narrower, spec("app.narrower", "narrower", "Move the line between left and right to the left.")),
    (AppAction::Taller, spec("app.taller", "taller", "Move the line between above and below down.")),
    (AppAction::Shorter, spec("app.shorter", "shorter", "Move the line between above and below up.")),
    (AppAction::Mouse, spec("app.mouse", "mouse", "Use the mouse here, or leave it to the terminal to select text.")),
    (AppAction::Suspend, spec("app.suspend", "suspend", "Suspend the program; `fg` brings it back.")),
    (AppAction::Redraw, spec("app.redraw", "redraw", "Draw the whole screen again.")),
    (AppAction::Reload, spec("app.reload", "reload", "Read settings, keys and theme again from their files.")),
    (AppAction::Quit, spec("app.quit", "quit", "Leave; asks first when a job runs here.")),
];

/// Any action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    App(AppAction),
    Start(StartAction),
    Overview(OverviewAction),
    Generate(GenerateAction),
    Review(ReviewAction),
    Train(TrainAction),
    Difficulty(DifficultyAction),
    Eval(EvalAction),
    Run(RunAction),
    Chat(ChatAction),
    Watch(WatchAction),
}

/// All actions of a scope with their descriptions.
pub fn actions(scope: Scope) -> Vec<(Action, ActionSpec)> {
    match scope {
        Scope::Global => APP_ACTIONS.iter().map(|(action, spec)| (Action::App(*action), *spec)).collect(),
        Scope::Start => start::ACTIONS.iter().map(|(action, spec)| (Action::Start(*action), *spec)).collect(),
        Scope::Overview => overview::ACTIONS.iter().map(|(action, spec)| (Action::Overview(*action), *spec)).collect(),
        Scope::Generate => generate::ACTIONS.iter().map(|(action, spec)| (Action::Generate(*action), *spec)).collect(),
        Scope::Review => review::ACTIONS.iter().map(|(action, spec)| (Action::Review(*action), *spec)).collect(),
        Scope::Train => train::ACTIONS.iter().map(|(action, spec)| (Action::Train(*action), *spec)).collect(),
        Scope::Difficulty => {
            difficulty::ACTIONS.iter().map(|(action, spec)| (Action::Difficulty(*action), *spec)).collect()
        }
        Scope::Eval => eval::ACTIONS.iter().map(|(action, spec)| (Action::Eval(*action), *spec)).collect(),
        Scope::Run => run::ACTIONS.iter().map(|(action, spec)| (Action::Run(*action), *spec)).collect(),
        Scope::Chat => chat::ACTIONS.iter().map(|(action, spec)| (Action::Chat(*action), *spec)).collect(),
        Scope::Watch => watch::ACTIONS.iter().map(|(action, spec)| (Action::Watch(*action), *spec)).collect(),
    }
}
