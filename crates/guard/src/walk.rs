//! The parsed tree, node by node, by allow-list.
//!
//! Structures are taken apart field by field without `..`: a field that a later parser adds does not compile until
//! somebody has decided about it.

use bicuspid_model::DatabaseName;
use sqlparser::ast::{
    Cte, Distinct, GroupByExpr, GroupByWithModifier, Ident, Join, JoinConstraint, JoinOperator, LimitClause,
    NamedWindowDefinition, NamedWindowExpr, ObjectName, ObjectNamePart, Offset, OffsetRows, OrderBy,
    OrderByExpr, OrderByKind, OrderByOptions, OrderBySort, Query, Select, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, SelectModifiers, SetExpr, SetOperator, SetQuantifier, TableAlias,
    TableFactor, TableWithJoins, WildcardAdditionalOptions, With,
};

use crate::accounts;
use crate::burden::Burden;
use crate::functions;
use crate::joins;
use crate::refusal::{Refusal, Rule};

pub(crate) type Step = Result<(), Refusal>;

pub(crate) const fn refuse<T>(rule: Rule) -> Result<T, Refusal> {
    Err(Refusal::rule(rule))
}

/// What may be read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope<'a> {
    /// The source database.
    pub(crate) database: Option<&'a DatabaseName>,
    /// The catalog views on the list.
    pub(crate) catalog: bool,
}

impl Scope<'_> {
    /// The name of the source; empty, which no schema is called, where there is none. A database of the server's own
    /// is nobody's source.
    fn source(&self) -> &str {
        let source = self.database.map(DatabaseName::as_str).unwrap_or_default();
        if accounts::is_system_database(source) { "" } else { source }
    }

    /// Whether a schema may be named.
    pub(crate) fn schema(self, schema: &str) -> Step {
        let is_source = schema == self.source();
        let is_catalog = self.catalog && schema.eq_ignore_ascii_case("information_schema");
        if is_source || is_catalog { Ok(()) } else { refuse(Rule::Schema) }
    }

    /// Whether a table may be read.
    pub(crate) fn table(self, schema: Option<&str>, name: &str) -> Step {
        if let Some(schema) = schema {
            self.schema(schema)?;
            if schema.eq_ignore_ascii_case("information_schema") {
                let listed = functions::listed(&functions::CATALOG_VIEWS, name);
                return if listed { Ok(()) } else { refuse(Rule::Table) };
            }
        } else if self.source().is_empty() {
            return refuse(Rule::Table);
        }
        if is_engine_made(name) { refuse(Rule::Table) } else { Ok(()) }
    }
}

/// Whether MariaDB's sequence engine makes the rows of a table up from its name: `seq_1_to_1000000`.
fn is_engine_made(name: &str) -> bool {
    let mut parts = name.split('_');
    let number =
        |part: Option<&str>| part.is_some_and(|p| !p.is_empty() && p.bytes().all(|b| b.is_ascii_digit()));
    parts.next().is_some_and(|p| p.eq_ignore_ascii_case("seq"))
        && number(parts.next())
        && parts.next().is_some_and(|p| p.eq_ignore_ascii_case("to"))
        && number(parts.next())
}

