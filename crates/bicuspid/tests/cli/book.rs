//! The book and the README: what they tell people to type works, and their links lead somewhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::bench::Bench;
use crate::examples::is_taken;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every page that people read, by its path from the root.
fn pages() -> Vec<String> {
    let mut pages: Vec<String> =
        ["README.md", "ARCHITECTURE.md", "CHANGELOG.md", "packaging/README.md"].map(str::to_owned).into();
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            pages.push(format!("docs/{name}"));
        }
    }
    pages.sort();
    pages
}

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

/// A block of commands.
struct Block {
    commands: String,
    /// What must come of it, line by line; `…` stands for anything.
    shown: Vec<String>,
    /// Why it is not run.
    not_run: Option<String>,
}

/// The `sh` blocks of a page, each with the `text` block that follows it.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut not_run = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(why) = line.strip_prefix("<!-- not run: ") {
            not_run = why.strip_suffix(" -->").map(str::to_owned);
        }
        let Some(language) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        match language {
            "sh" => {
                blocks.push(Block { commands: body.join("\n"), shown: Vec::new(), not_run: not_run.take() });
            }
            "text" => {
                if let Some(block) = blocks.last_mut() {
                    block.shown = body.into_iter().map(str::to_owned).collect();
                }
            }
            _ => {}
        }
    }
    blocks
}

/// The words of each line that calls the program, up to a comment, a pipe or a redirection.
fn calls(commands: &str) -> Vec<Vec<String>> {
    let joined = commands.replace("\\\n", " ");
    let mut calls = Vec::new();
    let ends = |word: &str| matches!(word, "|" | "&&" | "||" | ">" | "<" | "#" | ";");
    for line in joined.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        for part in words.split(|word| ends(word)) {
            if let Some(("bicuspid", call)) = part.split_first().map(|(first, rest)| (*first, rest)) {
                calls.push(call.iter().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect());
            }
        }
    }
    calls
}

#[test]
fn every_command_on_a_page_is_one_that_the_program_takes() {
    let bench = Bench::new();
    let mut found = 0;
    for name in pages() {
        for block in blocks(&page(&name)) {
            for call in calls(&block.commands) {
                let words: Vec<&str> = call.iter().map(String::as_str).collect();
                // What the first hour shows as wrong is run there.
                if !block.shown.iter().any(|line| line.starts_with("exit code 2")) {
                    is_taken(&bench, &words);
                    found += 1;
                }
            }
        }
    }
    assert!(found > 30, "{found}");
}

#[test]
fn every_page_is_in_the_contents() {
    let contents = page("docs/SUMMARY.md");
    for name in pages().iter().filter_map(|name| name.strip_prefix("docs/")) {
        assert!(name == "SUMMARY.md" || contents.contains(&format!("({name})")), "{name}");
    }
}

/// The name that a heading has in an address.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    let kept = kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn every_link_leads_somewhere() {
    let mut found = 0;
    for name in pages() {
        let text = page(&name);
        let folder = Path::new(&name).parent().unwrap().to_owned();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            if link.starts_with("http") || link.contains('…') || link.contains('`') {
                continue;
            }
            let (path, fragment) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { root().join(&name) } else { root().join(&folder).join(path) };
            assert!(target.exists(), "{name}: {link} leads nowhere");
            if !fragment.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                let headings = text.lines().filter(|line| line.starts_with('#'));
                let anchors: BTreeSet<String> =
                    headings.map(|line| anchor(line.trim_start_matches('#'))).collect();
                assert!(anchors.contains(fragment), "{name}: {link}: {anchors:?}");
            }
            found += 1;
        }
    }
    assert!(found > 20, "{found}");
}

/// The sandbox of the first hour, which ends even where the first hour does not.
struct Ends<'a>(&'a Bench);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        let _ = self.0.command(&["sandbox", "down", "--dir", "sandbox"]).output();
    }
}

