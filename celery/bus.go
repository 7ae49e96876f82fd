package celery

import (
	"context"
	"fmt"
	"sync"

	"healpipe/celery/internal/pyrepr"
	"healpipe/celery/kombu"
)

// bus is the loop that listens to what is broadcast: control commands (pidbox) and the worker events of the peers
// (gossip). Commands run one after the other, apart from the tasks, so that ping is answered however busy the pool is.
type bus struct {
	worker *Worker
	sub    *kombu.Subscription
	gossip *gossip
	closed sync.Once
	again  chan struct{} // the subscription has come back
}

func newBus(w *Worker) *bus {
	return &bus{worker: w, gossip: newGossip(w), again: make(chan struct{}, 1)}
}

func (b *bus) pidbox() kombu.Exchange {
	return kombu.Exchange{Name: b.worker.conf.ControlExchange + ".pidbox", Type: kombu.Fanout}
}

// listen subscribes. It waits until the broker has confirmed, so that no command after worker-online is missed.
func (b *bus) listen(ctx context.Context) error {
	w := b.worker
	var bindings []kombu.FanoutBinding
	if !w.conf.RemoteControlOff {
		bindings = append(bindings, kombu.FanoutBinding{Exchange: b.pidbox().Name})
	}
	if !w.opts.WithoutGossip {
		bindings = append(bindings, kombu.FanoutBinding{Exchange: w.conf.EventExchange, RoutingKey: "worker.#"})
	}
	first := true
	sub, err := w.conn.Subscribe(ctx, kombu.SubscribeOptions{Bindings: bindings, Connected: func(up bool) {
		if up && !first {
			select {
			case b.again <- struct{}{}:
			default:
			}
		}
		first = first && !up
	}})
	if err != nil {
		return fmt.Errorf("celery: cannot listen for remote control: %w", err)
	}
	b.sub = sub
	return nil
}

func (b *bus) close() {
	b.closed.Do(func() {
		if b.sub != nil {
			_ = b.sub.Close()
		}
	})
}

// Run dispatches until the context ends.
func (b *bus) Run(ctx context.Context) error {
	pidbox := b.pidbox().Name
	var tick <-chan struct{}
	if !b.worker.opts.WithoutGossip {
		tick = b.gossip.ticks(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-b.again: // revokes may have been missed while the connection was away: ask the others again
			if !b.worker.opts.WithoutMingle {
				go b.worker.mingle(ctx)
			}
		case <-tick:
			b.gossip.check()
		case ev, ok := <-b.sub.Events():
			if !ok {
				return nil
			}
			if ev.Exchange == pidbox {
				b.command(ctx, ev.Message)
			} else {
				b.gossip.event(ctx, ev)
			}
		}
	}
}

// command runs one remote control command that is meant for this worker and sends the reply where one is wanted.
func (b *bus) command(ctx context.Context, m *kombu.Message) {
	w := b.worker
	clock, _ := toInt(m.Headers["clock"])
	w.app.lclock.adjust(clock)
	body, err := m.Decode(w.app.accept)
	if err != nil {
		w.log.errorf("Cannot decode message: %s", pyrepr.Exception("DecodeError", []any{err.Error()}))
		return
	}
	obj, ok := body.(map[string]any)
	if !ok {
		w.log.errorf("Control command error: the message is %s, not an object", pyType(body))
		return
	}
	req := fields(obj)
	if !w.meant(req) {
		return
	}
	method, args := req.str("method"), orEmptyMap(nil)
	if a, ok := req["arguments"].(map[string]any); ok {
		args = a
	}
	if w.log.enabled(Debug) {
		w.log.debugf("pidbox received method %s(%s) [reply_to:%s ticket:%s]", method, pyrepr.Safe(args, 200), pyrepr.Repr(req["reply_to"]), req.str("ticket"))
	}
	reply, err := w.control(ctx, method, args)
	if err == errNoReply {
		return
	}
	if err != nil {
		w.log.errorf("pidbox command error: %s", excRepr(err))
		reply = map[string]any{"error": excRepr(err)}
	}
	to, ok := req["reply_to"].(map[string]any)
	if !ok {
		return
	}
	if err := b.reply(ctx, fields(to), req["ticket"], reply); err != nil {
		w.log.debugf("cannot reply to %s: %v", method, err)
	}
}

// meant reports whether a command is for this worker: by name, by pattern, or for everyone.
func (w *Worker) meant(req fields) bool {
	if dest := req.list("destination"); len(dest) > 0 {
		for _, d := range dest {
			if d == w.node {
				return true
			}
		}
		return false
	}
	pattern, matcher := req.str("pattern"), req.str("matcher")
	if pattern != "" && matcher != "" {
		return matchNode(w.node, pattern, matcher)
	}
	return true
}

// reply sends {node: reply} to the client's reply queue, with an expiry in case the client is gone.
func (b *bus) reply(ctx context.Context, to fields, ticket, reply any) error {
	w := b.worker
	ctx, cancel := context.WithTimeout(ctx, replyTimeout)
	defer cancel()
	m := &kombu.Message{Headers: map[string]any{"ticket": ticket, "clock": w.app.lclock.forward()},
		Properties: kombu.Properties{DeliveryMode: 1}}
	if err := m.Encode(map[string]any{w.node: reply}, w.conf.TaskSerializer, ""); err != nil {
		return err
	}
	return w.conn.PublishBatch(ctx, []kombu.Publication{{Exchange: kombu.Exchange{Name: to.str("exchange"), Type: kombu.Direct},
		RoutingKey: to.str("routing_key"), Message: m, QueueTTL: controlReplyTTL}})
}
