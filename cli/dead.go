package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/urfave/cli/v2"

	"healpipe/celery"
	"healpipe/celery/kombu"
)

func (p *program) deadCommand() *cli.Command {
	queues := &cli.StringFlag{Name: "queues", Aliases: []string{"Q"}, Usage: "only what was found in these queues, separated by commas"}
	reason := &cli.StringFlag{Name: "reason", Usage: "only those whose reason contains this text"}
	all := &cli.BoolFlag{Name: "all", Usage: "all of them, or all that the other options choose"}
	return &cli.Command{
		Name:  "dead",
		Usage: "messages that no worker could run: look at them, send them back, delete them",
		Subcommands: []*cli.Command{
			{
				Name: "list", Usage: "print them, newest first", ArgsUsage: "[ID]...",
				Flags: []cli.Flag{
					queues, reason,
					&cli.IntFlag{Name: "number", Aliases: []string{"n"}, Value: 50, Usage: "how many at most; 0 is all"},
					&cli.BoolFlag{Name: "raw", Usage: "print the list elements themselves, one a line, and nothing else"},
					&cli.BoolFlag{Name: "json", Aliases: []string{"j"}, Usage: "print a JSON array"},
				},
				Action: p.deadList,
			},
			{
				Name: "requeue", Usage: "send them back to the end of the queues they came from", ArgsUsage: "ID... or --all",
				Flags:  []cli.Flag{queues, reason, all, &cli.StringFlag{Name: "to", Usage: "queue to send them to instead"}},
				Action: p.deadRequeue,
			},
			{
				Name: "purge", Usage: "delete them", ArgsUsage: "ID... or --all",
				Flags:  []cli.Flag{queues, reason, all, &cli.BoolFlag{Name: "force", Aliases: []string{"f"}, Usage: "do not ask"}},
				Action: p.deadPurge,
			},
		},
	}
}

// choose returns the dead letters that the arguments and options name, newest first, and an error for an id that there is none of.
func choose(ctx context.Context, c *cli.Context, conn *kombu.Connection) ([]kombu.DeadLetter, error) {
	letters, err := conn.DeadLetters(ctx, 0)
	if err != nil {
		return nil, unreachable(err)
	}
	queues, ids := splitList(c.String("queues")), c.Args().Slice()
	for _, id := range ids {
		if !slices.ContainsFunc(letters, func(l kombu.DeadLetter) bool { return l.ID == id }) {
			return nil, fmt.Errorf("there is no dead letter %q; `%s dead list` prints their ids", id, c.App.Name)
		}
	}
	return slices.DeleteFunc(letters, func(l kombu.DeadLetter) bool {
		return len(ids) > 0 && !slices.Contains(ids, l.ID) ||
			len(queues) > 0 && !slices.Contains(queues, l.Queue) ||
			!strings.Contains(l.Reason, c.String("reason"))
	}), nil
}

// chooseSome is choose for commands that change something: they must be told what.
func chooseSome(ctx context.Context, c *cli.Context, conn *kombu.Connection) ([]kombu.DeadLetter, error) {
	if c.Args().Present() == c.Bool("all") {
		return nil, usagef("%s needs ids, or --all", c.Command.Name)
	}
	return choose(ctx, c, conn)
}

func (p *program) deadList(c *cli.Context) error {
	return p.withBroker(c, func(ctx context.Context, _ *celery.App, conn *kombu.Connection) error {
		letters, err := choose(ctx, c, conn)
		if err != nil {
			return err
		}
		more := 0
		if n := c.Int("number"); n > 0 && len(letters) > n {
			more, letters = len(letters)-n, letters[:n]
		}
		switch {
		case c.Bool("raw"):
			for _, l := range letters {
				fmt.Fprintf(p.stdout, "%s\n", l.Raw)
			}
			return nil
		case c.Bool("json"):
			return p.deadJSON(letters)
		case len(letters) == 0:
			fmt.Fprintln(p.stdout, "No dead letters.")
			return nil
		}
		w := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tTIME\tQUEUE\tBYTES\tTASK\tREASON")
		for _, l := range letters {
			task, id := taskOf(l)
			if id != "" {
				task += "[" + id + "]"
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", l.ID, l.Time.UTC().Format(time.RFC3339), orElse(printable(l.Queue), "-"), len(l.Raw),
				orElse(printable(task), "-"), printable(l.Reason))
		}
		if err := w.Flush(); err != nil {
			return err
		}
		if more > 0 {
			fmt.Fprintf(p.stdout, "... and %d more (-n 0 prints all)\n", more)
		}
		return nil
	})
}

// deadJSON prints dead letters for programs. The element is text; bytes that are none are replaced.
func (p *program) deadJSON(letters []kombu.DeadLetter) error {
	type entry struct {
		ID      string    `json:"id"`
		Time    time.Time `json:"time"`
		Queue   string    `json:"queue"`
		Reason  string    `json:"reason"`
		Task    string    `json:"task"`
		TaskID  string    `json:"task_id"`
		Element string    `json:"element"`
	}
	out := make([]entry, len(letters))
	for i, l := range letters {
		task, id := taskOf(l)
		out[i] = entry{l.ID, l.Time.UTC(), l.Queue, l.Reason, task, id, string(l.Raw)}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(p.stdout, "%s\n", text)
	return nil
}

// taskOf finds the task and its id in a message's headers; both are empty for what is no message.
func taskOf(l kombu.DeadLetter) (task, id string) {
	if m, err := kombu.ParseMessage(l.Raw); err == nil {
		task, _ = m.Headers["task"].(string)
		id, _ = m.Headers["id"].(string)
	}
	return task, id
}

// printable keeps foreign text on one line and off the terminal's controls.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

func (p *program) deadRequeue(c *cli.Context) error {
	return p.withBroker(c, func(ctx context.Context, _ *celery.App, conn *kombu.Connection) error {
		letters, err := chooseSome(ctx, c, conn)
		if err != nil {
			return err
		}
		done, failed := 0, 0
		for _, l := range slices.Backward(letters) { // the oldest first, in the order of their arrival
			ok, err := conn.Revive(ctx, l, c.String("to"))
			if err != nil {
				if isUnreachable(err) {
					return unreachable(err)
				}
				p.fail(fmt.Errorf("%w (--to QUEUE)", err))
				failed++
			}
			if ok {
				done++
			}
		}
		fmt.Fprintf(p.stdout, "Sent %s back.\n", plural(done, "message"))
		if failed > 0 {
			return silentError{exitFailed}
		}
		return nil
	})
}

func (p *program) deadPurge(c *cli.Context) error {
	return p.withBroker(c, func(ctx context.Context, _ *celery.App, conn *kombu.Connection) error {
		letters, err := chooseSome(ctx, c, conn)
		if err != nil {
			return err
		}
		if len(letters) > 0 && !c.Bool("force") {
			fmt.Fprintf(p.stdout, "This deletes %s for good (-f does not ask). Go on? [y/N]: ", plural(len(letters), "message"))
			line, _ := bufio.NewReader(os.Stdin).ReadString('\n')
			if answer := strings.ToLower(strings.TrimSpace(line)); answer != "y" && answer != "yes" {
				fmt.Fprintln(p.stderr, "Aborted!")
				return silentError{exitFailed}
			}
		}
		n, err := conn.RemoveDead(ctx, letters...)
		if err != nil {
			return unreachable(err)
		}
		fmt.Fprintf(p.stdout, "Deleted %s.\n", plural(n, "message"))
		return nil
	})
}
