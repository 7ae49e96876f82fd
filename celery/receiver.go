package celery

import (
	"context"

	"healpipe/celery/kombu"
)

// CaptureEvents hands every event of workers and clients to handle, one by one, until the context ends: what
// app.events.Receiver(...).capture() does. wakeup asks the workers for a heartbeat first, so that they show at once.
func (a *App) CaptureEvents(ctx context.Context, wakeup bool, handle func(event map[string]any)) error {
	conn, err := a.connection(ctx)
	if err != nil {
		return err
	}
	sub, err := conn.Subscribe(ctx, kombu.SubscribeOptions{Buffer: eventBuffer,
		Bindings: []kombu.FanoutBinding{{Exchange: a.conf.EventExchange, RoutingKey: "#"}}})
	if err != nil {
		return err
	}
	defer sub.Close()
	if wakeup {
		if _, err := a.Control().Heartbeat(ctx, BroadcastOptions{}); err != nil {
			return err
		}
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case ev, ok := <-sub.Events():
			if !ok {
				return kombu.ErrClosed
			}
			body, err := ev.Message.Decode(a.accept)
			if err != nil {
				continue // not one of Celery's
			}
			for _, e := range maybeList(body) { // single, or a batch (task.multi)
				if event, is := e.(map[string]any); is {
					clock, _ := toInt(event["clock"])
					a.lclock.adjust(clock)
					handle(event)
				}
			}
		}
	}
}
