//! A clinic and a target, and the flow between them.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

use bicuspid_model::row::{COPY_HEADER, COPY_TRAILER, row_length};
use bicuspid_model::{Batch, Column, Endpoint, Environment, Fingerprint, FingerprintKey, Table, TargetType};
use bicuspid_source::{FoundTable, Pace, Source, SourceOptions, Walk};
use bicuspid_sync::{LinkWish, ProofWish, RunInfo, SyncReport, SyncSettings, VerifyReport};
use bicuspid_target::{Analytics, Intake as _, Proof, RowHashes, Schemas};

pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// A table as the general rule shapes it.
async fn shape(source: &mut Source, name: &str) -> Result<(FoundTable, Table), Fault> {
    let discovered = source.discover().await?;
    let found = discovered.tables.into_iter().find(|t| t.name.as_str() == name).ok_or("no such table")?;
    let columns = found.columns.iter().map(|c| {
        let source = c.source.clone().ok_or("an unknown type")?;
        let target = TargetType::of(&source);
        Ok(Column { name: c.name.clone(), source, target, nullable: c.nullable, withheld: false })
    });
    let columns = columns.collect::<Result<Vec<_>, &str>>()?;
    let table = Table { name: found.name.clone(), columns, primary_key: found.primary_key.clone() };
    Ok((found, table))
}

/// Loads the rows of a `COPY` file into a table that is made for it, key and all, and takes everything back.
pub(crate) async fn load(
    clinic: &Endpoint,
    target: &Endpoint,
    name: &str,
    file: &Path,
) -> Result<Duration, Fault> {
    let mut source = Source::connect(clinic, SourceOptions::default()).await?;
    let (_, table) = shape(&mut source, name).await?;
    source.close().await;
    let look = Analytics::connect(target, &Schemas::alone()).await?;
    let identity = look.enrol(Environment::Test, FingerprintKey::new([7; 16]), "dbt", "bench").await?;
    let mut writer = look.into_writer(identity).await?;
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(u64::try_from(COPY_HEADER.len())?))?;
    let length = file.metadata()?.len() - u64::try_from(COPY_HEADER.len() + COPY_TRAILER.len())?;
    let mut rows = file.take(length);
    let began = Instant::now();
    let key = FingerprintKey::new([7; 16]);
    let mut load = writer.first_load(&table).await?;
    let mut hashes = RowHashes::of(&table, &key).ok_or("no row hash")?;
    let mut expected = Fingerprint::default();
    let mut piece = Vec::new();
    while rows.by_ref().take(1 << 20).read_to_end(&mut piece)? > 0 {
        let mut whole = 0;
        while let Some(length) = piece.get(whole..).and_then(row_length) {
            whole += length;
        }
        let after = piece.split_off(whole);
        let batch = Batch::from_bytes(std::mem::replace(&mut piece, after)).ok_or("not rows")?;
        hashes.add(&batch);
        batch.rows().for_each(|row| expected.add(key.hash(row)));
        load.send(batch.bytes()).await?;
    }
    let proved = writer.filled(load, &table).await?.prove(expected, Some(&hashes), &key).await?;
    if proved.proof() != Proof::RowHashes {
        return Err("the row hashes did not agree".into());
    }
    Ok(began.elapsed())
}

/// Reads a table and throws its rows away; rows and bytes.
pub(crate) async fn extract(
    clinic: &Endpoint,
    name: &str,
    pace: Pace,
) -> Result<(u64, u64, Duration), Fault> {
    let began = Instant::now();
    let (mut rows, mut bytes) = (0_u64, 0_u64);
    read(clinic, name, pace, |batch| {
        rows += u64::try_from(batch.len()).unwrap_or_default();
        bytes += u64::try_from(batch.bytes().len()).unwrap_or_default();
        true
    })
    .await?;
    Ok((rows, bytes, began.elapsed()))
}

/// Hands the rows of a table over as they arrive, as fast as they do, as long as they are wanted.
pub(crate) async fn each(
    clinic: &Endpoint,
    name: &str,
    mut take: impl FnMut(Vec<u8>) -> bool,
) -> Result<(), Fault> {
    read(clinic, name, Pace::Full, |batch| take(batch.into_bytes())).await
}

