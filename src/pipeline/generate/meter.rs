//! What servers count while a call runs: kept in the session as it grows, and held against the budget.

use std::time::{Duration, Instant};

use color_eyre::Result;

use crate::generate::Backend;
use crate::pipeline::budget::{Budget, UsedUp};
use crate::pipeline::{GenerateOrder, Writer};
use crate::records::Spent;
use crate::session::{self, Session};

/// A process that is killed loses what was counted for about so long.
const BETWEEN: Duration = Duration::from_secs(1);

pub(super) struct Meter<'a> {
    budget: &'a Budget,
    /// Who counts, as the session names it.
    writer: String,
    /// Of the whole session, as it is stored.
    stored: Spent,
    /// What was counted when the call began, and what of it is stored.
    began: Spent,
    kept: Spent,
    last: Instant,
}

impl<'a> Meter<'a> {
    /// `None` where nobody counts.
    pub(super) fn of(order: &'a GenerateOrder, session: &Session, backend: &dyn Backend) -> Result<Option<Self>> {
        let Writer::Servers(servers) = &order.writer else { return Ok(None) };
        let began = backend.spent();
        Ok(Some(Self {
            budget: &servers.budget,
            writer: format!("{} at {}", backend.identity().name, servers.endpoints.join(", ")),
            stored: session.spent(None)?,
            began,
            kept: began,
            last: Instant::now(),
        }))
    }

    /// What this call has used, when `counted` is what was counted by now; and its cost.
    pub(super) fn of_call(&self, counted: Spent) -> (Spent, Option<f64>) {
        let spent = counted.since(self.began);
        (spent, self.budget.cost_of(&spent))
    }

    /// What the session has used so far, and its cost.
    pub(super) fn of_session(&self, counted: Spent) -> (Spent, Option<f64>) {
        let spent = self.stored.plus(counted.since(self.kept));
        (spent, self.budget.cost_of(&spent))
    }

    /// Why no dialogue is begun any more, if so.
    pub(super) fn used_up(&self, counted: Spent) -> Option<UsedUp> {
        self.budget.used_up(&self.of_session(counted).0)
    }

    /// Whether it was kept so long ago that it is to be kept again.
    pub(super) fn is_due(&self) -> bool {
        self.last.elapsed() >= BETWEEN
    }

    /// Stores what is new.
    pub(super) fn keep(&mut self, session: &Session, counted: Spent) -> session::Result<()> {
        self.last = Instant::now();
        let new = counted.since(self.kept);
        if new != Spent::default() {
            session.spend(&self.writer, new)?;
            self.stored = self.stored.plus(new);
            self.kept = counted;
        }
        Ok(())
    }
}
