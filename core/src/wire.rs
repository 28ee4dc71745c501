//! How entries travel: NDJSON with a closing line.
//!
//! One entry a line: `{"__CURSOR":"s=…","MESSAGE":"text","TAG":["a","b"],"BLOB":{"$b64":"…"}}`. The cursor holds
//! the time; `__REALTIME_TIMESTAMP`, `__MONOTONIC_TIMESTAMP` and `_BOOT_ID` are written for people and other tools
//! and ignored when read, except `_BOOT_ID`, which is a field. A field's value is its text; bytes that are no UTF-8
//! go as `{"$b64"}`; several values of one name as an array. The last line is
//! `{"$end":{"cursor","head","machine","entries","dropped","unreadable","unread","gaps":[{"after","before","lost"}],"more"}}`;
//! without it the batch is not complete and must not be stored.
