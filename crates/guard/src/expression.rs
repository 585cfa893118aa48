//! The expressions of the parsed tree, by allow-list.

use sqlparser::ast::{
    BinaryOperator, CaseWhen, CastKind, CeilFloorKind, DataType, DateTimeField, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, Ident, Interval,
    TypedString, UnaryOperator, Value, ValueWithSpan, WindowFrame, WindowFrameBound, WindowSpec, WindowType,
};

use crate::functions;
use crate::refusal::Rule;
use crate::walk::{Step, Walk, names, refuse};

/// Longest result of a padding function, in characters.
const PADDING_MAX: u64 = 1_024;
/// Longest binary string that a cast may pad to, in bytes.
const BINARY_MAX: u64 = 65_535;
/// Longest literal that may replace a shorter one, in bytes.
const REPLACEMENT_BYTES_MAX: usize = 8;
/// Longest pattern of a regular expression, in bytes, and the most repetitions in it.
const PATTERN_BYTES_MAX: usize = 100;
const PATTERN_REPEATS_MAX: usize = 3;
/// Most groups in a pattern without repetitions.
const PATTERN_GROUPS_MAX: usize = 3;

impl Walk<'_> {
    pub(crate) fn expression(&mut self, expr: &Expr) -> Step {
        self.burden.evaluate()?;
        match expr {
            Expr::Identifier(_) => self.burden.column(None),
            Expr::CompoundIdentifier(parts) => self.column(parts),
            Expr::Value(value) => literal(value),
            Expr::TypedString(typed) => typed_literal(typed),
            Expr::Prefixed { prefix: _, value } => match value.as_ref() {
                Expr::Value(value) => literal(value),
                _ => refuse(Rule::Expression),
            },
            Expr::Nested(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner) => self.expression(inner),
            Expr::UnaryOp { op, expr } => match op {
                UnaryOperator::Plus
                | UnaryOperator::Minus
                | UnaryOperator::Not
                | UnaryOperator::BangNot
                | UnaryOperator::BitwiseNot => self.expression(expr),
                _ => refuse(Rule::Expression),
            },
            Expr::BinaryOp { left, op, right } => {
                operator(op)?;
                self.expression(left)?;
                self.expression(right)
            }
            Expr::Between { expr, negated: _, low, high } => self.all([expr, low, high]),
            Expr::InList { expr, list, negated: _ } => {
                self.expression(expr)?;
                list.iter().try_for_each(|item| self.expression(item))
            }
            Expr::Tuple(list) => list.iter().try_for_each(|item| self.expression(item)),
            Expr::InSubquery { expr, subquery, negated: _ } => {
                self.expression(expr)?;
                self.query(subquery)
            }
            Expr::Exists { subquery, negated: _ } | Expr::Subquery(subquery) => self.query(subquery),
            Expr::AnyOp { left, compare_op, right, is_some: _ } | Expr::AllOp { left, compare_op, right } => {
                operator(compare_op)?;
                self.all([left, right])
            }
            Expr::Like { negated: _, any: false, expr, pattern, escape_char } => {
                self.all([expr, pattern])?;
                escape_char.as_deref().map_or(Ok(()), |escape| self.expression(escape))
            }
            Expr::RLike { negated: _, expr, pattern, regexp: _ } => {
                regular(pattern)?;
                self.expression(expr)
            }
            Expr::Case { case_token: _, end_token: _, operand, conditions, else_result } => {
                for part in operand.iter().chain(else_result) {
                    self.expression(part)?;
                }
                conditions.iter().try_for_each(|CaseWhen { condition, result }| {
                    self.expression(condition)?;
                    self.expression(result)
                })
            }
            _ => self.call(expr),
        }
    }

    /// The expressions that are calls: functions, and the forms that have a grammar of their own.
    fn call(&mut self, expr: &Expr) -> Step {
        match expr {
            Expr::Function(function) => self.function(function),
            Expr::Cast { kind: CastKind::Cast, expr, data_type, format: None } => {
                cast_type(data_type)?;
                self.expression(expr)
            }
            Expr::Convert { is_try: false, expr, data_type, charset, target_before_value: false, styles }
                if styles.is_empty() =>
            {
                data_type.as_ref().map_or(Ok(()), cast_type)?;
                charset.as_ref().map_or(Ok(()), plain_name)?;
                self.expression(expr)
            }
            Expr::Collate { expr, collation } => {
                plain_name(collation)?;
                self.expression(expr)
            }
            Expr::Extract { field, syntax: _, expr } => {
                unit(field)?;
                self.expression(expr)
            }
            Expr::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) }
            | Expr::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.expression(expr)
            }
            Expr::Position { expr, r#in } => self.all([expr, r#in]),
            Expr::Substring { expr, substring_from, substring_for, special: _, shorthand: _ } => {
                self.expression(expr)?;
                for part in substring_from.iter().chain(substring_for) {
                    self.expression(part)?;
                }
                Ok(())
            }
            Expr::Trim { trim_where: _, trim_what, expr, trim_characters: None } => {
                self.expression(expr)?;
                trim_what.as_deref().map_or(Ok(()), |what| self.expression(what))
            }
            Expr::Interval(interval) => self.interval(interval),
            _ => refuse(Rule::Expression),
        }
    }

    fn all<const N: usize>(&mut self, list: [&Expr; N]) -> Step {
        list.into_iter().try_for_each(|expr| self.expression(expr))
    }

    /// A qualified column, or a system variable with its scope, which the gate has judged.
    fn column(&mut self, parts: &[Ident]) -> Step {
        let last = parts.last().map(|ident| ident.value.as_str()).unwrap_or_default();
        if functions::listed(&["NEXTVAL", "CURRVAL", "LASTVAL"], last) {
            return refuse(Rule::Function);
        }
        match parts {
            [table, _] => self.burden.column(Some(&table.value)),
            [schema, _, _] => self.scope().schema(&schema.value),
            _ => refuse(Rule::Schema),
        }
    }

    fn interval(&mut self, interval: &Interval) -> Step {
        let Interval { value, leading_field, leading_precision, last_field, fractional_seconds_precision } =
            interval;
        if leading_precision.is_some() || last_field.is_some() || fractional_seconds_precision.is_some() {
            return refuse(Rule::Expression);
        }
        leading_field.as_ref().map_or_else(|| refuse(Rule::Expression), unit)?;
        self.expression(value)
    }

    fn function(&mut self, function: &Function) -> Step {
        let Function { name, uses_odbc_syntax, parameters, args, within_group, filter, null_treatment, over } =
            function;
        let names = names(name)?;
        let [name] = names.as_slice() else { return refuse(Rule::Function) };
        if name.quote_style.is_some() || !functions::is_function(&name.value) {
            return refuse(Rule::Function);
        }
        if *uses_odbc_syntax
            || *parameters != FunctionArguments::None
            || !within_group.is_empty()
            || filter.is_some()
            || null_treatment.is_some()
        {
            return refuse(Rule::Clause);
        }
        match args {
            FunctionArguments::None if functions::listed(&functions::BARE_FUNCTIONS, &name.value) => {}
            FunctionArguments::None => return refuse(Rule::Function),
            FunctionArguments::Subquery(_) => return refuse(Rule::FunctionArguments),
            FunctionArguments::List(list) => self.arguments(&name.value, list)?,
        }
        match over {
            // A named window is judged where it is defined.
            None | Some(WindowType::NamedWindow(_)) => Ok(()),
            Some(WindowType::WindowSpec(window)) => self.window(window),
        }
    }

    fn arguments(&mut self, name: &str, list: &FunctionArgumentList) -> Step {
        let FunctionArgumentList { duplicate_treatment: _, args, clauses } = list;
        for clause in clauses {
            match clause {
                FunctionArgumentClause::OrderBy(order) if name.eq_ignore_ascii_case("GROUP_CONCAT") => {
                    order.iter().try_for_each(|item| self.order_by(item))?;
                }
                FunctionArgumentClause::Separator(value) if name.eq_ignore_ascii_case("GROUP_CONCAT") => {
                    literal(value)?;
                }
                _ => return refuse(Rule::FunctionArguments),
            }
        }
        for arg in args {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => self.expression(expr)?,
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if name.eq_ignore_ascii_case("COUNT") => {}
                _ => return refuse(Rule::FunctionArguments),
            }
        }
        if name.eq_ignore_ascii_case("REPLACE") {
            self.replacement(args)?;
        }
        for (function, place) in functions::LENGTH_ARGUMENT {
            if name.eq_ignore_ascii_case(function) {
                let length = match args.get(place) {
                    Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) => number(value),
                    _ => None,
                };
                if length.is_none_or(|n| n > PADDING_MAX) {
                    return refuse(Rule::FunctionArguments);
                }
            }
        }
        Ok(())
    }

    /// A replacement of one literal by another. Servers make it in place, in time that grows with the square of a
    /// result that grows: nine of them, one in the other, keep MariaDB 10.11 busy for hours.
    fn replacement(&mut self, args: &[FunctionArg]) -> Step {
        let [_, from, to] = args else { return refuse(Rule::FunctionArguments) };
        let (Some(from), Some(to)) = (text(from), text(to)) else { return refuse(Rule::FunctionArguments) };
        if to.len() > from.len() && (to.len() > REPLACEMENT_BYTES_MAX || !self.may_grow()) {
            return refuse(Rule::FunctionArguments);
        }
        Ok(())
    }

    pub(crate) fn window(&mut self, window: &WindowSpec) -> Step {
        let WindowSpec { window_name, partition_by, order_by, window_frame } = window;
        if window_name.is_some() {
            return refuse(Rule::Clause);
        }
        partition_by.iter().try_for_each(|expr| self.expression(expr))?;
        order_by.iter().try_for_each(|item| self.order_by(item))?;
        if let Some(WindowFrame { units: _, start_bound, end_bound }) = window_frame {
            for bound in [Some(start_bound), end_bound.as_ref()].into_iter().flatten() {
                match bound {
                    WindowFrameBound::CurrentRow
                    | WindowFrameBound::Preceding(None)
                    | WindowFrameBound::Following(None) => {}
                    WindowFrameBound::Preceding(Some(expr)) | WindowFrameBound::Following(Some(expr)) => {
                        self.expression(expr)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// Whether an expression is a plain number or a placeholder.
pub(crate) fn is_number_or_placeholder(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(ValueWithSpan { value: Value::Number(..) | Value::Placeholder(_), span: _ }))
}

/// The text of a literal argument.
fn text(arg: &FunctionArg) -> Option<&str> {
    match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(ValueWithSpan {
            value: Value::SingleQuotedString(text),
            span: _,
        }))) => Some(text),
        _ => None,
    }
}

fn number(value: &ValueWithSpan) -> Option<u64> {
    match &value.value {
        Value::Number(digits, false) => digits.parse().ok(),
        _ => None,
    }
}

fn literal(value: &ValueWithSpan) -> Step {
    match &value.value {
        Value::Number(_, false)
        | Value::SingleQuotedString(_)
        | Value::NationalStringLiteral(_)
        | Value::HexStringLiteral(_)
        | Value::SingleQuotedByteStringLiteral(_)
        | Value::Boolean(_)
        | Value::Null => Ok(()),
        Value::Placeholder(sign) if sign == "?" => Ok(()),
        _ => refuse(Rule::Literal),
    }
}

fn typed_literal(typed: &TypedString) -> Step {
    let TypedString { data_type, value, uses_odbc_syntax } = typed;
    let dated = matches!(data_type, DataType::Date | DataType::Time(None, _) | DataType::Timestamp(None, _));
    if !dated || *uses_odbc_syntax {
        return refuse(Rule::Literal);
    }
    literal(value)
}

fn operator(op: &BinaryOperator) -> Step {
    match op {
        BinaryOperator::Plus
        | BinaryOperator::Minus
        | BinaryOperator::Multiply
        | BinaryOperator::Divide
        | BinaryOperator::Modulo
        | BinaryOperator::Gt
        | BinaryOperator::Lt
        | BinaryOperator::GtEq
        | BinaryOperator::LtEq
        | BinaryOperator::Spaceship
        | BinaryOperator::Eq
        | BinaryOperator::NotEq
        | BinaryOperator::And
        | BinaryOperator::Or
        | BinaryOperator::Xor
        // An `or` to some sessions, a concatenation to others, and a reading to both.
        | BinaryOperator::StringConcat
        | BinaryOperator::BitwiseXor
        | BinaryOperator::BitwiseOr
        | BinaryOperator::BitwiseAnd
        | BinaryOperator::PGBitwiseShiftLeft
        | BinaryOperator::PGBitwiseShiftRight
        | BinaryOperator::MyIntegerDivide => Ok(()),
        _ => refuse(Rule::Expression),
    }
}

fn unit(field: &DateTimeField) -> Step {
    match field {
        DateTimeField::Year
        | DateTimeField::Quarter
        | DateTimeField::Month
        | DateTimeField::Week(None)
        | DateTimeField::Day
        | DateTimeField::Hour
        | DateTimeField::Minute
        | DateTimeField::Second
        | DateTimeField::Microsecond => Ok(()),
        _ => refuse(Rule::Expression),
    }
}

fn cast_type(data_type: &DataType) -> Step {
    match data_type {
        DataType::Char(_)
        | DataType::Signed
        | DataType::SignedInteger
        | DataType::Unsigned
        | DataType::UnsignedInteger
        | DataType::Decimal(_)
        | DataType::Date
        | DataType::Datetime(_)
        | DataType::Time(_, _)
        | DataType::Double(_)
        | DataType::Float(_)
        | DataType::JSON => Ok(()),
        DataType::Binary(length) if length.is_none_or(|n| n <= BINARY_MAX) => Ok(()),
        _ => refuse(Rule::Expression),
    }
}

/// A name of one part, such as a collation.
fn plain_name(name: &sqlparser::ast::ObjectName) -> Step {
    match names(name)?.as_slice() {
        [_] => Ok(()),
        _ => refuse(Rule::Expression),
    }
}

/// A regular expression that no engine can be made to think long about: short, with few repetitions, or with few groups
/// and no repetition at all.
fn regular(pattern: &Expr) -> Step {
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(text), span: _ }) = pattern else {
        return refuse(Rule::FunctionArguments);
    };
    let repeats = text.bytes().filter(|b| matches!(b, b'*' | b'+' | b'?' | b'{')).count();
    let groups = text.matches('(').count();
    let thinks = groups > PATTERN_GROUPS_MAX || (groups > 0 && repeats > 0);
    if text.len() > PATTERN_BYTES_MAX || repeats > PATTERN_REPEATS_MAX || thinks {
        return refuse(Rule::FunctionArguments);
    }
    Ok(())
}
