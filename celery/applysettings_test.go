package celery_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/google/go-cmp/cmp"

	"healpipe/celery"
	"healpipe/celery/kombu"
	"healpipe/internal/testenv"
)

// confOf runs testdata/conf.py on settings.
func confOf(t *testing.T, settings map[string]any) (out struct {
	Names []string
	Old   map[string]string
	Conf  map[string]any
}) {
	t.Helper()
	raw, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testenv.Python(t), "conf.py")
	cmd.Dir = "testdata"
	cmd.Env = append(cmd.Environ(), "SUITE_CONF="+string(raw), "PYTHONDONTWRITEBYTECODE=1")
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("conf.py: %v", err)
	}
	unmarshal(t, text, &out)
	return out
}

// TestApplySettings: every setting of Celery is known here under its names, old and new, and stands in docs/protocol.md; `inspect conf`
// shows what was set as Celery's worker shows it; what has no meaning is said once in the log.
func TestApplySettings(t *testing.T) {
	t.Parallel()
	settings := map[string]any{
		"accept_content": []any{"json", "yaml", "msgpack"}, "timezone": "Europe/Berlin", "enable_utc": false,
		"broker_connection_timeout": 6.5, "broker_connection_retry": true, "broker_connection_retry_on_startup": true, "broker_connection_max_retries": 7,
		"broker_transport_options": map[string]any{"visibility_timeout": 77.0, "global_keyprefix": "x.", "unacked_key": "u", "queue_order_strategy": "sorted"},
		"result_backend":           "rpc://", "result_backend_transport_options": map[string]any{"retry_on_timeout": true}, "result_chord_expires": 6,
		"result_chord_join_timeout": 4, "result_compression": "zlib", "result_expires": 300, "result_extended": true, "result_failure_expires": 30,
		"result_serializer": "yaml", "redis_backend_use_ssl": map[string]any{"ssl_cert_reqs": "none"}, "redis_socket_timeout": 3.5,
		"redis_socket_connect_timeout": 2, "redis_socket_keepalive": true, "redis_retry_on_timeout": true, "redis_max_connections": 5,
		"control_exchange": "control", "event_exchange": "ev", "event_serializer": "yaml",
		"task_acks_late": true, "task_acks_on_failure": false, "task_acks_on_timeout": true,
		"task_allow_error_cb_on_chord_header": true, "task_always_eager": true, "task_annotations": map[string]any{"*": map[string]any{"rate_limit": "3/s"}},
		"task_compression": "gzip", "task_create_missing_queue_exchange_type": "topic", "task_create_missing_queues": true,
		"task_default_delivery_mode": 1, "task_default_exchange": "ex", "task_default_exchange_type": "topic", "task_default_priority": 4,
		"task_default_queue": "q", "task_default_rate_limit": "100/m", "task_default_routing_key": "rk", "task_eager_propagates": true,
		"task_ignore_result": true, "task_inherit_parent_priority": true, "task_protocol": 1,
		"task_routes": map[string]any{"a.*": map[string]any{"queue": "x"}, "b": "y"}, "task_send_sent_event": true, "task_serializer": "msgpack",
		"task_soft_time_limit": 30, "task_store_eager_result": true, "task_store_errors_even_if_ignored": true, "task_time_limit": 60.5,
		"task_track_started": true, "worker_cancel_long_running_tasks_on_connection_loss": true, "worker_concurrency": 3,
		"worker_deduplicate_successful_tasks": true, "worker_direct": true, "worker_disable_prefetch": true, "worker_disable_rate_limits": true,
		"worker_enable_soft_shutdown_on_idle": true, "worker_eta_task_limit": 1000, "worker_log_color": false, "worker_pool_restarts": true,
		"worker_prefetch_multiplier": 2, "worker_send_task_events": true, "worker_soft_shutdown_timeout": 1.5, "worker_state_db": "",
		"imports": []any{"tasks"}, "worker_max_tasks_per_child": 10, "broker_pool_limit": nil, "beat_schedule": map[string]any{},
	}
	py := confOf(t, settings)

	page, err := os.ReadFile(testenv.Path("docs", "protocol.md"))
	if err != nil {
		t.Fatal(err)
	}
	var none celery.Config
	unknown := func(name string) bool {
		err := none.ApplySettings(map[string]any{name: nil})
		return err != nil && strings.Contains(err.Error(), "none of Celery's")
	}
	for _, name := range py.Names {
		if unknown(name) {
			t.Errorf("setting %s is not known", name)
		}
		if !regexp.MustCompile(`\b` + name + `\b`).Match(page) {
			t.Errorf("docs/protocol.md does not say what becomes of %s", name)
		}
		if up := "CELERY_" + strings.ToUpper(name); unknown(up) {
			t.Errorf("%s, as Django projects write it, is not known", up)
		}
	}
	for old, now := range py.Old {
		// The same setting: given under both names it is refused.
		if err := none.ApplySettings(map[string]any{old: nil, now: nil}); old != now && (err == nil || !strings.Contains(err.Error(), "is given as "+old)) {
			t.Errorf("%s is not taken for %s: %v", old, now, err)
		}
	}

	url := testenv.StartRedis(t).URL(0)
	conf := celery.Config{Name: "suite", Broker: url}
	if err := conf.ApplySettings(settings); err != nil {
		t.Fatal(err)
	}
	app := newApp(t, conf)
	w := runWorker(t, app, celery.WorkerOptions{Hostname: "w@h", LogLevel: celery.Warning})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	replies, err := app.Control().Inspect(to("w@h")).Conf(ctx, false)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(replies["w@h"])
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	unmarshal(t, raw, &got)
	for _, c := range []map[string]any{py.Conf, got} {
		delete(c, "broker_url") // of two servers
		delete(c, "include")    // the modules with tasks
	}
	if diff := cmp.Diff(py.Conf, got); diff != "" {
		t.Errorf("inspect conf: Python (-) and Go (+) differ:\n%s", diff)
	}
	if log := w.log.String(); strings.Count(log, "Settings that mean nothing to this worker: beat_schedule, imports, worker_max_tasks_per_child\n") != 1 {
		t.Errorf("settings without a meaning are not said once:\n%s", log)
	}
}

