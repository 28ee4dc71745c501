//! The closing line: what makes a batch complete.

use crate::{
    cursor::Cursor,
    entry::{Batch, Gap},
    error::{Error, Result},
    id::Id128,
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The most gaps one closing line may name; more are not to be expected from one read.
const GAPS_MAX: usize = 10_000;

/// What the closing line says of the entries before it. The fields mean what they mean in [`Batch`].
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct End {
    pub cursor: Option<Cursor>,
    pub head: Option<Cursor>,
    pub machine: Id128,
    /// How many entries came before it.
    pub entries: u64,
    pub dropped: u64,
    pub unreadable: u64,
    pub unread: u64,
    pub gaps: Vec<Gap>,
    pub more: bool,
}

impl End {
    /// The end of a batch all entries of which were written.
    pub fn of(batch: &Batch) -> Self {
        Self {
            cursor: batch.next,
            head: batch.head,
            machine: batch.machine,
            entries: batch.entries.len() as u64,
            dropped: batch.dropped,
            unreadable: batch.unreadable,
            unread: batch.unread,
            gaps: batch.gaps.clone(),
            more: batch.more,
        }
    }

    /// The object inside `{"$end":…}`, in one line: the HTTP trailer of export answers.
    pub fn to_json(&self) -> String {
        let text = |cursor: Option<Cursor>| cursor.map(|cursor| cursor.to_string());
        let gaps = self.gaps.iter();
        let gaps: Vec<Value> = gaps
            .map(|gap| json!({"after": text(gap.after), "before": gap.before.to_string(), "lost": gap.lost}))
            .collect();
        json!({
            "cursor": text(self.cursor),
            "head": text(self.head),
            "machine": self.machine.to_string(),
            "entries": self.entries,
            "dropped": self.dropped,
            "unreadable": self.unreadable,
            "unread": self.unread,
            "gaps": gaps,
            "more": self.more,
        })
        .to_string()
    }

    /// Reads [`End::to_json`].
    ///
    /// # Errors
    /// `Corrupt` if a part is missing or no such thing.
    pub fn from_json(text: &[u8]) -> Result<Self> {
        serde_json::from_slice::<Written>(text)
            .map_err(|error| Error::corrupt("the closing line can't be read").because(error))?
            .read()
    }

    /// Makes the batch whole.
    pub fn close(self, batch: &mut Batch) {
        batch.next = self.cursor;
        batch.head = self.head;
        batch.machine = self.machine;
        batch.dropped = self.dropped;
        batch.unreadable = self.unreadable;
        batch.unread = self.unread;
        batch.gaps = self.gaps;
        batch.more = self.more;
    }
}

/// Appends the closing line.
pub fn write_end(end: &End, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"$end\":");
    out.extend_from_slice(end.to_json().as_bytes());
    out.extend_from_slice(b"}\n");
}

/// The closing line as it is written. Unknown parts are let be: a newer agent may say more.
#[derive(Deserialize)]
pub struct Written {
    cursor: Option<String>,
    #[serde(default)]
    head: Option<String>,
    machine: String,
    entries: u64,
    #[serde(default)]
    dropped: u64,
    #[serde(default)]
    unreadable: u64,
    #[serde(default)]
    unread: u64,
    #[serde(default)]
    gaps: Vec<WrittenGap>,
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct WrittenGap {
    after: Option<String>,
    before: String,
    lost: Option<u64>,
}

impl Written {
    /// Checked and in our own nouns.
    pub fn read(self) -> Result<End> {
        let cursor = |text: Option<String>| text.map(|text| text.parse::<Cursor>()).transpose();
        if self.gaps.len() > GAPS_MAX {
            return Err(Error::corrupt(format!("the closing line names {} gaps", self.gaps.len())));
        }
        let gaps = self.gaps.into_iter();
        let gaps = gaps.map(|gap| Ok(Gap { after: cursor(gap.after)?, before: gap.before.parse()?, lost: gap.lost }));
        Ok(End {
            cursor: cursor(self.cursor)?,
            head: cursor(self.head)?,
            machine: self.machine.parse()?,
            entries: self.entries,
            dropped: self.dropped,
            unreadable: self.unreadable,
            unread: self.unread,
            gaps: gaps.collect::<Result<_>>()?,
            more: self.more,
        })
    }
}