async fn read(
    clinic: &Endpoint,
    name: &str,
    pace: Pace,
    mut take: impl FnMut(Batch) -> bool,
) -> Result<(), Fault> {
    let mut source = Source::connect(clinic, SourceOptions { pace, ..SourceOptions::default() }).await?;
    let (found, table) = shape(&mut source, name).await?;
    let walk = Walk::of(&found, &table);
    source.enter(&found.engine).await?;
    let mut reader = source.reader(&found, &table, &walk);
    loop {
        let piece = reader.next(None).await?;
        if !take(piece.batch) || piece.is_last {
            break;
        }
    }
    source.close().await;
    Ok(())
}

/// A whole sync of the tables named, or of all if none is.
pub(crate) async fn sync(
    clinic: &Endpoint,
    target: &Endpoint,
    tables: &[&str],
    pace: Pace,
    staging: &Path,
) -> Result<SyncReport, Fault> {
    Box::pin(sync_over(clinic, target, tables, pace, staging, LinkWish::Fat)).await
}

/// The same over a link that is taken for thin or fat.
pub(crate) async fn sync_over(
    clinic: &Endpoint,
    target: &Endpoint,
    tables: &[&str],
    pace: Pace,
    staging: &Path,
    link: LinkWish,
) -> Result<SyncReport, Fault> {
    let mut settings = SyncSettings::new(Environment::Test, staging.to_owned(), "bench");
    settings.tables = (!tables.is_empty()).then(|| tables.iter().map(|t| (*t).to_owned()).collect());
    settings.pace = pace;
    settings.link = link;
    settings.proof = ProofWish::Full;
    let look = Analytics::connect(target, &Schemas::alone()).await?;
    let policy = settings.type_policy.name();
    let identity = look.enrol(Environment::Test, FingerprintKey::new([7; 16]), policy, "bench").await?;
    let writer = look.into_writer(identity).await?;
    let source = Source::connect(clinic, SourceOptions { pace, ..SourceOptions::default() }).await?;
    let run = RunInfo { run_id: "bench".into(), started_at: "2026-01-01T00:00:00Z".into() };
    let report = bicuspid_sync::sync(source, writer, &settings, &run, &|_| {}).await?;
    if report.any_held() {
        return Err(format!("a table was held: {:?}", report.troubles).into());
    }
    Ok(report)
}

/// What a run over all tables would do; how many there are.
pub(crate) async fn plan(clinic: &Endpoint, target: &Endpoint, staging: &Path) -> Result<usize, Fault> {
    let settings = SyncSettings::new(Environment::Test, staging.to_owned(), "bench");
    let look = Analytics::connect(target, &Schemas::alone()).await?;
    let mut source = Source::connect(clinic, SourceOptions::default()).await?;
    let report = bicuspid_sync::plan(&mut source, &look, &settings).await?;
    source.close().await;
    Ok(report.tables.len())
}

/// A proof of the whole copy, whatever it says: somebody may write meanwhile.
pub(crate) async fn verify(
    clinic: &Endpoint,
    target: &Endpoint,
    tables: &[&str],
    pace: Pace,
    staging: &Path,
) -> Result<VerifyReport, Fault> {
    let mut settings = SyncSettings::new(Environment::Test, staging.to_owned(), "bench");
    settings.tables = (!tables.is_empty()).then(|| tables.iter().map(|t| (*t).to_owned()).collect());
    settings.pace = pace;
    let look = Analytics::connect(target, &Schemas::alone()).await?;
    let source = Source::connect(clinic, SourceOptions { pace, ..SourceOptions::default() }).await?;
    Ok(bicuspid_sync::verify(source, &look, &settings, &|_| {}).await?)
}

/// A count as a figure to divide.
pub(crate) fn number(n: u64) -> f64 {
    f64::from(u32::try_from(n / 16).unwrap_or(u32::MAX)) * 16.0
}

/// The middle one.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
