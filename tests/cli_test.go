package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// The command line against Celery's own: the same words, to a Go worker each, in the same order.

// said is what a command printed and how it ended.
type said struct {
	out, err string
	code     int
}

// client is a command line: Celery's or healpipe.
type client struct {
	*site
	ids map[string]string        // what `call` printed, by the step's name
	run func(args []string) said // a command to its end, with nothing on standard input
}

// prepare gives a command the environment of all: CELERY_RESULT_BACKEND, which both programs know, is where
// results go.
func (s *site) prepare(name string, args ...string) *exec.Cmd {
	cmd := s.command(name, args...)
	cmd.Env = append(cmd.Env, "CELERY_RESULT_BACKEND="+s.redis.URL(1), "PYTHONWARNINGS=ignore")
	return cmd
}

func goClient(s *site) *client {
	return &client{s, map[string]string{}, func(args []string) said {
		s.t.Helper()
		cmd := s.prepare(binary, append([]string{"-A", "tasks"}, args...)...)
		var out, errs bytes.Buffer
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(""), &out, &errs
		err := cmd.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			s.t.Error(err)
		}
		return said{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
	}}
}

// pythonClient runs Celery's main in forks of one Python that has imported it, since importing takes the
// longest by far.
func pythonClient(s *site) *client {
	s.t.Helper()
	cmd := s.prepare(testenv.Python(s.t), "-c", forkServer)
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	answers, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		in.Close()
		_ = cmd.Wait()
	})
	ask, answer := json.NewEncoder(in), json.NewDecoder(answers)
	return &client{s, map[string]string{}, func(args []string) said {
		s.t.Helper()
		var got struct {
			Out, Err string
			Code     int
		}
		if err := errors.Join(ask.Encode(append([]string{"-A", "tasks"}, args...)), answer.Decode(&got)); err != nil {
			s.t.Errorf("python: %v", err)
		}
		return said{got.Out, got.Err, got.Code}
	}}
}

const forkServer = `
import json, os, sys, tempfile, traceback
import celery.__main__, celery.bin.celery, celery.backends.redis, kombu.transport.redis, pandas
sys.path.insert(0, "")
def child(words, out, err):
    code, (empty, end) = 1, os.pipe()
    os.close(end)
    try:
        for fd, to in ((0, empty), (1, out.fileno()), (2, err.fileno())):
            os.dup2(to, fd)
        sys.stdin = open(0)
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)
        sys.argv = ["celery"] + words
        celery.__main__.main()
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else 0 if e.code is None else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
answers = os.fdopen(os.dup(1), "w")
for line in sys.stdin:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if pid == 0:
            child(json.loads(line), out, err)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        out.seek(0), err.seek(0)
        print(json.dumps({"Out": out.read().decode(), "Err": err.read().decode(), "Code": status}), file=answers, flush=True)
`

// step is one command of the sequence. $NAME in its words is the id that the step `call` of that name printed.
type step struct {
	words  string
	id     string               // keep the output under this name
	check  func(out string) any // what of the output is compared; nil is all but ids and ports
	stderr bool                 // compare standard error too
	ends   bool                 // the worker ends, wait for it
}

var (
	uuids   = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	ports   = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	numbers = regexp.MustCompile(`-?\d+(\.\d+)?(e-?\d+)?`)
)

// stable replaces what differs from run to run.
func stable(s string) string {
	return ports.ReplaceAllString(uuids.ReplaceAllString(s, "UUID"), "BROKER")
}

func text(out string) any     { return stable(out) }
func noNumber(out string) any { return numbers.ReplaceAllString(stable(out), "N") }

// sortedLines is for tables whose order is a set's.
func sortedLines(out string) any {
	lines := strings.Split(stable(out), "\n")
	slices.Sort(lines)
	return lines
}

func anyJSON(out string) any {
	var v any
	head, tail, _ := strings.Cut(stable(out), "\n")
	if err := json.Unmarshal([]byte(head), &v); err != nil {
		return "not JSON: " + out
	}
	return []any{v, tail}
}

