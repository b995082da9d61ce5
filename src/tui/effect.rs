//! What the screen asks the outside to do, and what the outside answers. The only way out of `update`.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::SessionInfo;
use crate::difficulty::Rule;
use crate::filter::audit::Order;
use crate::filter::{Measured, Verdict};
use crate::jobs::{ExternalOrder, Steer};
use crate::pipeline::chat::{Found, Known, News, Posed, Question};
use crate::pipeline::difficulty::Survey;
use crate::pipeline::eval::{EvalOrder, Listed, ScoreRequest, Scores};
use crate::pipeline::recipe::{Recipe, Wanted};
use crate::pipeline::run::{Forecast, Planned, Probe, Progress, RunOrder};
use crate::pipeline::select::SelectOutcome;
use crate::pipeline::train::Preview;
use crate::pipeline::{FilterOutcome, GenerateOrder, TrainOrder};
use crate::records::{DecisionVerb, Heavy, LiveBoard, Problem, Sample, Standing};
use crate::session::{Counts, SampleRow};
use crate::train::TrainSettings;
use crate::train::external::External;
use crate::train::runs::follow::RunNews;
use crate::tui::action::Scope;
use crate::tui::load::MachineLoad;
use crate::watch::Look;

/// What the filter says of the open sample, and where it shows.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Each with whether its rule is in force.
    pub verdicts: Vec<(Verdict, bool)>,
    pub measured: Measured,
}

/// Which training's samples are to be shown.
#[derive(Debug, Clone, PartialEq)]
pub enum PreviewOf {
    /// One that could be started.
    Order(Box<TrainOrder>),
    /// A run that is there.
    Run(String),
}

/// A pass that could be started in the open session.
#[derive(Debug, Clone, PartialEq)]
pub struct PassPlan {
    pub recipe: Recipe,
    pub steps: Vec<Planned>,
    /// Problems to learn from, and to be scored on.
    pub pool: usize,
    pub test: usize,
}

/// Wanted of a talk with models.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatWish {
    /// Read which models the session knows.
    Models,
    /// Find problems with these words.
    Problems(String),
    /// Pose the problem with this id.
    Pose(String),
    /// Bring these models into memory, before they are asked.
    Load(Vec<String>),
    Ask(Box<Question>),
    /// End what is being answered.
    Stop,
    /// Let go of all models.
    Free,
}

/// Told of a talk with models.
#[derive(Debug, Clone, PartialEq)]
pub enum ChatTold {
    Models(Vec<Known>),
    Problems { words: String, found: Vec<Found> },
    Posed(Box<Posed>),
    News(News),
}

