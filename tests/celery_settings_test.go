package tests

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Celery's settings in config.py. The producer is scripts/tasks.py, which hands them to its app.

// celeryLines are the settings, under new names alone, since Celery's config_from_object takes no mixture.
const celeryLines = `
from datetime import timedelta
from kombu import Exchange, Queue
result_backend = CELERY_BROKER[:-1] + "1"
broker_transport_options = {"global_keyprefix": "era5.", "visibility_timeout": 600, "queue_order_strategy": "sorted"}
result_backend_transport_options = {"global_keyprefix": "res."}
result_expires = timedelta(hours=2)
result_extended = True
task_default_queue = "regrid"
task_queues = [Queue("regrid"), Queue("curate", Exchange("era5", type="topic"), routing_key="curate.#")]
task_routes = {"tasks.p*": {"queue": "curate", "routing_key": "curate.now"}, "tasks.process.special.*": {"queue": "regrid"}}
task_track_started = True
task_store_errors_even_if_ignored = True
task_annotations = {"tasks.regrid_file": {"rate_limit": "600/m"}}
task_compression = "gzip"
worker_concurrency = 1
worker_prefetch_multiplier = 3
worker_send_task_events = True
task_send_sent_event = True
TIMEZONE = "Mars/Olympus"
TASK_NOTES = {"not": "a setting"}
`

// settingsSequence is what both command lines are told. The answers depend on the settings.
var settingsSequence = []step{
	{words: "status -d w@test -t 60"},
	{words: "inspect -d w@test -t 60 active_queues", check: unordered},
	{words: "inspect -d w@test -t 60 registered rate_limit", check: sharedTasks},
	{words: "call tasks.process -a [\"missing.nc\"]", id: "FAILED"},
	{words: "result $FAILED"},
	{words: "call celery.accumulate -a [3,4]", id: "LIST"},
	{words: "result $LIST"},
	{words: "control -d w@test -t 60 cancel_consumer curate"},
	{words: "call tasks.process -a [\"kept.nc\"]", id: "KEPT"},
	{words: "call tasks.process.special.x --queue elsewhere", id: "SENT"},
	{words: "list bindings", check: sortedLines},
	{words: "purge -f -Q elsewhere,curate -X curate"},
	{words: "purge -f -Q curate -X curate"},
	{words: "purge -f"},
	{words: "events --nonsense"},
}

// sharedTasks leaves out the task that only the Go worker has.
func sharedTasks(out string) any {
	return strings.Replace(stable(out), "    * tasks.regrid_into_store\n", "", 1)
}

// observeSettings sends with scripts/tasks.py and prints what the settings bring about.
const observeSettings = `
import json, sys
import redis
import tasks
app = tasks.app
conf = app.control.inspect(destination=["w@test"], timeout=60).conf()["w@test"]
out = {"conf": {k: conf.get(k) for k in sys.argv[2].split()}}
stats = app.control.inspect(destination=["w@test"], timeout=60).stats()["w@test"]
out["stats"] = [stats["prefetch_count"], stats["pool"]["max-concurrency"], {k: v for k, v in stats["broker"]["transport_options"].items() if k != "client_name"}]
app.control.add_consumer("curate", reply=True, destination=["w@test"], timeout=60)
r = tasks.process.delay("other.nc")
try: r.get(timeout=60)
except Exception as e: out["raised"] = type(e).__name__
broker, backend = (redis.Redis.from_url(app.conf[k]) for k in ("broker_url", "result_backend"))
meta = json.loads(backend.get(f"res.celery-task-meta-{r.id}") or backend.get(f"res._celery-task-meta-{r.id}") or "{}")
out["meta"] = {k: meta.get(k) for k in ("name", "args", "queue", "status")}
keys = [k.decode() for c in (broker, backend) for k in c.keys()]
out["ttls"] = sorted({round(backend.ttl(k), -2) for k in backend.keys()})
out["keys"] = sorted(k for k in keys if k.endswith((".era5", ".regrid")))
out["others"] = sorted(k for k in keys if not k.startswith(("era5.", "res.")))
json.dump(out, sys.stdout)
`

const comparedSettings = "task_default_queue task_track_started task_compression task_routes task_annotations worker_concurrency worker_prefetch_multiplier broker_transport_options worker_send_task_events result_extended"

