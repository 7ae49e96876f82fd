package cli

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// purgePrompt is Celery's, word for word, for programs that wait for it.
const purgePrompt = `WARNING:This will remove all tasks from %s: %s.
         There is no undo for this operation!

(to skip this prompt use the -f option)
Are you sure you want to delete all tasks? [y/N]: `

func (p *program) purgeCommand() *cli.Command {
	return &cli.Command{
		Name:  "purge",
		Usage: "delete all messages that wait in the task queues",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "do not ask"},
			&cli.StringFlag{Name: "queues", Aliases: []string{"Q"}, Usage: "queues, separated by commas (default: those of task_queues, or the default one)"},
			&cli.StringFlag{Name: "exclude-queues", Aliases: []string{"X"}, Usage: "queues to leave alone"},
		},
		Action: p.purge,
	}
}

func (p *program) purge(c *cli.Context) error {
	app, err := p.client(c)
	if err != nil {
		return err
	}
	defer app.Close()
	queues := splitList(c.String("queues"))
	if len(queues) == 0 {
		for _, q := range app.Queues() {
			queues = append(queues, q.Name)
		}
	}
	queues = without(queues, splitList(c.String("exclude-queues")))
	if len(queues) == 0 { // nothing to do, as for Celery
		return nil
	}
	slices.Sort(queues)
	queues = slices.Compact(queues)
	if !c.Bool("force") {
		fmt.Fprintf(p.stdout, purgePrompt, pluralOf(len(queues), "queue"), strings.Join(queues, ", "))
		line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
		if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
			fmt.Fprintln(p.stderr, "Aborted!")
			return silentError{exitFailed}
		}
	}
	n, err := app.Control().Purge(c.Context, queues...)
	if err != nil {
		return unreachable(err)
	}
	if n == 0 {
		fmt.Fprintf(p.stdout, "No messages purged from %s.\n", plural(len(queues), "queue"))
		return nil
	}
	fmt.Fprintf(p.stdout, "Purged %s from %s.\n", plural(n, "message"), plural(len(queues), "known task queue"))
	return nil
}

func without(list, drop []string) []string {
	var out []string
next:
	for _, s := range list {
		for _, d := range drop {
			if s == d {
				continue next
			}
		}
		out = append(out, s)
	}
	return out
}
