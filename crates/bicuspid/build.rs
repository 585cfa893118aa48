//! Facts of the build for `bicuspid --version`: which commit, for which machine, by which compiler.
//!
//! Nothing here reads a clock, so that the same sources give the same program. The commit is asked for in optimised
//! builds alone: others would be linked anew after every commit. Who builds from an archive says it by
//! `BICUSPID_BUILD_COMMIT` and `SOURCE_DATE_EPOCH`; without them, and outside of a checkout, it is not known.

#![expect(clippy::disallowed_methods, reason = "this is how cargo asks a build script")]

use std::path::Path;
use std::process::Command;

const UNKNOWN: &str = "not known";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for name in ["BICUSPID_BUILD_COMMIT", "SOURCE_DATE_EPOCH"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let profile = variable("PROFILE").unwrap_or_default();
    let found = if profile == "release" { checkout() } else { None };
    let (commit, seconds) = found.map_or((None, None), |(commit, seconds)| (Some(commit), Some(seconds)));
    let commit = variable("BICUSPID_BUILD_COMMIT").or(commit).unwrap_or_else(|| UNKNOWN.to_owned());
    let seconds = variable("SOURCE_DATE_EPOCH").and_then(|text| text.parse().ok()).or(seconds);
    let date = seconds.map_or_else(|| UNKNOWN.to_owned(), day);
    let rustc = variable("RUSTC").and_then(|rustc| said(Command::new(rustc).arg("--version")));
    tell("COMMIT", &commit);
    tell("DATE", &date);
    tell("TARGET", &variable("TARGET").unwrap_or_default());
    tell("PROFILE", &profile);
    tell("RUSTC", &rustc.unwrap_or_else(|| UNKNOWN.to_owned()));
}

fn tell(name: &str, value: &str) {
    println!("cargo::rustc-env=BICUSPID_BUILD_{name}={value}");
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty() && !value.contains('\n'))
}

/// Commit of this checkout and the second at which it was made. A checkout of something else that these sources happen
/// to lie in is none.
fn checkout() -> Option<(String, u64)> {
    let root = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("../..").canonicalize().ok()?;
    let git = |args: &[&str]| said(Command::new("git").arg("-C").arg(&root).args(args));
    if Path::new(&git(&["rev-parse", "--show-toplevel"])?).canonicalize().ok()? != root {
        return None;
    }
    let folder = git(&["rev-parse", "--absolute-git-dir"])?;
    for name in ["HEAD", "logs/HEAD"] {
        let path = Path::new(&folder).join(name);
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    // Whether something was changed since then is only known if this runs after each change.
    println!("cargo::rerun-if-changed=..");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let seconds = git(&["log", "-1", "--format=%ct"])?.parse().ok()?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    Some((if changed.is_empty() { commit } else { format!("{commit}, with changes") }, seconds))
}

/// What a program printed, if it ended well.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

/// The day of a second since 1970, in UTC (the civil calendar from day numbers, with years that begin in March).
fn day(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
