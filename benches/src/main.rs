//! Figures of Bicuspid, beside the limits of the machine measured in the same run.
#![expect(clippy::print_stdout, reason = "a table of figures is what this program is for")]

mod data;
mod desk;
mod disk;
mod frontdesk;
mod generate;
mod host;
mod link;
mod locks;
mod many;
mod memory;
mod pairs;
mod peers;
mod proof;
mod rates;
mod speed;
mod values;
mod wires;

use std::process::ExitCode;

use pairs::Fault;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            println!("could not measure: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Fault> {
    if let [child, clinic, target, table] = arguments
        && child == memory::CHILD
    {
        return memory::child(clinic, target, table);
    }
    let mut only = rates::Only::default();
    let mut long = false;
    let mut python = None;
    let mut named: Vec<&str> = Vec::new();
    let mut rest = arguments.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().map(str::to_owned).ok_or(format!("{argument} takes a value"));
        match argument {
            "--long" => long = true,
            "--table" => only.table = Some(value()?),
            "--engine" => only.engine = Some(value()?),
            "--python" => python = Some(value()?),
            name => named.push(name),
        }
    }
    let all =
        ["rates", "proof", "clinic", "frontdesk", "speed", "locks", "memory", "many", "generate", "link"];
    for name in if named.is_empty() { &all[..] } else { &named } {
        match *name {
            "rates" => rates::measure(long, &only)?,
            "proof" => proof::measure(long)?,
            "clinic" => proof::clinic(long)?,
            "frontdesk" => frontdesk::measure(long)?,
            "speed" => speed::measure(long, python.clone())?,
            "locks" => locks::measure(long)?,
            "memory" => memory::measure(long)?,
            "many" => many::measure(long)?,
            "generate" => generate::measure(long)?,
            "link" => link::measure(long)?,
            other => {
                return Err(format!("no measurement is called {other}; there are {}", all.join(", ")).into());
            }
        }
    }
    Ok(())
}
