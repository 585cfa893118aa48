//! The figures of the field, taken from the rows alone.

use std::collections::HashMap;

use self::columns::Columns;
use self::figure::Figure;

pub(crate) mod columns;
pub(crate) mod figure;
mod money;
mod people;
mod visits;
mod work;

/// Codes by their number.
pub(crate) fn codes(columns: &Columns) -> HashMap<i64, &str> {
    columns.rows("procedurecode", ["CodeNum", "ProcCode"]).map(|[n, c]| (n, columns.text(c))).collect()
}

pub(crate) fn all(columns: &Columns) -> Vec<Figure> {
    let mut figures = people::figures(columns);
    figures.extend(visits::figures(columns));
    figures.extend(work::figures(columns));
    figures.extend(work::fees(columns));
    figures.extend(money::figures(columns));
    figures
}

#[test]
#[ignore = "prints; to look at a practice while working on it"]
fn show() {
    let patients = 5000;
    let settings =
        bicuspid_practice::Settings::new(patients, 1, bicuspid_model::Date::from_ymd(2026, 3, 2).unwrap());
    let columns = Columns::new(settings);
    for figure in all(&columns) {
        println!("{figure}");
    }
}
