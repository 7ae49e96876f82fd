package config

import (
	"strconv"
	"strings"
)

// Statements of Python that become several of Starlark.

// hoist writes the assignments within an expression, name := value, as statements before it, and returns the
// expression with the names in their place. It refuses where Python would not always evaluate them, or more than once.
func (r *rewriter) hoist(tokens []token) ([]token, *pyError) {
	for i := 0; i < len(tokens); i++ {
		t := tokens[i]
		if t.kind != tokOp || r.text(t) != ":=" {
			continue
		}
		refused := &pyError{pos: t.start, msg: "an assignment within an expression is not read here", mend: "assign on a line of its own"}
		if i == 0 || tokens[i-1].kind != tokName {
			return nil, refused
		}
		name, ternary := r.text(tokens[i-1]), false
		for _, before := range tokens[:i-1] {
			switch word := r.text(before); {
			case word == "and" || word == "or" || word == "else" || word == "for" || word == "lambda" || word == "while" || word == "elif":
				return nil, refused
			case word == "if":
				ternary = true
			}
		}
		for _, before := range tokens[:i-1] {
			if before.kind == tokName && r.text(before) == name && !ternary {
				return nil, refused
			}
		}
		end := i + 1
		for end < len(tokens) && tokens[end].depth >= t.depth && !(tokens[end].depth == t.depth && r.text(tokens[end]) == ",") {
			end++
		}
		value, err := r.hoist(tokens[i+1 : end])
		if err != nil {
			return nil, err
		}
		if err := r.expr(append(append([]token{tokens[i-1]}, token{kind: tokOp, start: t.start + 1, end: t.end, depth: t.depth}), value...)); err != nil {
			return nil, err
		}
		r.newline(t.start)
		tokens = append(append([]token{}, tokens[:i]...), tokens[end:]...)
		i--
	}
	return tokens, nil
}

// starred writes a, *b, c = value; ok is false if no target is starred.
func (r *rewriter) starred(target, value []token) (ok bool, err *pyError) {
	base := target[0].depth
	if text := r.text(target[0]); text == "(" || text == "[" {
		base++
	}
	before, after, found := 0, 0, -1
	for i, t := range target {
		if t.depth != base {
			continue
		}
		first := i == 0 || r.text(target[i-1]) == "," || target[i-1].depth < base || strings.Contains("([", r.text(target[i-1]))
		switch {
		case r.text(t) == "*" && first && found < 0:
			found = i
		case r.text(t) == "," && found < 0:
			before++
		case r.text(t) == "," && i+1 < len(target):
			after++
		}
	}
	if found < 0 {
		return false, nil
	}
	if err := r.expr(append(append([]token{}, target[:found]...), target[found+1:]...)); err != nil {
		return true, err
	}
	r.put(" = __unpack__(", target[found].start)
	if err := r.expr(value); err != nil {
		return true, err
	}
	r.put(","+strconv.Itoa(before)+","+strconv.Itoa(after)+")", target[found].start)
	return true, nil
}

// del writes del x[key]; the deletion of a name is left out.
func (r *rewriter) del(l logicalLine) *pyError {
	for n, part := range splitAtDepth(r, l.tokens[1:], l.tokens[0].depth) {
		if n > 0 {
			r.newline(l.start)
		}
		last := part[len(part)-1]
		if r.text(last) != "]" {
			r.put("pass", l.start)
			continue
		}
		open := len(part) - 1
		for open > 0 && !(part[open].depth == last.depth && r.text(part[open]) == "[") {
			open--
		}
		key := part[open+1 : len(part)-1]
		for _, t := range key {
			if t.depth == last.depth+1 && r.text(t) == ":" {
				return &pyError{pos: t.start, msg: "del of a slice is not read", mend: "assign what is left"}
			}
		}
		if open == 0 || len(key) == 0 {
			return &pyError{pos: l.start, msg: "this del is not read", mend: "leave it out"}
		}
		r.put("__delete__(", part[0].start)
		if err := r.expr(part[:open]); err != nil {
			return err
		}
		r.put(",", part[open].start)
		if err := r.expr(key); err != nil {
			return err
		}
		r.put(")", last.start)
	}
	return nil
}

