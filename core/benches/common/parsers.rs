//! The parsers under test, as anyone would write them: `core/benches/scripts/`.

use infralogs_core::{definitions::Definitions, parse::Plan};
use std::{path::Path, sync::Arc};

/// All of them, loaded as the product loads scripts.
pub fn load() -> Arc<Definitions> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    // The crate that runs is `core` or `core/benches/peers`.
    let root = ["benches/scripts", "../scripts"].iter().map(|root| here.join(root)).find(|root| root.is_dir());
    let root = root.expect("the scripts of the benchmark");
    infralogs_core::script::load(&[root]).unwrap_or_else(|rejected| panic!("{}", rejected.draw(false)))
}

/// A plan of one parser.
pub fn plan(definitions: &Definitions, name: &str) -> Plan {
    Plan::new(vec![definitions.parser(name).unwrap_or_else(|| panic!("no parser {name}")).clone()])
}
