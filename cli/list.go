package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"healpipe/celery"
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

// listBindings declares the app's queues, as Celery does, and prints the tables of their exchanges.
func (p *program) listBindings(c *cli.Context) error {
	if err := noArguments(c); err != nil {
		return err
	}
	return p.withBroker(c, p.printBindings)
}

func (p *program) printBindings(ctx context.Context, app *celery.App, conn *kombu.Connection) error {
	queues := app.Queues()
	if err := conn.Declare(ctx, queues...); err != nil {
		return unreachable(err)
	}
	line := func(queue, exchange, key string) { fmt.Fprintf(p.stdout, "%-28s %-28s %s\n", queue, exchange, key) }
	rule := strings.Repeat("-", 16)
	line("Queue", "Exchange", "Routing Key")
	line(rule, rule, rule)
	var shown []string
	for _, q := range queues {
		exchange := q.Exchange.Name
		if slices.Contains(shown, exchange) {
			continue
		}
		shown = append(shown, exchange)
		rows, err := conn.Bindings(ctx, exchange)
		if err != nil {
			return unreachable(err)
		}
		slices.SortFunc(rows, func(a, b kombu.Binding) int {
			return cmp.Or(strings.Compare(a.Queue, b.Queue), strings.Compare(a.RoutingKey, b.RoutingKey))
		})
		for _, b := range rows {
			line(b.Queue, exchange, b.RoutingKey)
		}
	}
	return nil
}
