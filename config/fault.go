package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrSetting is behind every fault in a setting; ErrProfile behind those of a profile.
var (
	ErrSetting = errors.New("invalid setting")
	ErrProfile = errors.New("profile")
)

// Fault is one thing that is wrong, with its place and its mend.
type Fault struct {
	File      string // config.py, .env, rclone.conf; "" if the value did not come from a file
	Line, Col int    // from 1, columns in characters; 0 if unknown
	Setting   string // the setting concerned, "" if none in particular
	Msg       string // what is wrong
	Mend      string // what to write or set instead
	Err       error  // the cause, if there is one
}

// Error is one line: file:line:column: SETTING message; mend.
func (f *Fault) Error() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", f.Line, f.Col)
		}
		b.WriteString(": ")
	}
	if f.Setting != "" {
		b.WriteString(f.Setting + " ")
	}
	b.WriteString(f.Msg)
	if f.Mend != "" {
		b.WriteString("; " + f.Mend)
	}
	return b.String()
}

// Unwrap gives ErrSetting and the cause to errors.Is.
func (f *Fault) Unwrap() []error {
	if f.Err != nil {
		return []error{ErrSetting, f.Err}
	}
	return []error{ErrSetting}
}

// Faults are all that is wrong, in the order of the settings.
type Faults []*Fault

// Error is one line for each fault.
func (fs Faults) Error() string {
	lines := make([]string, len(fs))
	for i, f := range fs {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives the faults to errors.Is and errors.As.
func (fs Faults) Unwrap() []error {
	errs := make([]error, len(fs))
	for i, f := range fs {
		errs[i] = f
	}
	return errs
}

// orNil keeps a nil Faults from becoming an error that is not nil.
func (fs Faults) orNil() error {
	if len(fs) == 0 {
		return nil
	}
	return fs
}

// add appends faults, leaving out one that says the same of the same place.
func (fs *Faults) add(more ...*Fault) {
next:
	for _, f := range more {
		text := f.Error()
		for _, g := range *fs {
			if g.Error() == text {
				continue next
			}
		}
		*fs = append(*fs, f)
	}
}

// named leaves out the faults of the file that another one gives with the setting that suffers from it.
func (fs Faults) named() Faults {
	type place struct {
		file      string
		line, col int
		msg       string
	}
	with := map[place]bool{}
	for _, f := range fs {
		if f.Setting != "" {
			with[place{f.File, f.Line, f.Col, f.Msg}] = true
		}
	}
	return slices.DeleteFunc(fs, func(f *Fault) bool { return f.Setting == "" && with[place{f.File, f.Line, f.Col, f.Msg}] })
}
