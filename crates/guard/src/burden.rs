//! How much work the expressions of a statement can make for one row.
//!
//! A server may put the expression of a derived table in the place of each name that stands for it. Thirty tables, one
//! in the other, each of which joins the text of the inner one to itself, make a thousand million evaluations of a
//! text of a kilobyte, and MariaDB 10.11 does not look at its time limit within an expression (measured: 24 tables take
//! 7 seconds for one row, and each further one doubles it).

use crate::refusal::{Refusal, Rule};

/// Most evaluations in a statement for one row of each of its queries.
const EVALUATIONS_MAX: u64 = 1_000_000;
/// Most relations that are joined to others, in all queries of a statement together.
const JOINED_MAX: usize = 12;

/// The evaluations of a statement, counted while its tree is walked.
#[derive(Debug, Default)]
pub(crate) struct Burden {
    /// Evaluations of what was walked so far.
    evaluations: u64,
    /// Relations that were joined to others so far.
    joined: usize,
    /// The relations of the queries that are being walked, the inner ones last.
    relations: Vec<Relation>,
    /// The common table expressions in scope.
    common: Vec<Relation>,
}

/// A relation and the evaluations that the most expensive of its columns takes.
#[derive(Debug, Clone)]
struct Relation {
    name: String,
    evaluations: u64,
}

/// How many relations were in scope when a query began.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    relations: usize,
    common: usize,
}

impl Burden {
    /// Where the scope of a query begins.
    pub(crate) const fn mark(&self) -> Mark {
        Mark { relations: self.relations.len(), common: self.common.len() }
    }

    /// Ends the scope of a query.
    pub(crate) fn leave(&mut self, mark: Mark) {
        self.relations.truncate(mark.relations);
        self.common.truncate(mark.common);
    }

    /// Counts one evaluation of an expression.
    pub(crate) fn evaluate(&mut self) -> Result<(), Refusal> {
        self.add(1)
    }

    /// Counts a column: as many evaluations as the expression that may take its place.
    pub(crate) fn column(&mut self, qualifier: Option<&str>) -> Result<(), Refusal> {
        let named = |relation: &&Relation| qualifier.is_none_or(|q| relation.name.eq_ignore_ascii_case(q));
        let most = self.relations.iter().filter(named).map(|relation| relation.evaluations).max();
        self.add(most.unwrap_or(1))
    }

    fn add(&mut self, evaluations: u64) -> Result<(), Refusal> {
        self.evaluations = self.evaluations.saturating_add(evaluations);
        if self.evaluations > EVALUATIONS_MAX { Err(Refusal::rule(Rule::TooMany)) } else { Ok(()) }
    }

    /// What was counted so far; the difference of two is the cost of what lies between.
    pub(crate) const fn so_far(&self) -> u64 {
        self.evaluations
    }

    /// What the most expensive column of all relations since the mark takes, for a `*`.
    pub(crate) fn most_since(&self, mark: Mark) -> u64 {
        self.relations.iter().skip(mark.relations).map(|relation| relation.evaluations).max().unwrap_or(1)
    }

    /// Brings a table into scope: a common table expression of that name, or one of the database's.
    pub(crate) fn table(&mut self, name: &str, called: &str) {
        let common = self.common.iter().rev().find(|c| c.name.eq_ignore_ascii_case(name));
        let evaluations = common.map_or(1, |c| c.evaluations);
        self.relations.push(Relation { name: called.to_owned(), evaluations });
    }

    /// Brings a derived table into scope.
    pub(crate) fn derived(&mut self, called: &str, evaluations: u64) {
        self.relations.push(Relation { name: called.to_owned(), evaluations });
    }

    /// Brings a common table expression into scope.
    pub(crate) fn common(&mut self, name: &str, evaluations: u64) {
        self.common.push(Relation { name: name.to_owned(), evaluations });
    }

    /// Counts the relations of one query: a server looks for their best order among all of them.
    pub(crate) fn join(&mut self, relations: usize) -> Result<(), Refusal> {
        self.joined += relations.saturating_sub(1);
        if self.joined > JOINED_MAX { Err(Refusal::rule(Rule::TooMany)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_evaluations_are_the_most() {
        let mut burden = Burden::default();
        burden.derived("d", EVALUATIONS_MAX - 1);
        assert_eq!(burden.column(Some("D")), Ok(()));
        assert_eq!(burden.evaluate(), Ok(()));
        assert_eq!(burden.so_far(), EVALUATIONS_MAX);
        assert_eq!(burden.evaluate(), Err(Refusal::rule(Rule::TooMany)));
    }

    #[test]
    fn a_query_leaves_nothing_in_scope() {
        let mut burden = Burden::default();
        burden.common("c", 1_000);
        let outer = burden.mark();
        burden.common("c", 1);
        burden.derived("d", 500);
        assert_eq!(burden.most_since(outer), 500);
        burden.leave(outer);
        burden.table("c", "x");
        assert_eq!(burden.most_since(outer), 1_000, "the outer table of that name, and not the inner one");
        assert_eq!(burden.column(Some("d")), Ok(()));
        assert_eq!(burden.so_far(), 1, "nobody's column takes one");
        assert_eq!(burden.column(None), Ok(()));
        assert_eq!(burden.so_far(), 1_001);
    }
}
