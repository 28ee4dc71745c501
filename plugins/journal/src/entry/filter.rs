//! Judges entries by their fields as a filter asks, group by group.

use infralogs_core::{
    entry::Entry,
    error::{Error, Kind, Result},
    plugin::Filter,
};

/// The most different fields one filter may ask for: one bit each.
const GROUPS_MAX: usize = 64;
/// The most values one filter may name.
const VALUES_MAX: usize = 10_000;

/// A filter ready to judge. All groups must be satisfied, each by any field.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Judge {
    groups: Vec<Group>,
}

#[derive(Debug, PartialEq, Eq)]
struct Group {
    name: Vec<u8>,
    want: Want,
}

#[derive(Debug, PartialEq, Eq)]
enum Want {
    /// One of these; sorted.
    Any(Vec<Vec<u8>>),
    /// One digit, at most this one.
    AtMost(u8),
}

impl Judge {
    /// # Errors
    /// `Limit` when it asks for too much.
    pub(crate) fn new(filter: &Filter) -> Result<Self> {
        let mut groups = Vec::<Group>::new();
        let units = filter.units.iter().map(|unit| ("_SYSTEMD_UNIT", unit.as_bytes()));
        if !filter.units.is_empty() {
            groups.push(Group::any("_SYSTEMD_UNIT"));
        }
        // A unit asked for by name and one asked for as a match are different wishes: both must hold.
        let own = groups.len();
        for (name, value) in filter.matches.iter().map(|(name, value)| (name.as_str(), &value[..])) {
            let found = groups[own..].iter().position(|group| group.name == name.as_bytes());
            let at = found.map_or(groups.len(), |found| own + found);
            if found.is_none() {
                groups.push(Group::any(name));
            }
            groups[at].add(value);
        }
        units.for_each(|(_, unit)| groups[0].add(unit));
        if let Some(most) = filter.priority_max {
            groups.push(Group { name: b"PRIORITY".to_vec(), want: Want::AtMost(most) });
        }
        let values: usize = groups.iter().map(Group::len).sum();
        if groups.len() > GROUPS_MAX || values > VALUES_MAX {
            let what = format!("a filter of {} fields and {values} values", groups.len());
            return Err(Error::new(Kind::Limit, what)
                .help(format!("ask for at most {GROUPS_MAX} fields and {VALUES_MAX} values")));
        }
        groups.iter_mut().for_each(Group::sort);
        Ok(Self { groups })
    }

    /// Whether everything passes.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// What an entry's fields must satisfy together.
    pub(crate) fn all(&self) -> u64 {
        u64::MAX.checked_shr(64 - self.groups.len() as u32).unwrap_or(0)
    }

    /// Whether an entry passes.
    pub(crate) fn passes(&self, entry: &Entry<'_>) -> bool {
        self.is_empty() || entry.fields().fold(0, |met, (name, value)| met | self.satisfies(name, value)) == self.all()
    }

    /// Which groups a field satisfies, a bit each.
    pub(crate) fn satisfies(&self, name: &[u8], value: &[u8]) -> u64 {
        let mut bits = 0;
        for (bit, group) in self.groups.iter().enumerate() {
            if group.name == name && group.holds(value) {
                bits |= 1 << bit;
            }
        }
        bits
    }
}

impl Group {
    fn any(name: &str) -> Self {
        Self { name: name.as_bytes().to_vec(), want: Want::Any(Vec::new()) }
    }

    fn add(&mut self, value: &[u8]) {
        if let Want::Any(values) = &mut self.want {
            values.push(value.to_vec());
        }
    }

    fn len(&self) -> usize {
        if let Want::Any(values) = &self.want { values.len() } else { 1 }
    }

    fn sort(&mut self) {
        if let Want::Any(values) = &mut self.want {
            values.sort_unstable();
        }
    }

    fn holds(&self, value: &[u8]) -> bool {
        match &self.want {
            Want::Any(values) => values.binary_search_by(|own| own.as_slice().cmp(value)).is_ok(),
            Want::AtMost(most) => matches!(value, [digit @ b'0'..=b'7'] if digit - b'0' <= *most),
        }
    }
}
