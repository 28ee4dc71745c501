//! Colours are told apart by every kind of eye, and text stands out from what it is written on.

use super::{DARK, LIGHT, Look, channels};

/// What red, green and blue become for eyes that lack one kind of cone (Machado 2009, severity 1), linear light.
const VISIONS: [(&str, [[f64; 3]; 3]); 4] = [
    ("normal", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    ("protan", [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
    ("deutan", [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]),
    ("tritan", [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]),
];
/// The least distance of two colours, in hundredths of OKLab.
const DISTANCE_MIN: f64 = 6.0;
/// The same among the first four of a palette, which most charts get by with.
const DISTANCE_OF_FIRST_MIN: f64 = 8.5;

#[test]
fn series_are_told_apart_by_every_kind_of_eye() {
    for look in [&LIGHT, &DARK] {
        for (vision, matrix) in &VISIONS {
            for (at, one) in look.series.iter().enumerate() {
                for (before, other) in look.series[..at].iter().enumerate() {
                    let least = if at < 4 { DISTANCE_OF_FIRST_MIN } else { DISTANCE_MIN };
                    let distance = distance(seen(one, matrix), seen(other, matrix));
                    assert!(distance >= least, "{one} ({at}) and {other} ({before}) are {distance:.1} apart: {vision}");
                }
            }
        }
    }
}

/// WCAG 2.2 AA: what text and what shapes need (1.4.3, 1.4.11).
const TEXT_CONTRAST_MIN: f64 = 4.5;
const SHAPE_CONTRAST_MIN: f64 = 3.0;

fn stands_out(colour: &str, from: &str, least: f64) {
    let contrast = contrast(colour, from);
    assert!(contrast >= least, "{colour} on {from} has a contrast of {contrast:.2}, WCAG AA asks for {least}");
}

#[test]
fn text_and_shapes_stand_out_from_the_card() {
    for look in [&LIGHT, &DARK] {
        let Look { text, muted, good, warn, bad, fatal, mark, card, raised, .. } = look;
        for colour in [text, muted, good, warn, bad, fatal, mark] {
            stands_out(colour, card, TEXT_CONTRAST_MIN);
        }
        // Rows under the pointer and code in words.
        stands_out(text, raised, TEXT_CONTRAST_MIN);
        for colour in [look.others, look.warn_fill] {
            stands_out(colour, card, SHAPE_CONTRAST_MIN);
        }
        for place in 0..4 * look.series.len() {
            stands_out(&look.series_at(place), card, SHAPE_CONTRAST_MIN); // also when the palette begins again
        }
        for level in ["emerg", "alert", "critical", "error", "warning", "notice", "info", "debug"] {
            stands_out(look.level_text(level), card, TEXT_CONTRAST_MIN);
            stands_out(look.level(level).unwrap_or_default(), card, SHAPE_CONTRAST_MIN);
        }
    }
}

fn linear(colour: &str) -> [f64; 3] {
    channels(colour).map(|channel| match channel / 255.0 {
        dark if dark <= 0.04045 => dark / 12.92,
        light => ((light + 0.055) / 1.055).powf(2.4),
    })
}

/// The colour in OKLab as these eyes see it.
fn seen(colour: &str, matrix: &[[f64; 3]; 3]) -> [f64; 3] {
    let light = linear(colour);
    let times = |row: &[f64; 3], by: [f64; 3]| row.iter().zip(by).map(|(a, b)| a * b).sum::<f64>();
    let rgb = matrix.map(|row| times(&row, light).max(0.0));
    let to_cones = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ];
    let cones = to_cones.map(|row| times(&row, rgb).cbrt());
    let to_lab = [
        [0.2104542553, 0.793617785, -0.0040720468],
        [1.9779984951, -2.428592205, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.808675766],
    ];
    to_lab.map(|row| times(&row, cones))
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    100.0 * a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

fn contrast(a: &str, b: &str) -> f64 {
    let luminance = |colour| {
        let [red, green, blue] = linear(colour);
        0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05
    };
    let (a, b) = (luminance(a), luminance(b));
    a.max(b) / a.min(b)
}
