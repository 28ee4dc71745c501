//! A view while it is asked: what is answered so far, and what is still to come.

use super::{Shown, label};
use crate::{
    dashboard::{Answer, Mark},
    table::Rows,
    time::{Time, Window},
    value::Value,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::JoinHandle, time::timeout_at};

/// The most marks drawn from one query.
const MARKS_MAX: usize = 200;

/// Questions that were begun. Dropped, they are not waited for any more; if somebody else waits for one of them, they
/// ask anew.
pub struct Asking {
    /// What is answered so far.
    shown: Shown,
    questions: Vec<(Place, Asked)>,
    lag: Option<JoinHandle<Duration>>,
}

/// Where an answer belongs.
pub(super) enum Place {
    Panel(usize),
    Spark(usize),
    Mark(Mark),
}

/// An answer to come.
pub(super) struct Asked(pub JoinHandle<Answer>);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        if let Some(lag) = &self.lag {
            lag.abort();
        }
    }
}

impl Asking {
    pub(super) fn new(shown: Shown, questions: Vec<(Place, Asked)>, lag: JoinHandle<Duration>) -> Self {
        Self { shown, questions, lag: Some(lag) }
    }

    /// Waits until everything is answered, but no longer than this; whether everything is.
    pub async fn within(&mut self, patience: Duration) -> bool {
        let deadline = (Instant::now() + patience).into();
        let mut left = Vec::new();
        for (place, mut asked) in std::mem::take(&mut self.questions) {
            match timeout_at(deadline, &mut asked.0).await {
                Ok(answer) => self.answered(place, finished(answer)),
                Err(_) => left.push((place, asked)),
            }
        }
        self.questions = left;
        if let Some(mut lag) = self.lag.take() {
            match timeout_at(deadline, &mut lag).await {
                Ok(lag) => self.shown.lag = lag.unwrap_or_default(),
                Err(_) => self.lag = Some(lag),
            }
        }
        self.questions.is_empty() && self.lag.is_none()
    }

    /// Waits until everything is answered: every query has a time limit.
    pub async fn all(mut self) -> Shown {
        for (place, mut asked) in std::mem::take(&mut self.questions) {
            let answer = (&mut asked.0).await;
            self.answered(place, finished(answer));
        }
        if let Some(lag) = self.lag.take() {
            self.shown.lag = lag.await.unwrap_or_default();
        }
        self.shown.clone()
    }

    /// What is answered so far; panels whose answer is to come say so.
    pub fn so_far(&self) -> Shown {
        self.shown.clone()
    }

    fn answered(&mut self, place: Place, answer: Answer) {
        match place {
            Place::Panel(at) => self.shown.answers[at] = answer,
            Place::Spark(at) => self.shown.sparks[at] = rows(answer),
            Place::Mark(mark) => {
                let Some(rows) = rows(answer) else { return };
                self.shown.marks.extend(moments(&mark, &rows, self.shown.window));
            }
        }
    }
}

fn finished(answer: std::result::Result<Answer, tokio::task::JoinError>) -> Answer {
    answer.unwrap_or_else(|_| Answer::Trouble("the query stopped in the middle".into()))
}

fn rows(answer: Answer) -> Option<Arc<Rows>> {
    if let Answer::Rows(rows) = answer { Some(rows) } else { None }
}

/// Moments inside the window, labelled.
fn moments(mark: &Mark, rows: &Rows, window: Window) -> Vec<(Time, String)> {
    let Some(times) = rows.column("time") else { return Vec::new() };
    let all = (0..rows.len()).filter_map(|row| match times.get(row) {
        Value::Int(time) if (window.from.0..window.to.0).contains(&time) => {
            Some((Time(time), label::fill(&mark.label, rows, row)))
        }
        _ => None,
    });
    all.take(MARKS_MAX).collect()
}
