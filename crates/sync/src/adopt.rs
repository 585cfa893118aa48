//! Taking over a table of `raw` that another tool made.

use bicuspid_target::{Adoption, Analytics, HeldState, TargetColumn};

use crate::error::SyncError;
use crate::planner::Planned;
use crate::report::Mode;
use crate::settings::SyncSettings;
use crate::shape::{Shaped, shape};

/// Plans to compare every row of the source with a table that is there already, keeping the types of its columns where
/// they hold the source's values exactly.
pub(crate) async fn take_over(
    shaped: Shaped,
    columns: &[TargetColumn],
    look: &Analytics,
    settings: &SyncSettings,
) -> Result<Result<Planned, HeldState>, SyncError> {
    let held = |detail: String, remedy: &str| {
        Ok(Err(HeldState { rule: "adopt::unfit".into(), detail, remedy: remedy.to_owned() }))
    };
    let table = shaped.table.name.clone();
    let (mut kept, mut added, mut relaxed) = (Vec::new(), Vec::new(), Vec::new());
    for column in &shaped.table.columns {
        let Some(there) = columns.iter().find(|c| c.name == column.name) else {
            added.push(column.name.clone());
            continue;
        };
        if column.target.is_held_by(&there.type_text) {
            continue;
        }
        match bicuspid_model::TargetType::parse(&there.type_text) {
            Some(old) if old.takes(&column.source) => kept.push((column.name.clone(), old)),
            _ => {
                return held(
                    format!(
                        "column `{}` is {} on the target, which does not hold every value of the source's type",
                        column.name, there.type_text
                    ),
                    "change the type of the column on the target, or drop the table there and let it be loaded",
                );
            }
        }
    }
    let foreign = look.foreign_table(&table).await?;
    if !foreign.is_owned {
        return held(
            "it belongs to another account of the target, and only its owner can alter it".into(),
            "let an administrator give it to the target's account with ALTER TABLE ... OWNER TO",
        );
    }
    let key: Vec<&str> = shaped.table.key_columns().map(|c| c.name.as_str()).collect();
    if !foreign.primary_key.is_empty() && foreign.primary_key != key {
        return held(
            "its primary key on the target is not the source's".into(),
            "drop that key on the target, or the table, and run again",
        );
    }
    let shaped = if kept.is_empty() {
        shaped
    } else {
        let mut told = settings.clone();
        let names = kept.iter().map(|(column, old)| (format!("{table}.{column}"), *old));
        told.column_types.extend(names);
        match shape(shaped.found, &told) {
            Ok(shaped) => shaped,
            Err(held) => return Ok(Err(held)),
        }
    };
    for there in columns.iter().filter(|c| c.not_null) {
        let ours = shaped.table.columns.iter().position(|c| c.name == there.name);
        let may_be_null = ours.map_or(!there.filled, |i| {
            !shaped.table.primary_key.contains(&i) && shaped.table.columns.get(i).is_some_and(|c| c.nullable)
        });
        if may_be_null {
            relaxed.push(there.name.clone());
        }
    }
    let adoption = Adoption {
        needs_loaded_at: !foreign.has_loaded_at,
        needs_key: foreign.primary_key.is_empty() && !shaped.table.primary_key.is_empty(),
        kept,
    };
    let why = format!("taken over with the {} rows that it has", foreign.rows);
    let adoption = Some((adoption, foreign.rows));
    Ok(Ok(Planned { added, relaxed, adoption, ..Planned::new(shaped, Mode::Full, why) }))
}
