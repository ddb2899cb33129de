//! Makes the JavaScript glue of a compiled wasm: `glue <in.wasm> <out dir> <name>`.
//!
//! The library behind `wasm-bindgen-cli`, so that Cargo.lock pins glue and wasm to one release and nothing has
//! to be installed by hand.

use std::env;
use std::process::ExitCode;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let [input, out_dir, name] = args.as_slice() else {
        eprintln!("usage: glue <in.wasm> <out dir> <name>");
        return ExitCode::from(2);
    };
    match make_glue(input, out_dir, name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("glue: {message}");
            ExitCode::FAILURE
        }
    }
}

fn make_glue(input: &str, out_dir: &str, name: &str) -> Result<(), String> {
    let mut bindgen = Bindgen::new();
    bindgen.input_path(input).out_name(name).typescript(true).omit_default_module_path(true);
    let made = bindgen.web(true).and_then(|web| web.generate(out_dir));
    // The alternate form has the chain of causes and no backtrace.
    made.map_err(|error| format!("{error:#}"))
}
