package config

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"go.starlark.net/starlark"
)

// Assigned is a name that config.py assigns and that is no setting of the pipeline, such as a setting of Celery.
type Assigned struct {
	Name string
	// Value is nil, a bool, int64, float64, string, []any, Dict, time.Time, time.Duration, TimeRange, or a
	// fmt.Stringer that names the kind of any other value.
	Value any
	// File, Line and Col are the place of the last assignment, File as messages name it.
	File      string
	Line, Col int
	// Fault is why there is no value.
	Fault *Fault
}

// At is the place as messages print it.
func (a *Assigned) At() string { return fmt.Sprintf("%s:%d:%d", a.File, a.Line, a.Col) }

// Dict is a dictionary in its order.
type Dict []Item

// Item is one entry of a Dict.
type Item struct{ Key, Value any }

// Assigned returns the wanted names among those of config.py, in the order of their last assignments. What an import
// binds is left out, as far as it is understood.
func (c *Config) Assigned(wanted func(name string) bool) []Assigned {
	var all []Assigned
	for name, v := range c.module.values {
		if lookup(name) != nil || !wanted(name) {
			continue
		}
		a := Assigned{Name: name, File: c.module.name, Line: v.line, Col: v.col, Fault: v.fault}
		if v.fault == nil {
			switch v.raw.(type) {
			case *namespace, *starlark.Builtin:
				continue
			}
			left := maxValues
			a.Value = wholeValue(v.raw, 0, &left)
		}
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b Assigned) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// Bounds of a value: its depth, and its parts, since one list can stand in many places.
const (
	maxNesting = 32
	maxValues  = 1 << 16
)

// wholeValue is goValue with what is within lists and dictionaries. left counts down the parts.
func wholeValue(v starlark.Value, depth int, left *int) any {
	if *left--; *left < 0 || depth > maxNesting {
		return opaque("too large " + v.Type())
	}
	switch v := v.(type) {
	case deltaValue:
		return time.Duration(v)
	case *starlark.Dict:
		d := Dict{}
		for _, item := range v.Items() {
			if *left < 0 {
				break
			}
			d = append(d, Item{wholeValue(item[0], depth+1, left), wholeValue(item[1], depth+1, left)})
		}
		return d
	case *starlark.List, starlark.Tuple, *starlark.Set:
		list := []any{}
		for e := range starlark.Elements(v.(starlark.Iterable)) {
			if *left < 0 {
				break
			}
			list = append(list, wholeValue(e, depth+1, left))
		}
		return list
	}
	return goValue(v)
}
