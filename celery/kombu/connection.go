package kombu

import (
	"context"
	"log/slog"
	"time"
)

// Options says how to reach a broker. The zero value works.
type Options struct {
	Transport TransportOptions
	// TLS is Celery's broker_use_ssl; its fields win over the URL's ssl_ parameters.
	TLS *TLSOptions
	// Credentials, if set, gives user name and password before each connect instead of the URL's.
	Credentials func(context.Context) (user, password string, err error)
	// ConnectTimeout bounds one attempt to connect, with handshake and authentication; 0 means 4 s.
	ConnectTimeout time.Duration
	// Logger takes reconnects, dead letters and the like; nil discards them.
	Logger *slog.Logger
}

// TLSOptions are the settings of an encrypted connection.
type TLSOptions struct {
	CAFile             string // PEM file of the authorities; the system's if there is none of the three
	CADir              string // folder of such files
	CAData             string // the PEM text itself
	CertFile, KeyFile  string // client certificate
	InsecureSkipVerify bool   // ssl_cert_reqs=none
	SkipHostname       bool   // ssl_check_hostname=false
	ServerName         string
}

// ParseTLSOptions reads Celery's broker_use_ssl dictionary (ssl_cert_reqs, ssl_ca_certs, ssl_ca_path,
// ssl_ca_data, ssl_certfile, ssl_keyfile, ssl_check_hostname).
func ParseTLSOptions(m map[string]any) (*TLSOptions, error) { return parseTLSOptions(m) }

// Info describes a connection without its password.
type Info struct {
	Transport   string // redis, rediss, redis+socket or sentinel
	Hostname    string // path for redis+socket
	Port        int
	UserID      string
	VirtualHost string // database number
	TLS         bool
	Alternates  []string
}

// ExchangeType is how an exchange routes.
type ExchangeType string

// The exchange types of Kombu's Redis transport; "" means Direct.
const (
	Direct ExchangeType = "direct"
	Topic  ExchangeType = "topic"
	Fanout ExchangeType = "fanout"
)

// Exchange is a place to publish to. The zero value is the anonymous exchange: the routing key is then the
// queue's name.
type Exchange struct {
	Name string
	Type ExchangeType
}

// Queue is a queue with its binding. Exchange and RoutingKey default to the queue's name.
type Queue struct {
	Name       string
	Exchange   Exchange
	RoutingKey string
	// Expires is x-expires: the lists vanish after so long without use. 0 means never.
	Expires time.Duration
}

// Publication is a message with its destination.
type Publication struct {
	Exchange   Exchange
	RoutingKey string
	Message    *Message
	// QueueTTL, if positive, is set as the expiry of every list that the message is pushed to. For replies, whose
	// reader may be gone.
	QueueTTL time.Duration
}

// Binding is one row of an exchange's table.
type Binding struct {
	RoutingKey string
	Pattern    string // a Python regular expression, for topic exchanges
	Queue      string
}

// Dial connects to a broker: redis://, rediss://, redis+socket:// or sentinel://, several separated by ';'
// as Kombu has them. Transport options can also be parameters of the URL, below those in opts. It tries once and fails if the broker does not answer; afterwards the Connection
// reconnects by itself for ever. The password appears in no error and no String.
func Dial(ctx context.Context, url string, opts Options) (*Connection, error) {
	return dial(ctx, url, opts)
}

// String returns the URL with the password masked.
func (c *Connection) String() string { return c.target.String() }

// Info describes the broker, for `inspect stats`.
func (c *Connection) Info() Info { return c.target.info() }

// Transport returns the options in use, with the defaults filled in.
func (c *Connection) Transport() TransportOptions { return c.opt }

// Ping asks the broker for a sign of life.
func (c *Connection) Ping(ctx context.Context) error { return c.ping(ctx) }

// Close closes the connection with its consumers and subscriptions. Messages still held by a consumer are given
// back if the broker can be reached; close the Consumer first to bound that by a context.
func (c *Connection) Close() error { return c.close() }

// Publish sends one message. Direct and topic exchanges look up the binding table; without a match the error
// is ErrUnroutable. Fanout exchanges publish to subscribers only. Concurrent calls share round trips. Publish
// waits for the broker's return while it is away, until ctx ends; if the connection breaks after the message was
// sent the error is ErrUncertain.
func (c *Connection) Publish(ctx context.Context, ex Exchange, routingKey string, m *Message) error {
	return c.publish(ctx, []Publication{{Exchange: ex, RoutingKey: routingKey, Message: m}})
}

// PublishBatch sends messages in order in one pipeline. The error joins those of the messages that failed.
func (c *Connection) PublishBatch(ctx context.Context, batch []Publication) error {
	return c.publish(ctx, batch)
}

// PublishCount publishes to a fanout exchange and returns how many subscribers received it.
func (c *Connection) PublishCount(ctx context.Context, ex Exchange, routingKey string, m *Message) (int, error) {
	return c.publishCount(ctx, ex, routingKey, m)
}

// Declare writes the bindings of queues (both sets, or the deadline for expiring ones). The lists
// themselves appear with the first message.
func (c *Connection) Declare(ctx context.Context, queues ...Queue) error {
	return c.declare(ctx, queues)
}

// QueueLen returns the number of messages waiting in a queue, over all priorities.
func (c *Connection) QueueLen(ctx context.Context, queue string) (int, error) {
	return c.queueLen(ctx, queue)
}

// Purge deletes the waiting messages of a queue and returns their number.
func (c *Connection) Purge(ctx context.Context, queue string) (int, error) {
	return c.purge(ctx, queue)
}

// DeleteQueue removes a queue: its binding and its lists.
func (c *Connection) DeleteQueue(ctx context.Context, q Queue) error { return c.deleteQueue(ctx, q) }

// Bindings returns the table of an exchange.
func (c *Connection) Bindings(ctx context.Context, exchange string) ([]Binding, error) {
	return c.bindings(ctx, exchange)
}

// Get takes one message without consuming, as basic_get: nil if the queue is empty. The message is removed
// at once and needs no acknowledgement (for reply queues).
func (c *Connection) Get(ctx context.Context, queue string) (*Message, error) {
	return c.get(ctx, queue)
}
