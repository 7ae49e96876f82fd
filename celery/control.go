package celery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

// ControlCommand is a command that the worker answers. Commands of the same name as Celery's replace them.
type ControlCommand struct {
	Name  string
	Alias string
	// Run answers the command. Its value is the reply; an error becomes {"error": repr}. It runs on the loop that
	// answers all commands and must not block.
	Run func(ctx context.Context, w *Worker, args map[string]any) (any, error)
}

// RegisterControl adds a command of the program's own.
func (a *App) RegisterControl(cmd ControlCommand) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ctl[cmd.Name] = &cmd
	if cmd.Alias != "" {
		a.ctl[cmd.Alias] = &cmd
	}
}

// errNoReply is returned by commands that are never answered.
var errNoReply = errors.New("no reply")

func ok(v any) map[string]any        { return map[string]any{"ok": v} }
func nok(text string) map[string]any { return map[string]any{"error": text} }

// control runs a command.
func (w *Worker) control(ctx context.Context, method string, args map[string]any) (any, error) {
	w.app.mu.RLock()
	own := w.app.ctl[method]
	w.app.mu.RUnlock()
	if own != nil {
		return w.guard(func() (any, error) { return own.Run(ctx, w, args) })
	}
	if err := checkArgs(method, args); err != nil {
		return nil, err
	}
	f := fields(args)
	switch method {
	case "ping":
		return ok("pong"), nil
	case "clock":
		return map[string]any{"clock": w.app.lclock.value()}, nil
	case "hello":
		return w.answerHello(f), nil
	case "stats":
		return w.stats(), nil
	case "active_queues":
		return w.activeQueues(), nil
	case "registered", "dump_tasks":
		if items := args["taskinfoitems"]; !falsy(items) && !iterable(items) {
			return nil, Errorf("TypeError", "'%s' object is not iterable", pyType(items))
		}
		return w.registered(f.list("taskinfoitems"), truth(args["builtins"])), nil
	case "active", "dump_active":
		return infos(w.state.in(active), truth(args["safe"])), nil
	case "reserved", "dump_reserved":
		return infos(w.state.in(reserved), false), nil
	case "scheduled", "dump_schedule":
		return w.scheduled(), nil
	case "revoked", "dump_revoked":
		return stringList(w.state.revoked.list()), nil
	case "conf", "dump_conf":
		return w.conf.table(truth(args["with_defaults"])), nil
	case "query_task":
		return w.queryTask(args["ids"])
	case "report":
		return ok(w.report()), nil
	case "memsample":
		return memSample(), nil
	case "memdump":
		return memSample(), nil
	case "objgraph":
		return nil, &Error{Class: "NotImplementedError", Module: "builtins", Args: []any{"objgraph is not available in Go: use net/http/pprof"}}
	case "enable_events":
		if w.events.enable() {
			w.log.infof("Events of group {task} enabled by remote.")
			return ok("task events enabled"), nil
		}
		return ok("task events already enabled"), nil
	case "disable_events":
		if w.events.disable() {
			w.log.infof("Events of group {task} disabled by remote.")
			return ok("task events disabled"), nil
		}
		return ok("task events already disabled"), nil
	case "heartbeat":
		w.log.debugf("Heartbeat requested by remote.")
		w.sendWorkerEvent(ctx, "worker-heartbeat", w.opts.HeartbeatInterval)
		return nil, nil
	case "election":
		if !w.opts.WithoutGossip {
			w.bus.gossip.election(ctx, f.str("id"), f.str("topic"), args["action"])
		}
		return nil, nil
	case "revoke":
		return w.revoke(args["task_id"], truth(args["terminate"]), args["signal"]) // Flower sends 1 and 0
	case "terminate":
		return w.revoke(args["task_id"], true, args["signal"])
	case "revoke_by_stamped_headers":
		return w.revokeStamps(args["headers"], truth(args["terminate"]), args["signal"])
	case "rate_limit":
		return w.setRateLimit(args["task_name"], args["rate_limit"])
	case "time_limit":
		return w.setTimeLimit(args["task_name"], args["soft"], args["hard"])
	case "pool_grow", "pool_shrink":
		n, given := args["n"]
		if !given {
			n = 1
		}
		return w.growPool(method, n)
	case "pool_restart":
		if !w.conf.WorkerPoolRestarts {
			return nil, Errorf("ValueError", "Pool restarts not enabled")
		}
		w.log.infof("Pool restart: goroutines need none; the rate limits begin anew")
		w.recv.resetRates()
		return ok("reload started"), nil
	case "autoscale":
		return w.setAutoscale(args["max"], args["min"])
	case "add_consumer":
		return w.addConsumer(ctx, args)
	case "cancel_consumer":
		if err := hashable(args["queue"]); err != nil {
			return nil, err
		}
		name := pyStr(args["queue"])
		w.log.infof("Canceling queue %s", name)
		w.recv.consumer.CancelQueue(name)
		return ok("no longer consuming from " + name), nil
	case "shutdown":
		w.log.warnf("%s", orDefault(f.str("msg"), "Got shutdown from remote"))
		w.Warm()
		return nil, errNoReply
	}
	return nil, &Error{Class: "KeyError", Module: "builtins", Args: []any{method}}
}

