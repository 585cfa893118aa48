//! Asks for consent on the terminal. Whether it is needed, and whether an answer counts, is decided by the guard.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use bicuspid_guard::consent::{Action, NoConsent, Request, decide};
use bicuspid_guard::{Consent, Refusal};

use crate::report::Stop;
use crate::settings::Settings;

/// Longest answer that is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 256;

/// Obtains consent for these actions on the database that the server reports, or stops the command.
pub(crate) async fn obtain(
    settings: &Settings,
    actions: &[Action],
    database: &str,
    confirm: Option<&str>,
) -> Result<(), Stop> {
    answered(&request(settings, actions, database, confirm)).await
}

/// The same where several runs are at work and none of them can ask: what was answered for all of them counts, or a flag.
pub(crate) fn obtain_unattended(
    settings: &Settings,
    actions: &[Action],
    database: &str,
    confirm: Option<&str>,
) -> Result<(), Stop> {
    let request = Request { terminal: false, ..request(settings, actions, database, confirm) };
    judged(decide(&request), &request)
}

/// Obtains consent for writing the demo database, for which `--yes` may answer.
pub(crate) async fn obtain_for_demo(settings: &Settings, database: &str, yes: bool) -> Result<(), Stop> {
    answered(&Request { yes, ..request(settings, &[Action::Generate], database, None) }).await
}

fn request<'a>(
    settings: &Settings,
    actions: &'a [Action],
    database: &'a str,
    confirm: Option<&'a str>,
) -> Request<'a> {
    Request {
        environment: settings.environment,
        stage: settings.stage,
        actions,
        terminal: has_terminal(),
        confirm,
        yes: false,
        database,
    }
}

async fn answered(request: &Request<'_>) -> Result<(), Stop> {
    let decision = decide(request);
    let answered = match decision {
        Consent::Ask(question) => match typed(question.text()).await {
            Some(line) => question.answer(&line),
            None => Consent::Refused(Refusal::Consent(NoConsent::Unattended)),
        },
        decided => decided,
    };
    judged(answered, request)
}

fn judged(decision: Consent, request: &Request<'_>) -> Result<(), Stop> {
    match decision {
        Consent::NotNeeded | Consent::Given => Ok(()),
        Consent::Refused(Refusal::Consent(reason)) => Err(reason.trouble_of(request).into()),
        Consent::Refused(refusal) => Err(refusal.into()),
        Consent::Ask(_) => Err(NoConsent::Unattended.trouble_of(request).into()),
    }
}

/// Whether a person can be asked and can answer.
pub(crate) fn has_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on the terminal, and returns the line that was typed.
pub(crate) async fn typed(question: &str) -> Option<String> {
    let text = question.to_owned();
    // A thread of its own: Ctrl-C must be heard while the terminal is waited for.
    tokio::task::spawn_blocking(move || ask(&text)).await.ok()?.ok()
}

fn ask(text: &str) -> std::io::Result<String> {
    let mut stream = std::io::stderr().lock();
    stream.write_all(text.as_bytes())?;
    stream.flush()?;
    drop(stream);
    let mut line = String::new();
    std::io::Read::take(std::io::stdin().lock(), ANSWER_BYTES_MAX).read_line(&mut line)?;
    Ok(line)
}
