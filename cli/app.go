package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/urfave/cli/v2"

	"healpipe/config"
	"healpipe/internal/gcfloor"
)

// version is set by the linker (see Makefile).
var version = "dev"

// Version returns the program's version.
func Version() string { return version }

// Exit statuses.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitUnavailable = 69 // EX_UNAVAILABLE of sysexits.h, as Celery's inspect
)

// program is one invocation.
type program struct {
	name           string // what it was called as
	stdout, stderr io.Writer
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// silentError ends the program with a status after everything was said.
type silentError struct{ status int }

func (e silentError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// Main runs the program and returns its exit status.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	p := &program{name: "healpipe", stdout: stdout, stderr: stderr}
	if len(args) > 0 && filepath.Base(args[0]) == "celery" {
		p.name = "celery"
	}
	// The collector keeps below the container's limit; where none can be read, Go's default is right.
	_, _ = memlimit.Set()
	limitProcessors()
	gcfloor.Set(12 << 20)
	app := p.app()
	err := app.RunContext(ctx, normalize(app, args))
	var usage usageError
	var silent silentError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &silent):
		return silent.status
	case errors.As(err, &usage):
		p.fail(err)
		fmt.Fprintf(stderr, "Try '%s --help' for help.\n", p.name)
		return exitUsage
	}
	p.fail(err)
	return exitFailed
}

// fail prints an error: a line each for joined ones.
func (p *program) fail(err error) {
	for line := range strings.SplitSeq(strings.TrimSpace(err.Error()), "\n") {
		fmt.Fprintf(p.stderr, "%s: %s\n", p.name, line)
	}
}

func (p *program) app() *cli.App {
	usage := func(c *cli.Context, err error, _ bool) error { return usageWords(c, err) }
	app := &cli.App{
		Name:            p.name,
		Usage:           "Celery worker and tools for the ERA5 -> HEALPix -> Zarr pipeline",
		Version:         version,
		HideHelpCommand: true,
		Writer:          p.stdout,
		ErrWriter:       p.stderr,
		OnUsageError:    usage,
		ExitErrHandler:  func(*cli.Context, error) {},
		CommandNotFound: func(c *cli.Context, name string) {},
		Flags:           p.globalFlags(),
		Before:          p.enterWorkdir,
		Commands:        p.commands(),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return noSuchCommand(c.Args().First())
			}
			return cli.ShowAppHelp(c)
		},
	}
	var complete func([]*cli.Command)
	complete = func(commands []*cli.Command) {
		for _, c := range commands {
			c.OnUsageError = usage
			c.HideHelpCommand = true
			if c.Action == nil {
				c.Action = p.groupAction
			}
			complete(c.Subcommands)
		}
	}
	complete(app.Commands)
	return app
}

// groupAction answers a command that only groups others.
func (p *program) groupAction(c *cli.Context) error {
	if c.Args().Present() {
		return noSuchCommand(c.Args().First())
	}
	c.App.Writer = p.stderr
	if err := cli.ShowSubcommandHelp(c); err != nil {
		return err
	}
	return silentError{exitUsage}
}

// globalFlags are Celery's own, then one for each setting of config.py.
func (p *program) globalFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "app", Aliases: []string{"A"}, Usage: "application: the prefix of the task names, as the module of the Python scripts", Value: "tasks"},
		&cli.StringFlag{Name: "broker", Aliases: []string{"b"}, Usage: "broker URL, over CELERY_BROKER"},
		&cli.StringFlag{Name: "workdir", Usage: "change to this folder first"},
		&cli.BoolFlag{Name: "no-color", Aliases: []string{"C"}, Usage: "no colours"},
		&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "print less"},
		&cli.StringFlag{Name: "loader", Hidden: true},
		&cli.StringFlag{Name: "config", Hidden: true},
		&cli.BoolFlag{Name: "skip-checks", Hidden: true},
	}
	for _, s := range config.Settings() {
		switch s.Name {
		case "CELERY_BROKER": // --broker
		default:
			flags = append(flags, &cli.StringFlag{Name: s.Flag, Usage: s.Doc + ", over " + s.Name})
		}
	}
	return flags
}

// enterWorkdir does what Celery's --workdir does: paths in config.py are relative to it.
func (p *program) enterWorkdir(c *cli.Context) error {
	if dir := c.String("workdir"); dir != "" {
		if err := os.Chdir(dir); err != nil {
			return usagef("--workdir: %v", err)
		}
	}
	return nil
}

func (p *program) commands() []*cli.Command {
	return []*cli.Command{
		p.workerCommand(),
		p.indexCommand(),
		p.initCommand(),
		p.enqueueCommand(),
		p.regridCommand(),
		p.curateCommand(),
		p.statisticsCommand(),
		p.inspectCommand(),
		p.controlCommand(),
		p.statusCommand(),
		p.purgeCommand(),
		p.deadCommand(),
		p.callCommand(),
		p.resultCommand(),
		p.eventsCommand(),
		p.listCommand(),
		p.reportCommand(),
		p.doctorCommand(),
		p.runCommand(),
		p.demoCommand(),
		p.versionCommand(),
	}
}

// interruptible returns a context that ends at SIGINT or SIGTERM; the worker has rules of its own.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// settings reads the settings with what the command line gives.
func (p *program) settings(c *cli.Context) (*config.Config, error) {
	flags := map[string]string{}
	for _, s := range config.Settings() {
		name := s.Flag
		if s.Name == "CELERY_BROKER" {
			name = "broker"
		}
		if c.IsSet(name) {
			flags[s.Name] = c.String(name)
		}
	}
	return config.Load(config.Options{AppName: appName(c), Flags: flags})
}

// appName is the module of -A: "proj.tasks:app" and "proj.tasks" are both "proj.tasks".
func appName(c *cli.Context) string {
	name, _, _ := strings.Cut(c.String("app"), ":")
	return strings.TrimSuffix(name, ".app")
}
