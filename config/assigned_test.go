package config

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// pythonAssigned runs a file and prints the names of its settings of Celery with their values, dictionaries as pairs.
const pythonAssigned = `
import datetime, json, sys
import kombu

def plain(x):
    if isinstance(x, kombu.Exchange):
        x = {"name": x.name, "type": x.type}
    if isinstance(x, kombu.Queue):
        x = {"name": x.name, "exchange": x.exchange, "routing_key": x.routing_key}
    if isinstance(x, dict):
        return {"pairs": [[plain(k), plain(v)] for k, v in x.items()]}
    if isinstance(x, (list, tuple)):
        return [plain(e) for e in x]
    if isinstance(x, (set, frozenset)):
        return sorted(x)
    if isinstance(x, datetime.timedelta):
        return {"seconds": x.total_seconds()}
    if isinstance(x, int) and not isinstance(x, bool):
        return int(x)  # ssl.CERT_REQUIRED
    return x

names = {"__name__": "config"}
exec(compile(open(sys.argv[1]).read(), "config.py", "exec"), names)
json.dump({n: plain(v) for n, v in names.items() if n.startswith(("task_", "broker_", "result_", "worker_", "accept_"))}, sys.stdout)
`

const celeryNames = `
import os, socket, ssl
from datetime import timedelta, timezone
from kombu import Exchange, Queue
import kombu.entity as k
PREFIX = "era5."
broker_transport_options = {"visibility_timeout": 3600 * 2, "global_keyprefix": PREFIX + "x", "priority_steps": list(range(0, 10, 3)), "b": {"z": [1, {"y": None}], "a": (2.5,)}}
broker_transport_options["socket_keepalive_options"] = {socket.TCP_KEEPIDLE: 60, socket.TCP_KEEPINTVL: 10, socket.TCP_KEEPCNT: 3}
broker_use_ssl = {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_ca_certs": os.path.join("/etc", "ca.pem")}
result_expires = timedelta(hours=1, seconds=.5)
result_backend_transport_options = dict(retry_policy=dict(timeout=5.0))
accept_content = {"json", "yaml"}
task_routes = ([("z.*", {"queue": "a"}), ("a.*", "b")], {"x": "y"})
task_queues = [Queue("one", Exchange("ex", type="topic"), routing_key="one.#"), k.Queue("two", k.Exchange("ex", "topic"), "two.#")]
task_annotations = {"tasks.process": {"rate_limit": "10/s"}, "*": {"acks_late": True}}
worker_concurrency = len(task_queues) ** 2
worker_prefetch_multiplier = 1 if os.environ.get("HAVE") is None else 2
`

// TestAssignedAsPython: what a file assigns to names that are no settings of the pipeline, as Python has it.
func TestAssignedAsPython(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "config.py")
	if err := os.WriteFile(file, []byte(celeryNames), 0o600); err != nil {
		t.Fatal(err)
	}
	var want map[string]any
	if err := json.Unmarshal([]byte(testenv.RunPython(t, pythonAssigned, file)), &want); err != nil {
		t.Fatal(err)
	}
	c, err := Load(Options{Dir: filepath.Dir(file), Env: environment()})
	if err != nil || len(c.Notes) > 0 {
		t.Fatal(err, c.Notes)
	}
	lines := 0
	for _, a := range c.Assigned(func(name string) bool { return strings.ToLower(name) == name }) {
		if a.Fault != nil {
			t.Errorf("%s: %v", a.Name, a.Fault)
		}
		if a.Line <= lines {
			t.Errorf("%s stands at %s, after line %d", a.Name, a.At(), lines)
		}
		lines = a.Line
		got, err := json.Marshal(plainAssigned(a.Value))
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(want[a.Name])
		if string(got) != string(text) {
			t.Errorf("%s is %s, in Python %s", a.Name, got, text)
		}
		delete(want, a.Name)
	}
	if len(want) > 0 {
		t.Errorf("not found: %v", want)
	}
}

// plainAssigned puts a value into the form of the script.
func plainAssigned(v any) any {
	switch v := v.(type) {
	case Dict:
		pairs := [][]any{}
		for _, item := range v {
			pairs = append(pairs, []any{plainAssigned(item.Key), plainAssigned(item.Value)})
		}
		return map[string]any{"pairs": pairs}
	case []any:
		out := []any{}
		for _, e := range v {
			out = append(out, plainAssigned(e))
		}
		return out
	case time.Duration:
		return map[string]any{"seconds": v.Seconds()}
	case fmt.Stringer:
		return v.String()
	}
	return v
}

// TestAssignedBounds: values that hold themselves many times over take neither memory nor time.
func TestAssignedBounds(t *testing.T) {
	t.Parallel()
	code := "task_routes = [1]\n" + strings.Repeat("task_routes = [task_routes, task_routes]\n", 60) + "task_queues = []\ntask_queues.append(task_queues)\nworker_x = Queue\nfrom kombu import Queue\n"
	c, _ := Load(Options{Dir: site(t, map[string]string{"config.py": code}), Env: environment()})
	count := 0
	var walk func(v any)
	walk = func(v any) {
		count++
		if list, ok := v.([]any); ok {
			for _, e := range list {
				walk(e)
			}
		}
	}
	all := c.Assigned(func(string) bool { return true })
	for _, a := range all {
		walk(a.Value)
	}
	if len(all) != 3 || count > 2*maxValues+10 {
		t.Errorf("%d names, %d values", len(all), count)
	}
}