// sequence is every command and option, in an order in which each finds a state known beforehand.
var sequence = []step{
	{words: "status -d go@test"},
	{words: "status"},
	{words: "-q status"},
	{words: "status --json", check: anyJSON},
	{words: "status -t 0.3 -d nobody@test", stderr: true},
	{words: "inspect ping"},
	{words: "inspect -t 0.3 -d nobody@test ping", stderr: true},
	{words: "-q inspect -d go@test ping"},
	{words: "inspect -d go@test -j ping", check: anyJSON},
	{words: "inspect -d go@test active"},
	{words: "inspect -d go@test scheduled"},
	{words: "inspect -d go@test reserved"},
	{words: "inspect -d go@test revoked"},
	{words: "inspect -d go@test registered"},
	{words: "inspect -d go@test registered rate_limit acks_late"},
	{words: "inspect -d go@test active_queues"},
	{words: "inspect -d go@test active_queues --json", check: anyJSON},
	{words: "inspect -d go@test clock", check: noNumber},
	{words: "inspect -d go@test conf"},
	{words: "inspect -d go@test stats", check: noNumber},
	{words: "inspect -d go@test report"},
	{words: "inspect -d go@test memsample", check: noNumber},
	{words: "inspect -d go@test query_task none other"},
	{words: "inspect -d go@test query_task"},
	{words: "inspect -d go@test nonsense"},
	{words: "inspect -d go@test active 1 2 3"},
	{words: "inspect"},
	{words: "control"},
	{words: "control -d go@test nonsense"},
	{words: "control -d go@test enable_events"},
	{words: "control -d go@test enable_events"},
	{words: "control -d go@test disable_events"},
	{words: "control -d go@test disable_events"},
	{words: "control -d go@test add_consumer extra"},
	{words: "inspect -d go@test active_queues"},
	{words: "control -d go@test cancel_consumer extra"},
	{words: "control -d go@test add_consumer"},
	{words: "control -d go@test pool_grow 1"},
	{words: "control -d go@test pool_shrink"},
	{words: "control -d go@test autoscale 4 1"},
	{words: "control -d go@test rate_limit tasks.process 10/m"},
	{words: "control -d go@test rate_limit tasks.process 0"},
	{words: "control -d go@test rate_limit tasks.process often"},
	{words: "control -d go@test rate_limit no.such 10/m"},
	{words: "control -d go@test time_limit tasks.process 100 120"},
	{words: "control -d go@test time_limit tasks.process 100"},
	{words: "control -d go@test time_limit no.such 100"},
	{words: "control -d go@test time_limit tasks.process soon"},
	{words: "control -d go@test revoke one"},
	{words: "inspect -d go@test revoked"},
	{words: "control -d go@test terminate SIGTERM two"},
	{words: "control -d go@test -j heartbeat", check: anyJSON},
	{words: "control -t 0.3 heartbeat"},
	{words: "call celery.accumulate -a [1,2.5,\"x\",null,true]", id: "LIST"},
	{words: "result $LIST"},
	{words: "result --traceback $LIST"},
	{words: "call --args=[[{\"a\":\"b\"}]] celery.accumulate", id: "DICT"},
	{words: "result -t tasks.process $DICT"},
	{words: "result -t no.such $DICT"},
	{words: "call tasks.regrid_file -a [\"no/such/file.nc\"]", id: "FAILED"},
	{words: "result $FAILED"},
	{words: "result"},
	{words: "call"},
	{words: "call celery.accumulate -a nonsense"},
	{words: "call celery.accumulate -a {}"},
	{words: "call celery.accumulate -k []"},
	{words: "call celery.accumulate --countdown soon"},
	{words: "call celery.accumulate --eta tomorrow"},
	{words: "call celery.accumulate --expires tomorrow"},
	{words: "call celery.accumulate --serializer nonsense"},
	{words: "call far.away --queue other -a [1,-2,1e3,\"\u00e4\"] -k {\"k\":{\"x\":[]}} --eta 2030-01-02T03:04:05 --expires 2031-01-01", id: "A"},
	{words: "call far.away --queue=other --eta 20300102T0304+0130 --expires 2031-01-01T00:00:00.25Z", id: "B"},
	{words: "call far.away --queue other --serializer json", id: "C"},
	{words: "purge -f -Q other,another"},
	{words: "purge -f -Q other"},
	{words: "purge --force --queues a,b,a"},
	{words: "purge -f -X celery"},
	{words: "purge -f"},
	{words: "purge -Q other"},
	{words: "list bindings", check: sortedLines},
	{words: "list nonsense"},
	{words: "nonsense"},
	{words: "events --dump --nonsense"},
	{words: "control -d go@test shutdown", ends: true},
	{words: "status -t 0.3", stderr: true},
}