// TestCelerySettingsInConfig gives a Python worker with its command line and a Go worker with its own the same config.py.
func TestCelerySettingsInConfig(t *testing.T) {
	t.Parallel()
	type seen struct {
		said     []said
		observed any
	}
	watch := func(client *client, program []string) (out seen) {
		s := client.site
		text, err := os.ReadFile(s.path("config.py"))
		if err != nil {
			t.Fatal(err)
		}
		s.write("config.py", string(text)+celeryLines)
		pytasks := strings.Replace(pythonTasks, "@app.task", "app.config_from_object(config)\n@app.task", 1)
		s.write("pytasks.py", strings.Replace(pytasks, "    pass", "    raise FileNotFoundError(file)", 1))
		w := s.start(s.command(program[0], append(slices.Clone(program[1:]), "worker", "-l", "info", "-n", "w@test")...))
		w.await("ready.")
		for _, st := range settingsSequence {
			words := strings.Fields(st.words)
			for i := range words {
				for name, id := range client.ids {
					words[i] = strings.ReplaceAll(words[i], "$"+name, id)
				}
			}
			got := client.run(words)
			if st.id != "" {
				client.ids[st.id] = strings.TrimSpace(got.out)
			}
			out.said = append(out.said, got)
		}
		if err := json.Unmarshal([]byte(s.python("-c", observeSettings, "", comparedSettings)), &out.observed); err != nil {
			t.Error(err)
		}
		w.stop()
		if strings.Contains(strings.ToLower(w.output()), "timezone") || strings.Contains(w.output(), "TASK_NOTES") {
			t.Errorf("a constant is taken for a setting:\n%s", w.output())
		}
		return out
	}
	programs := workerPrograms(t)
	var theirs, ours seen
	done := make(chan struct{})
	python, golang := pythonClient(newSite(t)), goClient(newSite(t))
	go func() {
		defer close(done)
		theirs = watch(python, programs["python"])
	}()
	ours = watch(golang, programs["go"])
	<-done
	if len(theirs.said) != len(settingsSequence) || len(ours.said) != len(settingsSequence) {
		t.Fatal("a sequence did not come to its end")
	}
	for i, st := range settingsSequence {
		a, b, check := theirs.said[i], ours.said[i], st.check
		if check == nil {
			check = text
		}
		if a.code != b.code || cmp.Diff(check(a.out), check(b.out)) != "" {
			t.Errorf("%s\ncelery, status %d:\n%s%s\nhealpipe, status %d:\n%s%s", st.words, a.code, a.out, a.err, b.code, b.out, b.err)
		}
	}
	if diff := cmp.Diff(theirs.observed, ours.observed); diff != "" {
		t.Errorf("Python (-) and Go (+) differ:\n%s", diff)
	}
}

// TestCelerySettingsRefused: what is wrong with a setting is said with its place, by every command that would heed it; what
// only looks like one is let alone, and flags win.
func TestCelerySettingsRefused(t *testing.T) {
	t.Parallel()
	s := healthySite(t)
	text, err := os.ReadFile(s.path("config.py"))
	if err != nil {
		t.Fatal(err)
	}
	config := func(lines string) { s.write("config.py", string(text)+lines) }
	first := strings.Count(string(text), "\n") + 1
	config(`task_acks_late = "yes"
broker_transport_options = {"priority_steps": "many"}
def route(name): pass
task_routes = (route,)
import billing
worker_concurrency = billing.workers()
`)
	place := func(line, column int) string { return fmt.Sprintf("config.py:%d:%d: ", first+line, column) }
	want := place(0, 1) + "task_acks_late must be True or False, not 'yes'\n" +
		place(1, 1) + "broker_transport_options kombu configuration: transport option priority_steps must be a list of integers, not many\n" +
		place(3, 1) + "task_routes must be dictionaries and pairs of a pattern and a route; a function is set as Config.Routers, not 'function'\n" +
		place(5, 37) + "worker_concurrency billing.workers is not known here: no Python runs, and only pandas' dates, os, pathlib, datetime and dotenv are read; write the value itself\n"
	for _, command := range []string{"worker", "call tasks.process", "inspect ping", "control heartbeat", "status", "purge -f", "events --dump", "list bindings", "dead list", "result x", "report"} {
		if got := strings.ReplaceAll(s.fails(strings.Fields(command)...), "healpipe: ", ""); got != want {
			t.Errorf("%s says\n%swant\n%s", command, got, want)
		}
	}
	out, code := s.doctor(nil)
	for line := range strings.Lines(want) {
		where, what, _ := strings.Cut(strings.TrimSpace(line), ": ")
		what, _, _ = strings.Cut(what, ";")
		if !strings.Contains(out, "error: "+what) || !strings.Contains(out, "("+where+")") || code == 0 {
			t.Errorf("doctor, status %d, does not say %q at %s:\n%s", code, what, where, out)
		}
	}

	config(`from datetime import timezone
from celery.schedules import crontab
S3_BUCKET, TIMEZONE, TASK_ACKS_LATE, worker_name = "era5", 3, "no", None
beat_schedule = {"x": {"schedule": crontab(minute=0)}}
task_ack_late = True
CELERY_TASK_TRACK_STARTED = CELERYD_CONCURRENCY = 3
worker_concurrency, task_track_started, worker_disable_prefetch = 2, True, True
BROKER_TRANSPORT_OPTIONS = {"sentinel_kwargs": {"password": "sesame"}}
`)
	out, code = s.doctor(nil)
	for _, want := range []string{"\nworker_concurrency 2 ", "\ntask_track_started True ", "\nbroker_transport_options {'sentinel_kwargs': {'password': '********'}} ",
		fmt.Sprintf("warning: task_ack_late is none of Celery's settings (config.py:%d:1)\n    mend: if task_acks_late is meant, rename it\n", first+4)} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor does not say %q:\n%s", want, out)
		}
	}
	for _, unwanted := range []string{"S3_BUCKET", "timezone", "TIMEZONE", "TASK_ACKS_LATE", "worker_name", "beat_schedule", "sesame"} {
		if strings.Contains(out, unwanted) || code != 0 {
			t.Errorf("doctor, status %d, speaks of %s:\n%s", code, unwanted, out)
		}
	}
	w := s.worker("-n", "go@test", "-c", "3")
	if stats := s.healpipe("inspect", "-d", "go@test", "-t", "60", "stats"); !strings.Contains(stats, `"max-concurrency": 3`) || !strings.Contains(stats, `"prefetch_count": 3`) {
		t.Errorf("-c does not win over worker_concurrency, or worker_disable_prefetch has no effect:\n%s", stats)
	}
	w.stop()
}
