package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"healpipe/celery"
	"healpipe/celery/kombu"
)

// remoteFlags are the options of inspect, control and status.
func remoteFlags() []cli.Flag {
	return []cli.Flag{
		&cli.Float64Flag{Name: "timeout", Aliases: []string{"t"}, Value: 1, Usage: "seconds to wait for replies"},
		&cli.StringFlag{Name: "destination", Aliases: []string{"d"}, Usage: "node names, separated by commas; %h is this host (default: all)"},
		&cli.BoolFlag{Name: "json", Aliases: []string{"j"}, Usage: "print the replies as JSON"},
	}
}

func (p *program) inspectCommand() *cli.Command {
	return p.panelCommand("inspect", inspectCommands, true)
}
func (p *program) controlCommand() *cli.Command {
	return p.panelCommand("control", controlCommands, false)
}

// panelCommand is inspect or control: both send a command of the control panel and print the replies.
func (p *program) panelCommand(kind string, table []remoteCommand, count bool) *cli.Command {
	usage := map[string]string{"inspect": "ask workers about themselves", "control": "tell workers to do something"}[kind]
	return &cli.Command{
		Name:      kind,
		Usage:     usage,
		ArgsUsage: "COMMAND [ARG...]",
		Flags:     append(remoteFlags(), &cli.BoolFlag{Name: "list", Usage: "list the commands"}),
		Action: func(c *cli.Context) error {
			if c.Bool("list") {
				for _, r := range table {
					fmt.Fprintf(p.stdout, "  %-32s %s\n", strings.TrimSpace(r.name+" "+r.signature), r.help)
				}
				return nil
			}
			if !c.Args().Present() {
				return missingArgument("COMMAND")
			}
			cmd, err := findRemote(kind, c.Args().First(), table)
			if err != nil {
				return err
			}
			args, err := cmd.arguments(c.Args().Tail())
			if err != nil {
				return err
			}
			return p.askWorkers(c, cmd.name, args, true, count)
		},
	}
}

func (p *program) statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "list the workers that are online",
		Flags: remoteFlags(),
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			return p.askWorkers(c, "ping", nil, false, true)
		},
	}
}

// askWorkers broadcasts a command and prints each reply, with its body or only that there was one.
func (p *program) askWorkers(c *cli.Context, method string, args map[string]any, body, count bool) error {
	app, err := p.client(c)
	if err != nil {
		return err
	}
	defer app.Close()
	ctx, stop := interruptible(c.Context)
	defer stop()
	replies, err := app.Control().Broadcast(ctx, method, args, celery.BroadcastOptions{
		Destination: destinations(c), Reply: true, Timeout: seconds(c.Float64("timeout")), KeepOrder: true,
	})
	if err != nil {
		return p.brokerError(err)
	}
	if len(replies) == 0 {
		fmt.Fprintln(p.stderr, "Error: No nodes replied within time constraint")
		return silentError{exitUnavailable}
	}
	quiet := c.Bool("quiet")
	if c.Bool("json") {
		fmt.Fprintln(p.stdout, pyJSON(jsonReplies(replies, count), 0))
		if body || !count {
			return nil
		}
	} else {
		for _, node := range slices.Sorted(maps.Keys(replies)) {
			p.printReply(node, replies[node], body, quiet)
		}
	}
	if count && !(body && quiet) { // status counts in any case
		fmt.Fprintf(p.stdout, "\n%s online.\n", plural(len(replies), "node"))
	}
	return nil
}

// destinations are the nodes of --destination. %h and the like are filled in as in a worker's --hostname, so that a
// probe in a container can name the worker beside it.
func destinations(c *cli.Context) []string {
	nodes := splitList(c.String("destination"))
	for i, n := range nodes {
		if strings.Contains(n, "%") {
			nodes[i] = celery.DefaultNodename(n)
		}
	}
	return nodes
}

// jsonReplies gives the replies their form in JSON: one object, or for control a list of one for each node.
func jsonReplies(replies map[string]any, one bool) any {
	if one {
		return replies
	}
	list := []any{}
	for _, node := range slices.Sorted(maps.Keys(replies)) {
		list = append(list, map[string]any{node: replies[node]})
	}
	return list
}

// brokerError says what to do about a broker that cannot be reached, with the exit status of Celery's
// remote control commands.
func (p *program) brokerError(err error) error {
	if !isUnreachable(err) {
		return err
	}
	p.fail(unreachable(err))
	return silentError{exitUnavailable}
}

func isUnreachable(err error) bool {
	return errors.Is(err, kombu.ErrConnection) || errors.Is(err, context.DeadlineExceeded)
}

// unreachable adds to an error of the connection what to do about it.
func unreachable(err error) error {
	if !isUnreachable(err) {
		return err
	}
	return fmt.Errorf("could not reach the broker: %w; check CELERY_BROKER or --broker, and that Redis is running", err)
}

// printReply prints a node's reply as Celery does.
func (p *program) printReply(node string, reply any, body, quiet bool) {
	status, text := pretty(reply)
	arrow := "-> "
	if quiet {
		arrow = ""
	}
	fmt.Fprintf(p.stdout, "%s %s: %s\n", arrow, node, status)
	if body && text != "" {
		fmt.Fprintln(p.stdout, indent(text, 4))
	}
}

// pretty returns OK or ERROR and the reply as text.
func pretty(reply any) (status, text string) {
	switch v := reply.(type) {
	case []any:
		if len(v) == 0 {
			return "OK", "- empty -"
		}
		lines := make([]string, len(v))
		for i, item := range v {
			s, ok := item.(string)
			if !ok {
				s = celery.Repr(item)
			}
			lines[i] = "* " + s
		}
		return "OK", strings.Join(lines, "\n")
	case kombu.Object:
		m := v.Map()
		if ok, has := m["ok"]; has {
			_, text := pretty(ok)
			return "OK", indent(text, 4)
		}
		if err, has := m["error"]; has {
			_, text := pretty(err)
			return "ERROR", indent(text, 4)
		}
		return "OK", pyJSON(v, 4)
	case string:
		return "OK", v
	}
	return "OK", celery.Repr(reply)
}

func indent(text string, n int) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.Repeat(" ", n) + l
	}
	return strings.Join(lines, "\n")
}