// splitAtDepth cuts tokens at the commas of a depth and leaves empty parts out.
func splitAtDepth(r *rewriter, tokens []token, depth int) [][]token {
	var parts [][]token
	begin := 0
	for i := 0; i <= len(tokens); i++ {
		if i < len(tokens) && (tokens[i].depth != depth || r.text(tokens[i]) != ",") {
			continue
		}
		if i > begin {
			parts = append(parts, tokens[begin:i])
		}
		begin = i + 1
	}
	return parts
}

// loop writes a for or while statement with an else, which runs unless a break of its own ended the loop.
func (r *rewriter) loop(s *stmt) (*stmt, *pyError) {
	head, rest := s.clauses[0], s.clauses[1]
	flag := "__whole__" + strconv.Itoa(s.id)
	r.newline(s.start)
	r.put(flag+" = True", s.start)
	r.newline(s.start)
	if err := r.expr(head.header.tokens); err != nil {
		return nil, err
	}
	r.put(":", head.header.end)
	r.flags = append(r.flags, flag)
	bad, err := r.nested(head.body)
	r.flags = r.flags[:len(r.flags)-1]
	if err != nil {
		return bad, err
	}
	r.newline(rest.header.start)
	r.put("if "+flag+":", rest.header.start)
	return r.nested(rest.body)
}

// class writes a class whose body only sets names, as a function that returns them.
func (r *rewriter) class(s *stmt) (*stmt, *pyError) {
	c := s.clauses[0]
	tokens := c.header.tokens
	refuse := func(pos int, why string) (*stmt, *pyError) {
		return nil, &pyError{pos: pos, msg: why, mend: "write the values themselves"}
	}
	if len(tokens) < 2 || tokens[1].kind != tokName {
		return refuse(s.start, "the class has no name")
	}
	for _, t := range tokens[2:] {
		if word := r.text(t); t.kind == tokName && word != "object" || t.kind == tokString {
			return refuse(t.start, "a class with a base is not read")
		}
	}
	seen := map[string]bool{}
	var names []string
	for _, b := range c.body {
		if b.clauses != nil && (b.clauses[0].keyword == "def" || b.clauses[0].keyword == "class") {
			return refuse(b.start, "a class with methods is not read")
		}
		for _, bound := range assigned(r.src, b) {
			if !seen[bound.name] {
				seen[bound.name] = true
				names = append(names, bound.name)
			}
		}
	}
	name, maker := r.text(tokens[1]), "__class__"+strconv.Itoa(s.id)
	r.newline(s.start)
	r.put("def "+maker+"():", s.start)
	if bad, err := r.nested(c.body); err != nil {
		return bad, err
	}
	r.level++
	r.newline(s.start)
	r.put("return __class__("+strconv.Quote(name), s.start)
	for _, n := range names {
		r.put(", "+safeName(n)+"="+safeName(n), s.start)
	}
	r.put(")", s.start)
	r.level--
	r.newline(s.start)
	r.put(safeName(name)+" = "+maker+"()", tokens[1].start)
	return nil, nil
}

// reorder puts the named arguments of a call before *args, where Starlark wants them: f(*a, k=v) is f(k=v, *a).
func (r *rewriter) reorder(tokens []token) []token {
	for open := 0; open < len(tokens); open++ {
		if tokens[open].kind != tokOp || r.text(tokens[open]) != "(" || !isOperandEnd(r.src, tokens, open-1) {
			continue
		}
		end := r.closing(tokens, open)
		if end < 0 {
			continue
		}
		var named, starred, other [][]token
		mixed := false
		for _, part := range splitAtDepth(r, tokens[open+1:end], tokens[open].depth+1) {
			switch {
			case r.text(part[0]) == "*" || r.text(part[0]) == "**":
				starred = append(starred, part)
			case len(part) > 1 && r.text(part[1]) == "=" && part[1].kind == tokOp:
				named = append(named, part)
				mixed = mixed || len(starred) > 0
			default:
				other = append(other, part)
				if len(starred) > 0 {
					return tokens // a positional argument after *args
				}
			}
		}
		if !mixed {
			continue
		}
		comma := token{kind: tokOp, depth: tokens[open].depth + 1}
		for _, t := range tokens[open+1 : end] {
			if t.depth == comma.depth && r.text(t) == "," {
				comma = t
			}
		}
		out := append([]token{}, tokens[:open+1]...)
		for i, part := range append(append(other, named...), starred...) {
			if i > 0 {
				out = append(out, comma)
			}
			out = append(out, part...)
		}
		tokens = append(out, tokens[end:]...)
	}
	return tokens
}