// truth reads a flag that may have come as text, as from a command line.
func truth(v any) bool {
	switch x := v.(type) {
	case bool:
		return x
	case string:
		return slices.Contains([]string{"true", "yes", "1", "on"}, strings.ToLower(x))
	}
	n, _ := toFloat(v)
	return n != 0
}

// guard turns a panic of a program's own command into an error.
func (w *Worker) guard(f func() (any, error)) (v any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = Errorf("RuntimeError", "panic: %v", p)
		}
	}()
	return f()
}

// matchNode compares a node's name with a pattern: "glob", or "pcre" anchored at the start.
func matchNode(node, pattern, matcher string) bool {
	switch matcher {
	case "pcre":
		re, err := regexp.Compile("^(?:" + pattern + ")")
		return err == nil && re.MatchString(node)
	case "glob":
		return globMatch(pattern, node)
	}
	return false
}

func infos(reqs []*Request, safe bool) []any {
	out := make([]any, len(reqs))
	for i, r := range reqs {
		out[i] = r.info(safe)
	}
	return out
}

func (w *Worker) answerHello(f fields) any {
	from := f.str("from_node")
	if from == w.node {
		return nil
	}
	w.log.infof("sync with %s", from)
	w.mergeRevoked(f["revoked"])
	return map[string]any{"revoked": stringList(w.state.revoked.list()), "clock": w.app.lclock.forward()}
}

func (w *Worker) scheduled() []any {
	out := []any{}
	for _, p := range w.sched.snapshot() {
		if r := w.look(p); r != nil {
			out = append(out, map[string]any{"eta": isoformat(r.ETA), "priority": 6, "request": r.info(false)})
		}
	}
	return out
}

// look decodes a waiting task for a reply; nil if it has become unreadable, which shows when it is due.
func (w *Worker) look(p *parked) *Request {
	if p == nil {
		return nil
	}
	r, err := p.request(w.app)
	if err != nil {
		return nil
	}
	r.Hostname = w.node
	return r
}

func (w *Worker) queryTask(ids any) (any, error) {
	if ids == nil {
		return nil, errNoneIterated()
	}
	values := maybeList(ids)
	if err := hashable(values...); err != nil {
		return nil, err
	}
	out := map[string]any{}
	for _, v := range values {
		if id, is := v.(string); is {
			r := w.state.find(id)
			if r == nil {
				r = w.look(w.sched.find(id))
			}
			if r != nil {
				out[id] = []any{r.getPhase().String(), r.info(false)}
			}
		}
	}
	return out, nil
}

