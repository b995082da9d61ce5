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
    /// Of the whole session, as it is stored; and its cost, each part at the price of the call that used it.
    stored: Spent,
    stored_cost: f64,
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
        let (stored, stored_cost) = session.spent(None)?;
        Ok(Some(Self {
            budget: &servers.budget,
            writer: format!("{} at {}", backend.identity().name, servers.endpoints.join(", ")),
            stored,
            stored_cost,
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
        let new = counted.since(self.kept);
        (self.stored.plus(new), self.budget.cost_of(&new).map(|cost| self.stored_cost + cost))
    }

    /// Why no dialogue is begun any more, if so.
    pub(super) fn used_up(&self, counted: Spent) -> Option<UsedUp> {
        let (spent, cost) = self.of_session(counted);
        self.budget.used_up(&spent, cost)
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
            let cost = self.budget.cost_of(&new).unwrap_or(0.0);
            session.spend(&self.writer, new, cost)?;
            self.stored = self.stored.plus(new);
            self.stored_cost += cost;
            self.kept = counted;
        }
        Ok(())
    }
}
