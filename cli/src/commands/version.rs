//! `lakebed version`.

use lakebed_txlog::Result;
use serde_json::json;

use crate::context::Context;
use crate::render::Form;

pub(crate) fn run(context: &Context) -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    match context.form {
        Form::Json => context.print_json(&json!({ "lakebed": version })),
        Form::People | Form::Csv => context.print(format!("lakebed {version}")),
    }
}
