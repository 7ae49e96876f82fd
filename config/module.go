package config

import (
	"fmt"

	"go.starlark.net/starlark"
)

// module is what config.py says.
type module struct {
	name   string // for messages, relative to the folder
	values map[string]moduleValue
	fatal  []*Fault // exceptions that end the file on purpose
	notes  []*Fault // statements that were left out and set nothing
	broken []*Fault // why the file, or a part whose names are unknown, could not be read
}

// moduleValue is one name of the file, with the place of its last assignment.
type moduleValue struct {
	value     any            // nil, bool, string, int64, float64, []any, time.Time, time.Duration, TimeRange, or a Stringer for what no setting takes
	raw       starlark.Value // the same as the interpreter holds it
	line, col int
	fault     *Fault // why there is no value
}

type moduleSource struct {
	name, path, text string
	lookup           func(string) (string, bool)
	loaded           map[string]string // receives the variables that load_dotenv adds
}

// at is the place of the value's assignment, for Origin.
func (v moduleValue) at(file string) string { return fmt.Sprintf("%s:%d:%d", file, v.line, v.col) }
