//! Leaves out points that no eye could tell apart: first, smallest, largest and last of each pixel stay.

/// The most points one series is drawn with.
pub(crate) const POINTS_MAX: usize = 2_000;

/// Which of `count` points to keep so that every series keeps its shape at this many pixels: of each equally
/// wide bin of points the first, the last, and each series' smallest and largest. Ascending, without repeats.
pub fn keep(series: &[&[f64]], count: usize, pixels: usize) -> Vec<usize> {
    if pixels == 0 || count <= pixels.saturating_mul(4) {
        return (0..count).collect();
    }
    let mut kept = Vec::with_capacity(pixels * (2 + 2 * series.len()));
    for bin in 0..pixels {
        let (from, to) = (bin * count / pixels, (bin + 1) * count / pixels);
        let start = kept.len();
        kept.push(from);
        kept.push(to - 1);
        for values in series {
            let (lowest, highest) = extremes(&values[from..to]);
            kept.extend([from + lowest, from + highest]);
        }
        kept[start..].sort_unstable();
    }
    kept.dedup();
    kept
}

/// Where the smallest and the largest value stand. NaN is neither, unless there is nothing else.
fn extremes(values: &[f64]) -> (usize, usize) {
    let (mut lowest, mut highest) = (0, 0);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for (at, value) in values.iter().enumerate() {
        if *value < low {
            (low, lowest) = (*value, at);
        }
        if *value > high {
            (high, highest) = (*value, at);
        }
    }
    (lowest, highest)
}

/// How many pixels to reduce to when so many series share their times and no series may exceed [`POINTS_MAX`].
pub(crate) fn pixels(series: usize) -> usize {
    (POINTS_MAX / (2 + 2 * series)).max(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_extreme_survives() {
        let values: Vec<f64> = (0..10_000).map(|at| if at == 4_321 { 99.0 } else { f64::from(at % 7) }).collect();
        let kept = keep(&[&values], values.len(), 100);
        assert!(kept.len() <= 400 && kept.is_sorted_by(|a, b| a < b));
        assert!(kept.contains(&4_321) && kept.contains(&0) && kept.contains(&9_999));
        assert_eq!(keep(&[&values[..300]], 300, 100).len(), 300, "few points are all kept");
    }
}
