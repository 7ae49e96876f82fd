package kombu

import "context"

// FanoutBinding is what to listen to: an exchange, and a routing key in which '#' or '*' stands for anything.
type FanoutBinding struct {
	Exchange   string
	RoutingKey string
}

// SubscribeOptions configure a Subscription.
type SubscribeOptions struct {
	Bindings []FanoutBinding
	// Buffer is how many messages may wait for the reader; 0 means 1000. When it is full the oldest are
	// dropped and counted.
	Buffer int
	// Connected is called after each (re)subscription has been confirmed by the server, and with false when
	// the connection is lost. It must not block.
	Connected func(bool)
}

// Event is a message received from a fanout exchange.
type Event struct {
	Exchange   string
	RoutingKey string // as in the channel's name
	Message    *Message
}

// Subscribe listens to fanout exchanges. It returns once the server has confirmed, then resubscribes by
// itself after every reconnect.
func (c *Connection) Subscribe(ctx context.Context, opts SubscribeOptions) (*Subscription, error) {
	return c.subscribe(ctx, opts)
}

// Events is the channel of messages. It is closed after Close.
func (s *Subscription) Events() <-chan *Event { return s.out }

// Dropped returns how many messages were dropped because the reader was too slow, or were malformed.
func (s *Subscription) Dropped() uint64 { return s.dropped.Load() }

// Add listens to further bindings and waits for the server's confirmation.
func (s *Subscription) Add(ctx context.Context, b ...FanoutBinding) error { return s.add(ctx, b) }

// Remove stops listening to bindings.
func (s *Subscription) Remove(ctx context.Context, b ...FanoutBinding) error { return s.remove(ctx, b) }

// Close ends the subscription.
func (s *Subscription) Close() error { return s.close() }
