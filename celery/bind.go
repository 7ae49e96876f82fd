package celery

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// param is one parameter of a task as Python would declare it.
type param struct {
	name     string
	kind     paramKind
	typ      reflect.Type
	def      reflect.Value // the default; invalid where there is none
	field    int           // index in the parameter struct, or of the Go argument
	required bool
}

type paramKind int

const (
	positional  paramKind = iota // by position or by name
	keywordOnly                  // after * or *args
	varArgs                      // *args
	varKwargs                    // **kwargs
)

// function is a Go function that can be called as a Python function is.
type function struct {
	name    string // as error messages print it: the last part of the task's name
	fn      reflect.Value
	params  []param
	ctx     bool // the first argument is a context
	structT reflect.Type
	result  bool // returns a value
	err     bool // returns an error
	nPos    int  // positional parameters, the first ones of params
	args    int  // index of *args in params, or -1
	kwargs  int  // index of **kwargs, or -1
}

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// newFunction examines fn, which takes an optional context.Context and then either one struct whose fields are the
// parameters or ordinary arguments named by specs, and returns (), (error), (value) or (value, error).
func newFunction(taskName string, fn any, specs []string) (*function, error) {
	f := &function{fn: reflect.ValueOf(fn), args: -1, kwargs: -1}
	f.name = taskName[strings.LastIndexByte(taskName, '.')+1:]
	t := f.fn.Type()
	if t.Kind() != reflect.Func {
		return nil, fmt.Errorf("celery: task %s: %s is not a function", taskName, t)
	}
	switch n := t.NumOut(); {
	case n == 0:
	case n == 1 && t.Out(0) == errorType:
		f.err = true
	case n == 1:
		f.result = true
	case n == 2 && t.Out(1) == errorType:
		f.result, f.err = true, true
	default:
		return nil, fmt.Errorf("celery: task %s: a task returns (), (error), (value) or (value, error), not %s", taskName, t)
	}
	first := 0
	if t.NumIn() > 0 && t.In(0) == contextType {
		f.ctx, first = true, 1
	}
	var err error
	if specs == nil && t.NumIn() == first+1 && !t.IsVariadic() && isParamStruct(t.In(first)) {
		err = f.fromStruct(t.In(first))
	} else {
		err = f.fromArguments(t, first, specs)
	}
	if err != nil {
		return nil, fmt.Errorf("celery: task %s: %w", taskName, err)
	}
	return f, f.check(taskName)
}

// isParamStruct tells a struct of parameters from one that is a value in itself, such as time.Time.
func isParamStruct(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		if _, ok := t.Field(i).Tag.Lookup("celery"); ok {
			return true
		}
	}
	return false
}

// fromStruct takes the parameters from a struct's fields. The tag celery:"name" names one ("*name" and "**name"
// collect the rest, "name,keyword" is keyword only, as are those behind "*name") and default:"literal" makes it optional.
func (f *function) fromStruct(t reflect.Type) error {
	f.structT = t
	rest := false
	for i := range t.NumField() {
		field := t.Field(i)
		tag := field.Tag.Get("celery")
		if !field.IsExported() || tag == "-" {
			continue
		}
		name, opt, _ := strings.Cut(tag, ",")
		if name == "" {
			name = strings.ToLower(field.Name)
		}
		if def, ok := field.Tag.Lookup("default"); ok {
			name += "=" + def
		}
		p, err := newParam(name, field.Type)
		if err != nil {
			return err
		}
		if (opt == "keyword" || rest) && p.kind == positional {
			p.kind = keywordOnly
		}
		rest = rest || p.kind == varArgs
		p.field = i
		f.params = append(f.params, p)
	}
	return nil
}

// fromArguments takes the parameters from the function's arguments; specs name them as Python would: "path",
// "level=6", "*args", "**kwargs", with "*" alone before keyword-only ones.
func (f *function) fromArguments(t reflect.Type, first int, specs []string) error {
	onlyKeywords, i := false, first
	for _, spec := range specs {
		if spec == "*" {
			onlyKeywords = true
			continue
		}
		if i >= t.NumIn() {
			return fmt.Errorf("more parameter names (%s) than the function has arguments", strings.Join(specs, ", "))
		}
		p, err := newParam(spec, t.In(i))
		if err != nil {
			return err
		}
		if onlyKeywords && p.kind == positional {
			p.kind = keywordOnly
		}
		onlyKeywords = onlyKeywords || p.kind == varArgs
		p.field = i
		f.params = append(f.params, p)
		i++
	}
	if specs != nil && i != t.NumIn() {
		return fmt.Errorf("fewer parameter names (%s) than the function has arguments", strings.Join(specs, ", "))
	}
	for ; i < t.NumIn(); i++ {
		name := "arg" + strconv.Itoa(i-first+1)
		if i == t.NumIn()-1 && t.IsVariadic() {
			name = "*args"
		}
		p, err := newParam(name, t.In(i))
		if err != nil {
			return err
		}
		p.field = i
		f.params = append(f.params, p)
	}
	return nil
}

