//! Evaluates a parsed template. The library parses; what is computed is computed here, as the library has no bound on
//! the values in between.

mod emit;
mod loops;

use std::collections::BTreeMap;
use std::sync::Arc;

use minijinja::machinery::ast::{BinOpKind, CallArg, CallType, CompareOpKind, Const, Expr, Slice, Stmt, UnaryOpKind};
use minijinja::value::ValueKind;

use super::args::Args;
use super::value::Value;
use super::work::{ALLOCATION, Work};
use super::{filters, operators, tests};

/// What comes out of a template, piece by piece: its own text, or a value in it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Piece {
    Literal(String),
    Value(Value),
}

/// The bytes of a member of an object: its name and its value in a tree whose nodes may be half empty.
const MEMBER_BYTES: usize = 2 * (size_of::<Arc<str>>() + size_of::<Value>()) + ALLOCATION;

pub(crate) struct Evaluator<'a> {
    pub(crate) work: &'a mut Work,
    /// The innermost last.
    scopes: Vec<BTreeMap<String, Value>>,
    pieces: Vec<Piece>,
    size: usize,
}

type Evaluated<T = Value> = Result<T, String>;

/// # Errors
/// Says what is wrong, for people.
pub(crate) fn evaluate(
    template: &Stmt<'_>,
    values: &BTreeMap<String, Value>,
    work: &mut Work,
) -> Evaluated<Vec<Piece>> {
    work.begin();
    let mut evaluator = Evaluator { work, scopes: vec![values.clone(), BTreeMap::new()], pieces: Vec::new(), size: 0 };
    evaluator.statement(template)?;
    Ok(evaluator.pieces)
}

