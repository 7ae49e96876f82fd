package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Mistakes in the command line are reported in the words of click, Celery's command line library.

// usageWords gives an error of urfave/cli's parser those words.
func usageWords(c *cli.Context, err error) error {
	text := err.Error()
	if name, ok := strings.CutPrefix(text, "flag provided but not defined: -"); ok {
		return usageError{noSuchOption(name)}
	}
	if name, ok := strings.CutPrefix(text, "flag needs an argument: "); ok {
		return usagef("Option '%s' requires an argument.", dashed(strings.TrimLeft(name, "-")))
	}
	// invalid value "soon" for flag -t: parse error
	if rest, ok := strings.CutPrefix(text, "invalid value \""); ok {
		value, rest, _ := strings.Cut(rest, "\" for flag -")
		name, _, _ := strings.Cut(rest, ":")
		if f := flagOf(c, name); f != nil {
			return invalidValue(f, fmt.Errorf("'%s' is not a valid %s.", value, kindOf(f)))
		}
	}
	return usageError{err}
}

func noSuchOption(name string) error { return fmt.Errorf("No such option '%s'.", dashed(name)) }

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// invalidValue names an option by all its names, the short one first.
func invalidValue(f cli.Flag, err error) error {
	var names []string
	for _, n := range f.Names() {
		names = append(names, "'"+dashed(n)+"'")
	}
	slices.SortStableFunc(names, func(a, b string) int { return min(len(a), len("'-x' ")) - min(len(b), len("'-x' ")) })
	return usagef("Invalid value for %s: %w", strings.Join(names, " / "), err)
}

// badOption is invalidValue for an option of the command that runs.
func badOption(c *cli.Context, name, format string, args ...any) error {
	return invalidValue(flagOf(c, name), fmt.Errorf(format, args...))
}

// oneOf refuses a value of an option that is none of its choices.
func oneOf(c *cli.Context, name, value string, choices ...string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	return badOption(c, name, "'%s' is not one of '%s'.", value, strings.Join(choices, "', '"))
}

// levels are the choices of --loglevel, in upper case.
var levels = []string{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "FATAL"}

func flagOf(c *cli.Context, name string) cli.Flag {
	for _, at := range c.Lineage() {
		var flags []cli.Flag
		if at.Command != nil {
			flags = at.Command.Flags
		}
		if at.App != nil {
			flags = append(slices.Clone(flags), at.App.Flags...)
		}
		for _, f := range flags {
			if slices.Contains(f.Names(), name) {
				return f
			}
		}
	}
	return nil
}

func kindOf(f cli.Flag) string {
	switch f.(type) {
	case *cli.Float64Flag:
		return "float"
	case *cli.IntFlag, *cli.Int64Flag, *cli.UintFlag:
		return "integer"
	case *cli.BoolFlag:
		return "boolean"
	}
	return "value"
}

// noArguments refuses what follows the options of a command that takes no arguments.
func noArguments(c *cli.Context) error { return tooMany(c.Args().Slice()) }

func tooMany(extra []string) error {
	switch len(extra) {
	case 0:
		return nil
	case 1:
		return usagef("Got unexpected extra argument (%s)", extra[0])
	}
	return usagef("Got unexpected extra arguments (%s)", strings.Join(extra, " "))
}

// oneArgument returns the only argument of a command that takes one.
func oneArgument(c *cli.Context, name string) (string, error) {
	if !c.Args().Present() {
		return "", missingArgument(name)
	}
	return c.Args().First(), tooMany(c.Args().Tail())
}

func missingArgument(name string) error { return usagef("Missing argument '%s'.", name) }

func noSuchCommand(name string) error {
	return usageError{errors.New("No such command '" + name + "'.")}
}