func newParam(spec string, t reflect.Type) (param, error) {
	name, def, hasDefault := strings.Cut(spec, "=")
	name = strings.TrimSpace(name)
	p := param{typ: t, required: true}
	switch {
	case strings.HasPrefix(name, "**"):
		p.name, p.kind, p.required = name[2:], varKwargs, false
		if t.Kind() != reflect.Map || t.Key().Kind() != reflect.String {
			return p, fmt.Errorf("parameter %s must be a map with string keys, not %s", name, t)
		}
	case strings.HasPrefix(name, "*"):
		p.name, p.kind, p.required = name[1:], varArgs, false
		if t.Kind() != reflect.Slice {
			return p, fmt.Errorf("parameter %s must be a slice, not %s", name, t)
		}
	default:
		p.name = name
	}
	if hasDefault {
		v, err := literal(strings.TrimSpace(def))
		if err == nil {
			p.def = reflect.New(t).Elem()
			err = convert(v, p.def)
		}
		if err != nil {
			return p, fmt.Errorf("default of parameter %s: %w", name, err)
		}
		p.required = false
	}
	return p, nil
}

// literal reads a default: JSON, Python's names for the constants, or bare text.
func literal(s string) (any, error) {
	switch s {
	case "None":
		return nil, nil
	case "True":
		return true, nil
	case "False":
		return false, nil
	}
	if len(s) > 1 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return s[1 : len(s)-1], nil
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil || d.More() {
		return s, nil
	}
	return v, nil
}

// check orders the parameters and refuses what Python's syntax refuses.
func (f *function) check(taskName string) error {
	seenDefault := false
	names := map[string]bool{}
	for i, p := range f.params {
		if names[p.name] {
			return fmt.Errorf("celery: task %s: two parameters are called %s", taskName, p.name)
		}
		names[p.name] = true
		switch p.kind {
		case positional:
			if f.nPos != i {
				return fmt.Errorf("celery: task %s: parameter %s stands after keyword-only ones", taskName, p.name)
			}
			if seenDefault && p.required {
				return fmt.Errorf("celery: task %s: parameter %s without a default follows one with a default", taskName, p.name)
			}
			seenDefault = seenDefault || !p.required
			f.nPos++
		case varArgs:
			f.args = i
		case varKwargs:
			f.kwargs = i
		}
	}
	return nil
}

// bind gives every parameter its value from a message's arguments. What does not fit is a TypeError in Python's words.
func (f *function) bind(args []any, kwargs map[string]any) ([]reflect.Value, error) {
	given := make([]argument, len(f.params))
	for i, arg := range args[:min(len(args), f.nPos)] {
		given[i] = argument{arg, true}
	}
	for key, arg := range kwargs {
		i := f.index(key)
		switch {
		case i < 0 && f.kwargs < 0:
			return nil, f.typeError("got an unexpected keyword argument '" + key + "'")
		case i < 0:
		case given[i].is:
			return nil, f.typeError("got multiple values for argument '" + key + "'")
		default:
			given[i] = argument{arg, true}
		}
	}
	if len(args) > f.nPos && f.args < 0 {
		return nil, f.tooMany(len(args), given)
	}
	if err := f.missing(given); err != nil {
		return nil, err
	}
	vals := make([]reflect.Value, len(f.params))
	for i := range f.params {
		p := &f.params[i]
		var err error
		switch {
		case p.kind == varArgs:
			rest := args[min(len(args), f.nPos):]
			s := reflect.MakeSlice(p.typ, len(rest), len(rest))
			for j, a := range rest {
				if err := convert(a, s.Index(j)); err != nil {
					return nil, f.typeError(fmt.Sprintf("argument %d %v", f.nPos+j+1, err))
				}
			}
			vals[i] = s
		case p.kind == varKwargs:
			vals[i], err = f.extra(p, kwargs)
		case given[i].is:
			vals[i], err = f.value(p, given[i].v)
		default:
			vals[i] = p.def
		}
		if err != nil {
			return nil, err
		}
	}
	return vals, nil
}

