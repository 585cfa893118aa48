//! Whether the relations of a query are tied together: what is not multiplies rows until the server stands still.

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, TableFactor, TableWithJoins,
};

use crate::refusal::{Refusal, Rule};
use crate::walk::refuse;

/// Requires that equalities of columns, in `ON`, `USING` or `WHERE`, connect all relations, and counts these.
pub(crate) fn connected(from: &[TableWithJoins], selection: Option<&Expr>) -> Result<usize, Refusal> {
    let mut ties = Ties { names: Vec::new(), parents: Vec::new() };
    for item in from {
        ties.item(item)?;
    }
    if let Some(condition) = selection {
        ties.condition(condition, None);
    }
    if ties.is_one() { Ok(ties.parents.len()) } else { refuse(Rule::CrossJoin) }
}

/// A forest over the relations of one `FROM`.
struct Ties {
    /// The name by which each relation is called, in small letters.
    names: Vec<String>,
    parents: Vec<usize>,
}

impl Ties {
    fn root(&self, mut relation: usize) -> usize {
        while let Some(&parent) = self.parents.get(relation)
            && parent != relation
        {
            relation = parent;
        }
        relation
    }

    fn tie(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if let Some(parent) = self.parents.get_mut(a) {
            *parent = b;
        }
    }

    fn is_one(&self) -> bool {
        let root = self.root(0);
        (0..self.parents.len()).all(|i| self.root(i) == root)
    }

    /// Adds the relations of one item and ties those that its joins connect. Returns the first of them.
    fn item(&mut self, item: &TableWithJoins) -> Result<usize, Refusal> {
        let first = self.relation(&item.relation)?;
        for join in &item.joins {
            let right = self.relation(&join.relation)?;
            let (JoinOperator::Join(constraint)
            | JoinOperator::Inner(constraint)
            | JoinOperator::Left(constraint)
            | JoinOperator::LeftOuter(constraint)
            | JoinOperator::Right(constraint)
            | JoinOperator::RightOuter(constraint)) = &join.join_operator
            else {
                return refuse(Rule::Clause);
            };
            match constraint {
                JoinConstraint::On(condition) => self.condition(condition, Some((first, right))),
                JoinConstraint::Using(columns) if !columns.is_empty() => self.tie(first, right),
                // A natural join of tables without a common column is a cross join, and nobody sees it in the text.
                JoinConstraint::Using(_) | JoinConstraint::Natural | JoinConstraint::None => {}
            }
        }
        Ok(first)
    }

    fn relation(&mut self, relation: &TableFactor) -> Result<usize, Refusal> {
        let name = match relation {
            TableFactor::Table { alias: Some(alias), .. }
            | TableFactor::Derived { alias: Some(alias), .. } => alias.name.value.to_ascii_lowercase(),
            TableFactor::Table { name, alias: None, .. } => name
                .0
                .last()
                .and_then(|part| part.as_ident())
                .map(|ident| ident.value.to_ascii_lowercase())
                .unwrap_or_default(),
            TableFactor::NestedJoin { table_with_joins, .. } => return self.item(table_with_joins),
            _ => String::new(),
        };
        let number = self.parents.len();
        self.names.push(name);
        self.parents.push(number);
        Ok(number)
    }

    /// Ties what the equalities of a condition connect. `sides` are the relations of the join whose condition it is.
    fn condition(&mut self, condition: &Expr, sides: Option<(usize, usize)>) {
        match condition {
            Expr::Nested(inner) => self.condition(inner, sides),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.condition(left, sides);
                self.condition(right, sides);
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq | BinaryOperator::Spaceship, right } => {
                let (Some(a), Some(b)) = (column(left), column(right)) else { return };
                match (self.find(a), self.find(b)) {
                    (Some(a), Some(b)) => self.tie(a, b),
                    // A bare column may belong to either side; two different ones do connect.
                    _ if a == b => {}
                    _ => {
                        if let Some((left, right)) = sides {
                            self.tie(left, right);
                        } else if self.parents.len() == 2 {
                            self.tie(0, 1);
                        }
                    }
                }
            }
            _ => {}
        }
    }

    /// The relation that a qualified column belongs to.
    fn find(&self, column: &[Ident]) -> Option<usize> {
        let [.., qualifier, _] = column else { return None };
        self.names.iter().position(|name| qualifier.value.eq_ignore_ascii_case(name))
    }
}

/// The parts of a column's name.
fn column(expr: &Expr) -> Option<&[Ident]> {
    match expr {
        Expr::Identifier(ident) => Some(std::slice::from_ref(ident)),
        Expr::CompoundIdentifier(parts) => Some(parts),
        Expr::Nested(inner) => column(inner),
        _ => None,
    }
}
