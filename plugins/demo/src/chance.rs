//! Chance that is the same each time: a small generator of numbers (SplitMix64) started from what it is for.

/// Numbers that look random.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// Numbers for this purpose.
    pub fn of(parts: &[u64]) -> Self {
        Self(parts.iter().fold(0x1e35_a7bd_93c5_10f1, |state, part| mix(state ^ mix(*part))))
    }
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }
    /// From 0 to `end`, which is left out.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
    /// True in this share of cases.
    pub fn happens(&mut self, share: f64) -> bool {
        ((self.next() >> 11) as f64) < share * (1u64 << 53) as f64
    }
    /// How many of something that happens `mean` times on average happen now: at most 15.
    pub fn count(&mut self, mean: f64) -> usize {
        let (limit, mut product, mut count) = ((-mean).exp(), 1.0, 0);
        while count < 15 {
            product *= (self.next() >> 11) as f64 / (1u64 << 53) as f64;
            if product < limit {
                break;
            }
            count += 1;
        }
        count
    }
    /// One of these.
    pub fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len() as u64) as usize]
    }
    /// A waiting time around `usual`, rarely much longer.
    pub fn around(&mut self, usual: u64) -> u64 {
        let share = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        (usual as f64 * (0.4 - 0.8 * (1.0 - share).max(1e-6).ln())) as u64
    }
}

fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}