impl Evaluator<'_> {
    fn statements(&mut self, all: &[Stmt<'_>]) -> Evaluated<()> {
        all.iter().try_for_each(|one| self.statement(one))
    }

    fn statement(&mut self, statement: &Stmt<'_>) -> Evaluated<()> {
        self.work.enter()?;
        match statement {
            Stmt::Template(it) => self.statements(&it.children)?,
            Stmt::EmitRaw(it) => self.emit_literal(it.raw)?,
            Stmt::EmitExpr(it) => {
                let held = self.work.held();
                let value = self.defined(&it.expr)?;
                self.emit_value(value)?;
                self.work.give_back(held);
            }
            Stmt::IfCond(it) => {
                let held = self.work.held();
                let body = if self.truth(&it.expr)? { &it.true_body } else { &it.false_body };
                self.work.give_back(held);
                self.statements(body)?;
            }
            // The value is held until its scope ends, at the end of a loop's round or of the template.
            Stmt::Set(it) => {
                let value = self.defined(&it.expr)?;
                self.assign(&it.target, value)?;
            }
            Stmt::ForLoop(it) => self.each(it)?,
            // The check has refused all others.
            _ => return Err("a template has no such statement".to_owned()),
        }
        self.work.leave();
        Ok(())
    }

    fn assign(&mut self, target: &Expr<'_>, value: Value) -> Evaluated<()> {
        let targets = match target {
            Expr::Var(name) => {
                if let Some(scope) = self.scopes.last_mut() {
                    scope.insert(name.id.to_owned(), value);
                }
                return Ok(());
            }
            Expr::List(targets) => &targets.items,
            Expr::Tuple(targets) => &targets.items,
            _ => return Err("a value can be given to a name only".to_owned()),
        };
        match value {
            Value::List(values) if values.len() == targets.len() => {
                targets.iter().zip(values.iter()).try_for_each(|(target, value)| self.assign(target, value.clone()))
            }
            other => Err(format!("{} cannot be given to {} names", other.kind(), targets.len())),
        }
    }

    fn truth(&mut self, expr: &Expr<'_>) -> Evaluated<bool> {
        Ok(operators::is_true(&self.defined(expr)?))
    }

    /// The value, which must be there.
    fn defined(&mut self, expr: &Expr<'_>) -> Evaluated {
        let value = self.value(expr)?;
        must_be_there(&value)?;
        Ok(value)
    }

    fn value(&mut self, expr: &Expr<'_>) -> Evaluated {
        self.work.enter()?;
        let value = match expr {
            Expr::Var(it) => self.named(it.id),
            Expr::Const(it) => constant(it)?,
            Expr::GetAttr(it) => {
                let of = self.defined(&it.expr)?;
                member(&of, it.name, expr)
            }
            Expr::GetItem(it) => {
                let of = self.defined(&it.expr)?;
                match (&of, self.defined(&it.subscript_expr)?) {
                    (Value::Map(_), Value::Text(name, _)) => member(&of, &name, expr),
                    (Value::List(items), Value::Int(at)) => {
                        let at = operators::place(at, items.len());
                        at.and_then(|at| items.get(at).cloned()).unwrap_or_else(|| Value::Undefined(path(expr)))
                    }
                    (of, at) => return Err(format!("{} has no item that {} names", of.kind(), at.kind())),
                }
            }
            Expr::Slice(it) => self.slice(it)?,
            Expr::UnaryOp(it) => match it.op {
                UnaryOpKind::Not => Value::Bool(!self.truth(&it.expr)?),
                UnaryOpKind::Neg => operators::negative(&self.defined(&it.expr)?)?,
            },
            Expr::BinOp(it) => {
                let left = self.defined(&it.left)?;
                match it.op {
                    BinOpKind::ScAnd if !operators::is_true(&left) => left,
                    BinOpKind::ScOr if operators::is_true(&left) => left,
                    op => {
                        let right = self.defined(&it.right)?;
                        operators::apply(op, &left, &right, self.work)?
                    }
                }
            }
            Expr::Compare(it) => {
                let mut left = self.defined(&it.expr)?;
                let mut holds = true;
                for op in &it.ops {
                    let right = self.defined(&op.expr)?;
                    holds = operators::is_true(&operators::apply(compared(op.op), &left, &right, self.work)?)
                        != matches!(op.op, CompareOpKind::NotIn);
                    if !holds {
                        break;
                    }
                    left = right;
                }
                Value::Bool(holds)
            }
            Expr::IfExpr(it) => match (self.truth(&it.test_expr)?, &it.false_expr) {
                (true, _) => self.value(&it.true_expr)?,
                (false, Some(other)) => self.value(other)?,
                (false, None) => Value::text(""),
            },
            Expr::Filter(it) => {
                let input = it.expr.as_ref().ok_or("a filter needs a value before it")?;
                let input = self.value(input)?;
                let args = self.args(&it.args)?;
                filters::apply(it.name, input, args, self.work)?
            }
            Expr::Test(it) => {
                let input = self.value(&it.expr)?;
                let args = self.args(&it.args)?;
                Value::Bool(tests::apply(it.name, &input, args, self.work)?)
            }
            Expr::Call(it) => match it.identify_call() {
                CallType::Function("range") => {
                    let args = self.args(&it.args)?;
                    filters::range(args, self.work)?
                }
                _ => return Err("a template has no function but `range`".to_owned()),
            },
            Expr::List(it) => self.list(&it.items)?,
            Expr::Tuple(it) => self.list(&it.items)?,
            Expr::Map(it) => {
                let mut members = BTreeMap::new();
                for (name, value) in it.keys.iter().zip(&it.values) {
                    let name = self.defined(name)?.print();
                    let value = self.defined(value)?;
                    self.work.read(&value)?;
                    members.insert(name, value);
                }
                let map = Value::Map(Arc::new(members));
                self.work.make(map.size())?;
                self.work.hold(it.keys.len() * MEMBER_BYTES)?;
                map
            }
        };
        self.work.leave();
        Ok(value)
    }

    fn list(&mut self, items: &[Expr<'_>]) -> Evaluated {
        let items = items.iter().map(|item| self.defined(item)).collect::<Evaluated<Vec<Value>>>()?;
        self.work.list(items)
    }

    fn named(&self, name: &str) -> Value {
        let found = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        found.cloned().unwrap_or_else(|| Value::Undefined(Some(name.into())))
    }

    fn slice(&mut self, it: &Slice<'_>) -> Evaluated {
        let of = self.defined(&it.expr)?;
        let mut bound = |expr: &Option<Expr<'_>>| match expr {
            None => Ok(None),
            Some(expr) => match self.defined(expr)? {
                Value::Int(at) => Ok(Some(at)),
                other => Err(format!("a slice is from number to number, not {}", other.kind())),
            },
        };
        let (start, stop) = (bound(&it.start)?, bound(&it.stop)?);
        if it.step.is_some() {
            return Err("a slice with a step is not there".to_owned());
        }
        operators::slice(&of, start, stop, self.work)
    }

    fn args(&mut self, args: &[CallArg<'_>]) -> Evaluated<Args> {
        let mut read = Args { positional: Vec::new(), named: Vec::new() };
        for arg in args {
            match arg {
                CallArg::Pos(expr) => read.positional.push(Some(self.defined(expr)?)),
                CallArg::Kwarg(name, expr) => read.named.push(((*name).to_owned(), self.defined(expr)?)),
                _ => return Err("arguments cannot be unpacked with `*`".to_owned()),
            }
        }
        Ok(read)
    }
}

pub(crate) fn must_be_there(value: &Value) -> Evaluated<()> {
    match value {
        Value::Undefined(Some(path)) => Err(format!("undefined value; the event has no `{path}`")),
        Value::Undefined(None) => Err("undefined value".to_owned()),
        _ => Ok(()),
    }
}

fn member(of: &Value, name: &str, expr: &Expr<'_>) -> Value {
    let found = if let Value::Map(members) = of { members.get(name).cloned() } else { None };
    found.unwrap_or_else(|| Value::Undefined(path(expr)))
}

/// Where a value is looked for, such as `data.user.name`.
fn path(expr: &Expr<'_>) -> Option<Arc<str>> {
    match expr {
        Expr::Var(it) => Some(it.id.into()),
        Expr::GetAttr(it) => Some(format!("{}.{}", path(&it.expr)?, it.name).into()),
        Expr::GetItem(it) => match &it.subscript_expr {
            Expr::Const(at) => Some(format!("{}[{}]", path(&it.expr)?, at.value).into()),
            _ => path(&it.expr),
        },
        _ => None,
    }
}

fn constant(it: &Const) -> Evaluated {
    Ok(match it.value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(it.value.is_true()),
        ValueKind::String => Value::text(it.value.as_str().unwrap_or_default()),
        ValueKind::Number => match (i128::try_from(it.value.clone()), f64::try_from(it.value.clone())) {
            (Ok(int), _) if it.value.is_integer() => Value::Int(int),
            (_, Ok(float)) => Value::Float(float),
            _ => return Err(format!("{} is too large a number", it.value)),
        },
        _ => return Err(format!("a template has no constant like {}", it.value)),
    })
}

fn compared(op: CompareOpKind) -> BinOpKind {
    match op {
        CompareOpKind::Eq => BinOpKind::Eq,
        CompareOpKind::Ne => BinOpKind::Ne,
        CompareOpKind::Lt => BinOpKind::Lt,
        CompareOpKind::Lte => BinOpKind::Lte,
        CompareOpKind::Gt => BinOpKind::Gt,
        CompareOpKind::Gte => BinOpKind::Gte,
        CompareOpKind::In | CompareOpKind::NotIn => BinOpKind::In,
    }
}
