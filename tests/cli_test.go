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
	loose  bool                 // a Python worker's answer has sets, in an order of its own
	reason bool                 // what is wrong with the value is each program's own to say
	all    bool                 // both workers are to answer; asked again when one was too slow for the time given
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

// unordered is for answers with sets: the words without their order.
func unordered(out string) any {
	words := strings.FieldsFunc(stable(out), func(r rune) bool { return strings.ContainsRune(" \n,{}[]()", r) })
	slices.Sort(words)
	return words
}

func anyJSON(out string) any {
	var v any
	head, tail, _ := strings.Cut(stable(out), "\n")
	if err := json.Unmarshal([]byte(head), &v); err != nil {
		return "not JSON: " + out
	}
	return []any{v, tail}
}

// commands are the names in the list of a panel's commands; their description is each program's own.
func commands(out string) any {
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^  (\w+)`).FindAllStringSubmatch(out, -1) {
		names = append(names, m[1])
	}
	return names
}

// reportShape is the head of a report without the versions.
func reportShape(out string) any {
	return regexp.MustCompile(`(?m)(^\w+ +->|\b(celery|system|arch|kernel version|imp|transport|results):)`).FindAllString(out, -1)
}

// sequence is every command and option, in an order in which each finds a state known beforehand.
var sequence = []step{
	{words: "status -d w@test"},
	{words: "status", all: true, check: sortedLines},
	{words: "-q status", all: true, check: sortedLines},
	{words: "status --json", all: true, check: anyJSON},
	{words: "status -j -d w@test", check: anyJSON},
	{words: "status -d w@test,x@test", all: true, check: sortedLines},
	{words: "status -t 0.3 -d nobody@test", stderr: true},
	{words: "status -t 0.3 -j -d nobody@test", stderr: true},
	{words: "status --nonsense"},
	{words: "status -t soon"},
	{words: "inspect ping", all: true, check: sortedLines},
	{words: "inspect --timeout=60 --destination=w@test,x@test --json ping", check: anyJSON},
	{words: "inspect -t 0.3 -j -d nobody@test ping", stderr: true},
	{words: "inspect -t 0.3 -d nobody@test ping", stderr: true},
	{words: "-q inspect -d w@test ping"},
	{words: "inspect -d w@test -j ping", check: anyJSON},
	{words: "inspect -d w@test active"},
	{words: "inspect -d w@test scheduled"},
	{words: "inspect -d w@test reserved"},
	{words: "inspect -d w@test revoked"},
	{words: "inspect -d w@test registered"},
	{words: "inspect -d w@test registered rate_limit acks_late"},
	{words: "inspect -d w@test active_queues"},
	{words: "inspect -d w@test active_queues --json"},
	{words: "inspect -d w@test clock", check: noNumber},
	{words: "inspect -d w@test conf", loose: true},
	{words: "inspect -d w@test conf true", loose: true},
	{words: "inspect -d w@test -j conf", check: anyJSON, loose: true},
	{words: "inspect -d w@test stats", check: noNumber},
	{words: "inspect -d w@test report", loose: true},
	{words: "inspect -d w@test stats -j", check: noNumber},
	{words: "inspect -d w@test memsample", check: noNumber},
	{words: "inspect -d w@test memdump", check: noNumber},
	{words: "inspect -d w@test memdump 5", check: noNumber},
	{words: "inspect -d w@test memdump many"},
	{words: "inspect -d w@test memdump 5 6"},
	{words: "inspect -d w@test objgraph"},
	{words: "inspect -d w@test objgraph Request 5 6"},
	{words: "inspect -d w@test hello"},
	{words: "inspect -d w@test query_task none other"},
	{words: "inspect -d w@test query_task"},
	{words: "inspect -d w@test nonsense"},
	{words: "inspect -d w@test active 1 2 3"},
	{words: "inspect"},
	{words: "inspect --list", check: commands},
	{words: "inspect --nonsense ping"},
	{words: "control --list", check: commands},
	{words: "control -t 0.3 -d nobody@test heartbeat", stderr: true},
	{words: "control"},
	{words: "control -d w@test nonsense"},
	{words: "control -d w@test enable_events"},
	{words: "control -d w@test enable_events"},
	{words: "control -d w@test disable_events"},
	{words: "control -d w@test disable_events"},
	{words: "control -d w@test add_consumer extra"},
	{words: "inspect -d w@test active_queues"},
	{words: "control -d w@test cancel_consumer extra"},
	{words: "control -d w@test add_consumer"},
	{words: "control -d w@test cancel_consumer"},
	{words: "control -d w@test cancel_consumer unknown"},
	{words: "control -d w@test add_consumer fan hub topic a.#"},
	{words: "inspect -d w@test active_queues"},
	{words: "control -d w@test cancel_consumer fan"},
	{words: "control -d w@test add_consumer a b c d e"},
	{words: "control -d w@test pool_grow 1"},
	{words: "control -d w@test pool_grow one"},
	{words: "control -d w@test pool_shrink"},
	{words: "control -d w@test pool_restart"},
	{words: "control -d w@test autoscale 4 1"},
	{words: "control -d w@test autoscale"},
	{words: "control -d w@test rate_limit tasks.process 10/m"},
	{words: "control -d w@test rate_limit tasks.process 0"},
	{words: "control -d w@test rate_limit tasks.process often"},
	{words: "control -d w@test rate_limit no.such 10/m"},
	{words: "control -d w@test rate_limit tasks.process"},
	{words: "control -d w@test rate_limit"},
	{words: "control -d w@test time_limit"},
	{words: "control -d w@test time_limit tasks.process 100 120"},
	{words: "control -d w@test time_limit tasks.process 100"},
	{words: "control -d w@test time_limit no.such 100"},
	{words: "control -d w@test time_limit tasks.process soon"},
	{words: "control -d w@test revoke one"},
	{words: "inspect -d w@test revoked"},
	{words: "control -d w@test terminate SIGTERM two"},
	{words: "control -d w@test -j heartbeat", check: anyJSON},
	{words: "-q control -d w@test heartbeat"},
	{words: "control -t 0.3 heartbeat", all: true, check: sortedLines},
	{words: "control -d w@test revoke"},
	{words: "control -d w@test revoke three four", loose: true},
	{words: "control -d w@test terminate"},
	{words: "control -d w@test terminate NONSENSE five"},
	{words: "control -d w@test revoke_by_stamped_headers key=value other=thing"},
	{words: "control -d w@test revoke_by_stamped_headers"},
	{words: "inspect -d w@test revoked", check: sortedLines},
	{words: "control -d w@test election"},
	{words: "control -d w@test -j add_consumer", check: anyJSON},
	{words: "call celery.accumulate -a [1,2.5,\"x\",null,true]", id: "LIST"},
	{words: "result $LIST"},
	{words: "result --traceback $LIST"},
	{words: "call --args=[[{\"z\":{\"y\":1,\"x\":[]},\"a\":\"b\"}]] celery.accumulate", id: "DICT"},
	{words: "result -t tasks.process $DICT"},
	{words: "result -t no.such $DICT"},
	{words: "call tasks.regrid_file -a [\"no/such/file.nc\"]", id: "FAILED"},
	{words: "result $FAILED"},
	{words: "result"},
	{words: "call"},
	{words: "call celery.accumulate -a nonsense", reason: true},
	{words: "call celery.accumulate -a {}"},
	{words: "call celery.accumulate -k []"},
	{words: "call celery.accumulate --countdown soon"},
	{words: "call celery.accumulate --eta tomorrow", reason: true},
	{words: "call celery.accumulate --expires tomorrow", reason: true},
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
	{words: "list bindings extra"},
	{words: "list nonsense"},
	{words: "report", check: reportShape},
	{words: "report extra"},
	{words: "result one two"},
	{words: "result --nonsense one"},
	{words: "call one two"},
	{words: "call --nonsense one"},
	{words: "purge --nonsense"},
	{words: "purge -f extra"},
	{words: "status extra"},
	{words: "-A"},
	{words: "nonsense"},
	{words: "events --dump --nonsense"},
	{words: "events --dump extra"},
	{words: "events --dump -l loud"},
	{words: "events --freq often"},
	{words: "list", reason: true},
	{words: "call one --countdown"},
	{words: "inspect ping -t"},
	{words: "worker -l loud"},
	{words: "worker -c many"},
	{words: "worker -c -1"},
	{words: "worker -c 1.5"},
	{words: "worker --autoscale many"},
	{words: "worker --autoscale 1,2,3"},
	{words: "worker -P nonsense", reason: true},
	{words: "worker -O nonsense"},
	{words: "worker --pool-start-method nonsense"},
	{words: "worker --max-tasks-per-child many"},
	{words: "worker --max-memory-per-child many"},
	{words: "worker --time-limit long"},
	{words: "worker --soft-time-limit long"},
	{words: "worker --prefetch-multiplier many"},
	{words: "worker --heartbeat-interval long"},
	{words: "worker -Z"},
	{words: "worker -n"},
	{words: "worker extra"},
	{words: "worker -l info -- no.setting=1"},
	{words: "control -d w@test shutdown", ends: true},
	{words: "control -d x@test -t 3 shutdown"},
	{words: "status -t 0.3 -d w@test", stderr: true},
}

// pythonTasks is a module of the worker's tasks in Python.
const pythonTasks = `
import config
from celery import Celery
app = Celery("tasks", broker=config.CELERY_BROKER)
@app.task(name="tasks.regrid_file", acks_late=True)
def regrid_file(file_path):
    raise FileNotFoundError(file_path)
@app.task(name="tasks.process", acks_late=True)
def process(file):
    pass
`

// workerPrograms run a worker in Go and one of the same tasks in Python.
func workerPrograms(t *testing.T) map[string][]string {
	return map[string][]string{"go": {binary, "-A", "tasks"}, "python": {testenv.Python(t), "-m", "celery", "-A", "pytasks"}}
}

// complaint is what a usage error says, without the program's name and the hint at its help.
func complaint(stderr string) string {
	for line := range strings.Lines(stderr) {
		for _, program := range []string{"Error: ", "healpipe: "} {
			if text, ok := strings.CutPrefix(line, program); ok {
				return strings.TrimSpace(text)
			}
		}
	}
	return stderr
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
		if i := slices.Index(words, "w@test"); i > 0 && words[i-1] == "-d" && !slices.Contains(words, "-t") && !s.ends {
			words = slices.Insert(words, i+1, "-t", "120") // the answer of the only one that is asked ends the wait
		}
		got := c.run(words)
		for try := 0; s.all && try < 20 && !(strings.Contains(got.out, "w@test") && strings.Contains(got.out, "x@test")); try++ {
			got = c.run(words)
		}
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

// TestCommandLine plays the sequence with both programs, to a Go worker and to a Python worker, and compares step by
// step: standard output, exit status, and standard error where it is an answer.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	for name, program := range workerPrograms(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareCommandLines(t, program)
		})
	}
}

// compareCommandLines plays the sequence with both programs, each to a worker that the given program runs, with another
// one beside it that only answers.
func compareCommandLines(t *testing.T, program []string) {
	clients := []*client{pythonClient(newSite(t)), goClient(newSite(t))}
	var all [2][]said
	ended := make(chan struct{})
	for i, c := range clients {
		c.write("pytasks.py", pythonTasks)
		args := func(words ...string) []string { return append(slices.Clone(program[1:]), words...) }
		worker := c.start(c.prepare(program[0], args("worker", "-l", "info", "-c", "2", "-n", "w@test")...))
		worker.await("ready.")
		c.start(c.prepare(binary, "-A", "tasks", "worker", "-l", "info", "-c", "1", "-n", "x@test", "-Q", "elsewhere")).await("ready.")
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
		switch {
		case s.loose && program[0] != binary:
			check = unordered
		case check == nil:
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
		if a, b := complaint(theirs.err), complaint(ours.err); ours.code == 2 && a != b && !s.reason {
			t.Errorf("%s: celery says %q, healpipe %q", s.words, a, b)
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
	for name, program := range workerPrograms(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compareDumps(t, program)
		})
	}
}

func compareDumps(t *testing.T, workerProgram []string) {
	s := newSite(t)
	s.write("pytasks.py", pythonTasks)
	worker := s.start(s.command(workerProgram[0], append(slices.Clone(workerProgram[1:]), "worker", "-l", "info", "-c", "1", "-n", "w@test", "-E")...))
	worker.await("ready.")
	var dumps []*process
	for _, program := range [][]string{{testenv.Python(t), "-m", "celery"}, {binary}} {
		d := s.start(s.prepare(program[0], append(program[1:], "-A", "tasks", "events", "--dump")...))
		d.await("-> evdump: starting capture...")
		d.await("w@test [")
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