// registered lists tasks as "name" or "name [attr=value ...]".
func (w *Worker) registered(items []any, builtins bool) []any {
	if len(items) == 0 {
		items = []any{"exchange", "routing_key", "rate_limit"}
	}
	out := []any{}
	for _, name := range w.app.TaskNames(builtins) {
		t := w.app.Task(name)
		if t == nil {
			continue
		}
		var attrs []string
		for _, it := range items {
			if s, is := it.(string); is {
				if v := t.attribute(s); v != "" {
					attrs = append(attrs, s+"="+v)
				}
			}
		}
		if len(attrs) > 0 {
			name += " [" + strings.Join(attrs, " ") + "]"
		}
		out = append(out, name)
	}
	return out
}

// attribute is str() of an attribute of Python's task of that name; "" where it would be None.
func (t *Task) attribute(name string) string {
	hard, soft := t.limits()
	num := func(d time.Duration) string {
		if d <= 0 {
			return ""
		}
		return pyrepr.Repr(wholeSeconds(d))
	}
	switch name {
	case "name":
		return t.Name
	case "exchange":
		return t.opts.Exchange
	case "routing_key":
		return t.opts.RoutingKey
	case "queue":
		return t.opts.Queue
	case "rate_limit":
		return t.rate()
	case "serializer":
		return orDefault(t.opts.Serializer, t.app.conf.TaskSerializer)
	case "compression":
		return t.opts.Compression
	case "time_limit":
		return num(hard)
	case "soft_time_limit":
		return num(soft)
	case "acks_late":
		return pyrepr.Repr(t.acksLate)
	case "ignore_result":
		return pyrepr.Repr(t.ignoreResult)
	case "track_started":
		return pyrepr.Repr(t.trackStarted)
	case "max_retries":
		if n, limited := t.maxRetries(); limited {
			return strconv.Itoa(n)
		}
	case "default_retry_delay":
		return num(t.retryDelay())
	case "expires":
		return num(t.opts.Expires)
	case "priority":
		if t.opts.Priority != nil {
			return strconv.Itoa(*t.opts.Priority)
		}
	}
	return ""
}

func (w *Worker) activeQueues() []any {
	out := []any{}
	for _, q := range w.recv.consumer.Queues() {
		typ := string(q.Exchange.Type)
		if typ == "" {
			typ = "direct"
		}
		var expires any
		if q.Expires > 0 {
			expires = q.Expires.Seconds()
		}
		out = append(out, map[string]any{
			"name": q.Name,
			"exchange": map[string]any{"name": orDefault(q.Exchange.Name, q.Name), "type": typ, "arguments": nil, "durable": true,
				"passive": false, "auto_delete": false, "delivery_mode": nil, "no_declare": false},
			"routing_key": orDefault(q.RoutingKey, q.Name), "queue_arguments": nil, "binding_arguments": nil, "consumer_arguments": nil,
			"durable": true, "exclusive": false, "auto_delete": false, "no_ack": false, "alias": nil, "bindings": []any{},
			"no_declare": nil, "expires": expires, "message_ttl": nil, "max_length": nil, "max_length_bytes": nil, "max_priority": nil,
		})
	}
	return out
}

func (w *Worker) stats() map[string]any {
	total := map[string]any{}
	for _, name := range w.app.TaskNames(true) {
		if t := w.app.Task(name); t != nil && t.total.Load() > 0 {
			total[name] = t.total.Load()
		}
	}
	pid := os.Getpid()
	m := map[string]any{
		"total": total, "pid": pid, "clock": strconv.FormatInt(w.app.lclock.value(), 10),
		"uptime": int64(w.app.clock.Now().Sub(w.started).Seconds()),
		"pool": map[string]any{
			"implementation": "celery.go:goroutine", "max-concurrency": w.pool.size(), "processes": []any{pid},
			"max-tasks-per-child": "N/A", "put-guarded-by-semaphore": false, "timeouts": []any{floatOrZero(w.opts.SoftTimeLimit), floatOrZero(w.opts.TimeLimit)},
			"writes": map[string]any{"total": w.state.processed.Load(), "avg": "N/A", "all": "N/A", "raw": "N/A", "strategy": "fair",
				"inqueues": map[string]any{"total": 0, "active": 0}},
		},
		"broker": w.brokerInfo(), "prefetch_count": w.recv.prefetch(), "rusage": rusage(),
	}
	if n := w.events.dropped.Load(); n > 0 { // Celery has no such row
		m["events"] = map[string]any{"dropped": n}
	}
	if w.scaler != nil {
		m["autoscaler"] = w.scaler.info()
	}
	return m
}