/// A walk through one tree.
pub(crate) struct Walk<'a> {
    scope: Scope<'a>,
    queries: usize,
    pub(crate) burden: Burden,
    /// Whether a replacement that lengthens its text was met.
    grows: bool,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(scope: Scope<'a>) -> Self {
        Self { scope, queries: 0, burden: Burden::default(), grows: false }
    }

    /// How many queries were walked.
    pub(crate) const fn queries(&self) -> usize {
        self.queries
    }

    /// Allows one replacement that lengthens its text in the whole statement.
    pub(crate) const fn may_grow(&mut self) -> bool {
        !std::mem::replace(&mut self.grows, true)
    }

    pub(crate) const fn scope(&self) -> Scope<'a> {
        self.scope
    }

    /// Walks a query within an expression, or the whole statement.
    pub(crate) fn query(&mut self, query: &Query) -> Step {
        self.counted(query).map(|_| ())
    }

    /// Walks a query, and says how many evaluations the most expensive of its columns takes.
    fn counted(&mut self, query: &Query) -> Result<u64, Refusal> {
        let mark = self.burden.mark();
        let evaluations = self.parts(query);
        self.burden.leave(mark);
        evaluations
    }

    fn parts(&mut self, query: &Query) -> Result<u64, Refusal> {
        self.queries += 1;
        let Query {
            with,
            body,
            order_by,
            limit_clause,
            fetch,
            locks,
            for_clause,
            settings,
            format_clause,
            pipe_operators,
        } = query;
        if !locks.is_empty() {
            return refuse(Rule::LockingRead);
        }
        if fetch.is_some()
            || for_clause.is_some()
            || settings.is_some()
            || format_clause.is_some()
            || !pipe_operators.is_empty()
        {
            return refuse(Rule::Clause);
        }
        if let Some(with) = with {
            self.with(with)?;
        }
        let evaluations = self.body(body)?;
        if let Some(order_by) = order_by {
            let OrderBy { kind, interpolate } = order_by;
            let (OrderByKind::Expressions(list), None) = (kind, interpolate) else {
                return refuse(Rule::Clause);
            };
            list.iter().try_for_each(|item| self.order_by(item))?;
        }
        limit_clause.as_ref().map_or(Ok(()), limit)?;
        Ok(evaluations)
    }

    fn with(&mut self, with: &With) -> Step {
        let With { with_token: _, recursive, cte_tables } = with;
        if *recursive {
            return refuse(Rule::Recursion);
        }
        for cte in cte_tables {
            let Cte { alias: name, query, from, materialized, closing_paren_token: _ } = cte;
            if from.is_some() || materialized.is_some() {
                return refuse(Rule::Clause);
            }
            alias(Some(name))?;
            let evaluations = self.counted(query)?;
            self.burden.common(&name.name.value, evaluations);
        }
        Ok(())
    }

    fn body(&mut self, body: &SetExpr) -> Result<u64, Refusal> {
        match body {
            SetExpr::Select(select) => self.select(select),
            SetExpr::Query(query) => self.counted(query),
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                if !matches!(op, SetOperator::Union | SetOperator::Except | SetOperator::Intersect)
                    || !matches!(
                        set_quantifier,
                        SetQuantifier::None | SetQuantifier::All | SetQuantifier::Distinct
                    )
                {
                    return refuse(Rule::Clause);
                }
                Ok(self.body(left)?.max(self.body(right)?))
            }
            SetExpr::Values(_) | SetExpr::Table(_) => refuse(Rule::Clause),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
                refuse(Rule::FirstWord)
            }
        }
    }

    fn select(&mut self, select: &Select) -> Result<u64, Refusal> {
        let Select {
            select_token: _,
            optimizer_hints,
            distinct,
            select_modifiers,
            top,
            top_before_distinct: _,
            projection,
            exclude,
            into,
            from,
            lateral_views,
            prewhere,
            selection,
            connect_by,
            group_by,
            cluster_by,
            distribute_by,
            sort_by,
            having,
            named_window,
            qualify,
            window_before_qualify: _,
            value_table_mode,
            flavor,
        } = select;
        if into.is_some() {
            return refuse(Rule::Into);
        }
        if !optimizer_hints.is_empty()
            || matches!(distinct, Some(Distinct::On(_)))
            || top.is_some()
            || exclude.is_some()
            || !lateral_views.is_empty()
            || prewhere.is_some()
            || !connect_by.is_empty()
            || !cluster_by.is_empty()
            || !distribute_by.is_empty()
            || !sort_by.is_empty()
            || qualify.is_some()
            || value_table_mode.is_some()
            || *flavor != SelectFlavor::Standard
        {
            return refuse(Rule::Clause);
        }
        if let Some(modifiers) = select_modifiers {
            let SelectModifiers {
                high_priority,
                straight_join,
                sql_small_result: _,
                sql_big_result: _,
                sql_buffer_result: _,
                sql_no_cache: _,
                sql_calc_found_rows,
            } = modifiers;
            // The first goes ahead of the clinic's writers, the others make the server work for nothing.
            if *high_priority || *straight_join || *sql_calc_found_rows {
                return refuse(Rule::Clause);
            }
        }
        let mark = self.burden.mark();
        from.iter().try_for_each(|item| self.from(item))?;
        let mut most = 1;
        for item in projection {
            let before = self.burden.so_far();
            self.item(item)?;
            most = most.max(self.burden.so_far() - before);
            if matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..)) {
                most = most.max(self.burden.most_since(mark));
            }
        }
        for NamedWindowDefinition(_, window) in named_window {
            let NamedWindowExpr::WindowSpec(window) = window else { return refuse(Rule::Clause) };
            self.window(window)?;
        }
        for condition in selection.iter().chain(having) {
            self.expression(condition)?;
        }
        match group_by {
            GroupByExpr::All(_) => return refuse(Rule::Clause),
            GroupByExpr::Expressions(list, modifiers) => {
                if !modifiers.iter().all(|m| matches!(m, GroupByWithModifier::Rollup)) {
                    return refuse(Rule::Clause);
                }
                list.iter().try_for_each(|e| self.expression(e))?;
            }
        }
        self.burden.join(joins::connected(from, selection.as_ref())?)?;
        Ok(most)
    }

    fn item(&mut self, item: &SelectItem) -> Step {
        match item {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, alias: _ } => {
                self.expression(expr)
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), options) => {
                plain_wildcard(options)?;
                let names = names(name)?;
                match names.as_slice() {
                    [_] => Ok(()),
                    [schema, _] => self.scope.schema(&schema.value),
                    _ => refuse(Rule::Schema),
                }
            }
            SelectItem::Wildcard(options) => plain_wildcard(options),
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(_), _)
            | SelectItem::ExprWithAliases { .. } => refuse(Rule::Clause),
        }
    }

    fn from(&mut self, from: &TableWithJoins) -> Step {
        let TableWithJoins { relation, joins } = from;
        self.relation(relation)?;
        joins.iter().try_for_each(|join| self.join(join))
    }

    fn join(&mut self, join: &Join) -> Step {
        let Join { relation, global, join_operator } = join;
        if *global {
            return refuse(Rule::Clause);
        }
        self.relation(relation)?;
        let constraint = match join_operator {
            JoinOperator::Join(c)
            | JoinOperator::Inner(c)
            | JoinOperator::Left(c)
            | JoinOperator::LeftOuter(c)
            | JoinOperator::Right(c)
            | JoinOperator::RightOuter(c) => c,
            JoinOperator::CrossJoin(_) => return refuse(Rule::CrossJoin),
            JoinOperator::FullOuter(_)
            | JoinOperator::Semi(_)
            | JoinOperator::LeftSemi(_)
            | JoinOperator::RightSemi(_)
            | JoinOperator::Anti(_)
            | JoinOperator::LeftAnti(_)
            | JoinOperator::RightAnti(_)
            | JoinOperator::CrossApply
            | JoinOperator::OuterApply
            | JoinOperator::AsOf { .. }
            | JoinOperator::StraightJoin(_)
            | JoinOperator::ArrayJoin
            | JoinOperator::LeftArrayJoin
            | JoinOperator::InnerArrayJoin => return refuse(Rule::Clause),
        };
        match constraint {
            JoinConstraint::On(condition) => self.expression(condition),
            JoinConstraint::Using(columns) => columns.iter().try_for_each(|c| names(c).map(|_| ())),
            JoinConstraint::Natural | JoinConstraint::None => Ok(()),
        }
    }

    fn relation(&mut self, relation: &TableFactor) -> Step {
        match relation {
            TableFactor::Table {
                name,
                alias: called,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints: _,
            } => {
                if args.is_some()
                    || !with_hints.is_empty()
                    || version.is_some()
                    || *with_ordinality
                    || !partitions.is_empty()
                    || json_path.is_some()
                    || sample.is_some()
                {
                    return refuse(Rule::Clause);
                }
                alias(called.as_ref())?;
                let parts = names(name)?;
                let table = match parts.as_slice() {
                    [table] => {
                        self.scope.table(None, &table.value)?;
                        table
                    }
                    [schema, table] => {
                        self.scope.table(Some(&schema.value), &table.value)?;
                        table
                    }
                    _ => return refuse(Rule::Schema),
                };
                let called = called.as_ref().map_or(&table.value, |alias| &alias.name.value);
                self.burden.table(&table.value, called);
                Ok(())
            }
            TableFactor::Derived { lateral, subquery, alias: named, sample } => {
                if *lateral || sample.is_some() {
                    return refuse(Rule::Clause);
                }
                alias(named.as_ref())?;
                let evaluations = self.counted(subquery)?;
                let called = named.as_ref().map_or("", |alias| &alias.name.value);
                self.burden.derived(called, evaluations);
                Ok(())
            }
            TableFactor::NestedJoin { table_with_joins, alias: named } => {
                if named.is_some() {
                    return refuse(Rule::Clause);
                }
                self.from(table_with_joins)
            }
            _ => refuse(Rule::Table),
        }
    }

    pub(crate) fn order_by(&mut self, item: &OrderByExpr) -> Step {
        let OrderByExpr { expr, options: OrderByOptions { sort, nulls_first }, with_fill } = item;
        if !matches!(sort, None | Some(OrderBySort::Asc | OrderBySort::Desc))
            || nulls_first.is_some()
            || with_fill.is_some()
        {
            return refuse(Rule::Clause);
        }
        self.expression(expr)
    }
}