/// Runs blocks one after the other in one shell, and compares each with what is shown below it.
fn runs(bench: &Bench, blocks: &[Block]) {
    const MARK: char = '\u{1e}';
    let mut script = "exec 2>&1\n".to_owned();
    for block in blocks {
        writeln!(script, "{}\nprintf '{MARK}%s{MARK}' $?", block.commands).unwrap();
    }
    let program = Path::new(env!("CARGO_BIN_EXE_bicuspid")).parent().unwrap();
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", program.display());
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(bench.path(""))
        .env_clear()
        .envs([("PATH", path.as_str()), ("USER", "tester")])
        .env("HOME", bench.path(""))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let mut parts = said.split(MARK);
    for block in blocks {
        let text = parts.next().unwrap_or_default();
        let code = parts.next().unwrap_or("none");
        let expected = block.shown.iter().find_map(|line| line.strip_prefix("exit code ")).unwrap_or("0");
        assert_eq!(code, expected, "{}\n{text}", block.commands);
        let mut lines = text.lines();
        for shown in
            block.shown.iter().filter(|line| !line.trim().is_empty() && !line.starts_with("exit code "))
        {
            assert!(
                lines.any(|line| fits(line.trim(), shown.trim())),
                "`{shown}` does not come, in this place, of\n{}\n{text}",
                block.commands
            );
        }
    }
}

/// Whether a line is what a page shows; `…` stands for anything, and blanks for blanks.
fn fits(line: &str, shown: &str) -> bool {
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = shown.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts: Vec<&str> = shown.split('…').map(str::trim).collect();
    let (Some((first, others)), Some(last)) = (parts.split_first(), parts.last()) else { return false };
    if others.is_empty() {
        return line == shown;
    }
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in others {
        let Some(found) = rest.find(part) else { return false };
        rest = rest.get(found + part.len()..).unwrap_or_default();
    }
    line.ends_with(last)
}

#[test]
fn a_line_fits_what_is_shown() {
    for (line, shown, expected) in [
        ("a b", "a b", true),
        ("a   b", "a b", true),
        ("a b c", "a b", false),
        ("12 tables, 3 rows", "… tables, … rows", true),
        ("12 tables, 3 cells", "… tables, … rows", false),
        ("EQUAL: 436 of 436", "EQUAL: …", true),
        ("unequal", "EQUAL: …", false),
        ("patient first 60 60 0 0 published", "patient … first … published", true),
        ("patient first 60 60 0 0 held", "patient … first … published", false),
    ] {
        assert_eq!(fits(line, shown), expected, "{line} / {shown}");
    }
}

/// The first hour as it is written, and then the README's list for servers of one's own, on the same servers.
#[test]
fn the_first_hour_works_as_written() {
    let bench = Bench::new();
    let _ends = Ends(&bench);
    let first_hour = blocks(&page("docs/first-hour.md"));
    let mut blocks_run: Vec<Block> = first_hour.into_iter().filter(|block| block.not_run.is_none()).collect();
    assert!(blocks_run.len() >= 10, "{}", blocks_run.len());
    let last = blocks_run.pop().unwrap();
    assert!(last.commands.contains("sandbox down"), "the hour ends with nothing left");

    let readme = page("README.md");
    let own = blocks(&readme).into_iter().find(|block| block.commands.contains("bicuspid init")).unwrap();
    let lines = own.commands.lines().map(str::trim).filter(|line| line.starts_with("bicuspid "));
    let lines: Vec<&str> = lines.filter(|line| !line.starts_with("bicuspid serve")).collect();
    assert!(lines.len() >= 9, "{lines:?}");
    let block = |line: &&str| Block { commands: (*line).to_owned(), shown: Vec::new(), not_run: None };
    blocks_run.extend(lines.iter().map(block));
    blocks_run.push(last);
    runs(&bench, &blocks_run);
    assert!(!bench.path("sandbox/sandbox.json").exists(), "the servers are gone");
}
