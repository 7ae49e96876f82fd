package celery

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"healpipe/celery/kombu"
)

const (
	eventBuffer = 20_000                // events that may wait for a slow or absent broker
	eventBatch  = 500                   // events in one message
	eventDelay  = 20 * time.Millisecond // how long the first event of a batch waits for others
)

// dispatcher is the loop that publishes events. Task events are gathered and sent as arrays (task.multi); worker
// events go out one by one. Neither ever waits for the broker: when the buffer is full new events are dropped and
// counted, and the next batch that gets through is followed by a log line saying so.
type dispatcher struct {
	conn   *kombu.Connection
	clock  Clock
	lclock *lamport
	log    *logger
	node   string
	head   []byte // the fields that never change
	exch   kombu.Exchange
	serial string

	allGroups bool        // started with -E: every group is on and cannot be turned off
	tasks     atomic.Bool // task events are wanted

	mu      sync.Mutex
	buf     []byte // the events of the next batch, joined by commas
	n       int
	full    [][]byte // batches that wait
	waiting int      // events in full
	wake    chan struct{}
	dropped atomic.Uint64
	told    uint64 // dropped events that the log knows of
	refused string // why the broker took no event last, as the log has it

	flushMu sync.Mutex // one publisher at a time keeps batches in order
}

func newDispatcher(conn *kombu.Connection, a *App, node string, log *logger, all bool) *dispatcher {
	d := &dispatcher{conn: conn, clock: a.clock, lclock: &a.lclock, log: log, node: node,
		exch:   kombu.Exchange{Name: a.conf.EventExchange, Type: kombu.Fanout},
		serial: a.conf.EventSerializer, allGroups: all, wake: make(chan struct{}, 1)}
	d.head = appendJSON(append(appendJSON([]byte(`{"hostname":`), node), `,"pid":`...), os.Getpid())
	d.tasks.Store(all)
	return d
}

// enable and disable switch task events; they report whether that changed anything.
func (d *dispatcher) enable() bool { return !d.allGroups && d.tasks.CompareAndSwap(false, true) }

func (d *dispatcher) disable() bool { return !d.allGroups && d.tasks.CompareAndSwap(true, false) }

// field is one key of an event with its value.
type field struct {
	key   string // as between the quotes in JSON
	value any
}

// encode appends an event with the fields that all events have.
func (d *dispatcher) encode(b []byte, typ string, fields []field) []byte {
	now := d.clock.Now()
	b = append(b, d.head...)
	b = append(b, `,"utcoffset":`...)
	b = appendJSON(b, utcOffset(now))
	b = append(b, `,"clock":`...)
	b = strconv.AppendInt(b, d.lclock.forward(), 10)
	for _, f := range fields {
		b = append(b, ',', '"')
		b = append(b, f.key...)
		b = append(b, '"', ':')
		b = appendJSON(b, f.value)
	}
	b = append(b, `,"timestamp":`...)
	b = appendJSON(b, epoch(now))
	b = append(b, `,"type":`...)
	b = appendJSON(b, typ)
	return append(b, '}')
}

// appendJSON writes null for a value that has no JSON form: an event is better incomplete than lost.
func appendJSON(b []byte, v any) []byte {
	out, err := kombu.AppendJSON(b, v)
	if err != nil {
		return append(b, "null"...)
	}
	return out
}

// utcOffset is Celery's: the hours that local time lies west of Greenwich.
func utcOffset(t time.Time) float64 {
	_, off := t.Local().Zone()
	return 0 - float64(off)/3600 // never -0.0
}

// task queues an event of the task group.
func (d *dispatcher) task(typ string, fields ...field) {
	if !d.tasks.Load() {
		return
	}
	d.mu.Lock()
	if d.waiting+d.n >= eventBuffer {
		d.mu.Unlock()
		d.dropped.Add(1)
		return
	}
	if d.n > 0 {
		d.buf = append(d.buf, ',')
	} else {
		d.buf = append(d.buf, '[')
	}
	d.buf = d.encode(d.buf, typ, fields)
	d.n++
	first := d.n == 1
	if d.n >= eventBatch {
		d.seal()
		first = true
	}
	d.mu.Unlock()
	if first {
		select {
		case d.wake <- struct{}{}:
		default:
		}
	}
}

// seal closes the current batch.
func (d *dispatcher) seal() {
	if d.n == 0 {
		return
	}
	d.full = append(d.full, append(d.buf, ']'))
	d.waiting += d.n
	d.buf, d.n = nil, 0
}

// Run publishes batches of task events until the context ends; flush sends the rest.
func (d *dispatcher) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		}
		timer, stop := d.clock.Timer(eventDelay)
		select {
		case <-ctx.Done():
			stop()
			return nil
		case <-timer:
		}
		d.flush(ctx)
	}
}

// flush publishes what is buffered.
func (d *dispatcher) flush(ctx context.Context) {
	d.flushMu.Lock()
	defer d.flushMu.Unlock()
	d.mu.Lock()
	d.seal()
	full := d.full
	d.full, d.waiting = nil, 0
	d.mu.Unlock()
	for i, batch := range full {
		if err := d.publish(ctx, "task.multi", batch); err != nil {
			lost := 0
			for _, b := range full[i:] {
				lost += strings.Count(string(b), `"timestamp":`)
			}
			d.dropped.Add(uint64(lost))
			d.complain(err)
			break
		}
	}
	if n := d.dropped.Load(); n != d.told {
		d.log.warnf("Dropped %d events: the broker is slow or away", n-d.told)
		d.told = n
	}
}

// worker publishes an event of the worker group at once.
func (d *dispatcher) worker(ctx context.Context, typ string, fields ...field) {
	if err := d.publish(ctx, strings.ReplaceAll(typ, "-", "."), d.encode(nil, typ, fields)); err != nil && ctx.Err() == nil {
		d.complain(err)
	}
}

// complain says once why events are not taken, unless it is that the broker is away, of which the log tells already.
func (d *dispatcher) complain(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if text := err.Error(); !errors.Is(err, kombu.ErrConnection) && text != d.refused {
		d.refused = text
		d.log.warnf("Cannot send events: %s", text)
	}
}

func (d *dispatcher) publish(ctx context.Context, routingKey string, body []byte) error {
	m := &kombu.Message{Body: body, ContentType: kombu.ContentJSON, ContentEncoding: "utf-8",
		Headers: map[string]any{"hostname": d.node}, Properties: kombu.Properties{DeliveryMode: 1}}
	if d.serial != "json" {
		v, err := kombu.DecodeJSON(body)
		if err == nil {
			err = m.Encode(v, d.serial, "")
		}
		if err != nil {
			return err
		}
	}
	return d.conn.Publish(ctx, d.exch, routingKey, m)
}
