package cli

import (
	"context"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"healpipe/celery"
	"healpipe/config"
)

func (p *program) eventsCommand() *cli.Command {
	return &cli.Command{
		Name:  "events",
		Usage: "print the events of workers and tasks as they come",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dump", Aliases: []string{"d"}, Usage: "one line for each event"},
			&cli.StringFlag{Name: "camera", Aliases: []string{"c"}, Hidden: true},
			&cli.Float64Flag{Name: "frequency", Aliases: []string{"F", "freq"}, Hidden: true},
			&cli.StringFlag{Name: "maxrate", Aliases: []string{"r"}, Hidden: true},
			&cli.StringFlag{Name: "loglevel", Aliases: []string{"l"}, Hidden: true},
			&cli.StringFlag{Name: "logfile", Aliases: []string{"f"}, Hidden: true},
			&cli.StringFlag{Name: "pidfile", Hidden: true},
			&cli.BoolFlag{Name: "detach", Hidden: true},
			&cli.StringFlag{Name: "uid", Hidden: true}, &cli.StringFlag{Name: "gid", Hidden: true},
			&cli.StringFlag{Name: "umask", Hidden: true}, &cli.StringFlag{Name: "executable", Hidden: true},
		},
		Action: func(c *cli.Context) error {
			if c.IsSet("loglevel") {
				if err := oneOf(c, "loglevel", strings.ToUpper(c.String("loglevel")), levels...); err != nil {
					return err
				}
			}
			if err := noArguments(c); err != nil {
				return err
			}
			if !c.Bool("dump") {
				return usagef("events prints events with --dump; the curses monitor and --camera are Python's: run `celery events` or `celery flower` against the same broker")
			}
			return p.dumpEvents(c)
		},
	}
}

// Seconds between attempts to reach the broker: 2 more each time, as Kombu's.
const (
	reconnectStep = 2
	reconnectMax  = 30
)

// dumpEvents prints events until it is interrupted, over breaks of the connection.
func (p *program) dumpEvents(c *cli.Context) error {
	cfg, err := p.brokerSettings(c)
	if err != nil {
		return err
	}
	conf, err := celeryConfig(cfg, appName(c))
	if err != nil {
		return err
	}
	ctx, stop := interruptible(c.Context)
	defer stop()
	d := &dumper{out: p.stdout, now: time.Now}
	d.say("-> evdump: starting capture...")
	for wait := 0; ; {
		app := celery.New(conf)
		err := app.CaptureEvents(ctx, true, func(ev map[string]any) {
			wait = 0
			d.event(ev)
		})
		app.Close()
		if ctx.Err() != nil {
			return nil
		}
		wait = min(wait+reconnectStep, reconnectMax)
		d.say(fmt.Sprintf("-> Cannot connect to %s: %v.\nTrying again in %d.00 seconds\n", config.MaskURL(cfg.CeleryBroker), err, wait))
		if !sleep(ctx, time.Duration(wait)*time.Second) {
			return nil
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// maxTaskNames bounds the tasks whose names are remembered for the events that follow task-received.
const maxTaskNames = 0xfff

// dumper prints events as lines: HOST [TIME] TYPE: TASK FIELDS.
type dumper struct {
	out   io.Writer
	now   func() time.Time
	tasks map[string]string // id -> name and arguments
	order []string          // of their arrival, the oldest first
	clock int64             // Lamport's
}

func (d *dumper) say(line string) { fmt.Fprintln(d.out, line) }

// event prints one event, with the fields that a Python receiver has added by then.
func (d *dumper) event(ev map[string]any) {
	d.tick(ev)
	now := d.now()
	ev["local_received"] = float64(now.UnixMicro()) / 1e6
	adjustZone(ev, now)
	take := func(key string) any {
		v := ev[key]
		delete(ev, key)
		return v
	}
	at := timestamp(take("timestamp"))
	typ := strings.ToLower(pyStr(take("type")))
	host := pyStr(take("hostname"))
	name, task := typ, ""
	if strings.HasPrefix(typ, "task-") {
		id := pyStr(take("uuid"))
		if typ == "task-received" || typ == "task-sent" {
			d.remember(id, fmt.Sprintf("%s(%s) args=%s kwargs=%s", pyStr(take("name")), id, pyStr(take("args")), pyStr(take("kwargs"))))
		}
		task = d.tasks[id] + " "
	}
	switch typ {
	case "worker-offline":
		name = "shutdown"
	case "worker-online":
		name = "started"
	case "worker-heartbeat":
		name = "heartbeat"
	default:
		name = strings.ReplaceAll(typ, "-", " ")
	}
	var fields []string
	for _, key := range slices.Sorted(maps.Keys(ev)) {
		fields = append(fields, key+"="+pyStr(ev[key]))
	}
	colon := ""
	if len(fields) > 0 {
		colon = ":"
	}
	d.say(fmt.Sprintf("%s [%s] %s%s %s%s", host, at, name, colon, task, strings.Join(fields, ", ")))
}

// tick moves the clock as a Python receiver does. Clients do not keep theirs in step, so task-sent gets this one.
func (d *dumper) tick(ev map[string]any) {
	clock, given := ev["clock"].(int64)
	switch {
	case ev["type"] == "task-sent":
		clock = max(d.clock, 1) - 1
		ev["clock"] = clock
	case !given:
		d.clock++
		ev["clock"] = d.clock
		return
	}
	d.clock = max(d.clock, clock) + 1
}

// adjustZone moves the timestamp of a sender in another time zone, as Celery does.
func adjustZone(ev map[string]any, now time.Time) {
	at, ok := ev["timestamp"].(float64)
	if !ok {
		return
	}
	var offset float64 // hours west of UTC
	switch v := ev["utcoffset"].(type) {
	case float64:
		offset = v
	case int64:
		offset = float64(v)
	default:
		return
	}
	_, east := now.Zone()
	ev["timestamp"] = at - (offset+float64(east)/3600)*3600
}

func (d *dumper) remember(id, task string) {
	if d.tasks == nil {
		d.tasks = map[string]string{}
	}
	if _, known := d.tasks[id]; !known {
		if d.order = append(d.order, id); len(d.order) > maxTaskNames {
			delete(d.tasks, d.order[0])
			d.order = d.order[1:]
		}
	}
	d.tasks[id] = task
}

// timestamp prints Unix seconds as str() of a Python datetime in UTC: no fraction where it is zero.
func timestamp(v any) string {
	var s float64
	switch v := v.(type) {
	case float64:
		s = v
	case int64:
		s = float64(v)
	default:
		return pyStr(v)
	}
	if math.IsNaN(s) || math.Abs(s) > 1e11 {
		return pyStr(v)
	}
	whole, fraction := math.Modf(s)
	t := time.Unix(int64(whole), int64(math.RoundToEven(fraction*1e6))*1000).UTC()
	if t.Nanosecond() == 0 {
		return t.Format("2006-01-02 15:04:05+00:00")
	}
	return t.Format("2006-01-02 15:04:05.000000+00:00")
}