// TestSettingsRefused: one line for each setting that is unknown, of the wrong type, or not to be had, and nothing is set.
func TestSettingsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		value any
		want  string
	}{
		"task_aks_late":              {true, "celery: setting task_aks_late is none of Celery's: is task_acks_late meant?"},
		"my_own":                     {1, "celery: setting my_own is none of Celery's"},
		"task_acks_late":             {"yes", "celery: setting task_acks_late must be True or False, not 'yes'"},
		"CELERYD_CONCURRENCY":        {"many", "celery: setting CELERYD_CONCURRENCY must be an integer, not 'many'"},
		"worker_prefetch_multiplier": {-1, "celery: setting worker_prefetch_multiplier must be 0 or more, not -1"},
		"task_time_limit":            {"1h", "celery: setting task_time_limit must be a number of seconds, not '1h'"},
		"task_serializer":            {"pickle", "celery: setting task_serializer must be json, yaml or msgpack, not 'pickle'"},
		"result_serializer":          {"auth", "celery: setting result_serializer must be json, yaml or msgpack, not 'auth'"},
		"event_serializer":           {"auth", "celery: setting event_serializer must be json, yaml or msgpack, not 'auth'"},
		"accept_content":             {[]any{"pickle"}, "celery: setting accept_content leaves nothing that is taken: pickle is always refused; json, yaml or msgpack"},
		"task_compression":           {"rar", "celery: setting task_compression "},
		"result_backend":             {"mongodb://h", "celery: setting result_backend celery: result backend mongodb:// is not one of redis, rediss, redis+socket, sentinel, rpc"},
		"broker_transport":           {"amqp", "celery: setting broker_transport is not available here as 'amqp': the broker is Redis"},
		"broker_password":            {"x", "celery: setting broker_password is not available here: write it into broker_url"},
		"broker_write_url":           {"redis://x", "celery: setting broker_write_url is not available here: a worker and its client use one broker, broker_url"},
		"broker_transport_options":   {map[string]any{"visibility_timeout": "long"}, "celery: setting broker_transport_options kombu configuration: transport option visibility_timeout must be a number of seconds, not long"},
		"broker_use_ssl":             {map[string]any{"ssl_ciphers": "x"}, "celery: setting broker_use_ssl kombu configuration: TLS option ssl_ciphers is not supported"},
		"task_default_rate_limit":    {"fast", "celery: setting task_default_rate_limit must be a rate such as 10/s, 100/m or 5/h, not 'fast'"},
		"task_annotations":           {map[string]any{"a": map[string]any{"rate": 1}}, "celery: setting task_annotations of a: rate is no attribute that can be annotated here"},
		"task_routes":                {[]any{"module.router"}, "celery: setting task_routes must be dictionaries and pairs of a pattern and a route; a function is set as Config.Routers, not 'module.router'"},
		"task_queues":                {[]any{map[string]any{"exchange": "x"}}, "celery: setting task_queues must be a list of queues, each a name or a dictionary with one, not {'exchange': 'x'}"},
		"timezone":                   {"Mars/Base", "celery: setting timezone must be the name of a time zone, not 'Mars/Base'"},
		"task_protocol":              {3, "celery: setting task_protocol must be 1 or 2, not 3"},
	} {
		var c celery.Config
		err := c.ApplySettings(map[string]any{name: tc.value, "task_ignore_result": true})
		if !errors.Is(err, celery.ErrSetting) || !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s = %v: %v, want %s", name, tc.value, err, tc.want)
		}
		if c.TaskIgnoreResult {
			t.Errorf("%s = %v: another setting was set", name, tc.value)
		}
	}
}