/// The parts of a name, none of them computed.
pub(crate) fn names(name: &ObjectName) -> Result<Vec<&Ident>, Refusal> {
    name.0
        .iter()
        .map(|part| match part {
            ObjectNamePart::Identifier(ident) => Ok(ident),
            ObjectNamePart::Function(_) => refuse(Rule::Function),
        })
        .collect()
}

/// An alias that is a name, perhaps with the names of columns.
fn alias(alias: Option<&TableAlias>) -> Step {
    match alias {
        None => Ok(()),
        Some(TableAlias { explicit: _, name: _, columns, at }) => {
            if at.is_some() || columns.iter().any(|c| c.data_type.is_some()) {
                return refuse(Rule::Clause);
            }
            Ok(())
        }
    }
}

fn plain_wildcard(options: &WildcardAdditionalOptions) -> Step {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias,
    } = options;
    if opt_ilike.is_some()
        || opt_exclude.is_some()
        || opt_except.is_some()
        || opt_replace.is_some()
        || opt_rename.is_some()
        || opt_alias.is_some()
    {
        return refuse(Rule::Clause);
    }
    Ok(())
}

/// A limit of numbers or placeholders.
fn limit(clause: &LimitClause) -> Step {
    let numbers = match clause {
        LimitClause::LimitOffset { limit, offset, limit_by } => {
            if !limit_by.is_empty() {
                return refuse(Rule::Clause);
            }
            let offset = match offset {
                None => None,
                Some(Offset { value, rows: OffsetRows::None }) => Some(value),
                Some(_) => return refuse(Rule::Clause),
            };
            [limit.as_ref(), offset]
        }
        LimitClause::OffsetCommaLimit { offset, limit } => [Some(limit), Some(offset)],
    };
    if numbers.into_iter().flatten().all(crate::expression::is_number_or_placeholder) {
        Ok(())
    } else {
        refuse(Rule::Clause)
    }
}

