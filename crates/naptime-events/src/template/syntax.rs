//! Reads a template, and refuses what it may not hold: what a rule says is judged when it is stored, and again before it
//! is carried out, as it may be older than the rules for templates.

use std::collections::BTreeSet;

use minijinja::machinery::ast::{CallArg, CallType, Expr, Stmt};
use minijinja::machinery::{Token, parse, tokenize};
use minijinja::syntax::SyntaxConfig;

use super::filters::FILTERS;
use super::tests::TESTS;
use super::work::MAX_BYTES;

/// The most words and signs within the braces of a template. Parsing goes as deep as an expression is long, so that a
/// long enough one would overflow the stack and end the process.
pub(super) const MAX_TOKENS: usize = 500;

/// What templates may name.
const KNOWN: [&str; 3] = ["event", "key", "data"];

/// Why a template cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    TooLong(String),
    Template(String),
}

/// # Errors
/// If it is no template, or uses what is not there.
pub(crate) fn read(source: &str) -> Result<Stmt<'_>, Bad> {
    if source.len() > MAX_BYTES {
        return Err(Bad::TooLong(format!("a template has at most {MAX_BYTES} bytes")));
    }
    if !is_small(source) {
        let detail = format!("a template has at most {MAX_TOKENS} words and signs within its braces");
        return Err(Bad::TooLong(detail));
    }
    let template = parse(source, "", SyntaxConfig::default())
        .map_err(|error| Bad::Template(unclosed(source).unwrap_or_else(|| explained(&error))))?;
    let mut judge = Judge { known: BTreeSet::from(KNOWN) };
    judge.statement(&template).map_err(Bad::Template)?;
    Ok(template)
}

/// Whether it can be parsed without harm. What is no template at all is found by the parser.
pub(crate) fn is_small(source: &str) -> bool {
    let tokens = tokenize(source, false, SyntaxConfig::default()).map_while(Result::ok);
    let within = tokens.filter(|(token, _)| !matches!(token, Token::TemplateData(_)));
    within.take(MAX_TOKENS + 1).count() <= MAX_TOKENS
}

/// That the braces which the template ends within are not closed, as the parser does not say which.
fn unclosed(source: &str) -> Option<String> {
    let mut open = None;
    for token in tokenize(source, false, SyntaxConfig::default()) {
        // The parser says what is wrong with this one.
        let (token, span) = token.ok()?;
        match token {
            Token::VariableStart => open = Some(("{{", "}}", span.start_line)),
            Token::BlockStart => open = Some(("{%", "%}", span.start_line)),
            Token::VariableEnd | Token::BlockEnd => open = None,
            _ => {}
        }
    }
    let (start, end, line) = open?;
    let at = if line > 1 { format!(" (line {line})") } else { String::new() };
    Some(format!("a `{start}` is not closed by `{end}`{at}"))
}

fn explained(error: &minijinja::Error) -> String {
    let what = error.detail().map_or_else(|| error.kind().to_string(), str::to_owned);
    match error.line() {
        Some(line) if line > 1 => format!("{what} (line {line})"),
        _ => what,
    }
}

struct Judge<'a> {
    /// What may be named so far.
    known: BTreeSet<&'a str>,
}

impl<'a> Judge<'a> {
    fn statement(&mut self, statement: &Stmt<'a>) -> Result<(), String> {
        let refused = match statement {
            Stmt::Template(it) => return self.statements(&it.children),
            Stmt::EmitRaw(_) => return Ok(()),
            Stmt::EmitExpr(it) => return self.expr(&it.expr),
            Stmt::IfCond(it) => {
                self.expr(&it.expr)?;
                self.statements(&it.true_body)?;
                return self.statements(&it.false_body);
            }
            Stmt::Set(it) => {
                self.expr(&it.expr)?;
                return self.target(&it.target);
            }
            Stmt::ForLoop(it) if it.recursive => "for ... recursive",
            Stmt::ForLoop(it) => {
                self.expr(&it.iter)?;
                let outside = self.known.clone();
                self.target(&it.target)?;
                it.filter_expr.iter().try_for_each(|expr| self.expr(expr))?;
                self.known.insert("loop");
                self.statements(&it.body)?;
                self.known = outside;
                return self.statements(&it.else_body);
            }
            Stmt::WithBlock(_) => "with",
            Stmt::SetBlock(_) => "set ... endset",
            Stmt::FilterBlock(_) => "filter",
            Stmt::AutoEscape(_) => "autoescape",
            _ => "do",
        };
        Err(format!("a template has no `{{% {refused} %}}`; there are `if`, `for` and `set`"))
    }

