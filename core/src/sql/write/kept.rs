//! What a commit adds to the rollups of parser tables, in the order of their keys.

use super::Sheet;
use crate::{
    error::Result,
    id::Id128,
    sql::{
        kept::{Cube, GRAINS_US, VALUE_CHARS_MAX, bin},
        rollup::bucket,
    },
    value::Value,
};
use std::{
    borrow::Cow,
    collections::{BTreeMap, HashSet},
};

/// Which row of `$counts` is added to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// Which cube.
    pub cube: i64,
    /// Which of [`GRAINS_US`].
    pub grain: usize,
    /// The start of the bucket.
    pub bucket: i64,
    /// Stands for the values told apart.
    pub key: Id128,
    /// 0 for records, then the measured columns.
    pub of: usize,
    /// The bin's middle; 0 for records.
    pub bin: i64,
}

/// What is added. The sum is `hi` times 2³² and `lo`: neither leaves 64 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    /// The values told apart.
    pub by: Vec<Option<String>>,
    /// How many.
    pub n: i64,
    /// The sum's upper part.
    pub hi: i64,
    /// The sum's lower part.
    pub lo: i64,
    /// The smallest value.
    pub least: Option<i64>,
    /// The largest value.
    pub most: Option<i64>,
}

impl Sums {
    fn add(&mut self, other: &Self) {
        self.n += other.n;
        self.hi += other.hi;
        self.lo += other.lo;
        self.least = self.least.into_iter().chain(other.least).min();
        self.most = self.most.into_iter().chain(other.most).max();
    }
}

/// The rows of a sheet but for those refused, counted for each of its table's cubes.
pub fn kept(sheet: &Sheet<'_>, cubes: &[Cube], refused: &HashSet<usize>) -> Result<BTreeMap<Slot, Sums>> {
    let mut counts: BTreeMap<Slot, Sums> = BTreeMap::new();
    for cube in cubes.iter().filter(|cube| cube.table == sheet.table) {
        let at = |name: &str| sheet.columns.iter().position(|column| column.name == name);
        let time = at("time");
        let by: Vec<Option<usize>> = cube.rollup.by.iter().map(|name| at(name)).collect();
        let of: Vec<Option<usize>> = cube.rollup.of.iter().map(|name| at(name)).collect();
        let mut minutes: BTreeMap<Slot, Sums> = BTreeMap::new();
        let mut nth = 0;
        sheet.each(0..sheet.len(), &mut |row| {
            nth += 1;
            let time = time.map(|time| &row[time]);
            let (Some(Value::Int(time)), false) = (time, refused.contains(&(nth - 1))) else { return Ok(()) };
            let by: Vec<Option<String>> = by.iter().map(|at| at.and_then(|at| text(&row[at]))).collect();
            let slot =
                Slot { cube: cube.number, grain: 0, bucket: bucket(*time, GRAINS_US[0]), key: key(&by), of: 0, bin: 0 };
            for (nth, at) in of.iter().enumerate() {
                let Some(Value::Int(number)) = at.map(|at| &row[at]) else { continue };
                let slot = Slot { of: nth + 1, bin: bin(*number), ..slot.clone() };
                add(&mut minutes, slot, &measured(&by, *number));
            }
            add(&mut minutes, slot, &Sums { by, n: 1, hi: 0, lo: 0, least: None, most: None });
            Ok(())
        })?;
        for (slot, sums) in minutes {
            let hour = Slot { grain: 1, bucket: bucket(slot.bucket, GRAINS_US[1]), ..slot.clone() };
            add(&mut counts, hour, &sums);
            add(&mut counts, slot, &sums);
        }
    }
    Ok(counts)
}

fn add(counts: &mut BTreeMap<Slot, Sums>, slot: Slot, more: &Sums) {
    match counts.get_mut(&slot) {
        Some(sums) => sums.add(more),
        None => drop(counts.insert(slot, more.clone())),
    }
}

fn measured(by: &[Option<String>], number: i64) -> Sums {
    let (hi, lo) = (number >> 32, number & 0xffff_ffff);
    Sums { by: by.to_vec(), n: 1, hi, lo, least: Some(number), most: Some(number) }
}

fn text(value: &Value<'_>) -> Option<String> {
    let text = match value {
        Value::Text(text) => Cow::Borrowed(&**text),
        Value::Int(int) => int.to_string().into(),
        Value::Bool(truth) => if *truth { "1" } else { "0" }.into(),
        Value::Missing | Value::Float(_) => return None,
    };
    Some(match text.len() > VALUE_CHARS_MAX {
        true => text.chars().take(VALUE_CHARS_MAX).collect(),
        false => text.into_owned(),
    })
}

fn key(by: &[Option<String>]) -> Id128 {
    let parts: Vec<&[u8]> = by
        .iter()
        .flat_map(|value| match value {
            Some(text) => [b"1".as_slice(), text.as_bytes()],
            None => [b"0".as_slice(), b""],
        })
        .collect();
    Id128::of(&parts)
}
