package kombu

import (
	"context"
	"errors"
	"fmt"

	"github.com/gomodule/redigo/redis"
	"github.com/google/uuid"
)

// prepared is a publication with its envelope and destinations.
type prepared struct {
	calls []*call
	err   error
}

func (c *Connection) publish(ctx context.Context, batch []Publication) error {
	ready := make([]prepared, len(batch))
	var calls []*call
	for i := range batch {
		p := &ready[i]
		p.calls, p.err = c.prepare(ctx, &batch[i])
		calls = append(calls, p.calls...)
	}
	if len(calls) > 0 {
		if err := c.main.roundTrip(ctx, calls...); err != nil {
			return err
		}
	}
	var errs []error
	for i, p := range ready {
		err := p.err
		for _, one := range p.calls {
			if err == nil {
				err = one.err
			}
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("publish to exchange %q with routing key %q: %w",
				batch[i].Exchange.Name, batch[i].RoutingKey, err))
		}
	}
	return errors.Join(errs...)
}

// prepare makes the commands that send a message. As Kombu, it fills in the message's tag and destination.
func (c *Connection) prepare(ctx context.Context, p *Publication) ([]*call, error) {
	m := p.Message
	m.Properties.DeliveryInfo.Exchange = p.Exchange.Name
	m.Properties.DeliveryInfo.RoutingKey = p.RoutingKey
	if m.Properties.DeliveryTag == "" {
		m.Properties.DeliveryTag = uuid.NewString()
	}
	data, err := m.appendTo(nil, c.opt.BodyEncoding)
	if err != nil {
		return nil, err
	}
	var calls []*call
	if p.Exchange.Type == Fanout {
		for _, ch := range c.keys.channels(p.Exchange.Name, p.RoutingKey) {
			calls = append(calls, &call{cmd: "PUBLISH", args: []any{ch, data}})
		}
		return calls, nil
	}
	queues, err := c.lookup(ctx, p.Exchange, p.RoutingKey)
	if err != nil {
		return nil, err
	}
	for _, q := range queues {
		list := c.keys.list(q, m.Properties.Priority)
		calls = append(calls, &call{cmd: "LPUSH", args: []any{list, data}})
		calls = append(calls, c.prolong(q)...)
		if p.QueueTTL > 0 {
			calls = append(calls, &call{cmd: "PEXPIRE", args: []any{list, p.QueueTTL.Milliseconds()}, idem: true})
		}
	}
	return calls, nil
}

func (c *Connection) publishCount(ctx context.Context, ex Exchange, routingKey string, m *Message) (int, error) {
	ex.Type = Fanout
	calls, err := c.prepare(ctx, &Publication{Exchange: ex, RoutingKey: routingKey, Message: m})
	if err == nil {
		err = c.main.roundTrip(ctx, calls...)
	}
	total := 0
	for _, one := range calls {
		if err == nil {
			var n int
			n, err = redis.Int(one.reply, one.err)
			total += n
		}
	}
	if err != nil {
		return 0, fmt.Errorf("publish to exchange %q with routing key %q: %w", ex.Name, routingKey, err)
	}
	return total, nil
}
