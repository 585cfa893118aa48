//! `bicuspid man`: the manual's pages, made from the help of the very commands.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use bicuspid_model::trouble::reason_of_io;
use bicuspid_model::{Class, Side, Trouble};
use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::App;
use crate::cli::{BUILD_DATE, Cli};
use crate::report::{Ended, Report, Stop};

/// Print a page of the manual: `bicuspid man sync | man -l -`
#[derive(Debug, clap::Args)]
pub(crate) struct ManArgs {
    /// Command, such as `sync` or `dbt sources`; none is the program itself
    pub(crate) command: Vec<String>,
    /// Write every page into this folder instead, as `bicuspid.1`, `bicuspid-sync.1` and so on
    #[arg(long, value_name = "DIR", conflicts_with = "command")]
    pub(crate) dir: Option<PathBuf>,
}

pub(crate) fn run(args: &ManArgs, app: &App) -> Ended {
    let pages = pages();
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir).map_err(|error| unwritable(dir, &error))?;
        for page in &pages {
            let path = dir.join(page.file());
            std::fs::write(&path, &page.text).map_err(|error| unwritable(&path, &error))?;
            app.printer.data(&path.display().to_string());
        }
        let files: Vec<String> = pages.iter().map(Page::file).collect();
        return Ok(Report::new().with("dir", dir).with("pages", files));
    }
    let name = [&["bicuspid".to_owned()], &args.command[..]].concat().join("-");
    let page = pages.into_iter().find(|page| page.name == name).ok_or_else(no_such_page)?;
    app.printer.data(page.text.trim_end());
    Ok(Report::new().with("page", page.text))
}

/// A page of the manual.
struct Page {
    /// Such as `bicuspid-sync`.
    name: String,
    /// In the language of `man`.
    text: String,
}

impl Page {
    fn file(&self) -> String {
        format!("{}.1", self.name)
    }
}

/// Every page, the program's own first.
fn pages() -> Vec<Page> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    let mut pages = Vec::new();
    let mut waiting = vec![root];
    while let Some(command) = waiting.pop() {
        waiting.extend(command.get_subcommands().filter(|command| !command.is_hide_set()).cloned());
        pages.push(page(command));
    }
    pages.sort_by(|a, b| a.name.cmp(&b.name));
    pages
}

fn page(command: clap::Command) -> Page {
    // After `build` the display name is that of the whole path: bicuspid-sandbox-up.
    let name = command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned();
    // The version of a page is the short one; what was built when is no part of a manual.
    let mut man = Man::new(command.long_version(None)).title(name.to_uppercase()).manual("Bicuspid");
    if BUILD_DATE.starts_with(|first: char| first.is_ascii_digit()) {
        man = man.date(BUILD_DATE);
    }
    let mut text = Vec::new();
    // Writing into memory cannot fail.
    let _ = man.render(&mut text).and_then(|()| text.flush());
    Page { name, text: String::from_utf8_lossy(&text).into_owned() }
}

fn no_such_page() -> Stop {
    Stop::from(Trouble {
        code: "usage::no_page".to_owned(),
        side: Side::Local,
        class: Class::Usage,
        what: "there is no page of that name".to_owned(),
        why: "each command has one".to_owned(),
        state: String::new(),
        hint: "`bicuspid --help` lists the commands".to_owned(),
    })
}

fn unwritable(path: &Path, error: &std::io::Error) -> Stop {
    Stop::from(Trouble {
        code: "local::man".to_owned(),
        side: Side::Local,
        class: Class::Local,
        what: format!("{} could not be written", path.display()),
        why: reason_of_io(error),
        state: "pages that were written before it stay".to_owned(),
        hint: "name a folder that you may write to".to_owned(),
    })
}
