//! Every limit that scripts meet, in one place, with its unit.

/// The most bytes one script may have.
pub const FILE_BYTES_MAX: u64 = 1 << 20;
/// The most scripts below all roots together.
pub const FILES_MAX: usize = 5_000;
/// How deep folders below a root may lie.
pub const FOLDER_DEPTH_MAX: usize = 16;
/// The most problems that are reported of one generation.
pub const PROBLEMS_MAX: usize = 200;

/// The most operations one script may take to load.
pub const LOAD_OPERATIONS_MAX: u64 = 500_000;
/// The longest one script may take to load, in milliseconds.
pub const LOAD_MS_MAX: u64 = 5_000;
/// The most operations one call of a closure may take.
pub const CALL_OPERATIONS_MAX: u64 = 20_000;
/// The longest one call of a closure may take, in milliseconds.
pub const CALL_MS_MAX: u64 = 50;

/// How deep script functions may call each other.
pub const CALL_DEPTH_MAX: usize = 24;
/// How deep an expression (also a chain of calls) may be nested at the top of a script.
pub const EXPRESSION_DEPTH_MAX: usize = 256;
/// How deep an expression may be nested in a function or closure.
pub const FUNCTION_DEPTH_MAX: usize = 64;
/// The longest text a script may make, in bytes.
pub const TEXT_BYTES_MAX: usize = 1 << 20;
/// The most items of a list or map.
pub const ITEMS_MAX: usize = 10_000;
/// The most variables at one time.
pub const VARIABLES_MAX: usize = 1_000;
/// The most functions of one script.
pub const FUNCTIONS_MAX: usize = 1_000;
/// The most imports of one script.
pub const IMPORTS_MAX: usize = 64;
/// The most bytes a regular expression may take when compiled.
pub const REGEX_BYTES_MAX: usize = 4 << 20;

/// The stack of the thread that loads, in bytes: deep enough for the deepest expression allowed.
pub const STACK_BYTES: usize = 64 << 20;