    fn statements(&mut self, all: &[Stmt<'a>]) -> Result<(), String> {
        all.iter().try_for_each(|one| self.statement(one))
    }

    fn target(&mut self, target: &Expr<'a>) -> Result<(), String> {
        match target {
            Expr::Var(it) => {
                self.known.insert(it.id);
                Ok(())
            }
            Expr::List(it) => it.items.iter().try_for_each(|item| self.target(item)),
            Expr::Tuple(it) => it.items.iter().try_for_each(|item| self.target(item)),
            _ => Err("a value can be given to a name only".to_owned()),
        }
    }

    fn expr(&self, expr: &Expr<'a>) -> Result<(), String> {
        let all = |exprs: &[Expr<'a>]| exprs.iter().try_for_each(|expr| self.expr(expr));
        let some = |expr: &Option<Expr<'a>>| expr.iter().try_for_each(|expr| self.expr(expr));
        match expr {
            Expr::Const(_) => Ok(()),
            Expr::Var(it) if self.known.contains(it.id) => Ok(()),
            Expr::Var(it) => Err(format!("there is no `{}`; a template may use `event`, `key` and `data`", it.id)),
            Expr::Slice(it) if it.step.is_some() => Err("a template has no slices with a step".to_owned()),
            Expr::Slice(it) => self.expr(&it.expr).and_then(|()| some(&it.start)).and_then(|()| some(&it.stop)),
            Expr::UnaryOp(it) => self.expr(&it.expr),
            Expr::BinOp(it) => self.expr(&it.left).and_then(|()| self.expr(&it.right)),
            Expr::Compare(it) => {
                self.expr(&it.expr)?;
                it.ops.iter().try_for_each(|op| self.expr(&op.expr))
            }
            Expr::IfExpr(it) => {
                self.expr(&it.test_expr)?;
                self.expr(&it.true_expr)?;
                some(&it.false_expr)
            }
            Expr::Filter(it) if !FILTERS.contains(&it.name) => {
                Err(format!("a template has no filter `{}`; there are {}", it.name, FILTERS.join(", ")))
            }
            Expr::Filter(it) => some(&it.expr).and_then(|()| self.args(&it.args)),
            Expr::Test(it) if !TESTS.contains(&it.name) => {
                Err(format!("a template has no test `{}`; there are {}", it.name, TESTS.join(", ")))
            }
            Expr::Test(it) => self.expr(&it.expr).and_then(|()| self.args(&it.args)),
            Expr::GetAttr(it) => self.expr(&it.expr),
            Expr::GetItem(it) => self.expr(&it.expr).and_then(|()| self.expr(&it.subscript_expr)),
            Expr::Call(it) => match it.identify_call() {
                CallType::Function("range") => self.args(&it.args),
                CallType::Function(name) | CallType::Method(_, name) => {
                    Err(format!("a template has no function `{name}`; there is `range`"))
                }
                _ => Err("a template has no function but `range`".to_owned()),
            },
            Expr::List(it) => all(&it.items),
            Expr::Tuple(it) => all(&it.items),
            Expr::Map(it) => all(&it.keys).and_then(|()| all(&it.values)),
        }
    }

    fn args(&self, args: &[CallArg<'a>]) -> Result<(), String> {
        args.iter().try_for_each(|arg| match arg {
            CallArg::Pos(expr) | CallArg::Kwarg(_, expr) => self.expr(expr),
            _ => Err("arguments cannot be unpacked with `*`".to_owned()),
        })
    }
}
