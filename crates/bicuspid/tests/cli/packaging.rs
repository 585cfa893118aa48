//! What is released: manual, version, and the files that `packaging/build` makes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::bench::Bench;
use crate::documents::COMMANDS;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let bench = Bench::new();
    let told = bench.json(&["man", "--dir", "man"]);
    let mut expected: BTreeSet<String> = COMMANDS
        .iter()
        .filter(|command| command[..] != ["help"])
        .map(|command| format!("bicuspid-{}.1", command.join("-")))
        .collect();
    expected.insert("bicuspid.1".to_owned());
    let written: BTreeSet<String> = std::fs::read_dir(bench.path("man"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(written, expected);
    assert_eq!(told["pages"].as_array().unwrap().len(), expected.len());
    for command in COMMANDS.iter().filter(|command| command[..] != ["help"]) {
        let page = bench.read(&format!("man/bicuspid-{}.1", command.join("-")));
        let name = format!("bicuspid-{}", command.join("-"));
        assert!(page.contains(&format!(".TH {}", name.to_uppercase())), "{page}");
        // A hyphen of a flag is escaped, so that it can be searched for and copied.
        let page = page.replace("\\-", "-");
        let help = bench.run(&[*command, &["--help"]].concat()).stdout;
        let flags = help.split_whitespace().filter(|word| word.starts_with("--"));
        for flag in flags.map(|word| word.trim_matches(|c: char| c != '-' && !c.is_ascii_alphanumeric())) {
            assert!(page.contains(flag), "{flag} is not on the page of {name}");
        }
        assert_eq!(
            bench.run(&[&["man"], *command].concat()).stdout.trim(),
            bench.read(&format!("man/{name}.1")).trim()
        );
    }
    let wrong = bench.json(&["man", "snyc"]);
    assert_eq!((&wrong["errors"][0]["code"], &wrong["exit_code"]), (&"usage::no_page".into(), &2.into()));
    bench.write("file", "");
    let wrong = bench.json(&["man", "--dir", "file/in"]);
    assert_eq!((&wrong["errors"][0]["code"], &wrong["exit_code"]), (&"local::man".into(), &5.into()));
}

#[test]
fn the_version_says_what_was_built_where_records_hold_the_number_alone() {
    let bench = Bench::new();
    let number = format!("bicuspid {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(bench.run(&["-V"]).stdout.trim(), number);
    let long = bench.run(&["--version"]).stdout;
    assert_eq!(long.lines().next(), Some(number.as_str()));
    for name in ["commit:   ", "dated:    ", "target:   ", "profile:  ", "compiler: rustc "] {
        assert!(long.lines().any(|line| line.starts_with(name) && line.len() > name.len()), "{long}");
    }
    assert_eq!(bench.json(&["man"])["version"], env!("CARGO_PKG_VERSION"));
}

/// What a program of this machine says, if it is there and ends well.
fn said(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[expect(clippy::print_stderr, reason = "what was not run must be told")]
fn can_pack() -> bool {
    let python = "import sys, tomllib";
    let has = |program: &str, args: &[&str]| said(Command::new(program).args(args)).is_some();
    let can = has("python3", &["-c", python])
        && has("dpkg-deb", &["--version"])
        && has("sha256sum", &["--version"]);
    if !can {
        eprintln!("NOT RUN: without dpkg-deb, Python 3.11 and sha256sum nothing was packed");
    }
    can
}

/// Packs the program of the tests, behind a script that is quickly packed, and returns the folder.
fn pack(bench: &Bench, folder: &str) -> PathBuf {
    bench.write("bicuspid", &format!("#!/bin/sh\nexec {} \"$@\"\n", env!("CARGO_BIN_EXE_bicuspid")));
    assert!(Command::new("chmod").arg("755").arg(bench.path("bicuspid")).status().unwrap().success());
    let output = bench.path(folder);
    let ran = Command::new(root().join("packaging/build"))
        .arg("--binary")
        .arg(bench.path("bicuspid"))
        .arg("--output")
        .arg(&output)
        .env("SOURCE_DATE_EPOCH", "1767225600")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    output
}

#[test]
fn what_is_packed_is_complete_and_the_same_each_time() {
    if !can_pack() {
        return;
    }
    let version = env!("CARGO_PKG_VERSION");
    let bench = Bench::new();
    let (first, second) = (pack(&bench, "first"), pack(&bench, "second"));
    let name = format!("bicuspid-{version}-x86_64-unknown-linux-gnu");
    let package = format!("bicuspid_{version}_amd64.deb");
    let sums = std::fs::read_to_string(first.join("SHA256SUMS")).unwrap();
    let listed: BTreeSet<&str> = sums.lines().map(|line| line.split("  ").nth(1).unwrap()).collect();
    let (archive, sbom) = (format!("{name}.tar.gz"), format!("{name}.cdx.json"));
    assert_eq!(listed, BTreeSet::from([archive.as_str(), sbom.as_str(), package.as_str()]));
    assert_eq!(sums, std::fs::read_to_string(second.join("SHA256SUMS")).unwrap(), "the same files twice");
    assert!(said(Command::new("sha256sum").args(["--check", "SHA256SUMS"]).current_dir(&first)).is_some());

    let list = said(Command::new("tar").arg("-tzf").arg(first.join(&archive))).unwrap();
    let in_archive: BTreeSet<&str> = list.lines().filter(|line| !line.ends_with('/')).collect();
    let doc = "share/doc/bicuspid";
    let mut expected: Vec<String> = ["bin/bicuspid", "share/bash-completion/completions/bicuspid"]
        .into_iter()
        .chain(["share/zsh/site-functions/_bicuspid", "share/fish/vendor_completions.d/bicuspid.fish"])
        .map(str::to_owned)
        .collect();
    for file in
        ["README.md", "CHANGELOG.md", "ARCHITECTURE.md", "LICENSE-MIT", "LICENSE-APACHE", "THIRD-PARTY.txt"]
    {
        expected.push(format!("{doc}/{file}"));
    }
    for command in COMMANDS.iter().filter(|command| command[..] != ["help"]) {
        expected.push(format!("share/man/man1/bicuspid-{}.1", command.join("-")));
    }
    for page in std::fs::read_dir(root().join("docs")).unwrap() {
        expected.push(format!("{doc}/docs/{}", page.unwrap().file_name().into_string().unwrap()));
    }
    for file in expected {
        assert!(in_archive.contains(format!("{name}/{file}").as_str()), "{file} is missing in {list}");
    }
    for secret in [".env", ".git", "bicuspid.toml", "__pycache__"] {
        assert!(!list.contains(&format!("/{secret}")), "{secret} was packed");
    }

    let deb = first.join(&package);
    let field = |name: &str| said(Command::new("dpkg-deb").arg("-f").arg(&deb).arg(name)).unwrap();
    assert_eq!((field("Package").trim(), field("Version").trim()), ("bicuspid", version));
    assert_eq!(field("Architecture").trim(), "amd64");
    assert_eq!(
        field("Depends").trim(),
        "ca-certificates",
        "the script that stands for the program loads nothing"
    );
    let contents = said(Command::new("dpkg-deb").arg("-c").arg(&deb)).unwrap();
    for file in [
        "-rwxr-xr-x root/root ",
        "./usr/bin/bicuspid",
        "./usr/lib/systemd/system/bicuspid-sync.timer",
        "./usr/lib/sysusers.d/bicuspid.conf",
        "./usr/share/man/man1/bicuspid-sync.1.gz",
        "./usr/share/zsh/vendor-completions/_bicuspid",
        "./usr/share/doc/bicuspid/copyright",
        "./usr/share/doc/bicuspid/docs/safety.md",
    ] {
        assert!(contents.contains(file), "{file} is missing in {contents}");
    }
    assert!(!contents.contains("systemd/system/multi-user.target.wants"), "nothing is enabled");
    let scripts = bench.path("scripts");
    assert!(said(Command::new("dpkg-deb").arg("-e").arg(&deb).arg(&scripts)).is_some());
    for script in ["postinst", "prerm"] {
        let text = std::fs::read_to_string(scripts.join(script)).unwrap();
        assert!(!text.contains("systemctl enable") && !text.contains("systemctl start"), "{script}: {text}");
    }
    the_bill_is_the_lock_file(&first.join(&sbom));
}

/// Every part of the bill is in Cargo.lock, with its checksum, and what we name ourselves is in the bill.
fn the_bill_is_the_lock_file(path: &Path) {
    let bill: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert_eq!(bill["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(bill["metadata"]["timestamp"], "2026-01-01T00:00:00Z");
    let lock = std::fs::read_to_string(root().join("Cargo.lock")).unwrap();
    let parts = bill["components"].as_array().unwrap();
    let mut references = BTreeSet::from([bill["metadata"]["component"]["bom-ref"].as_str().unwrap()]);
    for part in parts {
        let (name, version) = (part["name"].as_str().unwrap(), part["version"].as_str().unwrap());
        let entry = format!("name = \"{name}\"\nversion = \"{version}\"\n");
        let entry = lock.split("[[package]]\n").find(|package| package.starts_with(&entry)).unwrap();
        let sum = entry.split("checksum = \"").nth(1).map(|rest| rest.split('"').next().unwrap());
        assert_eq!(part["hashes"][0]["content"].as_str(), sum, "{name} {version}");
        assert!(part["licenses"][0]["expression"].is_string(), "{name}");
        assert!(references.insert(part["bom-ref"].as_str().unwrap()), "{name} twice");
    }
    for (name, is_built_in) in
        [("ring", true), ("sqlx-mysql", true), ("bicuspid-guard", true), ("insta", false), ("rcgen", false)]
    {
        assert_eq!(parts.iter().any(|part| part["name"] == name), is_built_in, "{name}");
    }
    for node in bill["dependencies"].as_array().unwrap() {
        for used in node["dependsOn"].as_array().unwrap() {
            assert!(references.contains(used.as_str().unwrap()), "{used}");
        }
    }
}