#[cfg(test)]
mod tests {
    use sqlparser::ast::{Expr, FunctionArguments, Statement};
    use sqlparser::dialect::{
        BigQueryDialect, ClickHouseDialect, Dialect, DuckDbDialect, GenericDialect, HiveDialect,
        MsSqlDialect, MySqlDialect, OracleDialect, PostgreSqlDialect, RedshiftSqlDialect, SnowflakeDialect,
    };
    use sqlparser::parser::Parser;

    use super::*;

    /// Walks a query that neither the gate nor the words have looked at.
    fn walk(sql: &str) -> Result<(), Refusal> {
        walk_in(&MySqlDialect {}, sql)
    }

    fn walk_in(dialect: &dyn Dialect, sql: &str) -> Result<(), Refusal> {
        let statements = Parser::parse_sql(dialect, sql).unwrap();
        let [Statement::Query(query)] = statements.as_slice() else { panic!("{sql}") };
        let database = DatabaseName::new("opendental").unwrap();
        Walk::new(Scope { database: Some(&database), catalog: true }).query(query)
    }

    #[test]
    fn the_tree_is_judged_without_the_words() {
        assert_eq!(walk("SELECT a FROM t WHERE b = COUNT(*)"), Ok(()));
        for (sql, rule) in [
            ("SELECT * FROM t FOR UPDATE", Rule::LockingRead),
            ("SELECT * FROM (SELECT 1 FROM t FOR SHARE) d", Rule::LockingRead),
            ("WITH RECURSIVE r AS (SELECT 1) SELECT 1 FROM r", Rule::Recursion),
            ("SELECT HIGH_PRIORITY 1", Rule::Clause),
            ("SELECT STRAIGHT_JOIN 1", Rule::Clause),
            ("SELECT SQL_CALC_FOUND_ROWS 1", Rule::Clause),
            ("SELECT /*+ HINT */ 1", Rule::Clause),
            ("SELECT SLEEP(1)", Rule::Function),
            ("SELECT `count`(1)", Rule::Function),
            ("SELECT f.count(1)", Rule::Function),
            ("SELECT 1 INTO t", Rule::Into),
            ("SELECT * FROM t1 CROSS JOIN t2", Rule::CrossJoin),
            ("SELECT * FROM mysql.user", Rule::Schema),
            ("SELECT \"a\"", Rule::Literal),
            ("SELECT 1 LIMIT 1 + 1", Rule::Clause),
        ] {
            assert_eq!(walk(sql), refuse(rule), "{sql}");
        }
        // What a later parser may let through for MySQL too.
        for (sql, rule) in [
            ("SELECT SUM(a) FILTER (WHERE a > 1) FROM t", Rule::Clause),
            ("SELECT LAG(a) IGNORE NULLS OVER (ORDER BY a) FROM t", Rule::Clause),
            ("SELECT MAX(a) WITHIN GROUP (ORDER BY a) FROM t", Rule::Clause),
            ("SELECT a FROM t LIMIT 1 BY a", Rule::Clause),
            ("SELECT a FROM t FETCH FIRST 1 ROWS ONLY", Rule::Clause),
            ("SELECT $1", Rule::Literal),
            ("SELECT BIGINT '1'", Rule::Literal),
            ("SELECT a + INTERVAL 1 DAY (2) FROM t", Rule::Expression),
            ("SELECT a + INTERVAL '1' DAY TO HOUR FROM t", Rule::Expression),
            ("SELECT {fn ABS(1)}", Rule::Clause),
        ] {
            assert_eq!(walk_in(&GenericDialect {}, sql), refuse(rule), "{sql}");
        }
        assert_eq!(walk_in(&ClickHouseDialect {}, "SELECT SUM(0.5)(a) FROM t"), refuse(Rule::Clause));
    }

