//! What is written on pages stands out in both themes, and so do the colours that layouts share (WCAG 2.2 AA, 1.4.3 and
//! 1.4.11). The colours inside charts are tested where they are: `plugins/bokeh/src/theme/tests.rs`.

use std::{fs, path::Path};

const TEXT_CONTRAST_MIN: f64 = 4.5;
const SHAPE_CONTRAST_MIN: f64 = 3.0;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of the repository")
}

/// The tokens of a theme by the line that begins them.
fn tokens(theme: &str) -> impl Fn(&str) -> String {
    let css = read("assets/app.css");
    let block =
        css.split_once(theme).and_then(|(_, rest)| rest.split_once('}')).expect("the theme's tokens").0.to_owned();
    move |name: &str| {
        let found = block.split_once(&format!("--{name}: ")).and_then(|(_, rest)| rest.split_once(';'));
        found.unwrap_or_else(|| panic!("--{name} in {block}")).0.to_owned()
    }
}

#[test]
fn words_and_signs_of_the_page_stand_out() {
    for theme in [":root {", ":root[data-theme=\"light\"] {", ":root[data-theme=\"auto\"] {"] {
        let token = tokens(theme);
        for ground in ["page", "card", "raised"].map(&token) {
            for text in ["text", "muted", "accent"].map(&token) {
                stands_out(&text, &ground, TEXT_CONTRAST_MIN);
            }
            stands_out(&token("faint"), &ground, SHAPE_CONTRAST_MIN);
        }
        for sign in ["good", "warn", "bad"].map(&token) {
            stands_out(&sign, &token("page"), SHAPE_CONTRAST_MIN);
        }
        for text in ["warn", "bad"].map(&token) {
            stands_out(&text, &token("card"), TEXT_CONTRAST_MIN);
        }
        stands_out(&token("on-accent"), &token("accent"), TEXT_CONTRAST_MIN);
    }
}

#[test]
fn colours_that_layouts_share_stand_out_in_both_themes() {
    let palette = read("../scripts/lib/palette.rhai");
    let single = palette.lines().filter_map(|line| line.strip_prefix("const ")?.split_once("= \"")?.1.get(..7));
    let colours: Vec<&str> = single.collect();
    assert!(colours.len() > 5, "{colours:?}");
    let cards = [tokens(":root {")("card"), tokens(":root[data-theme=\"light\"] {")("card")];
    for colour in colours {
        for card in &cards {
            stands_out(colour, card, SHAPE_CONTRAST_MIN);
        }
    }
}

fn stands_out(colour: &str, from: &str, least: f64) {
    let (one, other) = (luminance(colour), luminance(from));
    let contrast = one.max(other) / one.min(other);
    assert!(contrast >= least, "{colour} on {from} has a contrast of {contrast:.2}, WCAG AA asks for {least}");
}

/// Relative luminance of `#rrggbb`, and what WCAG adds to it.
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let digits = colour.get(at..at + 2).unwrap_or_else(|| panic!("`{colour}` is no #rrggbb"));
        let value = f64::from(u8::from_str_radix(digits, 16).expect("two digits")) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5) + 0.05
}
