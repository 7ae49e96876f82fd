package config

import (
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/syntax"
)

// rewriter writes a file's statements as Starlark, one logical line per line, and remembers for every
// piece of the text where in the source it came from.
type rewriter struct {
	src    string
	out    []byte
	starts []int // of the lines of out
	marks  []mark
	spoilt map[int]spoiling // statements that are left out
	level  int
	inTry  int
	flags  []string // of the loops around: the name that a break sets to False, "" for none
}

// mark says that the text from out on came from src; an exact piece was copied byte for byte.
type mark struct {
	out, src int
	exact    bool
}

// rewrite returns the Starlark text. Statements in spoilt become assignments of their fault to the names
// that they would have set. A statement that has no counterpart is reported with its number.
func rewrite(src string, block []*stmt, spoilt map[int]spoiling) (*rewriter, *stmt, *pyError) {
	r := &rewriter{src: src, spoilt: spoilt}
	s, err := r.block(block)
	return r, s, err
}

func (r *rewriter) text(t token) string { return r.src[t.start:t.end] }

// put writes generated text that stands for the source at pos.
func (r *rewriter) put(text string, pos int) {
	r.marks = append(r.marks, mark{out: len(r.out), src: pos})
	r.out = append(r.out, text...)
}

// copyToken writes a token as it is.
func (r *rewriter) copyToken(t token) {
	r.marks = append(r.marks, mark{out: len(r.out), src: t.start, exact: true})
	r.out = append(r.out, r.src[t.start:t.end]...)
}

func (r *rewriter) newline(pos int) {
	if len(r.out) > 0 {
		r.put("\n", pos)
	}
	r.put(strings.Repeat(" ", r.level), pos)
}

// finish prepares positions for lookup once the text is complete.
func (r *rewriter) finish() {
	r.starts = []int{0}
	for i, c := range r.out {
		if c == '\n' {
			r.starts = append(r.starts, i+1)
		}
	}
}

// source turns a position of the Starlark text into an offset in the source.
func (r *rewriter) source(p syntax.Position) int {
	if p.Line < 1 || len(r.marks) == 0 {
		return 0
	}
	off := r.starts[min(int(p.Line), len(r.starts))-1]
	for col := int32(1); col < p.Col && off < len(r.out); col++ {
		_, n := utf8.DecodeRune(r.out[off:])
		off += n
	}
	i := sort.Search(len(r.marks), func(i int) bool { return r.marks[i].out > off }) - 1
	m := r.marks[max(i, 0)]
	if m.exact {
		return min(m.src+off-m.out, len(r.src))
	}
	return m.src
}

func (r *rewriter) block(block []*stmt) (*stmt, *pyError) {
	for _, s := range block {
		if with, ok := r.spoilt[s.id]; ok {
			r.spoil(s, with)
			continue
		}
		if bad, err := r.statement(s); err != nil {
			if bad == nil {
				bad = s
			}
			return bad, err
		}
	}
	return nil, nil
}

// nested writes a block one level deeper.
func (r *rewriter) nested(block []*stmt) (*stmt, *pyError) {
	r.level++
	defer func() { r.level-- }()
	return r.block(block)
}

func (r *rewriter) statement(s *stmt) (*stmt, *pyError) {
	if s.clauses == nil {
		return nil, r.simple(s.line)
	}
	switch keyword := s.clauses[0].keyword; {
	case keyword == "try":
		return r.try(s)
	case keyword == "class":
		return r.class(s)
	case (keyword == "for" || keyword == "while") && len(s.clauses) == 2:
		return r.loop(s)
	}
	for i, c := range s.clauses {
		switch c.keyword {
		case "if", "for", "while", "def":
		default:
			return nil, &pyError{pos: c.header.start, msg: "the statement " + c.keyword + " is not read", mend: "write the values themselves"}
		case "elif", "else", "except", "finally":
			if i == 0 {
				return nil, &pyError{pos: c.header.start, msg: c.keyword + " has nothing that it belongs to"}
			}
		}
		r.newline(c.header.start)
		var err *pyError
		header := c.header.tokens
		if c.keyword == "if" || c.keyword == "elif" || c.keyword == "while" {
			header, err = r.hoist(header)
		}
		switch {
		case err != nil:
		case c.keyword == "def":
			err = r.def(c.header)
		default:
			err = r.expr(header)
		}
		if err != nil {
			return nil, err
		}
		r.put(":", c.header.end)
		outer := r.flags
		switch c.keyword {
		case "for", "while":
			r.flags = append(r.flags, "")
		case "def":
			r.flags = nil
		}
		bad, err := r.nested(c.body)
		if r.flags = outer; err != nil {
			return bad, err
		}
	}
	return nil, nil
}

// try writes a try statement as conditions that the interpreter answers. Starlark has no exceptions: a
// failing statement ends the run, and the next run knows which statement of which execution to leave out
// and which handler to enter (see interpreter.fail).
func (r *rewriter) try(s *stmt) (*stmt, *pyError) {
	id := strconv.Itoa(s.id)
	r.newline(s.start)
	r.put("if __try__("+id+"):", s.start)
	r.level++
	r.inTry++
	for i, b := range s.clauses[0].body {
		r.newline(b.start)
		r.put("if __go__("+id+","+strconv.Itoa(i)+"):", b.start)
		if bad, err := r.nested([]*stmt{b}); err != nil {
			r.level--
			r.inTry--
			return bad, err
		}
	}
	r.level--
	r.inTry--
	for i, c := range s.clauses[1:] {
		pos := c.header.start
		r.newline(pos)
		var bind string
		switch c.keyword {
		case "except":
			r.put("if __caught__("+id+","+strconv.Itoa(i)+"):", pos)
			bind = exceptName(r.src, c.header.tokens)
		case "else":
			r.put("if __fine__("+id+"):", pos)
		default:
			r.put("if True:", pos)
		}
		if bind != "" {
			r.level++
			r.newline(pos)
			r.put(bind+" = __exception__("+id+")", pos)
			r.level--
		}
		if bad, err := r.nested(c.body); err != nil {
			return bad, err
		}
	}
	return nil, nil
}