/// Asked of the outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Read the list of sessions.
    ListSessions,
    OpenSession(PathBuf),
    /// The recorded session that comes with the program.
    OpenTour,
    /// By name, or by path.
    NewSession(String),
    /// Read one sample with its problem, for the transcript.
    LoadSample(i64),
    /// Read another sample, to stand beside it.
    LoadBeside(i64),
    Decide {
        sample: i64,
        verb: DecisionVerb,
        reason: Option<String>,
        note: Option<String>,
    },
    /// Decide on many samples at once; one undo takes all back.
    DecideAll {
        samples: Vec<i64>,
        verb: DecisionVerb,
    },
    Undo,
    /// Store a chain that the person edited as a new sample derived from this one.
    Edit {
        sample: i64,
        text: String,
    },
    /// List these samples in the Review pane, the first one selected, perhaps with another one beside it. Done by the screen
    /// itself.
    Show {
        samples: Vec<i64>,
        beside: Option<i64>,
        /// What they have in common, as the list is headed.
        what: String,
    },
    /// Go to a pane, and perhaps do there what an action of this name does. Done by the screen itself.
    GoTo {
        scope: Scope,
        action: Option<&'static str>,
    },
    /// Go to the Chat pane with one or two models, by folder or name. Done by the screen itself.
    TalkWith(Vec<String>),
    Chat(ChatWish),
    /// Judge the session by the rules.
    Filter,
    /// Gather what the session tells of difficulty under these settings (the usual ones for `None`), ranked as the rule says (the
    /// stored one for `None`). Answered when there is anything new.
    LoadDifficulty {
        settings: Option<String>,
        rule: Option<Rule>,
    },
    /// Choose by this rule from the samples of these settings, and keep the selection under a name.
    StoreSelection {
        name: String,
        rule: Rule,
        settings: String,
    },
    /// Choose samples for a spot check.
    PlanAudit(Order),
    StartGenerate(Box<GenerateOrder>),
    StartTrain(Box<TrainOrder>),
    /// A training by another program.
    StartExternal(Box<ExternalOrder>),
    /// Read a recipe and show what its pass will do.
    PlanPass(Box<Wanted>),
    /// Measure what a pass will take.
    ForecastPass(Box<RunOrder>),
    /// Begin a pass, or go on with it.
    StartRun(Box<RunOrder>),
    /// The pass that waits for decisions may go on, wherever it runs.
    ReleaseReview,
    /// Read the report of the pass.
    ReadReport,
    /// Draw what is missing of an evaluation, and keep the score.
    StartEval(Box<EvalOrder>),
    /// List the problems of the session.
    ListProblems,
    /// Read the list of evaluations.
    LoadEvals,
    /// Work scores out of samples, in the background.
    ReadScores(ScoreRequest),
    /// Show the samples of a training as tokens, those with a loss marked.
    PreviewTraining(PreviewOf),
    /// Count what would be learnt from the selection with this name, for the form of a training.
    CountChains(String),
    /// Read the settings of a run, to go on with it or to begin one like it.
    LoadRunSettings(String),
    RenameRun {
        from: String,
        to: String,
    },
    /// Put a run away.
    ArchiveRun(String),
    /// Bring a run back that was put away.
    RestoreRun(String),
    /// Take the last job out of the line of those that wait.
    Unqueue,
    /// Let a line that was held go on.
    LineOn,
    /// Pause, resume or stop the job at work that is heavy with this.
    SteerJob {
        steer: Steer,
        of: Heavy,
    },
    /// Ask the training that runs: a verb of `cribble steer`.
    SteerTraining {
        verb: &'static str,
        arguments: serde_json::Value,
    },
    /// Follow the trainings under these directories, and no others any more.
    Watch(Vec<PathBuf>),
    /// Put on the clipboard (OSC 52); the runtime cleans it.
    Copy(String),
    /// Listen to the mouse, or leave it to the terminal.
    Mouse(bool),
    /// Open a text that is being written in the person's own editor.
    EditOutside(String),
    /// Draw everything anew.
    Redraw,
    /// Read settings, keys and theme again.
    Reload,
    Suspend,
    Quit,
}

impl Effect {
    /// Whether it writes to the open session.
    pub fn changes_session(&self) -> bool {
        use Effect::{
            ArchiveRun, Decide, DecideAll, Edit, Filter, ReleaseReview, RenameRun, RestoreRun, StartEval,
            StartExternal, StartGenerate, StartRun, StartTrain, StoreSelection, Undo,
        };
        matches!(
            self,
            Decide { .. }
                | DecideAll { .. }
                | Undo
                | Edit { .. }
                | Filter
                | StartGenerate(_)
                | StartTrain(_)
                | StartExternal(_)
                | StartRun(_)
                | ReleaseReview
                | StartEval(_)
                | RenameRun { .. }
                | ArchiveRun(_)
                | RestoreRun(_)
                | StoreSelection { .. }
        )
    }
}