    /// What no parser of today makes of a text.
    #[test]
    fn forms_that_only_a_tree_can_have_are_refused() {
        let judge = |sql: &str, change: fn(&mut Expr)| {
            let mut expr = Parser::new(&MySqlDialect {}).try_with_sql(sql).unwrap().parse_expr().unwrap();
            let database = DatabaseName::new("opendental").unwrap();
            let scope = || Scope { database: Some(&database), catalog: true };
            assert_eq!(Walk::new(scope()).expression(&expr), Ok(()), "{sql}");
            change(&mut expr);
            Walk::new(scope()).expression(&expr)
        };
        let styled = judge("CONVERT(a, CHAR)", |expr| {
            let Expr::Convert { styles, expr, .. } = expr else { panic!() };
            styles.push(expr.as_ref().clone());
        });
        assert_eq!(styled, refuse(Rule::Expression));
        let bare = judge("SUM(a)", |expr| {
            let Expr::Function(function) = expr else { panic!() };
            function.args = FunctionArguments::None;
        });
        assert_eq!(bare, refuse(Rule::Function));
    }

    /// What no server of ours understands, one clause at a time, each read by a parser that does.
    #[test]
    fn every_clause_of_another_language_is_refused() {
        let clauses: [(&dyn Dialect, &str); 47] = [
            (&GenericDialect {}, "SELECT a FROM t FETCH FIRST 1 ROWS ONLY"),
            (&MsSqlDialect {}, "SELECT a FROM t FOR XML AUTO"),
            (&ClickHouseDialect {}, "SELECT a FROM t SETTINGS b = 1"),
            (&ClickHouseDialect {}, "SELECT a FROM t FORMAT JSON"),
            (&BigQueryDialect {}, "SELECT a FROM t |> LIMIT 1"),
            (&PostgreSqlDialect {}, "WITH c AS MATERIALIZED (SELECT 1) SELECT 1 FROM c"),
            (&MsSqlDialect {}, "SELECT TOP 1 a FROM t"),
            (&PostgreSqlDialect {}, "SELECT DISTINCT ON (a) a FROM t"),
            (&RedshiftSqlDialect {}, "SELECT * EXCLUDE a FROM t"),
            (&HiveDialect {}, "SELECT a FROM t LATERAL VIEW explode(a) b AS c"),
            (&ClickHouseDialect {}, "SELECT a FROM t PREWHERE a = 1"),
            (&SnowflakeDialect {}, "SELECT a FROM t START WITH a = 1 CONNECT BY PRIOR a = b"),
            (&OracleDialect {}, "SELECT a FROM t START WITH a = 1 CONNECT BY PRIOR a = b"),
            (&HiveDialect {}, "SELECT a FROM t CLUSTER BY a"),
            (&HiveDialect {}, "SELECT a FROM t DISTRIBUTE BY a"),
            (&HiveDialect {}, "SELECT a FROM t SORT BY a"),
            (&SnowflakeDialect {}, "SELECT a FROM t QUALIFY a = 1"),
            (&BigQueryDialect {}, "SELECT AS STRUCT a FROM t"),
            (&DuckDbDialect {}, "FROM t"),
            (&GenericDialect {}, "SELECT a FROM t UNION BY NAME SELECT a FROM u"),
            (&GenericDialect {}, "SELECT a FROM t MINUS SELECT a FROM u"),
            (&ClickHouseDialect {}, "SELECT a FROM t GROUP BY a WITH TOTALS"),
            (&GenericDialect {}, "SELECT a FROM t GROUP BY ALL"),
            (&ClickHouseDialect {}, "SELECT a FROM t ORDER BY a WITH FILL"),
            (&ClickHouseDialect {}, "SELECT a FROM t ORDER BY a INTERPOLATE"),
            (&GenericDialect {}, "SELECT a FROM t ORDER BY a NULLS FIRST"),
            (&ClickHouseDialect {}, "SELECT a FROM t LIMIT 1 BY a"),
            (&PostgreSqlDialect {}, "SELECT a FROM t OFFSET 1 ROWS"),
            (&SnowflakeDialect {}, "SELECT * ILIKE 'a' FROM t"),
            (&BigQueryDialect {}, "SELECT * EXCEPT (a) FROM t"),
            (&BigQueryDialect {}, "SELECT * REPLACE (1 AS a) FROM t"),
            (&SnowflakeDialect {}, "SELECT * RENAME a AS b FROM t"),
            (&GenericDialect {}, "SELECT a FROM t AS x (b INT)"),
            (&MsSqlDialect {}, "SELECT a FROM t WITH (NOLOCK)"),
            (&BigQueryDialect {}, "SELECT a FROM t FOR SYSTEM_TIME AS OF b"),
            (&PostgreSqlDialect {}, "SELECT a FROM f(1) WITH ORDINALITY"),
            (&PostgreSqlDialect {}, "SELECT a FROM f(1)"),
            (&MySqlDialect {}, "SELECT a FROM t PARTITION (p)"),
            (&GenericDialect {}, "SELECT a FROM t TABLESAMPLE BERNOULLI (1)"),
            (&PostgreSqlDialect {}, "SELECT a FROM t JOIN LATERAL (SELECT 1) d ON d.a = t.a"),
            (&GenericDialect {}, "SELECT a FROM (SELECT 1) d TABLESAMPLE BERNOULLI (1)"),
            (&GenericDialect {}, "SELECT a FROM (t JOIN u ON t.a = u.a) AS x"),
            (&ClickHouseDialect {}, "SELECT a FROM t GLOBAL JOIN u ON t.a = u.a"),
            (&GenericDialect {}, "SELECT a FROM t FULL JOIN u ON t.a = u.a"),
            (&GenericDialect {}, "SELECT a FROM t LEFT SEMI JOIN u ON t.a = u.a"),
            (&MsSqlDialect {}, "SELECT a FROM t CROSS APPLY f(1)"),
            (&GenericDialect {}, "SELECT a FROM t WINDOW w AS v"),
        ];
        for (dialect, sql) in clauses {
            assert!(Parser::parse_sql(dialect, sql).is_ok(), "{sql}");
            assert!(walk_in(dialect, sql).is_err(), "{sql}");
        }
    }

    #[test]
    fn tables_that_an_engine_makes_up_are_known_by_their_names() {
        for name in ["seq_1_to_5", "SEQ_1_TO_1000000", "seq_1_to_9_step_2"] {
            assert_eq!(walk(&format!("SELECT 1 FROM {name}")), refuse(Rule::Table), "{name}");
        }
        for name in
            ["sec_1_to_5", "seq_a_to_5", "seq__to_5", "seq_1_by_5", "seq_1_to_x", "seq_1_to", "seq", "seq_1"]
        {
            assert_eq!(walk(&format!("SELECT 1 FROM {name}")), Ok(()), "{name}");
        }
    }
}
