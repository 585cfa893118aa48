//! Restored backups: numbers that a server had given out already, and is about to give out again.
//!
//! Every new row of a table with an `AUTO_INCREMENT` column takes the next number, and no edit or deletion by the
//! clinic's program gives one back. A server whose numbers are lower than they were when the copy was made shows an
//! older state: a backup was restored, or the address leads to an older copy of the same machine. Its rows would
//! overwrite newer ones in the copy, and what the clinic entered since would be deleted there too.

use std::collections::BTreeMap;

use bicuspid_model::{Class, Side, Trouble};

use crate::refusal::Refusal;

/// Tables that must have gone back. One or two do now and then: emptied and filled again, or, on old versions of
/// `InnoDB`, restarted after the last rows were deleted.
const BACK_MIN: usize = 3;

/// The next number of each table that gives numbers out, by the table's name.
pub type NextNumbers = BTreeMap<String, u64>;

/// How many tables show an older and a newer state than the copy was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WentBack {
    /// Tables whose next number is lower than it was.
    pub back: usize,
    /// Tables whose next number is higher than it was.
    pub forward: usize,
}

/// Compares the numbers that are known with those that the source gives now. Tables that only one of them has say
/// nothing.
///
/// # Errors
/// [`Refusal::WentBack`] if at least three tables went back, and more than went forward.
pub fn compare(known: &NextNumbers, found: &NextNumbers) -> Result<(), Refusal> {
    let both = || known.iter().filter_map(|(table, before)| Some((before, found.get(table)?)));
    let back = both().filter(|(before, now)| now < before).count();
    let forward = both().filter(|(before, now)| now > before).count();
    if back >= BACK_MIN && back > forward { Err(WentBack { back, forward }.into()) } else { Ok(()) }
}

impl From<WentBack> for Refusal {
    fn from(went: WentBack) -> Self {
        Self::WentBack(went)
    }
}

impl WentBack {
    /// The stable code.
    pub(crate) const CODE: &str = "source::went_back";

    /// The refusal as told to a person.
    pub(crate) fn trouble(self) -> Trouble {
        let Self { back, forward } = self;
        Trouble {
            code: Self::CODE.to_owned(),
            side: Side::Source,
            class: Class::Refused,
            what: "the source shows an older state than the copy was made from".to_owned(),
            why: format!(
                "the next numbers of {back} tables are lower than at the last run, and those of {forward} are higher: it looks \
                 like a restored backup"
            ),
            state: "no table of it was read; the copy is as it was".to_owned(),
            hint: "ask whether a backup was restored at the clinic, and look at SOURCE_DB_HOST and any tunnel in between; if \
                   it is meant, `bicuspid enroll` accepts it"
                .to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(list: &[(&str, u64)]) -> NextNumbers {
        list.iter().map(|(table, number)| ((*table).to_owned(), *number)).collect()
    }

    #[test]
    fn a_few_tables_may_go_back_and_a_whole_clinic_may_not() {
        let known =
            numbers(&[("a", 100), ("b", 100), ("c", 100), ("d", 100), ("e", 100), ("f", 100), ("g", 100)]);
        let judged = |found: &[(&str, u64)]| match compare(&known, &numbers(found)) {
            Ok(()) => None,
            Err(Refusal::WentBack(went)) => Some((went.back, went.forward)),
            Err(other) => panic!("{other}"),
        };
        assert_eq!(judged(&[("a", 100), ("b", 200), ("c", 101)]), None, "an ordinary day");
        assert_eq!(judged(&[("a", 1), ("b", 1)]), None, "two tables were emptied");
        assert_eq!(judged(&[("a", 1), ("b", 1), ("c", 1), ("d", 100)]), Some((3, 0)));
        assert_eq!(judged(&[("a", 99), ("b", 99), ("c", 99), ("d", 101), ("e", 101)]), Some((3, 2)));
        assert_eq!(
            judged(&[("a", 99), ("b", 99), ("c", 99), ("d", 101), ("e", 101), ("f", 101)]),
            None,
            "as many went forward: an old server was restarted in the middle of a day"
        );
        assert_eq!(judged(&[("x", 1), ("y", 1), ("z", 1)]), None, "tables that nobody knew");
        assert_eq!(judged(&[]), None, "a server that does not tell");
        assert_eq!(compare(&NextNumbers::new(), &known), Ok(()), "nothing was recorded yet");
    }
}
