package config

import (
	"errors"
	"fmt"
	"math"
	"runtime/metrics"
	"strings"
	"time"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// The bounds of a run. A settings file takes some hundred steps.
const (
	maxSteps     = 2_000_000 // of Starlark, over all runs of one file
	maxRepeat    = 1 << 20   // elements or bytes that * or range may make
	maxRuns      = 300       // the first one and one for each exception or spoilt statement
	maxHeapBytes = 256 << 20 // growth of the heap while it runs
	watchSteps   = 8         // between looks at the heap; a value can double in about 5
)

var starlarkDialect = &syntax.FileOptions{Set: true, While: true, TopLevelControl: true, GlobalReassign: true}

// interpreter reads one config.py. It runs the file again whenever a statement fails: with the exception
// raised where a handler waits for it, else without the statement, whose names are then spoilt.
type interpreter struct {
	src    moduleSource
	text   string
	block  []*stmt
	faults []*Fault         // by number
	spoilt map[int]spoiling // by statement
	by     map[string]int   // name -> fault that spoils it
	idle   []*Fault         // faults of statements that set no names
	broken []*Fault         // faults behind which any name may be missing
	fatal  []*Fault         // exceptions that the file means to end with
	raised map[int]raise    // execution of a try -> what happened in it
	steps  uint64

	// State of the run at hand.
	rw       *rewriter
	runs     int
	sequence int               // executions of try statements so far
	latest   map[int]int       // try statement -> its latest execution
	notes    map[string]noted  // setting -> its latest assignment
	environ  map[string]string // what the file put into os.environ
	removed  map[string]bool   // what it took out of it
	dotenv   map[string]string // what load_dotenv found
}

// raise is an exception within one execution of a try statement.
type raise struct {
	index   int // statement of its body that failed
	handler int // clause that takes it
	exc     *exception
}

type noted struct{ pos int }

// runModule reads a config.py.
func runModule(src moduleSource) *module {
	in := &interpreter{src: src, spoilt: map[int]spoiling{}, by: map[string]int{}, raised: map[int]raise{}}
	in.text = strings.ReplaceAll(strings.ReplaceAll(strings.TrimPrefix(src.text, "\ufeff"), "\r\n", "\n"), "\r", "\n")
	m := &module{name: src.name, values: map[string]moduleValue{}}
	lines, err := scanLines(in.text)
	if err == nil {
		in.block, err = parseBlocks(in.text, lines)
	}
	if err != nil {
		m.broken = []*Fault{in.fault(err.pos, err.msg, err.mend)}
		return m
	}
	var globals starlark.StringDict
	for in.runs = 1; in.runs <= maxRuns; in.runs++ {
		var again bool
		if globals, again = in.run(); !again {
			break
		}
	}
	if in.runs > maxRuns {
		in.broken = append(in.broken, in.fault(0, fmt.Sprintf("the file was given up after %d faults and exceptions", maxRuns), ""))
	}
	m.broken, m.fatal, m.notes = in.broken, in.fatal, in.idle
	in.export(m, globals)
	return m
}

// run rewrites and runs the file once. It returns true if a fault or exception was noted and the file
// has to be run again.
func (in *interpreter) run() (starlark.StringDict, bool) {
	rw, bad, perr := rewrite(in.text, in.block, in.spoilt)
	in.rw = rw
	if perr != nil {
		return nil, in.spoil(in.topStatement(bad.start), in.fault(perr.pos, perr.msg, perr.mend))
	}
	rw.finish()
	file, err := starlarkDialect.Parse(in.src.name, rw.out, 0)
	if err == nil {
		in.guard(file)
		predeclared := in.predeclared()
		var program *starlark.Program
		if program, err = starlark.FileProgram(file, predeclared.Has); err == nil {
			return in.execute(program, predeclared)
		}
	}
	var syn syntax.Error
	var res resolve.ErrorList
	switch {
	case errors.As(err, &syn):
		return nil, in.spoil(in.syntaxFault(syn))
	case errors.As(err, &res):
		again := false
		for _, e := range res {
			pos := rw.source(e.Pos)
			again = in.spoil(in.topStatement(pos), in.fault(pos, nameMessage(e.Msg), "")) || again
		}
		return nil, again
	}
	in.broken = append(in.broken, in.fault(0, err.Error(), ""))
	return nil, false
}

func (in *interpreter) execute(program *starlark.Program, predeclared starlark.StringDict) (starlark.StringDict, bool) {
	in.sequence, in.latest = 0, map[int]int{}
	in.notes, in.environ, in.removed, in.dotenv = map[string]noted{}, map[string]string{}, map[string]bool{}, map[string]string{}
	thread := &starlark.Thread{Name: in.src.name, Print: func(*starlark.Thread, string) {}}
	in.watch(thread)
	globals, err := program.Init(thread, predeclared)
	in.steps += thread.ExecutionSteps()
	if err == nil {
		return globals, false
	}
	var eval *starlark.EvalError
	if !errors.As(err, &eval) {
		in.broken = append(in.broken, in.fault(0, err.Error(), ""))
		return globals, false
	}
	if in.steps >= maxSteps || strings.Contains(eval.Msg, "Starlark computation cancelled") {
		pos := in.framePositions(eval)
		in.broken = append(in.broken, in.fault(pos[len(pos)-1], "the file takes too many steps or too much memory here", "write the values themselves"))
		return globals, false
	}
	return globals, in.fail(eval)
}

// watch bounds the steps and the memory of a run.
func (in *interpreter) watch(thread *starlark.Thread) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	start := sample[0].Value.Uint64()
	limit := maxSteps - min(in.steps, maxSteps)
	thread.SetMaxExecutionSteps(min(watchSteps, limit))
	thread.OnMaxSteps = func(t *starlark.Thread) {
		metrics.Read(sample)
		if heap := sample[0].Value.Uint64(); t.Steps >= limit || heap > start && heap-start > maxHeapBytes {
			t.Cancel("too much")
			return
		}
		t.SetMaxExecutionSteps(min(t.Steps+watchSteps, limit))
	}
}