// argument is what a call gives a parameter.
type argument struct {
	v  any
	is bool
}

// extra collects the keyword arguments that no parameter has.
func (f *function) extra(p *param, kwargs map[string]any) (reflect.Value, error) {
	m := reflect.MakeMap(p.typ)
	for key, arg := range kwargs {
		if f.index(key) >= 0 {
			continue
		}
		e := reflect.New(p.typ.Elem()).Elem()
		if err := convert(arg, e); err != nil {
			return m, f.typeError("argument '" + key + "' " + err.Error())
		}
		m.SetMapIndex(reflect.ValueOf(key).Convert(p.typ.Key()), e)
	}
	return m, nil
}

func (f *function) value(p *param, arg any) (reflect.Value, error) {
	v := reflect.New(p.typ).Elem()
	if err := convert(arg, v); err != nil {
		return v, f.typeError("argument '" + p.name + "' " + err.Error())
	}
	return v, nil
}

// index finds a parameter that may be given by name.
func (f *function) index(name string) int {
	for i := range f.params {
		if p := &f.params[i]; p.name == name && (p.kind == positional || p.kind == keywordOnly) {
			return i
		}
	}
	return -1
}

func (f *function) typeError(text string) error {
	return &Error{Class: "TypeError", Module: "builtins", Args: []any{f.name + "() " + text}}
}

func (f *function) tooMany(given int, vals []argument) error {
	least, plural := 0, "s"
	for i := range f.nPos {
		if f.params[i].required {
			least++
		}
	}
	takes := strconv.Itoa(f.nPos)
	if least != f.nPos {
		takes = fmt.Sprintf("from %d to %d", least, f.nPos)
	} else if f.nPos == 1 {
		plural = ""
	}
	keywords := 0
	for i, p := range f.params {
		if p.kind == keywordOnly && vals[i].is {
			keywords++
		}
	}
	were, extra := "were", ""
	if given == 1 && keywords == 0 {
		were = "was"
	}
	if keywords > 0 {
		extra = fmt.Sprintf(" positional argument%s (and %d keyword-only argument%s)", pluralS(given), keywords, pluralS(keywords))
	}
	return f.typeError(fmt.Sprintf("takes %s positional argument%s but %d%s %s given", takes, plural, given, extra, were))
}

func pluralS(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

// missing names the parameters that have neither a value nor a default, the positional ones first.
func (f *function) missing(vals []argument) error {
	for _, kind := range []paramKind{positional, keywordOnly} {
		var names []string
		for i, p := range f.params {
			if p.kind == kind && p.required && !vals[i].is {
				names = append(names, "'"+p.name+"'")
			}
		}
		if len(names) == 0 {
			continue
		}
		word := "positional"
		if kind == keywordOnly {
			word = "keyword-only"
		}
		list := names[0]
		switch n := len(names); {
		case n == 2:
			list = names[0] + " and " + names[1]
		case n > 2:
			list = strings.Join(names[:n-1], ", ") + ", and " + names[n-1]
		}
		return f.typeError(fmt.Sprintf("missing %d required %s argument%s: %s", len(names), word, pluralS(len(names)), list))
	}
	return nil
}

// call runs the function. The value is nil where it returns none.
func (f *function) call(ctx context.Context, vals []reflect.Value) (any, error) {
	in := make([]reflect.Value, 0, len(vals)+1)
	if f.ctx {
		in = append(in, reflect.ValueOf(ctx))
	}
	if f.structT != nil {
		s := reflect.New(f.structT).Elem()
		for i, p := range f.params {
			s.Field(p.field).Set(vals[i])
		}
		in = append(in, s)
	} else {
		in = append(in, vals...)
	}
	var out []reflect.Value
	if f.fn.Type().IsVariadic() {
		out = f.fn.CallSlice(in)
	} else {
		out = f.fn.Call(in)
	}
	var res any
	if f.result {
		res = out[0].Interface()
	}
	if f.err {
		if e := out[len(out)-1]; !e.IsNil() {
			return res, e.Interface().(error)
		}
	}
	return res, nil
}
