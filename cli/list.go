package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"healpipe/celery/kombu"
)

func (p *program) listCommand() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "ask the broker",
		Subcommands: []*cli.Command{{
			Name:   "bindings",
			Usage:  "queues with their exchanges and routing keys",
			Action: p.listBindings,
		}},
	}
}

// listBindings declares the app's queue, as Celery does, and prints the table of its exchange.
func (p *program) listBindings(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	cfg, err := p.brokerSettings(c)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(c.Context)
	defer stop()
	conn, err := kombu.Dial(ctx, cfg.CeleryBroker, kombu.Options{})
	if err != nil {
		return unreachable(err)
	}
	defer conn.Close()
	const queue = "celery" // task_default_queue
	if err := conn.Declare(ctx, kombu.Queue{Name: queue}); err != nil {
		return unreachable(err)
	}
	rows, err := conn.Bindings(ctx, queue)
	if err != nil {
		return unreachable(err)
	}
	slices.SortFunc(rows, func(a, b kombu.Binding) int {
		return cmp.Or(strings.Compare(a.Queue, b.Queue), strings.Compare(a.RoutingKey, b.RoutingKey))
	})
	line := func(queue, exchange, key string) { fmt.Fprintf(p.stdout, "%-28s %-28s %s\n", queue, exchange, key) }
	rule := strings.Repeat("-", 16)
	line("Queue", "Exchange", "Routing Key")
	line(rule, rule, rule)
	for _, b := range rows {
		line(b.Queue, queue, b.RoutingKey)
	}
	return nil
}
