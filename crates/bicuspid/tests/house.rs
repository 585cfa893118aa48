//! Holds the house to its promises: who may depend on whom, which drivers exist where, and what comes from outside.
//!
//! Read from `cargo metadata`, so that it sees what cargo builds and not what somebody meant. Normal and build edges
//! count; tests may use the sandbox besides what their crate uses.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "what cargo says of itself is in the form it documents, or the test has nothing to say"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Who may depend on whom among our own crates, by the names without their prefix.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("guard", &["model"]),
    ("opendental", &["model"]),
    ("source", &["model", "guard"]),
    ("target", &["model", "guard"]),
    ("files", &["model", "ledger"]),
    ("export", &["model", "opendental", "target", "files"]),
    ("sync", &["model", "guard", "opendental", "source", "target", "ledger"]),
    ("practice", &["model", "opendental"]),
    ("generate", &["model", "guard", "opendental", "practice", "target", "ledger", "files"]),
    ("ledger", &["model", "guard"]),
    ("dashboard", &["model", "ledger"]),
    ("sandbox", &["model", "guard", "opendental", "practice"]),
];
/// The ends, which may use all of them and which nobody may use: the program, and the one that measures.
const ENDS: &[&str] = &["bicuspid", "bench"];
/// The crates that may name a MySQL driver.
const MYSQL_NAMED_BY: &[&str] = &["source", "sandbox"];
/// The crates that may name a PostgreSQL driver.
const POSTGRES_NAMED_BY: &[&str] = &["target", "sandbox"];
/// The crates below which no MySQL driver may be found, however deep.
const NO_MYSQL_BELOW: &[&str] = &[
    "model",
    "guard",
    "opendental",
    "target",
    "practice",
    "generate",
    "ledger",
    "dashboard",
    "files",
    "export",
];
/// The crates that do no I/O, so no driver, runtime or clock may be found below them.
const PURE: &[&str] = &["model", "guard", "opendental", "practice"];
/// Licences that ask for nothing but their own text.
const LICENCES: &[&str] = &[
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    // Asks for nothing at all.
    "CC0-1.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];
/// The only place that packages come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Most lines of a source file written by hand.
const FILE_LINES_MAX: usize = 700;

/// One package and the packages that it uses.
struct Package {
    name: String,
    version: String,
    licence: String,
    source: Option<String>,
    manifest: PathBuf,
    /// Packages used when it is built or run.
    uses: BTreeSet<String>,
    /// Packages that only its tests use.
    tests_use: BTreeSet<String>,
}

/// Everything that cargo knows of the workspace, by package id.
struct House {
    packages: BTreeMap<String, Package>,
    members: BTreeSet<String>,
}

impl House {
    fn read() -> Self {
        let output = Command::new(env!("CARGO"))
            .args(["metadata", "--offline", "--locked", "--format-version", "1"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}\n`cargo fetch --locked` brings the packages of all systems");
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut packages = BTreeMap::new();
        for package in metadata["packages"].as_array().unwrap() {
            let found = Package {
                name: text(&package["name"]),
                version: text(&package["version"]),
                licence: text(&package["license"]),
                source: package["source"].as_str().map(str::to_owned),
                manifest: PathBuf::from(text(&package["manifest_path"])),
                uses: BTreeSet::new(),
                tests_use: BTreeSet::new(),
            };
            packages.insert(text(&package["id"]), found);
        }
        for node in metadata["resolve"]["nodes"].as_array().unwrap() {
            let package = packages.get_mut(node["id"].as_str().unwrap()).unwrap();
            for used in node["deps"].as_array().unwrap() {
                for kind in used["dep_kinds"].as_array().unwrap() {
                    let list = if kind["kind"] == "dev" { &mut package.tests_use } else { &mut package.uses };
                    list.insert(text(&used["pkg"]));
                }
            }
        }
        let members = metadata["workspace_members"].as_array().unwrap().iter().map(text).collect();
        Self { packages, members }
    }

    fn members(&self) -> impl Iterator<Item = (&str, &Package)> {
        self.members.iter().map(|id| (id.as_str(), &self.packages[id]))
    }

    /// The member of that short name, if the house has it by now.
    fn member(&self, short: &str) -> Option<&str> {
        self.members().find(|(_, package)| short_name(&package.name) == short).map(|(id, _)| id)
    }

    fn names(&self, ids: &BTreeSet<String>) -> BTreeSet<&str> {
        ids.iter().map(|id| self.packages[id].name.as_str()).collect()
    }

    /// Names of all packages at any depth below one.
    fn below(&self, id: &str) -> BTreeSet<&str> {
        let mut seen = BTreeSet::new();
        let mut queue: VecDeque<&str> = self.packages[id].uses.iter().map(String::as_str).collect();
        while let Some(id) = queue.pop_front() {
            if seen.insert(id) {
                queue.extend(self.packages[id].uses.iter().map(String::as_str));
            }
        }
        seen.into_iter().map(|id| self.packages[id].name.as_str()).collect()
    }
}

fn short_name(name: &str) -> &str {
    name.strip_prefix("bicuspid-").unwrap_or(name)
}

/// Whether a package is a MySQL or MariaDB driver, or a part of one.
fn is_mysql(name: &str) -> bool {
    name == "sqlx" || name.starts_with("sqlx-") || name.contains("mysql") || name.contains("mariadb")
}

/// Whether a package is a PostgreSQL driver, or a part of one.
fn is_postgres(name: &str) -> bool {
    name.contains("postgres") || name.contains("libpq") || name == "diesel"
}

#[test]
fn arrows_run_one_way() {
    let house = House::read();
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for (_, package) in house.members() {
        let short = short_name(&package.name);
        if ENDS.contains(&short) {
            continue;
        }
        let allowed =
            arrows.get(short).unwrap_or_else(|| panic!("`{short}` has no promise yet: give it one"));
        let ours =
            |ids| house.names(ids).into_iter().filter(|name| name.starts_with("bicuspid")).map(short_name);
        for used in ours(&package.uses) {
            assert!(allowed.contains(&used), "`{short}` may not depend on `{used}`");
        }
        for used in ours(&package.tests_use) {
            let known = used == "sandbox" || allowed.contains(&used) || used == short;
            // A test may also name what only says what is copied: the facts and the vocabulary.
            assert!(
                known || ["model", "opendental"].contains(&used),
                "tests of `{short}` may not use `{used}`"
            );
        }
    }
}

#[test]
fn drivers_are_named_where_they_belong() {
    let house = House::read();
    for (_, package) in house.members() {
        let short = short_name(&package.name);
        for used in house.names(&package.uses) {
            assert!(!is_mysql(used) || MYSQL_NAMED_BY.contains(&short), "`{short}` may not name `{used}`");
            assert!(
                !is_postgres(used) || POSTGRES_NAMED_BY.contains(&short),
                "`{short}` may not name `{used}`"
            );
        }
    }
    // The rule can fail: the crates that may name a driver do.
    for (short, is_driver) in
        [("source", is_mysql as fn(&str) -> bool), ("sandbox", is_mysql), ("target", is_postgres)]
    {
        let id = house.member(short).unwrap();
        assert!(
            house.below(id).into_iter().any(is_driver),
            "`{short}` has no driver any more: mend this test"
        );
    }
}

#[test]
fn no_clinic_is_in_reach_of_the_generator() {
    let house = House::read();
    for short in NO_MYSQL_BELOW {
        let Some(id) = house.member(short) else { continue };
        let found: Vec<&str> = house.below(id).into_iter().filter(|name| is_mysql(name)).collect();
        assert!(found.is_empty(), "`{short}` reaches a MySQL driver: {found:?}");
        assert!(!house.below(id).contains("bicuspid-source"), "`{short}` reaches the clinic");
    }
    assert!(house.member("generate").is_some() && house.member("practice").is_some());
}

#[test]
fn pure_crates_reach_no_outside_world() {
    let house = House::read();
    for short in PURE {
        let below = house.below(house.member(short).unwrap());
        for outside in ["tokio", "time", "chrono", "rand", "getrandom", "ring", "rustls", "tempfile"] {
            assert!(!below.contains(outside), "`{short}` is pure and may not reach `{outside}`");
        }
        assert!(
            !below.into_iter().any(|name| is_mysql(name) || is_postgres(name)),
            "`{short}` reaches a driver"
        );
    }
}

#[test]
fn packages_come_from_one_registry_under_known_licences() {
    for package in House::read().packages.values() {
        let label = format!("{} {}", package.name, package.version);
        if let Some(source) = &package.source {
            assert_eq!(source, REGISTRY, "{label}");
        } else {
            assert!(package.name.starts_with("bicuspid"), "{label} comes from a path");
        }
        assert!(allowed(&package.licence), "{label} is under {:?}", package.licence);
    }
}

/// Reads a licence expression (SPDX annex D, and the older `/` for `OR`): any of the `OR`s, all of the `AND`s.
fn allowed(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let mut words: VecDeque<&str> = spaced.split_whitespace().collect();
    let verdict = any(&mut words);
    verdict && words.is_empty()
}

fn any(words: &mut VecDeque<&str>) -> bool {
    let mut verdict = all(words);
    while words.front() == Some(&"OR") {
        words.pop_front();
        verdict |= all(words);
    }
    verdict
}

fn all(words: &mut VecDeque<&str>) -> bool {
    let mut verdict = one(words);
    while words.front() == Some(&"AND") {
        words.pop_front();
        verdict &= one(words);
    }
    verdict
}

fn one(words: &mut VecDeque<&str>) -> bool {
    match words.pop_front() {
        Some("(") => {
            let verdict = any(words);
            verdict & (words.pop_front() == Some(")"))
        }
        Some(name) if words.front() == Some(&"WITH") => {
            words.pop_front();
            let name = format!("{name} WITH {}", words.pop_front().unwrap_or_default());
            LICENCES.contains(&name.as_str())
        }
        Some(name) => LICENCES.contains(&name),
        None => false,
    }
}

#[test]
fn licence_expressions_are_read_right() {
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("MIT/Apache-2.0", true),
        ("MIT AND GPL-3.0", false),
        ("(MIT OR GPL-3.0) AND Unicode-3.0", true),
        ("(GPL-2.0 OR GPL-3.0) AND MIT", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("GPL-2.0 WITH Classpath-exception-2.0", false),
        ("MIT MIT", false),
        ("", false),
    ] {
        assert_eq!(allowed(expression), expected, "{expression:?}");
    }
}

#[test]
fn what_we_name_exists_once() {
    let house = House::read();
    let named: BTreeSet<&str> = house.members().flat_map(|(_, package)| house.names(&package.uses)).collect();
    // Only what is built with us counts, not what the tests of others would use.
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in house.packages.values() {
        versions.entry(&package.name).or_default().insert(&package.version);
    }
    for name in named {
        assert_eq!(versions[name].len(), 1, "`{name}` exists as {:?}", versions[name]);
    }
}

#[test]
fn every_crate_is_under_the_lints() {
    let house = House::read();
    for (_, package) in house.members() {
        let manifest = std::fs::read_to_string(&package.manifest).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true\n"), "{} is not under the lints", package.name);
        assert!(manifest.contains("publish.workspace = true"), "{} could be published", package.name);
    }
}

#[test]
fn files_stay_readable_and_exceptions_give_reasons() {
    let house = House::read();
    for (_, package) in house.members() {
        for path in sources(package.manifest.parent().unwrap().join("src")) {
            examine(&path);
        }
    }
}

/// The Rust files of a folder and the folders in it.
fn sources(folder: PathBuf) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    found
}

/// Names of test functions in a text: what follows the attribute (of a runtime, too), however many others stand between.
fn tests_in(text: &str) -> BTreeSet<&str> {
    ["#[test]", "#[tokio::test"]
        .into_iter()
        .flat_map(|attribute| text.match_indices(attribute))
        .filter_map(|(i, _)| text[i..].split_once("fn ")?.1.split('(').next())
        .collect()
}

/// Each accident names a test that is there, or the place where what must not compile is compiled.
#[test]
fn every_accident_names_the_test_that_guards_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let texts: Vec<(PathBuf, String)> = sources(root.join("crates"))
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path, text)
        })
        .collect();
    let known: BTreeSet<&str> = texts.iter().flat_map(|(_, text)| tests_in(text)).collect();
    assert!(known.contains("every_accident_names_the_test_that_guards_it"));
    let is_place = |name: &str| {
        let found = |(path, text): &(PathBuf, String)| {
            let path = path.to_string_lossy().replace("/src/", "/");
            path.ends_with(&format!("/{name}")) && (text.contains("compile_fail") || path.contains("/tests/"))
        };
        name.contains('/') && texts.iter().any(found)
    };
    let page = std::fs::read_to_string(root.join("docs/disasters.md")).unwrap();
    let rows: Vec<&str> =
        page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| what happens")).collect();
    assert!(rows.len() > 50, "{}", rows.len());
    for row in rows {
        let named: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        // What is as long as a sentence is the name of a test.
        for name in named.iter().filter(|name| name.matches('_').count() > 3) {
            assert!(known.contains(name), "there is no test `{name}`");
        }
        let guarded = named.iter().any(|name| known.contains(name) || is_place(name));
        assert!(guarded, "no test is named: {row}");
    }
}

fn examine(path: &Path) {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().count();
    assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines", path.display());
    assert!(!text.contains("[allow("), "{}: say #[expect(…, reason = …)]", path.display());
    for (i, _) in text.match_indices("[expect(") {
        let attribute = text[i..].split(")]").next().unwrap();
        assert!(attribute.contains("reason = "), "{}: an exception without a reason", path.display());
    }
}
