package config

import (
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// What happens when a statement cannot be read or fails.

// framePositions are the source offsets of the call stack, the innermost last.
func (in *interpreter) framePositions(e *starlark.EvalError) []int {
	out := []int{0}
	for _, frame := range e.CallStack {
		if frame.Pos.Filename() == in.src.name {
			out = append(out, in.rw.source(frame.Pos))
		}
	}
	return out
}

// fail deals with a statement that failed at run time: the nearest handler gets the exception, or the
// statement at the top is spoilt.
func (in *interpreter) fail(e *starlark.EvalError) bool {
	exc := asException(e)
	ofSpoilt := exc.spoilt != nil || strings.Contains(exc.message, "spoilt")
	if ofSpoilt {
		exc.class = unread // Python would have had a value: no handler of the file is meant
	}
	positions := in.framePositions(e)
	for i := len(positions) - 1; i > 0 && exc.class != unread; i-- {
		for _, t := range enclosingTries(in.block, positions[i]) {
			handler := matchHandler(in.text, t.try, exc)
			if handler < 0 {
				continue
			}
			in.raised[in.latest[t.try.id]] = raise{index: t.index, handler: handler, exc: exc}
			return true
		}
	}
	innermost, top := positions[len(positions)-1], positions[min(1, len(positions)-1)]
	msg := exc.message
	if exc.class != "" && exc.class != unread {
		msg = exc.class + ": " + msg
	}
	fault := in.fault(innermost, msg, exc.mend)
	switch {
	case exc.spoilt != nil:
		fault = in.faults[exc.spoilt.number]
	case strings.Contains(msg, "spoilt") && len(in.faults) > 0:
		fault = in.faults[len(in.faults)-1] // within a function, whose names are not the statement's
	}
	s := in.topStatement(top)
	if exc.class != unread && exc.class != "" && s != nil && len(assigned(in.text, s)) == 0 {
		in.fatal = append(in.fatal, fault) // a raise, an assert, sys.exit: Python would not go on
	}
	if ofSpoilt && s != nil && s.clauses == nil && len(s.line.tokens) > 1 && in.text[s.line.tokens[1].start:s.line.tokens[1].end] == "(" {
		in.broken = append(in.broken, fault) // a call of a function that could not be read, which may set any name
	}
	return in.spoil(s, fault)
}

// spoil notes that a statement has to be left out. A statement that uses spoilt names has their fault.
func (in *interpreter) spoil(s *stmt, f *Fault) bool {
	if s == nil {
		in.broken = append(in.broken, f)
		return false
	}
	if _, done := in.spoilt[s.id]; done {
		in.broken = append(in.broken, f)
		return false
	}
	number := -1
	for _, t := range statementTokens(s) {
		if n, ok := in.by[in.text[t.start:t.end]]; ok && t.kind == tokName {
			number = n
			break
		}
	}
	if number < 0 {
		in.faults = append(in.faults, f)
		number = len(in.faults) - 1
	}
	clear(in.raised) // executions of try statements are counted anew, since this one may have had some
	names := assigned(in.text, s)
	outward := in.outward(s)
	if len(names) == 0 && !outward {
		names = receiver(in.text, s)
	}
	in.spoilt[s.id] = spoiling{fault: number, names: names}
	for _, b := range names {
		in.by[b.name] = number
	}
	switch {
	case len(names) > 0 || outward:
	case unlisted(in.text, s):
		in.broken = append(in.broken, in.faults[number])
	default:
		in.idle = append(in.idle, in.faults[number])
	}
	return true
}

// outward tells whether a statement without assignment only acts on what is outside the settings, such as
// os.makedirs(...): a call whose first name is that of an import.
func (in *interpreter) outward(s *stmt) bool {
	if s.clauses != nil || s.line.tokens[0].kind != tokName {
		return false
	}
	name := in.text[s.line.tokens[0].start:s.line.tokens[0].end]
	var imported func(block []*stmt) bool
	imported = func(block []*stmt) bool {
		for _, b := range block {
			for _, c := range b.clauses {
				if imported(c.body) {
					return true
				}
			}
			if b.clauses != nil {
				continue
			}
			if first := in.text[b.line.tokens[0].start:b.line.tokens[0].end]; first == "import" || first == "from" {
				for _, bound := range targets(in.text, b.line.tokens) {
					if bound.name == name {
						return true
					}
				}
			}
		}
		return false
	}
	return imported(in.block)
}

// topStatement returns the innermost statement at pos that is not within a function.
func (in *interpreter) topStatement(pos int) *stmt {
	var find func(block []*stmt) *stmt
	find = func(block []*stmt) *stmt {
		for _, s := range block {
			if pos < s.start || pos > s.end || s.inDef {
				continue
			}
			for _, c := range s.clauses {
				if inner := find(c.body); inner != nil {
					return inner
				}
			}
			return s
		}
		return nil
	}
	return find(in.block)
}

func statementTokens(s *stmt) []token {
	if s.clauses == nil {
		return s.line.tokens
	}
	var out []token
	for _, c := range s.clauses {
		out = append(out, c.header.tokens...)
		for _, b := range c.body {
			out = append(out, statementTokens(b)...)
		}
	}
	return out
}

// tryPlace is a try statement and the statement of its body that holds a position.
type tryPlace struct {
	try   *stmt
	index int
}

// enclosingTries lists the try statements whose bodies hold pos, the innermost first.
func enclosingTries(block []*stmt, pos int) []tryPlace {
	var out []tryPlace
	for _, s := range block {
		if pos < s.start || pos > s.end {
			continue
		}
		for n, c := range s.clauses {
			inner := enclosingTries(c.body, pos)
			out = append(out, inner...)
			if n > 0 || c.keyword != "try" {
				continue
			}
			for i, b := range c.body {
				if pos >= b.start && pos <= b.end {
					out = append(out, tryPlace{s, i})
				}
			}
		}
	}
	return out
}

// matchHandler returns the clause of a try statement (counted after the body) that takes an exception.
func matchHandler(src string, try *stmt, exc *exception) int {
	for i, c := range try.clauses[1:] {
		if c.keyword != "except" {
			continue
		}
		classes := exceptClasses(src, c.header.tokens)
		if len(classes) == 0 || exc.class == "" || slices.ContainsFunc(classes, exc.is) {
			return i
		}
	}
	return -1
}

func (in *interpreter) fault(pos int, msg, mend string) *Fault {
	line, col := lineCol(in.text, min(pos, len(in.text)))
	return &Fault{File: in.src.name, Line: line, Col: col, Msg: msg, Mend: mend}
}

func nameMessage(msg string) string {
	if name, ok := strings.CutPrefix(msg, "undefined: "); ok {
		return "the name " + name + " is not known here"
	}
	return msg
}
