package config

import (
	"strconv"
	"strings"
)

// The names that statements set.

// exceptName is the e of `except X as e`.
func exceptName(src string, tokens []token) string {
	if n := len(tokens); n >= 2 && src[tokens[n-2].start:tokens[n-2].end] == "as" {
		return src[tokens[n-1].start:tokens[n-1].end]
	}
	return ""
}

// exceptClasses are the names that a handler takes; none means all.
func exceptClasses(src string, tokens []token) []string {
	var names []string
	for i, t := range tokens[1:] {
		text := src[t.start:t.end]
		if text == "as" {
			break
		}
		// Of a.b the last name counts.
		if t.kind == tokName && (i+2 >= len(tokens) || src[tokens[i+2].start:tokens[i+2].end] != ".") {
			names = append(names, text)
		}
	}
	return names
}

// spoiling says how a statement is left out: these names get this fault.
type spoiling struct {
	fault int
	names []binding
}

// spoil stands in for a statement that could not be read or run.
func (r *rewriter) spoil(s *stmt, with spoiling) {
	if len(with.names) == 0 {
		r.newline(s.start)
		r.put("pass", s.start)
	}
	for _, name := range with.names {
		r.newline(s.start)
		r.put(safeName(name.name)+" = __spoilt__("+strconv.Itoa(with.fault)+")", name.pos)
	}
}

// receiver is the name that a call such as X.append(...) may change.
func receiver(src string, s *stmt) []binding {
	if s.clauses != nil || len(s.line.tokens) < 3 || s.line.tokens[0].kind != tokName {
		return nil
	}
	first, second := s.line.tokens[0], s.line.tokens[1]
	if src[second.start:second.end] != "." {
		return nil
	}
	return []binding{{src[first.start:first.end], first.start}}
}

// unlisted tells whether a statement, or one in it, has an effect on names that it does not list: an
// import of all names, a decorator.
func unlisted(src string, s *stmt) bool {
	for _, c := range s.clauses {
		for _, b := range c.body {
			if unlisted(src, b) {
				return true
			}
		}
	}
	tokens := s.line.tokens
	if len(tokens) == 0 {
		return false
	}
	first, last := tokens[0], tokens[len(tokens)-1]
	word := src[first.start:first.end]
	return word == "@" || word == "from" && src[last.start:last.end] == "*"
}

// binding is a name that a statement sets.
type binding struct {
	name string
	pos  int
}

// assigned lists the names that a statement sets, in any of its branches.
func assigned(src string, s *stmt) []binding {
	if s.clauses == nil {
		return targets(src, s.line.tokens)
	}
	var out []binding
	for _, c := range s.clauses {
		tokens := c.header.tokens
		switch c.keyword {
		case "def", "class":
			if len(tokens) > 1 {
				out = append(out, binding{src[tokens[1].start:tokens[1].end], tokens[1].start})
			}
			continue
		case "async":
			if len(tokens) > 2 {
				out = append(out, binding{src[tokens[2].start:tokens[2].end], tokens[2].start})
			}
			continue
		case "for":
			for _, t := range tokens[1:] {
				text := src[t.start:t.end]
				if text == "in" {
					break
				}
				if t.kind == tokName {
					out = append(out, binding{text, t.start})
				}
			}
		}
		for _, b := range c.body {
			out = append(out, assigned(src, b)...)
		}
	}
	return out
}

// targets lists the names before each = of a simple statement, and those that an import binds.
func targets(src string, tokens []token) []binding {
	text := func(i int) string { return src[tokens[i].start:tokens[i].end] }
	var out []binding
	if first := text(0); first == "import" || first == "from" {
		for i := 1; i < len(tokens); i++ {
			last := i+1 == len(tokens) || text(i+1) == "," || text(i+1) == ")"
			if tokens[i].kind == tokName && last && text(i-1) != "from" {
				out = append(out, binding{text(i), tokens[i].start})
			}
		}
		return out
	}
	base, end := tokens[0].depth, -1
	for i, t := range tokens {
		if t.kind == tokName && text(i) == "lambda" {
			break
		}
		if op := text(i); t.depth == base && t.kind == tokOp && strings.HasSuffix(op, "=") && op != "==" && op != "<=" && op != ">=" && op != "!=" {
			end = i
		}
	}
	annotation := false
	for i := 0; i < end; i++ {
		switch t := tokens[i]; {
		case t.kind == tokOp && text(i) == ":":
			annotation = true
		case t.kind == tokOp && text(i) == "=":
			annotation = false
		case t.kind == tokName && !annotation && t.depth <= base+1:
			out = append(out, binding{text(i), t.start})
			// a[b] = c and a.b = c change a.
			for i+1 < end && (text(i+1) == "." || text(i+1) == "[") {
				i += 2
			}
		}
	}
	return out
}

// safeName renames the one identifier of Python that is a keyword of Starlark.
func safeName(name string) string {
	if name == "load" {
		return "load_"
	}
	return name
}