// play runs the sequence and returns what each step said; the messages of far.away are kept as well.
func play(c *client, worker *process) []said {
	var all []said
	for _, s := range sequence {
		words := strings.Fields(s.words)
		for i := range words {
			for name, id := range c.ids {
				words[i] = strings.ReplaceAll(words[i], "$"+name, id)
			}
		}
		if s.words == "purge -f -Q other,another" {
			c.ids["messages"] = c.messages("other")
		}
		got := c.run(words)
		if s.id != "" {
			c.ids[s.id] = strings.TrimSpace(got.out)
		}
		if s.ends {
			err := <-worker.done
			worker.done <- err
		}
		all = append(all, got)
	}
	return all
}

// messages returns the messages of a queue as JSON, the oldest first, without what is random.
func (c *client) messages(queue string) string {
	return testenv.RunPython(c.t, `
import base64, json, redis, sys
from datetime import datetime, timezone
def instant(s):
    t = datetime.fromisoformat(s)
    return (t if t.tzinfo else t.replace(tzinfo=timezone.utc)).timestamp()
for raw in reversed(redis.Redis.from_url(sys.argv[1]).lrange(sys.argv[2], 0, -1)):
    m = json.loads(raw)
    m["body"] = json.loads(base64.b64decode(m["body"]))
    h, p = m["headers"], m["properties"]
    for d, keys in ((h, ["id", "root_id", "origin"]), (p, ["correlation_id", "reply_to", "delivery_tag"])):
        for k in keys: assert d.pop(k)
    # For display, and for other brokers: the words "call" gives a list where Go has a tuple, and the expiry twice.
    h["argsrepr"] = h["argsrepr"][1:-1]
    p.pop("expiration", None)
    for k in ("eta", "expires"):
        if h[k]: h[k] = instant(h[k])
    print(json.dumps(m, sort_keys=True))
`, c.redis.URL(0), queue)
}

// TestCommandLine plays the sequence with both programs and compares step by step: standard output, exit
// status, and standard error where it is an answer.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	clients := []*client{pythonClient(newSite(t)), goClient(newSite(t))}
	var all [2][]said
	ended := make(chan struct{})
	for i, c := range clients {
		worker := c.start(c.prepare(binary, "-A", "tasks", "worker", "-l", "info", "-c", "2", "-n", "go@test"))
		worker.await("ready.")
		go func() {
			defer func() { ended <- struct{}{} }()
			all[i] = play(c, worker)
		}()
	}
	<-ended
	<-ended
	if len(all[0]) != len(sequence) || len(all[1]) != len(sequence) {
		t.Fatal("a sequence did not come to its end")
	}
	for i, s := range sequence {
		theirs, ours := all[0][i], all[1][i]
		check := s.check
		if check == nil {
			check = text
		}
		// A usage error's help is each program's own, and so is a traceback.
		same := theirs.code == ours.code && reflect.DeepEqual(check(theirs.out), check(ours.out))
		if s.stderr {
			same = same && theirs.err == ours.err
		}
		if !same {
			t.Errorf("%s\ncelery, status %d:\n%s%s\nhealpipe, status %d:\n%s%s", s.words, theirs.code, theirs.out, theirs.err, ours.code, ours.out, ours.err)
		}
		if ours.code != 0 && ours.err == "" {
			t.Errorf("%s failed without a word", s.words)
		}
	}
	if theirs, ours := clients[0].ids["messages"], clients[1].ids["messages"]; theirs != ours || strings.Count(ours, "\n") != 3 {
		t.Errorf("call sent\n%swhere celery sends\n%s", ours, theirs)
	}
}