// TestBackendsRefused: every other result backend of Celery is refused at the start, by a line that names those there are.
func TestBackendsRefused(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	for _, backend := range []string{"db+sqlite:///r.db", "database", "cache+memcached://h", "mongodb://h/", "elasticsearch://h", "cassandra://",
		"couchbase://h", "couchdb://h", "cosmosdbsql://h", "filesystem", "file:///tmp", "consul://h", "dynamodb://@eu", "azureblockblob://c",
		"arangodb://h", "s3://b", "gs://b", "amqp://"} {
		app := newApp(t, celery.Config{Broker: url, ResultBackend: backend})
		err := app.Worker(celery.WorkerOptions{Quiet: true, LogWriter: new(syncBuffer)}).Run(t.Context())
		scheme, _, _ := strings.Cut(backend, "://")
		if want := "celery: result backend " + scheme + ":// is not one of redis, rediss, redis+socket, sentinel, rpc"; err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", backend, err, want)
		}
	}
}

// TestMissingQueues: where task_create_missing_queues is off, a queue that nobody declared is an error for -Q and for a call.
func TestMissingQueues(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	for _, queues := range []any{nil, []any{"known"}} {
		conf := celery.Config{Broker: url}
		if err := conf.ApplySettings(map[string]any{"task_create_missing_queues": false, "task_queues": queues}); err != nil {
			t.Fatal(err)
		}
		app := newApp(t, conf)
		err := app.Worker(celery.WorkerOptions{Quiet: true, LogWriter: new(syncBuffer), Queues: []string{"other"}}).Run(t.Context())
		if !errors.Is(err, celery.ErrSetting) || !strings.Contains(err.Error(), "queue other isn't defined in the `task_queues` setting") {
			t.Errorf("task_queues %v, -Q other: %v", queues, err)
		}
		own := "celery"
		if queues != nil {
			own = "known"
		}
		for queue, known := range map[string]bool{own: true, "other": false} {
			_, err := app.SendTask(t.Context(), "x", nil, nil, celery.Options{Queue: queue})
			if known != (err == nil) || !known && err.Error() != `celery: queue "other" is missing from task_queues` {
				t.Errorf("task_queues %v, a call to %s: %v", queues, queue, err)
			}
		}
	}
	conf := celery.Config{Broker: url}
	if err := conf.ApplySettings(map[string]any{"task_create_missing_queue_exchange_type": "topic"}); err != nil {
		t.Fatal(err)
	}
	app := newApp(t, conf)
	app.MustRegister("noop", func() {})
	runWorker(t, app, celery.WorkerOptions{Queues: []string{"made"}, Hostname: "w@h"})
	bound, err := redis.Strings(dial(t, url).Do("SMEMBERS", "_kombu.binding.made"))
	if err != nil || len(bound) != 1 || !strings.HasPrefix(bound[0], "made\x06\x16^made$") {
		t.Errorf("bindings of a queue made with exchange type topic: %q %v", bound, err)
	}
}

