//! The command line's reference is what the program itself says.

use std::fmt::Write as _;
use std::path::Path;

use crate::bench::Bench;

/// Commands, in the order of the help.
pub(crate) const COMMANDS: [&[&str]; 24] = [
    &["init"],
    &["grants"],
    &["check"],
    &["enroll"],
    &["plan"],
    &["sync"],
    &["watch"],
    &["verify"],
    &["status"],
    &["serve"],
    &["report"],
    &["export"],
    &["generate"],
    &["audit"],
    &["dbt"],
    &["dbt", "sources"],
    &["guard"],
    &["sandbox"],
    &["sandbox", "up"],
    &["sandbox", "live"],
    &["sandbox", "down"],
    &["completions"],
    &["man"],
    &["help"],
];

#[test]
fn the_reference_is_the_help() {
    let bench = Bench::new();
    let mut text =
        "# Command line\n\nThis page is what `bicuspid --help` prints; a test keeps the two alike.\n"
            .to_owned();
    for command in std::iter::once(&[][..]).chain(COMMANDS) {
        if command == ["help"] {
            continue;
        }
        let ran = bench.run(&[command, &["--help"]].concat());
        assert_eq!(ran.code, 0);
        let title = [&["bicuspid"], command].concat().join(" ");
        let lines: Vec<&str> = ran.stdout.trim_end().lines().map(str::trim_end).collect();
        let lines = lines.join("\n");
        write!(text, "\n## `{title}`\n\n```text\n{lines}\n```\n").unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    if written != text {
        let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli.md");
        std::fs::write(&fresh, text).unwrap();
        panic!("docs/cli.md is not what the program says; the new text is {}", fresh.display());
    }
}

#[test]
fn every_command_of_the_help_is_in_the_reference() {
    let ran = Bench::new().run(&["--help"]);
    let listed = ran.stdout.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    for line in listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
        let name = line.split_whitespace().next().unwrap();
        assert!(COMMANDS.contains(&&[name][..]), "{name}");
    }
}