/// Told by the outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Message {
    Sessions(Vec<SessionInfo>),
    /// What is new in the records of the session's trainings.
    Runs(Vec<RunNews>),
    /// The trainings under these directories are followed from now on.
    Watching(Vec<PathBuf>),
    /// What was written there since the last look.
    Watched(Box<Look>),
    /// The session's pass, as far as it has come.
    Pass(Box<Progress>),
    /// The plan that was asked for, or what is wrong with the recipe.
    Plan(Result<Box<PassPlan>, String>),
    /// What a pass will take, or why that could not be measured.
    Forecast(Result<Box<(Probe, Vec<Forecast>)>, String>),
    /// The report of the pass, as Markdown.
    Report(String),
    /// The first samples of a training as tokens, and how many there are.
    Previews {
        previews: Vec<Preview>,
        of: usize,
    },
    /// How many chains of a selection are learnt from, or why that cannot be told.
    Chains {
        selection: String,
        chains: Result<usize, String>,
    },
    /// What a run was last trained with.
    RunSettings {
        run: String,
        /// And who trained, if that was another program.
        settings: Box<(TrainSettings, Option<External>)>,
    },
    RunRenamed {
        from: String,
        to: String,
    },
    RunArchived(String),
    RunRestored(String),
    /// The problems of the session.
    Problems(Vec<Found>),
    /// The evaluations of the session, oldest first.
    Evals(Vec<Listed>),
    /// Scores that were asked for, or why there are none.
    Scores {
        asked: ScoreRequest,
        answer: Result<Scores, String>,
    },
    /// A session is open.
    Opened {
        dir: PathBuf,
        read_only: Option<String>,
        counts: Counts,
        rows: Vec<SampleRow>,
        problems: usize,
    },
    /// The open session is this one now: a copy of the tour, the same row for row.
    Adopted(PathBuf),
    /// Rows that came since.
    Rows {
        counts: Counts,
        rows: Vec<SampleRow>,
    },
    /// Standings changed, by this or another process: all that did since the last look.
    Stood {
        standings: Vec<(i64, Standing)>,
        counts: Counts,
    },
    /// The edited chain of this sample was stored as another draw of its problem.
    Edited {
        sample: i64,
        draw: u32,
    },
    /// An undo moved this sample; the review pane goes there.
    Undone {
        sample: i64,
        what: String,
    },
    Sample {
        id: i64,
        sample: Box<Sample>,
        problem: Option<Box<Problem>>,
        judged: Option<Box<Judged>>,
    },
    /// The filter runs in the session of this directory: samples measured, of so many.
    Judging {
        dir: PathBuf,
        done: usize,
        all: usize,
    },
    /// The filter that ran there ended, well or not.
    JudgingOver {
        dir: PathBuf,
    },
    /// The filter ran, here or in another process: all rows with what it said.
    Judged {
        rows: Vec<SampleRow>,
        outcome: Option<Box<FilterOutcome>>,
    },
    /// What a session tells of difficulty; `None` where there is no sample to learn from. `settings` as they were asked for.
    Difficulty {
        dir: PathBuf,
        settings: Option<String>,
        survey: Option<Arc<Survey>>,
    },
    /// A selection was chosen and stored.
    SelectionStored(Box<SelectOutcome>),
    /// The newest selection that the session has.
    Selected(String),
    /// Samples for a spot check, in order.
    Audit(Vec<i64>),
    Chat(ChatTold),
    /// The board of the running or last job, ours or another process's.
    Live(Arc<LiveBoard>),
    /// The jobs that wait for the end of the one at work, in a few words each.
    Line {
        jobs: Vec<String>,
        /// The one before them failed or was stopped: they wait for a person.
        held: bool,
    },
    /// What the machine does.
    Machine(MachineLoad),
    /// The text that was opened in the person's own editor, as it is now.
    EditedOutside(String),
    /// What is odd in the rooms below, and no answer to anything that was asked.
    Log {
        line: String,
        error: bool,
    },
    /// One line for a toast.
    Note(String),
    /// One line for a toast, as an error.
    Error(String),
}