// TestSettingsAtWork: settings given by name do what their fields do.
func TestSettingsAtWork(t *testing.T) {
	t.Parallel()
	url := testenv.StartRedis(t).URL(0)
	open := func(settings map[string]any) *celery.App {
		conf := celery.Config{Name: "suite", Broker: url}
		if err := conf.ApplySettings(settings); err != nil {
			t.Fatal(err)
		}
		return newApp(t, conf)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	// What a message is like.
	app := open(map[string]any{"task_default_queue": "asleep", "task_default_delivery_mode": "transient", "task_default_priority": 3,
		"task_routes": []any{[]any{"a.*", "first"}, []any{"a.b*", "second"}}})
	for task, list := range map[string]string{"x": "asleep", "a.bc": "first"} {
		if _, err := app.SendTask(ctx, task, nil, nil, celery.Options{}); err != nil {
			t.Fatal(err)
		}
		raw, err := redis.Bytes(dial(t, url).Do("RPOP", list+"\x06\x163"))
		if err != nil {
			t.Fatalf("%s: %v", list, err)
		}
		var m struct{ Properties map[string]any }
		unmarshal(t, raw, &m)
		if m.Properties["delivery_mode"] != 1.0 || m.Properties["priority"] != 3.0 {
			t.Errorf("properties %v, want delivery_mode 1, priority 3", m.Properties)
		}
	}

	// What a worker does.
	app = open(map[string]any{"task_default_queue": "awake", "result_backend": url, "task_acks_late": true, "task_track_started": true,
		"task_default_rate_limit": "1/h", "worker_disable_rate_limits": true, "control_exchange": "control", "event_exchange": "happenings",
		"worker_send_task_events": true, "redis_socket_timeout": 20, "redis_socket_connect_timeout": 3.5, "redis_socket_keepalive": true,
		"redis_retry_on_timeout": true, "redis_max_connections": 4})
	c := dial(t, url)
	state := app.MustRegister("state", func(ctx context.Context) ([]any, error) {
		r := celery.CurrentRequest(ctx)
		unacked, err := redis.Int(c.Do("HLEN", "unacked"))
		if err != nil {
			return nil, err
		}
		s, err := app.AsyncResult(r.ID).State(ctx)
		return []any{unacked, s}, err
	})
	commands := monitor(t, url)
	runWorker(t, app, celery.WorkerOptions{Hostname: "w@h"})
	for range 2 { // at 1/h the second would wait
		res, err := state.Delay(ctx)
		if err != nil {
			t.Fatal(err)
		}
		got, err := res.Get(ctx)
		if diff := cmp.Diff([]any{int64(1), "STARTED"}, got); err != nil || diff != "" {
			t.Errorf("unacknowledged messages and state while the task runs: %v %s", err, diff)
		}
	}
	if pong, err := app.Control().Ping(ctx, to("w@h")); err != nil || len(pong) != 1 {
		t.Errorf("ping by way of another exchange: %v %v", pong, err)
	}
	for missing := []string{"/0.control.pidbox", "/0.happenings/task.multi"}; len(missing) > 0; {
		select {
		case line := <-commands:
			missing = slices.DeleteFunc(missing, func(channel string) bool { return strings.Contains(line, channel) })
		case <-ctx.Done():
			t.Fatalf("nothing was sent to %v", missing)
		}
	}

	// Without remote control nobody answers; without retries a broker that is away is an error.
	app = open(map[string]any{"worker_enable_remote_control": false, "task_default_queue": "deaf"})
	runWorker(t, app, celery.WorkerOptions{Hostname: "deaf@h"})
	if n, err := redis.Int(c.Do("PUBLISH", "/0.celery.pidbox", "x")); err != nil || n != 0 {
		t.Errorf("%d listen to commands, %v", n, err)
	}
	for name, settings := range map[string]map[string]any{
		"broker_connection_retry":            {"broker_connection_retry": false},
		"broker_connection_retry_on_startup": {"broker_connection_retry": true, "broker_connection_retry_on_startup": false},
		"broker_connection_max_retries":      {"broker_connection_max_retries": 1},
	} {
		settings["broker_url"] = "redis://127.0.0.1:1/0"
		err := open(settings).Worker(celery.WorkerOptions{Quiet: true, LogWriter: new(syncBuffer)}).Run(ctx)
		if !errors.Is(err, kombu.ErrConnection) {
			t.Errorf("%s with a broker that is away: %v", name, err)
		}
	}
}
