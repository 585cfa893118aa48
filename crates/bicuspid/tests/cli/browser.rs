//! The pages in a real browser, where Chromium is installed: wide and narrow, light and dark.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bench::Bench;
use crate::serve::{PAGES, Pages, copied};

/// Where Debian and others put it.
const CHROMIUM: [&str; 3] = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

#[expect(clippy::print_stderr, reason = "a browser that is missing must be told")]
fn chromium() -> Option<&'static str> {
    let found = CHROMIUM.into_iter().find(|path| Path::new(path).exists());
    if found.is_none() {
        eprintln!("SKIPPED: no Chromium is installed; the pages were not seen by a browser");
    }
    found
}

/// Runs the browser once on an address; what it wrote to standard output and error.
fn browse(program: &str, bench: &Bench, args: &[&str], url: &str) -> (String, String) {
    let profile = format!("--user-data-dir={}", bench.path("browser").display());
    let output = Command::new("timeout")
        .args(["120", program, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"])
        .args(["--disable-background-networking", "--no-first-run", "--enable-logging=stderr", &profile])
        .args(args)
        .arg(url)
        .env("HOME", bench.path(""))
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// Width and height of a PNG file.
fn size(path: &PathBuf) -> (u32, u32) {
    let bytes = std::fs::read(path).unwrap();
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 5_000, "a picture of something");
    (number(16), number(20))
}

#[test]
fn a_browser_shows_every_page_and_refuses_nothing_of_it() {
    let Some(program) = chromium() else { return };
    let (bench, _source, _target) = copied();
    let pages = Pages::of(&bench, &["--env", "test"]);
    for path in &PAGES[..6] {
        let url = format!("http://{}{path}", pages.host());
        let name = format!("shot{}.png", path.replace('/', "-"));
        let shot = format!("--screenshot={}", bench.path(&name).display());
        for (window, expected, scheme) in
            [("--window-size=1200,900", (1200, 900), 1), ("--window-size=390,900", (390, 900), 0)]
        {
            let dark = format!("--blink-settings=preferredColorScheme={scheme}");
            let (_, log) = browse(program, &bench, &[&shot, window, &dark], &url);
            assert_eq!(size(&bench.path(&name)), expected, "{path}: {log}");
            // A policy that a page breaks, a file that is missing and a fault of the script are all told there.
            assert!(!log.contains("CONSOLE"), "{path}: {log}");
        }
    }
    let url = format!("http://{}/freshness", pages.host());
    let (page, log) = browse(program, &bench, &["--dump-dom"], &url);
    assert!(page.contains("<th scope=\"row\">patient</th><td class=\"n\">1,234</td>"), "{page}{log}");
    // The script ran and found nothing at work; the name that would like to be markup is text.
    assert!(page.contains("x&lt;script&gt;\"y"), "{page}");
    assert_eq!(page.matches("<script").count(), 1, "{page}");
}
