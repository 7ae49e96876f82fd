package cli

import (
	"strings"

	"github.com/urfave/cli/v2"
)

// normalize rewrites arguments from the forms that Celery's command line (click) takes to those that
// urfave/cli takes: options may follow arguments (`regrid IN -o OUT`), and a short option may carry its
// value without a space (`-c8`). args[0] is the program's name.
func normalize(app *cli.App, args []string) []string {
	if len(args) == 0 {
		return args
	}
	out := []string{args[0]}
	rest := args[1:]
	flags, commands := app.Flags, app.Commands
	for {
		head, tail := leadingOptions(rest, flags)
		out = append(out, head...)
		if len(tail) == 0 {
			return out
		}
		cmd := findCommand(commands, tail[0])
		if cmd == nil {
			options, arguments := permute(tail, flags)
			return append(append(out, options...), arguments...)
		}
		out = append(out, tail[0])
		rest, flags, commands = tail[1:], cmd.Flags, cmd.Subcommands
		if len(commands) == 0 {
			options, arguments := permute(rest, flags)
			return append(append(out, options...), arguments...)
		}
	}
}

func findCommand(commands []*cli.Command, name string) *cli.Command {
	for _, c := range commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

// leadingOptions cuts args before the first argument that is no option.
func leadingOptions(args []string, flags []cli.Flag) (head, tail []string) {
	for len(args) > 0 && isOption(args[0]) {
		opt, used := option(args, flags)
		head = append(head, opt...)
		args = args[used:]
	}
	return head, args
}

// permute separates options from arguments; what follows "--" is never an option.
func permute(args []string, flags []cli.Flag) (options, arguments []string) {
	for len(args) > 0 {
		switch {
		case args[0] == "--":
			return options, append(append([]string{"--"}, arguments...), args[1:]...)
		case isOption(args[0]):
			opt, used := option(args, flags)
			options = append(options, opt...)
			args = args[used:]
		default:
			arguments = append(arguments, args[0])
			args = args[1:]
		}
	}
	if len(options) > 0 && lacksValue(options[len(options)-1], flags) {
		return options, nil // or the parser would take "--" for it
	}
	if len(arguments) > 0 {
		arguments = append([]string{"--"}, arguments...)
	}
	return options, arguments
}

func isOption(arg string) bool { return len(arg) > 1 && arg[0] == '-' && arg != "--" && !isNumber(arg) }

func isNumber(arg string) bool { return arg[1] >= '0' && arg[1] <= '9' }

// option returns the option at the head of args in urfave's form and how many of args it uses.
func option(args []string, flags []cli.Flag) (opt []string, used int) {
	arg := args[0]
	name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	if takesValue, known := lookup(flags, name); known {
		if takesValue && !hasValue && len(args) > 1 {
			// One word, so that a value that starts with "-" is not taken for an option.
			return []string{arg + "=" + args[1]}, 2
		}
		return []string{arg}, 1
	}
	// -c8: a known one-letter option with its value attached.
	if !strings.HasPrefix(arg, "--") && len(arg) > 2 {
		if takesValue, known := lookup(flags, arg[1:2]); known && takesValue {
			return []string{arg[:2] + "=" + arg[2:]}, 1
		}
	}
	return []string{arg}, 1
}

// lacksValue tells whether an option in urfave's form has no value and needs one.
func lacksValue(opt string, flags []cli.Flag) bool {
	name, _, hasValue := strings.Cut(strings.TrimLeft(opt, "-"), "=")
	takesValue, _ := lookup(flags, name)
	return takesValue && !hasValue
}

func lookup(flags []cli.Flag, name string) (takesValue, known bool) {
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				_, isBool := f.(*cli.BoolFlag)
				return !isBool, true
			}
		}
	}
	return false, false
}