// floatOrZero is a time limit of the command line: a float in Python, and a plain 0 where there is none.
func floatOrZero(d time.Duration) any {
	if d <= 0 {
		return 0
	}
	return d.Seconds()
}

func (w *Worker) brokerInfo() map[string]any {
	in := w.conn.Info()
	alternates := stringList(in.Alternates)
	var ssl any = false
	if in.TLS {
		ssl = true
	}
	return map[string]any{
		"hostname": in.Hostname, "userid": orNil(in.UserID), "virtual_host": in.VirtualHost, "port": in.Port, "insist": false,
		"ssl": ssl, "transport": in.Transport, "connect_timeout": wholeSeconds(orDuration(w.conf.BrokerConnectionTimeout, 4*time.Second)),
		"transport_options": maskBut(orEmptyMap(w.conf.BrokerTransportOptions), "global_keyprefix", "unacked"), "login_method": nil, "uri_prefix": nil,
		"heartbeat": 120.0, "failover_strategy": "round-robin", "alternates": alternates, "credential_provider": nil,
	}
}

func orDuration(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}

// rusage is getrusage as Python prints it.
func rusage() map[string]any {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return map[string]any{}
	}
	sec := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return map[string]any{"utime": sec(u.Utime), "stime": sec(u.Stime), "maxrss": u.Maxrss, "ixrss": u.Ixrss, "idrss": u.Idrss,
		"isrss": u.Isrss, "minflt": u.Minflt, "majflt": u.Majflt, "nswap": u.Nswap, "inblock": u.Inblock, "oublock": u.Oublock,
		"msgsnd": u.Msgsnd, "msgrcv": u.Msgrcv, "nsignals": u.Nsignals, "nvcsw": u.Nvcsw, "nivcsw": u.Nivcsw}
}