func (r *rewriter) simple(l logicalLine) *pyError {
	r.newline(l.start)
	first := r.text(l.tokens[0])
	rest := l.tokens[1:]
	if l.tokens[0].kind == tokName {
		switch first {
		case "import":
			return r.imports(l)
		case "from":
			return r.fromImport(l)
		case "assert", "raise":
			if len(rest) == 0 {
				return &pyError{pos: l.start, msg: "a bare raise is not read", mend: "name the exception"}
			}
			for i, t := range rest {
				if t.depth == l.tokens[0].depth && r.text(t) == "from" {
					rest = rest[:i]
					break
				}
			}
			r.put("__"+first+"__(", l.start)
			if err := r.expr(rest); err != nil {
				return err
			}
			r.put(")", l.end)
			return nil
		case "del":
			return r.del(l)
		case "break":
			if n := len(r.flags); n > 0 && r.flags[n-1] != "" {
				r.put(r.flags[n-1]+" = False", l.start)
				r.newline(l.start)
			}
		case "global", "nonlocal", "yield", "await", "with", "class", "async":
			return &pyError{pos: l.start, msg: "the statement " + first + " is not read", mend: "return the value from the function and assign it at the top"}
		}
	}
	if first == "@" {
		if name := r.src[l.start+1 : l.end]; !strings.Contains(name, "cache") && !strings.HasPrefix(strings.TrimSpace(name), "dataclass") && !strings.HasPrefix(strings.TrimSpace(name), "dataclasses.dataclass") {
			return &pyError{pos: l.start, msg: "the decorator " + name + " is not read", mend: "leave it out"}
		}
		r.put("pass", l.start) // a function computes the same without a cache, and see class
		return nil
	}
	tokens, err := r.hoist(l.tokens)
	if err != nil {
		return err
	}
	l.tokens = tokens
	return r.annotated(l)
}

// annotated writes a simple statement and leaves out the annotation of `X: int = 3`.
func (r *rewriter) annotated(l logicalLine) *pyError {
	base := l.tokens[0].depth
	colon, lambda := -1, false
	for i, t := range l.tokens {
		if t.depth != base {
			continue
		}
		switch text := r.text(t); {
		case text == "lambda":
			lambda = true
		case t.kind == tokOp && text == ":" && !lambda && colon < 0:
			colon = i
		case t.kind == tokOp && text == "=" && colon >= 0:
			if err := r.expr(l.tokens[:colon]); err != nil {
				return err
			}
			r.put(" ", t.start)
			return r.expr(l.tokens[i:])
		case t.kind == tokOp && text == "=" && colon < 0:
			return r.chainedAssignment(l)
		case t.kind == tokOp && text == "**=" && colon < 0 && i == 1:
			if err := r.expr(l.tokens[:1]); err != nil {
				return err
			}
			r.put(" = __pow__("+safeName(r.text(l.tokens[0]))+",(", t.start)
			if err := r.expr(l.tokens[2:]); err != nil {
				return err
			}
			r.put("))", t.end)
			return nil
		}
	}
	if colon >= 0 {
		r.put("pass", l.start)
		return nil
	}
	return r.expr(l.tokens)
}

// chainedAssignment writes a = b = x as two statements, since Starlark has single ones only.
func (r *rewriter) chainedAssignment(l logicalLine) *pyError {
	base := l.tokens[0].depth
	var parts [][]token
	begin := 0
	for i, t := range l.tokens {
		if t.kind == tokName && r.text(t) == "lambda" {
			break // its defaults are no assignments
		}
		if t.depth == base && t.kind == tokOp && r.text(t) == "=" {
			parts = append(parts, l.tokens[begin:i])
			begin = i + 1
		}
	}
	value := l.tokens[begin:]
	if len(parts) == 1 {
		if len(parts[0]) > 0 && len(value) > 0 {
			if done, err := r.starred(parts[0], value); done {
				return err
			}
		}
		return r.expr(l.tokens)
	}
	temp := "__value__" + strconv.Itoa(l.start)
	r.put(temp+" = ", l.start)
	if err := r.expr(value); err != nil {
		return err
	}
	for _, p := range parts {
		if len(p) == 0 {
			return &pyError{pos: l.start, msg: "an assignment has no target"}
		}
		r.newline(p[0].start)
		if err := r.expr(p); err != nil {
			return err
		}
		r.put(" = "+temp, p[0].start)
	}
	return nil
}

// def writes a function's header without annotations.
func (r *rewriter) def(h logicalLine) *pyError {
	base := h.tokens[0].depth
	var kept []token
	skip, slash := false, false
	for _, t := range h.tokens {
		text := r.text(t)
		inner := t.depth - base
		switch {
		case inner == 0 && text == "->":
			return r.expr(kept)
		case inner == 1 && t.kind == tokOp && text == ":":
			skip = true
		case inner == 1 && t.kind == tokOp && (text == "," || text == "="):
			skip = false
		case inner == 0:
			skip = false
		}
		if inner == 1 && text == "/" {
			slash = true
			continue
		}
		if skip || slash && text == "," {
			slash = slash && text != ","
			continue
		}
		kept = append(kept, t)
	}
	return r.expr(kept)
}