// TestCommandsWithoutBroker compares the exit statuses where nobody listens.
func TestCommandsWithoutBroker(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.redis.Kill()
	theirs, ours := pythonClient(s), goClient(s)
	for _, words := range []string{"status", "call celery.accumulate", "list bindings", "purge -f"} {
		a, b := theirs.run(strings.Fields(words)), ours.run(strings.Fields(words))
		if a.code != b.code || b.code == 0 {
			t.Errorf("%s: celery ends with %d, healpipe with %d:\n%s%s", words, a.code, b.code, b.err, a.err)
		}
		if b.code != 2 && (strings.Count(b.err, "\n") != 1 || !strings.Contains(b.err, s.redis.Addr) || !strings.Contains(b.err, "check CELERY_BROKER")) {
			t.Errorf("%s: the error is not one line with the broker and a remedy: %q", words, b.err)
		}
	}
}

var (
	received = regexp.MustCompile(`local_received=[0-9.e+]+`)
	// The clock of task-sent is the receiver's own, which depends on how early it began to listen.
	ownClock = regexp.MustCompile(`(task sent: .* clock=)\d+`)
	beats    = regexp.MustCompile(`(?m)^.*\] (heartbeat|started): .*\n`)
)

// TestEventsDump lets both programs print the events of the same worker.
func TestEventsDump(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	worker := s.start(s.command(binary, "-A", "tasks", "worker", "-l", "info", "-c", "1", "-n", "go@test", "-E"))
	worker.await("ready.")
	var dumps []*process
	for _, program := range [][]string{{testenv.Python(t), "-m", "celery"}, {binary}} {
		d := s.start(s.prepare(program[0], append(program[1:], "-A", "tasks", "events", "--dump")...))
		d.await("-> evdump: starting capture...")
		d.await("go@test [")
		dumps = append(dumps, d)
	}
	s.python("-c", `
import config, datetime
from celery import Celery
app = Celery("tasks", broker=config.CELERY_BROKER)
app.send_task("celery.accumulate", [1, "two", {"k": None}], {}, task_id="first")
app.send_task("tasks.regrid_file", ["no/such/file.nc"], task_id="second")
app.send_task("celery.accumulate", [2], task_id="third", expires=datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc))
app.conf.task_send_sent_event = True
app.send_task("celery.accumulate", ["\u00e4\u20ac"], task_id="fourth")
with app.events.default_dispatcher() as d:
    d.send("task-progress", uuid="fourth", share=0.5, steps=[1, 2], note=None)
    d.send("site-moved", to="there")
`)
	worker.await("Task celery.accumulate[fourth] succeeded")
	worker.stop()
	var texts []string
	for _, d := range dumps {
		d.await("] shutdown: ")
		d.interrupt()
		text := received.ReplaceAllString(d.output(), "local_received=NOW")
		texts = append(texts, beats.ReplaceAllString(ownClock.ReplaceAllString(text, "${1}OWN"), ""))
	}
	if texts[0] != texts[1] {
		t.Errorf("celery printed\n%s\nhealpipe\n%s", texts[0], texts[1])
	}
	for _, want := range []string{"task received: celery.accumulate(first) args=", "task failed: tasks.regrid_file(second)", "task revoked: ", "task sent: ", "task progress: ", "site moved: "} {
		if !strings.Contains(texts[1], want) {
			t.Errorf("%q is missing in\n%s", want, texts[1])
		}
	}
}

// TestEventsReconnect ends the broker under `events --dump` and starts it again.
func TestEventsReconnect(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.redis.Kill()
	d := s.start(s.command(binary, "-A", "tasks", "events", "--dump"))
	d.await(fmt.Sprintf("-> Cannot connect to %s", s.redis.URL(0)))
	d.await("Trying again in 2.00 seconds")
	s.redis.Start()
	worker := s.worker("-n", "go@test")
	testenv.WaitFor(t, time.Minute, "an event", func() bool { return strings.Contains(d.output(), "go@test [") })
	worker.stop()
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := <-d.done
	d.done <- err
	if err != nil {
		t.Error(err)
	}
}