// memSample is the resident memory of the process, as memsample words it.
func memSample() string {
	raw, err := os.ReadFile("/proc/self/statm")
	if f := strings.Fields(string(raw)); err == nil && len(f) > 1 {
		if pages, err := strconv.ParseInt(f[1], 10, 64); err == nil {
			return fmt.Sprintf("%.2fMB", float64(pages*int64(os.Getpagesize()))/(1<<20))
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return fmt.Sprintf("%.2fMB", float64(m.Sys)/(1<<20))
}

// report is the text of `celery report`.
func (w *Worker) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nsoftware -> celery:%s (go) kombu:go %s\nplatform -> system:%s arch:%s\n", Version, runtime.Version(), systemName(), runtime.GOARCH)
	results := "disabled"
	if w.conf.ResultBackend != "" {
		results = maskURL(w.conf.ResultBackend)
	}
	fmt.Fprintf(&b, "settings -> transport:%s results:%s\n\n", w.conn.Info().Transport, results)
	table := w.conf.table(false)
	keys := make([]string, 0, len(table))
	for k := range table {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		fmt.Fprintf(&b, "%s: %s\n", k, pyrepr.Repr(table[k]))
	}
	return b.String()
}

// revoke marks ids, stores REVOKED for those that nobody has begun, and with terminate ends those that are here.
func (w *Worker) revoke(ids any, terminate bool, signal any) (any, error) {
	names, other, err := taskIDs(ids)
	if err != nil {
		return nil, err
	}
	var notRunning []string
	for _, id := range names {
		w.state.revoked.add(id)
		if r := w.state.find(id); r == nil || r.getPhase() != active {
			notRunning = append(notRunning, id)
		}
	}
	go w.storeRevokes(notRunning)
	if !terminate {
		if other != nil {
			return nil, other
		}
		w.log.infof("Tasks flagged as revoked: %s", strings.Join(names, ", "))
		quoted := make([]string, len(names))
		for i, n := range names {
			quoted[i] = pyrepr.Str(n)
		}
		set := "{" + strings.Join(quoted, ", ") + "}"
		if len(names) == 0 {
			set = "set()"
		}
		return ok("tasks " + set + " flagged as revoked"), nil
	}
	num, err := signum(signal)
	if err != nil {
		return nil, err
	}
	var ended []string
	for _, id := range names {
		r := w.state.find(id)
		if r == nil && w.sched.find(id) == nil {
			continue
		}
		ended = append(ended, id)
		w.log.infof("Terminating %s (%d)", id, num)
		if r != nil { // one that waits for its time is discarded when it is due
			go w.terminateTask(r, num)
		}
	}
	if len(ended) == 0 {
		return ok("terminate: tasks unknown"), nil
	}
	return ok("terminate: " + strings.Join(ended, ", ")), nil
}

// storeRevokes records the state of revoked tasks unless someone has already begun or ended them.
func (w *Worker) storeRevokes(ids []string) {
	ctx, cancel := context.WithTimeout(w.io, replyTimeout)
	defer cancel()
	for _, id := range ids {
		meta, err := w.back.get(ctx, id)
		if err != nil {
			if !errors.Is(err, ErrNoBackend) {
				w.log.warnf("Failed to mark task %s as revoked in backend: %v", id, err)
			}
			continue
		}
		switch state, _ := meta["status"].(string); state {
		case "", StatePending, StateReceived, StateRetry, StateRejected:
			body := w.app.metaBody(&Request{ID: id}, outcome{state: StateRevoked, err: errRevoked("revoked")})
			body["children"] = nil
			if err := w.back.put(ctx, resultMeta{id: id, state: StateRevoked, body: body}); err != nil {
				w.log.warnf("Failed to mark task %s as revoked in backend: %v", id, err)
			}
		}
	}
}

// revokeStamps marks stamped headers; with terminate it ends the running tasks that carry one.
func (w *Worker) revokeStamps(v any, terminate bool, signal any) (any, error) {
	num, err := signum(signal)
	if err != nil {
		return nil, err
	}
	headers, err := stampHeaders(v)
	if err != nil {
		return nil, err
	}
	for h, stamps := range headers {
		w.state.revokeStamps(h, maybeList(stamps))
	}
	if !terminate {
		return ok("headers " + pyrepr.Repr(headers) + " flagged as revoked, but not terminated"), nil
	}
	hit := map[string][]any{}
	for _, r := range w.state.in(active) {
		if h, value, found := w.state.stampRevoked(r); found {
			hit[h] = append(hit[h], value)
			go w.terminateTask(r, num)
		}
	}
	if len(hit) == 0 {
		return ok("headers " + pyrepr.Repr(headers) + " were not terminated"), nil
	}
	var terminated []string // a defaultdict of sets in Celery's reply
	for _, h := range slices.Sorted(maps.Keys(hit)) {
		var values []string
		for _, v := range hit[h] {
			values = append(values, pyrepr.Repr(v))
		}
		slices.Sort(values)
		terminated = append(terminated, pyrepr.Str(h)+": {"+strings.Join(slices.Compact(values), ", ")+"}")
	}
	return ok("headers defaultdict(<class 'set'>, {" + strings.Join(terminated, ", ") + "}) revoked"), nil
}

func (w *Worker) setRateLimit(task, v any) (any, error) {
	rate, err := rateArg(v)
	if err != nil {
		return nil, err
	}
	var unit *badRate
	if _, err := parseRate(rate); errors.As(err, &unit) {
		return nil, &Error{Class: "KeyError", Module: "builtins", Args: []any{unit.unit}}
	} else if err != nil {
		return nok("Invalid rate limit string: " + pyrepr.Exception("ValueError", []any{err.Error()})), nil
	}
	if err := hashable(task); err != nil {
		return nil, err
	}
	name := pyStr(task)
	t := w.app.Task(name)
	if t == nil {
		w.log.errorf("Rate limit attempt for unknown task %s", name)
		return nok("unknown task"), nil
	}
	t.setRate(rate)
	w.recv.resetRates()
	if falsy(v) {
		w.log.infof("Rate limits disabled for tasks of type %s", name)
		return ok("rate limit disabled successfully"), nil
	}
	w.log.infof("New rate limit for tasks of type %s: %s.", name, rate)
	return ok("new rate limit set successfully"), nil
}

func (w *Worker) setTimeLimit(task, soft, hard any) (any, error) {
	if err := hashable(task); err != nil {
		return nil, err
	}
	name := pyStr(task)
	t := w.app.Task(name)
	if t == nil {
		w.log.errorf("Change time limit attempt for unknown task %s", name)
		return nok("unknown task"), nil
	}
	t.setLimits(limit(hard), limit(soft))
	w.log.infof("New time limits for tasks of type %s: soft=%s hard=%s", name, pyrepr.Repr(soft), pyrepr.Repr(hard))
	return ok("time limits set successfully"), nil
}

// growPool changes the number of slots. A pool that has fewer than it is to lose keeps them all: Celery's loses those that
// are idle and replies with the same error.
func (w *Worker) growPool(method string, v any) (any, error) {
	if w.scaler != nil {
		return nok(method + " is not supported with autoscale. Adjust autoscale range instead."), nil
	}
	if method == "pool_grow" {
		n, err := pyInt(v)
		if err != nil {
			return nil, err
		}
		w.resizePool(w.pool.size() + min(max(n, 0), 10_000))
		return ok("pool will grow"), nil
	}
	n, err := shrinkArg(v)
	if err != nil {
		return nil, err
	}
	if n > w.pool.size() {
		return nil, Errorf("ValueError", "Can't shrink pool. All processes busy!")
	}
	w.resizePool(w.pool.size() - max(n, 0))
	return ok("pool will shrink"), nil
}

func (w *Worker) setAutoscale(maxV, minV any) (any, error) {
	if w.scaler == nil {
		return nil, Errorf("ValueError", "Autoscale not enabled")
	}
	high, low := -1, -1
	for _, arg := range []struct {
		v    any
		op   string
		into *int
	}{{maxV, "<", &high}, {minV, ">", &low}} {
		if f, is := toFloat(arg.v); is {
			*arg.into = int(min(max(f, 0), 10_000))
		} else if arg.v != nil {
			return nil, Errorf("TypeError", "'%s' not supported between instances of '%s' and 'int'", arg.op, pyType(arg.v))
		}
	}
	high, low = w.scaler.update(high, low)
	return ok(fmt.Sprintf("autoscale now max=%d min=%d", high, low)), nil
}

// addConsumer starts to consume a queue. Names that are no text are refused: Celery's worker confirms them and stops.
func (w *Worker) addConsumer(ctx context.Context, args map[string]any) (any, error) {
	f := fields(args)
	for _, key := range []string{"queue", "exchange", "exchange_type", "routing_key"} {
		if v := args[key]; (v != nil || key == "queue") && pyType(v) != "str" || key == "queue" && v == "" {
			return nil, Errorf("TypeError", "add_consumer() argument '%s' must be a name, not %s", key, pyrepr.Repr(v))
		}
	}
	typ := kombu.ExchangeType(f.str("exchange_type"))
	if !slices.Contains([]kombu.ExchangeType{"", kombu.Direct, kombu.Topic, kombu.Fanout}, typ) {
		return nil, Errorf("ValueError", "add_consumer() argument 'exchange_type' must be direct, topic or fanout, not %s", pyrepr.Str(string(typ)))
	}
	name := f.str("queue")
	q := w.app.queueNamed(name)
	if ex := f.str("exchange"); ex != "" {
		q.Exchange.Name = ex
	}
	if typ != "" {
		q.Exchange.Type = typ
	}
	if rk := f.str("routing_key"); rk != "" {
		q.RoutingKey = rk
	}
	for _, have := range w.recv.consumer.Queues() {
		if have.Name == name {
			return ok("add consumer " + name), nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	if err := w.recv.consumer.AddQueue(ctx, q); err != nil {
		return nil, err
	}
	w.log.infof("Started consuming from %s", name)
	return ok("add consumer " + name), nil
}
