package kombu

import (
	"context"
	"sync/atomic"
)

// ConsumerOptions configure a Consumer.
type ConsumerOptions struct {
	// Queues to consume from, in order. They are declared.
	Queues []Queue
	// Prefetch is how many messages may be held at once; 0 means no limit.
	Prefetch int
	// Refill is how many of the prefetch slots must be free before messages are fetched again; 0 means
	// 1. More saves round trips under load: a worker of n slots and prefetch p can use (p-n)/2.
	Refill int
	// Lost is called (from a goroutine of the consumer, must not block) when a peer has taken a delivered message
	// over: its acknowledgement will do nothing, and if it has not been started it should not be.
	Lost func(*Delivery)
	// Connected is called when the consumer is connected (true) and when the connection is lost (false).
	Connected func(bool)
}

// Consume declares the queues and starts to fetch messages. Cancelling ctx is like Close without a wait.
func (c *Connection) Consume(ctx context.Context, opts ConsumerOptions) (*Consumer, error) {
	return c.consume(ctx, opts)
}

// Deliveries is the channel of fetched messages. It is closed after Close.
func (c *Consumer) Deliveries() <-chan *Delivery { return c.deliveries() }

// Receive waits for the next message, as reading from Deliveries does, at less cost. Use one of the two. The error is ErrClosed
// or that of ctx.
func (c *Consumer) Receive(ctx context.Context) (*Delivery, error) { return c.receive(ctx) }

// Undelivered takes away what has been fetched and not yet been received: for Release. The messages are not decoded.
func (c *Consumer) Undelivered() []*Delivery { return c.undelivered() }

// SetPrefetch changes the number of messages that may be held at once; 0 means no limit. Lowering it gives
// nothing back.
func (c *Consumer) SetPrefetch(n int) { c.setPrefetch(n) }

// Prefetch returns the current limit.
func (c *Consumer) Prefetch() int { return c.getPrefetch() }

// SetRefill changes ConsumerOptions.Refill.
func (c *Consumer) SetRefill(n int) { c.setRefill(n) }

// Held returns how many messages are held: delivered or about to be, and neither acknowledged nor rejected.
func (c *Consumer) Held() int { return c.heldCount() }

// Registered returns how many messages the broker has registered for this consumer as unacknowledged, as far as is known:
// those held and those whose acknowledgement or return is not confirmed.
func (c *Consumer) Registered() int { return c.registered() }

// IsConnected reports whether the consumer has a working connection.
func (c *Consumer) IsConnected() bool { return c.connected.Load() != 0 }

// AddQueue declares a queue and consumes from it too.
func (c *Consumer) AddQueue(ctx context.Context, q Queue) error { return c.addQueue(ctx, q) }

// CancelQueue stops consuming from a queue. Messages already held stay held. It reports whether the queue
// was consumed from.
func (c *Consumer) CancelQueue(name string) bool { return c.cancelQueue(name) }

// Queues returns the queues consumed from.
func (c *Consumer) Queues() []Queue { return c.queueList() }

// Pause stops fetching; when it returns no further message will be fetched, and those fetched are in the channel or
// delivered. Held messages stay held and renewed. Resume starts again.
func (c *Consumer) Pause(ctx context.Context) error { return c.pause(ctx) }

// Resume fetches again after Pause.
func (c *Consumer) Resume() { c.resume() }

// Release gives held messages back to the end that is served next of the lists that they came from, marked as
// redelivered, so that they are served again in the order of their delivery. It waits for the broker.
func (c *Consumer) Release(ctx context.Context, ds ...*Delivery) error { return c.release(ctx, ds) }

// Flush waits until all acknowledgements and rejections so far are on the server.
func (c *Consumer) Flush(ctx context.Context) error { return c.flush(ctx) }

// Close stops fetching, sends outstanding acknowledgements, gives back everything that is still held, in order, and
// drops the lease. If ctx ends first the messages are left to the lease.
func (c *Consumer) Close(ctx context.Context) error { return c.shutdown(ctx) }

// Delivery is a fetched message. Exactly one of Ack, Reject and Release settles it; later ones do nothing.
type Delivery struct {
	Message *Message
	Queue   string // name of the queue
	Tag     string // delivery tag

	c      *Consumer
	list   string // list that it came from
	seq    int64  // order of delivery
	state  atomic.Int32
	parsed atomic.Bool // Message is complete; before, only its raw form may be looked at
}

// Ack acknowledges. It returns at once; acknowledgements are sent in batches, and sent again after a reconnect.
func (d *Delivery) Ack() { d.c.settle(d, settleAck, nil) }

// AckWait acknowledges and waits for the server. ErrNotOwned means that a peer had taken the message over.
func (d *Delivery) AckWait(ctx context.Context) error { return d.c.settleWait(ctx, d, settleAck) }

// Reject refuses the message: with requeue it goes to the back of its queue, marked as redelivered;
// without, it is dropped as an acknowledgement would.
func (d *Delivery) Reject(requeue bool) {
	if requeue {
		d.c.settle(d, settleRequeue, nil)
		return
	}
	d.c.settle(d, settleAck, nil)
}

// Settled reports whether Ack, Reject or Release has been called, or the message was lost to a peer.
func (d *Delivery) Settled() bool { return d.settled() }
