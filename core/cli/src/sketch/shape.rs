//! Lines of one shape, found together: what all of them have stays, what differs becomes a field.

use super::token::{Kind, Token};
use infralogs_core::parse::spec::FieldType;

/// Tokens that at least must be the same of two lines of one shape, of those that are words.
const ALIKE: f64 = 0.5;

/// A place of a shape.
#[derive(Debug, Clone, PartialEq)]
pub enum Place {
    /// The same text in every line.
    Fixed(String),
    /// Something else in each, with the type that fits all.
    Field(FieldType),
    /// A word of severity.
    Level,
    /// Whatever is left of the line.
    Rest,
}

/// Lines that have one shape.
#[derive(Debug, Clone)]
pub struct Shape {
    pub places: Vec<Place>,
    /// How many lines have it.
    pub lines: usize,
}

/// All shapes, the most common first.
pub fn shapes(lines: &[Vec<Token<'_>>]) -> Vec<Shape> {
    let mut shapes: Vec<Shape> = Vec::new();
    for line in lines {
        let best = shapes
            .iter()
            .enumerate()
            .filter_map(|(nth, shape)| Some((shape.likeness(line)?, nth)))
            .filter(|(alike, _)| *alike >= ALIKE)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match best {
            Some((_, nth)) => shapes[nth].take(line),
            None => shapes.push(Shape { places: line.iter().map(place).collect(), lines: 1 }),
        }
    }
    shapes.sort_by_key(|shape| std::cmp::Reverse(shape.lines));
    shapes
}

/// What the beginnings of all lines have in common, and the rest as one field. `None` if that is too little.
pub fn header(lines: &[Vec<Token<'_>>]) -> Option<Shape> {
    let first = lines.first()?;
    let mut places: Vec<Place> = first.iter().map(place).collect();
    for line in lines {
        let mut same = 0;
        for (own, token) in places.iter_mut().zip(line) {
            let Some(joined) = join(own, token) else { break };
            *own = joined;
            same += 1;
        }
        places.truncate(same);
    }
    // A header ends behind a space or another sign, never within a sentence.
    let signs = |place: &Place| matches!(place, Place::Fixed(text) if text.chars().all(|c| !c.is_alphanumeric()));
    while places.last().is_some_and(|place| !signs(place)) {
        places.pop();
    }
    let told = places.iter().filter(|place| !signs(place)).count();
    if told == 0 {
        return None;
    }
    places.push(Place::Rest);
    Some(Shape { places, lines: lines.len() })
}

fn place(token: &Token<'_>) -> Place {
    match &token.kind {
        Kind::Typed(kind) => Place::Field(kind.clone()),
        Kind::Quoted => Place::Field(FieldType::Text),
        Kind::Level => Place::Level,
        Kind::Sign | Kind::Word => Place::Fixed(token.text.to_owned()),
    }
}

/// What fits a place and a further token; `None` if nothing does.
fn join(place: &Place, token: &Token<'_>) -> Option<Place> {
    match (place, &token.kind) {
        (Place::Fixed(text), Kind::Sign | Kind::Word) if text == token.text => Some(place.clone()),
        (Place::Fixed(text), Kind::Sign) if !text.is_empty() => None,
        (Place::Fixed(text), _) if is_sign(text) => None,
        (Place::Level, Kind::Level) => Some(Place::Level),
        (Place::Level | Place::Field(_), Kind::Sign) => None,
        (Place::Level, _) => Some(Place::Field(FieldType::Text)),
        (Place::Fixed(_), _) => Some(Place::Field(FieldType::Text)),
        (Place::Field(own), Kind::Typed(other)) => Some(Place::Field(both(own, other))),
        (Place::Field(FieldType::Time(_)), _) => None,
        (Place::Field(_), _) => Some(Place::Field(FieldType::Text)),
        (Place::Rest, _) => Some(Place::Rest),
    }
}

fn is_sign(text: &str) -> bool {
    text.chars().all(|c| !c.is_alphanumeric() && !"-/.".contains(c))
}

fn both(own: &FieldType, other: &FieldType) -> FieldType {
    use FieldType::{Float, Int, Text};
    match (own, other) {
        _ if own == other => own.clone(),
        (Int, Float) | (Float, Int) => Float,
        _ => Text,
    }
}

impl Shape {
    /// The share of words that are the same; `None` if the line has another shape.
    fn likeness(&self, line: &[Token<'_>]) -> Option<f64> {
        if self.places.len() != line.len() {
            return None;
        }
        let (mut words, mut same) = (0, 0);
        for (place, token) in self.places.iter().zip(line) {
            join(place, token)?;
            let is_word = token.kind != Kind::Sign;
            words += usize::from(is_word);
            same += usize::from(
                is_word
                    && (matches!(place, Place::Field(_) | Place::Level) || *place == Place::Fixed(token.text.into())),
            );
        }
        Some(if words == 0 { 1.0 } else { same as f64 / words as f64 })
    }

    fn take(&mut self, line: &[Token<'_>]) {
        for (place, token) in self.places.iter_mut().zip(line) {
            if let Some(joined) = join(place, token) {
                *place = joined;
            }
        }
        self.lines += 1;
    }

    /// Whether something is left that tells lines of this shape from others.
    pub fn is_telling(&self) -> bool {
        self.places.iter().any(|place| match place {
            Place::Fixed(text) => text.chars().any(char::is_alphanumeric),
            Place::Field(kind) => *kind != FieldType::Text,
            Place::Level => true,
            Place::Rest => false,
        })
    }
}