// export hands the names over as plain Go values.
func (in *interpreter) export(m *module, globals starlark.StringDict) {
	for name, v := range globals {
		out := moduleValue{}
		if n, ok := in.notes[name]; ok {
			out.line, out.col = lineCol(in.text, n.pos)
		} else {
			out.line, out.col = in.lastAssignment(name)
		}
		if s, ok := v.(*spoiltValue); ok {
			out.fault = in.faults[s.number]
		} else {
			out.value, out.raw = goValue(v), v
		}
		m.values[name] = out
	}
	// Where the file was left before its end, later names are unknown rather than absent.
	for name, number := range in.by {
		if _, ok := m.values[name]; !ok {
			f := in.faults[number]
			m.values[name] = moduleValue{line: f.Line, col: f.Col, fault: f}
		}
	}
	for k, v := range in.dotenv {
		if in.src.loaded != nil {
			in.src.loaded[k] = v
		}
	}
}

func (in *interpreter) lastAssignment(name string) (line, col int) {
	pos := 0
	var walk func(block []*stmt)
	walk = func(block []*stmt) {
		for _, s := range block {
			if s.inDef {
				continue
			}
			for _, c := range s.clauses {
				walk(c.body)
			}
			if s.clauses == nil {
				for _, b := range targets(in.text, s.line.tokens) {
					if b.name == name {
						pos = b.pos
					}
				}
			}
		}
	}
	walk(in.block)
	return lineCol(in.text, pos)
}

// goValue turns a value of the file into one that settings take.
func goValue(v starlark.Value) any {
	switch v := v.(type) {
	case starlark.NoneType:
		return nil
	case starlark.Bool:
		return bool(v)
	case starlark.String:
		return string(v)
	case starlark.Int:
		if n, ok := v.Int64(); ok {
			return n
		}
		return float64(math.Inf(v.Sign()))
	case starlark.Float:
		return float64(v)
	case pathValue:
		return string(v)
	case dateValue:
		return time.Time(v).UTC()
	case axisValue:
		return TimeRange(v)
	case starlark.Iterable:
		it := v.Iterate()
		defer it.Done()
		list := []any{}
		var e starlark.Value
		for it.Next(&e) && len(list) < maxRepeat {
			if nested, ok := e.(starlark.Iterable); ok {
				list = append(list, opaque(nested.Type()))
				continue
			}
			list = append(list, goValue(e))
		}
		return list
	}
	return opaque(v.Type())
}

// opaque is a value that no setting takes; it is named in messages.
type opaque string

func (o opaque) String() string { return "a value of the kind " + string(o) }
