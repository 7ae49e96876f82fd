package kombu

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
)

// Subscription is a set of fanout exchanges that are listened to. It is safe for concurrent use.
type Subscription struct {
	b       *Connection
	l       listening
	out     chan *Event
	dropped atomic.Uint64
	once    sync.Once
	seen    []string // latest tags, where the same message comes on two channels
}

// maxSeen is how many tags are remembered to tell doubles (sentinel_fanout_compat).
const maxSeen = 1000

func (c *Connection) subscribe(ctx context.Context, o SubscribeOptions) (*Subscription, error) {
	if o.Buffer <= 0 {
		o.Buffer = 1000
	}
	s := &Subscription{b: c, out: make(chan *Event, o.Buffer)}
	s.l = listening{open: c.dial.openForever, report: c.reporter("subscription"), pattern: true, message: s.message, state: func(up bool) {
		if o.Connected != nil {
			o.Connected(up)
		}
	}}
	s.l.names = s.names(o.Bindings)
	if err := c.attach(s); err != nil {
		return nil, err
	}
	s.l.start()
	if err := s.l.add(ctx, s.names(o.Bindings)); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *Subscription) names(bindings []FanoutBinding) []string {
	var out []string
	for _, b := range bindings {
		for _, n := range s.b.keys.patterns(b) {
			if !slices.Contains(out, n) {
				out = append(out, n)
			}
		}
	}
	return out
}

// message queues an event; when the reader is too slow the oldest goes.
func (s *Subscription) message(channel string, data []byte) {
	if len(data) == 0 {
		return
	}
	m, err := ParseMessage(data)
	if err != nil {
		s.dropped.Add(1)
		s.b.log.Debug("cannot process event", "channel", channel, "error", err)
		return
	}
	e := &Event{Message: m}
	e.Exchange, e.RoutingKey = s.b.keys.route(channel)
	if s.b.keys.legacy != "" {
		id := e.Exchange + "\x00" + m.Properties.DeliveryTag
		if slices.Contains(s.seen, id) {
			return
		}
		if s.seen = append(s.seen, id); len(s.seen) > maxSeen {
			s.seen = slices.Delete(s.seen, 0, maxSeen/2)
		}
	}
	for {
		select {
		case s.out <- e:
			return
		default:
		}
		select {
		case <-s.out:
			s.dropped.Add(1)
		default:
		}
	}
}

func (s *Subscription) add(ctx context.Context, b []FanoutBinding) error {
	return s.l.add(ctx, s.names(b))
}

func (s *Subscription) remove(ctx context.Context, b []FanoutBinding) error {
	return s.l.remove(ctx, s.names(b))
}

func (s *Subscription) close() error {
	s.once.Do(func() {
		s.l.close()
		s.b.detach(s)
		close(s.out)
	})
	return nil
}
