package cli

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"healpipe/celery"
)

func (p *program) resultCommand() *cli.Command {
	return &cli.Command{
		Name:      "result",
		Usage:     "print what a task returned, once it is over",
		ArgsUsage: "TASK_ID",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "task", Aliases: []string{"t"}, Usage: "name of the task; it must be one of this program's"},
			&cli.BoolFlag{Name: "traceback", Usage: "print the traceback that is stored, without waiting"},
		},
		Action: func(c *cli.Context) error {
			id, err := oneArgument(c, "TASK_ID")
			if err != nil {
				return err
			}
			app, err := p.client(c)
			if err != nil {
				return err
			}
			defer app.Close()
			if err := p.knownTask(c, app, c.String("task")); err != nil {
				return err
			}
			ctx, stop := interruptible(c.Context)
			defer stop()
			res := app.AsyncResult(id).InOrder()
			var value any
			if c.Bool("traceback") {
				info, err := res.Info(ctx)
				if err != nil {
					return resultError(err)
				}
				value = info["traceback"]
			} else if value, err = res.Get(ctx); err != nil {
				return resultError(err)
			}
			if value == nil { // as click prints None
				value = ""
			}
			fmt.Fprintln(p.stdout, pyStr(value))
			return nil
		},
	}
}

// knownTask refuses a task that this program does not have; "" is none in particular.
func (p *program) knownTask(c *cli.Context, app *celery.App, name string) error {
	if name == "" {
		return nil
	}
	cfg, err := p.settings(c)
	if err != nil {
		return err
	}
	if err := newSite(cfg).register(app, appName(c)); err != nil {
		return err
	}
	if app.Task(name) == nil {
		return fmt.Errorf("--task: %w: %s", celery.ErrNotRegistered, name)
	}
	return nil
}

// resultError names the remedy where the backend is at fault; the exception of a failed task speaks for itself.
func resultError(err error) error {
	var failed *celery.Error
	switch {
	case errors.As(err, &failed):
		return errors.New(failed.Error())
	case errors.Is(err, celery.ErrNoBackend):
		return fmt.Errorf("%w: set RESULT_BACKEND in config.py, or --result-backend, for the workers too", err)
	}
	return unreachable(err)
}

// pyStr prints a value as Python's str() does.
func pyStr(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	return celery.Repr(v)
}
