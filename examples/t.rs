//! x
fn main(){ let c=dateline::config::parse(std::path::Path::new("config/t.toml"), &std::fs::read("/tmp/t.toml").unwrap()); for d in c.diagnostics { print!("{}\n", d.to_text(false)); } }
