//! `did you mean …`: the known word closest to a misspelt one.

/// The closest of the known words, if one is close enough to be meant.
pub(crate) fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let lower = word.to_lowercase();
    known
        .into_iter()
        .filter(|one| *one != word)
        .map(|one| (strsim::damerau_levenshtein(&lower, &one.to_lowercase()), one))
        .filter(|(distance, one)| *distance <= limit && *distance < one.chars().count())
        .min()
        .map(|(_, one)| one)
}

/// `did you mean `x`?`, or else what there is.
pub(crate) fn hint<'k>(word: &str, what: &str, known: impl IntoIterator<Item = &'k str> + Clone) -> String {
    match closest(word, known.clone()) {
        Some(one) => format!("did you mean `{one}`?"),
        None => format!("{what}: {}", list(known)),
    }
}

/// Words for a sentence: `a, b, c`; at most 40.
pub(crate) fn list<'k>(known: impl IntoIterator<Item = &'k str>) -> String {
    const SHOWN_MAX: usize = 40;
    let words: Vec<&str> = known.into_iter().collect();
    let mut text = words.iter().take(SHOWN_MAX).copied().collect::<Vec<_>>().join(", ");
    if words.is_empty() {
        text.push_str("none");
    }
    if words.len() > SHOWN_MAX {
        text.push_str(", …");
    }
    text
}
