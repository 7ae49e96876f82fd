package netcdf

import (
	"fmt"
	"strings"
	"sync"
)

// Attr is an attribute of a group or variable.
type Attr struct {
	Name string
	Type *Type
	// Value is a string for Char; else a slice of the Go type that the Kind says, also for one value:
	// []int8, []uint8, []int16, []uint16, []int32, []uint32, []int64, []uint64, []float32, []float64,
	// []string, [][]byte (Opaque), []Record (Compound), []any (VLen, Array).
	Value any
	// Err says why the value cannot be read; Value is nil then.
	Err error
}

// Len returns the number of values (of bytes for Char).
func (a Attr) Len() int { return valueLen(a.Value) }

// Text returns the text of a Char attribute or of a single String, with trailing NULs cut; ok is false
// for anything else.
func (a Attr) Text() (s string, ok bool) {
	switch v := a.Value.(type) {
	case string:
		return strings.TrimRight(v, "\x00"), true
	case []string:
		if len(v) == 1 {
			return v[0], true
		}
	}
	return "", false
}

// Float64s returns the values of a numeric attribute as float64; ok is false for anything else.
func (a Attr) Float64s() (values []float64, ok bool) {
	if a.Type == nil || !a.Type.Kind.Numeric() || a.Type.Kind == Char {
		return nil, false
	}
	values = make([]float64, valueLen(a.Value))
	_, err := convertSlice(values, a.Value)
	return values, err == nil
}

// attrSet holds the attributes of one object, read at the first call.
type attrSet struct {
	once sync.Once
	read func() ([]Attr, error)
	list []Attr
	err  error
}

func (s *attrSet) all() ([]Attr, error) {
	s.once.Do(func() {
		if s.read != nil {
			s.list, s.err = s.read()
			s.read = nil
		}
	})
	return s.list, s.err
}

func (s *attrSet) get(name string) (Attr, error) {
	list, err := s.all()
	for _, a := range list {
		if a.Name == name {
			return a, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("netcdf: attribute %q: %w", name, ErrNotFound)
	}
	return Attr{}, err
}
