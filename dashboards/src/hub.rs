//! All feeds by view: found or started, kept fresh while pages listen, dropped when nobody comes any more.

use crate::{
    Layouts,
    feed::{Feed, until_next},
};
use infralogs_core::{Error, Kind, Result, plugin::Renderer, view::Answers, view::View};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::watch;

/// The most different views at once.
const FEEDS_MAX: usize = 500;

/// How long a feed without listeners stays for those who come back.
const LINGER: Duration = Duration::from_secs(30);

/// The feeds of one service.
pub struct Hub {
    layouts: watch::Receiver<Layouts>,
    answers: Arc<Answers>,
    renderer: Arc<dyn Renderer>,
    feeds: Mutex<HashMap<View, Arc<Feed>>>,
}

impl Hub {
    /// No feed yet.
    pub fn new(layouts: watch::Receiver<Layouts>, answers: Arc<Answers>, renderer: Arc<dyn Renderer>) -> Self {
        Self { layouts, answers, renderer, feeds: Mutex::default() }
    }

    /// The feed of a view; started if nobody looks at it yet.
    pub fn feed(self: &Arc<Self>, view: &View) -> Result<Arc<Feed>> {
        let mut feeds = self.feeds();
        if let Some(feed) = feeds.get(view) {
            feed.touch();
            return Ok(feed.clone());
        }
        if feeds.len() >= FEEDS_MAX {
            let too_many = Error::new(Kind::Limit, format!("{FEEDS_MAX} different views are looked at already"));
            return Err(too_many.help("try again in a minute, or look at one that others look at"));
        }
        let feed = Arc::new(Feed::new(view.clone(), self.layouts.clone(), self.answers.clone(), self.renderer.clone()));
        feeds.insert(view.clone(), feed.clone());
        tokio::spawn(self.clone().keep_fresh(feed.clone()));
        Ok(feed)
    }

    /// How many views are looked at, and how many pages listen.
    pub fn counts(&self) -> (usize, usize) {
        let feeds = self.feeds();
        (feeds.len(), feeds.values().map(|feed| feed.listeners()).sum())
    }

    /// Draws at every refresh and every change of the scripts while somebody listens.
    async fn keep_fresh(self: Arc<Self>, feed: Arc<Feed>) {
        let mut layouts = self.layouts.clone();
        layouts.mark_unchanged();
        loop {
            let name = &feed.view.dashboard;
            let refresh = layouts.borrow().current.dashboard(name).map_or(LINGER, |dashboard| dashboard.refresh);
            tokio::select! {
                () = tokio::time::sleep(until_next(refresh).min(LINGER)) => {}
                () = feed.deserted(), if feed.is_asking() => {} // what is asked for nobody ends at once
                changed = layouts.changed() => if changed.is_err() { tokio::time::sleep(LINGER).await },
            }
            if feed.listeners() > 0 {
                feed.touch();
                tokio::select! {
                    drawn = feed.draw(false) => if let Err(error) = drawn { feed.fail(&error) },
                    () = feed.deserted() => {} // dropped, it ends its queries in the store too
                }
            } else {
                feed.give_up();
                if self.forget(&feed) {
                    return;
                }
            }
        }
    }

    /// Drops a feed that nobody asked for lately.
    fn forget(&self, feed: &Arc<Feed>) -> bool {
        let mut feeds = self.feeds();
        let unused = feed.listeners() == 0 && feed.idle() > LINGER;
        if unused {
            feeds.remove(&feed.view);
        }
        unused
    }

    fn feeds(&self) -> std::sync::MutexGuard<'_, HashMap<View, Arc<Feed>>> {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
