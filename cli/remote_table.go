package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// remoteCommand is one command of Celery's control panel, as `celery inspect` and `celery control` take it.
type remoteCommand struct {
	name      string
	args      []remoteArg
	variadic  string // the name under which all further arguments go
	signature string
	help      string
}

type remoteArg struct {
	name  string
	parse func(string) (any, error) // nil: text
}

func parseInt(s string) (any, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is not a whole number", s)
	}
	return n, nil
}

func parseFloat(s string) (any, error) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return nil, fmt.Errorf("%q is not a number", s)
	}
	return f, nil
}

func parseBool(s string) (any, error) {
	switch strings.ToLower(s) {
	case "1", "yes", "y", "true", "on":
		return true, nil
	case "0", "no", "n", "false", "off":
		return false, nil
	}
	return nil, fmt.Errorf("%q is neither true nor false", s)
}

var (
	inspectCommands = []remoteCommand{
		{name: "active", help: "tasks that are being executed"},
		{name: "active_queues", help: "queues that a worker consumes"},
		{name: "clock", help: "value of the logical clock"},
		{name: "conf", args: []remoteArg{{"with_defaults", parseBool}}, signature: "[include_defaults=False]", help: "settings"},
		{name: "memdump", args: []remoteArg{{"samples", parseInt}}, signature: "[n_samples=10]", help: "statistics of earlier memsample commands"},
		{name: "memsample", help: "sample the resident memory"},
		{name: "objgraph", args: []remoteArg{{"type", nil}, {"num", parseInt}, {"max_depth", parseInt}}, signature: "[object_type=Request] [num=200 [max_depth=10]]", help: "graph of objects (Python workers only)"},
		{name: "ping", help: "ask for a sign of life"},
		{name: "query_task", variadic: "ids", signature: "[id1 [id2 [... [idN]]]]", help: "what is known of tasks by their ids"},
		{name: "registered", variadic: "taskinfoitems", signature: "[attr1 [attr2 [... [attrN]]]]", help: "tasks that a worker can run"},
		{name: "report", help: "versions and settings, for bug reports"},
		{name: "reserved", help: "tasks that were received and wait for a place"},
		{name: "revoked", help: "ids of revoked tasks"},
		{name: "scheduled", help: "tasks that wait for their ETA"},
		{name: "stats", help: "statistics of a worker"},
	}
	controlCommands = []remoteCommand{
		{name: "add_consumer", args: []remoteArg{{"queue", nil}, {"exchange", nil}, {"exchange_type", nil}, {"routing_key", nil}}, signature: "<queue> [exchange [type [routing_key]]]", help: "consume a further queue"},
		{name: "autoscale", args: []remoteArg{{"max", parseInt}, {"min", parseInt}}, signature: "[max [min]]", help: "change the bounds of autoscaling"},
		{name: "cancel_consumer", args: []remoteArg{{"queue", nil}}, signature: "<queue>", help: "stop consuming a queue"},
		{name: "disable_events", help: "stop sending task events"},
		{name: "election", help: "hold an election"},
		{name: "enable_events", help: "send task events"},
		{name: "heartbeat", help: "send a heartbeat event now"},
		{name: "pool_grow", args: []remoteArg{{"n", parseInt}}, signature: "[N=1]", help: "run N tasks more at a time"},
		{name: "pool_restart", help: "restart the pool"},
		{name: "pool_shrink", args: []remoteArg{{"n", parseInt}}, signature: "[N=1]", help: "run N tasks fewer at a time"},
		{name: "rate_limit", args: []remoteArg{{"task_name", nil}, {"rate_limit", nil}}, signature: "<task_name> <rate_limit (e.g., 5/s | 5/m | 5/h)>", help: "change the rate limit of a task"},
		{name: "revoke", variadic: "task_id", signature: "[id1 [id2 [... [idN]]]]", help: "do not run tasks"},
		{name: "revoke_by_stamped_headers", variadic: "headers", signature: "[key1=value1 [key2=value2 [... [keyN=valueN]]]]", help: "do not run tasks with these stamps"},
		{name: "shutdown", help: "shut workers down"},
		{name: "terminate", args: []remoteArg{{"signal", nil}}, variadic: "task_id", signature: "<signal> [id1 [id2 [... [idN]]]]", help: "end running tasks"},
		{name: "time_limit", args: []remoteArg{{"task_name", nil}, {"soft", parseFloat}, {"hard", parseFloat}}, signature: "<task_name> <soft_secs> [hard_secs]", help: "change the time limits of a task"},
	}
)

// arguments turns words of the command line into the command's arguments.
func (c *remoteCommand) arguments(words []string) (map[string]any, error) {
	out := map[string]any{}
	for i, w := range words {
		if i >= len(c.args) {
			if c.variadic == "" && len(c.args) == 0 {
				break // ignored, as Celery does
			}
			if c.variadic == "" {
				return nil, usagef("Command '%s' takes arguments: %s", c.name, orNone(c.signature))
			}
			break
		}
		var v any = w
		if parse := c.args[i].parse; parse != nil {
			var err error
			if v, err = parse(w); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", c.name, c.args[i].name, err)
			}
		}
		out[c.args[i].name] = v
	}
	if c.variadic != "" {
		rest := []any{}
		for _, w := range words[min(len(c.args), len(words)):] {
			rest = append(rest, w)
		}
		out[c.variadic] = rest
	}
	return out, nil
}

func orNone(s string) string {
	if s == "" {
		return "None"
	}
	return s
}

// findRemote looks a command up in one of the tables.
func findRemote(kind, name string, table []remoteCommand) (*remoteCommand, error) {
	i := slices.IndexFunc(table, func(c remoteCommand) bool { return c.name == name })
	if i >= 0 {
		return &table[i], nil
	}
	names := make([]string, len(table))
	for i, c := range table {
		names[i] = c.name
	}
	return nil, usagef("Command %s not recognized. Available %s commands: %s", name, kind, strings.Join(names, ", "))
}
