package config

import (
	"go.starlark.net/syntax"
)

// guard changes the tree where Starlark's own operation lacks a bound or a form of Python's:
//
//	x * y, x *= y   -> __mul__(x, y)           bounded repetition
//	x + y           -> __add__(x, y)           bounded texts and lists
//	x % y           -> __mod__(x, y)           widths and precisions
//	x.format(...)   -> __method__("format", x, ...)  format specifications; also the rest of ownMethods
//	if x, not x ... -> if __known__(x)         values that could not be read have no truth, and equal nothing
//	for a in x      -> for a in __each__(x)    texts
//	NAME = x        -> NAME = __note__("NAME", place, x) at the top level, to tell where a setting came from
func (in *interpreter) guard(f *syntax.File) {
	g := &guarder{in: in}
	for _, s := range f.Stmts {
		g.stmt(s, true)
	}
}

type guarder struct{ in *interpreter }

func (g *guarder) stmts(list []syntax.Stmt, top bool) {
	for _, s := range list {
		g.stmt(s, top)
	}
}

func (g *guarder) stmt(s syntax.Stmt, top bool) {
	switch s := s.(type) {
	case *syntax.AssignStmt:
		s.LHS = g.expr(s.LHS)
		s.RHS = g.expr(s.RHS)
		if id, ok := s.LHS.(*syntax.Ident); ok && s.Op == syntax.STAR_EQ {
			s.Op = syntax.EQ
			s.RHS = call("__mul__", s.OpPos, &syntax.Ident{Name: id.Name, NamePos: id.NamePos}, s.RHS)
		}
		if id, ok := s.LHS.(*syntax.Ident); ok && top && s.Op == syntax.EQ && lookup(id.Name) != nil {
			s.RHS = call("__note__", s.OpPos, textLit(id.Name, id.NamePos), numberLit(g.in.rw.source(id.NamePos), id.NamePos), s.RHS)
		}
	case *syntax.DefStmt:
		g.exprs(s.Params)
		g.stmts(s.Body, false)
	case *syntax.ExprStmt:
		s.X = g.expr(s.X)
	case *syntax.IfStmt:
		s.Cond = g.known(s.Cond)
		g.stmts(s.True, top)
		g.stmts(s.False, top)
	case *syntax.ForStmt:
		s.X = call("__each__", s.For, g.expr(s.X))
		g.stmts(s.Body, top)
	case *syntax.WhileStmt:
		s.Cond = g.known(s.Cond)
		g.stmts(s.Body, top)
	case *syntax.ReturnStmt:
		s.Result = g.expr(s.Result)
	}
}

// known is an expression whose value decides something. Literals need no question.
func (g *guarder) known(e syntax.Expr) syntax.Expr {
	if _, literal := e.(*syntax.Literal); literal {
		return e
	}
	start, _ := e.Span()
	return call("__known__", start, g.expr(e))
}

func (g *guarder) exprs(list []syntax.Expr) {
	for i := range list {
		list[i] = g.expr(list[i])
	}
}

func (g *guarder) expr(e syntax.Expr) syntax.Expr {
	switch x := e.(type) {
	case *syntax.BinaryExpr:
		if x.Op == syntax.EQ { // a parameter's default or a named argument
			x.Y = g.expr(x.Y)
			return x
		}
		switch x.Op {
		case syntax.AND, syntax.OR:
			x.X, x.Y = g.known(x.X), g.expr(x.Y)
			return x
		case syntax.EQL, syntax.NEQ, syntax.IN, syntax.NOT_IN:
			x.X, x.Y = g.known(x.X), g.known(x.Y)
			return x
		}
		x.X, x.Y = g.expr(x.X), g.expr(x.Y)
		switch x.Op {
		case syntax.STAR:
			return call("__mul__", x.OpPos, x.X, x.Y)
		case syntax.PLUS:
			return call("__add__", x.OpPos, x.X, x.Y)
		case syntax.PERCENT:
			return call("__mod__", x.OpPos, x.X, x.Y)
		}
	case *syntax.CallExpr:
		g.exprs(x.Args)
		if dot, ok := x.Fn.(*syntax.DotExpr); ok && ownMethods[dot.Name.Name] {
			args := append([]syntax.Expr{textLit(dot.Name.Name, dot.NamePos), g.expr(dot.X)}, x.Args...)
			return call("__method__", x.Lparen, args...)
		}
		x.Fn = g.expr(x.Fn)
	case *syntax.Comprehension:
		x.Body = g.expr(x.Body)
		for _, c := range x.Clauses {
			switch c := c.(type) {
			case *syntax.ForClause:
				c.X = call("__each__", c.For, g.expr(c.X))
			case *syntax.IfClause:
				c.Cond = g.known(c.Cond)
			}
		}
	case *syntax.CondExpr:
		x.Cond, x.True, x.False = g.known(x.Cond), g.expr(x.True), g.expr(x.False)
	case *syntax.DictEntry:
		x.Key, x.Value = g.expr(x.Key), g.expr(x.Value)
	case *syntax.DictExpr:
		g.exprs(x.List)
	case *syntax.DotExpr:
		x.X = g.expr(x.X)
	case *syntax.IndexExpr:
		x.X, x.Y = g.expr(x.X), g.expr(x.Y)
	case *syntax.LambdaExpr:
		g.exprs(x.Params)
		x.Body = g.expr(x.Body)
	case *syntax.ListExpr:
		g.exprs(x.List)
	case *syntax.ParenExpr:
		x.X = g.expr(x.X)
	case *syntax.SliceExpr:
		x.X, x.Lo, x.Hi, x.Step = g.expr(x.X), g.expr(x.Lo), g.expr(x.Hi), g.expr(x.Step)
	case *syntax.TupleExpr:
		g.exprs(x.List)
	case *syntax.UnaryExpr:
		switch {
		case x.X != nil && x.Op == syntax.NOT:
			x.X = g.known(x.X)
		case x.X != nil:
			x.X = g.expr(x.X)
		}
	}
	return e
}

func call(name string, pos syntax.Position, args ...syntax.Expr) *syntax.CallExpr {
	return &syntax.CallExpr{Fn: &syntax.Ident{Name: name, NamePos: pos}, Lparen: pos, Args: args, Rparen: pos}
}

func textLit(s string, pos syntax.Position) *syntax.Literal {
	return &syntax.Literal{Token: syntax.STRING, TokenPos: pos, Raw: syntax.Quote(s, false), Value: s}
}

func numberLit(n int, pos syntax.Position) *syntax.Literal {
	return &syntax.Literal{Token: syntax.INT, TokenPos: pos, Value: int64(n)}
}
