package cli

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"healpipe/celery"
	"healpipe/celery/kombu"
)

func (p *program) callCommand() *cli.Command {
	return &cli.Command{
		Name:      "call",
		Usage:     "send a task by its name and print its id",
		ArgsUsage: "NAME",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "args", Aliases: []string{"a"}, Value: "[]", Usage: "positional arguments, a JSON array"},
			&cli.StringFlag{Name: "kwargs", Aliases: []string{"k"}, Value: "{}", Usage: "keyword arguments, a JSON object"},
			&cli.StringFlag{Name: "eta", Usage: "when to run, ISO 8601; UTC without an offset"},
			&cli.Float64Flag{Name: "countdown", Usage: "seconds from now when to run"},
			&cli.StringFlag{Name: "expires", Usage: "when not to run any more: ISO 8601, or seconds from now"},
			&cli.StringFlag{Name: "serializer", Value: "json", Usage: "serializer of the message"},
			&cli.StringFlag{Name: "queue", Usage: "queue to send to"},
			&cli.StringFlag{Name: "exchange", Usage: "exchange to send to"},
			&cli.StringFlag{Name: "routing-key", Usage: "routing key"},
		},
		Action: func(c *cli.Context) error {
			name, err := oneArgument(c, "NAME")
			if err != nil {
				return err
			}
			args, kwargs, err := callArguments(c)
			if err != nil {
				return err
			}
			opts, err := callOptions(c)
			if err != nil {
				return err
			}
			app, err := p.client(c)
			if err != nil {
				return err
			}
			defer app.Close()
			ctx, stop := interruptible(c.Context)
			defer stop()
			res, err := app.SendTask(ctx, name, args, kwargs, opts)
			if err != nil {
				return unreachable(err)
			}
			fmt.Fprintln(p.stdout, res.ID)
			return nil
		},
	}
}

// callArguments reads --args and --kwargs. Whole numbers stay whole, and dictionaries in their order.
func callArguments(c *cli.Context) (args []any, kwargs map[string]any, err error) {
	array, object := c.String("args"), c.String("kwargs")
	v, err := kombu.DecodeOrderedJSON([]byte(array))
	if err != nil {
		return nil, nil, badOption(c, "args", "%w", err)
	}
	args, ok := v.([]any)
	if !ok {
		return nil, nil, badOption(c, "args", "%s was not an array", array)
	}
	if v, err = kombu.DecodeOrderedJSON([]byte(object)); err != nil {
		return nil, nil, badOption(c, "kwargs", "%w", err)
	}
	named, ok := v.(kombu.Object)
	if !ok {
		return nil, nil, badOption(c, "kwargs", "%s was not an object", object)
	}
	return args, named.Map(), nil
}

func callOptions(c *cli.Context) (celery.Options, error) {
	o := celery.Options{
		Countdown: seconds(c.Float64("countdown")), Serializer: c.String("serializer"),
		Queue: c.String("queue"), Exchange: c.String("exchange"), RoutingKey: c.String("routing-key"),
	}
	var err error
	if text := c.String("eta"); text != "" {
		if o.ETA, err = parseISOTime(text); err != nil {
			return o, badOption(c, "eta", "%w", err)
		}
	}
	if text := c.String("expires"); text != "" {
		if s, err := strconv.ParseFloat(text, 64); err == nil {
			if math.IsNaN(s) || math.Abs(s) > math.MaxInt64/1e9 {
				return o, badOption(c, "expires", "%s seconds are out of range", text)
			}
			o.Expires = time.Now().Add(seconds(s))
		} else if o.Expires, err = parseISOTime(text); err != nil {
			return o, badOption(c, "expires", "%w", err)
		}
	}
	return o, nil
}
